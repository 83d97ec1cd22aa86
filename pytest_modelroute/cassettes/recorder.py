"""Recording: many calls at once over all endpoints, each kept as it arrives."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..errors import ErrorKind, UnobtainedAnswer
from ..registry.model import Tier
from .caller import Caller
from .calls import Call
from .capture import Attempt, Capture
from .client import endpoint_host
from .credentials import CredentialScan
from .endpoints import Endpoint, Job
from .events import Event, EventKind, Heard, Listener
from .faults import Fault, FaultKind
from .lines import Interaction
from .playback import Nowhere
from .stuck import leave_behind, pool_threads

__all__ = ["Batch", "Recorded", "Recorder"]

SECONDS_TO_FINISH = 10.0  # that calls on their way are given after Ctrl-C
SECONDS_BETWEEN_LOOKS = 0.2


@dataclass(frozen=True, slots=True)
class Batch:
    """Calls to one tier."""

    tier: Tier
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Recorded:
    """How a recording ended: by key why there is no answer, and why it stopped before its end, where it did."""

    faults: Mapping[str, UnobtainedAnswer]
    stopped: str | None
    interrupted: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Flight:
    """A call on its way."""

    endpoint: Endpoint
    job: Job
    attempt: Attempt


class Recorder:
    """Makes calls through vcrpy, so that every client's traffic is seen, and hands over what arrives.

    `keep(model, interactions)` is called in the thread that made the call, before anything else is told of it, and
    never after `record` has returned; where it raises OSError the recording stops. `scan` is what nothing may be kept
    or shown against. `timeout` is in seconds: for an attempt through the SDK, and for a whole run of an own function.
    """

    def __init__(
        self,
        keep: Callable[[str, Sequence[Interaction]], None],
        scan: CredentialScan,
        concurrency: int,
        timeout: float,
    ) -> None:
        self._keep = keep
        self._scan = scan
        self._concurrency = concurrency
        self._timeout = timeout
        self._capture = Capture(scan, alone=concurrency == 1)
        self._caller = Caller(self._capture, scan, timeout)
        self._changed = threading.Condition()
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._endpoints: list[Endpoint] = []
        self._tiers: dict[str, Tier] = {}
        self._flights: list[_Flight] = []
        self._keeping = 0
        self._threads: list[threading.Thread] = []
        self._count: Callable[[Event], str | None] = lambda event: None
        self._stopping = False
        self._stopped: str | None = None
        self._closed = False

    def record(self, batches: Sequence[Batch], listener: Listener) -> Recorded:
        """Make all calls.

        Ctrl-C drops the calls not yet begun, and gives those on their way some seconds. Raises InputError where a
        tier's key is not set, or an argument is none of the SDK's.
        """
        import vcr

        total = self._prepare(batches)
        recorder = vcr.VCR(
            record_mode="all",
            decode_compressed_response=True,
            before_record_request=self._capture.before_record_request,
            before_record_response=self._capture.before_record_response,
        )
        self._count = listener.count
        heard = Heard(listener.show)
        interrupted = False
        pools = pool_threads()
        with recorder.use_cassette("recording", persister=Nowhere()):
            try:
                for _ in range(min(self._concurrency, total)):
                    self._start_thread()
                self._listen(total, heard)
            except KeyboardInterrupt:
                interrupted = True
                self._stop("interrupted")
                self._let_finish()
            left = self._close()
        while not self._events.empty():
            heard.take(self._events.get())
        if left:
            leave_behind(pools)
        self._caller.close()
        return Recorded(heard.faults, self._stopped, interrupted)

    def _prepare(self, batches: Sequence[Batch]) -> int:
        jobs: dict[str, list[Job]] = {}
        for batch in batches:
            tier = self._tiers[batch.tier.name] = batch.tier
            for call in batch.calls:
                jobs.setdefault(tier.name, []).append(Job(call, tier.name))
                self._caller.prepare(call, tier)
        self._endpoints = [
            Endpoint(
                f"{tier.endpoint} for {name}", jobs[name], min(tier.concurrency or self._concurrency, self._concurrency)
            )
            for name, tier in self._tiers.items()
        ]
        return sum(len(waiting) for waiting in jobs.values())

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _listen(self, total: int, heard: Heard) -> None:
        while heard.ended < total and not (self._stopping and not self._in_flight() and self._events.empty()):
            self._give_up_late()
            try:
                heard.take(self._events.get(timeout=SECONDS_BETWEEN_LOOKS))
            except queue.Empty:
                heard.show(None)

    def _give_up_late(self) -> None:
        """End the runs of own functions that take too long: their threads go on for as long as they like."""
        now = time.monotonic()
        with self._changed:
            late = [
                flight
                for flight in self._flights
                if flight.job.call.own is not None
                and flight.attempt.begun is not None
                and now - flight.attempt.begun > self._timeout
            ]
            for flight in late:
                self._capture.give_up(flight.attempt)
                self._flights.remove(flight)
                told = f"its function did not return within {self._timeout:g} s (--modelroute-timeout)"
                self._settle(flight, Fault(FaultKind.LOCAL, told))
        for _ in late:
            self._start_thread()  # in place of the one that is stuck

    def _let_finish(self) -> None:
        deadline = time.monotonic() + SECONDS_TO_FINISH
        for thread in (each for each in self._threads if each.is_alive()):
            thread.join(max(deadline - time.monotonic(), 0.0))

    def _close(self) -> bool:
        """From here on nothing is kept, and nothing told. Returns whether a thread is left behind."""
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: not self._keeping)
            return bool(self._flights) or self._capture.gave_up

    def _in_flight(self) -> int:
        with self._changed:
            return sum(endpoint.in_flight for endpoint in self._endpoints)

    def _stop(self, reason: str) -> None:
        with self._changed:
            self._stopping = True
            self._stopped = self._stopped or reason
            self._changed.notify_all()

    def _work(self) -> None:
        """One thread: takes calls until none is left, or one took so long that another thread stands in."""
        while (flight := self._take()) is not None:
            with self._capture.of(flight.attempt):  # until it is counted: the next may be one too many
                if not self._fly(flight):
                    return

    def _take(self) -> _Flight | None:
        """The next call, of the endpoint with the fewest on their way; waits until one may leave."""
        with self._changed:
            while not self._stopping:
                now = time.monotonic()
                times = [(endpoint.ready_at(), endpoint) for endpoint in self._endpoints]
                waiting = [(ready, endpoint) for ready, endpoint in times if ready is not None]
                ready_now = [endpoint for ready, endpoint in waiting if ready <= now]
                if ready_now:
                    endpoint = min(ready_now, key=lambda each: each.in_flight)
                    job = endpoint.take(now)
                    own = job.call.own
                    hosts = frozenset({endpoint_host(self._tiers[job.tier]), *(own.hosts if own is not None else ())})
                    flight = _Flight(endpoint, job, Attempt(job.call, hosts))
                    self._flights.append(flight)
                    return flight
                if not any(endpoint.open or endpoint.in_flight for endpoint in self._endpoints):
                    return None
                self._changed.wait(min((ready for ready, _ in waiting), default=now + 1.0) - now)
            return None

    def _fly(self, flight: _Flight) -> bool:
        """Make a call whose turn it is. Returns whether its thread is to go on."""
        tier, stopped = self._tiers[flight.job.tier], Fault(FaultKind.AGAIN, "the recording is stopped")
        fault = stopped if self._stopping else self._caller.make(flight.attempt, tier)
        with self._changed:
            if self._closed or flight not in self._flights:
                return False
            self._flights.remove(flight)
            self._keeping += 1
        fault = fault or self._kept(flight.attempt, tier)
        with self._changed:
            self._settle(flight, fault)
            self._keeping -= 1
            self._changed.notify_all()
        return True

    def _kept(self, attempt: Attempt, tier: Tier) -> Fault | None:
        try:
            self._keep(tier.model, attempt.interactions())
        except OSError as error:
            reason = f"what arrives cannot be written down: {error.strerror}"
            self._stop(reason)
            return Fault(FaultKind.LOCAL, reason)
        return None

    def _settle(self, flight: _Flight, fault: Fault | None) -> None:
        """Tell what became of an attempt. The lock is held: whoever sees that nothing is on its way finds all told."""
        endpoint, job = flight.endpoint, flight.job
        kind, detail, dropped, error = EventKind.ANSWERED, "", [], ErrorKind.TRANSPORT
        lasting = False
        if fault is None:
            endpoint.succeeded()
        else:
            detail = self._scan.hidden(fault.detail)
            if fault.kind is FaultKind.LOCAL:
                error = ErrorKind.MISSING if job.call.own is None else ErrorKind.CALL
            # A disk that takes no more is not the request's doing.
            lasting = fault.kind in (FaultKind.LOCAL, FaultKind.REFUSED) and fault.detail != self._stopped
            kind = EventKind.FAILED
            if endpoint.failed(job, fault, time.monotonic()):
                kind = EventKind.REPEATED if fault.kind is FaultKind.AGAIN else EventKind.RETRIED
            if endpoint.stopped is not None:
                dropped = endpoint.drop()
        limit = max(int(endpoint.limit), 1)
        kept = tuple(flight.attempt.interactions())
        self._tell(Event(kind, job.call, job.tier, detail, kept, limit, error, lasting))
        for other in dropped:
            told = f"not called: {endpoint.name} answers every call so: {detail}"
            self._tell(Event(EventKind.DROPPED, other.call, other.tier, told, (), limit))
        self._changed.notify_all()

    def _tell(self, event: Event) -> None:
        self._events.put(event)
        reason = self._count(event)
        if reason is not None and any(endpoint.open for endpoint in self._endpoints):
            self._stop(reason)
