"""Which way a change of what answers leads, by the orders of tiers of base and head: the worse of both counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .model import Registry, Task, Tier

__all__ = ["escalates_less", "is_known_upgrade", "is_upgrade", "reads_other_confidence"]


def is_upgrade(base: Registry, head: Registry, old: Tier, new: Tier) -> bool:
    """Whether a move is no step down. A tier is also known by its name: renaming one must not hide a downgrade."""
    return _leads_up(old, new, (base, head), _place_or_name)


def is_known_upgrade(base: Registry, head: Registry, old: Tier, new: Tier) -> bool:
    """Whether another model under a tier's name is no step down: a name says nothing of a model."""
    return _leads_up(old, new, (base, head), Registry.place)


def escalates_less(base: Registry, head: Registry, before: Task, after: Task) -> bool:
    """Whether fewer answers may escalate than did, or to what may be worse."""
    old, new = before.escalation, after.escalation
    if old is None:
        return False
    if new is None or reads_other_confidence(before, after):
        return True
    if old.below is not None and (new.below is None or new.below < old.below):
        return True
    source, target = base.tier(old.to), head.tier(new.to)
    known = is_known_upgrade if base.rank(new.to) is not None else is_upgrade
    return source.served_by != target.served_by and not known(base, head, source, target)


def reads_other_confidence(before: Task, after: Task) -> bool:
    """Whether a task that escalates by confidence finds that elsewhere in its answers."""
    by_confidence = [task.escalation is not None and task.escalation.below is not None for task in (before, after)]
    return all(by_confidence) and before.output.confidence != after.output.confidence


def _leads_up(old: Tier, new: Tier, orders: Sequence[Registry], place: Callable[[Registry, Tier], int | None]) -> bool:
    steps = []
    for order in orders:
        source, target = place(order, old), place(order, new)
        if source is not None and target is not None:
            steps.append(target - source)
    # In no order that knows both tiers is this a step up: then nothing says that it is not a step down.
    return bool(steps) and min(steps) >= 0


def _place_or_name(order: Registry, tier: Tier) -> int | None:
    place = order.place(tier)
    return order.rank(tier.name) if place is None else place
