"""How else a task could be assigned: to each cheaper tier, alone or before the assigned one, and to dearer ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..evaluation.evaluate import Evaluation
from ..evaluation.grading import grader_of
from ..evaluation.questions import questions
from ..evaluation.results import Outcome
from ..registry.cascades import dearer_tiers
from ..registry.model import Registry, Task, Tier
from ..registry.serving import Escalation
from ..routing.escalations import chosen_by

__all__ = ["Alternative", "alone", "assignment", "cascade", "cheaper", "dearer"]


@dataclass(frozen=True, slots=True)
class Alternative:
    """A task as it could be; `uncertified` is whether its cascade asks no confidence because none was certified."""

    task: Task
    uncertified: bool = False

    @property
    def told(self) -> str:
        return assignment(self.task)


def assignment(task: Task) -> str:
    """`small`, `small, then large`, `small, then large below 0.7`."""
    escalation = task.escalation
    if escalation is None:
        return task.tier
    below = "" if escalation.below is None else f" below {escalation.below:g}"
    return f"{task.tier}, then {escalation.to}{below}"


def cheaper(registry: Registry, task: Task) -> Iterator[Alternative]:
    """The task on each tier before its own, dearest first; an escalation that it has stays."""
    assigned = registry.tier(task.tier)
    for tier in reversed(registry.tiers[: registry.rank(task.tier)]):
        if tier.served_by != assigned.served_by:
            yield Alternative(replace(task, tier=tier.name))


def alone(task: Task) -> Iterator[Alternative]:
    """A task that escalates on either of its tiers without the other: nothing else may cost more than both."""
    if task.escalation is not None:
        yield Alternative(replace(task, escalation=None))
        yield Alternative(replace(task, tier=task.escalation.to, escalation=None))


def dearer(registry: Registry, task: Task) -> Iterator[Alternative]:
    """The task on each tier after its own, cheapest first, without an escalation that would not go up from there."""
    for name in dearer_tiers(registry, task.tier):
        if registry.tier(name).served_by == registry.tier(task.tier).served_by:
            continue
        up = task.escalation is not None and task.escalation.to in dearer_tiers(registry, name)
        yield Alternative(replace(task, tier=name, escalation=task.escalation if up else None))


def cascade(task: Task, first: Tier, cheap: Evaluation, dear: Evaluation) -> Alternative:
    """The task on a cheaper tier with the assigned one behind it, as `cheap` and `dear` evaluate them alone.

    Answers without a usable output escalate and, where the task states a confidence, those below the threshold that is
    certified for its limit; a grader's verdicts certify none.
    """
    below = None
    if task.output.confidence is not None and grader_of(cheap.material) is None:
        below = _certified(cheap, dear, Escalation(task.tier, None, task.tier_place), task.gate.max_error)
    escalation = Escalation(task.tier, below, task.tier_place)
    uncertified = task.output.confidence is not None and below is None
    return Alternative(replace(task, tier=first.name, escalation=escalation), uncertified)


def _certified(cheap: Evaluation, dear: Evaluation, to: Escalation, limit: float) -> float | None:
    """The certified threshold; None where no threshold is, or an answer is missing."""
    found = questions(cheap, dear)
    pairs = [pair for question in found for pair in question.samples]
    if not pairs or any(result.outcome is Outcome.ERROR for pair in pairs for result in pair):
        return None
    certified = chosen_by(found, to, limit).certified
    return None if certified is None else certified.threshold
