"""Recording before deciding: the answers that the selected items need, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from ..cassettes.recorder import Call, record, rewritten
from ..cassettes.replay import cassette_path
from ..errors import InputError, UnobtainedAnswer
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
            if isinstance(item, GateItem) and item.task in materials and not self._assessment.must_run(item.task):
                chosen.setdefault(item.task, list(materials[item.task].cases))
        return chosen

    def _tiers(self, name: str) -> list[Tier]:
        registry = self._assessment.project.registry
        wanted = {registry.tasks[name].tier, *self._settings.record_tiers}
        return [tier for tier in registry.tiers if tier.name in wanted or "all" in wanted]

    def _record(self, material: TaskMaterial, tier: Tier, cases: list[GoldenCase], terminal: Any) -> None:
        project = self._assessment.project
        name = material.task.name
        calls = {call.key: call for call in self._calls(material, tier, cases)}
        if not calls:
            return
        told = _Progress(terminal, f"{name} on {tier.name} ({tier.model})", len(calls))
        outcome = record(list(calls.values()), tier, told.done)
        told.end()
        needed = {call.case: self._needed(material, tier, call.case) for call in calls.values()}
        path = self._settings.rootdir / cassette_path(project.registry.cassettes, name, tier.model)
        if outcome.answered:
            before = project.recordings.cassette(name, tier.model)
            write_atomically(path, rewritten(before, outcome.answered, needed).encode())
            project.recordings.forget(name, tier.model)
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
            if mode is not RecordMode.ALL:
                try:
                    if cassette.find(key) is not None:
                        continue
                except UnobtainedAnswer:
                    pass  # a line that cannot be read is recorded anew
            yield Call(material.task.name, case.id, 0, key, material.requests.arguments(case, tier))

    def _needed(self, material: TaskMaterial, tier: Tier, case_id: str) -> frozenset[str]:
        """The keys under which this model's recordings of a case are still wanted, by head's tiers or the base's."""
        keys = set()
        sides = [(self._assessment.project.registry, material)]
        baseline = self._assessment.comparison.baseline
        if baseline is not None and material.task.name in baseline.materials:
            sides.append((baseline.registry, baseline.materials[material.task.name]))
        for registry, side in sides:
            for case in side.cases:
                if case.id == case_id:
                    keys |= {side.key(case, other) for other in registry.tiers if other.model == tier.model}
        return frozenset(keys)


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
