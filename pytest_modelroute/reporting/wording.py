"""The judgement's findings in words."""

from __future__ import annotations

from ..judgement.clusters import Samples
from ..judgement.gate import Counts, Finding, FindingKind, Scope
from ..judgement.power import MOST_CASES
from ..registry.model import GatePolicy, Rule
from .numbers import interval, percent

__all__ = ["counted", "reason", "spread"]


def counted(number: int, noun: str) -> str:
    """`1 case`, `2 cases`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def reason(finding: Finding) -> str:
    """One sentence for one finding, without a full stop."""
    counts, policy = finding.counts, finding.policy
    told = _told(counts, policy) if counts.cases else ""
    limit = f"at most {percent(policy.max_error)} allowed"
    match finding.kind:
        case FindingKind.UNANSWERED:
            have = "has" if counts.errors == 1 else "have"
            words = f"{counts.errors} of {counted(counts.cases, 'case')} {have} no answer that could be scored"
        case FindingKind.NO_CASES:
            words = "no case to judge by"
        case FindingKind.WITHIN:
            words = f"{told}, {limit}"
        case FindingKind.ABOVE:
            words = f"{told}, {limit}"
        case FindingKind.TOO_FEW:
            words = f"{told}, but {policy.min_cases} cases are needed: {finding.more_cases} more"
        case FindingKind.CERTIFIED:
            words = f"{told}: certified to be {limit.removesuffix(' allowed')}"
        case FindingKind.REFUTED:
            words = f"{told}: certainly more than the {percent(policy.max_error)} allowed"
        case FindingKind.UNAUDITED:
            words = f"{told}, if the grader were never wrong: not certified without a complete audit of the grader"
        case FindingKind.UNDECIDED:
            words = f"{told}: not certified to be {limit.removesuffix(' allowed')}; {_prospect(finding)}"
    if finding.scope is Scope.BASE:
        if finding.kind is FindingKind.NO_CASES:
            return "none of the base's golden cases is left to judge by"
        return f"on the base's own cases: {words}"
    return words


def _prospect(finding: Finding) -> str:
    rate, limit, more = finding.counts.error_rate, finding.policy.max_error, finding.more_cases
    assert rate is not None
    if more is not None:
        return f"{counted(more, 'more case')} would decide it with 80 % power if the rate stays"
    if rate < limit:
        return f"if the rate stays, not even {MOST_CASES:,} cases would decide it"
    return f"more cases will not help, as {percent(rate, limit)} were wrong"


def _told(counts: Counts, policy: GatePolicy) -> str:
    assert counts.error_rate is not None
    assert counts.bounds is not None
    rate = percent(counts.error_rate, policy.max_error)
    bounds = interval(counts.bounds, policy.max_error)
    if counts.audited is not None:
        tally = f"{counts.wrong} wrong of {counts.cases} by the grader, corrected by its audit"
    elif counts.samples is None:
        tally = f"{counts.wrong} wrong of {counts.cases}"
    else:
        samples = counts.samples
        tally = f"{sum(samples.wrong)} wrong of {samples.cases} x {samples.each} answers"
    if policy.rule is Rule.OBSERVED:
        return f"{tally}: {rate} ({bounds})"
    return f"{tally}: between {bounds.replace('-', ' and ')}"


def spread(samples: Samples) -> str:
    """How much the answers to one case differ."""
    share = percent(samples.flaky / samples.cases)
    steady = percent(samples.all_right(samples.each))
    return (
        f"{samples.flaky} of {counted(samples.cases, 'case')} flaky ({share}); all {samples.each} answers right in"
        f" {steady}; worth {samples.effective_cases:.1f} independent answers"
    )
