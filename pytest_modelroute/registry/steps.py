"""Which way a change of what answers leads, by the orders of tiers of base and head: the worse of both counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .model import Registry, Task, Tier

__all__ = ["escalates_less", "is_known_upgrade", "is_upgrade", "read_otherwise"]


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
    if new is None or any(given is not None for given, _ in read_otherwise(before, after).values()):
        return True
    if old.below is not None and (new.below is None or new.below < old.below):
        return True
    source, target = base.tier(old.to), head.tier(new.to)
    known = is_known_upgrade if base.rank(new.to) is not None else is_upgrade
    return source.served_by != target.served_by and not known(base, head, source, target)


def read_otherwise(before: Task, after: Task) -> dict[str, tuple[str | None, str | None]]:
    """What of the output decides that an answer escalates, and no other change tells of: by name, before and after."""
    old, new = before.escalation, after.escalation
    if old is None or new is None:
        return {}
    found: dict[str, tuple[str | None, str | None]] = {}
    if None not in (old.below, new.below) and before.output.confidence != after.output.confidence:
        found["confidence"] = before.output.confidence, after.output.confidence
    schema, schema_now = before.output.schema, after.output.schema
    if schema is None and schema_now is not None:
        found["schema"] = None, str(schema_now.path)
    if schema is not None and schema_now is None and not (before.gated and after.gated):
        found["schema"] = str(schema.path), None
    return found


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
