"""Recording before deciding: the answers that the selected items need, and nothing else."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import pytest

from ..cassettes.recorder import Recorded
from ..errors import InputError
from ..evaluation.golden import GoldenCase
from ..evaluation.planning import TaskPlan
from ..evaluation.recording import RecordingRun
from ..reporting.assessment import Assessment
from ..reporting.numbers import usd
from ..reporting.plan import plan_usd
from ..reporting.progress import failures
from ..reporting.tally import Tally
from ..reporting.text import printable
from ..reporting.wording import counted
from .calling import LiveCalls, may_call, selected_cases
from .settings import Settings

__all__ = ["Recording"]


class Recording:
    """Records between collection and the first item."""

    def __init__(self, settings: Settings, assessment: Assessment) -> None:
        self._settings = settings
        self._assessment = assessment
        self._failed: list[str] = []
        self._stopped = False
        project, baseline = assessment.project, assessment.comparison.baseline
        self._run = RecordingRun(project, baseline, settings.rootdir, settings.record)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A call that failed fails the session, on a tier that no gate judges too."""
        if self._failed and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(trylast=True)  # below the table and its cases, where they are seen
    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for told in self._failed:
            terminalreporter.write_line(f"modelroute: {printable(told)}", red=True)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        if may_call(session):
            try:
                self._record(LiveCalls(session.config, self._settings), selected_cases(session, self._assessment))
            except InputError as error:
                raise pytest.UsageError(f"modelroute: {error}") from None
            if self._settings.dry_run:
                session.items.clear()
        return (yield)

    def _record(self, calls: LiveCalls, selected: dict[str, Sequence[GoldenCase]]) -> None:
        if self._settings.dry_run:
            self._plan(calls, selected)
            return
        with self._run.locked() as found:
            if found:
                calls.write(f"an interrupted recording left {counted(found, 'answer')}, which are kept")
            answers, grades = self._plan(calls, selected)
            spent = self._make(calls, answers, 0.0) if answers else 0.0
            if answers and grades and not self._stopped:  # what there is to grade is known only now
                with calls.quiet():
                    grades = self._run.grade_plans(selected, self._settings.record_tiers)
                self._check_rest(calls, grades, spent)
            if grades and not self._stopped:
                self._make(calls, grades, spent)

    def _plan(
        self, calls: LiveCalls, selected: dict[str, Sequence[GoldenCase]]
    ) -> tuple[list[TaskPlan], list[TaskPlan]]:
        """What is to be answered, and what is to be graded then, both told."""
        with calls.quiet():
            answers = self._run.plans(selected, self._settings.record_tiers)
            grades = self._run.grade_plans(selected, self._settings.record_tiers, answers)
        calls.tell_plan([*answers, *grades])
        return answers, grades

    def _check_rest(self, calls: LiveCalls, grades: Sequence[TaskPlan], spent: float) -> None:
        """Stop before the grades where they would exceed what the answers have left of the cap."""
        cap, cost = self._settings.max_usd, plan_usd(grades)
        if cap is not None and grades and (cost is None or spent + cost > cap):
            told = f"{usd(spent)} USD are spent, and grading takes about {usd(cost)}"
            self._stop(calls, f"{told}: --modelroute-max-usd={usd(cap)}")

    def _stop(self, calls: LiveCalls, reason: str) -> None:
        self._stopped = True
        self._failed.append(f"recording stopped: {reason}")
        again = "what arrived is kept: give the same command again to record the rest"
        calls.write(f"stopped: {reason}; {again}")

    def _make(self, calls: LiveCalls, plans: Sequence[TaskPlan], before: float) -> float:
        """Make the calls; gives the USD that these and those `before` cost."""
        tally = Tally(plans, before=before)
        with calls.watched(tally) as listener, calls.quiet():
            outcome = self._run.record(plans, self._settings.concurrency, self._settings.timeout, listener)
        self._tell_outcome(calls, tally, outcome)
        if outcome.interrupted:
            raise KeyboardInterrupt
        return before + tally.spent

    def _tell_outcome(self, calls: LiveCalls, tally: Tally, outcome: Recorded) -> None:
        for (task, tier), of_plan in tally.of_plan.items():
            told = f"{task} on {tier} ({of_plan.plan.tier.model})"
            calls.write(
                f"recorded {told}: {of_plan.answered} of {of_plan.total}"
                + f", {of_plan.failed} failed" * bool(of_plan.failed)
                + f", {counted(of_plan.retries, 'retry', 'retries')}" * bool(of_plan.retries)
                + f", down to {counted(of_plan.lowest_limit, 'call')} at once" * bool(of_plan.retries)
            )
            self._tell_models(calls, of_plan.plan, tally)
            if of_plan.failed:
                self._failed.append(f"{told}: {failures(of_plan)}")
        calls.tell_spent(tally)
        if outcome.stopped is not None:
            self._stop(calls, outcome.stopped)

    @staticmethod
    def _tell_models(calls: LiveCalls, plan: TaskPlan, tally: Tally) -> None:
        answered = tally.models.get((plan.task, plan.tier.name), set())
        for model in sorted(model for model in answered if not model.startswith(plan.tier.model)):
            calls.write(f"warning: {plan.tier.name} asks for {plan.tier.model}, and {model} answered")
