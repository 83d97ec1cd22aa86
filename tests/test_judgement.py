"""The gate and its bounds, against scipy and the tables of the statistics notes."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pytest_modelroute.judgement.gate import (
    Counts,
    Decision,
    Finding,
    FindingKind,
    Scope,
    Verdict,
    fails_build,
    judge,
    verdict_by_rule,
)
from pytest_modelroute.judgement.intervals import beta_cdf, binomial_cdf, lower_bound, upper_bound
from pytest_modelroute.registry.model import GatePolicy, Rule

SIZES = (1, 2, 3, 10, 36, 100, 150, 201, 1000, 20_000, 1_000_000)
CERTIFIED = GatePolicy(0.08, Rule.CERTIFIED, 100)
OBSERVED = GatePolicy(0.08, Rule.OBSERVED, 100)


def counts(wrong: int, cases: int, errors: int = 0) -> Counts:
    return Counts(cases - wrong - errors, wrong, errors)


def some_of(n: int) -> list[int]:
    return sorted({x for x in (0, 1, 2, n // 12, n // 3, n // 2, n - 1, n) if 0 <= x <= n})


@pytest.mark.parametrize(
    ("bound", "x", "n", "expected"),
    [
        (upper_bound, 9, 200, 0.077211),
        (upper_bound, 0, 36, 0.079847),
        (upper_bound, 0, 35, 0.082032),
        (lower_bound, 6, 120, 0.021996),
        (upper_bound, 6, 120, 0.096296),
        (lower_bound, 6, 150, 0.017561),
        (upper_bound, 6, 150, 0.077418),
    ],
)
def test_bounds_have_their_reference_values(
    bound: Callable[[int, int], float], x: int, n: int, expected: float
) -> None:
    assert bound(x, n) == pytest.approx(expected, abs=5e-7)


@pytest.mark.parametrize("n", SIZES)
def test_bounds_are_scipy_s_clopper_pearson(n: int) -> None:
    for x in some_of(n):
        for alpha in (0.05, 0.005):
            upper = 1.0 if x == n else float(stats.beta.ppf(1 - alpha, x + 1, n - x))
            lower = 0.0 if x == 0 else float(stats.beta.ppf(alpha, x, n - x + 1))
            assert upper_bound(x, n, alpha) == pytest.approx(upper, rel=1e-8)
            assert lower_bound(x, n, alpha) == pytest.approx(lower, rel=1e-8)
        both = stats.binomtest(x, n).proportion_ci(0.90, method="exact")  # finds the roots of the binomial tails
        assert (lower_bound(x, n), upper_bound(x, n)) == pytest.approx(tuple(both), rel=1e-8)


@pytest.mark.parametrize("a", [0.5, 1, 3.5, 40, 900])
@pytest.mark.parametrize("b", [0.5, 1, 7, 120.25, 3000])
def test_the_incomplete_beta_function_is_scipy_s(a: float, b: float) -> None:
    for x in (-1.0, 0.0, 1e-9, 0.01, 0.08, 0.3, 0.5, 0.9, 0.999, 1.0, 2.0):
        assert beta_cdf(x, a, b) == pytest.approx(float(stats.beta.cdf(x, a, b)), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("n", [1, 7, 100, 2000])
def test_the_binomial_distribution_is_scipy_s(n: int) -> None:
    for x in (-1, *some_of(n), n + 1):
        for p in (0.0, 1e-12, 0.02, 0.08, 0.5, 0.97, 1.0):
            assert binomial_cdf(x, n, p) == pytest.approx(float(stats.binom.cdf(x, n, p)), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("x", "n"), [(-1, 10), (11, 10), (0, 0), (1, 0), (0, -1)])
def test_a_share_of_no_cases_has_no_bounds(x: int, n: int) -> None:
    for bound in (lower_bound, upper_bound):
        with pytest.raises(ValueError, match=f"{x} of {n} is not a share of any cases"):
            bound(x, n)


# P(pass)/P(fail)/P(inconclusive) in % of `certified`, and its cut-offs: pass at most, fail at least.
CUT_OFFS = {50: (0, 8), 100: (3, 14), 150: (6, 19), 200: (9, 24), 500: (29, 51)}
CERTIFIED_TABLE = {
    0.02: "36/0/64 86/0/14 97/0/3 99/0/1 100/0/0",
    0.04: "13/0/87 43/0/57 61/0/39 72/0/28 98/0/2",
    0.08: "1.5/4/94 3.7/3/94 4.0/3/93 3.7/3/93 3.7/5/92",
    0.12: ".2/25/75 .1/31/69 .1/44/56 0/53/47 0/91/9",
    0.16: "0/56/44 0/75/25 0/89/11 0/95/5 0/100/0",
}


@cache
def cut_offs(n: int, policy: GatePolicy) -> tuple[int, int]:
    """The most wrong answers that pass and the fewest that fail, found in the gate's own verdicts."""

    def fewest(unwanted: tuple[Verdict, ...]) -> int:
        low, high = 0, n + 1
        while low < high:
            middle = (low + high) // 2
            if judge(counts(middle, n), policy).verdict in unwanted:
                high = middle
            else:
                low = middle + 1
        return low

    return fewest((Verdict.INCONCLUSIVE, Verdict.FAIL)) - 1, fewest((Verdict.FAIL,))


@pytest.mark.parametrize("n", CUT_OFFS)
def test_certified_passes_and_fails_at_the_published_cut_offs(n: int) -> None:
    assert cut_offs(n, CERTIFIED) == CUT_OFFS[n]


def test_one_more_wrong_answer_never_makes_a_verdict_better() -> None:
    for policy in (CERTIFIED, OBSERVED):
        verdicts = [judge(counts(x, 100), policy).verdict for x in range(101)]
        order = [Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL]
        assert verdicts == sorted(verdicts, key=order.index)
        assert (verdicts[0], verdicts[-1]) == (Verdict.PASS, Verdict.FAIL)


@pytest.mark.parametrize("rate", CERTIFIED_TABLE)
def test_certified_decides_as_often_as_published(rate: float) -> None:
    for n, cell in zip(CUT_OFFS, CERTIFIED_TABLE[rate].split(), strict=True):
        passing, failing = cut_offs(n, CERTIFIED)
        passes, fails = stats.binom.cdf(passing, n, rate), stats.binom.sf(failing - 1, n, rate)
        for text, share in zip(cell.split("/"), (passes, fails, 1 - passes - fails), strict=True):
            tolerance = 0.0501 if "." in text else 0.501
            assert 100 * share == pytest.approx(float(text), abs=tolerance), f"n={n}: {cell}"


@pytest.mark.parametrize(
    ("n", "expected"), [(100, [100, 98, 85, 59, 32, 14, 1]), (200, [100, 100, 91, 57, 21, 5, 0])], ids=str
)
def test_observed_passes_as_often_as_exact_enumeration_says(n: int, expected: list[int]) -> None:
    passing, failing = cut_offs(n, OBSERVED)
    assert failing == passing + 1
    rates = (0.02, 0.04, 0.06, 0.08, 0.10, 0.12, 0.16)
    assert [round(100 * float(stats.binom.cdf(passing, n, rate))) for rate in rates] == expected


@pytest.mark.parametrize("n", [36, 59, 77, 100, 163, 250, 400])
@pytest.mark.parametrize("limit", [0.05, 0.08, 0.2])
def test_certified_is_wrong_in_one_of_twenty_at_the_limit_and_never_more(n: int, limit: float) -> None:
    passing, failing = cut_offs(n, GatePolicy(limit, Rule.CERTIFIED, 1))
    assert stats.binom.cdf(passing, n, limit) <= 0.05
    assert stats.binom.sf(failing - 1, n, limit) <= 0.05
    # And it uses what it may: one more would be too many.
    assert stats.binom.cdf(passing + 1, n, limit) > 0.05


def test_certified_passes_in_at_most_one_of_twenty_at_the_limit_for_every_number_of_cases() -> None:
    limit = CERTIFIED.max_error
    sizes = np.arange(30, 501)
    # The fewest wrong answers that may not pass: with them, more than one of twenty would.
    fewest = np.asarray(stats.binom.ppf(0.05, sizes, limit), dtype=int)
    assert np.all(stats.binom.cdf(fewest - 1, sizes, limit) <= 0.05)
    assert np.all(stats.binom.cdf(fewest, sizes, limit) > 0.05)
    for n, wrong in zip(sizes.tolist(), fewest.tolist(), strict=True):
        assert verdict_by_rule(counts(wrong, n), CERTIFIED)[0] is not Verdict.PASS, n


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.integers(1, 999), st.integers(1, 3000), st.data())
def test_observed_compares_exactly_at_the_limit(thousandths: int, cases: int, data: st.DataObject) -> None:
    edge = thousandths * cases // 1000
    wrong = data.draw(st.integers(max(0, edge - 1), min(cases, edge + 1)))
    policy = GatePolicy(float(f"0.{thousandths:03d}"), Rule.OBSERVED, 1)
    passes = Fraction(wrong, cases) <= Fraction(thousandths, 1000)
    assert judge(counts(wrong, cases), policy).verdict is (Verdict.PASS if passes else Verdict.FAIL)


@pytest.mark.parametrize(
    ("policy", "given_counts", "verdict", "kind", "more"),
    [
        (OBSERVED, counts(8, 100), Verdict.PASS, FindingKind.WITHIN, None),
        (OBSERVED, counts(9, 100), Verdict.FAIL, FindingKind.ABOVE, None),
        (OBSERVED, counts(0, 99), Verdict.INCONCLUSIVE, FindingKind.TOO_FEW, 1),
        (OBSERVED, counts(8, 99), Verdict.FAIL, FindingKind.ABOVE, None),
        (OBSERVED, counts(0, 0), Verdict.INCONCLUSIVE, FindingKind.NO_CASES, None),
        (OBSERVED, counts(0, 100, errors=1), Verdict.ERROR, FindingKind.UNANSWERED, None),
        (OBSERVED, counts(99, 100, errors=1), Verdict.ERROR, FindingKind.UNANSWERED, None),
        (CERTIFIED, counts(9, 200), Verdict.PASS, FindingKind.CERTIFIED, None),
        (CERTIFIED, counts(24, 200), Verdict.FAIL, FindingKind.REFUTED, None),
        (CERTIFIED, counts(6, 120), Verdict.INCONCLUSIVE, FindingKind.UNDECIDED, 355),
        (CERTIFIED, counts(0, 35), Verdict.INCONCLUSIVE, FindingKind.UNDECIDED, 1),
        (CERTIFIED, counts(0, 36), Verdict.PASS, FindingKind.CERTIFIED, None),
        (CERTIFIED, counts(8, 100), Verdict.INCONCLUSIVE, FindingKind.UNDECIDED, None),
        (CERTIFIED, counts(13, 100), Verdict.INCONCLUSIVE, FindingKind.UNDECIDED, None),
        (CERTIFIED, counts(0, 0), Verdict.INCONCLUSIVE, FindingKind.NO_CASES, None),
        (CERTIFIED, counts(0, 500, errors=1), Verdict.ERROR, FindingKind.UNANSWERED, None),
        (GatePolicy(0, Rule.OBSERVED, 1), counts(0, 1), Verdict.PASS, FindingKind.WITHIN, None),
        (GatePolicy(0, Rule.OBSERVED, 1), counts(1, 9), Verdict.FAIL, FindingKind.ABOVE, None),
        (GatePolicy(0, Rule.CERTIFIED, 1), counts(0, 9), Verdict.INCONCLUSIVE, FindingKind.UNDECIDED, None),
        (GatePolicy(0, Rule.CERTIFIED, 1), counts(1, 9), Verdict.FAIL, FindingKind.REFUTED, None),
        (GatePolicy(0.999, Rule.CERTIFIED, 1), counts(1, 2), Verdict.PASS, FindingKind.CERTIFIED, None),
        # A bound that is the threshold itself.
        (GatePolicy(upper_bound(9, 200), Rule.CERTIFIED, 1), counts(9, 200), Verdict.PASS, FindingKind.CERTIFIED, None),
        (
            GatePolicy(lower_bound(24, 200), Rule.CERTIFIED, 1),
            counts(24, 200),
            Verdict.INCONCLUSIVE,
            FindingKind.UNDECIDED,
            None,
        ),
    ],
)
def test_a_gate_s_verdict(
    policy: GatePolicy, given_counts: Counts, verdict: Verdict, kind: FindingKind, more: int | None
) -> None:
    expected = Decision(verdict, (Finding(kind, Scope.ALL, given_counts, policy, more),))
    assert judge(given_counts, policy) == expected


@pytest.mark.parametrize("policy", [OBSERVED, CERTIFIED], ids=["observed", "certified"])
@pytest.mark.parametrize(
    ("own", "base", "verdict"),
    [
        (counts(0, 300), counts(0, 100), Verdict.PASS),
        (counts(0, 300), counts(30, 100), Verdict.FAIL),
        (counts(99, 300), counts(0, 100), Verdict.FAIL),
        (counts(0, 300), counts(0, 0), Verdict.INCONCLUSIVE),
        (counts(99, 300), counts(0, 0), Verdict.FAIL),
        (counts(0, 300), counts(0, 100, errors=1), Verdict.ERROR),
        (counts(99, 300, errors=1), counts(0, 100), Verdict.ERROR),
        (counts(99, 300), counts(0, 100, errors=1), Verdict.ERROR),
    ],
)
def test_easy_new_cases_cannot_launder_the_base_s_own(
    policy: GatePolicy, own: Counts, base: Counts, verdict: Verdict
) -> None:
    decision = judge(own, policy, base)
    assert decision.verdict is verdict
    assert [(found.scope, found.counts) for found in decision.findings] == [(Scope.ALL, own), (Scope.BASE, base)]


def test_the_base_s_cases_need_not_reach_the_observed_minimum() -> None:
    assert judge(counts(0, 300), OBSERVED, counts(1, 20)) == Decision(
        Verdict.PASS,
        (judge(counts(0, 300), OBSERVED).findings[0], judge(counts(0, 300), OBSERVED, counts(1, 20)).findings[1]),
    )


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("verdict", Verdict)
def test_which_verdicts_fail_the_build(verdict: Verdict, strict: bool) -> None:
    failing = {Verdict.FAIL, Verdict.ERROR} | ({Verdict.INCONCLUSIVE} if strict else set())
    assert fails_build(verdict, strict) is (verdict in failing)


def test_unanswered_cases_make_the_bounds_as_wide_as_they_could_be() -> None:
    assert counts(6, 120, errors=4).bounds == (lower_bound(6, 120), upper_bound(10, 120))
    assert counts(0, 0).bounds is None
    assert counts(0, 0).error_rate is None
    assert counts(6, 120, errors=4).error_rate == 0.05
