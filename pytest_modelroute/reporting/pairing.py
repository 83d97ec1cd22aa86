"""Counting results: identical requests once, and two tiers on the same cases side by side."""

from __future__ import annotations

from collections.abc import Sequence

from ..evaluation.costs import usd_per_1000_calls
from ..evaluation.evaluate import CaseResult, Evaluation, Outcome
from ..judgement.gate import Counts
from .model import PairedReport, count_outcomes

__all__ = ["distinct_counts", "paired_report"]


def distinct_counts(keys: Sequence[str], results: Sequence[CaseResult]) -> Counts:
    """Outcomes with identical requests counted once, as the worst of theirs: they are one observation."""
    severity = (Outcome.CORRECT, Outcome.WRONG, Outcome.ERROR)
    worst: dict[str, CaseResult] = {}
    for key, result in zip(keys, results, strict=True):
        known = worst.get(key)
        if known is None or severity.index(result.outcome) > severity.index(known.outcome):
            worst[key] = result
    return count_outcomes(tuple(worst.values()))


def paired_report(baseline: Evaluation, keys: Sequence[str], results: Sequence[CaseResult]) -> PairedReport | None:
    """The baseline's answers beside `results`, whose keys stand in `keys`; None where no case was answered by both."""
    before = {result.case: result for result in baseline.results() if result.outcome is not Outcome.ERROR}
    # Identical requests are one observation here too: the first case of a key stands for it.
    distinct = dict(zip(reversed(keys), reversed(results), strict=True)).values()
    pairs = [
        (result, before[result.case])
        for result in reversed(distinct)
        if result.case in before and result.outcome is not Outcome.ERROR
    ]
    if not pairs:
        return None
    right, wrong = Outcome.CORRECT, Outcome.WRONG
    return PairedReport(
        tier=baseline.tier.name,
        cases=len(pairs),
        wrong=sum(old.outcome is wrong for _, old in pairs),
        broke=tuple(new.case for new, old in pairs if (new.outcome, old.outcome) == (wrong, right)),
        fixed=tuple(new.case for new, old in pairs if (new.outcome, old.outcome) == (right, wrong)),
        usd_per_1000_calls=usd_per_1000_calls([old.usage for _, old in pairs], baseline.tier.price),
    )
