"""Policy before measurement: what a task's traits demand of a move, whatever was measured."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ..registry.catalogue import Level, recommended
from ..registry.model import Registry, Rule, Task

__all__ = ["Demand", "DemandKind", "demands"]


class DemandKind(Enum):
    CERTIFIED_RULE = "certified_rule"
    ACKNOWLEDGEMENT = "acknowledgement"


@dataclass(frozen=True, slots=True)
class Demand:
    """One thing that a downgrade still lacks, and the traits that ask for it."""

    kind: DemandKind
    objections: tuple[str, ...]
    level: Level
    tier: str


def demands(registry: Registry, task: Task, acknowledged: bool) -> tuple[Demand, ...]:
    """What a downgrade to below the recommended tier lacks, where the task is long, costly to fail or takes steps."""
    level = recommended(task.kind, task.traits)
    if task.traits is None or level is None:
        return ()
    objections = task.traits.objections
    rank, wanted = registry.rank(task.tier), level.rank(len(registry.tiers))
    if not objections or rank is None or rank >= wanted:
        return ()
    missing = []
    if task.gate.rule is not Rule.CERTIFIED:
        missing.append(DemandKind.CERTIFIED_RULE)
    if not acknowledged:
        missing.append(DemandKind.ACKNOWLEDGEMENT)
    return tuple(Demand(kind, objections, level, registry.tiers[wanted].name) for kind in missing)
