"""The registry as pytest collects it: a file of tasks, each with its cases and, last, its gate."""

from __future__ import annotations

import contextlib
import io
import json
import time
from collections.abc import Generator, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from ..evaluation.results import Outcome
from ..reporting.assessment import Assessment
from ..reporting.json import errors_to_wire, task_from_wire, task_to_wire
from .failures import registry_failure, task_failure
from .registry_gate import GATE, RegistryGateItem
from .reports import call_report, passed_report
from .settings import Settings

__all__ = ["CaseItem", "Collector", "GateItem"]

STATUS = {
    Outcome.WRONG.value: ("wrong", "w", ("WRONG", {"yellow": True})),
    # Not pytest's own "error", which is a failure: the gate fails for it.
    Outcome.ERROR.value: ("unscored", "?", ("UNSCORED", {"yellow": True})),
}


class Collector:
    """The hooks that collect and run the registry's items."""

    def __init__(self, config: pytest.Config, settings: Settings, assessment: Assessment) -> None:
        self._seen = False
        self._complete = False
        self._captures = config.getoption("capture", "no") != "no"
        self._path = settings.rootdir / settings.registry
        self._assessment = assessment

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        if file_path != self._path:
            return None
        self._seen = True
        return RegistryFile.from_parent(parent, path=file_path, assessment=self._assessment)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> Generator[None]:
        """Put back the gates of strict tasks that a selection or a shard dropped; `--deselect` means what it says."""
        self._complete = True
        told = tuple(config.option.deselect or ())
        required = [
            item
            for item in items
            if (
                isinstance(item, RegistryGateItem)
                or (isinstance(item, GateItem) and self._assessment.must_run(item.task))
            )
            and not (told and item.nodeid.startswith(told))
        ]
        yield
        kept = set(items)
        for item in required:
            if item not in kept:
                if isinstance(item, GateItem):
                    item.put_back = True
                items.append(item)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """A registry that an ignored folder hides would be a gate that nobody notices is gone."""
        # pytest calls this on its way out of a collection that failed too, and that failure says more.
        if self._seen or not self._complete or hasattr(session.config, "workerinput"):
            return
        if self._assessment.gates() or self._assessment.registry_gate is not None:
            raise pytest.UsageError(
                f"modelroute: {self._path} was not collected: it lies in a folder that pytest is told to ignore\n"
                "  fix: name it on the command line, or take its folder out of norecursedirs or collect_ignore"
            )

    @pytest.hookimpl(wrapper=True)
    def pytest_report_from_serializable(self, data: dict[str, Any]) -> Generator[None, Any, Any]:
        """Give a worker's failed gate its reasons back: of any failure that is not Python's, only its text is sent."""
        report = yield
        sent = data.get("modelroute_report")
        if sent is not None and report is not None and report.failed:
            report.longrepr = task_failure(task_from_wire(json.loads(sent)))
        gate = self._assessment.registry_gate
        if data.get("modelroute_registry_gate") and report is not None and report.failed and gate is not None:
            report.longrepr = registry_failure(gate)  # every process has found the same changes
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Three plain reports an item, at a fraction of the stock protocol's cost: nothing here needs a fixture."""
        if not isinstance(item, (CaseItem, GateItem, RegistryGateItem)):
            return None
        hook = item.ihook if isinstance(item, RegistryGateItem) else item.hook
        nodeid, location = item.nodeid, item.location
        hook.pytest_runtest_logstart(nodeid=nodeid, location=location)
        hook.pytest_runtest_logreport(report=passed_report(nodeid, location, "setup"))
        start = time.time()
        clock = time.perf_counter()
        printed = self._run(item)
        duration = time.perf_counter() - clock
        report = item.call_report(start, start + duration, duration)
        if printed:
            report.sections.append(("Captured stdout call", printed))
        hook.pytest_runtest_logreport(report=report)
        hook.pytest_runtest_logreport(report=passed_report(nodeid, location, "teardown"))
        hook.pytest_runtest_logfinish(nodeid=nodeid, location=location)
        return True

    def _run(self, item: CaseItem | GateItem | RegistryGateItem) -> str:
        """Run an item and give what the team's own scorer printed."""
        if isinstance(item, RegistryGateItem) or not self._captures or not self._assessment.runs_own_code(item.task):
            item.runtest()
            return ""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            item.runtest()
        return printed.getvalue()

    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport | None:
        """The same report where another plugin runs the stock protocol."""
        if isinstance(item, (CaseItem, GateItem, RegistryGateItem)) and call.when == "call" and call.excinfo is None:
            return item.call_report(call.start, call.stop, call.duration)
        return None

    def pytest_report_teststatus(
        self, report: pytest.TestReport
    ) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
        outcome = getattr(report, "modelroute_outcome", None)
        return None if outcome is None else STATUS.get(outcome)


class RegistryFile(pytest.File):
    """The registry file."""

    def __init__(self, *, assessment: Assessment, **node: Any) -> None:
        super().__init__(**node)
        self.assessment = assessment

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        for name in self.assessment.gates():
            yield TaskNode.from_parent(self, name=name, assessment=self.assessment)
        if self.assessment.registry_gate is not None:
            yield RegistryGateItem.from_parent(self, name=GATE, gate=self.assessment.registry_gate)


class TaskNode(pytest.Collector):
    """One task type."""

    def __init__(self, *, assessment: Assessment, **node: Any) -> None:
        super().__init__(**node)
        self.assessment = assessment

    def collect(self) -> Iterator[pytest.Item]:
        evaluation = self.assessment.evaluations.get(self.name)
        if evaluation is not None:
            for index, case in enumerate(evaluation.material.cases):
                yield CaseItem.from_parent(self, name=case.id, index=index)
        yield GateItem.from_parent(self, name=GATE)

    @cached_property
    def hook(self) -> Any:
        """The hook caller: one lookup for all items of the task, which share their path."""
        return self.ihook

    @cached_property
    def file(self) -> str:
        return self.nodeid.partition("::")[0]


class _ModelrouteItem(pytest.Item):
    parent: TaskNode

    @property
    def hook(self) -> Any:
        return self.parent.hook

    @property
    def task(self) -> str:
        return self.parent.name

    @property
    def location(self) -> tuple[str, int | None, str]:  # not cached: a tuple a case costs memory
        return (self.parent.file, None, f"{self.parent.name}::{self.name}")


class CaseItem(_ModelrouteItem):
    """One golden case: correct, wrong or in error, and never a failed test."""

    def __init__(self, *, index: int, **node: Any) -> None:
        super().__init__(**node)
        self.index = index

    def runtest(self) -> None:
        self.parent.assessment.evaluations[self.task].outcome(self.index)

    def call_report(self, start: float, stop: float, duration: float) -> pytest.TestReport:
        evaluation = self.parent.assessment.evaluations[self.task]
        outcome = evaluation.outcome(self.index)
        # As text, as a gate's report: xdist's controller has not evaluated the case itself.
        errors = evaluation.errors(self.index) if outcome is Outcome.ERROR else []
        told = json.dumps({self.task: errors_to_wire(errors)}) if errors else None
        more = {"modelroute_outcome": outcome.value, "modelroute_errors": told}
        return call_report(self.nodeid, self.location, start, stop, duration, **more)


class GateItem(_ModelrouteItem):
    """The judgement of a whole task, whatever else of it was selected; `put_back` where a selection had dropped it."""

    put_back = False

    def runtest(self) -> None:
        self.parent.assessment.judged(self.task)

    def call_report(self, start: float, stop: float, duration: float) -> pytest.TestReport:
        task = self.parent.assessment.judged(self.task)
        failure = task_failure(task) if task.fails_build else None
        # xdist's controller has not judged the task itself.
        # As ASCII: a model can answer with what UTF-8 cannot hold.
        sent = json.dumps(task_to_wire(task)) if hasattr(self.config, "workerinput") else None
        more = {"modelroute_gate": task.task, "modelroute_report": sent}
        return call_report(self.nodeid, self.location, start, stop, duration, failure, **more)
