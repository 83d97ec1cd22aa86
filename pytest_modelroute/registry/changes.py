"""What changed between two registries: a pure comparison of parsed content."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ..errors import InputError, Place, did_you_mean
from .asked import OwnCall, Prompt, PromptTemplate
from .model import Acknowledgement, Registry, Task, Tier, merged
from .prompts import is_directive

__all__ = ["TIER_CHANGES", "Change", "ChangeKind", "compare", "reassigned", "strict_tasks"]


class ChangeKind(Enum):
    DOWNGRADE = "downgrade"
    UPGRADE = "upgrade"
    MODEL_SWAP = "model_swap"
    PROMPT_CHANGED = "prompt_changed"
    REQUEST_CHANGED = "request_changed"
    TASK_ADDED = "task_added"
    TASK_REMOVED = "task_removed"
    DEFAULT_TIER_CHANGED = "default_tier_changed"
    TIERS_REORDERED = "tiers_reordered"


TIER_CHANGES = frozenset({ChangeKind.DOWNGRADE, ChangeKind.UPGRADE, ChangeKind.MODEL_SWAP})

STRICT = frozenset({ChangeKind.DOWNGRADE, ChangeKind.MODEL_SWAP, ChangeKind.PROMPT_CHANGED, ChangeKind.REQUEST_CHANGED})


@dataclass(frozen=True, slots=True)
class Change:
    """One difference; `old` and `new` are JSON-like, `place` is in the head's files.

    `undoing` says, of a move to another tier or model, which edit takes it back.
    """

    kind: ChangeKind
    task: str | None
    old: Any
    new: Any
    place: Place
    acknowledged: Acknowledgement | None = None
    undoing: str = ""


def compare(base: Registry, head: Registry) -> tuple[Change, ...]:
    """All changes from `base` to `head`, those of the whole registry first, then task by task in head's order."""
    known = [_identity(entry) for entry in base.acknowledged]
    fresh = [entry for entry in head.acknowledged if _identity(entry) not in known]
    return tuple(
        dataclasses.replace(change, acknowledged=next((entry for entry in fresh if _names(entry, change)), None))
        for change in _changes(base, head)
    )


def strict_tasks(changes: tuple[Change, ...], head: Registry) -> frozenset[str]:
    """The tasks for which an inconclusive verdict fails the build."""
    return frozenset(
        change.task
        for change in changes
        if change.task is not None
        and (change.kind in STRICT or (change.kind is ChangeKind.TASK_ADDED and head.tasks[change.task].gated))
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
        tasks[name] = dataclasses.replace(tasks[name], tier=tier)
        moves.extend(_tier_change(registry, registry, registry.tasks[name], tasks[name]))
    return dataclasses.replace(registry, tasks=tasks), tuple(moves)


def _changes(base: Registry, head: Registry) -> Iterator[Change]:
    base_order = [tier.name for tier in base.tiers if head.rank(tier.name) is not None]
    head_order = [tier.name for tier in head.tiers if base.rank(tier.name) is not None]
    if base_order != head_order:
        yield Change(ChangeKind.TIERS_REORDERED, None, base_order, head_order, head.tiers_place)
    if base.default_tier != head.default_tier:
        kind = ChangeKind.DEFAULT_TIER_CHANGED
        yield Change(kind, None, base.default_tier, head.default_tier, head.default_tier_place)
    for name, task in base.tasks.items():
        if name not in head.tasks:
            yield Change(ChangeKind.TASK_REMOVED, name, task.tier, head.default_tier, Place(head.label))
    for name, task in head.tasks.items():
        before = base.tasks.get(name)
        if before is None:
            yield Change(ChangeKind.TASK_ADDED, name, None, task.tier, task.place)
            continue
        yield from _tier_change(base, head, before, task)
        if before.prompt is not None and _prompt_content(before.prompt) != _prompt_content(task.prompt):
            yield Change(
                ChangeKind.PROMPT_CHANGED, name, _prompt_name(before.prompt), _prompt_name(task.prompt), task.place
            )
        yield from _request_change(base, head, before, task)


def _tier_change(base: Registry, head: Registry, before: Task, after: Task) -> Iterator[Change]:
    old, new = base.tier(before.tier), head.tier(after.tier)
    if old.served_by == new.served_by:
        return
    if old.name == new.name:
        yield _swap(old, new, after.name)
        return
    known = base.rank(new.name)
    if known is not None and base.tiers[known].served_by != new.served_by:
        yield _swap(base.tiers[known], new, after.name)
    steps = []
    for registry in (base, head):
        source, target = _rank(registry, old.served_by, old.name), _rank(registry, new.served_by, new.name)
        if source is not None and target is not None:
            steps.append(target - source)
    # In no order that knows both tiers is this a step up: then nothing says that it is not a step down.
    upgrade = bool(steps) and min(steps) >= 0
    kind = ChangeKind.UPGRADE if upgrade else ChangeKind.DOWNGRADE
    undoing = f"put `tier: {old.name}` back at {after.tier_place}"
    yield Change(kind, after.name, old.name, new.name, after.tier_place, undoing=undoing)


def _swap(old: Tier, new: Tier, task: str) -> Change:
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
    return Change(ChangeKind.MODEL_SWAP, task, *told, place, undoing=" and ".join(edits))


def _rank(registry: Registry, served_by: tuple[str, str, str | None], name: str) -> int | None:
    """The tier's position by what it serves, else by its name: renaming a tier must not hide a downgrade."""
    for index, tier in enumerate(registry.tiers):
        if tier.served_by == served_by:
            return index
    return registry.rank(name)


def _prompt_content(prompt: Prompt | None) -> object:
    if prompt is None:
        return None
    if isinstance(prompt, PromptTemplate):
        return _with_digests(prompt.content, prompt.files)
    return (prompt.reference, prompt.code)


def _with_digests(value: Any, digests: Mapping[str, str]) -> Any:
    """A prompt's content with fixed files by what they hold: where they lie is no part of what is asked."""
    if is_directive(value):
        name = value.get("$file")
        return {"$digest": digests[name]} if name in digests else value
    if isinstance(value, Mapping):
        return {key: _with_digests(child, digests) for key, child in value.items()}
    if isinstance(value, list):
        return [_with_digests(child, digests) for child in value]
    return value


def _prompt_name(prompt: Prompt | None) -> str | None:
    if prompt is None:
        return None
    return str(prompt.path) if isinstance(prompt, PromptTemplate) else prompt.reference


def _request_change(base: Registry, head: Registry, before: Task, after: Task) -> Iterator[Change]:
    if isinstance(after.prompt, OwnCall):  # it makes its own requests
        return
    source, target = base.tier(before.tier), head.tier(after.tier)
    if source.name == target.name or source.served_by == target.served_by:
        old, new = before.arguments(source), after.arguments(target)
    else:  # what the tier itself brings along belongs to the move
        old, new = merged(before.default_request, before.request), merged(after.default_request, after.request)
    absent = object()
    names = [name for name in {**old, **new} if old.get(name, absent) != new.get(name, absent)]
    if names:
        before_value, after_value = ({name: side.get(name) for name in names} for side in (old, new))
        yield Change(ChangeKind.REQUEST_CHANGED, after.name, before_value, after_value, after.place)


def _identity(entry: Acknowledgement) -> tuple[Any, ...]:
    return (entry.kind, entry.task, entry.old, entry.new, entry.reason)


def _names(entry: Acknowledgement, change: Change) -> bool:
    said = (entry.kind, entry.task, entry.old, entry.new)
    return said == (change.kind.value, change.task, change.old, change.new)
