"""The audit of a grader: section 6's formula, its coverage, and bounds against scipy's."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import beta, hypergeom

from pytest_modelroute.judgement.audit import Audit, Share
from pytest_modelroute.judgement.correction import p_of_threshold
from pytest_modelroute.judgement.gate import Counts, FindingKind, Verdict, judge
from pytest_modelroute.judgement.intervals import upper_bound
from pytest_modelroute.registry.model import GatePolicy, Rule


@st.composite
def audits(draw: st.DrawFn) -> Audit:
    """A complete audit of any size."""
    faulty, flagged, passed = (draw(st.integers(0, 60)) for _ in range(3))
    faulty += not (faulty or flagged or passed)
    checked = draw(st.integers(min(30, passed), passed))
    return Audit(
        faulty, flagged, passed, flagged, draw(st.integers(0, flagged)), checked, draw(st.integers(0, checked))
    )


def by_scipy(audit: Audit) -> tuple[float, float, float, float]:
    """Rate, effective cases and bounds, written down from the formula a second time."""
    n, n0, m, x0 = audit.cases, audit.passed, audit.passed_checked, audit.passed_wrong
    x1 = audit.faulty + audit.flagged_wrong
    w = n0 / n
    p0 = (x0 + 0.5) / (m + 1) if n0 else 0.0
    phi = x1 / n + w * p0
    v = phi * (1 - phi) / n + (w**2 * p0 * (1 - p0) / m * (1 - m / n0) if n0 else 0.0)
    worth = min(n, phi * (1 - phi) / v) if v > 0 else n
    x = min(phi * worth, worth)
    upper = beta.ppf(0.95, x + 1, worth - x) if x < worth else 1.0
    lower = beta.ppf(0.05, x, worth - x + 1) if x > 0 else 0.0
    return phi, worth, float(lower), float(upper)


@settings(deadline=None)
@given(audits())
@example(Audit(7, 0, 0))
@example(Audit(0, 5, 0, 5, 0))
@example(Audit(0, 5, 20, 5, 5, 20, 20))
def test_rate_and_bounds_are_the_formula_s(audit: Audit) -> None:
    rate, worth, lower, upper = by_scipy(audit)
    assert audit.complete
    assert audit.error_rate == pytest.approx(rate)
    assert audit.effective_cases == pytest.approx(worth)
    assert audit.bounds == pytest.approx((lower, upper), abs=1e-9)
    assert 0 <= audit.bounds[0] <= audit.error_rate <= audit.bounds[1] <= 1


@settings(deadline=None)
@given(audits())
def test_missed_cases_are_bounded_exactly(audit: Audit) -> None:
    least, most = audit.missed
    found, checked, passed = audit.passed_wrong, audit.passed_checked, audit.passed
    possible = range(found, passed - checked + found + 1)
    by_chance = [wrong for wrong in possible if hypergeom.cdf(found, passed, wrong, checked) > 0.05 + 1e-12]
    assert most == max(by_chance, default=found)
    from_below = [wrong for wrong in possible if hypergeom.sf(found - 1, passed, wrong, checked) > 0.05 + 1e-12]
    assert least == min(from_below, default=found)
    if checked == passed:
        assert least == most == found


def test_what_is_seen_in_exactly_one_of_twenty_draws_is_taken_for_impossible() -> None:
    assert Audit(0, 0, 20, 0, 0, 1, 0, least=1).missed == (0, 18)


@settings(deadline=None)
@given(audits())
@example(Audit(0, 1, 40, 1, 0, 39, 1))  # the bounds know that there is no more than the one that was found
def test_sensitivity_and_specificity_lie_in_their_bounds(audit: Audit) -> None:
    for share in (audit.sensitivity, audit.specificity):
        if share is not None:
            assert 0 <= share.lower <= share.estimate + 1e-12
            assert share.estimate <= share.upper + 1e-12 <= 1 + 1e-11


def test_a_census_tells_them_exactly() -> None:
    audit = Audit(
        faulty=1, flagged=10, passed=40, flagged_checked=10, flagged_wrong=8, passed_checked=40, passed_wrong=2
    )
    assert audit.sensitivity is not None
    assert audit.specificity is not None
    assert (audit.sensitivity.lower, audit.sensitivity.estimate, audit.sensitivity.upper) == (0.8, 0.8, 0.8)
    assert (audit.specificity.lower, audit.specificity.estimate, audit.specificity.upper) == (0.95, 0.95, 0.95)


def test_a_draw_tells_them_by_what_the_rest_must_hold() -> None:
    audit = Audit(
        faulty=3, flagged=10, passed=190, flagged_checked=10, flagged_wrong=8, passed_checked=38, passed_wrong=2
    )
    least, most = audit.missed
    assert 2 < least < 10 < most  # 2 of 38 are 10 of 190
    assert audit.sensitivity == Share(8 / 18, 8 / (8 + most), 8 / (8 + least))
    assert audit.specificity == Share(180 / 182, (190 - most) / (192 - most), (190 - least) / (192 - least))


@pytest.mark.parametrize(
    ("audit", "sensitivity", "specificity"),
    [
        (Audit(7, 0, 0), None, None),
        (Audit(0, 10, 0, 10, 8), Share(1, 1, 1), Share(0, 0, 0)),
        (Audit(0, 1, 0, 1, 1), Share(1, 1, 1), None),
        (Audit(0, 1, 0, 1, 0), None, Share(0, 0, 0)),
        (Audit(0, 0, 1, 0, 0, 1, 0), None, Share(1, 1, 1)),
        (Audit(0, 0, 1, 0, 0, 1, 1), Share(0, 0, 0), None),
        (Audit(0, 5, 100, 5, 5, 0, 0, least=0), None, None),
    ],
)
def test_a_share_of_no_answers_is_none(audit: Audit, sensitivity: Share | None, specificity: Share | None) -> None:
    assert (audit.sensitivity, audit.specificity) == (sensitivity, specificity)


@pytest.mark.parametrize(
    ("audit", "complete"),
    [
        (Audit(0, 5, 100, 5, 5, 30, 0), True),
        (Audit(0, 5, 100, 4, 4, 30, 0), False),
        (Audit(0, 5, 100, 5, 5, 29, 0), False),
        (Audit(0, 5, 20, 5, 5, 20, 0), True),
        (Audit(0, 5, 20, 5, 5, 19, 0), False),
        (Audit(0, 0, 50), False),
        (Audit(7, 0, 0), True),
    ],
)
def test_what_makes_an_audit_complete(audit: Audit, complete: bool) -> None:
    assert audit.complete is complete
    if not complete:
        assert audit.sensitivity is audit.specificity is None


def test_what_an_audit_counts() -> None:
    audit = Audit(
        faulty=1, flagged=10, passed=45, flagged_checked=9, flagged_wrong=8, passed_checked=31, passed_wrong=2
    )
    assert (audit.cases, audit.checked, audit.required) == (56, 40, 30)
    assert Audit(0, 0, 45, least=20).required == 20


COVERAGE = [  # true error rate, sensitivity, specificity, cases, passed cases checked
    (0.08, 0.3, 1.0, 150, 30),
    (0.08, 0.5, 1.0, 200, 30),
    (0.08, 0.5, 0.95, 150, 30),
    (0.08, 0.9, 0.95, 150, 60),
    (0.04, 0.5, 0.98, 200, 30),
    (0.20, 0.4, 0.90, 100, 30),
]


@pytest.mark.parametrize(("rate", "sensitivity", "specificity", "cases", "checked"), COVERAGE)
def test_the_upper_bound_covers_the_truth_where_the_unaudited_one_does_not(
    rate: float, sensitivity: float, specificity: float, cases: int, checked: int
) -> None:
    chance = random.Random(7)
    rounds, covered, unaudited = 400, 0, 0
    for _ in range(rounds):
        wrong = [chance.random() < rate for _ in range(cases)]
        flagged = [chance.random() < (sensitivity if bad else 1 - specificity) for bad in wrong]
        passed = [bad for bad, flag in zip(wrong, flagged, strict=True) if not flag]
        drawn = chance.sample(passed, min(checked, len(passed)))
        hits = sum(bad and flag for bad, flag in zip(wrong, flagged, strict=True))
        audit = Audit(0, sum(flagged), len(passed), sum(flagged), hits, len(drawn), sum(drawn))
        covered += audit.bounds[1] >= rate
        unaudited += upper_bound(sum(flagged), cases) >= rate
    # Section 6 claims 95.9 to 100 %; four standard errors of 400 rounds at 95 % are 4.4 points.
    assert covered / rounds > 0.95 - 4 * math.sqrt(0.95 * 0.05 / rounds)
    if specificity == 1:  # no false alarm makes up for what is missed
        assert unaudited / rounds < 0.35


OBSERVED = GatePolicy(0.08, Rule.OBSERVED, 100)
CERTIFIED = GatePolicy(0.08, Rule.CERTIFIED, 100)


@pytest.mark.parametrize(
    ("counts", "policy", "verdict", "kind"),
    [
        (Counts(200, 0, 0, audit=Audit(0, 0, 200)), OBSERVED, Verdict.PASS, FindingKind.WITHIN),
        (Counts(200, 0, 0, audit=Audit(0, 0, 200)), CERTIFIED, Verdict.INCONCLUSIVE, FindingKind.UNAUDITED),
        (
            Counts(200, 0, 0, audit=Audit(0, 0, 200, 0, 0, 29, 0)),
            CERTIFIED,
            Verdict.INCONCLUSIVE,
            FindingKind.UNAUDITED,
        ),
        (Counts(200, 0, 0, audit=Audit(0, 0, 200, 0, 0, 100, 0)), CERTIFIED, Verdict.PASS, FindingKind.CERTIFIED),
        # It called all right, and the person found 6 of 30 wrong.
        (Counts(200, 0, 0, audit=Audit(0, 0, 200, 0, 0, 30, 6)), OBSERVED, Verdict.FAIL, FindingKind.ABOVE),
        # It called 30 wrong, and none of them was.
        (Counts(170, 30, 0, audit=Audit(0, 30, 170, 30, 0, 60, 0)), OBSERVED, Verdict.PASS, FindingKind.WITHIN),
        (Counts(199, 0, 1, audit=Audit(0, 0, 199, 0, 0, 100, 0)), CERTIFIED, Verdict.ERROR, FindingKind.UNANSWERED),
        (Counts(100, 100, 0, audit=Audit(0, 100, 100)), CERTIFIED, Verdict.FAIL, FindingKind.REFUTED),
    ],
)
def test_what_a_gate_makes_of_an_audit(counts: Counts, policy: GatePolicy, verdict: Verdict, kind: FindingKind) -> None:
    decision = judge(counts, policy)
    assert (decision.verdict, decision.findings[0].kind) == (verdict, kind)


def test_more_cases_are_counted_in_what_graded_ones_are_worth() -> None:
    audit = Audit(0, 10, 190, 10, 8, 30, 0)
    counts = Counts(190, 10, 0, audit=audit)
    finding = judge(counts, GatePolicy(0.08, Rule.CERTIFIED, 100)).findings[0]
    assert finding.kind is FindingKind.UNDECIDED
    assert counts.effective_cases == audit.effective_cases < 200
    assert finding.more_cases is not None
    assert finding.more_cases > 0


@settings(deadline=None)
@given(audits(), st.floats(0.01, 0.5))
def test_holm_s_p_is_five_percent_exactly_where_the_audit_certifies(audit: Audit, threshold: float) -> None:
    wrong = audit.faulty + audit.flagged
    p = p_of_threshold(Counts(audit.cases - wrong, wrong, 0, audit=audit), threshold)
    upper = audit.bounds[1]
    if abs(upper - threshold) > 1e-9:
        assert (p <= 0.05) is (upper <= threshold)


def test_an_unaudited_grader_proves_nothing_among_several_tasks() -> None:
    assert p_of_threshold(Counts(500, 0, 0), 0.08) < 1e-9
    assert p_of_threshold(Counts(500, 0, 0, audit=Audit(0, 0, 500)), 0.08) == 1
