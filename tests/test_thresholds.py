"""The choice of an escalation threshold: the walk, its published error rates, and its bounds against scipy's."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from pytest_modelroute.errors import Place
from pytest_modelroute.evaluation.answers import WrongKind
from pytest_modelroute.evaluation.escalation import trigger_of
from pytest_modelroute.judgement import thresholds
from pytest_modelroute.judgement.clusters import Samples
from pytest_modelroute.judgement.intervals import upper_bound
from pytest_modelroute.judgement.thresholds import GRID, Choice, Point, TwoAnswers, choose
from pytest_modelroute.registry.serving import Escalation

# The simulated setting: confidence is uniform, the cheap answer is wrong with a chance of 0.8 (1 - confidence), the
# dear one with a chance of 2 % whatever the first said, and the limit is 8 %. So the cascade's true error rate at the
# threshold t is 0.02 t + 0.4 (1 - t)^2: 40 % for the cheap tier alone.
LIMIT, SLOPE, DEAR = 0.08, 0.8, 0.02


def true_error(threshold: float) -> float:
    return DEAR * threshold + SLOPE / 2 * (1 - threshold) ** 2


def drawn(random: np.random.Generator, cases: int) -> list[list[TwoAnswers]]:
    confidence, first, dear = random.random((3, cases))
    return [
        [TwoAnswers(bool(a >= SLOPE * (1 - c)), float(c), False, bool(b >= DEAR))]
        for c, a, b in zip(confidence, first, dear, strict=True)
    ]


@pytest.mark.parametrize(
    # Published: 1.2, 0.9 and 0.4 % above the limit when certified; 44, 34 and 22 % when the cheapest is taken.
    ("cases", "rounds", "certified", "naive"),
    [(100, 800, 0.012, 0.44), (200, 800, 0.009, 0.34), (500, 400, 0.004, 0.22)],
)
def test_a_certified_threshold_is_rarely_above_the_limit_and_a_naive_one_often(
    monkeypatch: pytest.MonkeyPatch, cases: int, rounds: int, certified: float, naive: float
) -> None:
    monkeypatch.setattr(thresholds, "upper_bound", functools.cache(upper_bound))  # few counts, many rounds
    random = np.random.default_rng(cases)
    above = {"certified": 0, "naive": 0}
    for _ in range(rounds):
        choice = choose(drawn(random, cases), LIMIT)
        for name, point in (("certified", choice.certified), ("naive", choice.naive)):
            if point is not None:
                assert point.threshold is not None
                above[name] += true_error(point.threshold) > LIMIT
    assert above["certified"] / rounds == pytest.approx(certified, abs=0.01)
    assert above["naive"] / rounds == pytest.approx(naive, abs=0.05)


def test_the_walk_stops_at_the_first_threshold_that_fails_even_if_a_later_one_passes() -> None:
    # At 0.90 the last group comes to stand, which the cheap tier gets wrong; at 0.50 the one that only it gets right.
    groups = ((150, 0.99, True, True), (15, 0.9, False, True), (30, 0.5, True, False))
    cases = [[TwoAnswers(first, stated, False, dear)] for size, stated, first, dear in groups for _ in range(size)]
    choice = choose(cases, 0.2)
    wrong = {point.threshold: point.wrong for point in choice.points}
    assert [wrong[threshold] for threshold in (1.0, 0.95, 0.9, 0.55, 0.5, 0.0)] == [30, 30, 45, 45, 15, 15]
    assert choice.points[0].upper == pytest.approx(beta.ppf(0.95, 31, 165))
    assert choice.certified is None
    wider = choose(cases, 0.21)
    assert wider.certified is not None
    assert wider.certified.threshold == 0.95
    assert wider.naive is not None
    assert (wider.naive.threshold, wider.naive.wrong) == (0.0, 15)


def test_nothing_is_certified_where_escalating_all_fails() -> None:
    choice = choose([[TwoAnswers(True, 0.1, False, number > 20)] for number in range(200)], 0.08)
    assert choice.certified is None
    assert choice.naive is not None
    assert (choice.naive.threshold, choice.naive.wrong) == (0.0, 0)  # the cheap answers alone
    assert choose([[TwoAnswers(False, None, False, False)]], 0.08).naive is None


@pytest.mark.parametrize(
    ("answer", "escalates"),
    [
        (TwoAnswers(True, 0.7, False, True), {1.0: True, 0.75: True, 0.7: False, 0.0: False, None: False}),
        (TwoAnswers(True, 1.0, False, True), {1.0: False, 0.0: False, None: False}),
        (TwoAnswers(True, None, False, True), {1.0: True, 0.0: True, None: False}),
        (TwoAnswers(False, 0.9, True, True), {1.0: True, 0.0: True, None: True}),
    ],
)
def test_an_answer_escalates_as_it_does_in_production(answer: TwoAnswers, escalates: dict[float | None, bool]) -> None:
    points = choose([[answer]], 0.08, tuple(escalates)).points
    assert {point.threshold: point.escalated == 1 for point in points} == escalates
    task = {threshold: Escalation("dear", threshold, Place("modelroute.yaml")) for threshold in escalates}
    kind = WrongKind.SCHEMA if answer.by_form else None
    rule = {threshold: trigger_of(each, kind, answer.confidence) is not None for threshold, each in task.items()}
    assert rule == escalates


ANSWERS = st.builds(
    TwoAnswers,
    st.booleans(),
    st.none() | st.sampled_from([0.0, 0.05, 0.3, 0.9, 1.0]) | st.floats(0, 1),
    st.just(False) | st.booleans(),
    st.booleans(),
)


@given(st.lists(ANSWERS, min_size=1, max_size=60), st.floats(0.01, 0.6))
def test_each_point_against_a_plain_count_and_scipy(answers: list[TwoAnswers], limit: float) -> None:
    choice = choose([[answer] for answer in answers], limit)
    assert [point.threshold for point in choice.points] == list(GRID)
    walk = []
    for point in choice.points:
        assert point.threshold is not None
        up = [a.by_form or a.confidence is None or a.confidence < point.threshold for a in answers]
        wrong = sum(not (a.dear_right if high else a.first_right) for a, high in zip(answers, up, strict=True))
        assert (point.answers, point.escalated, point.wrong) == (len(answers), sum(up), wrong)
        assert point.by_form == sum(answer.by_form for answer in answers)
        assert point.escalation_rate == sum(up) / len(answers)
        bound = 1.0 if wrong == len(answers) else float(beta.ppf(0.95, wrong + 1, len(answers) - wrong))
        assert point.upper == pytest.approx(bound, abs=1e-9)
        walk.append((point.threshold, bound <= limit, wrong / len(answers) <= limit))
    passing = [
        threshold for number, (threshold, _, _) in enumerate(walk) if all(kept for _, kept, _ in walk[: number + 1])
    ]
    assert (choice.certified.threshold if choice.certified else None) == (passing[-1] if passing else None)
    within = [threshold for threshold, _, kept in walk if kept]
    assert (choice.naive.threshold if choice.naive else None) == (min(within) if within else None)
    # The fewer escalate, the cheaper: down the grid their number only falls.
    assert [point.escalated for point in choice.points] == sorted((p.escalated for p in choice.points), reverse=True)


def test_what_as_many_by_lot_would_get_wrong_is_their_average() -> None:
    random = np.random.default_rng(7)
    answers = [
        TwoAnswers(bool(a > 0.3), float(c), bool(f > 0.8), bool(d > 0.1)) for a, c, f, d in random.random((300, 4))
    ]
    for point in choose([[answer] for answer in answers], 0.1).points[::5]:
        formed = [answer for answer in answers if not answer.by_form]
        fixed = sum(not answer.dear_right for answer in answers if answer.by_form)
        drawn_wrong = []
        for _ in range(400):
            up = set(random.choice(len(formed), point.escalated - (len(answers) - len(formed)), replace=False).tolist())
            drawn_wrong.append(
                fixed + sum(not (a.dear_right if n in up else a.first_right) for n, a in enumerate(formed))
            )
        assert point.random_wrong == pytest.approx(np.mean(drawn_wrong), abs=1.0)


def test_the_samples_of_a_case_are_no_independent_observations() -> None:
    right, wrong = TwoAnswers(True, 0.5, False, True), TwoAnswers(True, 0.5, False, False)
    choice = choose([[right, right, right]] * 90 + [[wrong, wrong, right]] * 10, 0.2)
    first = choice.points[0]
    assert (first.answers, first.escalated, first.wrong) == (300, 300, 20)
    assert first.error_rate == pytest.approx(20 / 300)
    assert first.upper == Samples((0,) * 90 + (2,) * 10, (0,) * 100, 3).bounds[1]
    assert first.upper > beta.ppf(0.95, 21, 280)


def test_two_samples_of_a_case_are_none_either() -> None:
    right, wrong = TwoAnswers(True, 0.5, False, True), TwoAnswers(True, 0.5, False, False)
    first = choose([[right, right]] * 90 + [[wrong, right]] * 10, 0.2).points[0]
    assert first.samples == Samples((0,) * 90 + (1,) * 10, (0,) * 100, 2)


@pytest.mark.parametrize(
    ("escalated", "by_form", "wrong", "random_wrong", "beats"),
    [
        (30, 5, 9, 9.1, True),
        (30, 5, 9, 9.0, False),
        (30, 5, 10, 9.0, False),
        (5, 5, 9, 9.1, None),  # none of good form escalates
        (100, 5, 9, 9.1, None),  # all do
        (0, 0, 9, 9.1, None),
    ],
)
def test_confidence_helps_where_fewer_are_wrong_than_by_lot(
    escalated: int, by_form: int, wrong: int, random_wrong: float, beats: bool | None
) -> None:
    assert Point(0.7, 100, escalated, by_form, wrong, random_wrong).beats_lot is beats


def test_a_bound_at_the_limit_keeps_it() -> None:
    point = Point(0.7, 100, 30, 5, 3, 9.0)
    assert Choice((point,), point.upper).certified is point
    assert Choice((point,), point.upper - 1e-12).certified is None


def test_without_a_confidence_only_the_form_is_left() -> None:
    cases = [[TwoAnswers(True, None, False, False)]] * 9 + [[TwoAnswers(False, None, True, True)]]
    (point,) = choose(cases, 0.08, (None,)).points
    assert (point.threshold, point.escalated, point.wrong) == (None, 1, 0)


def test_no_cases_choose_nothing() -> None:
    with pytest.raises(ValueError, match=r"^no cases to choose a threshold by$"):
        choose([], 0.08)
    assert Choice((), 0.08).certified is None
