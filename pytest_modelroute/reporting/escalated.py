"""What a cheap tier's escalations came to: how many, why, and what they mended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..evaluation.results import CaseResult, Outcome, case_outcomes
from ..registry.model import Registry, Task
from .numbers import percent
from .wording import counted

__all__ = ["EscalationReport", "escalation_report"]


@dataclass(frozen=True, slots=True)
class EscalationReport:
    """The answers of a task that escalates to a tier `to`, which asks for `model`.

    `escalated` of `answers` came from there, counted by why they escalated; of `cases`, `wrong_before` were wrong as
    the first tier answered them, and `wrong_after` as callers get them.
    """

    to: str
    model: str
    below: float | None
    answers: int
    escalated: Mapping[str, int]
    cases: int
    wrong_before: int
    wrong_after: int

    @property
    def number(self) -> int:
        return sum(self.escalated.values())

    @property
    def told(self) -> str:
        """One line without a full stop."""
        if not self.answers:
            return f"escalates to {self.to}: nothing is answered yet"
        rate = percent(self.number / self.answers, 0.0)
        why = ", ".join(f"{number} {trigger.replace('_', ' ')}" for trigger, number in sorted(self.escalated.items()))
        return (
            f"{self.number} of {counted(self.answers, 'answer')} escalated to {self.to} ({rate}"
            + (f": {why})" if why else ")")
            + f"; {self.wrong_before} of {counted(self.cases, 'case')} wrong before, {self.wrong_after} after"
        )

    def to_wire(self) -> dict[str, Any]:
        """As the JSON report has it."""
        return {
            "to": self.to,
            "model": self.model,
            "below": self.below,
            "answers": self.answers,
            "escalated": dict(self.escalated),
            "cases": self.cases,
            "wrong_before": self.wrong_before,
            "wrong_after": self.wrong_after,
        }

    @staticmethod
    def from_wire(wire: Mapping[str, Any]) -> EscalationReport:
        """Read what `to_wire` gave."""
        return EscalationReport(**wire)


def escalation_report(task: Task, registry: Registry, results: Sequence[CaseResult]) -> EscalationReport | None:
    """What the task's escalation did to `results`, errors left out; None where it has none."""
    if task.escalation is None:
        return None
    answered = [result for result in results if result.outcome is not Outcome.ERROR]
    first = [result if result.escalated is None else result.escalated.first for result in answered]
    triggers = (result.escalated.trigger.value for result in answered if result.escalated is not None)
    before, after = case_outcomes(first), case_outcomes(answered)
    return EscalationReport(
        to=task.escalation.to,
        model=registry.tier(task.escalation.to).model,
        below=task.escalation.below,
        answers=len(answered),
        escalated=dict(Counter(triggers)),
        cases=len(after),
        wrong_before=sum(outcome is Outcome.WRONG for outcome in before.values()),
        wrong_after=sum(outcome is Outcome.WRONG for outcome in after.values()),
    )
