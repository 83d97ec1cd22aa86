"""Wrong answers from right ones: each is another answer, and wrong where the golden dataset says what is right."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modelroute.evaluation.comparing import same
from pytest_modelroute.evaluation.golden import ABSENT
from pytest_modelroute.evaluation.mutations import Mutant, Mutation, Pool, Specimen, mutants, pool_of
from pytest_modelroute.evaluation.parts import Allowance, allowance, differ, parts
from pytest_modelroute.registry.model import ScorePolicy

from .trees import policy

EXACT = "{kind: exact}"


def specimens(score: ScorePolicy, cases: Sequence[tuple[Any, Any]]) -> list[Specimen]:
    """Cases 0, 1, ... from pairs of an output and an expectation."""
    return [
        Specimen(str(number), output, expected, parts(score, output, expected))
        for number, (output, expected) in enumerate(cases)
    ]


def gathered(score: str, *cases: tuple[Any, Any], declared: Mapping[str, Sequence[str]] = {}) -> Pool:
    read = policy(score)
    return pool_of(specimens(read, cases), declared, lambda pointer: allowance(read, pointer))


def of_first(score: str, *cases: tuple[Any, Any], declared: Mapping[str, Sequence[str]] = {}) -> list[Mutant]:
    pool = gathered(score, *cases, declared=declared)
    return list(mutants(pool.specimens[0], pool))


def told(found: Sequence[Mutant]) -> dict[tuple[str, str | None], Any]:
    return {(each.mutation.name, each.pointer): each.answer for each in found}


CUT = '{"label": "refund", "confi'


def test_a_label_with_a_confidence_that_nothing_is_stated_of() -> None:
    answer = {"label": "refund", "confidence": 0.75}
    other = {"label": "other", "confidence": 0.5}
    declared = {"/label": ["refund", "other"]}
    found = of_first(
        "{kind: fields, fields: [label]}", (answer, {"label": "refund"}), (other, {"label": "other"}), declared=declared
    )
    of_confidence = [each for each in found if each.pointer == "/confidence"]
    assert told(found) == {
        ("WRONG_LABEL", "/label"): {"label": "other", "confidence": 0.75},
        ("TWO_LABELS", "/label"): {"label": "refund or other", "confidence": 0.75},
        ("DROPPED", "/label"): {"confidence": 0.75},
        ("OTHER_VALUE", "/confidence"): {"label": "refund", "confidence": 0.5},
        ("OFF_BY_ONE", "/confidence"): {"label": "refund", "confidence": of_confidence[1].answer["confidence"]},
        ("DROPPED", "/confidence"): {"label": "refund"},
        ("SWAPPED", None): other,
        ("CUT_OFF", None): CUT,
        ("EMPTY", None): "",
    }
    assert of_confidence[1].answer["confidence"] in (-0.25, 1.75)
    assert [each for each in found if not each.stated] == of_confidence
    assert [each.mutation for each in found if each.raw] == [Mutation.CUT_OFF, Mutation.EMPTY]


@pytest.mark.parametrize(
    ("value", "beside"),
    [
        (7, {6, 8}),
        (-1, {-2, 0}),
        (0.75, {-0.25, 1.75}),
        ("2026-03-01", {"2026-02-28", "2026-03-02"}),
        ("2026-03-01T10:00:00", {"2026-02-28T10:00:00", "2026-03-02T10:00:00"}),
        ("B-77120", {"B-77121", "B-77129"}),
        ("9 kg", {"0 kg", "8 kg"}),
        ("Anna", set()),
        ("9999-12-31", {"9999-12-30"}),
        (True, set()),
        (None, set()),
        ([1], set()),
        (10**18, {10**18 + 1, 10**18 - 1}),
        (10**400, set()),
        (1e300, set()),  # one more is the same number
    ],
    ids=lambda each: "" if isinstance(each, set) else str(each)[:20],
)
def test_what_lies_beside_a_value(value: Any, beside: set[Any]) -> None:
    seen = set()
    for number in range(12):
        pool = gathered(EXACT, *[({"x": value}, {"x": value})] * 12)
        found = told(list(mutants(pool.specimens[number], pool)))
        if ("OFF_BY_ONE", "/x") in found:
            seen.add(found["OFF_BY_ONE", "/x"]["x"])
    assert seen == beside


def test_a_step_is_larger_than_what_is_tolerated() -> None:
    rules = "count: {compare: number, tolerance: 2.5}, price: {compare: number, relative_tolerance: 0.5}"
    score = f"{{kind: fields, fields: {{{rules}}}}}"
    answer = {"count": 10, "price": 4.0}
    found = told(of_first(score, (answer, answer)))
    assert found["OFF_BY_ONE", "/count"]["count"] in (6, 14)
    assert found["OFF_BY_ONE", "/price"]["price"] in (1.0, 7.0)


def test_a_value_of_another_case_is_beyond_the_tolerance_unless_few_are() -> None:
    def others(tolerance: float) -> list[float]:
        score = f"{{kind: number, tolerance: {tolerance}}}"
        pool = gathered(score, *((float(value), float(value)) for value in (100, 101, 150, 104)))
        found = told(list(mutants(pool.specimens[0], pool)))
        return [value for (mutation, _), value in found.items() if mutation == "OTHER_VALUE"]

    assert others(1) in ([150.0], [104.0])
    assert others(10) == [150.0]
    assert others(1000) == [150.0], "a tolerance that spans most cases is no excuse"


def test_a_tolerance_that_tells_most_values_apart_is_respected() -> None:
    pool = gathered("{kind: number, tolerance: 1}", *((rating, rating) for rating in (1, 2, 3, 4, 5)))
    for specimen in pool.specimens:
        found = told(list(mutants(specimen, pool)))
        assert abs(found["OTHER_VALUE", ""] - specimen.output) > 1


@pytest.mark.parametrize(
    ("left", "right", "allowed", "expected"),
    [
        ("Refund", " refund", Allowance(), False),
        ("refund", "other", Allowance(), True),
        (1, 1.0, Allowance(), False),
        (1, True, Allowance(), True),
        (10.0, 10.4, Allowance(0.5), False),
        (10.0, 10.6, Allowance(0.5), True),
        ("2026-03-01", "2026-03-01T08:00:00", Allowance(), False),
        ("2026-03-01", "2026-03-02", Allowance(), True),
        (["a", "b"], ["b", "A"], Allowance(), False),
        (["a", "b"], ["a", "c"], Allowance(), False),
        (["a", "b", "c"], ["a", "d", "e"], Allowance(), True),
        (None, "x", Allowance(), True),
        (None, None, Allowance(), False),
    ],
)
def test_what_nobody_would_take_for_each_other(left: Any, right: Any, allowed: Allowance, expected: bool) -> None:
    assert differ(left, right, allowed) is differ(right, left, allowed) is expected


REPLY = "Your order is under way."
PARTS = {
    "fields of an object": (EXACT, {"a": {"b": 1}, "c": None}, {"a": {"b": 1}, "c": None}, {"/a/b": 1, "/c": None}),
    "odd names": (EXACT, {"a/b": {"~": 1}}, {"a/b": {"~": 1}}, {"/a~1b/~0": 1}),
    "a field that is left out": ("{kind: fields, fields: [a]}", {"a": 1, "b": 2}, {"a": 1, "b": 3}, {"/a": 1, "/b": 3}),
    "a field of another kind": ("{kind: python}", {"a": 5, "b": "x"}, {"a": {"most": 9}, "b": "y"}, {"/b": "y"}),
    "the field that is scored": ("{kind: exact, field: a}", {"a": "x", "b": "x"}, "x", {"/a": "x"}),
    "the field within an object": ("{kind: exact, field: a}", {"a": "x", "b": "x"}, {"a": "x"}, {"/a": "x"}),
    "a text": (EXACT, "refund", "refund", {"": "refund"}),
    "a list": ("{kind: set_f1}", ["a", "b"], ["b", "a"], {"": ["b", "a"]}),
    "a word that is a field": ("{kind: contains}", {"a": "Refund", "b": "a refund"}, "refund", {"/a": "refund"}),
    "a word in a text": ("{kind: contains}", REPLY, ["order"], {"": "order"}),
    "words by name": ("{kind: contains}", REPLY, {"all": ["order"], "none": ["sorry"]}, {"": "order"}),
    "no word": ("{kind: contains, any: [order, parcel]}", REPLY, ABSENT, {}),
    "a number in a text": ("{kind: number}", "That is 42 in all.", 42, {"": 42}),
    "a pattern": ("{kind: regex}", REPLY, "^Your order", {}),
    "nothing stated": ("{kind: python}", {"a": 1}, ABSENT, {}),
    "a value of an object": ("{kind: python}", {"a": "refund", "b": 1}, "refund", {"/a": "refund"}),
}  # fmt: skip


@pytest.mark.parametrize(("score", "output", "expected", "stated"), PARTS.values(), ids=PARTS)
def test_what_the_golden_dataset_states_of_each_part(
    score: str, output: Any, expected: Any, stated: dict[str, Any]
) -> None:
    found = parts(policy(score), output, expected)
    assert {part.pointer: part.stated for part in found if part.stated is not ABSENT} == stated


@pytest.mark.parametrize(
    ("score", "cases", "expected"),
    [
        (
            "{kind: contains}",
            [("I refund order 12.", "order 12"), ("I refund order 7.", "order 7")],
            {"OTHER_VALUE": "I refund order 7.", "SWAPPED": "I refund order 7.", "CUT_OFF": "I refund orde"},
        ),
        (
            "{kind: contains}",
            [("It is a refund.", "Refund")] * 3 + [("It is a cancel.", "cancel")] * 3,
            {"WRONG_LABEL": "It is a cancel.", "TWO_LABELS": "It is a Refund or cancel.", "CUT_OFF": "It is a ref"},
        ),
        (
            "{kind: number}",
            [("42 of 142, so 42.", 42), ("3", 3)],
            {"OTHER_VALUE": "3 of 142, so 3.", "SWAPPED": "3", "CUT_OFF": "4"},
        ),
        (
            "{kind: number, tolerance: 0.5}",
            [("1,234.4 EUR, or 1 234", 1234), ("3 EUR", 3)],
            {"OTHER_VALUE": "3 EUR, or 1 234", "SWAPPED": "3 EUR"},
        ),
        ("{kind: regex}", [(REPLY, "order"), ("A parcel.", "parcel")], {"SWAPPED": "A parcel.", "CUT_OFF": "Your ord"}),
        (EXACT, [("refund", "refund"), ("cancel", "cancel")], {"OTHER_VALUE": "cancel", "CUT_OFF": "ref"}),
    ],
    ids=["words", "labels", "numbers", "tolerance", "patterns", "labels alone"],
)
def test_texts(score: str, cases: list[tuple[Any, Any]], expected: dict[str, Any]) -> None:
    found = {each.mutation.name: each.answer for each in of_first(score, *cases)}
    assert expected.items() <= found.items()
    assert found["EMPTY"] == ""


def test_a_label_comes_back_in_several_cases_not_in_several_samples_of_one() -> None:
    score = policy(EXACT)
    of_two = [Specimen(f"{number % 2}", "x", "x", parts(score, "x", "x")) for number in range(12)]
    of_twelve = [dataclasses.replace(each, case=str(number)) for number, each in enumerate(of_two)]
    for found, labels in ((of_two, {}), (of_twelve, {"": ["x"]})):
        assert pool_of(found, {}, lambda pointer: Allowance()).labels == labels


def test_an_answer_that_is_as_right_elsewhere_is_not_swapped() -> None:
    same_label = ({"label": "refund", "why": "x"}, {"label": "refund"}), ({"label": "Refund"}, {"label": "Refund"})
    assert ("SWAPPED", None) not in told(of_first(EXACT, *same_label))
    nothing_stated = ("yes", ABSENT), ("no", ABSENT)
    assert set(told(of_first("{kind: regex, pattern: '.'}", *nothing_stated))) == {("EMPTY", None), ("CUT_OFF", None)}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=4), children, max_size=4),
    max_leaves=8,
)
SCORES = (
    EXACT,
    "{kind: python}",
    "{kind: contains}",
    "{kind: number, tolerance: 2}",
    "{kind: fields, fields: {a: {compare: number, relative_tolerance: 0.3}}}",
    "{kind: exact, field: a}",
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(st.tuples(json_values, json_values), min_size=1, max_size=4), st.sampled_from(SCORES), st.booleans())
def test_every_mutant_is_another_answer_and_always_the_same_one(
    cases: list[tuple[Any, Any]], score: str, expected_as_answered: bool
) -> None:
    if expected_as_answered:
        cases = [(output, output) for output, _ in cases]
    if "contains" in score:  # asks for words
        cases = [(output, f"a{expected}"[:3]) for output, expected in cases]
    before = json.dumps(cases)
    pool, again = gathered(score, *cases), gathered(score, *cases)
    for specimen in pool.specimens:
        found = list(mutants(specimen, pool))
        assert all(not same(each.answer, specimen.output) for each in found)
        assert all(isinstance(each.answer, str) for each in found if each.raw)
        assert found == list(mutants(specimen, again))
        pointers = [(each.mutation, each.pointer) for each in found]
        assert len(pointers) == len(set(pointers))
        for each in found:
            if each.stated and each.pointer is not None and each.mutation is not Mutation.DROPPED:
                wrong = {part.pointer: part for part in parts(policy(score), each.answer, specimen.expected)}
                right = {part.pointer: part for part in specimen.parts}
                changed = [
                    pointer
                    for pointer in wrong.keys() & right.keys()
                    if not same(wrong[pointer].value, right[pointer].value)
                ]
                assert set(changed) <= {each.pointer}
    assert json.dumps(cases) == before, "the answers themselves are left alone"
