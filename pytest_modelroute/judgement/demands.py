"""Policy before measurement: what a task's traits demand of a move, whatever was measured."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ..registry.catalogue import Level, recommended
from ..registry.model import Registry, Rule, Task, Tier

__all__ = ["Demand", "DemandKind", "demands"]


class DemandKind(Enum):
    CERTIFIED_RULE = "certified_rule"
    ACKNOWLEDGEMENT = "acknowledgement"


@dataclass(frozen=True, slots=True)
class Demand:
    """One thing that a downgrade, or what may be one, still lacks, and the traits that ask for it."""

    kind: DemandKind
    objections: tuple[str, ...]
    level: Level
    tier: str


def demands(registry: Registry, task: Task, acknowledged: bool, base: Registry | None = None) -> tuple[Demand, ...]:
    """What is lacking where a task with objections may be answered by less than the tier that is recommended for it.

    The tiers that answer it are held against the recommended one of `registry` and that of the `base`, in the order of
    both: a change of the tiers beside the move must not make the move harmless.
    """
    level = recommended(task.kind, task.traits)
    if task.traits is None or level is None or registry.rank(task.tier) is None:
        return ()
    objections = task.traits.objections
    answering = [registry.tier(name) for name in task.answering]
    recommended_tiers = [order.tiers[level.rank(len(order.tiers))] for order in (registry, base) if order is not None]
    above = [
        wanted for wanted in recommended_tiers if any(_lies_below(tier, wanted, registry, base) for tier in answering)
    ]
    if not objections or not above:
        return ()
    missing = []
    if task.gate.rule is not Rule.CERTIFIED:
        missing.append(DemandKind.CERTIFIED_RULE)
    if not acknowledged:
        missing.append(DemandKind.ACKNOWLEDGEMENT)
    return tuple(Demand(kind, objections, level, above[0].name) for kind in missing)


def _lies_below(tier: Tier, wanted: Tier, head: Registry, base: Registry | None) -> bool:
    """Whether a tier of head's is cheaper than the `wanted` one in either order, or may be, as neither tells."""
    if tier.served_by == wanted.served_by:
        return False
    # In head's order another model stands where the one stood that it replaces.
    if base is not None and base.rank(tier.name) is not None and base.place(tier) is None:
        return True
    steps = []
    for order in (head,) if base is None else (head, base):
        own, other = order.place(tier), order.place(wanted)
        if own is not None and other is not None:
            steps.append(own - other)
    return not steps or min(steps) < 0
