"""JSON that says what it means, or an error that says what is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modelroute.strict_json import compact, parse, parse_unique

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=8,
)


@pytest.mark.parametrize("read", [parse, parse_unique])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("NaN", "NaN is not JSON"),
        ('{"a": [NaN]}', "NaN is not JSON"),
        ("Infinity", "Infinity is not JSON"),
        ("-Infinity", "-Infinity is not JSON"),
        ("1e999", "1e999 is too large for a number"),
        ("[-1.5e400]", "-1.5e400 is too large for a number"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ("", "Expecting value: line 1 column 1 (char 0)"),
        ("{'a': 1}", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("1 2", "Extra data: line 1 column 3 (char 2)"),
        ("\ufeff{}", "Expecting value: line 1 column 1 (char 0)"),
        ('"\t"', "Invalid control character at: line 1 column 2 (char 1)"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_not_json_is_refused(read: Callable[[str], Any], text: str, message: str) -> None:
    with pytest.raises(ValueError, match=rf"\A{re.escape(message)}\Z"):
        read(text)


@pytest.mark.parametrize("read", [parse, parse_unique])
def test_a_number_of_absurd_length_is_refused(read: Callable[[str], Any]) -> None:
    with pytest.raises(ValueError, match="limit"):
        read("9" * 10_000)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('{"a": 1, "a": 1}', '"a"'),
        ('{"b": [{"a": 1, "c": 2, "\\u0061": 3}]}', '"a"'),
        ('{"": 1, "": 2}', '""'),
        ('{"\\n": 1, "\\n": 2}', '"\\n"'),
    ],
)
def test_a_key_that_stands_twice_is_an_error_where_a_person_wrote_it(text: str, key: str) -> None:
    with pytest.raises(ValueError, match=rf"\Athe key {re.escape(key)} stands twice in one object\Z"):
        parse_unique(text)
    assert parse(text) == json.loads(text)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(values)
def test_every_json_value_comes_back(value: object) -> None:
    text = json.dumps(value)
    assert parse(text) == value
    assert parse_unique(text) == value


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(alphabet='{}[]",:0123456789.eE+-truefalsnNaIinity \\u\n') | st.text())
def test_any_text_gives_a_value_or_a_value_error(text: str) -> None:
    try:
        parsed = parse(text)
    except ValueError:
        return
    assert parsed == json.loads(text)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(values)
def test_a_value_for_people_stands_on_one_line_and_reads_back(value: object) -> None:
    text = compact(value)
    assert "\n" not in text
    assert "\r" not in text
    assert json.loads(text) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": "é", "a": [None, True, 0.5]}, '{"b": "é", "a": [null, true, 0.5]}'),
        (float("nan"), "NaN"),
        ({1}, '"{1}"'),
        (b"x", "\"b'x'\""),
    ],
    ids=str,
)
def test_a_value_for_people_is_shown_whatever_it_is(value: object, text: str) -> None:
    assert compact(value) == text
