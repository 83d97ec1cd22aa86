"""Several tasks in one change: what their gates may let through together."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..registry.model import GatePolicy, Rule
from .gate import Counts
from .intervals import ALPHA, beta_cdf, binomial_cdf
from .paired import Discordance, tango_score

__all__ = ["adjusted", "false_pass_ceiling", "p_of_margin", "p_of_threshold"]


def p_of_threshold(counts: Counts, threshold: float) -> float:
    """The p of "the error rate is at least `threshold`": at most 5 % exactly where the upper bound certifies it.

    With samples or a grader's audit, their effective number stays that of the 95 % bound. Unanswered cases leave
    nothing proven, and neither does a grader that was not audited: 1.
    """
    if counts.errors or not counts.cases or (counts.audit is not None and counts.audited is None):
        return 1.0
    cases, wrong = float(counts.cases), float(counts.wrong)
    clusters = counts.audited or counts.samples
    if clusters is not None:
        cases = clusters.effective_cases
        wrong = clusters.error_rate * cases
    if wrong >= cases:
        return 1.0
    return 1.0 - beta_cdf(threshold, wrong + 1.0, cases - wrong)


def p_of_margin(discordance: Discordance, margin: float) -> float:
    """The p of "the difference is at least `margin`", by Tango's score."""
    return math.erfc(-tango_score(discordance, margin) / math.sqrt(2.0)) / 2.0


def adjusted(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the given order (Holm 1979, Scandinavian Journal of Statistics 6: 65-70)."""
    result = list(p_values)
    highest = 0.0
    for step, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - step) * p_values[index]))
        result[index] = highest
    return result


def false_pass_ceiling(policy: GatePolicy, cases: int) -> float:
    """The chance that a gate passes a task whose true error rate lies just above its threshold."""
    if policy.rule is Rule.CERTIFIED:
        return ALPHA
    # As the gate compares, and not by a product, which rounds.
    allowed = max(wrong for wrong in range(cases) if wrong / cases <= policy.max_error)
    return binomial_cdf(allowed, cases, policy.max_error)
