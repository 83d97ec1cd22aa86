"""Scorers of values: exact, fields, number, set_f1, with every option, and what a mismatch says."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modelroute.errors import InputError
from pytest_modelroute.evaluation.comparing import canonical, close, numbers_in, same
from pytest_modelroute.evaluation.importing import Importer
from pytest_modelroute.evaluation.scorer import RIGHT, Score
from pytest_modelroute.evaluation.scoring import check_output, make_scorer
from pytest_modelroute.registry.model import OutputFormat

from .trees import policy

IMPORTER = Importer(Path("/nonexistent"), PurePosixPath())


def score(text: str, output: Any, expected: Any) -> Score:
    scorer = make_scorer(policy(text), IMPORTER)
    assert scorer.objection(expected) is None
    return scorer.score(output, expected, {})


def error(text: str) -> str:
    with pytest.raises(InputError) as caught:
        make_scorer(policy(text), IMPORTER)
    return str(caught.value)


EXACT = [
    ("{}", "refund", "refund", ""),
    ("{}", " refund\n", "refund", ""),
    ("{}", "Refund", "refund", 'expected "refund", got "Refund"'),
    ("{ignore_case: true}", "STRASSE", "straße", ""),
    ("{}", 1, 1.0, ""),
    ("{}", 1, True, "expected true, got 1"),
    ("{}", 0, False, "expected false, got 0"),
    ("{}", "1", 1, 'expected 1, got "1"'),
    ("{}", None, None, ""),
    ("{}", None, False, "expected false, got null"),
    ("{}", "", None, 'expected null, got ""'),
    ("{}", {"a": 1, "b": [2]}, {"b": [2.0], "a": 1}, ""),
    ("{}", {"a": 1, "b": 2}, {"a": 1}, 'expected {"a": 1}, got {"a": 1, "b": 2}'),
    ("{}", [1, 2], [2, 1], "expected [2, 1], got [1, 2]"),
    ("{ignore_case: true}", {"a": ["X"]}, {"a": ["x"]}, ""),
    ("{field: label}", {"label": "a", "confidence": 1}, "a", ""),
    ("{field: label}", {"lable": "a"}, "a", 'expected "a", got nothing'),
    ("{field: label}", "a", "a", 'expected "a", got nothing'),
    ("{field: label}", {"label": None}, None, ""),
    ("{field: label}", {}, None, "expected null, got nothing"),
    ("{field: /a/1}", {"a": [0, "x"]}, "x", ""),
    ("{field: a/b}", {"a/b": 1}, 1, ""),
    ("{}", "x" * 99, "y", 'expected "y", got "' + "x" * 76 + "..."),
]


@pytest.mark.parametrize(("options", "output", "expected", "detail"), EXACT)
def test_exact_compares_values_as_json(options: str, output: Any, expected: Any, detail: str) -> None:
    assert score(options, output, expected) == Score(not detail, detail)


def fields(rule: str) -> str:
    return f"{{kind: fields, fields: {{a: {rule}}}}}"


FIELDS = [
    ("{kind: fields, fields: [a, b]}", {"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 2}, ""),
    ("{kind: fields, fields: [a, b]}", {"a": 1, "b": 3}, {"a": 1, "b": 2, "c": 3}, "b: expected 2, got 3"),
    (
        "{kind: fields, fields: [a, b]}",
        {"a": None},
        {"a": 1, "b": None},
        "a: expected 1, got null; b: expected null, got nothing",
    ),
    ("{kind: fields, fields: [a]}", "text", {"a": 1}, "a: expected 1, got nothing"),
    ("{kind: fields, fields: [/x/y]}", {"x": {"y": 1}}, {"x": {"y": 1}}, ""),
    ("{kind: fields, fields: [a], ignore_case: true}", {"a": "X"}, {"a": "x"}, ""),
    (
        "{kind: fields, ignore_case: true, fields: {a: {ignore_case: false}}}",
        {"a": "X"},
        {"a": "x"},
        'a: expected "x", got "X"',
    ),
    (fields("{ignore_case: true}"), {"a": "X"}, {"a": "x"}, ""),
    (fields("null"), {"a": " x "}, {"a": "x"}, ""),
    (fields("{optional: true}"), {}, {"a": None}, ""),
    (fields("{optional: true}"), {"a": None}, {}, ""),
    (fields("{optional: true}"), {}, {"a": 1}, "a: expected 1, got nothing"),
    (fields("{optional: true}"), {"a": 1}, {}, "a: expected nothing, got 1"),
    (fields("{compare: number}"), {"a": 12.0}, {"a": 12}, ""),
    (fields("{compare: number}"), {"a": "12"}, {"a": 12}, 'a: expected 12, got "12"'),
    (fields("{compare: number}"), {"a": True}, {"a": 1}, "a: expected 1, got true"),
    (fields("{compare: number}"), {"a": None}, {"a": None}, ""),
    (fields("{compare: number, tolerance: 0.01}"), {"a": 12.35}, {"a": 12.34}, ""),
    (fields("{compare: number, tolerance: 0.01}"), {"a": 12.36}, {"a": 12.34}, "a: expected 12.34, got 12.36"),
    (fields("{compare: number, relative_tolerance: 0.1}"), {"a": 90}, {"a": 100}, ""),
    (fields("{compare: number, relative_tolerance: 0.1}"), {"a": 89}, {"a": 100}, "a: expected 100, got 89"),
    (fields("{compare: date}"), {"a": "2026-03-12"}, {"a": "2026-03-12"}, ""),
    (fields("{compare: date}"), {"a": "20260312"}, {"a": "2026-03-12T10:00:00Z"}, ""),
    (fields("{compare: date}"), {"a": "12.03.2026"}, {"a": "2026-03-12"}, 'a: expected "2026-03-12", got "12.03.2026"'),
    (fields("{compare: date}"), {"a": 20260312}, {"a": "2026-03-12"}, 'a: expected "2026-03-12", got 20260312'),
    (fields("{compare: date}"), {"a": "2026-02-30"}, {"a": "2026-03-02"}, 'a: expected "2026-03-02", got "2026-02-30"'),
    (fields("{compare: date, formats: ['%d.%m.%Y', '%d %B %Y']}"), {"a": "12 March 2026"}, {"a": "12.03.2026"}, ""),
    (fields("{compare: date, optional: true}"), {}, {"a": None}, ""),
]


@pytest.mark.parametrize(("options", "output", "expected", "detail"), FIELDS)
def test_fields_compares_each_named_field_by_its_rule(options: str, output: Any, expected: Any, detail: str) -> None:
    assert score(options, output, expected) == Score(not detail, detail)


NUMBER = [
    ("{}", 42, 42.0, ""),
    ("{}", "The answer is 42.", 42, ""),
    ("{}", "42 of 100", 42, '2 numbers in "42 of 100"'),
    ("{pick: first}", "42 of 100", 42, ""),
    ("{pick: last}", "42 of 100", 100, ""),
    ("{pick: last}", "42 of 100", 42, "expected 42, got 100.0"),
    ("{}", "none", 42, 'no numbers in "none"'),
    ("{}", None, 42, "expected a number, got null"),
    ("{}", True, 1, "expected a number, got true"),
    ("{}", [42], 42, "expected a number, got [42]"),
    ("{field: n}", {"n": 42}, 42, ""),
    ("{field: n}", {}, 42, "expected a number, got nothing"),
    ("{field: n}", {"n": "about 1,234.5 km"}, 1234.5, ""),
    ("{tolerance: 1}", 43, 42, ""),
    ("{tolerance: 1}", 43.1, 42, "expected 42, got 43.1"),
    ("{relative_tolerance: 0.5}", -1, -2, ""),
    ("{}", 0.1 + 0.2, 0.3, ""),
    ("{}", 10**400, 5, "expected 5, got " + "1" + "0" * 76 + "..."),
    ("{}", 5, 10**400, "expected " + "1" + "0" * 76 + "..., got 5"),
    ("{}", 10**400, 10**400, ""),
    ("{}", 0.5, 10**400, "expected " + "1" + "0" * 76 + "..., got 0.5"),
    ("{}", "1" * 400, 5, "expected 5, got Infinity"),
]


@pytest.mark.parametrize(("options", "output", "expected", "detail"), NUMBER)
def test_number_compares_a_number_or_the_number_in_a_text(
    options: str, output: Any, expected: Any, detail: str
) -> None:
    assert score("{kind: number, " + options.lstrip("{"), output, expected) == Score(not detail, detail)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("-5 +6 7.5 -0.25", [-5, 6, 7.5, -0.25]),
        ("1,234,567.89 and 12,34", [1234567.89, 12, 34]),
        ("1e3 2.5E-2", [1000, 0.025]),
        ("$5.00, 50%, 3km, v2, A4, 10-20", [5, 50, 10, 20]),
        ("Answer: 42.", [42]),
        ("no. one", []),
        ("٣", [3]),
    ],
)
def test_the_numbers_of_a_text_are_found_in_order(text: str, numbers: list[float]) -> None:
    assert numbers_in(text) == numbers


SETS = [
    ("{}", ["b", "a", "a"], ["a", "b"], ""),
    ("{}", [], [], ""),
    ("{}", ["a"], [], "F1 0.000 is below 1: 0 of 0 found, 1 too many"),
    ("{}", [], ["a"], "F1 0.000 is below 1: 0 of 1 found, 0 too many"),
    ("{}", ["a", "c"], ["a", "b"], "F1 0.500 is below 1: 1 of 2 found, 1 too many"),
    ("{minimum: 0.5}", ["a", "c"], ["a", "b"], ""),
    ("{minimum: 0}", ["x"], ["a"], ""),
    ("{}", ["A "], ["a"], "F1 0.000 is below 1: 0 of 1 found, 1 too many"),
    ("{ignore_case: true}", ["A "], ["a"], ""),
    ("{}", [1, {"a": 1.0}], [{"a": 1}, 1.0], ""),
    ("{}", [1], [True], "F1 0.000 is below 1: 0 of 1 found, 1 too many"),
    ("{}", "a", ["a"], 'expected a list, got "a"'),
    ("{field: tags}", {"tags": ["é"]}, ["é"], ""),
    ("{field: tags}", {}, [], "expected a list, got nothing"),
]


@pytest.mark.parametrize(("options", "output", "expected", "detail"), SETS)
def test_set_f1_compares_lists_as_sets(options: str, output: Any, expected: Any, detail: str) -> None:
    assert score("{kind: set_f1, " + options.lstrip("{"), output, expected) == Score(not detail, detail)


@pytest.mark.parametrize("hundredths", range(1, 101))
def test_an_f1_that_is_exactly_the_minimum_reaches_it(hundredths: int) -> None:
    # hits / 100 with 100 expected and 100 found: F1 is that share exactly.
    output = list(range(hundredths)) + [f"x{number}" for number in range(100 - hundredths)]
    text = f"{{kind: set_f1, minimum: {hundredths / 100}}}"
    assert score(text, output, list(range(100))) == RIGHT
    # The same with 25 items on the two sides together, where that share is a whole number of hits.
    if hundredths % 8 == 0:
        hits = hundredths * 25 // 200
        assert score(text, list(range(hits)), list(range(25 - hits))) == RIGHT


PLACE = "modelroute.yaml:9: "
OPTIONS = {
    "{tolerance: 1}": "the scorer 'exact' has no option 'tolerance'\n  valid: one of field, ignore_case",
    "{kind: number, ignore_case: true}": "the scorer 'number' has no option 'ignore_case'\n"
    "  valid: one of field, tolerance, relative_tolerance, pick",
    "{kind: set_f1, fields: [a]}": "the scorer 'set_f1' has no option 'fields'\n"
    "  valid: did you mean 'field'? one of field, ignore_case, minimum",
    "{kind: fields}": "the scorer 'fields' needs the option 'fields'\n"
    "  valid: fields: [label], or fields: {amount: {compare: number}}",
    fields("{tolerance: 1}"): "field 'a': 'tolerance' has no meaning for 'compare: exact'\n"
    "  valid: compare, optional, ignore_case",
    fields("{compare: date, ignore_case: true}"): "field 'a': 'ignore_case' has no meaning for 'compare: date'\n"
    "  valid: compare, optional, formats",
    **{
        fields(f"{{compare: date, formats: ['{form}']}}"): f"field 'a': the format '{form}' does not name a day\n"
        "  valid: strptime's codes for year, month and day: %d/%m/%Y"
        for form in ("%Q", "%d %B", "%Y%Y", "dd", "100%", "%H:%M")
    },
}


@pytest.mark.parametrize(("text", "told"), OPTIONS.items(), ids=OPTIONS)
def test_an_option_that_a_scorer_does_not_take_is_an_error(text: str, told: str) -> None:
    assert error(text) == PLACE + told


WRITTEN_AS_THE_OUTPUT = [
    ("{field: label}", {"label": "a", "sure": 1}, {"label": "a"}, ""),
    ("{field: label}", {"label": "b"}, {"label": "a"}, 'expected "a", got "b"'),
    ("{field: label}", {"label": {"label": 1}}, {"label": {"label": 1}}, ""),
    ("{kind: number, field: n}", {"n": 41}, {"n": 42}, "expected 42, got 41"),
    ("{kind: set_f1, field: tags}", {"tags": ["a"]}, {"tags": ["a"]}, ""),
    ("{kind: regex, field: id}", {"id": "a1"}, {"id": "[a-z][0-9]"}, ""),
]


@pytest.mark.parametrize(("options", "output", "expected", "detail"), WRITTEN_AS_THE_OUTPUT)
def test_an_expectation_may_be_written_as_the_output_is(options: str, output: Any, expected: Any, detail: str) -> None:
    assert score(options, output, expected) == (Score(False, detail) if detail else RIGHT)


@pytest.mark.parametrize("kind", ["exact", "number", "set_f1", "regex"])
def test_an_expectation_without_the_scored_field_is_refused(kind: str) -> None:
    scorer = make_scorer(policy(f"{{kind: {kind}, field: label}}"), IMPORTER)
    told = "'expected' has no 'label', which is scored: did you mean 'lable'? one of lable, id"
    assert scorer.objection({"lable": "a", "id": 1}) == told


TEXT = ", and the output is a text, which has none\n  fix: output: {format: json}"
NEEDS = {
    "{kind: fields, fields: [a]}": "'kind: fields' scores fields" + TEXT,
    "{kind: set_f1}": "'kind: set_f1' scores a list" + TEXT,
    "{kind: set_f1, field: tags}": "'kind: set_f1' scores the field 'tags'" + TEXT,
    "{field: label}": "'kind: exact' scores the field 'label'" + TEXT,
    "{kind: contains, field: label}": "'kind: contains' scores the field 'label'" + TEXT,
}


@pytest.mark.parametrize(("text", "told"), NEEDS.items(), ids=NEEDS)
def test_a_scorer_that_needs_what_a_text_does_not_have_is_an_error(text: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        check_output(policy(text), OutputFormat.TEXT)
    assert str(caught.value) == PLACE + told
    check_output(policy(text), OutputFormat.JSON)


@pytest.mark.parametrize("text", ["{}", "{kind: contains}", "{kind: regex}", "{kind: number}", "{kind: python}"])
def test_a_text_suits_the_scorers_of_texts(text: str) -> None:
    check_output(policy(text), OutputFormat.TEXT)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([None, True, False, 0, 1, 0.0, 1.0, -0.0, 1e22, 10**22, "", " a", "a ", "A", "é", "1", "true"])
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.sampled_from("abé"), children, max_size=2),
    max_leaves=5,
)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(JSON, JSON, st.booleans())
def test_two_values_are_the_same_exactly_where_their_canonical_texts_are(one: Any, other: Any, fold: bool) -> None:
    assert same(one, one, ignore_case=fold)
    assert same(one, other, ignore_case=fold) == same(other, one, ignore_case=fold)
    assert same(one, other, ignore_case=fold) == (
        canonical(one, ignore_case=fold) == canonical(other, ignore_case=fold)
    )


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.integers(-(10**320), 10**320) | st.floats(), st.integers(-(10**320), 10**320), st.floats(0, 1e300))
def test_any_two_numbers_are_close_or_not(left: float, right: float, tolerance: float) -> None:
    assert close(left, right, tolerance, 0.0) in (True, False)
    assert close(right, right, 0, 0)
