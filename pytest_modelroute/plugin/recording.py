"""Recording before deciding: the answers that the selected items need, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from ..cassettes.recorder import Call, record, rewritten
from ..cassettes.replay import Query, cassette_path, recorded_body
from ..errors import ErrorKind, InputError, UnobtainedAnswer
from ..evaluation.evaluate import TaskMaterial
from ..evaluation.golden import GoldenCase
from ..registry.model import Tier
from ..reporting.assessment import Assessment
from ..writing import write_atomically
from .collection import CaseItem, GateItem
from .settings import RecordMode, Settings

__all__ = ["Recording"]

SECONDS_BETWEEN_LINES = 5.0


class Recording:
    """Records between collection and the first item."""

    def __init__(self, settings: Settings, assessment: Assessment) -> None:
        self._settings = settings
        self._assessment = assessment
        self._faults = 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A call that failed fails the session, on a tier that no gate judges too."""
        if self._faults and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        config = session.config
        if not config.option.collectonly and not (
            session.testsfailed and not config.option.continue_on_collection_errors
        ):
            terminal = config.pluginmanager.getplugin("terminalreporter")
            try:
                for name, cases in self._selected(session).items():
                    for tier in self._tiers(name):
                        self._record(self._assessment.project.materials[name], tier, cases, terminal)
            except InputError as error:
                raise pytest.UsageError(f"modelroute: {error}") from None
        return (yield)

    def _selected(self, session: pytest.Session) -> dict[str, list[GoldenCase]]:
        """The cases of the selected items; a gate that was selected alone stands for all of its task."""
        materials = self._assessment.project.materials
        chosen: dict[str, list[GoldenCase]] = {}
        for item in session.items:
            if isinstance(item, CaseItem):
                chosen.setdefault(item.task, []).append(materials[item.task].cases[item.index])
        for item in session.items:
            if isinstance(item, GateItem) and item.task in materials and not item.put_back:
                chosen.setdefault(item.task, list(materials[item.task].cases))
        return chosen

    def _tiers(self, name: str) -> list[Tier]:
        registry = self._assessment.project.registry
        wanted = {registry.tasks[name].tier, *self._settings.record_tiers}
        return [tier for tier in registry.tiers if tier.name in wanted or "all" in wanted]

    def _record(self, material: TaskMaterial, tier: Tier, cases: list[GoldenCase], terminal: Any) -> None:
        project = self._assessment.project
        name = material.task.name
        cassette = project.recordings.cassette(name, tier.model)
        calls = {call.key: call for call in self._calls(material, tier, cases)}
        if not calls:
            return
        if cassette.fault:  # told before anything is paid for
            what = f"{cassette.label} cannot be read: {cassette.fault}"
            raise InputError(what, fix="restore the file from git, or move it away")
        wanted = self._wanted(material, tier)
        told = _Progress(terminal, f"{name} on {tier.name} ({tier.model})", len(calls))
        outcome = record(list(calls.values()), tier, told.done)
        told.end()
        self._faults += len(outcome.faults)
        if outcome.answered:
            text = rewritten(cassette, outcome.answered, {call.case: wanted for call in calls.values()})
            project.recordings.forget(name, tier.model)
            path = cassette_path(project.registry.cassettes, name, tier.model)
            write_atomically(self._settings.rootdir / path, text.encode())
        for key, fault in outcome.faults.items():
            project.recordings.failed(key, fault)
        if outcome.interrupted:
            raise KeyboardInterrupt

    def _calls(self, material: TaskMaterial, tier: Tier, cases: list[GoldenCase]) -> Iterator[Call]:
        cassette = self._assessment.project.recordings.cassette(material.task.name, tier.model)
        mode = self._settings.record
        if mode is RecordMode.ONCE and cassette.exists:
            return
        for case in cases:
            key = material.key(case, tier)
            if mode is RecordMode.ALL or not self._usable(material, tier, case, key):
                yield Call(material.task.name, case.id, 0, key, material.requests.arguments(case, tier))

    def _usable(self, material: TaskMaterial, tier: Tier, case: GoldenCase, key: str) -> bool:
        """Whether a replay would get an answer from what is recorded."""
        query = Query(material.task.name, case.id, tier.model, key, dict, "", tier.endpoint)
        try:
            material.reader.read(recorded_body(self._assessment.project.recordings.find(query)))
        except UnobtainedAnswer as error:
            return error.kind is ErrorKind.SCORER
        return True

    def _wanted(self, material: TaskMaterial, tier: Tier) -> frozenset[str]:
        """The keys under which this model's recordings of the task are still wanted, by head's tiers or the base's."""
        sides = [(self._assessment.project.registry, material)]
        baseline = self._assessment.comparison.baseline
        if baseline is not None and material.task.name in baseline.materials:
            sides.append((baseline.registry, baseline.materials[material.task.name]))
        return frozenset(
            side.key(case, other)
            for registry, side in sides
            for other in registry.tiers
            if other.model == tier.model
            for case in side.cases
        )


class _Progress:
    """A plain line at the start, every few seconds, and at the end."""

    def __init__(self, terminal: Any, what: str, total: int) -> None:
        self._terminal = terminal
        self._what = what
        self._total = total
        self._finished = 0
        self._faults = 0
        self._told_at = time.monotonic()
        self._write(f"recording {what}: {total} calls")

    def done(self, call: Call, fault: str | None) -> None:
        self._finished += 1
        if fault is not None:
            self._faults += 1
            if self._faults <= 3:
                self._write(f"no answer to {call.case}: {fault}")
        if time.monotonic() - self._told_at > SECONDS_BETWEEN_LINES:
            self._told_at = time.monotonic()
            self._write(f"recording {self._what}: {self._finished} of {self._total}")

    def end(self) -> None:
        answered = self._finished - self._faults
        self._write(
            f"recorded {self._what}: {answered} of {self._total}" + f", {self._faults} failed" * bool(self._faults)
        )

    def _write(self, text: str) -> None:
        if self._terminal is not None:
            self._terminal.write_line(f"modelroute: {text}")
