"""What a rule does on so many cases: the published table, scipy, and the gate itself."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pytest_modelroute.judgement.gate import Verdict
from pytest_modelroute.judgement.operating import Chances, assumed_rates, operation
from pytest_modelroute.registry.model import GatePolicy, Rule
from pytest_modelroute.reporting.numbers import chance

OBSERVED, CERTIFIED = (GatePolicy(0.08, rule, 100) for rule in Rule)
SIZES = (50, 100, 150, 200, 500)
RATES = (0.02, 0.04, 0.08, 0.12, 0.16)

# P(pass)/P(fail)/P(inconclusive) in % of `certified` for a threshold of 8 %, as it was published before this code.
PUBLISHED = """\
36/0/64    86/0/14   97/0/3   99/0/1   100/0/0
13/0/87    43/0/57   61/0/39  72/0/28  98/0/2
1.5/4/94   3.7/3/94  4.0/3/93 3.7/3/93 3.7/5/92
.2/25/75   .1/31/69  .1/44/56 0/53/47  0/91/9
0/56/44    0/75/25   0/89/11  0/95/5   0/100/0
"""
PASSES_OBSERVED = {
    # For a true rate of 2, 4, 6, 8, 10, 12 and 16 %. At 16 % of 100, and 6 % of 200, the published table said 2 and 90:
    # it was simulated, and P(X <= 8) is 1.47 %, P(X <= 16) is 90.54 %.
    100: "100/98/85/59/32/14/1",
    200: "100/100/91/57/21/5/0",
}


def in_digits_of(published: str, share: float) -> str:
    """A share in % with as many decimals as the published figure has, in its spelling; a whole 0 stands for 0.0 too."""
    digits = len(published.partition(".")[2])
    return f"{share * 100:.{digits}f}".removeprefix("0" if digits else "")


def shares(chances: Chances) -> tuple[float, float, float]:
    return chances.passes, chances.fails, chances.inconclusive


def test_the_published_table_to_the_digit() -> None:
    rows = PUBLISHED.splitlines()
    assert len(rows) == len(RATES)
    for column, cases in enumerate(SIZES):
        found = operation(CERTIFIED, cases, RATES)
        for row, chances in zip(rows, found.chances, strict=True):
            figures = row.split()[column].split("/")
            assert [in_digits_of(*each) for each in zip(figures, shares(chances), strict=True)] == figures


@pytest.mark.parametrize(("cases", "published"), PASSES_OBSERVED.items())
def test_the_published_chances_of_the_observed_rule(cases: int, published: str) -> None:
    found = operation(OBSERVED, cases, (0.02, 0.04, 0.06, 0.08, 0.10, 0.12, 0.16))
    assert "/".join(f"{each.passes * 100:.0f}" for each in found.chances) == published
    assert all(each.inconclusive == 0 for each in found.chances)


@pytest.mark.parametrize(
    ("cases", "passing", "failing"), [(50, 0, 8), (100, 3, 14), (150, 6, 19), (200, 9, 24), (500, 29, 51)]
)
def test_the_published_cut_offs(cases: int, passing: int, failing: int) -> None:
    limits = operation(CERTIFIED, cases, ()).limits
    assert (limits.cases, limits.pass_at_most, limits.fail_at_least) == (cases, passing, failing)


@pytest.mark.parametrize(
    ("policy", "cases", "passing", "failing"),
    [
        (OBSERVED, 100, 8, 9),
        (OBSERVED, 99, None, 8),
        (GatePolicy(0.0, Rule.OBSERVED, 1), 10, 0, 1),
        (GatePolicy(0.0, Rule.CERTIFIED, 1), 10, None, 1),
        (GatePolicy(0.9, Rule.CERTIFIED, 1), 1, None, None),
        (GatePolicy(0.99, Rule.OBSERVED, 1), 1, 0, 1),
        (CERTIFIED, 1, None, None),
        (CERTIFIED, 35, None, 7),
        (CERTIFIED, 36, 0, 7),
    ],
)
def test_cut_offs_that_no_number_reaches(
    policy: GatePolicy, cases: int, passing: int | None, failing: int | None
) -> None:
    limits = operation(policy, cases, ()).limits
    assert (limits.pass_at_most, limits.fail_at_least) == (passing, failing)


def by_scipy(policy: GatePolicy, cases: int) -> list[Verdict]:
    """The verdict at each number of wrong answers, by the definition of the rule."""
    wrong = np.arange(cases + 1)
    if policy.rule is Rule.OBSERVED:
        passing = (wrong / cases <= policy.max_error) & (cases >= policy.min_cases)
        failing = wrong / cases > policy.max_error
    else:
        upper = stats.beta.ppf(0.95, wrong + 1, np.maximum(cases - wrong, 1e-9))
        lower = stats.beta.ppf(0.05, np.maximum(wrong, 1e-9), cases - wrong + 1)
        passing = np.where(wrong == cases, 1.0, upper) <= policy.max_error
        failing = np.where(wrong == 0, 0.0, lower) > policy.max_error
    order = (Verdict.INCONCLUSIVE, Verdict.PASS, Verdict.FAIL)
    return [order[number] for number in (passing + 2 * failing).tolist()]


@pytest.mark.parametrize("rule", Rule)
@pytest.mark.parametrize("threshold", [0.01, 0.06, 0.08, 0.3, 0.97])
@pytest.mark.parametrize("cases", [1, 20, 99, 100, 161, 700])
def test_chances_are_scipy_s_sums_over_its_verdicts(rule: Rule, threshold: float, cases: int) -> None:
    policy = GatePolicy(threshold, rule, 100)
    rates = (1e-6, 0.01, threshold, 0.5, 0.93)
    verdicts = by_scipy(policy, cases)
    order = (Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE)
    found = operation(policy, cases, rates)
    assert found.policy is policy
    for rate, chances in zip(rates, found.chances, strict=True):
        probabilities = np.asarray(stats.binom.pmf(np.arange(cases + 1), cases, rate)).tolist()
        expected = [
            sum(share for share, each in zip(probabilities, verdicts, strict=True) if each is verdict)
            for verdict in order
        ]
        assert shares(chances) == pytest.approx(expected, rel=1e-9, abs=1e-12)
        assert [share > 0 for share in shares(chances)] == [verdict in verdicts for verdict in order]


def test_small_chances_of_failing_keep_their_digits() -> None:
    limits = operation(CERTIFIED, 500, (0.02,))
    assert limits.limits.fail_at_least == 51
    assert limits.chances[0].fails == pytest.approx(stats.binom.sf(50, 500, 0.02), rel=1e-9)
    assert limits.chances[0].fails < 1e-16


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(1, 500), st.integers(1, 999), st.sampled_from(Rule), st.floats(1e-9, 1, exclude_max=True))
def test_chances_are_certain_only_where_nothing_else_can_come(
    cases: int, threshold: int, rule: Rule, rate: float
) -> None:
    found = operation(GatePolicy(threshold / 1000, rule, 100), cases, (rate,))
    chances = shares(found.chances[0])
    assert sum(chances) == pytest.approx(1)
    assert all(0 <= each <= 1 for each in chances)
    possible = sum(each > 0 for each in chances)
    assert (1.0 in chances) == (possible == 1)


def test_rates_are_whole_per_cents_and_the_threshold_and_go_further_where_it_is_high() -> None:
    whole = tuple(number / 100 for number in range(1, 17))
    for threshold in (0.0, 0.03, 0.05, 0.08, 0.12):
        assert assumed_rates(threshold) == whole
    assert assumed_rates(0.055) == (*whole[:5], 0.055, *whole[5:])
    assert assumed_rates(0.121)[0] == 0.121 / 8
    assert assumed_rates(0.024)[:8] == (0.003, 0.006, 0.009, 0.012, 0.015, 0.018, 0.021, 0.024)
    assert assumed_rates(0.125) == tuple(number / 64 for number in range(1, 17))
    for threshold in (number / 1000 for number in range(1, 1000)):
        rates = assumed_rates(threshold)
        assert threshold in rates
        assert all(0 < one < other < 1 for one, other in pairwise(rates))
        assert 16 <= len(rates) <= 17 or threshold >= 0.5


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0"),
        (0.0004, "0"),
        (0.0006, ".1"),
        (0.0016754615, ".2"),
        (0.00999, "1.0"),
        (0.01546648, "1.5"),
        (0.0397, "4.0"),
        (0.0994, "9.9"),
        (0.0996, "10"),
        (0.364169, "36"),
        (0.9951, "100"),
        (1.0, "100"),
    ],
)
def test_a_chance_has_a_decimal_below_ten_per_cent_where_it_is_asked_for(share: float, text: str) -> None:
    assert chance(share, decimal=True) == text
    assert chance(share) == f"{share * 100:.0f}"
