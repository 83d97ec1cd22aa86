"""The paired gate's judgement: margins, sizes, and what is never passed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pytest_modelroute.judgement.gate import Verdict, worst_verdict
from pytest_modelroute.judgement.paired import (
    Z_95,
    Discordance,
    cases_to_certify_margin,
    certifiable_from,
    mcnemar_p,
    tango_interval,
    tango_score,
)
from pytest_modelroute.judgement.regression import Regression, RegressionKind, judge_regression
from pytest_modelroute.registry.model import GatePolicy, Rule
from pytest_modelroute.reporting.wording import regression_reason

OBSERVED, CERTIFIED = (GatePolicy(0.08, rule, 100, 0.03) for rule in Rule)


def judged(broke: int, fixed: int, cases: int, policy: GatePolicy, margin: float = 0.03) -> tuple[Verdict, Regression]:
    return judge_regression(Discordance(broke, fixed, cases), 0, policy, margin)


JUDGED = {
    "observed, at the margin": (
        (3, 0, 100, OBSERVED),
        Verdict.PASS,
        "against large on 100 cases: +3.0 points (95 % bounds +0.3 to +7.3), at most 3 points allowed",
    ),
    "observed, above it": (
        (5, 1, 100, OBSERVED),
        Verdict.FAIL,
        "against large on 100 cases: +4.0 points (95 % bounds -0.04 to +9.1), at most 3 points allowed",
    ),
    "observed, too few": (
        (0, 0, 99, OBSERVED),
        Verdict.INCONCLUSIVE,
        "against large on 99 cases: +0.0 points (95 % bounds -2.7 to +2.7), but 100 cases are needed: 1 more",
    ),
    "certified": (
        (0, 0, 88, CERTIFIED),
        Verdict.PASS,
        "against large on 88 cases: +0.0 points (95 % bounds -3.0 to +2.98): certified to be at most 3 points",
    ),
    "refuted": (
        (15, 1, 160, CERTIFIED),
        Verdict.FAIL,
        "against large on 160 cases: +8.8 points (95 % bounds +5.2 to +13.3): certainly more than the 3 points allowed",
    ),
    "too few to certify anything": (
        (0, 0, 87, CERTIFIED),
        Verdict.INCONCLUSIVE,
        "against large on 87 cases: +0.0 points (95 % bounds -3.0 to +3.02): not certified to be at most 3"
        " points; no result on so few cases could be: 88 at least, 1 more",
    ),
    "undecided on the fewest that could certify it": (
        (1, 0, 88, CERTIFIED),
        Verdict.INCONCLUSIVE,
        "against large on 88 cases: +1.1 points (95 % bounds -1.9 to +4.9): not certified to be at most 3"
        " points; 306 more cases would decide it with 80 % power if the rates stay",
    ),
    "undecided": (
        (2, 1, 160, CERTIFIED),
        Verdict.INCONCLUSIVE,
        "against large on 160 cases: +0.6 points (95 % bounds -1.6 to +3.2): not certified to be at most 3"
        " points; 168 more cases would decide it with 80 % power if the rates stay",
    ),
    "undecided at the margin": (
        (6, 0, 200, CERTIFIED),
        Verdict.INCONCLUSIVE,
        "against large on 200 cases: +3.0 points (95 % bounds +1.6 to +5.7): not certified to be at most 3"
        " points; more cases will not help, as the difference reaches the margin",
    ),
}


@pytest.mark.parametrize(("case", "verdict", "words"), JUDGED.values(), ids=JUDGED)
def test_a_change_is_judged_by_its_margin(case: tuple[int, int, int, GatePolicy], verdict: Verdict, words: str) -> None:
    found, finding = judged(*case)
    assert (found, regression_reason(finding, "large")) == (verdict, words)


@pytest.mark.parametrize("policy", [OBSERVED, CERTIFIED])
@pytest.mark.parametrize(("discordance", "unanswered"), [(Discordance(0, 9, 400), 1), (Discordance(0, 0, 0), 0)])
def test_without_the_baseline_s_answer_to_every_case_nothing_passes(
    policy: GatePolicy, discordance: Discordance, unanswered: int
) -> None:
    expected = Regression(RegressionKind.UNPAIRED, discordance, unanswered, policy, 0.03)
    assert judge_regression(discordance, unanswered, policy, 0.03) == (Verdict.ERROR, expected)


@pytest.mark.parametrize(
    ("pair", "limit", "verdict"), [((1, 2, 89), 1, Verdict.PASS), ((11, 1, 88), 0, Verdict.INCONCLUSIVE)]
)
def test_a_limit_that_is_the_margin_itself_passes_above_and_does_not_fail_below(
    pair: tuple[int, int, int], limit: int, verdict: Verdict
) -> None:
    discordance = Discordance(*pair)
    margin = tango_interval(discordance)[limit]
    assert tango_score(discordance, margin) == (Z_95, -Z_95)[limit]
    assert judged(*pair, CERTIFIED, margin)[0] is verdict


def test_what_rounding_leaves_undecided_takes_one_more_case() -> None:
    margin = 0.07175452748451364  # its fewest cases are 35 but for the last bit
    assert cases_to_certify_margin(Discordance(0, 0, 35), margin) == 35
    verdict, finding = judged(0, 0, 35, CERTIFIED, margin)
    assert (verdict, finding.kind, finding.more_cases) == (Verdict.INCONCLUSIVE, RegressionKind.UNDECIDED, 1)


pairs = st.integers(1, 300).flatmap(
    lambda n: st.tuples(st.integers(0, n), st.integers(0, n), st.just(n)).filter(lambda each: each[0] + each[1] <= n)
)
margins = st.sampled_from([0.0, 0.01, 0.03, 0.05, 0.2])


@settings(max_examples=300, deadline=None, derandomize=True)
@given(pairs, margins, st.sampled_from([OBSERVED, CERTIFIED]))
def test_one_more_broken_case_never_improves_a_verdict_and_a_wider_margin_never_worsens_one(
    pair: tuple[int, int, int], margin: float, policy: GatePolicy
) -> None:
    broke, fixed, cases = pair
    verdict, _ = judged(broke, fixed, cases, policy, margin)
    if broke + fixed < cases:
        worse, _ = judged(broke + 1, fixed, cases, policy, margin)
        assert worst_verdict(worse, verdict) is worse
    looser, _ = judged(broke, fixed, cases, policy, margin + 0.02)
    assert worst_verdict(looser, verdict) is verdict


@settings(max_examples=200, deadline=None, derandomize=True)
@given(pairs, margins)
def test_certified_passes_where_the_upper_limit_is_within_the_margin(pair: tuple[int, int, int], margin: float) -> None:
    discordance = Discordance(*pair)
    lower, upper = tango_interval(discordance)
    verdict, _ = judge_regression(discordance, 0, CERTIFIED, margin)
    if abs(upper - margin) > 1e-9:
        assert (verdict is Verdict.PASS) == (upper < margin)
    if abs(lower - margin) > 1e-9:
        assert (verdict is Verdict.FAIL) == (lower > margin)


def tango_size(cases: int, margin: float) -> float:
    """The largest chance of a pass when the difference is exactly the margin, over the share of fixed cases."""
    b, c = np.meshgrid(np.arange(cases + 1), np.arange(cases + 1), indexing="ij")
    first = 2.0 * cases
    second = -b - c + (2.0 * cases - b + c) * margin
    q = (np.sqrt(np.maximum(0.0, second**2 + 4 * first * c * margin * (1 - margin))) - second) / (2 * first)
    z = (b - c - cases * margin) / np.sqrt(cases * (2 * q + margin * (1 - margin)))
    passes = (z <= -Z_95) & (b + c <= cases)
    worst = 0.0
    for share in (0.0, 0.005, 0.01, 0.02, 0.05, 0.15):
        probability = [share + margin, share, 1 - 2 * share - margin]
        counts = np.stack([b[passes], c[passes], cases - b[passes] - c[passes]], axis=-1)
        worst = max(worst, float(stats.multinomial.pmf(counts, cases, probability).sum()))
    return worst


@pytest.mark.parametrize("cases", [60, 150, 300])
@pytest.mark.parametrize("margin", [0.03, 0.05])
def test_tango_s_worst_size_stays_below_seven_per_cent(cases: int, margin: float) -> None:
    assert tango_size(cases, margin) <= 0.07


@pytest.mark.parametrize(("cases", "published"), [(100, 0.0508), (200, 0.059)])
def test_tango_s_worst_size_is_the_known_one(cases: int, published: float) -> None:
    assert tango_size(cases, 0.03) == pytest.approx(published, abs=0.004)


@pytest.mark.parametrize(("margin", "least"), [(0.03, 88), (0.05, 52), (0.1, 25), (0.01, 268)])
def test_the_smallest_size_that_can_certify_a_margin_does_so_without_discordant_pairs(
    margin: float, least: int
) -> None:
    assert certifiable_from(margin) == least
    assert tango_score(Discordance(0, 0, least), margin) <= -Z_95 < tango_score(Discordance(0, 0, least - 1), margin)


def test_no_size_certifies_a_margin_of_nothing() -> None:
    assert certifiable_from(0.0) is None


@pytest.mark.parametrize(("broke", "fixed", "cases"), [(2, 1, 160), (4, 4, 200), (3, 6, 100), (1, 0, 120)])
def test_so_many_cases_certify_the_margin_with_about_the_power_that_is_said(broke: int, fixed: int, cases: int) -> None:
    needed = cases_to_certify_margin(Discordance(broke, fixed, cases), 0.03)
    assert needed is not None
    draws = np.random.default_rng(7).multinomial(
        needed, [broke / cases, fixed / cases, 1 - (broke + fixed) / cases], size=3000
    )
    passed = [judged(int(b), int(c), needed, CERTIFIED)[0] is Verdict.PASS for b, c, _ in draws]
    assert 0.72 <= np.mean(passed) <= 0.9


@pytest.mark.parametrize(("broke", "fixed"), [(0, 0), (1, 0), (6, 16), (16, 6), (5, 5), (40, 3), (200, 231)])
def test_mcnemar_s_exact_p_is_scipy_s_of_a_fair_coin(broke: int, fixed: int) -> None:
    p = mcnemar_p(Discordance(broke, fixed, 500))
    assert p == pytest.approx(float(stats.binomtest(broke, broke + fixed).pvalue) if broke + fixed else 1.0, rel=1e-9)


def test_mcnemar_s_reference_value() -> None:
    assert mcnemar_p(Discordance(6, 16, 161)) == pytest.approx(0.052479, abs=5e-7)
    assert math.isclose(mcnemar_p(Discordance(0, 0, 10)), 1.0)
