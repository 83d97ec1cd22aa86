"""What recording a task on a tier would cost, told from what is recorded already: nobody is asked."""

from __future__ import annotations

from dataclasses import dataclass

from ..registry.model import Tier
from .costs import total_usd
from .evaluate import TaskMaterial
from .grading import grader_of
from .planning import RecordMode, TaskPlan, estimate, needed_calls
from .project import Project

__all__ = ["Outlay", "outlay"]


@dataclass(frozen=True, slots=True)
class Outlay:
    """What is missing or stale of a task on a tier; `usd` has the grades of the answers too, None where unknown."""

    plan: TaskPlan
    usd: float | None

    @property
    def usd_per_1000_calls(self) -> float | None:
        """What the task's calls would cost there."""
        return self.plan.estimate.usd(1000, self.plan.tier.price)


def outlay(project: Project, material: TaskMaterial, tier: Tier) -> Outlay | None:
    """What it takes to record all cases; None where nothing is to be recorded. Raises InputError."""
    recordings, name = project.recordings, material.task.name
    calls = needed_calls(material, tier, material.cases, RecordMode.NEW_EPISODES, recordings)
    if not calls:
        return None
    others = [recordings.cassette(name, other.model) for other in project.registry.tiers if other != tier]
    cassette = recordings.cassette(name, tier.model)
    plan = TaskPlan(name, tier, calls, estimate(calls, cassette, others, lambda arguments: None))
    grader = grader_of(material)
    if grader is None:
        return Outlay(plan, plan.usd)
    grades = recordings.cassette(grader.shelf, grader.tier.model)
    if not grades.interactions():
        return Outlay(plan, None)
    grading = estimate((), grades, (), lambda arguments: None).usd(len(calls), grader.tier.price)
    return Outlay(plan, total_usd((plan.usd, grading)))
