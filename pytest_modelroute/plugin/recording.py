"""Recording before deciding: the answers that the selected items need, and nothing else."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import pytest

from ..cassettes.client import retirement
from ..cassettes.recorder import Event, Recorded
from ..errors import InputError
from ..evaluation.golden import GoldenCase
from ..evaluation.planning import TaskPlan
from ..evaluation.recording import RecordingRun
from ..reporting.assessment import Assessment
from ..reporting.numbers import duration, usd
from ..reporting.plan import plan_lines, plan_usd
from ..reporting.progress import BarProgress, LineProgress, Progress
from ..reporting.tally import Tally
from ..reporting.terminal import printable
from .collection import CaseItem, GateItem
from .settings import Settings

__all__ = ["Recording", "selected_cases"]


def selected_cases(session: pytest.Session, assessment: Assessment) -> dict[str, Sequence[GoldenCase]]:
    """The cases of the selected items, by task; a gate that was selected alone stands for all of its task."""
    materials = assessment.project.materials
    chosen: dict[str, list[GoldenCase]] = {}
    for item in session.items:
        if isinstance(item, CaseItem):
            chosen.setdefault(item.task, []).append(materials[item.task].cases[item.index])
    for item in session.items:
        if isinstance(item, GateItem) and item.task in materials and not item.put_back:
            chosen.setdefault(item.task, list(materials[item.task].cases))
    return {**chosen}


class Recording:
    """Records between collection and the first item."""

    def __init__(self, settings: Settings, assessment: Assessment) -> None:
        self._settings = settings
        self._assessment = assessment
        self._terminal: Any = None
        self._failed: list[str] = []
        project, baseline = assessment.project, assessment.comparison.baseline
        self._run = RecordingRun(project, baseline, settings.rootdir, settings.record)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A call that failed fails the session, on a tier that no gate judges too."""
        if self._failed and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for told in self._failed:
            terminalreporter.write_line(f"modelroute: {told}", red=True)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        config = session.config
        broken = session.testsfailed and not config.option.continue_on_collection_errors
        if not config.option.collectonly and not broken:
            self._terminal = config.pluginmanager.getplugin("terminalreporter")
            try:
                self._record(selected_cases(session, self._assessment))
            except InputError as error:
                raise pytest.UsageError(f"modelroute: {error}") from None
            if self._settings.dry_run:
                session.items.clear()
        return (yield)

    def _record(self, selected: dict[str, Sequence[GoldenCase]]) -> None:
        if self._settings.dry_run:
            self._tell_plan(self._run.plans(selected, self._settings.record_tiers))
            return
        with self._run.locked() as found:
            if found:
                self._write(f"an interrupted recording left {found} answers, which are kept")
            plans = self._run.plans(selected, self._settings.record_tiers)
            self._tell_plan(plans)
            self._check_cap(plan_usd(plans), bool(plans))
            if plans:
                self._make_calls(plans)

    def _tell_plan(self, plans: Sequence[TaskPlan]) -> None:
        for line in plan_lines(plans, self._settings.concurrency):
            self._write(line)
        for model in dict.fromkeys(plan.tier.model for plan in plans):
            date = retirement(model)
            if date is not None:
                self._write(f"warning: {model} is deprecated; its provider retires it on {date}")

    def _check_cap(self, cost: float | None, calls: bool) -> None:
        cap = self._settings.max_usd
        if cap is None or not calls:
            return
        if cost is None:
            what = "--modelroute-max-usd: what this recording costs is not known"
            fix = "set the tiers' `price`, and for a task of your own function record a few cases first (-k)"
            raise InputError(what, fix=fix)
        if cost > cap:
            what = f"--modelroute-max-usd: this recording would cost about {usd(cost)} USD, above {usd(cap)} USD"
            raise InputError(what, fix="select fewer cases (-k, or a task's node id), or raise the cap")

    def _make_calls(self, plans: Sequence[TaskPlan]) -> None:
        tally = Tally(plans)
        progress = self._progress(tally)
        cap = self._settings.max_usd

        def on_event(event: Event | None) -> str | None:
            if event is not None:
                tally.count(event)
            progress.update(event)
            if cap is not None and event is not None and (tally.usd is None or tally.usd >= cap):
                return f"{usd(tally.usd)} USD are spent, and --modelroute-max-usd is {usd(cap)}"
            return None

        try:
            outcome = self._run.record(plans, self._settings.concurrency, self._settings.timeout, on_event)
        finally:
            progress.close()
        self._tell_outcome(tally, outcome)
        if outcome.interrupted:
            raise KeyboardInterrupt

    def _progress(self, tally: Tally) -> Progress:
        terminal = self._terminal
        if terminal is not None and terminal.isatty and self._settings_are_loud():
            return BarProgress(tally, terminal._tw._file)
        return LineProgress(tally, self._write)

    def _settings_are_loud(self) -> bool:
        return bool(self._terminal.verbosity >= 0 and self._terminal.config.getoption("color", "auto") != "no")

    def _tell_outcome(self, tally: Tally, outcome: Recorded) -> None:
        for (task, tier), of_plan in tally.of_plan.items():
            told = f"{task} on {tier} ({of_plan.plan.tier.model})"
            self._write(
                f"recorded {told}: {of_plan.answered} of {of_plan.total}"
                + f", {of_plan.failed} failed" * bool(of_plan.failed)
                + f", {of_plan.retries} retries, down to {of_plan.lowest_limit} calls at once" * bool(of_plan.retries)
            )
            self._tell_models(of_plan.plan, tally)
            if of_plan.failed:
                self._failed.append(f"{told}: {of_plan.failed} of {of_plan.total} calls gave no answer")
        estimated = plan_usd(tally.plans)
        planned = f", planned {usd(estimated)}" if estimated is not None else ""
        self._write(f"{tally.answered} answers for {usd(tally.usd)} USD{planned}, in {duration(tally.elapsed)}")
        if outcome.stopped is not None:
            self._failed.append(f"recording stopped: {outcome.stopped}")
            again = "what arrived is kept: give the same command again to record the rest"
            self._write(f"stopped: {outcome.stopped}; {again}")

    def _tell_models(self, plan: TaskPlan, tally: Tally) -> None:
        for model in sorted(tally.models.get((plan.task, plan.tier.name), set()) - {plan.tier.model}):
            self._write(f"warning: {plan.tier.name} asks for {plan.tier.model}, and {model} answered")

    def _write(self, text: str) -> None:
        if self._terminal is not None:
            self._terminal.write_line(f"modelroute: {printable(text)}")
