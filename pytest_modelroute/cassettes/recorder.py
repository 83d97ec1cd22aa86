"""Recording: many calls at once over all endpoints, each kept as it arrives."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from ..errors import ErrorKind, InputError, UnobtainedAnswer
from ..registry.model import Tier
from .calls import Call
from .capture import Attempt, Capture, NotSent
from .client import create_message, endpoint_host, live_client, unknown_argument
from .credentials import CredentialScan
from .endpoints import Endpoint, Job
from .faults import Fault, FaultKind, fault_of, malformed
from .lines import Interaction
from .playback import Nowhere

if TYPE_CHECKING:
    import anthropic

__all__ = ["Batch", "Event", "EventKind", "Recorded", "Recorder"]

SECONDS_TO_FINISH = 10.0  # that calls on their way are given after Ctrl-C
SECONDS_BETWEEN_LOOKS = 0.2


@dataclass(frozen=True, slots=True)
class Batch:
    """Calls to one tier."""

    tier: Tier
    calls: tuple[Call, ...]


class EventKind(Enum):
    ANSWERED = "answered"
    FAILED = "failed"
    RETRIED = "retried"


@dataclass(frozen=True, slots=True)
class Event:
    """What became of one attempt. `limit` is how many calls its endpoint may now have on their way.

    `error` says why there is no answer, where there is none, and `lasting` whether asking the same again cannot help.
    """

    kind: EventKind
    call: Call
    tier: str
    detail: str
    interactions: tuple[Interaction, ...]
    limit: int
    error: ErrorKind = ErrorKind.TRANSPORT
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class Recorded:
    """How a recording ended: by key why there is no answer, and why it stopped before its end, where it did."""

    faults: Mapping[str, UnobtainedAnswer]
    stopped: str | None
    interrupted: bool


class Recorder:
    """Makes calls through vcrpy, so that every client's traffic is seen, and hands over what arrives.

    `keep(model, interactions)` is called in the thread that made the call, before anything else is told of it; where
    it raises OSError the recording stops. `scan` is what nothing may be kept or shown against.
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
        self._changed = threading.Condition()
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._endpoints: list[Endpoint] = []
        self._tiers: dict[str, Tier] = {}
        self._clients: dict[str, anthropic.Anthropic] = {}
        self._stopping = False
        self._stopped: str | None = None

    def record(self, batches: Sequence[Batch], on_event: Callable[[Event | None], str | None]) -> Recorded:
        """Make all calls. `on_event` is told of each attempt, and of nothing now and then; what it returns stops it.

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
        faults: dict[str, UnobtainedAnswer] = {}
        interrupted = False
        with recorder.use_cassette("recording", persister=Nowhere()):
            threads = [threading.Thread(target=self._work, daemon=True) for _ in range(min(self._concurrency, total))]
            try:
                for thread in threads:
                    thread.start()
                self._listen(total, faults, on_event)
            except KeyboardInterrupt:
                interrupted = True
                self._stop("interrupted")
                self._let_finish(threads, on_event)
        for client in self._clients.values():
            client.close()
        return Recorded(faults, self._stopped, interrupted)

    def _prepare(self, batches: Sequence[Batch]) -> int:
        jobs: dict[str, list[Job]] = {}
        for batch in batches:
            tier = self._tiers[batch.tier.name] = batch.tier
            for call in batch.calls:
                jobs.setdefault(tier.name, []).append(Job(call, tier.name))
                if call.own is None and tier.name not in self._clients:
                    self._clients[tier.name] = live_client(tier, self._timeout)
                if call.own is None and (name := unknown_argument(self._clients[tier.name], call.arguments)):
                    what = f"task '{call.task}': messages.create takes no argument '{name}'"
                    raise InputError(what, fix="put what only the wire knows under extra_body")
        self._endpoints = [
            Endpoint(
                f"{tier.endpoint} for {name}", jobs[name], min(tier.concurrency or self._concurrency, self._concurrency)
            )
            for name, tier in self._tiers.items()
        ]
        return sum(len(waiting) for waiting in jobs.values())

    def _listen(
        self, total: int, faults: dict[str, UnobtainedAnswer], on_event: Callable[[Event | None], str | None]
    ) -> None:
        ended = 0
        while ended < total and not (self._stopping and not self._in_flight() and self._events.empty()):
            try:
                event = self._events.get(timeout=SECONDS_BETWEEN_LOOKS)
            except queue.Empty:
                on_event(None)
                continue
            if event.kind != EventKind.RETRIED:
                ended += 1
            if event.kind == EventKind.FAILED:
                faults[event.call.key] = UnobtainedAnswer(event.error, event.detail, lasting=event.lasting)
            reason = on_event(event)
            if reason is not None:
                self._stop(reason)

    def _let_finish(self, threads: Sequence[threading.Thread], on_event: Callable[[Event | None], str | None]) -> None:
        deadline = time.monotonic() + SECONDS_TO_FINISH
        for thread in (each for each in threads if each.is_alive()):
            thread.join(max(deadline - time.monotonic(), 0.0))
        while not self._events.empty():
            on_event(self._events.get())

    def _in_flight(self) -> int:
        with self._changed:
            return sum(endpoint.in_flight for endpoint in self._endpoints)

    def _stop(self, reason: str) -> None:
        with self._changed:
            self._stopping = True
            self._stopped = self._stopped or reason
            self._changed.notify_all()

    def _work(self) -> None:
        """One thread: takes calls until none is left."""
        while (taken := self._take()) is not None:
            endpoint, job = taken
            tier = self._tiers[job.tier]
            attempt = Attempt(job.call, frozenset({endpoint_host(tier), *(job.call.own.hosts if job.call.own else ())}))
            fault = self._make(attempt, tier)
            self._settle(endpoint, job, attempt, fault)

    def _take(self) -> tuple[Endpoint, Job] | None:
        """The next call, of the endpoint with the fewest on their way; waits until one may leave."""
        with self._changed:
            while not self._stopping:
                now = time.monotonic()
                times = [(endpoint.ready_at(), endpoint) for endpoint in self._endpoints]
                waiting = [(ready, endpoint) for ready, endpoint in times if ready is not None]
                ready_now = [endpoint for ready, endpoint in waiting if ready <= now]
                if ready_now:
                    endpoint = min(ready_now, key=lambda each: each.in_flight)
                    return endpoint, endpoint.take(now)
                if not any(endpoint.open or endpoint.in_flight for endpoint in self._endpoints):
                    return None
                self._changed.wait(min((ready for ready, _ in waiting), default=now + 1.0) - now)
            return None

    def _make(self, attempt: Attempt, tier: Tier) -> Fault | None:
        call = attempt.call
        secret = self._scan.find_in(dict(call.arguments))
        if secret is not None:
            place, kind = secret
            return Fault(FaultKind.LOCAL, f"not sent: its request holds {kind} ({place})")
        fault = None
        try:
            with self._capture.of(attempt):
                if call.own is not None:
                    call.own.run()
                else:
                    fault = malformed(create_message(self._clients[tier.name], tier.model, call.arguments))
        except NotSent:
            fault = attempt.fault()
        except BaseException as error:  # a function of the team's may also call sys.exit()
            fault = fault_of(error)
        if self._capture.unsure(attempt):
            fault = Fault(
                FaultKind.TRANSIENT, "its function calls in a way that can be followed in one run at a time only"
            )
        return fault or attempt.fault() or self._secret(attempt) or self._kept(attempt, tier)

    def _secret(self, attempt: Attempt) -> Fault | None:
        for interaction in attempt.interactions():
            wire = interaction.to_wire()
            del wire["request"]["body"]  # it was looked at before it was sent
            secret = self._scan.find_in(wire)
            if secret is not None:
                place, kind = secret
                return Fault(FaultKind.LOCAL, f"not kept: it holds {kind} ({place})")
        return None

    def _kept(self, attempt: Attempt, tier: Tier) -> Fault | None:
        try:
            self._keep(tier.model, attempt.interactions())
        except OSError as error:
            reason = f"what arrives cannot be written down: {error.strerror}"
            self._stop(reason)
            return Fault(FaultKind.LOCAL, reason)
        return None

    def _settle(self, endpoint: Endpoint, job: Job, attempt: Attempt, fault: Fault | None) -> None:
        kind, detail, dropped, error = EventKind.ANSWERED, "", [], ErrorKind.TRANSPORT
        kept, lasting = tuple(attempt.interactions()), False
        with self._changed:
            if fault is None:
                endpoint.succeeded()
            else:
                detail, kept = self._scan.hidden(fault.detail), ()
                if fault.kind is FaultKind.LOCAL:
                    error = ErrorKind.MISSING if job.call.own is None else ErrorKind.CALL
                # A disk that takes no more is not the request's doing.
                lasting = fault.kind in (FaultKind.LOCAL, FaultKind.REFUSED) and fault.detail != self._stopped
                retried = endpoint.failed(job, fault, time.monotonic())
                kind = EventKind.RETRIED if retried else EventKind.FAILED
                if endpoint.stopped is not None:
                    dropped = endpoint.drop()
            limit = max(int(endpoint.limit), 1)
            # Inside the lock: whoever sees that nothing is on its way any more finds all events told.
            self._events.put(Event(kind, job.call, job.tier, detail, kept, limit, error, lasting))
            for other in dropped:
                told = f"not called: {endpoint.name} answers every call so: {detail}"
                self._events.put(Event(EventKind.FAILED, other.call, other.tier, told, (), limit))
            self._changed.notify_all()
