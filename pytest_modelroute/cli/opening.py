"""The project that a command works on."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..errors import InputError, did_you_mean
from ..evaluation.evaluate import TaskMaterial
from ..evaluation.inventory import cassette_paths
from ..evaluation.project import Project, load_project
from ..registry.files import WorkingTree
from ..registry.loading import load_registry
from ..registry.model import Task
from ..registry.rootdir import DEFAULT_REGISTRY, rootdir_of
from ..reporting.commands import Invocation

__all__ = [
    "Opened",
    "check_tasks",
    "gated_task",
    "invocation",
    "known_task",
    "open_project",
    "own_code_aside",
    "record_command",
]


@dataclass(frozen=True)
class Opened:
    """A loaded project and the folder that its paths are relative to; its cassettes are closed at the end."""

    project: Project
    rootdir: Path

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self.project.recordings.close()

    @property
    def files(self) -> WorkingTree:
        return WorkingTree(self.rootdir)


def open_project(registry: str, rootdir: str | None) -> Opened:
    """Load the registry at a path as the user typed it. Raises InputError for whatever is broken."""
    path = Path(os.path.abspath(registry))
    root = Path(os.path.abspath(rootdir)) if rootdir is not None else rootdir_of(path.parent)
    if not root.is_dir():
        raise InputError(f"--rootdir: {rootdir} is not a folder")
    if not path.is_relative_to(root):
        raise InputError(f"--registry: {registry} is outside the rootdir {root}", fix="--rootdir=FOLDER")
    if not path.is_file():
        what = (
            f"--registry: '{registry}' is a folder, not a registry" if path.is_dir() else f"no registry at {registry}"
        )
        raise InputError(what, fix="--registry=PATH")
    files = WorkingTree(root)
    loaded = load_registry(files, PurePosixPath(path.relative_to(root).as_posix()))
    with own_code_aside():
        return Opened(load_project(files, loaded, root), root)


def own_code_aside() -> AbstractContextManager[object]:
    """Around what may run the team's own code: what that prints is no part of a command's output."""
    return redirect_stdout(sys.stderr)


def check_tasks(opened: Opened, tasks: Sequence[str]) -> None:
    """Raise InputError for a name that neither a task of the registry has nor a folder of cassettes."""
    registry = opened.project.registry
    known = dict.fromkeys(registry.tasks)
    known.update(dict.fromkeys(path.parent.name for path in cassette_paths(opened.rootdir, registry.cassettes)))
    for name in tasks:
        if name not in known:
            raise InputError(f"unknown task '{name}'", valid=did_you_mean(name, known))


def known_task(opened: Opened, name: str) -> Task:
    """The task of that name. Raises InputError where the registry has none."""
    tasks = opened.project.registry.tasks
    if name not in tasks:
        raise InputError(f"unknown task '{name}'", valid=did_you_mean(name, tasks))
    return tasks[name]


def gated_task(opened: Opened, name: str) -> TaskMaterial:
    """The task with its cases. Raises InputError where the registry has none of that name, or it is not gated."""
    task = known_task(opened, name)
    if name not in opened.project.materials:
        what = f"task '{name}' has no cases: it is not gated"
        raise InputError(what, place=task.place, valid="a task with `golden:` and `prompt:` or `call:`")
    return opened.project.materials[name]


def invocation(opened: Opened) -> Invocation:
    """How commands name the registry, to paste where this command was given."""
    registry = opened.project.registry
    path = Path(os.path.relpath(opened.rootdir / registry.path)).as_posix()
    return Invocation(path, None if str(registry.path) == DEFAULT_REGISTRY else str(registry.path))


def record_command(opened: Opened, task: str, tier: str, *case: str) -> str:
    """The command that records a task on a tier, or one case of it."""
    beside = None if tier in opened.project.registry.tasks[task].answering else tier
    return invocation(opened).recording(task, *case, beside=beside)
