"""All changes of a project against its base, and head's tasks with the cases and rules that the base had."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from ..cassettes.edits import edited_recordings
from ..cassettes.replay import Recordings, cassette_path
from ..registry.acknowledging import acknowledge
from ..registry.base import CommitFiles
from ..registry.changes import Change, compare
from ..registry.files import Files
from ..registry.model import Registry
from ..registry.weakening import weakened
from .answers import AnswerReader
from .audits import Labels, audit_changes, audit_path, load_labels
from .evaluate import TaskMaterial
from .golden_changes import golden_changes
from .grading import grader_of, make_grader, recorded_answers
from .project import Baseline, Project
from .scoring import make_scorer

__all__ = ["all_changes", "former_material", "formerly_labelled"]


def all_changes(
    base_files: CommitFiles, baseline: Baseline, files: Files, registry: Registry, project: Project
) -> tuple[Change, ...]:
    """What changed since the base, in the registry and in the files it names, with the entries that acknowledge it.

    Those of the whole registry come first, then task by task in head's order. `registry` is head's own, without moves
    that are only tried. Raises InputError for a new entry that names no change.
    """
    found = [
        *compare(baseline.registry, registry, earlier_names=baseline.earlier_names),
        *weakened(baseline.registry, base_files, registry, files),
        *_golden(base_files, baseline, project),
        *_audits(base_files, baseline, registry, project),
        *_recordings(base_files, baseline, registry, project.recordings),
    ]
    order = {name: number for number, name in enumerate(registry.tasks, start=1)}
    found.sort(key=lambda change: -1 if change.task is None else order.get(change.task, 0))
    return acknowledge(found, baseline.registry, registry)


def _golden(base_files: CommitFiles, baseline: Baseline, project: Project) -> Iterator[Change]:
    for name, cases in baseline.cases.items():
        material, before = project.materials[name], baseline.registry.tasks[name]
        golden = material.task.golden
        if golden is not None and (golden != before.golden or base_files.changed(golden)):
            yield from golden_changes(name, cases, material.cases, material.golden_label)


def _recordings(
    base_files: CommitFiles, baseline: Baseline, registry: Registry, recordings: Recordings
) -> Iterator[Change]:
    """Those of any tier: a tier that serves nothing today is tomorrow's downgrade."""
    for task in registry.tasks:
        for model in dict.fromkeys(tier.model for tier in registry.tiers):
            path = cassette_path(registry.cassettes, task, model)
            if registry.cassettes != baseline.registry.cassettes or base_files.changed(path):
                before = baseline.recordings.cassette(task, model)
                yield from edited_recordings(task, model, before, recordings.cassette(task, model))


def _audits(base_files: CommitFiles, baseline: Baseline, registry: Registry, project: Project) -> Iterator[Change]:
    for name, material in project.materials.items():
        grader, before = grader_of(material), baseline.registry.tasks.get(name)
        if grader is None or before is None or not before.gated:
            continue
        path = audit_path(registry.folder, name)
        earlier = _audit_path(baseline, name)
        if path != earlier or base_files.changed(path):
            recorded = partial(recorded_answers, material, registry.tiers, project.recordings)
            yield from audit_changes(name, load_labels(base_files, earlier), grader.labels, path, recorded)


def _audit_path(baseline: Baseline, name: str) -> PurePosixPath:
    return audit_path(baseline.registry.folder, baseline.earlier_names.get(name, name))


def former_material(baseline: Baseline, head: TaskMaterial, recordings: Recordings, rescored: bool) -> TaskMaterial:
    """Head's task as it asks today, on the base's cases, read and scored as the base did.

    Unless it is `rescored`, head's scorer is the base's: then its module need not be run from git. What a grader of the
    base says of head's answers is looked for in head's `recordings` too. Raises InputError where the base's schema or
    scorer cannot be loaded any more.
    """
    before = baseline.registry.tasks[head.task.name]
    # Where the confidence stands decides which tier answers, and that is head's to say.
    output = dataclasses.replace(before.output, confidence=head.task.output.confidence)
    reader = AnswerReader(output, baseline.files)
    samples = max(head.task.samples, before.samples)
    scorer = head.scorer
    if rescored and before.score.grader is not None:
        grader = make_grader(before, baseline.registry, baseline.files, recordings)
        scorer = grader.reading(last=(baseline.recordings,))
    elif rescored:
        scorer = make_scorer(before.score, baseline.importer)
    assert before.golden is not None
    return TaskMaterial(
        task=dataclasses.replace(head.task, output=output, score=before.score, samples=samples),
        cases=baseline.cases[before.name],
        asker=head.asker.reading(reader),
        scorer=scorer,
        golden_label=baseline.files.label(before.golden),
    )


def formerly_labelled(baseline: Baseline, head: TaskMaterial) -> TaskMaterial | None:
    """Head's task with its answers labelled as the base did, and as head does where the base says nothing.

    None where that is what head says.
    """
    grader = grader_of(head)
    if grader is None:
        return None
    before = load_labels(baseline.files, _audit_path(baseline, head.task.name)).by_answer
    both = {**grader.labels.by_answer, **before}
    if {answer: label.correct for answer, label in both.items()} == {
        answer: label.correct for answer, label in grader.labels.by_answer.items()
    }:
        return None
    return dataclasses.replace(head, scorer=grader.labelled(Labels(grader.labels.about, both)))
