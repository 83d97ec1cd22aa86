"""The registry's shape, checked by the JSON Schema that ships with the package."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from importlib import resources
from typing import Any

from ..errors import InputError, did_you_mean, one_of
from .document import QUOTES, Document

__all__ = ["check_shape", "registry_schema"]


def registry_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the registry."""
    text = resources.files(__package__).joinpath("registry.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def check_shape(document: Document) -> None:
    """Raise InputError for the first part of the registry, in file order, that the schema does not allow."""
    import jsonschema.validators

    extend: Any = jsonschema.validators.extend
    checker = jsonschema.FormatChecker(["date"])
    dialect = extend(jsonschema.Draft202012Validator, {"pattern": _pattern})
    validator = dialect(registry_schema(), format_checker=checker)
    errors = list(validator.iter_errors(document.value))
    # A misspelt key is also a missing one: name the spelling.
    for chosen in ([error for error in errors if error.validator != "required"], errors):
        faults = [fault for error in chosen for fault in _faults(error, document)]
        if faults:
            raise min(faults, key=lambda fault: (fault.place.line if fault.place else None) or 0)


def _pattern(_validator: Any, pattern: str, instance: object, _schema: object) -> Iterator[Any]:
    """`$` is the end of the text, as JSON Schema means it; Python's lets a last line break pass."""
    import jsonschema

    if isinstance(instance, str) and not re.search(re.sub(r"\$$", r"\\Z", pattern), instance):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


def _faults(error: Any, document: Document) -> Iterable[InputError]:
    path = tuple(error.absolute_path)
    name = ".".join(str(part) for part in path) or "the registry"
    is_key = "propertyNames" in error.absolute_schema_path
    place = document.place(*path, error.instance) if is_key else document.place(*path)
    match error.validator:
        case "additionalProperties":
            known = error.schema.get("properties", {})
            for key in error.instance:
                if key not in known:
                    # A reason without quotes ends at its first comma, and what follows stands as a key.
                    fix = QUOTES if path[:1] == ("acknowledged",) and "reason" in error.instance else None
                    what, valid = f"{name}: unknown key '{key}'", did_you_mean(key, known)
                    yield InputError(what, place=document.place(*path, key), valid=valid, fix=fix)
        case "required":
            missing = next(key for key in error.validator_value if key not in error.instance)
            yield InputError(f"{name}: the key '{missing}' is missing", place=place)
        case "enum":
            valid = did_you_mean(str(error.instance), [str(value) for value in error.validator_value])
            yield InputError(f"{name}: {_shown(error.instance)} is not valid", place=place, valid=valid)
        case "const":
            valid = str(error.validator_value)
            yield InputError(f"{name}: {_shown(error.instance)} is not valid", place=place, valid=valid)
        case "type":
            kinds = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
            what = f"{name}: {_shown(error.instance)} has the wrong type"
            yield InputError(what, place=place, valid=one_of(str(kind) for kind in kinds))
        case "not":
            why = str(error.schema["description"]).removesuffix(".")
            yield InputError(f"{name}: {why[0].lower()}{why[1:]}", place=place)
        case "pattern" if "pattern" in error.schema:
            what = f"{name}: {_shown(error.instance)} is not valid"
            yield InputError(what, place=place, valid=_in_words(error.schema))
        case "minItems" | "minProperties":
            kind = "list" if error.validator == "minItems" else "mapping"
            yield InputError(f"{name}: the {kind} is empty", place=place, valid="at least one entry")
        case "minLength":
            yield InputError(f"{name}: {_shown(error.instance)} is too short", place=place, valid="some text")
        case "uniqueItems":
            yield InputError(f"{name}: an entry stands twice", place=place, valid="each entry once")
        case "format":
            what = f"{name}: {_shown(error.instance)} is not a {error.validator_value}"
            yield InputError(what, place=place, valid="YYYY-MM-DD")
        case "minimum" | "maximum" | "exclusiveMaximum":
            words = {"minimum": "at least", "maximum": "at most", "exclusiveMaximum": "less than"}
            limits = (f"{word} {error.schema[key]}" for key, word in words.items() if key in error.schema)
            what = f"{name}: {_shown(error.instance)} is out of range"
            valid = " and ".join(limits)
            if "exclusiveMaximum" in error.schema:
                valid += f": {_in_words(error.schema)}"
            yield InputError(what, place=place, valid=valid)
        case "oneOf":
            described = " or ".join(str(branch.get("type")) for branch in error.validator_value)
            deeper = [inner for inner in error.context if len(inner.absolute_path) > len(path)]
            if deeper:
                yield from _faults(deeper[0], document)
            else:
                fitting = [inner for inner in error.context if inner.validator != "type"]
                if fitting:
                    yield from _faults(fitting[0], document)
                else:
                    yield InputError(
                        f"{name}: {_shown(error.instance)} has the wrong type", place=place, valid=described
                    )
        case _:
            yield InputError(f"{name}: {error.message}", place=place)


def _in_words(schema: dict[str, Any]) -> str:
    """What would be right, as the schema says it to people: by example, else by its description."""
    if "examples" in schema:
        return " or ".join(map(str, schema["examples"]))
    why = str(schema["description"]).removesuffix(".")
    return why[0].lower() + why[1:]


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
