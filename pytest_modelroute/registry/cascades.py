"""Which escalations make sense: to a dearer tier, and by a confidence that the answers have."""

from __future__ import annotations

from ..errors import InputError
from .model import Registry, Task

__all__ = ["check_escalation", "dearer_tiers"]


def dearer_tiers(registry: Registry, name: str) -> list[str]:
    """The tiers above one, cheapest first; of a tier that the registry lacks, none."""
    rank = registry.rank(name)
    return [] if rank is None else [tier.name for tier in registry.tiers[rank + 1 :]]


def check_escalation(registry: Registry, task: Task) -> None:
    """Raise InputError for an escalation to a tier that is not dearer, or by a confidence that no answer has."""
    escalation = task.escalation
    if escalation is None:
        return
    told, place = f"tasks.{task.name}.escalate", escalation.place
    dearer = dearer_tiers(registry, task.tier)
    if escalation.to not in dearer:
        what = f"{told}: '{escalation.to}' is not dearer than '{task.tier}', which answers first"
        valid = "one of " + ", ".join(dearer) if dearer else f"no `escalate`: no tier is dearer than '{task.tier}'"
        raise InputError(what, place=place, valid=valid)
    if registry.tier(escalation.to).served_by == registry.tier(task.tier).served_by:
        what = f"{told}: '{escalation.to}' and '{task.tier}' are one model"
        raise InputError(what, place=place, valid="a tier with another model")
    if escalation.below is not None and task.output.confidence is None:
        what = f"{told}: 'below' needs a confidence, and the task's output has none"
        valid = "`output: {confidence: /confidence}`, or no 'below': to escalate answers that cannot be used"
        raise InputError(what, place=place, valid=valid)
