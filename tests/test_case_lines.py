"""The lines that name the cases of a failed gate: what differs is in sight, and no line is too wide."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modelroute.errors import ErrorKind
from pytest_modelroute.evaluation.answers import WrongKind
from pytest_modelroute.evaluation.results import CaseResult, Outcome
from pytest_modelroute.judgement.gate import Verdict
from pytest_modelroute.registry.model import GatePolicy, Rule
from pytest_modelroute.reporting.cases import case_lines, listed
from pytest_modelroute.reporting.model import PairedReport, TaskReport
from pytest_modelroute.reporting.text import columns


def result(
    output: Any, expected: Any, detail: str = "", kind: WrongKind | ErrorKind = WrongKind.MISMATCH, case: str = "c"
) -> CaseResult:
    outcome = Outcome.ERROR if isinstance(kind, ErrorKind) else Outcome.WRONG
    return CaseResult(case, 0, outcome, kind, output, expected, None, detail, None, None, 0, ())


def lines(*results: CaseResult, width: int = 100, broke: tuple[str, ...] = ()) -> list[str]:
    paired = PairedReport("large", len(results), 0, broke, (), None) if broke else None
    gate = GatePolicy(0.08, Rule.OBSERVED, 100)
    report = TaskReport(
        "t", "nano", "m", None, False, 1, gate, Verdict.FAIL, (), None, paired, None, tuple(results), None
    )
    return list(case_lines(report, width))


LONG = {"text": "a" * 80, "label": "refund", "note": "b" * 80}
SHOWN = [
    (LONG | {"label": "other"}, LONG, "", 'c  mismatch  label: expected "refund", got "other"'),
    ({"label": "other", "sure": 1}, {"label": "refund"}, "", 'c  mismatch  label: expected "refund", got "other"'),
    ({}, {"label": "refund"}, "", 'c  mismatch  label: expected "refund", got nothing'),
    ({"a": 1, "b": 2}, {"a": 1}, "expected {...", "c  mismatch  b: expected nothing, got 2"),
    (
        {"a": "X", "n": 12.5},
        {"a": "x", "n": 12},
        "n: expected 12, got 12.5",
        "c  mismatch  n: expected 12, got 12.5",
    ),
    (
        {"a": {"b": 1}},
        {"a": {"b": 2}},
        "/a/b: expected 2, got 1",
        "c  mismatch  /a/b: expected 2, got 1",
    ),
    ({"a": 1}, {"a": 1}, "the scorer said no", 'c  mismatch  expected {"a": 1}  got {"a": 1}'),
    ("no idea", ["refund"], 'does not contain "refund"', 'c  mismatch  expected ["refund"]  got "no idea"'),
    (
        "s" * 90 + " in June",
        "s" * 90 + " in July",
        "",
        'c  mismatch  expected ...ss in July"  got ...ss in June"',
    ),
]


@pytest.mark.parametrize(("output", "expected", "detail", "line"), SHOWN)
def test_a_mismatch_shows_where_the_answer_parts_from_the_expectation(
    output: Any, expected: Any, detail: str, line: str
) -> None:
    assert lines(result(output, expected, detail)) == [line]


def test_fields_that_do_not_fit_are_counted() -> None:
    wanted = {name: name * 10 for name in "abcd"}
    (line,) = lines(result({}, wanted), width=70)
    assert line == 'c  mismatch  a: expected "aaaaaaaaaa", got nothing; ... and 3 more'


def test_an_answer_that_was_not_scored_shows_its_reason() -> None:
    assert lines(
        result("oops", {"label": "a"}, "Expecting value: line 1 column 1 (char 0)", WrongKind.NOT_JSON),
        result({"label": 5}, {"label": "a"}, "$.label: 5 is not one of", WrongKind.SCHEMA, "d"),
        width=130,
    ) == [
        'c  not_json  expected {"label": "a"}  got "oops"  (Expecting value: line 1 column 1 (char 0))',
        'd  schema  expected {"label": "a"}  got {"label": 5}  ($.label: 5 is not one of)',
    ]
    (narrow,) = lines(result("oops", {"label": "a"}, "cut off at max_tokens", WrongKind.TRUNCATED), width=60)
    assert narrow == 'c  truncated  (cut off at max_tokens)  got "oops"'


def test_errors_come_first_then_what_the_change_broke_and_ten_are_enough() -> None:
    wrong = [result("x", "y", case=f"w{number}") for number in range(10)]
    shown = lines(
        *wrong, result(None, "y", "not recorded: pytest --modelroute x", ErrorKind.MISSING, "e"), broke=("w7",)
    )
    assert [line.split("  ")[0] for line in shown] == [
        "e",
        "w7",
        *(f"w{n}" for n in (0, 1, 2, 3, 4, 5, 6, 8)),
        "... and 1 more",
    ]
    assert shown[0] == "e  missing  not recorded"


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=9), children, max_size=4),
    max_leaves=8,
)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(VALUES, VALUES, st.text(), st.sampled_from([*WrongKind, *ErrorKind]), st.integers(48, 160))
def test_no_line_is_wider_than_the_terminal(
    output: Any, expected: Any, detail: str, kind: WrongKind | ErrorKind, width: int
) -> None:
    (line,) = lines(result(output, expected, detail, kind), width=width)
    assert columns(line) <= width
    assert line.isprintable()


@pytest.mark.parametrize(
    ("names", "width", "line"),
    [
        (["a"], 40, "broke: a"),
        (["a", "b", "c"], 40, "broke: a, b, c"),
        (list("abcdefghij"), 26, "broke: a, ... and 9 more"),
        (["refund-001", "refund-002", "refund-003"], 40, "broke: refund-001, ... and 2 more"),
        (["refund-001", "refund-002", "refund-003"], 41, "broke: refund-001, refund-002, refund-003"),
        (["refund-of-a-very-long-name"], 20, "broke: refund-of-..."),
        (["ご返金", "another-name-of-a-case"], 27, "broke: ..., ... and 1 more"),
    ],
)
def test_names_are_listed_as_far_as_they_fit(names: list[str], width: int, line: str) -> None:
    assert listed("broke", names, width) == line
