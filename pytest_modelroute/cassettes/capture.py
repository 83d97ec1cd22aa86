"""What vcrpy sees of a call becomes an interaction, as it arrives."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from .. import strict_json
from .calls import Call
from .credentials import CredentialScan
from .faults import Fault, FaultKind
from .lines import Interaction
from .redaction import ALLOWED_REQUEST_HEADERS, ALLOWED_RESPONSE_HEADERS, allowed

__all__ = ["Attempt", "Capture", "NotSent"]


@dataclass(slots=True, eq=False)
class Attempt:
    """A call while it is made: what it has been answered so far, and the hosts that it asked beside those allowed.

    `alone` is whether no other call was made at the same time; `secret` the place and kind of a credential that a
    function wanted to send; `begun` when it began, on the monotonic clock; `given_up` whether it took too long, and
    `disputed` whether one that was given up may have sent something in its place.
    """

    call: Call
    hosts: frozenset[str]
    alone: bool = False
    foreign: set[str] = field(default_factory=set)
    secret: tuple[str, str] | None = None
    begun: float | None = None
    given_up: bool = False
    disputed: bool = False
    answered: list[tuple[int, Interaction]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def fault(self) -> Fault | None:
        """Why it gave nothing that can be kept, though it failed with no error."""
        if self.foreign:
            hosts = ", ".join(sorted(self.foreign))
            return Fault(FaultKind.LOCAL, f"not sent: its function asks {hosts}, which `hosts` does not name")
        if self.secret is not None:
            place, credential = self.secret
            return Fault(FaultKind.LOCAL, f"not sent: its request holds {credential} ({place})")
        if self.disputed:
            told = "not sent: a run of a function that never returned may have made one of its calls"
            return Fault(FaultKind.LOCAL, told)
        if self.answered:
            return None
        # A call of our own that was not seen was made while another thread's client had vcrpy's patches away.
        kind = FaultKind.TRANSIENT if self.call.own is None else FaultKind.LOCAL
        return Fault(kind, "no call that vcrpy could see was made, or none was answered with 200")

    def interactions(self) -> list[Interaction]:
        """What is to be kept, in the order in which the requests left: of parallel ones any may be answered first."""
        found = [interaction for _, interaction in sorted(self.answered, key=lambda each: each[0])]
        if self.call.own is None:
            found = found[-1:]
        else:
            found = [dataclasses.replace(each, key=self.call.own.key(turn)) for turn, each in enumerate(found)]
        return [each.sealed() for each in found]


@dataclass(slots=True)
class _Exchange:
    """One request on its way, the `number`-th of its attempt."""

    attempt: Attempt
    number: int
    sent_at: float
    request: Any


class Capture:
    """The two hooks of a vcrpy context; `scan` is what a request of an own function is looked at by before it leaves.

    vcrpy is given nothing to keep: its cassette would hold everything until the end, and lose it with the process.

    vcrpy follows httpx2 in any thread. For what builds on http.client it takes all its patches away for moments, in all
    threads: as soon as such a client is seen, own functions run alone, and those under way run again. So it is with a
    function that calls from threads of its own, whose requests could be any run's.
    """

    def __init__(self, scan: CredentialScan, *, alone: bool) -> None:
        self._scan = scan
        self._alone = alone
        self._running: list[Attempt] = []
        self.gave_up = False  # on a run that is still under way
        self._turns = threading.Condition()
        self.current: ContextVar[Attempt | None] = ContextVar("attempt", default=None)  # in its own thread or task
        # Of this thread or task: one attempt may have several on their way.
        self._exchange: ContextVar[_Exchange | None] = ContextVar("exchange", default=None)

    @contextmanager
    def of(self, attempt: Attempt) -> Iterator[None]:
        """Around what makes the attempt's calls, in the thread that makes them."""

        def may_go() -> bool:
            attempt.alone = self._alone and attempt.call.own is not None
            return not self._running if attempt.alone else not any(other.alone for other in self._running)

        with self._turns:
            self._turns.wait_for(may_go)
            self._running.append(attempt)
        self.current.set(attempt)
        attempt.begun = time.monotonic()
        try:
            yield
        finally:
            self._leave(attempt)

    def give_up(self, attempt: Attempt) -> None:
        """Let others go on though it has not come back; what it still wants to send is not sent."""
        attempt.given_up = self.gave_up = True
        self._leave(attempt)

    def _leave(self, attempt: Attempt) -> None:
        with self._turns:
            if attempt in self._running:
                self._running.remove(attempt)
            self._turns.notify_all()

    def unsure(self, attempt: Attempt) -> bool:
        """Whether some of what the function sent may not have been seen."""
        return attempt.call.own is not None and self._alone and not attempt.alone

    def before_record_request(self, request: Any) -> Any:
        """Called by vcrpy before a request is sent, and again right before the other hook."""
        host = urlsplit(request.uri).hostname or ""
        attempt = self.current.get() or self._stray(host)
        if attempt is None:
            return None
        self._alone = self._alone or (attempt.call.own is not None and _patches_come_and_go())
        if attempt.given_up or attempt.disputed:
            raise NotSent
        if self.unsure(attempt):
            raise _AloneInstead  # before it is paid for
        if host not in attempt.hosts:
            attempt.foreign.add(host)
            raise NotSent
        exchange = self._exchange.get()
        if exchange is None or exchange.attempt is not attempt:
            if attempt.call.own is not None:
                attempt.secret = attempt.secret or _secret(request, self._scan)
            if attempt.secret is not None:
                raise NotSent
            self._exchange.set(_Exchange(attempt, next(attempt.numbers), time.perf_counter(), request))
        else:
            exchange.request = request
        return request

    def _stray(self, host: str) -> Attempt | None:
        """Whose request it is that comes from a thread which an own function started: that of the run that is alone."""
        with self._turns:
            possible = [each for each in self._running if each.call.own is not None and host in each.hosts]
            self._alone = self._alone or bool(possible)
        for each in possible if self.gave_up else ():  # or the one that was given up sends it, late
            each.disputed = True
        return possible[0] if possible else None

    def before_record_response(self, response: Mapping[str, Any]) -> None:
        exchange = self._exchange.get()
        self._exchange.set(None)
        if exchange is None or response["status"]["code"] != 200:
            return
        latency = round((time.perf_counter() - exchange.sent_at) * 1000)
        exchange.attempt.answered.append((exchange.number, _interaction(exchange, response, latency)))


def _secret(request: Any, scan: CredentialScan) -> tuple[str, str] | None:
    """Where a request holds a credential, and of which kind."""
    body = _text(request.body)
    try:
        content = strict_json.parse(body)
    except ValueError:
        content = {"body": body}
    return scan.find_in(content) or scan.find_in({"address": request.uri})


def _patches_come_and_go() -> bool:
    """Whether vcrpy's caller is a client that builds on http.client: the first of its stubs up the stack tells."""
    frame = sys._getframe(1)
    while (caller := frame.f_back) is not None:
        name = str(caller.f_globals.get("__name__"))
        if name.startswith("vcr.stubs"):
            return name in ("vcr.stubs", "vcr.stubs.boto3_stubs")
        frame = caller
    return False


class NotSent(BaseException):
    """A request that may not leave: the attempt says why. No Exception, as below."""


class _AloneInstead(BaseException):
    """No Exception: the function is not to go on without its answer."""


def _interaction(exchange: _Exchange, response: Mapping[str, Any], latency_ms: int) -> Interaction:
    call, request = exchange.attempt.call, exchange.request
    now = datetime.datetime.now(datetime.UTC)
    return Interaction(
        task=call.task,
        case=call.case,
        sample=call.sample,
        key=call.key,
        recorded_at=now.isoformat(timespec="seconds").replace("+00:00", "Z"),
        latency_ms=latency_ms,
        recordings=1,
        digest="",  # until its key is known
        method=request.method,
        uri=request.uri,
        request_headers=allowed(request.headers, ALLOWED_REQUEST_HEADERS),
        request_body=_text(request.body),
        status=response["status"]["code"],
        reason=response["status"]["message"] or "",
        response_headers=allowed(response["headers"], ALLOWED_RESPONSE_HEADERS),
        response_body=_text(response["body"]["string"]),
    )


def _text(body: bytes | str | None) -> str:
    return body.decode("utf-8") if isinstance(body, bytes) else body or ""
