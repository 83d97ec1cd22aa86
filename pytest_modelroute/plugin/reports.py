"""The reports of an item, as pytest wants them: three plain ones, of which the middle one tells."""

from __future__ import annotations

from typing import Any, Literal

import pytest

__all__ = ["call_report", "passed_report"]

Location = tuple[str, int | None, str]

# Reports of one kind share it: thousands of them are kept until the session ends.
KEYWORDS: dict[str, Any] = {"modelroute": 1}


def call_report(
    nodeid: str, location: Location, start: float, stop: float, duration: float, failure: Any = None, **more: Any
) -> pytest.TestReport:
    """What became of an item; `more` are attributes that the session's hooks look at."""
    outcome: Literal["failed", "passed"] = "passed" if failure is None else "failed"
    return pytest.TestReport(
        nodeid, location, KEYWORDS, outcome, failure, "call", duration=duration, start=start, stop=stop, **more
    )


def passed_report(nodeid: str, location: Location, when: Literal["setup", "teardown"]) -> pytest.TestReport:
    """What stands around it."""
    return pytest.TestReport(nodeid, location, KEYWORDS, "passed", None, when, (), 0.0, 0.0, 0.0)
