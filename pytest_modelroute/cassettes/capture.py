"""What vcrpy sees of a call becomes an interaction, as it arrives."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import time
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from .calls import Call
from .lines import Interaction, answer_digest
from .redaction import ALLOWED_REQUEST_HEADERS, ALLOWED_RESPONSE_HEADERS, allowed

__all__ = ["Attempt", "Capture"]


@dataclass(slots=True)
class Attempt:
    """A call while it is made: what it has been answered so far, and the hosts that it asked beside those allowed."""

    call: Call
    hosts: frozenset[str]
    foreign: set[str] = field(default_factory=set)
    answered: list[tuple[int, Interaction]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def interactions(self) -> list[Interaction]:
        """What is to be kept, in the order in which the requests left: of parallel ones any may be answered first."""
        found = [interaction for _, interaction in sorted(self.answered, key=lambda each: each[0])]
        if self.call.own is None:
            return found[-1:]
        return [dataclasses.replace(each, key=self.call.own.key(turn)) for turn, each in enumerate(found)]


@dataclass(slots=True)
class _Exchange:
    """One request on its way, the `number`-th of its attempt."""

    attempt: Attempt
    number: int
    sent_at: float
    request: Any


class Capture:
    """The two hooks of a vcrpy context. Whoever makes a call sets `current` in its own thread or task first.

    vcrpy is given nothing to keep: its cassette would hold everything until the end, and lose it with the process.
    """

    def __init__(self) -> None:
        self.current: ContextVar[Attempt | None] = ContextVar("attempt", default=None)
        # Of this thread or task: one attempt may have several on their way.
        self._exchange: ContextVar[_Exchange | None] = ContextVar("exchange", default=None)

    def before_record_request(self, request: Any) -> Any:
        """Called by vcrpy before a request is sent, and again right before the other hook."""
        attempt = self.current.get()
        if attempt is None:
            return None
        host = urlsplit(request.uri).hostname or ""
        if host not in attempt.hosts:
            attempt.foreign.add(host)
            return None
        exchange = self._exchange.get()
        if exchange is None or exchange.attempt is not attempt:
            self._exchange.set(_Exchange(attempt, next(attempt.numbers), time.perf_counter(), request))
        else:
            exchange.request = request
        return request

    def before_record_response(self, response: Mapping[str, Any]) -> None:
        exchange = self._exchange.get()
        self._exchange.set(None)
        if exchange is None or exchange.attempt is not self.current.get() or response["status"]["code"] != 200:
            return
        latency = round((time.perf_counter() - exchange.sent_at) * 1000)
        exchange.attempt.answered.append((exchange.number, _interaction(exchange, response, latency)))


def _interaction(exchange: _Exchange, response: Mapping[str, Any], latency_ms: int) -> Interaction:
    call, request = exchange.attempt.call, exchange.request
    body = _text(response["body"]["string"])
    now = datetime.datetime.now(datetime.UTC)
    return Interaction(
        task=call.task,
        case=call.case,
        sample=call.sample,
        key=call.key,
        recorded_at=now.isoformat(timespec="seconds").replace("+00:00", "Z"),
        latency_ms=latency_ms,
        recordings=1,
        digest=answer_digest(body),
        method=request.method,
        uri=request.uri,
        request_headers=allowed(request.headers, ALLOWED_REQUEST_HEADERS),
        request_body=_text(request.body),
        status=response["status"]["code"],
        reason=response["status"]["message"] or "",
        response_headers=allowed(response["headers"], ALLOWED_RESPONSE_HEADERS),
        response_body=body,
    )


def _text(body: bytes | str | None) -> str:
    return body.decode("utf-8") if isinstance(body, bytes) else body or ""
