"""`--modelroute-verify`: some recorded cases are called again, live, before the session judges by the recordings."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Any

import pytest

from ..errors import InputError
from ..evaluation.golden import GoldenCase
from ..evaluation.results import CaseResult, Outcome
from ..evaluation.verification import Verification, Verified
from ..reporting.assessment import Assessment
from ..reporting.numbers import percent
from ..reporting.tally import Tally
from ..reporting.text import printable
from ..reporting.wording import counted
from .calling import LiveCalls, may_call, selected_cases
from .settings import Settings

__all__ = ["Verifying"]


class Verifying:
    """Calls between collection and the first item; too many changed outcomes fail the session."""

    def __init__(self, settings: Settings, assessment: Assessment) -> None:
        self._settings = settings
        self._assessment = assessment
        self._verified: list[Verified] | None = None
        self._stopped: str | None = None

    @property
    def _fails(self) -> bool:
        verified = self._verified or []
        changed = sum(each.changed for each in verified)
        unanswered = any(each.now.outcome is Outcome.ERROR for each in verified)
        return unanswered or changed > self._settings.verify_changed * len(verified)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._fails and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        if may_call(session):
            try:
                self._verify(LiveCalls(session.config, self._settings), selected_cases(session, self._assessment))
            except InputError as error:
                raise pytest.UsageError(f"modelroute: {error}") from None
            if self._settings.dry_run:
                session.items.clear()
        return (yield)

    def _verify(self, calls: LiveCalls, selected: dict[str, Sequence[GoldenCase]]) -> None:
        verification = Verification(self._assessment.project, selected, self._settings.verify)
        plans = verification.plans()
        calls.tell_plan(plans)
        if self._settings.dry_run:
            return
        if not plans:
            raise InputError("--modelroute-verify: none of the selected cases is recorded", fix="record them first")
        tally = Tally(plans)
        with calls.watched(tally) as listener, calls.quiet():
            found = verification.verify(plans, self._settings.concurrency, self._settings.timeout, listener)
        self._verified, self._stopped = found
        calls.tell_spent(tally)

    @pytest.hookimpl(trylast=True)  # below the table, where it is seen
    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._verified is None:
            return
        changed = [each for each in self._verified if each.changed]
        unanswered = [each for each in self._verified if each.now.outcome is Outcome.ERROR]
        terminalreporter.section("verified live")
        share = percent(len(changed) / len(self._verified), self._settings.verify_changed)
        told = f"{len(changed)} of {len(self._verified)} outcomes changed ({share}"
        told += f", at most {percent(self._settings.verify_changed)} allowed), {len(unanswered)} not answered"
        terminalreporter.write_line(told, red=self._fails, green=not self._fails)
        if self._stopped is not None:
            terminalreporter.write_line(printable(f"stopped: {self._stopped}"), red=True)
        for each in changed:
            line = f"  {each.task}::{each.before.case}  {_outcome(each.before)} -> {_outcome(each.now)}"
            terminalreporter.write_line(printable(line))
        for line in _faults(unanswered):
            terminalreporter.write_line(printable(line))


def _faults(unanswered: Sequence[Verified]) -> Iterator[str]:
    """A line for each fault of a task and tier, with the first of its cases."""
    alike: dict[tuple[str, str, str], list[str]] = {}
    for each in unanswered:
        alike.setdefault((each.task, each.tier, _outcome(each.now)), []).append(each.before.case)
    for (task, tier, outcome), cases in alike.items():
        yield f"  {task} on {tier}: {counted(len(cases), 'case')} not answered, first {cases[0]}: {outcome}"


def _outcome(result: CaseResult) -> str:
    told = result.outcome.value if result.kind is None else f"{result.outcome.value} ({result.kind.value})"
    return f"{told}: {result.detail}" if result.outcome is Outcome.ERROR else told
