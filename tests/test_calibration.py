"""Whether confidence says anything: against plain counts, scipy's Mann-Whitney, and the interval's coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, norm

from pytest_modelroute.judgement.calibration import Calibration, Separates, Separation, calibration

Answers = list[tuple[float, bool]]

CONFIDENCES = st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.6, 0.7, 0.9, 0.95, 1.0]) | st.floats(0, 1)


def single(answers: Answers) -> list[Answers]:
    """Each answer is that to a case of its own."""
    return [[answer] for answer in answers]


@given(st.lists(st.tuples(CONFIDENCES, st.booleans()), max_size=80))
def test_the_calibration_error_against_a_plain_sum_over_bins(answers: Answers) -> None:
    found = calibration(single(answers))
    assert (found.answers, len(found.bins)) == (len(answers), 10)
    total = 0.0
    for number, counted in enumerate(found.bins):
        inside = [(c, right) for c, right in answers if number == min(math.floor(c * 10), 9)]
        assert (counted.answers, counted.right) == (len(inside), sum(right for _, right in inside))
        if inside:
            confidence, right = np.mean(np.array(inside, dtype=float), axis=0)
            total += len(inside) / len(answers) * abs(confidence - right)
    assert found.error == (pytest.approx(total, abs=1e-12) if answers else None)


@given(st.lists(st.tuples(CONFIDENCES, st.booleans()), max_size=80))
def test_the_area_is_mann_whitney_s_u_over_all_pairs(answers: Answers) -> None:
    separation = calibration(single(answers)).separation
    right, wrong = ([c for c, correct in answers if correct is wanted] for wanted in (True, False))
    assert (separation.right, separation.wrong) == (len(right), len(wrong))
    if not right or not wrong:
        assert separation.separates is Separates.CANNOT_TELL
        return
    statistic = mannwhitneyu(right, wrong, method="asymptotic").statistic
    assert separation.area == pytest.approx(statistic / (len(right) * len(wrong)), abs=1e-12)
    lower, upper = separation.interval
    assert 0 <= lower <= separation.area <= upper <= 1
    assert upper - lower > 0.01


@pytest.mark.parametrize(
    ("right", "wrong", "higher", "interval"),
    [
        # That the equation holds at each bound is checked below.
        (1, 1, 1, (0.2065, 1.0)),
        (10, 5, 50, (0.7165, 1.0)),
        (100, 8, 800, (0.8675, 1.0)),
        (10, 5, 0, (0.0, 0.2835)),
        (100, 100, 5000, (0.4210, 0.5790)),
    ],
)
def test_the_interval_is_sane_at_the_ends_and_for_few_answers(
    right: int, wrong: int, higher: int, interval: tuple[float, float]
) -> None:
    separation = Separation(right, wrong, higher, 0)
    assert separation.interval == pytest.approx(interval, abs=1e-4)
    area, more = separation.area, (right + wrong) / 2 - 1
    for bound in separation.interval:
        if 0 < bound < 1:
            spread = 1 + more * (1 - bound) / (2 - bound) + more * bound / (1 + bound)
            assert abs(area - bound) == pytest.approx(
                1.95996 * math.sqrt(bound * (1 - bound) * spread / (right * wrong)), rel=1e-4
            )


@pytest.mark.parametrize("area", [0.5, 0.7, 0.9, 0.98])
@pytest.mark.parametrize(("right", "wrong"), [(20, 5), (90, 10), (150, 40)])
@pytest.mark.parametrize("tied", [False, True], ids=["continuous", "tied"])
def test_the_interval_covers_the_true_area(area: float, right: int, wrong: int, tied: bool) -> None:
    """Normal scores of equal spread; tied ones are rounded to the tenths that models like to state."""
    random = np.random.default_rng(right)
    shift = math.sqrt(2) * float(norm.ppf(area))
    big = random.normal(0, 1, 200_000)
    squeezed = _stated(big + shift, tied), _stated(random.normal(0, 1, 200_000), tied)
    true = _area(*squeezed) if tied else area
    covered = 0
    for _ in range(600):
        high, low = _stated(random.normal(shift, 1, right), tied), _stated(random.normal(0, 1, wrong), tied)
        answers = [(c, True) for c in high.tolist()] + [(c, False) for c in low.tolist()]
        lower, upper = calibration(single(answers)).separation.interval
        covered += lower <= true <= upper
    assert covered / 600 >= 0.92


def _stated(scores: np.ndarray, tied: bool) -> np.ndarray:
    confidence = np.asarray(1 / (1 + np.exp(-scores)))
    return np.asarray(np.round(confidence, 1)) if tied else confidence


def _area(high: np.ndarray, low: np.ndarray) -> float:
    return float(mannwhitneyu(high, low).statistic / (len(high) * len(low)))


@pytest.mark.parametrize(
    ("answers", "separates"),
    [
        ([], Separates.CANNOT_TELL),
        ([(0.9, True)] * 50, Separates.CANNOT_TELL),
        ([(0.9, False)] * 50, Separates.CANNOT_TELL),
        ([(0.9, True)] * 50 + [(0.9, False)] * 3, Separates.NO),  # one confidence for all: it cannot
        ([(0.9, True)] * 50 + [(0.2, False)] * 3, Separates.YES),
        ([(0.9, True), (0.2, False)], Separates.CANNOT_TELL),
        ([(0.2, True)] * 50 + [(0.9, False)] * 30, Separates.NO),  # the wrong way round
        ([(0.9, True), (0.8, True)] * 10 + [(0.8, False), (0.9, False)] * 3, Separates.CANNOT_TELL),
        ([(0.9, True), (0.8, True)] * 500 + [(0.8, False), (0.9, False)] * 100, Separates.NO),  # at most faintly
    ],
)
def test_it_is_said_whether_confidence_separates(answers: Answers, separates: Separates) -> None:
    assert calibration(single(answers)).separation.separates is separates


def test_nothing_answered_has_no_calibration_error() -> None:
    found = calibration([])
    assert found.error is None
    assert isinstance(found, Calibration)


BY_CASE = st.lists(st.lists(st.tuples(CONFIDENCES, st.booleans()), max_size=4), max_size=20)


def clustered_over_independent(cases: list[Answers]) -> float | None:
    """Obuchowski's variance over DeLong's, by their definitions, pair by pair; None where either needs more."""
    owners = np.array([number for number, case in enumerate(cases) for _ in case])
    confidence, right = (np.array([answer[part] for case in cases for answer in case]) for part in (0, 1))
    right = right.astype(bool)
    high, low = confidence[right][:, None], confidence[~right][None, :]
    won = (high > low) + 0.5 * (high == low)
    groups = len(set(owners.tolist()))
    variances = []
    for clusters in (owners, np.arange(len(owners))):
        sums, counts = [], []
        for apart, of in ((won.mean(1) - won.mean(), clusters[right]), (won.mean(0) - won.mean(), clusters[~right])):
            counts.append(len(set(of.tolist())))
            sums.append(np.bincount(of, apart, len(owners)))
        if min(counts) < 2:
            return None
        own = (n / (n - 1) * (of**2).sum() / m**2 for n, of, m in zip(counts, sums, won.shape, strict=True))
        shared = 2 * groups / (groups - 1) * (sums[0] * sums[1]).sum() / won.size
        variances.append(float(sum(own) + shared))
    return variances[0] / variances[1] if variances[1] > 1e-12 else None


@given(BY_CASE)
def test_answers_to_one_case_are_worth_what_obuchowski_s_variance_says(cases: list[Answers]) -> None:
    cases = [case for case in cases if case]
    separation = calibration(cases).separation
    most = max(map(len, cases), default=1)
    assert 1 <= separation.design_effect <= most
    if not separation.right or not separation.wrong:
        assert separation.design_effect == 1
        return
    ratio = clustered_over_independent(cases)
    expected = most if ratio is None else min(max(ratio, 1), most)
    assert separation.design_effect == pytest.approx(expected, abs=1e-9)
    alone = calibration(single([answer for case in cases for answer in case])).separation
    assert (alone.area, alone.design_effect) == (separation.area, 1)
    lower, upper = separation.interval
    assert lower <= alone.interval[0] + 1e-9
    assert upper >= alone.interval[1] - 1e-9


@given(st.lists(st.tuples(CONFIDENCES, st.booleans()), max_size=60), st.integers(2, 5))
def test_answers_that_are_repeated_say_no_more_than_one(answers: Answers, times: int) -> None:
    once, often = calibration(single(answers)).separation, calibration([[each] * times for each in answers]).separation
    assert often.separates is once.separates
    if once.right and once.wrong:
        assert often.effective_answers == pytest.approx(len(answers))
        assert often.interval == pytest.approx(once.interval, abs=1e-9)


@pytest.mark.parametrize("area", [0.5, 0.7, 0.9])
@pytest.mark.parametrize("alike", [0.0, 0.5, 0.9, 1.0])
def test_the_interval_covers_the_true_area_by_several_answers_a_case(area: float, alike: float) -> None:
    """60 cases of 5 answers, whose correctness and confidence hang together as far as `alike` says."""
    random = np.random.default_rng(7)
    shift = math.sqrt(2) * float(norm.ppf(area))

    def normal() -> np.ndarray:
        case, own = random.normal(0, 1, (60, 1)), random.normal(0, 1, (60, 5))
        return np.asarray(math.sqrt(alike) * case + math.sqrt(1 - alike) * own)

    covered = told = 0
    for _ in range(300):
        right = normal() < norm.ppf(0.8)
        confidence = _stated(normal() + shift * right, False)
        cases = [
            list(zip(stated, correct, strict=True))
            for stated, correct in zip(confidence.tolist(), right.tolist(), strict=True)
        ]
        separation = calibration(cases).separation
        lower, upper = separation.interval
        covered += lower <= area <= upper
        told += separation.separates is Separates.YES
    assert covered / 300 >= 0.92
    if area == 0.5:
        assert told / 300 <= 0.045  # 2.5 % are meant; counted as independent, 19 % at worst
