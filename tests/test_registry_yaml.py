"""YAML as the registry reads it: strict where PyYAML is silent, and never more than one clear error."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modelroute.errors import InputError, Place
from pytest_modelroute.registry.document import LARGEST_DOCUMENT, parse_yaml


def error(text: str | bytes) -> str:
    data = text.encode() if isinstance(text, str) else text
    with pytest.raises(InputError) as caught:
        parse_yaml(data, "r.yaml")
    return str(caught.value)


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
)
CHAIN = (
    "a0: &a0 "
    + "[" * 60
    + "]" * 60
    + "\n"
    + "".join(f"a{n}: &a{n} {'[' * 60}*a{n - 1}{']' * 60}\n" for n in range(1, 20))
)

BROKEN = {
    "a key twice": (
        "a:\n  tier: x\n  b: 1\n  tier: y\n",
        "r.yaml:4: the key 'tier' stands twice in one mapping (first in line 2)",
    ),
    "a key twice, once quoted": (
        "a: 1\n'a': 2\n",
        "r.yaml:2: the key 'a' stands twice in one mapping (first in line 1)",
    ),
    "a bomb of aliases": (BOMB, "r.yaml:1: aliases unfold to more than 200,000 values"),
    "a chain of aliases": (CHAIN, "r.yaml:1: nested too deeply through aliases"),
    "an alias of itself": ("a: &a [*a]\n", "r.yaml:1: nested too deeply through aliases"),
    "a mapping in itself": ("b: 1\na: &a {x: *a}\n", "r.yaml:2: nested too deeply through aliases"),
    "a mapping merged with itself": ("a: &a {<<: *a}\n", "r.yaml:1: nested too deeply through aliases"),
    "an alias of nothing": ("a: *b\n", "r.yaml:1: broken YAML: found undefined alias"),
    "deep lists": ("[" * 65 + "]" * 65, "r.yaml:1: nested too deeply\n  valid: at most 64 levels"),
    "a million brackets": ("a:\n  " + "[" * 1_000_000, "r.yaml:2: nested too deeply\n  valid: at most 64 levels"),
    "a huge file": (
        b"#" * (LARGEST_DOCUMENT + 1),
        "r.yaml: the file has 2,000,001 bytes\n  valid: at most 2,000,000 bytes",
    ),
    "not a number": ("a: .nan\n", "r.yaml:1: '.nan' is not a finite number"),
    "infinity": ("a: 1\nb: -.inf\n", "r.yaml:2: '-.inf' is not a finite number"),
    "too large a number": ("a: 1.0e+999\n", "r.yaml:1: '1.0e+999' is not a finite number"),
    "a tag of Python": (
        "a: !!python/object/apply:os.system [echo]\n",
        "r.yaml:1: the tag tag:yaml.org,2002:python/object/apply:os.system is not used here",
    ),
    "a tag of its own": ("a: !Ref b\n", "r.yaml:1: broken YAML: could not determine a constructor for the tag '!Ref'"),
    "a tagged mapping": ("a: !x {b: 1}\n", "r.yaml:1: the tag !x is not used here"),
    "a set": ("a: !!set {b}\n", "r.yaml:1: the tag tag:yaml.org,2002:set is not used here"),
    "binary data": ("a: !!binary aGk=\n", "r.yaml:1: the tag tag:yaml.org,2002:binary is not used here"),
    "an integer that is none": ("a: !!int ''\n", "r.yaml:1: '' does not fit the tag tag:yaml.org,2002:int"),
    "a boolean that is none": ("a: !!bool maybe\n", "r.yaml:1: 'maybe' does not fit the tag tag:yaml.org,2002:bool"),
    "a time that is none": (
        "a: !!timestamp soon\n",
        "r.yaml:1: 'soon' does not fit the tag tag:yaml.org,2002:timestamp",
    ),
    "a day that is none": ("a: 2026-02-30\n", "r.yaml:1: '2026-02-30' cannot be read: day is out of range for month"),
    "a key that is a list": ("? [a]\n: b\n", "r.yaml:1: a key is a list or a mapping"),
    "a merge of text": ("a:\n  <<: b\n", "r.yaml:2: '<<' merges mappings only"),
    "two documents": (
        "a: 1\n---\nb: 1\n",
        "r.yaml:2: broken YAML: expected a single document in the stream, but found another document",
    ),
    "a tab": (
        "a:\n\tb: 1\n",
        "r.yaml:2: broken YAML: while scanning for the next token, found character that cannot start any token",
    ),
    "a control character": (
        "a: 1\nb: \x01\n",
        "r.yaml:2: broken YAML: unacceptable character #x0001: control characters are not allowed",
    ),
    "half a surrogate pair": (
        'a: "\\ud800"\n',
        "r.yaml:1: broken YAML: while parsing a quoted scalar, found invalid Unicode character escape code",
    ),
    "Latin-1": ("a: 1\nb: \xe9".encode("latin-1"), "r.yaml:2: the file is not UTF-8\n  valid: UTF-8 text"),
    "UTF-16": ("a: 1\n".encode("utf-16"), "r.yaml:1: the file is not UTF-8\n  valid: UTF-8 text"),
}


@pytest.mark.parametrize(("text", "told"), BROKEN.values(), ids=BROKEN)
def test_broken_yaml_is_one_error_with_its_line(text: str | bytes, told: str) -> None:
    assert error(text) == told


def test_a_number_of_too_many_digits_is_an_error_with_its_line() -> None:
    assert error("a: 1\nb: " + "9" * 5000).startswith("r.yaml:2: '9999999999999999999999999999999999999999' cannot be")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("a: {on: yes, 1: x, ~: y}", {"a": {"on": True, "1": "x", "~": "y"}}),
        ("a: 2026-11-21", {"a": "2026-11-21"}),
        ("a: 1e3", {"a": "1e3"}),
        ("\ufeffa: b\r\nc: d\r\n", {"a": "b", "c": "d"}),
        ("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}", {"x": {"a": 1, "b": 2}, "y": {"a": 1, "b": 3}}),
        (
            "x: &x {a: 1}\ny: &y {a: 2, b: 2}\nz: {<<: [*x, *y]}",
            {"x": {"a": 1}, "y": {"a": 2, "b": 2}, "z": {"a": 1, "b": 2}},
        ),
        ('{"a": [1, null, true, 1.5, "\\u00e9"]}', {"a": [1, None, True, 1.5, "é"]}),
        ("[" * 64 + "1" + "]" * 64, None),
    ],
    ids=["empty", "keys as written", "a date", "no float", "BOM and CRLF", "merge", "merges", "JSON", "deep enough"],
)
def test_valid_yaml_becomes_plain_data(text: str, value: Any) -> None:
    parsed = parse_yaml(text.encode(), "r.yaml").value
    assert parsed == value or (value is None and parsed)


def test_a_place_is_the_line_of_the_key_or_of_what_holds_it() -> None:
    document = parse_yaml(b"a:\n  - b: 1\n  - c:\n      d: 2\n", "r.yaml")
    assert document.place("a", 1, "c", "d") == Place("r.yaml", 4)
    assert document.place("a", 1) == Place("r.yaml", 3)
    assert document.place("a", 1, "c", "x", "y") == Place("r.yaml", 3)
    assert document.place("z") == Place("r.yaml", 1)


def test_a_key_that_overrides_a_merged_one_keeps_its_own_line() -> None:
    document = parse_yaml(b"x: &x\n  tier: a\n  gate: b\ny:\n  <<: *x\n  tier: c\n", "r.yaml")
    assert document.value["y"] == {"tier": "c", "gate": "b"}
    assert document.place("y", "tier") == Place("r.yaml", 6)
    assert document.place("y", "gate") == Place("r.yaml", 3)


PLAIN: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff\ufffe\uffff"), max_size=9),
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(st.text("abcxyz01é- ", min_size=1, max_size=6), children, max_size=4)
    ),
    max_leaves=12,
)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(PLAIN, st.booleans())
def test_what_a_yaml_writer_writes_is_read_back(value: Any, flow: bool) -> None:
    text = yaml.safe_dump(value, allow_unicode=True, default_flow_style=flow, sort_keys=False)
    assert parse_yaml(text.encode(), "r.yaml").value == value


def refused(data: bytes) -> InputError | None:
    try:
        parse_yaml(data, "r.yaml")
    except InputError as error:
        return error
    return None


@settings(derandomize=True, deadline=None, max_examples=400)
@given(st.text(st.sampled_from("ab:[]{}&*!<->|?'\"#,% \n\t0.~=@`\\é\x00"), max_size=40))
def test_any_text_is_read_or_refused_with_a_line_of_it(text: str) -> None:
    found = refused(text.encode())
    if found is not None:
        assert found.place is not None
        # YAML's end of the text is a line of its own.
        assert found.place.line in range(1, text.count("\n") + 3)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    found = refused(data)
    assert found is None or str(found).startswith("r.yaml:")
