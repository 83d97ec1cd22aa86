"""Whether a model still answers as it was recorded: some recorded cases are called again, live."""

from __future__ import annotations

import errno
import io
import random
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import BinaryIO

from ..cassettes.events import Listener
from ..cassettes.lines import Interaction, cassette_text
from ..cassettes.recorder import Batch, Recorder
from ..cassettes.redaction import credential_scan
from ..cassettes.replay import Recordings, cassette_path
from ..errors import ErrorKind, UnobtainedAnswer
from ..registry.model import Tier
from .asking import Trial
from .evaluate import Evaluation, TaskMaterial
from .golden import GoldenCase
from .grading import gradable, grader_of
from .planning import Need, PlannedCall, TaskPlan, estimate
from .project import Project
from .results import CaseResult, Outcome

__all__ = ["Verification", "Verified"]


@dataclass(frozen=True, slots=True)
class Verified:
    """One case twice: as recorded, and as answered now. `now` is in error where no answer came."""

    task: str
    tier: str
    before: CaseResult
    now: CaseResult

    @property
    def changed(self) -> bool:
        """Whether the outcome is another one; wording may differ."""
        return self.now.outcome is not Outcome.ERROR and (self.before.outcome, self.before.kind) != (
            self.now.outcome,
            self.now.kind,
        )


@dataclass(frozen=True, slots=True)
class _Chosen:
    material: TaskMaterial
    tier: Tier
    trial: Trial
    before: CaseResult


class Verification:
    """A random choice of the selected cases that have a recording on their assigned tier."""

    def __init__(self, project: Project, selected: Mapping[str, Sequence[GoldenCase]], number: int) -> None:
        self._project = project
        candidates: list[_Chosen] = []
        for name, cases in selected.items():
            material = project.materials[name]
            tier = project.registry.tier(project.registry.tasks[name].tier)
            chosen = replace(material, cases=tuple(cases))
            results = Evaluation(chosen, tier, project.recordings, "").results()
            for trial, result in zip(chosen.trials(tier), results, strict=True):
                if result.outcome is not Outcome.ERROR:
                    candidates.append(_Chosen(material, tier, trial, result))
        self._chosen = random.sample(candidates, min(number, len(candidates)))
        self._chosen.sort(key=lambda each: list(project.materials).index(each.material.task.name))

    def plans(self) -> list[TaskPlan]:
        """What the verification calls, and what that costs."""
        by_task: dict[str, list[_Chosen]] = {}
        for each in self._chosen:
            by_task.setdefault(each.material.task.name, []).append(each)
        answers = [self._plan(name, chosen) for name, chosen in by_task.items()]
        grades = [self._grade_plan(chosen) for chosen in by_task.values()]
        return [*answers, *(plan for plan in grades if plan is not None)]

    def verify(
        self, plans: Sequence[TaskPlan], concurrency: int, timeout: float, listener: Listener
    ) -> tuple[list[Verified], str | None]:
        """Call them, and score what comes as the recordings are scored; beside it why that was stopped, where it was.

        Nothing is written.
        """
        arrived: dict[str, list[Interaction]] = {}
        lock = threading.Lock()

        def keep(model: str, interactions: Sequence[Interaction]) -> None:
            with lock:
                arrived.setdefault(model, []).extend(interactions)

        faults: dict[str, UnobtainedAnswer] = {}

        def call(batches: Sequence[Batch]) -> tuple[Recordings, str | None]:
            recorder = Recorder(keep, credential_scan(self._project.registry), concurrency, timeout)
            outcome = recorder.record(batches, listener)
            if outcome.interrupted:
                raise KeyboardInterrupt
            faults.update(outcome.faults)
            recordings = _in_memory(arrived)
            for key, fault in faults.items():
                recordings.failed(key, fault)
            return recordings, outcome.stopped

        tasks = {each.material.task.name for each in self._chosen}
        answers = [plan for plan in plans if plan.task in tasks]
        recordings, stopped = call([Batch(plan.tier, tuple(each.call for each in plan.calls)) for plan in answers])
        grades = [batch for batch in self._ungraded(recordings) if batch.calls]
        if grades and stopped is None:
            recordings, stopped = call(grades)
        found = [
            Verified(each.material.task.name, each.tier.name, each.before, _again(each, recordings))
            for each in self._chosen
        ]
        return found, stopped

    def _ungraded(self, recordings: Recordings) -> Iterator[Batch]:
        """The grades of answers that came out otherwise than any that was graded."""
        for each in self._chosen:
            grader = grader_of(each.material)
            if grader is None:
                continue
            outputs = gradable(each.material, each.tier, recordings, (each.trial.case,))
            fresh = (output for trial, output in outputs if trial.sample == each.trial.sample)
            missing = (output for output in fresh if grader.fault(each.trial.case, output) is ErrorKind.MISSING)
            yield Batch(grader.tier, tuple(grader.call(each.trial.case, output) for output in missing))

    def _grade_plan(self, chosen: Sequence[_Chosen]) -> TaskPlan | None:
        """One grade for each answer, which is needed where it comes out otherwise."""
        grader = grader_of(chosen[0].material)
        if grader is None:
            return None
        stand_ins = (grader.stand_in(each.trial.case, each.trial.key) for each in chosen)
        calls = tuple(PlannedCall(call, Need.AGAIN) for call in stand_ins)
        cassette = self._project.recordings.cassette(grader.shelf, grader.tier.model)
        return TaskPlan(grader.shelf, grader.tier, calls, estimate(calls, cassette, (), lambda arguments: None))

    def _plan(self, name: str, chosen: Sequence[_Chosen]) -> TaskPlan:
        tier = chosen[0].tier
        calls = tuple(
            PlannedCall(each.material.asker.call(each.trial.case, tier, each.trial.sample), Need.AGAIN)
            for each in chosen
        )
        cassette = self._project.recordings.cassette(name, tier.model)
        return TaskPlan(name, tier, calls, estimate(calls, cassette, (), lambda arguments: None))


def _again(chosen: _Chosen, recordings: Recordings) -> CaseResult:
    grader = grader_of(chosen.material)
    scorer = chosen.material.scorer if grader is None else grader.reading(first=(recordings,))
    material = replace(chosen.material, cases=(chosen.trial.case,), scorer=scorer)
    results = Evaluation(material, chosen.tier, recordings, "the call gave no answer").results()
    return next(result for result in results if result.sample == chosen.trial.sample)


def _in_memory(arrived: Mapping[str, Sequence[Interaction]]) -> Recordings:
    texts: dict[PurePosixPath, list[Interaction]] = {}
    for model, interactions in arrived.items():
        for interaction in interactions:
            texts.setdefault(cassette_path(PurePosixPath(), interaction.task, model), []).append(interaction)
    files = {path: cassette_text(interactions).encode() for path, interactions in texts.items()}
    return Recordings(_Memory(files), PurePosixPath())


class _Memory:
    """Files that stand nowhere."""

    def __init__(self, files: Mapping[PurePosixPath, bytes]) -> None:
        self._files = files

    def read(self, path: PurePosixPath, limit: int | None = None) -> bytes:
        with self.open(path) as file:
            return file.read()

    def open(self, path: PurePosixPath) -> BinaryIO:
        if path not in self._files:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
        return io.BytesIO(self._files[path])

    def label(self, path: PurePosixPath) -> str:
        return str(path)
