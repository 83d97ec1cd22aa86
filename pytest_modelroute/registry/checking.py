"""The registry's shape, checked by the JSON Schema that ships with the package."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib import resources
from typing import Any

from ..errors import InputError, did_you_mean, one_of
from .document import Document

__all__ = ["check_shape", "registry_schema"]


def registry_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the registry."""
    text = resources.files(__package__).joinpath("registry.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def check_shape(document: Document) -> None:
    """Raise InputError for the first part of the registry, in file order, that the schema does not allow."""
    import jsonschema

    checker = jsonschema.FormatChecker(["date"])
    validator = jsonschema.Draft202012Validator(registry_schema(), format_checker=checker)
    errors = list(validator.iter_errors(document.value))
    # A misspelt key is also a missing one: name the spelling.
    for chosen in ([error for error in errors if error.validator != "required"], errors):
        faults = [fault for error in chosen for fault in _faults(error, document)]
        if faults:
            raise min(faults, key=lambda fault: (fault.place.line if fault.place else None) or 0)


def _faults(error: Any, document: Document) -> Iterable[InputError]:
    path = tuple(error.absolute_path)
    name = ".".join(str(part) for part in path) or "the registry"
    place = document.place(*path)
    match error.validator:
        case "additionalProperties":
            known = error.schema.get("properties", {})
            for key in error.instance:
                if key not in known:
                    valid = did_you_mean(key, known)
                    yield InputError(f"{name}: unknown key '{key}'", place=document.place(*path, key), valid=valid)
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
            yield InputError(
                f"{name}: {error.schema['description'][0].lower()}{error.schema['description'][1:]}", place=place
            )
        case "pattern" if "pattern" in error.schema:
            what = f"{name}: {_shown(error.instance)} is not valid"
            yield InputError(what, place=place, valid=f"text that matches {error.schema['pattern']}")
        case "minItems":
            yield InputError(f"{name}: the list is empty", place=place, valid="at least one entry")
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


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
