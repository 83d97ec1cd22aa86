"""The gate of what changed beside the tasks: an item of its own, directly under the registry."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from ..reporting.registry_gate import RegistryGate
from .failures import registry_failure

__all__ = ["GATE", "KEYWORDS", "RegistryGateItem"]

GATE = "gate"
# Reports of one kind share it: thousands of them are kept until the session ends.
KEYWORDS: dict[str, Any] = {"modelroute": 1}


class RegistryGateItem(pytest.Item):
    """Passes where each change that loosens is acknowledged."""

    def __init__(self, *, gate: RegistryGate, **node: Any) -> None:
        super().__init__(**node)
        self.gate = gate

    @property
    def location(self) -> tuple[str, int | None, str]:
        return (self.nodeid.partition("::")[0], None, self.name)

    def runtest(self) -> None:
        """Nothing runs: the changes are known."""

    def call_report(self, start: float, stop: float, duration: float) -> pytest.TestReport:
        outcome: Literal["failed", "passed"] = "failed" if self.gate.fails_build else "passed"
        failure: Any = registry_failure(self.gate) if self.gate.fails_build else None
        return pytest.TestReport(
            self.nodeid,
            self.location,
            KEYWORDS,
            outcome,
            failure,
            "call",
            duration=duration,
            start=start,
            stop=stop,
            modelroute_registry_gate=True,
        )
