"""Counting results: identical requests once, and two tiers on the same cases side by side."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from ..evaluation.costs import usd_per_1000_calls
from ..evaluation.evaluate import CaseResult, Evaluation, Outcome, case_outcomes
from ..evaluation.grading import grader_of
from ..judgement.clusters import Samples
from ..judgement.gate import Counts
from .model import PairedReport

__all__ = ["distinct_counts", "paired_report"]


def distinct_counts(keys: Sequence[str], results: Sequence[CaseResult]) -> Counts:
    """Outcomes of cases, whose keys stand in `keys`; identical requests are one observation, the worst of theirs."""
    distinct: dict[str, tuple[int, int]] = {}
    each = 1
    for key, (_, group) in zip(keys, itertools.groupby(results, key=lambda result: result.case), strict=True):
        outcomes = [result.outcome for result in group]
        each = len(outcomes)
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


def paired_report(baseline: Evaluation, keys: Sequence[str], results: Sequence[CaseResult]) -> PairedReport | None:
    """The baseline's answers beside `results`, whose keys stand in `keys`; None where no case was answered by both."""
    answered = baseline.results()
    before = {case: outcome for case, outcome in case_outcomes(answered) if outcome is not Outcome.ERROR}
    # Identical requests are one observation here too: the first case of a key stands for it.
    distinct = dict(zip(reversed(keys), reversed(list(case_outcomes(results))), strict=True))
    pairs = {
        case: (outcome, before[case])
        for case, outcome in reversed(distinct.values())
        if case in before and outcome is not Outcome.ERROR
    }
    if not pairs:
        return None
    right, wrong = Outcome.CORRECT, Outcome.WRONG
    grader = grader_of(baseline.material)
    return PairedReport(
        tier=baseline.tier.name,
        cases=len(pairs),
        wrong=sum(old is wrong for _, old in pairs.values()),
        broke=tuple(case for case, pair in pairs.items() if pair == (wrong, right)),
        fixed=tuple(case for case, pair in pairs.items() if pair == (right, wrong)),
        usd_per_1000_calls=usd_per_1000_calls(
            [result.usage for result in answered if result.case in pairs], baseline.tier.price
        ),
        self_graded=grader is not None and grader.serves(baseline.tier),
    )
