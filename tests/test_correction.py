"""Several changed tasks together: Holm's method, and how many false passes are to be expected."""

from __future__ import annotations

from itertools import combinations, takewhile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pytest_modelroute.judgement.clusters import Samples
from pytest_modelroute.judgement.correction import adjusted, false_pass_ceiling, p_of_margin, p_of_threshold
from pytest_modelroute.judgement.gate import Counts, Verdict, judge
from pytest_modelroute.judgement.intervals import ALPHA
from pytest_modelroute.judgement.paired import Discordance, tango_score
from pytest_modelroute.judgement.regression import judge_regression
from pytest_modelroute.registry.model import GatePolicy, Rule

CERTIFIED = GatePolicy(0.08, Rule.CERTIFIED, 100)


def by_closed_testing(p_values: list[float]) -> list[float]:
    """The definition that Holm's method is a shortcut of: of all sets with the test, the largest of Bonferroni's p."""
    found = [0.0] * len(p_values)
    for size in range(1, len(p_values) + 1):
        for chosen in combinations(range(len(p_values)), size):
            p = min(1.0, size * min(p_values[test] for test in chosen))
            for test in chosen:
                found[test] = max(found[test], p)
    return found


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_s_adjusted_p_values_are_those_of_closed_testing(p_values: list[float]) -> None:
    assert adjusted(p_values) == pytest.approx(by_closed_testing(p_values), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize(
    ("p_values", "by_statsmodels"),
    [
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.5, 0.0001, 0.02, 0.0125, 0.02, 1.0], [1.0, 0.0006, 0.08, 0.0625, 0.08, 1.0]),
        ([0.7], [0.7]),
    ],
)
def test_holm_s_adjusted_p_values_have_their_reference_values(
    p_values: list[float], by_statsmodels: list[float]
) -> None:
    assert adjusted(p_values) == pytest.approx(by_statsmodels, rel=1e-12)


def test_of_no_tests_none_is_adjusted() -> None:
    assert adjusted([]) == []


@pytest.mark.parametrize("n", [1, 36, 100, 160, 500])
def test_the_p_of_a_threshold_is_the_binomial_tail_and_agrees_with_the_gate(n: int) -> None:
    for wrong in sorted({0, 1, 2, n // 30, n // 20, n // 10, n}):
        if wrong > n:
            continue
        counts = Counts(n - wrong, wrong, 0)
        p = p_of_threshold(counts, 0.08)
        assert p == pytest.approx(float(stats.binom.cdf(wrong, n, 0.08)), rel=1e-9)
        assert (p <= ALPHA) == (judge(counts, CERTIFIED).verdict is Verdict.PASS)


@pytest.mark.parametrize("counts", [Counts(0, 0, 0), Counts(400, 0, 1), Counts(0, 5, 0)])
def test_nothing_is_proven_by_no_cases_by_unanswered_ones_or_by_wrong_ones_alone(counts: Counts) -> None:
    assert p_of_threshold(counts, 0.08) == 1.0


@pytest.mark.parametrize("wrong", [(0,) * 150, (1, 0, 2) * 10 + (0,) * 120, (3,) * 6 + (0,) * 144])
def test_the_p_of_samples_agrees_with_their_bound(wrong: tuple[int, ...]) -> None:
    samples = Samples(wrong, (0,) * len(wrong), 3)
    counts = Counts(len(wrong) - sum(map(bool, wrong)), sum(map(bool, wrong)), 0, samples)
    for threshold in (0.03, 0.05, 0.08, 0.12):
        certified = samples.bounds[1] <= threshold
        assert (p_of_threshold(counts, threshold) <= ALPHA) == certified


@pytest.mark.parametrize("pair", [(0, 0, 88), (0, 0, 87), (2, 1, 160), (1, 9, 200), (12, 0, 160)])
def test_the_p_of_a_margin_agrees_with_the_paired_gate(pair: tuple[int, int, int]) -> None:
    discordance = Discordance(*pair)
    verdict, _ = judge_regression(discordance, 0, CERTIFIED, 0.03)
    p = p_of_margin(discordance, 0.03)
    assert p == pytest.approx(float(stats.norm.cdf(tango_score(discordance, 0.03))), rel=1e-9)
    assert (p <= ALPHA) == (verdict is Verdict.PASS)


def passed_by_chance(policy: GatePolicy, n: int) -> float:
    """The chance that a task whose rate is the limit passes: up to a count all pass, and from there none does."""
    passing = takewhile(lambda x: judge(Counts(n - x, x, 0), policy).verdict is Verdict.PASS, range(n + 1))
    return float(stats.binom.cdf(len(list(passing)) - 1, n, policy.max_error))


@pytest.mark.parametrize(("n", "limit"), [(100, 0.08), (160, 0.12), (150, 0.05), (37, 0.3), (3, 0.0)])
def test_a_false_pass_is_as_likely_as_enumeration_says(n: int, limit: float) -> None:
    for rule in Rule:
        policy = GatePolicy(limit, rule, 1)
        exact = passed_by_chance(policy, n)
        ceiling = false_pass_ceiling(policy, n)
        assert exact <= ceiling + 1e-12
        if rule is Rule.OBSERVED:
            assert ceiling == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("n", [30, 45, 60, 100, 150, 200, 333, 500])
@pytest.mark.parametrize("limit", [0.03, 0.05, 0.08, 0.12])
def test_certified_passes_a_rate_at_the_threshold_in_at_most_one_of_twenty(n: int, limit: float) -> None:
    assert passed_by_chance(GatePolicy(limit, Rule.CERTIFIED, 1), n) <= ALPHA
