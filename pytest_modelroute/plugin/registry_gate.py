"""The gate of what changed beside the tasks: an item of its own, directly under the registry."""

from __future__ import annotations

from typing import Any

import pytest

from ..reporting.registry_gate import RegistryGate
from .failures import registry_failure
from .reports import call_report

__all__ = ["GATE", "RegistryGateItem"]

GATE = "gate"


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
        failure = registry_failure(self.gate) if self.gate.fails_build else None
        span = (start, stop, duration)
        return call_report(self.nodeid, self.location, *span, failure, modelroute_registry_gate=True)
