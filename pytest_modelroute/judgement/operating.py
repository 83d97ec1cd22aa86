"""What a rule does before anything is measured: the chance of each verdict at an assumed true error rate."""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from ..registry.model import GatePolicy
from .gate import Counts, Verdict, verdict_by_rule
from .intervals import beta_cdf, binomial_cdf

__all__ = ["Chances", "CutOffs", "Operation", "assumed_rates", "operation"]

TINIEST = sys.float_info.min
ALMOST_ONE = 1.0 - sys.float_info.epsilon / 2
STEPS_TO_THRESHOLD = 8  # whole per cents where that is 8 %
USUAL = (0.03, 0.12)  # thresholds for which whole per cents tell enough


@dataclass(frozen=True, slots=True)
class CutOffs:
    """Of `cases`: the most wrong answers that pass, and the fewest that fail; None where no number does."""

    cases: int
    pass_at_most: int | None
    fail_at_least: int | None


@dataclass(frozen=True, slots=True)
class Chances:
    """The probability of each verdict. Exactly 0 or 1 only for a verdict that cannot come or always comes."""

    passes: float
    fails: float
    inconclusive: float


@dataclass(frozen=True, slots=True)
class Operation:
    """How one policy judges so many cases: where its verdict changes, and the chances at each assumed error rate."""

    policy: GatePolicy
    limits: CutOffs
    chances: tuple[Chances, ...]


def assumed_rates(threshold: float) -> tuple[float, ...]:
    """True error rates: 1 to 16 % and the threshold; for one below 3 or above 12 %, its eighths up to twice that."""
    steps = range(1, 2 * STEPS_TO_THRESHOLD + 1)
    limit = threshold or 0.08
    if USUAL[0] <= limit <= USUAL[1]:
        return tuple(sorted({*(step / 100 for step in steps), limit}))
    # In as many digits as every decimal has in a float, so that 7/8 of 24 % is 21 %, and 8/8 the threshold.
    rates = (float(f"{limit * step / STEPS_TO_THRESHOLD:.15g}") for step in steps)
    return tuple(rate for rate in rates if rate < 1)


def operation(policy: GatePolicy, cases: int, rates: Sequence[float]) -> Operation:
    """What `policy` comes to on `cases`, one answer each, at true error rates strictly between 0 and 1."""
    limits = _cut_offs(policy, cases)
    return Operation(policy, limits, tuple(_chances(limits, rate) for rate in rates))


def _cut_offs(policy: GatePolicy, cases: int) -> CutOffs:
    """Where the gate's own verdict changes as more of `cases` are wrong: it never becomes milder."""
    order = (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL)

    def severity(wrong: int) -> int:
        verdict, _ = verdict_by_rule(Counts(cases - wrong, wrong, 0), policy)
        return order.index(verdict)

    numbers = range(cases + 1)
    passing = bisect_left(numbers, 1, key=severity)
    failing = bisect_left(numbers, 2, key=severity)
    return CutOffs(cases, passing - 1 if passing else None, failing if failing <= cases else None)


def _chances(limits: CutOffs, error_rate: float) -> Chances:
    """Exact: where every case is wrong with the same probability, the number of wrong ones is binomial."""
    cases, most, fewest = limits.cases, limits.pass_at_most, limits.fail_at_least
    passes = 0.0 if most is None else binomial_cdf(most, cases, error_rate)
    # P(X >= fewest), which 1 - P(X < fewest) would lose where it is small.
    fails = 0.0 if fewest is None else beta_cdf(error_rate, fewest, cases - fewest + 1)
    inconclusive = 1.0 - passes - fails
    first, last = 0 if most is None else most + 1, cases if fewest is None else fewest - 1
    return Chances(*_bounded((passes, most is not None), (fails, fewest is not None), (inconclusive, first <= last)))


def _bounded(*chances: tuple[float, bool]) -> list[float]:
    """A float may be too coarse to tell almost never from never, and almost always from always."""
    if sum(possible for _, possible in chances) == 1:
        return [float(possible) for _, possible in chances]
    return [min(max(value, TINIEST), ALMOST_ONE) if possible else 0.0 for value, possible in chances]
