"""One endpoint's share of a recording: what waits, what is on its way, and how much of it at once.

Additive increase, multiplicative decrease, as TCP does it (Chiu and Jain 1989): an overload halves what may be on its
way, each answer gives a little back.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace

from .calls import Call
from .faults import Fault, FaultKind

__all__ = ["Endpoint", "Job"]

MOST_OVERLOADS = 12  # attempts of one call that an overloaded endpoint turned away
MOST_FAILURES = 4  # attempts of one call that the network cut short
IDENTICAL_FAULTS = 5
LONGEST_PAUSE = 60.0
FIRST_WAIT = 0.25  # seconds, doubled with each failure of a call


@dataclass(frozen=True, slots=True)
class Job:
    """A call on its way; `begun` is when this attempt left, on the caller's clock."""

    call: Call
    tier: str
    overloads: int = 0
    failures: int = 0
    begun: float = 0.0


class Endpoint:
    """The calls to one tier, with its address and key. Times are seconds of one clock.

    Not thread-safe: whoever schedules holds a lock.
    """

    def __init__(self, name: str, jobs: Iterable[Job], most_at_once: int) -> None:
        self.name = name
        self.in_flight = 0
        self.limit = float(most_at_once)
        self.paused_until = 0.0
        self.stopped: str | None = None
        self._most_at_once = most_at_once
        self._waiting = deque(jobs)
        self._reduced_at = 0.0
        self._overloads_in_a_row = 0
        self._failures_in_a_row = 0
        self._same_faults = 0
        self._last_fault = ""

    @property
    def open(self) -> bool:
        """Whether calls are waiting."""
        return bool(self._waiting)

    def ready_at(self) -> float | None:
        """When the next call may leave; None where none waits, or too many are on their way."""
        if not self._waiting or self.in_flight >= max(int(self.limit), 1):
            return None
        return self.paused_until

    def take(self, now: float) -> Job:
        """The next call, from now on its way."""
        self.in_flight += 1
        return replace(self._waiting.popleft(), begun=now)

    def drop(self) -> list[Job]:
        """Give up all that wait."""
        dropped = list(self._waiting)
        self._waiting.clear()
        return dropped

    def succeeded(self) -> None:
        """An answer came: there may be room for more."""
        self.in_flight -= 1
        self._overloads_in_a_row = 0
        self._failures_in_a_row = 0
        self._same_faults = 0
        self.limit = min(self.limit + 1 / max(int(self.limit), 1), self._most_at_once)

    def failed(self, job: Job, fault: Fault, now: float) -> bool:
        """An attempt gave none. Returns whether the call will be tried again."""
        self.in_flight -= 1
        if fault.kind is FaultKind.OVERLOADED:
            self._slow_down(job, fault, now)
            job = replace(job, overloads=job.overloads + 1)
        elif fault.kind is FaultKind.TRANSIENT:
            job = replace(job, failures=job.failures + 1)
            self._wait_a_moment(job, now)
        retried = (
            fault.kind in (FaultKind.OVERLOADED, FaultKind.TRANSIENT, FaultKind.AGAIN)
            and job.overloads < MOST_OVERLOADS
            and job.failures < MOST_FAILURES
            and self.stopped is None
        )
        if retried:
            self._waiting.appendleft(job)
            return True
        if fault.kind in (FaultKind.LOCAL, FaultKind.AGAIN):
            return False
        self._same_faults = self._same_faults + 1 if fault.detail == self._last_fault else 1
        self._last_fault = fault.detail
        if fault.kind is FaultKind.FATAL or self._same_faults >= IDENTICAL_FAULTS:
            self.stopped = fault.detail
        return False

    def _slow_down(self, job: Job, fault: Fault, now: float) -> None:
        if job.begun >= self._reduced_at:  # calls that left before the last reduction tell nothing new
            self.limit = max(self.limit / 2, 1.0)
            self._reduced_at = now
            self._overloads_in_a_row += 1
        pause = fault.retry_after
        if pause is None:
            longest = min(0.5 * 2**self._overloads_in_a_row, LONGEST_PAUSE)
            pause = longest * random.uniform(0.5, 1.0)  # noqa: S311  # jitter, not a secret
        self.paused_until = max(self.paused_until, now + pause)

    def _wait_a_moment(self, job: Job, now: float) -> None:
        """One call that the network cut short is tried at once; several in a row, and the network may be away."""
        self._failures_in_a_row += 1
        if self._failures_in_a_row > 1:
            self.paused_until = max(self.paused_until, now + FIRST_WAIT * 2**job.failures)
