"""What a session tells: its header, its summary and report files, and gates that should have run."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from ..errors import InputError
from ..evaluation.planning import RecordMode
from ..evaluation.results import CaseResult
from ..judgement.gate import Verdict
from ..reporting.assessment import Assessment
from ..reporting.json import errors_from_wire, task_from_wire, write_json
from ..reporting.model import RunReport, TaskReport
from ..reporting.terminal import Line, Tone, render
from ..reporting.wording import counted
from .settings import Settings

__all__ = ["SessionReport"]

LOG_COLUMNS = 120


class SessionReport:
    """Gathers the judged tasks, wherever their gates ran, and tells of them at the end."""

    def __init__(self, config: pytest.Config, settings: Settings, assessment: Assessment) -> None:
        self._config = config
        self._settings = settings
        self._assessment = assessment
        self._judged: dict[str, TaskReport] = {}
        self._errors: dict[str, dict[tuple[str, int], CaseResult]] = {}  # of the cases that ran, by case and sample
        self._registry_judged = False
        self._fault: str | None = None
        self._refused = False

    def pytest_report_header(self) -> str:
        project = self._assessment.project
        cases = sum(len(material.cases) for material in project.materials.values())
        commit = self._assessment.comparison.commit
        told = [
            f"modelroute: {project.registry.path}",
            counted(len(project.materials), "gated task"),
            counted(cases, "case"),
        ]
        told.append(f"base {commit.ref} ({commit.commit[:10]})" if commit else "no base")
        told += [f"trying {task}={tier}" for task, tier in self._settings.tries.items()]
        if self._settings.record is not RecordMode.NONE:
            told.append(f"recording: {self._settings.record.value}")
        return ", ".join(told)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._registry_judged |= getattr(report, "modelroute_registry_gate", False)
        name = getattr(report, "modelroute_gate", None)
        if name is not None:
            wire = getattr(report, "modelroute_report", None)
            self._judged[name] = self._assessment.judged(name) if wire is None else task_from_wire(json.loads(wire))
        for task, errors in json.loads(getattr(report, "modelroute_errors", None) or "{}").items():
            found = {(error.case, error.sample): error for error in errors_from_wire(errors)}
            self._errors.setdefault(task, {}).update(found)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self._refused = session.exitstatus == pytest.ExitCode.USAGE_ERROR
        if self._silent():
            return
        report = self._report()
        missing = [
            task
            for task in report.tasks
            if task.verdict is Verdict.NOT_EVALUATED
            and (self._assessment.must_run(task.task) or task.task in self._errors)
        ]
        gate = self._assessment.registry_gate
        left_out = gate is not None and gate.fails_build and not self._registry_judged
        if (missing or left_out) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if not self._assessment.gates() and session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            session.exitstatus = pytest.ExitCode.OK  # a registry whose tasks are all ungated is listed, never failing
        if self._settings.json is not None:
            try:
                write_json(report, self._settings.json)
            except InputError as error:  # an exception from here would be an internal error
                self._fault = f"ERROR: --modelroute-json: {error}"
                if session.exitstatus == pytest.ExitCode.OK:
                    session.exitstatus = pytest.ExitCode.USAGE_ERROR

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._silent():
            return
        writer = terminalreporter._tw
        verbosity = self._config.get_verbosity()
        # A log file has no width: pytest's 80 columns are a guess, and a table is read more easily whole.
        width = writer.fullwidth if terminalreporter.isatty or "COLUMNS" in os.environ else LOG_COLUMNS
        lines = list(render(self._report(), width, verbosity))
        if self._fault is not None:
            lines.append(Line(self._fault, Tone.BAD))
        if not lines:
            return
        if verbosity >= 0:
            terminalreporter.section("model routing")
        for line in lines:
            markup = {line.tone: True} if line.tone else {}
            terminalreporter.write_line(line.text, bold=line.bold, **markup)

    def _silent(self) -> bool:
        """Whether there is nothing to tell: nothing was to run, or the error that ended the session says it all."""
        only_asked = bool(self._config.option.collectonly) or self._settings.dry_run
        return only_asked or self._refused or hasattr(self._config, "workerinput")

    def _report(self) -> RunReport:
        errors = {task: tuple(found.values()) for task, found in self._errors.items()}
        return self._assessment.run_report(self._judged, errors)
