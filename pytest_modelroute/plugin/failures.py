"""How a failed gate looks: a few lines, since the report's table and cases follow at the end of the session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..reporting.model import TaskReport
from ..reporting.registry_gate import RegistryGate
from ..reporting.text import printable
from ..reporting.wording import way_out_lines

__all__ = ["GateFailure", "registry_failure", "task_failure"]


class GateFailure:
    """Why a gate failed; whatever has `toterminal` serves pytest as a representation of a failure."""

    def __init__(self, title: str, reasons: Sequence[str], way_out: str | None) -> None:
        told = [printable(reason) for reason in reasons]
        self._lines = [title, *(f"  {reason}" for reason in told)]
        if way_out:
            self._lines += way_out_lines(way_out)
        self.reprcrash = GateCrash(told[0])

    def __str__(self) -> str:
        return "\n".join(self._lines)

    def toterminal(self, tw: Any) -> None:
        for line in self._lines:
            tw.line(line)


class GateCrash:
    """What pytest's short summary prints beside the node id."""

    def __init__(self, message: str) -> None:
        self.message = message

    def __str__(self) -> str:
        return self.message


def task_failure(task: TaskReport) -> GateFailure:
    return GateFailure(f"{task.task} on {task.tier}: {task.verdict.value}", task.reasons, task.way_out)


def registry_failure(gate: RegistryGate) -> GateFailure:
    return GateFailure(f"{gate.registry}: fail", gate.reasons, gate.way_out)
