"""Advice on a task's other assignments, and the one line that says why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ..evaluation.outlay import Outlay
from ..judgement.gate import Verdict
from ..judgement.worth import FEWEST_CALLS, Obstacle, Worth, cases_without_error
from ..registry.model import Task
from .alternatives import Alternative
from .model import TaskReport
from .numbers import interval, percent, usd
from .wording import counted

__all__ = [
    "Advice",
    "Recommendation",
    "TaskAdvice",
    "amount",
    "doubted",
    "hindrance",
    "outlay_told",
    "risk",
    "strictness",
]


class Recommendation(Enum):
    """In the order in which advice is given."""

    MOVE = "move it"
    UPGRADE = "move it up"
    NEEDS = "would need"
    PRICE = "price first"
    RECORD = "record first"
    UNJUDGED = "mend first"
    UNDECIDED = "undecided"
    NOT_WORTH = "not worth it"
    UNPROVABLE = "not provable"
    DO_NOT = "do not"


ORDER = tuple(Recommendation)


@dataclass(frozen=True)
class Advice:
    """One task and one other assignment of it.

    `verdict` is what the gate says of the change while nobody acknowledges it; `report` what that rests on, None where
    nothing is recorded or no gate would judge it. `why` is one line, `needs` the edits that policy asks for beside the
    change, and `way_out` the command or edit that would tell more.
    """

    old: Task
    alternative: Alternative
    recommendation: Recommendation
    verdict: Verdict
    worth: Worth
    why: str
    report: TaskReport | None = None
    needs: str | None = None
    way_out: str | None = None
    outlay: Outlay | None = None

    @property
    def new(self) -> Task:
        return self.alternative.task

    @property
    def rank(self) -> tuple[int, float, float]:
        """For sorting: by recommendation, then most saving first, a month's where it is known."""
        saved = (self.worth.monthly, self.worth.per_1000)
        monthly, per_1000 = (float("inf") if each is None else -each for each in saved)
        return ORDER.index(self.recommendation), monthly, per_1000


@dataclass(frozen=True)
class TaskAdvice:
    """One gated task: its report as it is assigned, advice on other assignments, and notes on the task itself."""

    report: TaskReport
    advice: tuple[Advice, ...]
    notes: tuple[str, ...]

    @property
    def best(self) -> Advice | None:
        """The change to make: of those that pass and pay the one that saves most, else the way up."""
        wanted = (Recommendation.MOVE, Recommendation.UPGRADE)
        return min(
            (each for each in self.advice if each.recommendation in wanted), key=lambda each: each.rank, default=None
        )


def risk(report: TaskReport) -> str:
    """The error rate with its bounds, the limit, what breaks against now, and what is known of a grader."""
    counts, limit = report.judged, report.policy.max_error
    told = []
    if counts is not None and counts.errors:
        told.append(f"{counts.errors} of {counted(counts.cases, 'case')} cannot be scored")
    elif counts is not None and counts.error_rate is not None and counts.bounds is not None:
        rate = f"{percent(counts.error_rate, limit)} wrong ({interval(counts.bounds, limit)})"
        told.append(f"{rate}, limit {percent(limit)}")
    if report.paired is not None and report.change is not None:
        told.append(f"breaks {len(report.paired.broke)}, fixes {len(report.paired.fixed)}")
    if report.escalation is not None and report.escalation.answers:
        told.append(f"{percent(report.escalation.number / report.escalation.answers, 1.0)} escalate")
    return doubted("; ".join(told), report)


def doubted(why: str, report: TaskReport) -> str:
    """With what is known of the grader behind it, where a model grades."""
    if report.grader is None:
        return why
    return "; ".join(filter(None, (why, report.grader.shortcoming or report.grader.told)))


def hindrance(obstacle: Obstacle, worth: Worth) -> str:
    """Why a move that passes is not worth it."""
    if obstacle is Obstacle.SAVES_NOTHING:
        return "it saves nothing"
    if obstacle is Obstacle.FEW_CALLS:
        return f"{worth.calls:,} calls a month are under {FEWEST_CALLS:,}"
    from_calls = "" if worth.pays_from is None else f"; from {worth.pays_from:,} calls a month it would"
    return f"a year's saving does not pay {amount(worth.work)} USD of work{from_calls}"


def amount(usd: float) -> str:
    """A round sum: `1,000`, or `12.50`."""
    return f"{usd:,.2f}".removesuffix(".00")


def strictness(limit: float, cases: int) -> str:
    """Why so few cases cannot prove so strict a limit, and how many could."""
    needed = cases_without_error(limit)
    could = "no number of them can" if needed is None else f"{needed:,} without one wrong could"
    return f"{counted(cases, 'case')} cannot prove at most {percent(limit)} wrong: {could}"


def outlay_told(outlay: Outlay) -> str:
    """`160 calls, about 0.55 USD`."""
    plan = outlay.plan
    calls = counted(len(plan.calls), "run" if plan.own else "call")
    return f"{calls} to record, " + (f"about {usd(outlay.usd)} USD" if outlay.usd is not None else "cost unknown")
