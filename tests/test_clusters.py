"""Several samples a case: bounds that know that a case's answers hang together, against scipy."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pytest_modelroute.judgement.clusters import Samples
from pytest_modelroute.judgement.gate import Counts, Verdict, judge
from pytest_modelroute.judgement.intervals import lower_bound, upper_bound
from pytest_modelroute.registry.model import GatePolicy, Rule

REFERENCE = (2, 0, 3, 1, 0, 0, 1, 0, 0, 0)


def samples(wrong: tuple[int, ...], each: int, errors: tuple[int, ...] | None = None) -> Samples:
    return Samples(wrong, errors or (0,) * len(wrong), each)


def korn_graubard(wrong: tuple[int, ...], each: int) -> tuple[float, float, float]:
    """Effective size and bounds, written again from the paper with scipy."""
    means = numpy.array(wrong) / each
    n, p = len(wrong), means.mean()
    if p in (0, 1):
        size = float(n)
    else:
        variance = means.var(ddof=1) / n
        with numpy.errstate(divide="ignore"):
            size = numpy.clip(p * (1 - p) / variance, 1, n * each)
        size *= (stats.norm.ppf(0.95) / stats.t.ppf(0.95, n - 1)) ** 2
    lower = 0.0 if p == 0 else stats.beta.ppf(0.05, p * size, size - p * size + 1)
    upper = 1.0 if p == 1 else stats.beta.ppf(0.95, p * size + 1, size - p * size)
    return size, lower, upper


def test_the_published_reference_values() -> None:
    found = samples(REFERENCE, 3)
    assert found.error_rate == pytest.approx(0.233333, abs=5e-7)
    assert found.standard_error == pytest.approx(0.105935, abs=5e-7)
    assert found.effective_cases == pytest.approx(11.5511, abs=5e-5)
    assert found.bounds[1] == pytest.approx(0.516421, abs=5e-7)


GRID = [
    (tuple(wrong), each)
    for each in (2, 3, 5)
    for wrong in itertools.chain(
        itertools.product(range(each + 1), repeat=2),
        itertools.product(range(each + 1), repeat=3),
        ((0,) * size + (1,) * ones + (each,) * full for size in (5, 50) for ones in (0, 1, 7) for full in (0, 2, 20)),
    )
]


@pytest.mark.parametrize("each", [2, 3, 5])
def test_size_and_bounds_agree_with_scipy_over_a_grid(each: int) -> None:
    for wrong, k in GRID:
        if k == each:
            found = samples(wrong, each)
            size, lower, upper = korn_graubard(wrong, each)
            assert found.effective_cases == pytest.approx(size, rel=1e-9)
            assert found.bounds == pytest.approx((lower, upper), abs=1e-9)


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), min_size=2, max_size=60))
def test_the_bounds_hold_the_rate_and_a_flaky_case_is_counted(wrong: list[int]) -> None:
    found = samples(tuple(wrong), 4)
    lower, upper = found.bounds
    assert lower <= found.error_rate <= upper
    assert found.flaky == sum(0 < each < 4 for each in wrong)
    assert found.all_right(1) == pytest.approx(1 - found.error_rate)
    assert found.all_right(4) == sum(each == 0 for each in wrong) / len(wrong)


def test_answers_that_hang_together_are_worth_no_more_than_their_cases() -> None:
    """Never n times k: with every case all right or all wrong, samples tell nothing that one answer does not."""
    together = samples((0,) * 92 + (3,) * 8, 3)
    single = Counts(92, 8, 0).bounds
    assert single is not None
    assert together.effective_cases <= 100
    assert together.bounds[1] >= single[1]


def test_answers_that_do_not_hang_together_are_worth_more() -> None:
    generator = numpy.random.default_rng(7)
    wrong = tuple(int(each) for each in generator.binomial(3, 0.08, 200))
    assert 300 < samples(wrong, 3).effective_cases <= 600


def test_what_could_not_be_obtained_widens_the_bounds() -> None:
    whole, holes = samples((1, 0, 0, 0), 2), samples((1, 0, 0, 0), 2, (0, 1, 0, 0))
    assert holes.bounds[0] == whole.bounds[0]
    assert holes.bounds[1] == samples((1, 1, 0, 0), 2).bounds[1] > whole.bounds[1]
    assert holes.all_right(2) == 0.5


def test_a_case_is_flaky_by_the_answers_that_it_has() -> None:
    assert samples((1, 1, 2, 0), 2).flaky == 2
    assert samples((1, 1, 2, 0), 2, (0, 1, 0, 1)).flaky == 1


@pytest.mark.parametrize("wrong", range(4))
def test_answers_to_a_single_case_are_worth_one(wrong: int) -> None:
    assert samples((wrong,), 3).effective_cases == 1
    assert samples((wrong,), 3).bounds == (lower_bound(wrong / 3, 1), upper_bound(wrong / 3, 1))


@pytest.mark.parametrize(
    "told", [lambda found: found.bounds, lambda found: found.flaky, lambda found: found.all_right(1)]
)
def test_no_case_is_dropped_where_another_number_of_them_had_errors(told: Callable[[Samples], object]) -> None:
    with pytest.raises(ValueError, match="shorter"):
        told(Samples((1, 0, 0), (0, 0), 2))


@pytest.mark.parametrize("rule", Rule)
def test_the_gate_judges_by_the_rate_and_the_bounds_of_all_samples(rule: Rule) -> None:
    """Eight cases of 100 that err once in three are 2.7 %, not 8 %."""
    wrong = (1,) * 8 + (0,) * 92
    counts = Counts(92, 8, 0, samples(wrong, 3))
    policy = GatePolicy(0.07, rule, 50)
    assert counts.error_rate == pytest.approx(8 / 300)
    assert judge(counts, policy).verdict is Verdict.PASS
    assert judge(Counts(92, 8, 0), policy).verdict is not Verdict.PASS


def test_more_cases_are_counted_in_cases() -> None:
    counts = Counts(90, 10, 0, samples((3,) * 5 + (1,) * 5 + (0,) * 90, 3))
    (finding,) = judge(counts, GatePolicy(0.09, Rule.CERTIFIED, 50)).findings
    assert counts.samples is not None
    assert finding.more_cases is not None
    assert finding.more_cases > 0
    assert math.isfinite(counts.samples.effective_cases)
