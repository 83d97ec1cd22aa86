"""A registry with all that it points to, loaded and checked: the one thing that the rest works on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..cassettes.replay import Recordings
from ..errors import InputError
from ..registry.asked import OwnCall
from ..registry.base import CommitFiles
from ..registry.files import Files
from ..registry.model import Registry, Task
from .answers import AnswerReader
from .asking import Asker, OwnAsker, PromptAsker
from .evaluate import TaskMaterial
from .golden import GoldenCase, load_golden
from .grading import grader_of, make_grader
from .identity import known_before
from .importing import BaseImporter, Importer
from .renaming import earlier_names, under_new_names
from .requests import RequestBuilder
from .scorer import Scorer
from .scoring import check_output, make_scorer

__all__ = ["Baseline", "Project", "load_baseline", "load_project"]


@dataclass(frozen=True)
class Project:
    """The head: every gated task ready to be evaluated on any tier."""

    registry: Registry
    materials: Mapping[str, TaskMaterial]
    recordings: Recordings


@dataclass(frozen=True)
class Baseline:
    """The base: its registry, and for each task that both sides gate what answers the head's cases there.

    `materials` have head's cases that are the base's own, under head's ids, and `shared` those ids; `cases` has them as
    they were. `registry` has tasks that go on under another name under head's; `earlier_names` has theirs.
    """

    files: Files
    registry: Registry
    earlier_names: Mapping[str, str]
    importer: BaseImporter
    materials: Mapping[str, TaskMaterial]
    recordings: Recordings
    shared: Mapping[str, frozenset[str]]
    cases: Mapping[str, tuple[GoldenCase, ...]]
    warnings: tuple[str, ...]


def load_project(files: Files, registry: Registry, rootdir: Path) -> Project:
    """Load golden datasets, prompts, schemas and scorers. Raises InputError for whatever is broken."""
    importer = Importer(rootdir, registry.folder)
    recordings = Recordings(files, registry.cassettes, _hider(registry))
    materials = {
        task.name: _material(task, registry, files, importer, recordings)
        for task in registry.tasks.values()
        if task.gated
    }
    return Project(registry, materials, recordings)


def _hider(registry: Registry) -> Callable[[str], str]:
    """Hides credentials; what it takes is loaded when something is stale, and not before."""

    def hidden(text: str) -> str:
        from ..cassettes.redaction import credential_scan

        return credential_scan(registry).hidden(text)

    return hidden


def _material(task: Task, registry: Registry, files: Files, importer: Importer, recordings: Recordings) -> TaskMaterial:
    assert task.golden is not None
    check_output(task.score, task.output.format)
    scorer: Scorer
    if task.score.grader is not None:
        scorer = make_grader(task, registry, files, recordings)
    else:
        scorer = make_scorer(task.score, importer)
    return TaskMaterial(
        task=task,
        cases=load_golden(files, task.golden, scorer.objection),
        asker=_asker(task, registry, files, importer.function),
        scorer=scorer,
        golden_label=files.label(task.golden),
    )


def _asker(task: Task, registry: Registry, files: Files, import_function: Callable[..., Callable[..., Any]]) -> Asker:
    assert task.golden is not None
    reader = AnswerReader(task.output, files)
    if isinstance(task.prompt, OwnCall):
        return OwnAsker(task, task.prompt, import_function, reader, registry.tiers)
    requests = RequestBuilder(task, files, registry.folder, import_function)
    return PromptAsker(task, requests, reader, files.label(task.golden), registry.tiers)


def load_baseline(files: CommitFiles, registry: Registry, head: Project, rootdir: Path) -> Baseline:
    """Load what the base would have answered: its prompts, requests and recordings, head's expectations and scorer."""
    names = earlier_names(files, registry, head.registry, head.materials)
    registry = under_new_names(registry, names)
    importer = BaseImporter(rootdir, registry.folder, files)
    recordings = Recordings(files, registry.cassettes, names=names)
    materials = {}
    shared = {}
    cases_of = {}
    warnings: list[str] = []
    for name, material in head.materials.items():
        task = registry.tasks.get(name)
        if task is None or not task.gated or task.golden is None:
            continue
        base_cases = load_golden(files, task.golden, lambda expected: None)
        cases_of[name] = base_cases
        own = known_before(base_cases, material.cases)
        shared[name] = frozenset(case.id for case in own)
        try:
            asker = _asker(task, registry, files, importer.function)
        except InputError as error:  # only the comparison is lost: head is judged on the base's cases all the same
            warnings.append(f"{name}: nothing to compare with: {error.what}")
            continue
        grader = grader_of(material)
        materials[name] = TaskMaterial(
            task=task,
            cases=own,
            asker=asker,
            scorer=material.scorer if grader is None else grader.reading(last=(recordings,)),
            golden_label=files.label(task.golden),
        )
    return Baseline(files, registry, names, importer, materials, recordings, shared, cases_of, tuple(warnings))
