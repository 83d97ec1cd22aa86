"""What a report says of a grader: which tier it is, and how far people found it to be right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..judgement.audit import Audit, Share
from .numbers import interval, percent

__all__ = ["GraderReport", "audit_lines", "grader_from_wire", "grader_to_wire"]


@dataclass(frozen=True, slots=True)
class GraderReport:
    """The grader of a task's answers. `about` says how its labels were made, `people` who made those that count.

    `passed_left` of the passed cases that are required have no label. `command` is what labels; None where there is no
    auditing these answers. `other_models` graded, and are not the one asked for.
    """

    tier: str
    model: str
    audit: Audit
    about: tuple[str, ...]
    people: tuple[str, ...]
    passed_left: int
    command: str | None
    other_models: tuple[str, ...] = ()

    @property
    def shortcoming(self) -> str | None:
        """Why its verdicts are not known to be right, in a few words; None where an audit tells how far they are."""
        if self.audit.complete and self.command is not None:
            return None
        return "audit incomplete" if self._begun and self.command is not None else "grader not audited"

    @property
    def _begun(self) -> bool:
        return self.audit.flagged_checked > 0 or self.passed_left < self.audit.required

    @property
    def told(self) -> str:
        """One sentence without a full stop."""
        audit = self.audit
        if self.command is None:
            return f"graded by {self.tier}: grader not audited, and an audit takes one sample a case"
        if not audit.complete and not self._begun:
            return f"graded by {self.tier}: grader not audited ({self.command})"
        if not audit.complete:
            return f"graded by {self.tier}: audit incomplete: {self._to_label} ({self.command})"
        by = f" by {', '.join(self.people)}" if self.people else ""
        parts = [f"graded by {self.tier}, audited on {audit.checked} of {audit.flagged + audit.passed} answers{by}"]
        if audit.sensitivity is not None:
            parts.append(f"it flagged {_share(audit.sensitivity)} of the wrong answers")
        if audit.specificity is not None:
            parts.append(f"passed {_share(audit.specificity)} of the right ones")
        told = ": ".join((parts[0], " and ".join(parts[1:]))) if parts[1:] else parts[0]
        return f"{told}; rate and bounds are the audit's"

    @property
    def _to_label(self) -> str:
        audit = self.audit
        left = []
        if audit.flagged > audit.flagged_checked:
            left.append(f"{audit.flagged - audit.flagged_checked} of {audit.flagged} flagged")
        if self.passed_left:
            left.append(f"{self.passed_left} of {audit.required} passed")
        return f"{' and '.join(left)} cases still to label"


def _share(share: Share) -> str:
    if share.lower == share.upper:  # every answer was looked at
        return percent(share.estimate, 1.0)
    return f"{percent(share.estimate, 1.0)} ({interval((share.lower, share.upper), 1.0)})"


def audit_lines(report: GraderReport, threshold: float) -> Iterator[str]:
    """The audit's result to read: the grader against the person, and what the error rate is then."""
    audit = report.audit
    yield report.told
    checked = (
        ("flagged", audit.flagged_checked - audit.flagged_wrong, audit.flagged_wrong, audit.flagged),
        ("passed", audit.passed_checked - audit.passed_wrong, audit.passed_wrong, audit.passed),
    )
    yield f"{'grader':<10}{'person: right':>15}{'person: wrong':>15}{'not labelled':>15}{'all':>8}"
    for name, right, wrong, total in checked:
        yield f"{name:<10}{right:>15}{wrong:>15}{total - right - wrong:>15}{total:>8}"
    if audit.faulty:
        yield f"{audit.faulty} more answers are wrong by their form: no grader saw them"
    if not audit.complete or not audit.cases:
        return
    for name, share in (("sensitivity", audit.sensitivity), ("specificity", audit.specificity)):
        yield f"{name}: " + (_share(share) if share is not None else "nothing tells: no such answer was found")
    flagged = (audit.faulty + audit.flagged) / audit.cases
    yield f"error rate by the grader: {percent(flagged, threshold)}"
    rate, bounds = percent(audit.error_rate, threshold), interval(audit.bounds, threshold)
    yield f"error rate by the audit: {rate} ({bounds}), worth {audit.effective_cases:.0f} cases that a person judged"


def grader_to_wire(report: GraderReport) -> dict[str, Any]:
    """The report as JSON-like data; what a complete audit alone tells is null before."""
    audit = report.audit
    complete = audit.complete and audit.cases > 0 and report.command is not None
    lower, upper = audit.bounds if complete else (None, None)
    return {
        "tier": report.tier,
        "model": report.model,
        "audited": complete,
        "labels": asdict(audit),
        "passed_left": report.passed_left,
        "sensitivity": asdict(audit.sensitivity) if complete and audit.sensitivity else None,
        "specificity": asdict(audit.specificity) if complete and audit.specificity else None,
        "error_rate": audit.error_rate if complete else None,
        "interval": {"lower": lower, "upper": upper} if complete else None,
        "effective_cases": audit.effective_cases if complete else None,
        "about": list(report.about),
        "labelled_by": list(report.people),
        "label_with": report.command,
        "other_models": list(report.other_models),
    }


def grader_from_wire(wire: Mapping[str, Any] | None) -> GraderReport | None:
    """Read what `grader_to_wire` wrote."""
    if wire is None:
        return None
    audit = Audit(**wire["labels"])
    return GraderReport(
        tier=wire["tier"],
        model=wire["model"],
        audit=audit,
        about=tuple(wire["about"]),
        people=tuple(wire["labelled_by"]),
        passed_left=wire["passed_left"],
        command=wire["label_with"],
        other_models=tuple(wire["other_models"]),
    )
