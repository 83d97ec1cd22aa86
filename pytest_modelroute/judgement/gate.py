"""The gate: counts and policy in, a verdict with its findings out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from ..registry.model import GatePolicy, Rule
from .audit import Audit
from .clusters import Samples
from .intervals import lower_bound, upper_bound
from .power import cases_to_certify

__all__ = [
    "Counts",
    "Decision",
    "Finding",
    "FindingKind",
    "Scope",
    "Verdict",
    "fails_build",
    "judge",
    "verdict_by_rule",
    "worst_verdict",
]


class Verdict(Enum):
    PASS = "pass"  # noqa: S105  # a verdict
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"
    NOT_EVALUATED = "not_evaluated"
    UNGATED = "ungated"


@dataclass(frozen=True, slots=True)
class Counts:
    """Cases by outcome; an error is neither correct nor wrong, and is never left out.

    Where each case was answered several times, a case counts as its worst answer, and `samples` has them all: rate and
    bounds are theirs. Where a grader gave the outcomes, `audit` has what people say of it, and they are the audit's as
    soon as that is complete.
    """

    correct: int
    wrong: int
    errors: int
    samples: Samples | None = None
    audit: Audit | None = None

    @property
    def cases(self) -> int:
        return self.correct + self.wrong + self.errors

    @property
    def error_rate(self) -> float | None:
        """Wrong answers over all cases; None where there are none."""
        if self.audited is not None:
            return self.audited.error_rate
        if self.samples is not None:
            return self.samples.error_rate
        return self.wrong / self.cases if self.cases else None

    @property
    def bounds(self) -> tuple[float, float] | None:
        """One-sided 95 % bounds, Clopper-Pearson's; unanswered cases make both as wide as they could be."""
        if self.audited is not None:
            return self.audited.bounds
        if self.samples is not None:
            return self.samples.bounds
        if not self.cases:
            return None
        return lower_bound(self.wrong, self.cases), upper_bound(self.wrong + self.errors, self.cases)

    @property
    def audited(self) -> Audit | None:
        """The grader's audit, where it is complete and there is an answer to each case."""
        return self.audit if self.audit is not None and self.audit.complete and not self.errors else None

    @property
    def effective_cases(self) -> float:
        """How many independent answers with a perfect verdict these are worth."""
        clusters = self.audited or self.samples
        return self.cases if clusters is None else clusters.effective_cases


class Scope(Enum):
    """Which cases a finding is about."""

    ALL = "all"
    BASE = "base"


class FindingKind(Enum):
    UNANSWERED = "unanswered"
    WITHIN = "within"
    ABOVE = "above"
    TOO_FEW = "too_few"
    CERTIFIED = "certified"
    REFUTED = "refuted"
    UNDECIDED = "undecided"
    UNAUDITED = "unaudited"
    BELOW_FLOOR = "below_floor"
    NO_CASES = "no_cases"


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason of a verdict; `more_cases` is how many would decide it, None where no feasible number will."""

    kind: FindingKind
    scope: Scope
    counts: Counts
    policy: GatePolicy
    more_cases: int | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    verdict: Verdict
    findings: tuple[Finding, ...]


SEVERITY = (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.ERROR)


def judge(counts: Counts, policy: GatePolicy, base_counts: Counts | None = None) -> Decision:
    """Judge a task on all its cases and, where given, on those of them that the base has too: the worse one counts."""
    verdict, finding = _judge(counts, policy, Scope.ALL)
    if base_counts is None:
        return Decision(verdict, (finding,))
    base_verdict, base_finding = _judge(base_counts, policy, Scope.BASE)
    return Decision(worst_verdict(verdict, base_verdict), (finding, base_finding))


def worst_verdict(*verdicts: Verdict) -> Verdict:
    """Of several judgements of one task, the one that counts."""
    return max(verdicts, key=SEVERITY.index)


def fails_build(verdict: Verdict, strict: bool) -> bool:
    """Whether a verdict blocks the merge: an inconclusive one does so where the task's assignment changes."""
    return verdict in (Verdict.FAIL, Verdict.ERROR) or (strict and verdict is Verdict.INCONCLUSIVE)


def verdict_by_rule(counts: Counts, policy: GatePolicy, scope: Scope = Scope.ALL) -> tuple[Verdict, FindingKind]:
    """What the rule says of the counts, and why, without what more cases would change."""
    if counts.errors:
        return Verdict.ERROR, FindingKind.UNANSWERED
    if not counts.cases:
        return Verdict.INCONCLUSIVE, FindingKind.NO_CASES
    rate, bounds = counts.error_rate, counts.bounds
    assert rate is not None
    assert bounds is not None
    if policy.rule is Rule.CERTIFIED:
        lower, upper = bounds
        if upper <= policy.max_error:
            if counts.audit is not None and counts.audited is None:  # an unaudited grader's bounds cover 13 to 28 %
                return Verdict.INCONCLUSIVE, FindingKind.UNAUDITED
            if scope is Scope.ALL and counts.cases < policy.floor:
                return Verdict.INCONCLUSIVE, FindingKind.BELOW_FLOOR
            return Verdict.PASS, FindingKind.CERTIFIED
        if lower > policy.max_error:
            return Verdict.FAIL, FindingKind.REFUTED
        return Verdict.INCONCLUSIVE, FindingKind.UNDECIDED
    if rate > policy.max_error:
        return Verdict.FAIL, FindingKind.ABOVE
    if scope is Scope.ALL and counts.cases < policy.min_cases:
        return Verdict.INCONCLUSIVE, FindingKind.TOO_FEW
    return Verdict.PASS, FindingKind.WITHIN


def _judge(counts: Counts, policy: GatePolicy, scope: Scope) -> tuple[Verdict, Finding]:
    verdict, kind = verdict_by_rule(counts, policy, scope)
    return verdict, Finding(kind, scope, counts, policy, _more_cases(kind, counts, policy))


def _more_cases(kind: FindingKind, counts: Counts, policy: GatePolicy) -> int | None:
    if kind is FindingKind.TOO_FEW:
        return policy.min_cases - counts.cases
    if kind is FindingKind.BELOW_FLOOR:
        return policy.floor - counts.cases
    rate = counts.error_rate
    if kind is not FindingKind.UNDECIDED or rate is None:
        return None
    needed = cases_to_certify(rate, policy.max_error)
    if needed is not None:  # a case with samples is worth more than one answer, one that was graded less
        needed = math.ceil(needed * counts.cases / counts.effective_cases)
    return None if needed is None else max(needed - counts.cases, 1)
