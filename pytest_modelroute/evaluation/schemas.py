"""JSON Schemas of outputs: checked once, never fetched from anywhere, and no format asked for in vain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..errors import ErrorKind, InputError, Place, UnobtainedAnswer
from ..registry.files import Files
from ..registry.model import SchemaDocument

__all__ = ["schema_check"]

# Formats of JSON Schema that jsonschema checks only with further packages, and silently accepts without them.
OPTIONAL_FORMATS = frozenset(
    (
        "color",
        "date-time",
        "duration",
        "hostname",
        "idn-hostname",
        "iri",
        "iri-reference",
        "json-pointer",
        "relative-json-pointer",
        "time",
        "uri",
        "uri-reference",
        "uri-template",
    )
)


def schema_check(schema: SchemaDocument, files: Files) -> Callable[[Any], str | None]:
    """A function that names the first fault of a value, or gives None; it raises UnobtainedAnswer where it cannot tell.

    JSON Schema 2020-12 unless the schema names an older dialect. Raises InputError for a bad schema.
    """
    import jsonschema
    import jsonschema.validators
    import referencing.exceptions

    place = Place(files.label(schema.path))
    if not isinstance(schema.content, (dict, bool)):
        raise InputError("the schema is neither an object nor true or false", place=place)
    content: Any = schema.content
    if isinstance(content, dict) and not isinstance(content.get("$schema", ""), str):
        raise InputError("bad schema at $.$schema: it is not a text", place=place)
    dialect = jsonschema.validators.validator_for(content, default=jsonschema.Draft202012Validator)
    try:
        dialect.check_schema(content)
        _check_references(content, dialect, place)
    except jsonschema.SchemaError as error:
        raise InputError(f"bad schema at {error.json_path}: {error.message}", place=place) from None
    except RecursionError:
        raise InputError("bad schema: nested too deeply", place=place) from None
    except ValueError as error:  # from addresses that are none
        raise InputError(f"bad schema: {error}", place=place) from None
    _check_formats(content, dialect.FORMAT_CHECKER.checkers, place)
    # An empty registry: jsonschema's own default would fetch a remote $ref from the network.
    validator = dialect(content, registry=referencing.Registry(), format_checker=dialect.FORMAT_CHECKER)

    def problem(value: Any) -> str | None:
        try:
            error = next(validator.iter_errors(value), None)
        except referencing.exceptions.Unresolvable as unresolved:
            raise UnobtainedAnswer(ErrorKind.SCORER, f"{place}: $ref {unresolved.ref} cannot be resolved") from None
        except RecursionError:
            raise UnobtainedAnswer(
                ErrorKind.SCORER, f"{place}: the schema or the answer is nested too deeply"
            ) from None
        except (ArithmeticError, TypeError, AttributeError) as odd:  # numbers too large to divide, a $ref to no schema
            what = f"{place}: the schema cannot be applied: {type(odd).__name__}: {odd}"
            raise UnobtainedAnswer(ErrorKind.SCORER, what) from None
        return None if error is None else f"{error.json_path}: {error.message}"[:300]

    return problem


def _check_references(content: Any, dialect: Any, place: Place) -> None:
    import referencing.exceptions
    import referencing.jsonschema

    specification = referencing.jsonschema.specification_with(dialect.META_SCHEMA["$schema"])
    root = specification.create_resource(content)
    base = root.id() or ""
    resolver = referencing.Registry().with_resource(base, root).crawl().resolver(base)
    for scope, reference in _references(content, resolver, specification):
        try:
            found = scope.lookup(reference).contents
        except (referencing.exceptions.Unresolvable, ValueError):
            what = f"bad schema: $ref '{reference}' is not inside this file, and remote schemas are never fetched"
            raise InputError(what, place=place, fix="copy what it names under $defs") from None
        if not isinstance(found, (dict, bool)):
            raise InputError(f"bad schema: $ref '{reference}' names what is no schema", place=place)


def _references(content: Any, scope: Any, specification: Any) -> Iterator[tuple[Any, str]]:
    """Each `$ref` with the resolver of the place where it stands: an inner `$id` begins a scope of its own."""
    if isinstance(content, dict):
        if isinstance(content.get("$id"), str):
            scope = scope.in_subresource(specification.create_resource(content))
        if isinstance(content.get("$ref"), str):
            yield scope, content["$ref"]
        content = list(content.values())
    if isinstance(content, list):
        for child in content:
            yield from _references(child, scope, specification)


def _check_formats(content: Any, available: Any, place: Place) -> None:
    for name in _values(content, "format"):
        if name in OPTIONAL_FORMATS and name not in available:
            fix = "pip install 'jsonschema[format-nongpl]'"
            raise InputError(
                f"the schema asks for the format '{name}', which cannot be checked here", place=place, fix=fix
            )


def _values(content: Any, keyword: str) -> Iterator[str]:
    if isinstance(content, dict):
        if isinstance(content.get(keyword), str):
            yield content[keyword]
        content = list(content.values())
    if isinstance(content, list):
        for child in content:
            yield from _values(child, keyword)
