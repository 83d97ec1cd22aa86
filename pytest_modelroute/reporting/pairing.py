"""Counting results: identical requests once, and two tiers on the same cases side by side."""

from __future__ import annotations

from collections.abc import Sequence

from ..evaluation.costs import usd_per_1000
from ..evaluation.results import CaseResult, Outcome, case_outcomes
from ..judgement.clusters import Samples
from ..judgement.gate import Counts
from ..registry.model import Tier
from .model import PairedReport

__all__ = ["distinct_counts", "paired_report"]


def distinct_counts(keys: Sequence[str], results: Sequence[CaseResult]) -> Counts:
    """Outcomes of cases, whose keys stand in `keys`; identical requests are one observation, the worst of theirs."""
    distinct: dict[str, tuple[int, int]] = {}
    each = len(results) // max(1, len(keys))
    for key, first in zip(keys, range(0, len(results), each or 1), strict=True):
        outcomes = [result.outcome for result in results[first : first + each]]
        faults = (outcomes.count(Outcome.ERROR), outcomes.count(Outcome.WRONG))
        distinct[key] = max(distinct.get(key, faults), faults)
    errors = sum(error > 0 for error, _ in distinct.values())
    wrong = sum(wrong > 0 and not error for error, wrong in distinct.values())
    samples = None
    if each > 1:
        samples = Samples(
            tuple(wrong for _, wrong in distinct.values()), tuple(error for error, _ in distinct.values()), each
        )
    return Counts(len(distinct) - wrong - errors, wrong, errors, samples)


def paired_report(
    tier: Tier, answered: Sequence[CaseResult], keys: Sequence[str], results: Sequence[CaseResult]
) -> PairedReport | None:
    """What another tier `answered` beside `results`, whose keys stand in `keys`; None where no case has both."""
    before = case_outcomes(answered)
    # Identical requests are one observation here too: of their cases, the one that says most against the change.
    distinct: dict[str, tuple[str, Outcome, Outcome] | None] = {}
    for key, (case, outcome) in zip(keys, case_outcomes(results).items(), strict=True):
        known = distinct.setdefault(key, None)
        if case in before and (known is None or _loss(outcome, before[case]) > _loss(*known[1:])):
            distinct[key] = (case, outcome, before[case])
    unpaired = sum(pair is None for pair in distinct.values())
    pairs = {
        case: (outcome, old) for case, outcome, old in filter(None, distinct.values()) if outcome is not Outcome.ERROR
    }
    unanswered = sum(old is Outcome.ERROR for _, old in pairs.values())
    pairs = {case: pair for case, pair in pairs.items() if pair[1] is not Outcome.ERROR}
    if not pairs:
        return None
    right, wrong = Outcome.CORRECT, Outcome.WRONG
    return PairedReport(
        tier=tier.name,
        cases=len(pairs),
        wrong=sum(old is wrong for _, old in pairs.values()),
        broke=tuple(case for case, pair in pairs.items() if pair == (wrong, right)),
        fixed=tuple(case for case, pair in pairs.items() if pair == (right, wrong)),
        usd_per_1000_calls=usd_per_1000([result.usd for result in answered if result.case in pairs]),
        unanswered=unanswered,
        unpaired=unpaired,
    )


def _loss(now: Outcome, before: Outcome) -> tuple[bool, int]:
    """How much a pair says against a change: most where nothing can be said of it."""
    return Outcome.ERROR in (now, before), now.badness - before.badness
