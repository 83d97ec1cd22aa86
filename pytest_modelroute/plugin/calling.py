"""What recording and verifying have in common: a plan that is told first, a cap that holds, progress that is seen."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout
from typing import Any

import pytest

from ..cassettes.client import live_client, retirement
from ..cassettes.events import Event, Listener
from ..errors import InputError
from ..evaluation.golden import GoldenCase
from ..evaluation.planning import TaskPlan
from ..reporting.assessment import Assessment
from ..reporting.numbers import duration, usd
from ..reporting.plan import plan_lines, plan_usd, unpriced
from ..reporting.progress import BarProgress, LineProgress, Progress, spent
from ..reporting.tally import Tally
from ..reporting.text import printable
from ..reporting.wording import counted
from .collection import CaseItem, GateItem
from .settings import Settings

__all__ = ["LiveCalls", "may_call", "selected_cases"]


def may_call(session: pytest.Session) -> bool:
    """Whether the session gets as far as running items: nothing is paid for otherwise."""
    option = session.config.option
    return not option.collectonly and (not session.testsfailed or bool(option.continue_on_collection_errors))


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


class LiveCalls:
    """The terminal's and the purse's side of live calls."""

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self._terminal: Any = config.pluginmanager.getplugin("terminalreporter")
        self._settings = settings

    def write(self, text: str) -> None:
        if self._terminal is not None:
            self._terminal.write_line(f"modelroute: {printable(text)}")

    def quiet(self) -> AbstractContextManager[object]:
        """Keeps what the team's own functions print from the terminal, unless pytest was given -s."""
        if self._terminal is not None and self._terminal.config.getoption("capture", "no") == "no":
            return nullcontext()
        return redirect_stdout(io.StringIO())

    def tell_plan(self, plans: Sequence[TaskPlan]) -> None:
        """Print what will be called, where, and what it costs. Raises InputError where that is above the cap."""
        for line in plan_lines(plans, self._settings.concurrency):
            self.write(line)
        for model in dict.fromkeys(plan.tier.model for plan in plans):
            date = retirement(model)
            if date is not None:
                self.write(f"warning: {model} is deprecated; its provider retires it on {date}")
        if self._settings.dry_run:
            self._tell_missing_keys(plans)
        elif plans and self._settings.max_usd is not None:
            self._check_cap(plans, self._settings.max_usd)

    @contextmanager
    def watched(self, tally: Tally) -> Iterator[Listener]:
        """Shows progress, and gives what is to hear of each attempt: it says when the cap is reached."""
        progress = self._progress(tally)
        cap = self._settings.max_usd

        def count(event: Event) -> str | None:
            tally.count(event)
            if cap is None:
                return None
            if tally.unknown:
                return f"what {tally.unknown} costs is not known, which --modelroute-max-usd={usd(cap)} does not allow"
            if 0 < tally.before + tally.spent >= cap:  # what is free is under any
                return f"--modelroute-max-usd={usd(cap)} is reached"
            return None

        try:
            yield Listener(count, progress.update)
        finally:
            progress.close()

    def tell_spent(self, tally: Tally) -> None:
        """What all calls came to."""
        estimated = plan_usd(tally.plans)
        told = f"{counted(tally.answered, 'answer')} for {spent(tally)}"
        told += f", planned {usd(estimated)}" if estimated is not None else ""
        told += f", in {duration(tally.elapsed)}"
        if tally.others:
            told += f"; not priced: {counted(tally.others.total(), 'call')} to {', '.join(sorted(tally.others))}"
        self.write(told)

    def _tell_missing_keys(self, plans: Sequence[TaskPlan]) -> None:
        """What a dry run can do without, and the calls cannot."""
        for tier in {plan.tier.name: plan.tier for plan in plans if not plan.own}.values():
            try:
                live_client(tier, self._settings.timeout).close()
            except InputError as error:
                self.write(f"warning: {error.what}: the calls will need it ({error.fix})")

    @staticmethod
    def _check_cap(plans: Sequence[TaskPlan], cap: float) -> None:
        cost = plan_usd(plans)
        if cost is None:
            what = f"--modelroute-max-usd: what these calls cost is not known: {', '.join(unpriced(plans))}"
            fix = "set the tier's `price`, and for a task of your own function record a few cases first (-k)"
            raise InputError(what, fix=fix)
        if cost > cap:
            what = f"--modelroute-max-usd: these calls would cost about {usd(cost)} USD, above {usd(cap)} USD"
            raise InputError(what, fix="select fewer cases (-k, or a task's node id), or raise the cap")

    def _progress(self, tally: Tally) -> Progress:
        terminal = self._terminal
        if terminal is not None and terminal.isatty and terminal.verbosity >= 0:
            return BarProgress(tally, terminal._tw._file)
        return LineProgress(tally, self.write)
