"""A recording from its plan to the cassettes: locked, journaled, merged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..cassettes.client import count_tokens, live_client
from ..cassettes.credentials import CredentialScan
from ..cassettes.events import Listener
from ..cassettes.index import Cassette, open_cassette
from ..cassettes.journal import Journal, Leftover
from ..cassettes.lock import RecordingLock
from ..cassettes.merging import not_outdated, rewritten
from ..cassettes.recorder import Batch, Recorded, Recorder
from ..cassettes.redaction import credential_scan
from ..cassettes.replay import cassette_path, check_writable
from ..errors import InputError, ModelrouteError
from ..registry.files import WorkingTree
from ..registry.model import Tier
from ..writing import PARTIAL, write_atomically
from .evaluate import TaskMaterial
from .golden import GoldenCase
from .grade_plans import AnswersOf, needed_grades
from .grading import Grader, grader_of, wanted_grades
from .planning import PlannedCall, RecordMode, TaskPlan, TokenCount, estimate, needed_calls, wanted_keys
from .project import Baseline, Project

__all__ = ["RecordingRun"]

SECONDS_TO_COUNT = 10.0


class RecordingRun:
    """One recording of a project's head; what the base still needs of the same cassettes is kept."""

    def __init__(self, project: Project, baseline: Baseline | None, rootdir: Path, mode: RecordMode) -> None:
        self._project = project
        self._baseline = baseline
        self._rootdir = rootdir
        self._mode = mode
        self._folder = project.registry.cassettes
        self._journal = Journal(rootdir / self._folder)
        self._recorded = False
        self._broken_off = False

    @contextmanager
    def locked(self) -> Iterator[int]:
        """Hold the cassettes. Gives how many answers of an interrupted run were found, and merges them first.

        Raises InputError where another recorder is at work or the folder cannot be written.
        """
        check_writable(self._journal.folder / "lock")
        self._journal.open()
        with RecordingLock(self._journal.folder / "lock"):
            self._clear_torn()
            leftovers = list(self._journal.leftovers())
            self._merge(leftovers)
            if not self._resumes():
                self._journal.clear()
                self._journal.open()
            try:
                yield sum(len(leftover.interactions) for leftover in leftovers)
            except BaseException:
                self._broken_off = True
                raise
            finally:
                self._journal.close()
                # What `all` had recorded before it was broken off, the next run does not record again.
                if self._recorded and (self._mode is not RecordMode.ALL or not self._broken_off):
                    self._journal.clear()

    def plans(self, selected: Mapping[str, Sequence[GoldenCase]], tiers: Sequence[str]) -> list[TaskPlan]:
        """What is to be recorded of the selected cases, on their assigned tiers and on those named (or `all`)."""
        done = self._done()
        found = []
        for name, cases in selected.items():
            material = self._project.materials[name]
            wanted = {*self._project.registry.tasks[name].answering, *tiers}
            for tier in self._project.registry.tiers:
                if tier.name in wanted or "all" in wanted:
                    plan = self._plan(material, tier, cases, done)
                    if plan.calls:
                        found.append(plan)
        return found

    def grade_plans(
        self, selected: Mapping[str, Sequence[GoldenCase]], tiers: Sequence[str], first: Sequence[TaskPlan] = ()
    ) -> list[TaskPlan]:
        """What is to be graded of the selected cases on those tiers, and of the base's answers to them.

        `first` are the plans of answers that are recorded before; without them, all that is there is graded.
        """
        done = self._done()
        found = []
        for name, cases in selected.items():
            grader = grader_of(self._project.materials[name])
            if grader is None:
                continue
            sources = list(self._answers(name, cases, tiers, first))
            calls = needed_grades(grader, sources, self._mode, self._project.recordings)
            calls = tuple(planned for planned in calls if planned.call.key not in done)
            if calls:
                guessed = any(source.awaited for source in sources)
                found.append(self._planned(grader.shelf, grader.tier, calls, (), counts=not guessed))
        return found

    def _answers(
        self, name: str, cases: Sequence[GoldenCase], tiers: Sequence[str], first: Sequence[TaskPlan]
    ) -> Iterator[AnswersOf]:
        registry, material = self._project.registry, self._project.materials[name]
        wanted = {*registry.tasks[name].answering, *tiers}
        for tier in registry.tiers:
            if tier.name in wanted or "all" in wanted:
                plans = (plan for plan in first if (plan.task, plan.tier.name) == (name, tier.name))
                to_come = frozenset(planned.call.key for plan in plans for planned in plan.calls)
                yield AnswersOf(material, tier, cases, self._project.recordings, to_come)
        if self._baseline is not None and name in self._baseline.materials:
            base, ids = self._baseline.materials[name], {case.id for case in cases}
            chosen = [case for case in base.cases if case.id in ids]
            for answering in base.task.answering:
                tier = self._baseline.registry.tier(answering)
                yield AnswersOf(base, tier, chosen, self._baseline.recordings)

    def record(self, plans: Sequence[TaskPlan], concurrency: int, timeout: float, listener: Listener) -> Recorded:
        """Make the planned calls and merge what arrived into the cassettes, however it ended."""
        self._recorded = False
        self._journal.mode = self._mode.value
        recorder = Recorder(self._journal.append, credential_scan(self._project.registry), concurrency, timeout)
        batches = [Batch(plan.tier, tuple(planned.call for planned in plan.calls)) for plan in plans]
        outcome = recorder.record(batches, listener)
        self._journal.close()
        self._merge(self._journal.leftovers())
        for key, fault in outcome.faults.items():
            self._project.recordings.failed(key, fault)
        self._recorded = True
        self._broken_off = self._broken_off or outcome.interrupted or outcome.stopped is not None
        return outcome

    def _clear_torn(self) -> None:
        """Remove what a process that was killed had half written."""
        for path in (self._rootdir / self._folder).rglob(PARTIAL):
            path.unlink(missing_ok=True)

    def _resumes(self) -> bool:
        """Whether this run goes on where an interrupted one of the same kind stopped."""
        return self._mode is RecordMode.ALL and self._journal.mode == RecordMode.ALL.value

    def _done(self) -> frozenset[str]:
        """The keys that an interrupted run has recorded already, and a dry run does not merge."""
        if self._mode is RecordMode.ALL and not self._resumes():
            return frozenset()
        return frozenset(each.key for leftover in self._journal.leftovers() for each in leftover.interactions)

    def _plan(self, material: TaskMaterial, tier: Tier, cases: Iterable[GoldenCase], done: frozenset[str]) -> TaskPlan:
        recordings, name = self._project.recordings, material.task.name
        calls = tuple(
            planned
            for planned in needed_calls(material, tier, cases, self._mode, recordings)
            if planned.call.key not in done
        )
        others = [recordings.cassette(name, other.model) for other in self._project.registry.tiers if other != tier]
        return self._planned(name, tier, calls, others)

    def _planned(
        self, name: str, tier: Tier, calls: tuple[PlannedCall, ...], others: Sequence[Cassette], *, counts: bool = True
    ) -> TaskPlan:
        """The plan of these calls; `counts` is whether the provider may be asked for the tokens of some."""
        cassette = self._project.recordings.cassette(name, tier.model)
        if calls and cassette.fault:  # told before anything is paid for
            what = f"{cassette.label} cannot be read: {cassette.fault}"
            raise InputError(what, fix="restore the file from git, or move it away")
        if calls:
            check_writable(self._rootdir / cassette_path(self._folder, name, tier.model))
        counted = _token_count(tier, credential_scan(self._project.registry)) if counts else _not_counted
        return TaskPlan(name, tier, calls, estimate(calls, cassette, others, counted))

    def _merge(self, leftovers: Iterable[Leftover]) -> None:
        # Answers first: which grades are needed rests on them.
        for leftover in sorted(leftovers, key=lambda each: "@" in each.cassette.name):
            path = self._folder / leftover.cassette
            before = open_cassette(WorkingTree(self._rootdir), path)
            try:
                leftover = Leftover(leftover.cassette, not_outdated(before, leftover.interactions))
                text = rewritten(before, leftover.interactions, self._needed(before, leftover))
            finally:
                before.close()
            write_atomically(self._rootdir / path, text.encode())
            for name, tier in self._owners(leftover):
                self._project.recordings.forget(name, tier.model)
            for _, grader in self._graders(leftover):
                self._project.recordings.forget(grader.shelf, grader.tier.model)

    def _owners(self, leftover: Leftover) -> Iterator[tuple[str, Tier]]:
        """The tasks and tiers whose cassette it is; none where they were renamed since."""
        for name in self._project.materials:
            for tier in self._project.registry.tiers:
                if cassette_path(self._folder, name, tier.model) == self._folder / leftover.cassette:
                    yield name, tier

    def _graders(self, leftover: Leftover) -> Iterator[tuple[str, Grader]]:
        """The tasks whose grades it holds, with their graders."""
        for name, material in self._project.materials.items():
            grader = grader_of(material)
            if grader is not None:
                path = cassette_path(self._folder, grader.shelf, grader.tier.model)
                if path == self._folder / leftover.cassette:
                    yield name, grader

    def _needed(self, before: Cassette, leftover: Leftover) -> Mapping[str, frozenset[str]]:
        for name, grader in self._graders(leftover):
            project, baseline = self._project, self._baseline
            wanted = wanted_grades(grader, project.materials[name], project.registry.tiers, project.recordings)
            if baseline is not None and name in baseline.materials:
                material, tiers = baseline.materials[name], baseline.registry.tiers
                wanted |= wanted_grades(grader, material, tiers, baseline.recordings)
            return {interaction.case: wanted for interaction in leftover.interactions}
        recorded = frozenset(interaction.key for interaction in leftover.interactions)
        for name, tier in self._owners(leftover):
            sides = [(self._project.registry, self._project.materials[name])]
            if self._baseline is not None and name in self._baseline.materials:
                sides.append((self._baseline.registry, self._baseline.materials[name]))
            wanted = wanted_keys(sides, tier.model, before, recorded)
            return {interaction.case: wanted for interaction in leftover.interactions}
        return {}


def _not_counted(arguments: Mapping[str, Any]) -> None:
    """Of a request that is not known yet the provider can tell nothing."""


def _token_count(tier: Tier, scan: CredentialScan) -> TokenCount:
    """Asks the tier's endpoint once a request; where it cannot be asked, it is not asked again."""
    failed = False

    def counted(arguments: Mapping[str, Any]) -> int | None:
        nonlocal failed
        if failed or scan.find_in(dict(arguments)) is not None:  # a plan must not send what a recording does not
            return None
        try:
            with live_client(tier, SECONDS_TO_COUNT) as client:  # a few requests: none is left open behind them
                return count_tokens(client, tier.model, arguments)
        except ModelrouteError:
            failed = True
        except Exception:  # whatever the SDK or the network raises: an estimate is not worth failing for
            failed = True
        return None

    return counted
