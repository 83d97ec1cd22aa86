"""Schemas of outputs: checked when loaded, never fetched from anywhere, and no format asked for in vain."""

from __future__ import annotations

import json
import socket
from pathlib import Path, PurePosixPath
from typing import Any

import jsonschema
import pytest

from pytest_modelroute.errors import ErrorKind, InputError, UnobtainedAnswer
from pytest_modelroute.evaluation.schemas import schema_check
from pytest_modelroute.registry.files import WorkingTree
from pytest_modelroute.registry.model import SchemaDocument

PATH = PurePosixPath("schemas/s.json")
REMOTE = "is not inside this file, and remote schemas are never fetched\n  fix: copy what it names under $defs"
DRAFT_7 = "http://json-schema.org/draft-07/schema#"


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError(f"the network was asked for {arguments}")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


def problem(schema: Any, value: Any) -> str | None:
    return schema_check(SchemaDocument(PATH, schema), WorkingTree(Path("/nonexistent")))(value)


def error(schema: Any) -> str:
    with pytest.raises(InputError) as caught:
        problem(schema, None)
    return str(caught.value)


BAD = {
    "an unknown type": (
        {"type": "strin"},
        "bad schema at $.type: 'strin' is not valid under any of the given schemas",
    ),
    "deep inside": (
        {"properties": {"a": {"items": {"minimum": "1"}}}},
        "bad schema at $.properties.a.items.minimum: '1' is not of type 'number'",
    ),
    "a pattern that is none": ({"pattern": "("}, "bad schema at $.pattern: '(' is not a 'regex'"),
    "a pattern of another language": ({"pattern": "\\p{L}"}, "bad schema at $.pattern: '\\\\p{L}' is not a 'regex'"),
    "a pattern for properties": (
        {"patternProperties": {"(": {}}},
        "bad schema at $.patternProperties: '(' is not a 'regex'",
    ),
    "a list": ([], "the schema is neither an object nor true or false"),
    "null": (None, "the schema is neither an object nor true or false"),
    "a text": ("object", "the schema is neither an object nor true or false"),
    "a dialect that is no text": ({"$schema": ["x"]}, "bad schema at $.$schema: it is not a text"),
    "too deep": (json.loads('{"not":' * 300 + "{}" + "}" * 300), "bad schema: nested too deeply"),
    "a remote reference": (
        {"$ref": "https://example.com/x.json"},
        f"bad schema: $ref 'https://example.com/x.json' {REMOTE}",
    ),
    "a remote reference deep inside": (
        {"anyOf": [{"items": {"$ref": "http://127.0.0.1:1/x"}}]},
        f"bad schema: $ref 'http://127.0.0.1:1/x' {REMOTE}",
    ),
    "another file": ({"$ref": "other.json"}, f"bad schema: $ref 'other.json' {REMOTE}"),
    "a file by its address": ({"$ref": "file:///etc/passwd"}, f"bad schema: $ref 'file:///etc/passwd' {REMOTE}"),
    "the metaschema": (
        {"$ref": "https://json-schema.org/draft/2020-12/schema"},
        f"bad schema: $ref 'https://json-schema.org/draft/2020-12/schema' {REMOTE}",
    ),
    "a definition that is missing": ({"$ref": "#/$defs/x"}, f"bad schema: $ref '#/$defs/x' {REMOTE}"),
    "an anchor that is missing": ({"$ref": "#x"}, f"bad schema: $ref '#x' {REMOTE}"),
    "an index that is none": ({"allOf": [{}], "$ref": "#/allOf/x"}, f"bad schema: $ref '#/allOf/x' {REMOTE}"),
    "an address that is none": ({"$ref": "http://[::1"}, f"bad schema: $ref 'http://[::1' {REMOTE}"),
    "an id that is none": ({"$id": "http://[::1", "$ref": "x"}, "bad schema: Invalid IPv6 URL"),
    "a reference to a text": ({"title": "a", "$ref": "#/title"}, "bad schema: $ref '#/title' names what is no schema"),
}


@pytest.mark.parametrize(("schema", "told"), BAD.values(), ids=BAD)
def test_a_bad_schema_is_named_with_its_file_and_the_path_in_it(schema: Any, told: str) -> None:
    assert error(schema) == f"schemas/s.json: {told}"


FORMATS = jsonschema.Draft202012Validator.FORMAT_CHECKER.checkers
UNAVAILABLE = [name for name in ("uri", "duration", "idn-hostname", "uri-template", "iri") if name not in FORMATS]


@pytest.mark.parametrize("name", UNAVAILABLE)
def test_a_format_that_cannot_be_checked_here_is_an_error_and_not_ignored(name: str) -> None:
    assert error({"properties": {"a": {"format": name}}}) == (
        f"schemas/s.json: the schema asks for the format '{name}', which cannot be checked here\n"
        "  fix: pip install 'jsonschema[format-nongpl]'"
    )


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("date", "2026-11-21", "2026-02-30"),
        ("email", "a@example.com", "a"),
        ("ipv4", "127.0.0.1", "127.0.0.256"),
        ("ipv6", "::1", "::x"),
        ("regex", "a+", "("),
        ("uuid", "01234567-89ab-cdef-0123-456789abcdef", "0123"),
    ],
)
def test_a_format_is_checked(name: str, good: str, bad: str) -> None:
    assert problem({"format": name}, good) is None
    assert problem({"format": name}, bad) == f"$: {bad!r} is not a {name!r}"


VALID: dict[str, tuple[Any, Any, str | None]] = {
    "true": (True, {"a": 1}, None),
    "false": (False, 1, "$: False schema does not allow 1"),
    "empty": ({}, None, None),
    "a definition": (
        {"$defs": {"a": {"type": "string"}}, "items": {"$ref": "#/$defs/a"}},
        ["x", 1],
        "$[1]: 1 is not of type 'string'",
    ),
    "an anchor": (
        {"$defs": {"a": {"$anchor": "x", "type": "string"}}, "$ref": "#x"},
        1,
        "$: 1 is not of type 'string'",
    ),
    "its own id": (
        {"$id": "https://example.com/s", "$defs": {"a": {"type": "string"}}, "$ref": "s#/$defs/a"},
        1,
        "$: 1 is not of type 'string'",
    ),
    "a bundled schema with definitions of its own": (
        {
            "$id": "https://example.com/s",
            "$defs": {"a": {"$id": "a", "$defs": {"n": {"type": "integer"}}, "$ref": "#/$defs/n"}},
            "$ref": "a",
        },
        "x",
        "$: 'x' is not of type 'integer'",
    ),
    "recursion": (
        {"properties": {"child": {"$ref": "#"}}, "required": ["name"]},
        {"name": "a", "child": {}},
        "$.child: 'name' is a required property",
    ),
    "an older dialect": (
        {"$schema": DRAFT_7, "definitions": {"a": {"type": "string"}}, "items": [{"$ref": "#/definitions/a"}]},
        [1],
        "$[0]: 1 is not of type 'string'",
    ),
    "the older meaning of items": ({"items": [{"type": "string"}], "$schema": DRAFT_7}, ["a", 1], None),
    "a long value": ({"maxLength": 1}, "x" * 999, ("$: '" + "x" * 999)[:300]),
}


@pytest.mark.parametrize(("schema", "value", "told"), VALID.values(), ids=VALID)
def test_the_first_fault_of_a_value_is_told_with_its_path(schema: Any, value: Any, told: str | None) -> None:
    assert problem(schema, value) == told


UNDECIDED = {
    "a schema that refers to itself": ({"$ref": "#"}, 1, "the schema or the answer is nested too deeply"),
    "a number too large to divide": (
        {"multipleOf": 0.1},
        10**400,
        "the schema cannot be applied: OverflowError: int too large to convert to float",
    ),
    "a dynamic reference to another place": (
        {"$dynamicRef": "https://example.com/a#b"},
        1,
        "$ref https://example.com/a#b cannot be resolved",
    ),
}


@pytest.mark.parametrize(("schema", "value", "told"), UNDECIDED.values(), ids=UNDECIDED)
def test_where_a_schema_cannot_tell_it_is_an_error_and_never_a_wrong_answer(schema: Any, value: Any, told: str) -> None:
    with pytest.raises(UnobtainedAnswer) as caught:
        problem(schema, value)
    assert (caught.value.kind, caught.value.detail) == (ErrorKind.SCORER, f"schemas/s.json: {told}")
