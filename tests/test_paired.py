"""Tango's interval, against reference values and an independent computation of the restricted likelihood."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special, stats

from pytest_modelroute.judgement.paired import Z_95, Discordance, cases_to_certify_margin, tango_interval, tango_score

from .enumerated import most_passing, worst_size

Z_TWO_SIDED = 1.959963984540054


@pytest.mark.parametrize(
    ("discordance", "lower", "upper"),
    [(Discordance(6, 16, 161), -0.124023, -0.005433), (Discordance(1, 7, 21), -0.517232, -0.026003)],
)
def test_the_interval_has_its_reference_values(discordance: Discordance, lower: float, upper: float) -> None:
    assert tango_interval(discordance, Z_TWO_SIDED) == pytest.approx((lower, upper), abs=5e-7)


def variance_by_likelihood(b: int, c: int, n: int, d: float) -> float:
    """Of one case, with the share of those that only the baseline got wrong fitted numerically under the hypothesis."""

    def unlikelihood(share: float) -> float:
        logs = special.xlogy((b, c, n - b - c), (share + d, share, 1 - 2 * share - d))
        return -float(np.sum(logs))

    low, high = max(0.0, -d), (1 - d) / 2
    share = float(optimize.minimize_scalar(unlikelihood, bounds=(low, high), options={"xatol": 1e-13}).x)
    return 2 * share + d - d * d


def score_by_likelihood(b: int, c: int, n: int, d: float) -> float:
    return (b - c - n * d) / math.sqrt(n * variance_by_likelihood(b, c, n, d))


@pytest.mark.parametrize(("b", "c", "n"), [(3, 5, 40), (0, 4, 30), (9, 0, 150), (12, 12, 24), (1, 20, 200)])
@pytest.mark.parametrize("d", [-0.6, -0.2, -0.03, 0.01, 0.03, 0.3, 0.8])
def test_the_score_is_that_of_the_restricted_likelihood(b: int, c: int, n: int, d: float) -> None:
    assert tango_score(Discordance(b, c, n), d) == pytest.approx(score_by_likelihood(b, c, n, d), rel=1e-4)


@pytest.mark.parametrize(
    ("discordance", "difference", "score"),
    [
        (Discordance(0, 0, 10), 0.0, 0.0),
        (Discordance(3, 1, 10), 1.0, -math.inf),
        (Discordance(3, 1, 10), -1.0, math.inf),
        (Discordance(10, 0, 10), 1.0, 0.0),
    ],
)
def test_a_difference_that_leaves_nothing_to_chance_is_the_true_one_or_infinitely_far(
    discordance: Discordance, difference: float, score: float
) -> None:
    assert tango_score(discordance, difference) == score


@pytest.mark.parametrize(("cases", "passes"), [(50, False), (87, False), (88, True), (89, True), (400, True)])
def test_no_discordant_pair_certifies_three_points_from_88_cases_on(cases: int, passes: bool) -> None:
    agreed = Discordance(0, 0, cases)
    assert (tango_interval(agreed)[1] <= 0.03) is passes
    assert (tango_score(agreed, 0.03) <= -Z_95) is passes


discordances = st.integers(1, 400).flatmap(
    lambda n: st.integers(0, n).flatmap(lambda b: st.integers(0, n - b).map(lambda c: Discordance(b, c, n)))
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(discordances)
def test_the_limits_hold_the_difference_and_mirror_when_the_tiers_change_places(discordance: Discordance) -> None:
    lower, upper = tango_interval(discordance)
    assert -1.0 <= lower <= discordance.difference <= upper <= 1.0
    swapped = Discordance(discordance.fixed, discordance.broke, discordance.cases)
    assert tango_interval(swapped) == pytest.approx((-upper, -lower), abs=1e-9)
    for limit, score in ((lower, Z_95), (upper, -Z_95)):
        if abs(limit) < 1:
            assert tango_score(discordance, limit) == pytest.approx(score, abs=1e-6)


@pytest.mark.parametrize("cases", [1, 2, 50, 1000])
def test_where_all_cases_say_the_same_the_limits_have_their_closed_form(cases: int) -> None:
    k = Z_95**2 / cases
    one, other = tango_interval(Discordance(cases, 0, cases)), tango_interval(Discordance(0, cases, cases))
    assert (one[1], other[0]) == (1.0, -1.0)
    assert (one[0], other[1]) == pytest.approx(((1 - k) / (1 + k), (k - 1) / (1 + k)), rel=1e-9)
    assert tango_interval(Discordance(0, 0, cases)) == pytest.approx((-k / (1 + k), k / (1 + k)), rel=1e-9)


def test_no_cases_have_no_interval() -> None:
    with pytest.raises(ValueError, match=r"\Ano cases to compare\Z"):
        tango_interval(Discordance(0, 0, 0))


@pytest.mark.parametrize(("cases", "size"), [(100, 0.0508), (200, 0.0593)])
def test_a_candidate_three_points_worse_passes_in_about_one_of_twenty_at_worst(cases: int, size: float) -> None:
    pairs = [(b, c) for b in range(cases + 1) for c in range(cases + 1 - b)]
    passing = np.array([pair for pair in pairs if tango_score(Discordance(*pair, cases), 0.03) <= -Z_95])
    outcomes = np.column_stack([passing, cases - passing.sum(axis=1)])
    ways = special.gammaln(cases + 1) - special.gammaln(outcomes + 1).sum(axis=1)
    worst = 0.0
    for fixed in np.linspace(1e-9, 0.48, 481):
        shares = np.array([fixed + 0.03, fixed, 0.97 - 2 * fixed])
        worst = max(worst, float(np.exp(ways + outcomes @ np.log(shares)).sum()))
    assert worst == pytest.approx(size, abs=0.0001)


@pytest.mark.parametrize(("margin", "worst", "at"), [(0.03, 0.0685, 88), (0.05, 0.0643, 87)])
def test_a_candidate_worse_by_the_margin_never_passes_in_more_than_seven_of_a_hundred(
    margin: float, worst: float, at: int
) -> None:
    """For every number of cases from 60 to 300."""
    sizes = {cases: worst_size(cases, margin) for cases in range(60, 301)}
    assert max(sizes.values()) == pytest.approx(worst, abs=0.0001)
    assert max(sizes, key=lambda cases: sizes[cases]) == at


@pytest.mark.parametrize("margin", [0.03, 0.05])
@pytest.mark.parametrize("cases", [60, 88, 101])
def test_what_is_enumerated_are_the_pairs_that_pass(cases: int, margin: float) -> None:
    most = most_passing(cases, margin)
    for fixed in range(cases + 1):
        passes = [tango_score(Discordance(broke, fixed, cases), margin) <= -Z_95 for broke in range(cases + 1 - fixed)]
        assert passes == [broke <= most[fixed] for broke in range(cases + 1 - fixed)]


@pytest.mark.parametrize(("b", "c", "n"), [(2, 1, 160), (4, 4, 200), (3, 6, 100), (1, 0, 120), (9, 2, 40)])
@pytest.mark.parametrize("above", [0.011, 0.03, 0.2])
def test_the_needed_size_is_the_smallest_with_four_fifths_power_by_the_normal_distribution(
    b: int, c: int, n: int, above: float
) -> None:
    difference = (b - c) / n
    margin = max(difference, 0.0) + above
    at_margin = math.sqrt(variance_by_likelihood(b, c, n, margin))
    spread = math.sqrt((b + c) / n - difference**2)

    def power(size: int) -> float:
        return float(stats.norm.cdf(((margin - difference) * math.sqrt(size) - Z_95 * at_margin) / spread))

    needed = cases_to_certify_margin(Discordance(b, c, n), margin)
    assert needed is not None
    assert power(needed - 1) < 0.8
    assert power(needed) > 0.79999  # the quantile has four digits


@pytest.mark.parametrize(
    ("discordance", "margin", "needed"),
    [
        (Discordance(0, 0, 50), 0.03, 88),
        (Discordance(0, 5, 100), 0.03, 88),  # so far ahead that the fewest do
        (Discordance(2, 1, 160), 0.008697821171934187, 20_000),
        (Discordance(2, 1, 160), 0.008697821171934185, None),  # one more than anybody will collect
        (Discordance(3, 0, 100), 0.03, None),
        (Discordance(0, 1, 100), 0.0, None),
    ],
)
def test_the_needed_size_has_its_limits(discordance: Discordance, margin: float, needed: int | None) -> None:
    assert cases_to_certify_margin(discordance, margin) == needed
