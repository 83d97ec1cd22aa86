"""Golden datasets: what is read, and what each kind of broken line says."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modelroute.errors import InputError
from pytest_modelroute.evaluation.golden import ABSENT, GoldenCase, load_golden
from pytest_modelroute.evaluation.importing import Importer
from pytest_modelroute.evaluation.scoring import make_scorer

from .trees import policy, tree

GOLDEN = PurePosixPath("golden/g.jsonl")
SHAPE = '{"id", "input", "expected", "tags"}'
ONE = '{"id": "a", "input": {"text": "x"}, "expected": 1}\n'


def load(folder: Path, data: str | bytes, score: str = "{kind: exact}") -> tuple[GoldenCase, ...]:
    files = tree(folder, {str(GOLDEN): data})
    scorer = make_scorer(policy(score), Importer(folder, PurePosixPath()))
    return load_golden(files, GOLDEN, scorer.objection)


def error(folder: Path, data: str | bytes, score: str = "{kind: exact}") -> str:
    with pytest.raises(InputError) as caught:
        load(folder, data, score)
    return str(caught.value)


def case(**keys: Any) -> str:
    return json.dumps({"id": "b", "input": {}, "expected": 1, **keys}) + "\n"


BROKEN = {
    "broken JSON": ('{"id": }', "Expecting value at column 8\n  valid: one JSON object a line"),
    "two objects": (ONE.strip() + ONE, "Extra data at column 51\n  valid: one JSON object a line"),
    "NaN": ('{"id": "b", "input": {"a": NaN}}', "NaN is not JSON\n  valid: one JSON object a line"),
    "infinity": ('{"id": "b", "input": {"a": -Infinity}}', "-Infinity is not JSON\n  valid: one JSON object a line"),
    "too large": (
        '{"id": "b", "input": {"a": 1e999}}',
        "1e999 is too large for a number\n  valid: one JSON object a line",
    ),
    "a key twice": (
        '{"id": "b", "id": "c", "input": {}}',
        'the key "id" stands twice in one object\n  valid: one JSON object a line',
    ),
    "a key twice inside": (
        '{"id": "b", "input": {"a": 1, "a": 2}}',
        'the key "a" stands twice in one object\n  valid: one JSON object a line',
    ),
    "a conflict marker": ("<<<<<<< HEAD", "Expecting value at column 1\n  valid: one JSON object a line"),
    "CSV": ("b,x,1", "Expecting value at column 1\n  valid: one JSON object a line"),
    "a million brackets": ("[" * 1_000_000, "nested too deeply\n  valid: one JSON object a line"),
}


@pytest.mark.parametrize(("line", "told"), BROKEN.values(), ids=BROKEN)
def test_a_line_that_is_not_json_is_an_error_at_that_line(tmp_path: Path, line: str, told: str) -> None:
    assert error(tmp_path, ONE + "\n" + line + "\n" + ONE) == f"golden/g.jsonl:3: broken JSON: {told}"


NO_CASE = {
    "a list": ("[1]", f"the line is not a JSON object\n  valid: {SHAPE}"),
    "null": ("null", f"the line is not a JSON object\n  valid: {SHAPE}"),
    "an unknown key": (
        case(expeced=1),
        "unknown key 'expeced'\n  valid: did you mean 'expected'? one of id, input, expected, tags",
    ),
    "an unknown key like no other": (case(weight=1), "unknown key 'weight'\n  valid: one of id, input, expected, tags"),
    "no id": ('{"input": {}}', f"the key 'id' is missing\n  valid: {SHAPE}"),
    "no input": ('{"id": "b"}', f"the key 'input' is missing\n  valid: {SHAPE}"),
    "an id that is a number": (case(id=7), "the id 7 is not a text"),
    "an empty id": (case(id=""), 'the id "" is not a text'),
    "the reserved id": (case(id="gate"), 'the id "gate" is reserved for the task\'s gate'),
    "an id with ::": (case(id="a::b"), "the id \"a::b\" holds '::', which separates the parts of a node id"),
    "an id with a space before": (case(id=" a"), 'the id " a" begins or ends with a space'),
    "an id with a line break after": (case(id="a\n"), 'the id "a\\n" begins or ends with a space'),
    "an id with a control character": (case(id="a\x1bb"), 'the id "a\\u001bb" holds a control character'),
    "an id with half a surrogate": (case(id="a\ud800"), 'the id "a\ud800" holds a control character'),
    "an id that another case has": (
        case(id="a"),
        "the id 'a' stands in line 1 already\n  valid: an id of its own for each case",
    ),
    "an input that is a text": (case(input="x"), '\'input\' is not a JSON object\n  valid: "input": {"text": "..."}'),
    "tags that are a text": (case(tags="x"), '\'tags\' is not a list of strings\n  valid: "tags": ["ambiguous"]'),
    "tags that are numbers": (case(tags=[1]), '\'tags\' is not a list of strings\n  valid: "tags": ["ambiguous"]'),
    "tags that are null": (case(tags=None), '\'tags\' is not a list of strings\n  valid: "tags": ["ambiguous"]'),
    "deep input": (
        '{"id": "b", "input": {"a": ' + "[" * 200 + "]" * 200 + "}}",
        "nested too deeply\n  valid: at most 100 levels",
    ),
    "no expectation": ('{"id": "b", "input": {}}', "case 'b': 'expected' is missing"),
}


@pytest.mark.parametrize(("line", "told"), NO_CASE.values(), ids=NO_CASE)
def test_a_line_that_is_no_case_is_an_error_at_that_line(tmp_path: Path, line: str, told: str) -> None:
    assert error(tmp_path, ONE + line) == f"golden/g.jsonl:2: {told}"


FIELDS = "{kind: fields, fields: {label: null, amount: {compare: number}, on: {compare: date, optional: true}}}"
EXPECTED = {
    "exact: absent": ("{kind: exact}", ABSENT, "'expected' is missing"),
    "fields: absent": (FIELDS, ABSENT, "'expected' is missing"),
    "fields: no object": (FIELDS, "refund", "'expected' is not an object with the scored fields"),
    "fields: one lacking": (FIELDS, {"label": "a"}, "'expected' lacks the field 'amount', which is scored"),
    "fields: no number": (
        FIELDS,
        {"label": "a", "amount": "5"},
        "'expected' has \"5\" for 'amount', which is compared as a number",
    ),
    "fields: a truth value": (
        FIELDS,
        {"label": "a", "amount": True},
        "'expected' has true for 'amount', which is compared as a number",
    ),
    "fields: no date": (
        FIELDS,
        {"label": "a", "amount": 5, "on": "soon"},
        "'expected' has \"soon\" for 'on', which is compared as a date",
    ),
    "number: absent": ("{kind: number}", ABSENT, "'expected' is missing"),
    "number: a text": ("{kind: number}", "5", "'expected' is not a number"),
    "number: a truth value": ("{kind: number}", True, "'expected' is not a number"),
    "set_f1: absent": ("{kind: set_f1}", ABSENT, "'expected' is missing"),
    "set_f1: a text": ("{kind: set_f1}", "a", "'expected' is not a list"),
    "regex: absent": ("{kind: regex}", ABSENT, "'expected' is missing"),
    "regex: a list": ("{kind: regex}", ["a"], "'expected' is not a regular expression"),
    "regex: broken": (
        "{kind: regex}",
        "(",
        "'expected' is not a regular expression: missing ), unterminated subpattern at position 0",
    ),
    "contains: absent": ("{kind: contains}", ABSENT, "'expected' is missing"),
    "contains: no words": ("{kind: contains}", [], "'expected' names no words"),
    "contains: an empty word": (
        "{kind: contains}",
        [""],
        "'expected' is not a text, a list of texts, or an object with lists 'all', 'any' and 'none'",
    ),
    "contains: another list": (
        "{kind: contains}",
        {"some": ["a"]},
        "'expected' is not a text, a list of texts, or an object with lists 'all', 'any' and 'none'",
    ),
    "contains: a number": (
        "{kind: contains}",
        5,
        "'expected' is not a text, a list of texts, or an object with lists 'all', 'any' and 'none'",
    ),
}


@pytest.mark.parametrize(("score", "expected", "told"), EXPECTED.values(), ids=EXPECTED)
def test_an_expectation_that_the_scorer_cannot_use_is_an_error_at_its_line(
    tmp_path: Path, score: str, expected: Any, told: str
) -> None:
    line = {"id": "b", "input": {}} | ({} if expected is ABSENT else {"expected": expected})
    assert error(tmp_path, "\n" + json.dumps(line), score) == f"golden/g.jsonl:2: case 'b': {told}"


@pytest.mark.parametrize("score", ["{kind: contains, all: [a]}", "{kind: regex, pattern: a}"])
def test_a_case_may_leave_its_expectation_to_the_task(tmp_path: Path, score: str) -> None:
    assert load(tmp_path, '{"id": "b", "input": {}}', score)[0].expected is ABSENT


def test_null_is_an_expectation(tmp_path: Path) -> None:
    assert load(tmp_path, case(expected=None))[0].expected is None


@pytest.mark.parametrize("data", [b"", b"\n \n\t\r\n", b"\xef\xbb\xbf"], ids=["empty", "blank", "BOM only"])
def test_an_empty_dataset_is_an_error(tmp_path: Path, data: bytes) -> None:
    assert error(tmp_path, data) == (
        'golden/g.jsonl: the golden dataset is empty\n  valid: lines of {"id", "input", "expected"}'
    )


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "cp1252"])
def test_another_encoding_is_an_error_at_the_first_line_that_shows_it(tmp_path: Path, encoding: str) -> None:
    lines = ONE + '{"id": "b", "input": {"text": "é"}, "expected": 1}\n'
    line = 1 if encoding == "utf-16" else 2
    assert error(tmp_path, lines.encode(encoding)) == (
        f"golden/g.jsonl:{line}: the line is not UTF-8\n  valid: UTF-8 text"
    )


def test_byte_order_mark_line_endings_and_blank_lines_are_fine(tmp_path: Path) -> None:
    plain = load(tmp_path, ONE + case())
    odd = load(tmp_path, b"\xef\xbb\xbf" + ("\n" + ONE + " \n" + case()).replace("\n", "\r\n").encode())
    assert [(found.id, found.input, found.expected) for found in odd] == [
        (found.id, found.input, found.expected) for found in plain
    ]
    assert [found.line for found in odd] == [2, 4]


def test_a_pointer_of_git_lfs_is_named_as_what_it_is(tmp_path: Path) -> None:
    told = error(tmp_path, b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    assert told.splitlines()[0] == "golden/g.jsonl: this is a Git LFS pointer, not the file"


@pytest.mark.parametrize("id_", ["a b", "ä/ö", "a:b", "[x]", "..", "gates", "Gate", "日本", "a\u200db", "-", "a,b"])
def test_an_id_may_be_any_other_text(tmp_path: Path, id_: str) -> None:
    assert load(tmp_path, case(id=id_))[0].id == id_


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=8,
)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    st.lists(st.tuples(st.dictionaries(st.text(max_size=5), JSON, max_size=3), JSON), min_size=1, max_size=4),
    st.booleans(),
)
def test_what_is_written_as_json_lines_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, cases: list[tuple[dict[str, Any], Any]], ascii_only: bool
) -> None:
    lines = [
        json.dumps({"id": f"c{number}", "input": given_, "expected": expected, "tags": ["t"]}, ensure_ascii=ascii_only)
        for number, (given_, expected) in enumerate(cases)
    ]
    folder = tmp_path_factory.getbasetemp()
    found = load(folder, "\n".join(lines))
    assert [(case.id, case.input, case.expected, case.tags) for case in found] == [
        (f"c{number}", given_, expected, ("t",)) for number, (given_, expected) in enumerate(cases)
    ]
