"""A registry ready to be routed by: for every task its tiers, what builds its requests and what reads its answers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from ..errors import InputError
from ..evaluation.answers import AnswerReader
from ..evaluation.importing import Importer
from ..evaluation.requests import RequestBuilder
from ..registry.asked import OwnCall
from ..registry.files import WorkingTree
from ..registry.loading import load_registry
from ..registry.model import (
    AnswerSource,
    Fences,
    GatePolicy,
    OutputFormat,
    OutputPolicy,
    Registry,
    Rule,
    ScorePolicy,
    ScorerKind,
    Task,
    Tier,
)
from ..registry.rootdir import rootdir_of
from .answers import Route

__all__ = ["Routes", "ServedTask", "load_routes"]


@dataclass(frozen=True, slots=True)
class ServedTask:
    """One task in production. `dearer` is the tier that it escalates to, `shadow` the one that runs beside.

    Without `asked` (what builds its requests, and what reads its answers) the team's own function makes its calls.
    """

    task: Task
    known: bool
    tier: Tier
    dearer: Tier | None
    shadow: Tier | None
    asked: tuple[RequestBuilder, AnswerReader] | None

    @property
    def route(self) -> Route:
        task, tier = self.task, self.tier
        return Route(task.name, tier.name, tier.model, tier.endpoint, self.known, task.escalation)


class Routes:
    """All tasks of a registry, and the way of those that it does not list."""

    def __init__(self, registry: Registry, rootdir: Path) -> None:
        self.registry = registry
        self.rootdir = rootdir
        self._files = WorkingTree(rootdir)
        self._importer = Importer(rootdir, registry.folder)
        self._listed: Mapping[str, ServedTask] = {
            name: self._served(task, known=True) for name, task in registry.tasks.items()
        }
        self._unlisted = _unlisted(registry)

    def of(self, name: str) -> ServedTask:
        """A task by its name; one that is not listed goes to the default tier, without a prompt, and gives text."""
        known = self._listed.get(name)
        return self._served(replace(self._unlisted, name=name), known=False) if known is None else known

    def _served(self, task: Task, *, known: bool) -> ServedTask:
        registry = self.registry
        asked = None
        if not isinstance(task.prompt, OwnCall):
            requests = RequestBuilder(task, self._files, registry.folder, self._importer.function)
            asked = (requests, AnswerReader(task.output, self._files))
        return ServedTask(
            task=task,
            known=known,
            tier=registry.tier(task.tier),
            dearer=None if task.escalation is None else registry.tier(task.escalation.to),
            shadow=None if task.shadow is None else registry.tier(task.shadow.tier),
            asked=asked,
        )


def load_routes(path: str | Path, rootdir: str | Path | None) -> Routes:
    """Load the registry at a path, with the prompts and schemas that it names, and nothing else.

    `rootdir` is the nearest folder upward with pytest.ini, pyproject.toml, tox.ini, setup.cfg or .git unless given.
    Raises InputError for whatever is broken.
    """
    file = Path(os.path.abspath(path))
    root = rootdir_of(file.parent) if rootdir is None else Path(os.path.abspath(rootdir))
    if not file.is_file():
        raise InputError(f"no registry at {path}", fix="Router.from_file(PATH)")
    if not file.is_relative_to(root):
        raise InputError(f"{path} is outside the rootdir {root}", fix="Router.from_file(PATH, rootdir=FOLDER)")
    relative = PurePosixPath(file.relative_to(root).as_posix())
    return Routes(load_registry(WorkingTree(root), relative, serving=True), root)


def _unlisted(registry: Registry) -> Task:
    """What a task is that the registry does not list: it takes nothing but the request from the defaults."""
    place = registry.default_tier_place
    return Task(
        name="",
        tier=registry.default_tier,
        golden=None,
        prompt=None,
        samples=1,
        default_request=registry.default_request,
        request={},
        output=OutputPolicy(OutputFormat.TEXT, AnswerSource.TEXT, Fences.REJECT, None, None),
        score=ScorePolicy(ScorerKind.EXACT, {}, place),
        gate=GatePolicy(max_error=0.0, rule=Rule.OBSERVED, min_cases=1),
        place=place,
        tier_place=place,
    )
