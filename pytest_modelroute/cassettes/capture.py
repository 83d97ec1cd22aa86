"""What vcrpy sees of a call becomes an interaction, as it arrives."""

from __future__ import annotations

import datetime
import time
from collections.abc import Mapping
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
    interactions: list[Interaction] = field(default_factory=list)
    foreign: set[str] = field(default_factory=set)
    sent_at: float | None = None
    request: Any = None


class Capture:
    """The two hooks of a vcrpy context. Whoever makes a call sets `current` in its own thread or task first.

    vcrpy is given nothing to keep: its cassette would hold everything until the end, and lose it with the process.
    """

    def __init__(self) -> None:
        self.current: ContextVar[Attempt | None] = ContextVar("attempt", default=None)

    def before_record_request(self, request: Any) -> Any:
        attempt = self.current.get()
        if attempt is None:
            return None
        host = urlsplit(request.uri).hostname or ""
        if host not in attempt.hosts:
            attempt.foreign.add(host)
            return None
        if attempt.sent_at is None:
            attempt.sent_at = time.perf_counter()
        attempt.request = request
        return request

    def before_record_response(self, response: Mapping[str, Any]) -> None:
        attempt = self.current.get()
        if attempt is None:
            return
        sent_at, attempt.sent_at = attempt.sent_at, None
        if response["status"]["code"] != 200 or sent_at is None:
            return
        latency = round((time.perf_counter() - sent_at) * 1000)
        attempt.interactions.append(_interaction(attempt, response, latency))


def _interaction(attempt: Attempt, response: Mapping[str, Any], latency_ms: int) -> Interaction:
    call, request = attempt.call, attempt.request
    body = _text(response["body"]["string"])
    now = datetime.datetime.now(datetime.UTC)
    return Interaction(
        task=call.task,
        case=call.case,
        sample=call.sample,
        key=call.own.key(len(attempt.interactions)) if call.own is not None else call.key,
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
