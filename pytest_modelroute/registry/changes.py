"""What changed between two registries: a pure comparison of parsed content."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any

from ..errors import InputError, Place, did_you_mean
from .asked import OwnCall
from .cascades import dearer_tiers
from .model import Acknowledgement, Registry, Task, Tier, merged
from .prompts import prompt_content, prompt_name
from .steps import escalates_less, is_known_upgrade, is_upgrade, read_otherwise

__all__ = [
    "ASSIGNMENT_CHANGES",
    "TIER_CHANGES",
    "Change",
    "ChangeKind",
    "compare",
    "doubly_judged",
    "reassigned",
    "strict_tasks",
]


class ChangeKind(Enum):
    DOWNGRADE = "downgrade"
    UPGRADE = "upgrade"
    MODEL_SWAP = "model_swap"
    ESCALATION_CHANGED = "escalation_changed"
    PROMPT_CHANGED = "prompt_changed"
    REQUEST_CHANGED = "request_changed"
    TASK_ADDED = "task_added"
    TASK_REMOVED = "task_removed"
    TASK_RENAMED = "task_renamed"
    DEFAULT_TIER_CHANGED = "default_tier_changed"
    TIERS_REORDERED = "tiers_reordered"
    TIER_REMOVED = "tier_removed"
    THRESHOLD_RAISED = "threshold_raised"
    RULE_RELAXED = "rule_relaxed"
    MIN_CASES_LOWERED = "min_cases_lowered"
    MARGIN_RAISED = "margin_raised"
    SAMPLES_LOWERED = "samples_lowered"
    TRAITS_RELAXED = "traits_relaxed"
    GOLDEN_REMOVED = "golden_removed"
    GOLDEN_CHANGED = "golden_changed"
    SCHEMA_CHANGED = "schema_changed"
    OUTPUT_CHANGED = "output_changed"
    SCORER_CHANGED = "scorer_changed"
    RECORDING_EDITED = "recording_edited"
    AUDIT_CHANGED = "audit_changed"


# What decides which model answers, and what it is asked.
ASSIGNMENT_CHANGES = frozenset(
    {
        ChangeKind.DOWNGRADE,
        ChangeKind.UPGRADE,
        ChangeKind.MODEL_SWAP,
        ChangeKind.ESCALATION_CHANGED,
        ChangeKind.PROMPT_CHANGED,
        ChangeKind.REQUEST_CHANGED,
    }
)

NOBODY: Mapping[str, str] = MappingProxyType({})

TIER_CHANGES = frozenset({ChangeKind.DOWNGRADE, ChangeKind.UPGRADE, ChangeKind.MODEL_SWAP})

STRICT = ASSIGNMENT_CHANGES - {ChangeKind.UPGRADE}


@dataclass(frozen=True, slots=True)
class Change:
    """One difference; `old` and `new` are JSON-like, `place` is in the head's files.

    `undoing` says, of a move to another tier or model and of what loosens, which edit takes it back. A change that
    `loosens` takes something from what the base verified: it needs an acknowledgement. One that `lowers` may let a
    worse model answer.
    """

    kind: ChangeKind
    task: str | None
    old: Any
    new: Any
    place: Place
    acknowledged: Acknowledgement | None = None
    undoing: str = ""
    loosens: bool = False
    lowers: bool = False


def compare(base: Registry, head: Registry, *, earlier_names: Mapping[str, str] = NOBODY) -> tuple[Change, ...]:
    """All changes from `base` to `head`, those of the whole registry first, then task by task in head's order.

    `earlier_names` has, by its name in both, what the base itself called a task which goes on under another name.
    """
    return tuple(_changes(base, head, earlier_names))


def strict_tasks(changes: tuple[Change, ...], head: Registry) -> frozenset[str]:
    """The tasks for which an inconclusive verdict fails the build."""
    return frozenset(
        change.task
        for change in changes
        if change.task is not None
        and (change.kind in STRICT or (change.kind is ChangeKind.TASK_ADDED and head.tasks[change.task].gated))
    )


def doubly_judged(changes: Collection[Change]) -> frozenset[str]:
    """The tasks that the stricter of base and head decides.

    Those that a change loosens and nobody acknowledged; and where a task's assignment changes too, acknowledged ones:
    nobody turns a downgrade green by loosening its gate beside it.
    """
    assigned = {change.task for change in changes if change.kind in ASSIGNMENT_CHANGES and not change.loosens}
    return frozenset(
        change.task
        for change in changes
        if change.loosens and change.task is not None and (change.acknowledged is None or change.task in assigned)
    )


def reassigned(registry: Registry, assignments: Mapping[str, str]) -> tuple[Registry, tuple[Change, ...]]:
    """The registry with other tiers for some tasks (`--modelroute-try`), and these moves as changes.

    Raises InputError for an unknown task or tier.
    """
    tasks = dict(registry.tasks)
    moves: list[Change] = []
    for name, tier in assignments.items():
        if name not in tasks:
            raise InputError(f"--modelroute-try: unknown task '{name}'", valid=did_you_mean(name, tasks))
        if registry.rank(tier) is None:
            names = [known.name for known in registry.tiers]
            raise InputError(f"--modelroute-try: unknown tier '{tier}'", valid=did_you_mean(tier, names))
        tasks[name] = _moved(registry, tasks[name], tier)
        moves.extend(_tier_change(registry, registry, registry.tasks[name], tasks[name]))
    return dataclasses.replace(registry, tasks=tasks), tuple(moves)


def _moved(registry: Registry, task: Task, tier: str) -> Task:
    """The task on another tier, without an escalation that would not go up from there."""
    escalation = task.escalation if task.escalation and task.escalation.to in dearer_tiers(registry, tier) else None
    return dataclasses.replace(task, tier=tier, escalation=escalation)


def _changes(base: Registry, head: Registry, earlier_names: Mapping[str, str]) -> Iterator[Change]:
    base_order = [tier.name for tier in base.tiers if head.rank(tier.name) is not None]
    head_order = [tier.name for tier in head.tiers if base.rank(tier.name) is not None]
    if base_order != head_order:
        yield Change(ChangeKind.TIERS_REORDERED, None, base_order, head_order, head.tiers_place)
    if base.default_tier != head.default_tier:
        old, new, place = base.tier(base.default_tier), head.tier(head.default_tier), head.default_tier_place
        yield Change(
            ChangeKind.DEFAULT_TIER_CHANGED,
            None,
            old.name,
            new.name,
            place,
            undoing=f"put `default_tier: {old.name}` back at {place}",
            loosens=old.served_by != new.served_by and not is_upgrade(base, head, old, new),
        )
    for name, task in base.tasks.items():
        called = earlier_names.get(name, name)
        if called not in head.tasks:  # whoever still asks for it by that name is served by the default tier
            undoing = f"put the task {called} back in {head.label}"
            kind, place = ChangeKind.TASK_REMOVED, Place(head.label)
            yield Change(kind, called, task.tier, head.default_tier, place, undoing=undoing, loosens=True)
    for name, task in head.tasks.items():
        before = base.tasks.get(name)
        if before is None:
            yield Change(ChangeKind.TASK_ADDED, name, None, task.tier, task.place)
            continue
        if name in earlier_names:
            yield Change(ChangeKind.TASK_RENAMED, name, earlier_names[name], name, task.place)
        yield from _tier_change(base, head, before, task)
        yield from _escalation_change(base, head, before, task)
        if before.prompt is not None and prompt_content(before.prompt) != prompt_content(task.prompt):
            asked = prompt_name(before.prompt)
            yield Change(
                ChangeKind.PROMPT_CHANGED,
                name,
                asked,
                prompt_name(task.prompt),
                task.place,
                undoing=f"put its prompt {asked} back at {task.place}",
                loosens=before.gated and task.prompt is None,
            )
        yield from _request_change(base, head, before, task)


def _tier_change(base: Registry, head: Registry, before: Task, after: Task) -> Iterator[Change]:
    old, new = base.tier(before.tier), head.tier(after.tier)
    if old.served_by == new.served_by:
        return
    if old.name == new.name:
        yield _swap(base, head, old, new, after.name)
        return
    known = base.rank(new.name)
    if known is not None and base.tiers[known].served_by != new.served_by:
        yield _swap(base, head, base.tiers[known], new, after.name)
    upgrade = is_upgrade(base, head, old, new)
    kind = ChangeKind.UPGRADE if upgrade else ChangeKind.DOWNGRADE
    undoing = f"put `tier: {old.name}` back at {after.tier_place}"
    yield Change(kind, after.name, old.name, new.name, after.tier_place, undoing=undoing, lowers=not upgrade)


def _escalation_change(base: Registry, head: Registry, before: Task, after: Task) -> Iterator[Change]:
    old, new = before.escalation, after.escalation
    place = after.place if new is None else new.place
    edits = [f"put `escalate: {_flow(old.stated)}` back at {place}" if old else f"take `escalate` out at {place}"]
    if old is None or new is None:
        if old is new:
            return
    elif old.below == new.below:
        source, target = base.tier(old.to), head.tier(new.to)
        if source.served_by == target.served_by:
            edits = []
        elif source.name == target.name:
            yield _swap(base, head, source, target, after.name)
            edits = []
    told = read_otherwise(before, after)
    for name, (given, given_now) in told.items():
        edit = f"take `{name}: {given_now}` out" if given is None else f"put `{name}: {given}` back"
        edits.append(f"{edit} at {after.place}")
    if edits:
        was, is_now = (
            None if each is None else {**each.stated, **{name: read[side] for name, read in told.items()}}
            for side, each in enumerate((old, new))
        )
        lowers, undoing = escalates_less(base, head, before, after), " and ".join(edits)
        yield Change(ChangeKind.ESCALATION_CHANGED, after.name, was, is_now, place, undoing=undoing, lowers=lowers)


def _flow(stated: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in stated.items()) + "}"


def _swap(base: Registry, head: Registry, old: Tier, new: Tier, task: str) -> Change:
    """The tier's own change: its place is the tier's, and not that of a task which names it."""
    edits = []
    if old.model != new.model:
        edits.append(f"put `model: {old.model}` back at {new.places['model']}")
    if old.base_url != new.base_url:
        there = old.base_url is not None
        edit = f"put `base_url: {old.base_url}` back" if there else f"take `base_url: {new.base_url}` out"
        edits.append(f"{edit} at {new.places['base_url']}")
    told = (old.model, new.model) if old.model != new.model else (old.base_url, new.base_url)
    place = new.places["base_url" if old.model == new.model else "model"]
    lowers = not is_known_upgrade(base, head, old, new)
    return Change(ChangeKind.MODEL_SWAP, task, *told, place, undoing=" and ".join(edits), lowers=lowers)


def _request_change(base: Registry, head: Registry, before: Task, after: Task) -> Iterator[Change]:
    """What is asked otherwise of the assigned tier or, where nothing is, of the one that it escalates to."""
    if isinstance(after.prompt, OwnCall):  # it makes its own requests
        return
    for old_tier, new_tier in zip(before.answering, after.answering, strict=False):
        source, target = base.tier(old_tier), head.tier(new_tier)
        if source.name == target.name or source.served_by == target.served_by:
            old, new = before.arguments(source), after.arguments(target)
        else:  # what the tier itself brings along belongs to the move
            old, new = merged(before.default_request, before.request), merged(after.default_request, after.request)
        absent = object()
        names = [name for name in {**old, **new} if old.get(name, absent) != new.get(name, absent)]
        if names:
            before_value, after_value = ({name: side.get(name) for name in names} for side in (old, new))
            yield Change(ChangeKind.REQUEST_CHANGED, after.name, before_value, after_value, after.place)
            return
