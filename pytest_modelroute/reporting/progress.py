"""A recording as it goes: bars on a terminal, a plain line every few seconds in a log."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol, TextIO

from ..cassettes.events import Event, EventKind
from .numbers import duration, usd
from .tally import PlanTally, Tally
from .wording import counted

__all__ = ["BarProgress", "LineProgress", "Progress", "failures", "spent"]

SECONDS_BETWEEN_LINES = 5.0
MOST_FAULTS = 3  # of one plan that are told as they happen


class Progress(Protocol):
    """What is told while a recording goes on. `update` hears of each attempt, and of None now and then."""

    def update(self, event: Event | None) -> None: ...

    def close(self) -> None: ...


def spent(tally: Tally) -> str:
    """What was spent so far."""
    return f"{'at least ' * bool(tally.unknown)}{usd(tally.spent)} USD"


def failures(tally: PlanTally) -> str:
    """How many calls of a plan gave no answer, and why."""
    told = f"{tally.failed} of {counted(tally.total, 'call')} gave no answer"
    told += f", {tally.dropped} of them not made" * bool(tally.dropped)
    return f"{told}; the first: {tally.fault}" if tally.failed > 1 else f"{told}: {tally.fault}"


class _Faults:
    """Which faults are told as they happen: few of a plan, and none twice."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], set[str]] = {}

    def line(self, event: Event) -> str | None:
        told = self._told.setdefault((event.call.task, event.tier), set())
        if event.kind is not EventKind.FAILED or event.detail in told or len(told) >= MOST_FAULTS:
            return None
        told.add(event.detail)
        return f"no answer to {event.call.case}: {event.detail}"


def _rate(tally: Tally) -> str:
    told = [f"{tally.ended / max(tally.elapsed, 0.001):.1f} calls/s", spent(tally)]
    if tally.remaining is not None:
        told.append(f"{duration(tally.remaining)} left")
    if tally.retries:
        told.append(counted(tally.retries, "retry", "retries"))
    return ", ".join(told)


class LineProgress:
    """Plain lines through `write`."""

    def __init__(self, tally: Tally, write: Callable[[str], None]) -> None:
        self._tally = tally
        self._write = write
        self._told_at = time.monotonic()
        self._faults = _Faults()
        self._limits: dict[str, int] = {}

    def update(self, event: Event | None) -> None:
        if event is not None:
            fault = self._faults.line(event)
            if fault is not None:
                self._write(fault)
            self._tell_limit(event)
        if time.monotonic() - self._told_at > SECONDS_BETWEEN_LINES:
            self._told_at = time.monotonic()
            self._write(f"calls: {self._tally.ended} of {self._tally.total}, {_rate(self._tally)}")

    def close(self) -> None:
        """Nothing stays open."""

    def _tell_limit(self, event: Event) -> None:
        """An endpoint that turns calls away gets fewer at once, until it recovers."""
        before = self._limits.get(event.tier)
        self._limits[event.tier] = min(event.limit, before or event.limit)
        if event.kind == EventKind.RETRIED and before is not None and event.limit < before:
            self._write(f"{event.tier} is overloaded: {counted(event.limit, 'call')} at once ({event.detail})")
        elif before is not None and event.limit > before * 2:
            self._limits[event.tier] = event.limit


class BarProgress:
    """A bar a task and tier, redrawn in place."""

    def __init__(self, tally: Tally, file: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bars

        self._tally = tally
        self._faults = _Faults()
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[told]}"),
            console=Console(file=file),
            refresh_per_second=4,
        )
        self._ids: dict[tuple[str, str], Any] = {
            key: self._bars.add_task(" on ".join(key), total=plan.total, told="") for key, plan in tally.of_plan.items()
        }
        self._sum = self._bars.add_task("all", total=tally.total, told="")
        self._bars.start()

    def update(self, event: Event | None) -> None:
        if event is not None:
            key = (event.call.task, event.tier)
            plan = self._tally.of_plan[key]
            told = [f"{plan.limit} at once"]
            told += [counted(plan.retries, "retry", "retries")] * bool(plan.retries)
            told += [f"{plan.failed} failed"] * bool(plan.failed)
            self._bars.update(self._ids[key], completed=plan.ended, told=", ".join(told))
            fault = self._faults.line(event)
            if fault is not None:
                self._bars.console.print(fault, markup=False, highlight=False)
        self._bars.update(self._sum, completed=self._tally.ended, told=_rate(self._tally))

    def close(self) -> None:
        self._bars.stop()
