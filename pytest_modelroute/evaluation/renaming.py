"""Tasks that go on under another name: one that is gone and one that is new, told by what they ask."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from ..errors import InputError
from ..registry.files import Files
from ..registry.model import Registry, Task
from ..registry.prompts import prompt_content
from .evaluate import TaskMaterial
from .golden import GoldenCase, load_golden

__all__ = ["earlier_names", "under_new_names"]


def earlier_names(
    base_files: Files, base: Registry, head: Registry, materials: Mapping[str, TaskMaterial]
) -> dict[str, str]:
    """For each of head's tasks that the base has under another name, that name.

    It is one where more than half of the cases have the same inputs, counted on the smaller dataset, or where the
    prompt is the same; expectations do not count, as they may be what is loosened. The likest pairs count, each once.
    """
    gone = {name: _inputs_of(base_files, task) for name, task in base.tasks.items() if name not in head.tasks}
    added = {
        name: _inputs(materials[name].cases) if name in materials else frozenset[str]()
        for name in head.tasks
        if name not in base.tasks
    }
    pairs = [
        (_overlap(gone[old], added[new]), _asks_the_same(base.tasks[old], head.tasks[new]), old, new)
        for old in gone
        for new in added
    ]
    found: dict[str, str] = {}
    for overlap, same, old, new in sorted(pairs, key=lambda pair: pair[:2], reverse=True):
        if (overlap > 0.5 or same) and new not in found and old not in found.values():
            found[new] = old
    return found


def under_new_names(base: Registry, names: Mapping[str, str]) -> Registry:
    """The base with tasks, and the entries that acknowledged something of them, under the names that head gives."""
    now = {old: new for new, old in names.items()}
    renamed = (dataclasses.replace(task, name=now.get(name, name)) for name, task in base.tasks.items())
    entries = (dataclasses.replace(each, task=now[each.task]) for each in base.acknowledged if each.task in now)
    return dataclasses.replace(
        base, tasks={task.name: task for task in renamed}, acknowledged=(*base.acknowledged, *entries)
    )


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    smaller = min(len(one), len(other))
    return len(one & other) / smaller if smaller else 0.0


def _asks_the_same(one: Task, other: Task) -> bool:
    return one.prompt is not None and prompt_content(one.prompt) == prompt_content(other.prompt)


def _inputs(cases: tuple[GoldenCase, ...]) -> frozenset[str]:
    return frozenset(case.question for case in cases)


def _inputs_of(files: Files, task: Task) -> frozenset[str]:
    if task.golden is None:
        return frozenset()
    try:
        return _inputs(load_golden(files, task.golden, lambda expected: None))
    except InputError:
        return frozenset()
