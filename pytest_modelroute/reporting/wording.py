"""The judgement's findings in words."""

from __future__ import annotations

from collections.abc import Sequence

from ..judgement.clusters import Samples
from ..judgement.demands import Demand, DemandKind
from ..judgement.gate import Counts, Finding, FindingKind, Scope
from ..judgement.paired import tango_interval
from ..judgement.power import MOST_CASES
from ..judgement.regression import Regression, RegressionKind
from ..registry.acknowledging import entry_text
from ..registry.changes import Change, ChangeKind
from ..registry.model import GatePolicy, Rule
from .numbers import interval, percent, points

__all__ = [
    "correction_reason",
    "counted",
    "demand_reason",
    "meeting",
    "reason",
    "regression_reason",
    "spread",
    "way_out_lines",
]


def counted(number: int, noun: str, many: str | None = None) -> str:
    """`1 case`, `2 cases`; `many` is a plural that takes more than an s."""
    return f"{number} {noun}" if number == 1 else f"{number} {many or noun + 's'}"


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
        case FindingKind.BELOW_FLOOR:
            words = f"{told}, but the rule that this replaces needs {policy.floor} cases: {finding.more_cases} more"
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


def regression_reason(finding: Regression, rival: str, unpaired: int = 0) -> str:
    """One sentence for what the paired gate found against the tier `rival`, which was not asked `unpaired` cases."""
    told = _regression(finding, rival)
    if not unpaired or finding.kind in (RegressionKind.UNPAIRED, RegressionKind.SELF_GRADED):
        return told
    return f"{told}; {counted(unpaired, 'new case')} {'is' if unpaired == 1 else 'are'} not compared"


def _regression(finding: Regression, rival: str) -> str:
    discordance, limit = finding.discordance, f"{percent(finding.margin).removesuffix(' %')} points"
    if finding.kind is RegressionKind.UNPAIRED:
        have = "has" if finding.unanswered == 1 else "have"
        return f"{counted(finding.unanswered, 'case')} {have} no answer of {rival} to compare with"
    if finding.kind is RegressionKind.SELF_GRADED:
        return f"the margin to {rival} says nothing: as the grader it graded its own answers there"
    lower, upper = (points(bound, finding.margin) for bound in tango_interval(discordance))
    difference = points(discordance.difference, finding.margin)
    told = (
        f"against {rival} on {counted(discordance.cases, 'case')}: {difference} points (95 % bounds {lower} to {upper})"
    )
    match finding.kind:
        case RegressionKind.WITHIN | RegressionKind.ABOVE:
            return f"{told}, at most {limit} allowed"
        case RegressionKind.TOO_FEW:
            return f"{told}, but {finding.policy.min_cases} cases are needed: {finding.more_cases} more"
        case RegressionKind.CERTIFIED:
            return f"{told}: certified to be at most {limit}"
        case RegressionKind.REFUTED:
            return f"{told}: certainly more than the {limit} allowed"
        case RegressionKind.UNCERTIFIABLE:
            least = discordance.cases + (finding.more_cases or 0)
            prospect = f"no result on so few cases could be: {least} at least, {finding.more_cases} more"
        case RegressionKind.UNDECIDED:
            if finding.more_cases is not None:
                prospect = (
                    f"{counted(finding.more_cases, 'more case')} would decide it with 80 % power if the rates stay"
                )
            elif discordance.difference >= finding.margin:
                prospect = "more cases will not help, as the difference reaches the margin"
            else:
                prospect = f"if the rates stay, not even {MOST_CASES:,} cases would decide it"
    return f"{told}: not certified to be at most {limit}; {prospect}"


# What a demand is about, the gravest first.
LOWERING = {
    ChangeKind.DOWNGRADE: "a move to below",
    ChangeKind.MODEL_SWAP: "a model that is not known to reach",
    ChangeKind.ESCALATION_CHANGED: "less escalation below",
}


def demand_reason(demand: Demand, changes: Sequence[Change]) -> str:
    """What policy asks of changes that lower what answers, and which of the three questions says so."""
    lacks = {
        DemandKind.CERTIFIED_RULE: "needs `rule: certified`",
        DemandKind.ACKNOWLEDGEMENT: "needs an acknowledgement",
    }[demand.kind]
    traits = " and ".join(demand.objections)
    kinds = {change.kind for change in changes}
    what = next(told for kind, told in LOWERING.items() if kind in kinds)
    return f"{what} {demand.tier}, which is recommended for {traits}, {lacks}, whatever was measured"


def meeting(demands: tuple[Demand, ...], unacknowledged: Sequence[Change]) -> str:
    """The edits that meet the demands."""
    entries = " and ".join(f"`{entry_text(change)}`" for change in unacknowledged)
    edits = {
        DemandKind.CERTIFIED_RULE: "set `gate: {rule: certified}`",
        DemandKind.ACKNOWLEDGEMENT: f"acknowledge it: {entries}",
    }
    return " and ".join(edits[demand.kind] for demand in demands)


def correction_reason(p: float, tasks: int) -> str:
    """Why Holm's method holds back a task that would pass alone."""
    return (
        f"among {counted(tasks, 'changed task')} it does not pass: Holm's adjusted p is {p:.3f}, and 0.05 is the most;"
        " change fewer tasks at a time, or add golden cases"
    )


def way_out_lines(way_out: str) -> list[str]:
    """What stands below the reasons; entries of YAML keep lines of their own, to be pasted."""
    first, *entries = way_out.split("\n")
    return [f"  way out: {first}", *(f"    {entry}" for entry in entries)]
