"""Recording through vcrpy: one context per task and tier around a pool of threads, and one atomic write at its end."""

from __future__ import annotations

import dataclasses
import datetime
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from .. import strict_json
from ..errors import InputError
from ..registry.model import Tier
from .client import create_message, endpoint_host, live_client
from .index import Cassette
from .lines import Interaction, answer_digest, cassette_text
from .redaction import ALLOWED_REQUEST_HEADERS, ALLOWED_RESPONSE_HEADERS, allowed

__all__ = ["Call", "Recorded", "record", "rewritten"]

CALLS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Call:
    """One answer to obtain: the arguments of messages.create for a case, and the key they are filed under."""

    task: str
    case: str
    sample: int
    key: str
    arguments: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of a batch of calls: answers, and by key the reason why there is none."""

    answered: tuple[Interaction, ...]
    faults: Mapping[str, str]
    interrupted: bool


@dataclass(slots=True)
class _Attempt:
    """The call that a thread is making, and when its last attempt left."""

    call: Call
    sent_at: float = 0.0


def record(calls: Sequence[Call], tier: Tier, on_done: Callable[[Call, str | None], None]) -> Recorded:
    """Make the calls, several at once.

    `on_done` is told of each call as it ends, with its fault or None. Only a 200 that holds a message is kept. Ctrl-C
    drops the calls not yet begun and keeps what has arrived. Raises InputError where the endpoint's key is not set.
    """
    import vcr

    attempt: ContextVar[_Attempt] = ContextVar("attempt")

    def on_send() -> None:
        attempt.get().sent_at = time.perf_counter()

    def clean_request(request: Any) -> Any:
        if urlsplit(request.uri).hostname != endpoint_host(tier):
            return None
        kept = allowed(request.headers, ALLOWED_REQUEST_HEADERS)
        request.headers = {**kept, "x-modelroute-key": attempt.get().call.key}
        return request

    def clean_response(response: dict[str, Any]) -> dict[str, Any] | None:
        if response["status"]["code"] != 200:
            return None
        latency = round((time.perf_counter() - attempt.get().sent_at) * 1000)
        kept = allowed(response["headers"], ALLOWED_RESPONSE_HEADERS)
        return {**response, "headers": {**kept, "x-modelroute-latency-ms": [str(latency)]}}

    client = live_client(tier, on_send)
    faults: dict[str, str] = {}

    def ask(call: Call) -> str | None:
        attempt.set(_Attempt(call))
        try:
            return _fault_of(create_message(client, tier.model, call.arguments))
        except Exception as error:  # whatever the SDK or the network raises is the fault of this call alone
            cause = error.__cause__
            return f"{type(error).__name__}: {error}" + (f" ({cause})" if cause is not None else "")

    collector = _Collector()
    recorder = vcr.VCR(
        record_mode="all",
        decode_compressed_response=True,
        before_record_request=clean_request,
        before_record_response=clean_response,
    )
    interrupted = False
    with client, recorder.use_cassette("recording", persister=collector):
        try:
            for call, fault in _run(ask, calls):
                if fault is not None:
                    faults[call.key] = fault
                on_done(call, fault)
        except KeyboardInterrupt:
            interrupted = True
    by_key = {call.key: call for call in calls}
    answered = (
        _interaction(by_key[key], request, response)
        for key, (request, response) in collector.latest.items()
        if key not in faults
    )
    kept = tuple(interaction for interaction in answered if _fault_of(interaction.response_body) is None)
    return Recorded(kept, faults, interrupted)


def _run(ask: Callable[[Call], str | None], calls: Sequence[Call]) -> Iterator[tuple[Call, str | None]]:
    pool = ThreadPoolExecutor(CALLS_AT_ONCE)
    try:
        futures = {pool.submit(ask, call): call for call in calls}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _fault_of(body: str) -> str | None:
    """Why a 200 is no answer: the SDK takes many bodies for a message that are none."""
    try:
        message = strict_json.parse(body)
    except ValueError as error:
        return f"the endpoint answered 200 with a body that is not JSON: {error}"
    if not isinstance(message, dict) or not isinstance(message.get("content"), list):
        return "the endpoint answered 200 with something that is not a message"
    return None


class _Collector:
    """A vcrpy persister that keeps the last exchange of each key in memory."""

    def __init__(self) -> None:
        self.latest: dict[str, tuple[Any, dict[str, Any]]] = {}

    def load_cassette(self, cassette_path: str, serializer: object) -> tuple[list[Any], list[Any]]:
        from vcr.persisters.filesystem import CassetteNotFoundError

        raise CassetteNotFoundError

    def save_cassette(self, cassette_path: str, cassette_dict: Mapping[str, Any], serializer: object) -> None:
        for request, response in zip(cassette_dict["requests"], cassette_dict["responses"], strict=True):
            self.latest[request.headers["x-modelroute-key"]] = (request, response)


def _interaction(call: Call, request: Any, response: Mapping[str, Any]) -> Interaction:
    headers = dict(response["headers"])
    latency = headers.pop("x-modelroute-latency-ms")[0]
    body = response["body"]["string"].decode("utf-8")
    now = datetime.datetime.now(datetime.UTC)
    return Interaction(
        task=call.task,
        case=call.case,
        sample=call.sample,
        key=call.key,
        recorded_at=now.isoformat(timespec="seconds").replace("+00:00", "Z"),
        latency_ms=int(latency),
        recordings=1,
        digest=answer_digest(body),
        method=request.method,
        uri=request.uri,
        request_headers=allowed(request.headers, ALLOWED_REQUEST_HEADERS),
        request_body=request.body.decode("utf-8"),
        status=response["status"]["code"],
        reason=response["status"]["message"] or "",
        response_headers=headers,
        response_body=body,
    )


def rewritten(before: Cassette, recorded: Iterable[Interaction], needed: Mapping[str, frozenset[str]]) -> str:
    """The cassette's text after a recording.

    `needed` has, for each case that was recorded, the keys that are still wanted; its other interactions are dropped.
    An answer that came out the same as before keeps its times and its count, and with them its line as it was. Raises
    InputError where the file could not be read: its recordings would be lost.
    """
    if before.fault:
        what = f"{before.label} cannot be written anew: {before.fault}"
        raise InputError(what, fix="restore the file from git, or move it away")
    kept = {
        interaction.key: interaction
        for interaction in before.interactions()
        if interaction.case not in needed or interaction.key in needed[interaction.case]
    }
    for interaction in recorded:
        earlier = kept.get(interaction.key)
        if earlier is None:
            kept[interaction.key] = interaction
        elif _says_the_same(earlier, interaction):
            # The case may have another name by now, and the endpoint another address.
            kept[interaction.key] = dataclasses.replace(
                earlier, task=interaction.task, case=interaction.case, uri=interaction.uri
            )
        else:
            kept[interaction.key] = dataclasses.replace(interaction, recordings=earlier.recordings + 1)
    return cassette_text(kept.values())


def _says_the_same(earlier: Interaction, interaction: Interaction) -> bool:
    # By its body, not its header: an answer that was edited by hand is not the one that was recorded.
    return earlier.status == interaction.status and answer_digest(earlier.response_body) == interaction.digest
