"""A registry with all that it points to, loaded and checked: the one thing that the rest works on."""

from __future__ import annotations

import dataclasses
import json
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ..cassettes.replay import Recordings
from ..errors import InputError, Place
from ..registry.asked import OwnCall, PromptBuilder
from ..registry.files import Files
from ..registry.model import Registry, Task
from ..registry.prompts import find_module
from .answers import AnswerReader
from .asking import Asker, OwnAsker, PromptAsker
from .evaluate import TaskMaterial
from .golden import GoldenCase, load_golden
from .grading import grader_of, make_grader
from .importing import Importer
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

    `shared` has, by task, the ids of head's cases that the base has too, by id or by equal content.
    """

    registry: Registry
    materials: Mapping[str, TaskMaterial]
    recordings: Recordings
    shared: Mapping[str, frozenset[str]]
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
        return OwnAsker(task, task.prompt, import_function, reader)
    requests = RequestBuilder(task, files, registry.folder, import_function)
    return PromptAsker(task, requests, reader, files.label(task.golden))


def load_baseline(files: Files, registry: Registry, head: Project, rootdir: Path) -> Baseline:
    """Load what the base would have answered: its prompts, requests and recordings, head's expectations and scorer."""
    importer = Importer(rootdir, registry.folder)
    recordings = Recordings(files, registry.cassettes)
    materials = {}
    shared = {}
    warnings: list[str] = []
    for name, material in head.materials.items():
        task = registry.tasks.get(name)
        if task is None or not task.gated or task.golden is None:
            continue
        base_cases = load_golden(files, task.golden, lambda expected: None)
        shared[name] = _shared(base_cases, material.cases)
        expected = {case.id: case.expected for case in material.cases}
        cases = tuple(
            dataclasses.replace(case, expected=expected[case.id]) for case in base_cases if case.id in expected
        )
        try:
            asker = _asker(task, registry, files, _base_importer(task, files, registry, importer))
        except InputError as error:  # only the comparison is lost: head is judged on the base's cases all the same
            warnings.append(f"{name}: nothing to compare with: {error.what}")
            continue
        grader = grader_of(material)
        materials[name] = TaskMaterial(
            task=task,
            cases=cases,
            asker=asker,
            scorer=material.scorer if grader is None else grader.reading(last=(recordings,)),
            golden_label=files.label(task.golden),
        )
    return Baseline(registry, materials, recordings, shared, tuple(warnings))


def _shared(base: tuple[GoldenCase, ...], head: tuple[GoldenCase, ...]) -> frozenset[str]:
    ids = {case.id for case in base}
    contents = {_content(case) for case in base}
    return frozenset(case.id for case in head if case.id in ids or _content(case) in contents)


def _content(case: GoldenCase) -> str:
    return json.dumps([case.input, case.expected], sort_keys=True, default=repr)


def _base_importer(
    task: Task, files: Files, registry: Registry, importer: Importer
) -> Callable[..., Callable[..., Any]]:
    """Imports a builder or call path as the base had it; a module from outside the project is the environment's."""

    def function(reference: str, place: Place, key: str = "python") -> Callable[..., Any]:
        module_name, _, name = reference.partition(":")
        found = find_module(files, module_name, registry.folder)
        if not isinstance(task.prompt, (PromptBuilder, OwnCall)) or found is None:
            return importer.function(reference, place, key)
        importer.add_folders()
        path, source = found
        module = types.ModuleType(module_name)
        module.__dict__.update(__file__=files.label(PurePosixPath(path)), __package__=module_name.rpartition(".")[0])
        try:
            code = compile(source, files.label(path), "exec")
            exec(code, module.__dict__)  # noqa: S102  # the base's own code, as trusted as head's
            builder: Callable[..., Any] = getattr(module, name)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a module may also call sys.exit() or pytest.skip() as it is imported
            what = f"{key}: '{reference}' of the base cannot be imported: {type(error).__name__}: {error}"
            raise InputError(what, place=place) from None
        return builder

    return function
