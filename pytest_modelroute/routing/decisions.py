"""What is written down of a call: where it went, why, and what came of it, as one line of JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from .. import strict_json
from ..evaluation.answers import Usage
from ..evaluation.escalation import Trigger
from ..evaluation.golden import ABSENT, Absent

__all__ = ["CallOutcome", "Decision", "Excerpt", "FirstDecision", "decision_line", "parse_decision"]

FORMAT = 1

_ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"))


class CallOutcome(Enum):
    """What came of a call: an output that counts, an answer that is wrong by its form, or none."""

    ANSWERED = "answered"
    REFUSAL = "refusal"
    TRUNCATED = "truncated"
    NOT_JSON = "not_json"
    SCHEMA = "schema"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What the log keeps of an input or output: its digest, `sha256:<hex>`, and as much of it as the registry says.

    `prefix` is the start of the text, or of the value's canonical JSON; `full` is the value, or ABSENT.
    """

    digest: str
    prefix: str | None = None
    full: Any | Absent = ABSENT


@dataclass(frozen=True, slots=True)
class FirstDecision:
    """The answer of the assigned tier that did not stand. `usd` and `latency_ms` are its own; `key` its request's."""

    tier: str
    model: str
    outcome: CallOutcome
    confidence: float | None
    usage: Usage | None
    usd: float | None
    latency_ms: int
    key: str
    output: Excerpt | None


@dataclass(frozen=True, slots=True)
class Decision:
    """One line. `tier`, `model`, `outcome`, `confidence`, `key` and `output` are of the answer that the caller got.

    `usage`, `usd` and `latency_ms` are of all its calls, None where not known; `key` is None where no request could be
    built. `time` is when the call began, ISO 8601 in UTC; `call` is shared by a call's own line and its shadow's;
    `known` says whether the registry lists the task.
    """

    time: str
    call: str
    shadow: bool
    task: str
    known: bool
    tier: str
    model: str
    escalated_from: str | None
    trigger: Trigger | None
    confidence: float | None
    outcome: CallOutcome
    error: str | None
    usage: Usage | None
    usd: float | None
    latency_ms: int
    key: str | None
    input: Excerpt
    output: Excerpt | None
    first: FirstDecision | None


def decision_line(decision: Decision) -> str:
    """The line, with its end; pure ASCII, so that no text in it can break it.

    Raises ValueError or TypeError for a value that is not JSON.
    """
    first = decision.first
    wire = {
        "format": FORMAT,
        "time": decision.time,
        "call": decision.call,
        "shadow": decision.shadow,
        "task": decision.task,
        "known": decision.known,
        "tier": decision.tier,
        "model": decision.model,
        "escalated_from": decision.escalated_from,
        "trigger": None if decision.trigger is None else decision.trigger.value,
        "confidence": decision.confidence,
        "outcome": decision.outcome.value,
        "error": decision.error,
        "usage": _usage_wire(decision.usage),
        "usd": decision.usd,
        "latency_ms": decision.latency_ms,
        "key": decision.key,
        "input": _excerpt_wire(decision.input),
        "output": _excerpt_wire(decision.output),
        "first": None if first is None else _first_wire(first),
    }
    return _ENCODER.encode(wire) + "\n"


def parse_decision(line: bytes) -> Decision:
    """The decision of a line. Raises ValueError for what is no whole line of this format."""
    try:
        return _decision(strict_json.parse(line.decode("utf-8")))
    except (TypeError, LookupError, AttributeError) as error:
        raise ValueError(f"not a decision: {error!r}") from None


def _usage_wire(usage: Usage | None) -> dict[str, int] | None:
    if usage is None:
        return None
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cache_read_tokens": usage.cache_read_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
    }


def _excerpt_wire(excerpt: Excerpt | None) -> dict[str, Any] | None:
    if excerpt is None:
        return None
    wire: dict[str, Any] = {"digest": excerpt.digest}
    if excerpt.prefix is not None:
        wire["prefix"] = excerpt.prefix
    if excerpt.full is not ABSENT:
        wire["full"] = excerpt.full
    return wire


def _first_wire(first: FirstDecision) -> dict[str, Any]:
    return {
        "tier": first.tier,
        "model": first.model,
        "outcome": first.outcome.value,
        "confidence": first.confidence,
        "usage": _usage_wire(first.usage),
        "usd": first.usd,
        "latency_ms": first.latency_ms,
        "key": first.key,
        "output": _excerpt_wire(first.output),
    }


def _decision(wire: Mapping[str, Any]) -> Decision:
    if wire["format"] != FORMAT:
        raise ValueError("another format")
    first = wire["first"]
    return Decision(
        time=_text(wire["time"]),
        call=_text(wire["call"]),
        shadow=_flag(wire["shadow"]),
        task=_text(wire["task"]),
        known=_flag(wire["known"]),
        tier=_text(wire["tier"]),
        model=_text(wire["model"]),
        escalated_from=None if wire["escalated_from"] is None else _text(wire["escalated_from"]),
        trigger=None if wire["trigger"] is None else Trigger(wire["trigger"]),
        confidence=_number(wire["confidence"]),
        outcome=CallOutcome(wire["outcome"]),
        error=None if wire["error"] is None else _text(wire["error"]),
        usage=_usage(wire["usage"]),
        usd=_number(wire["usd"]),
        latency_ms=_count(wire["latency_ms"]),
        key=None if wire["key"] is None else _text(wire["key"]),
        input=_excerpt(wire["input"]),
        output=None if wire["output"] is None else _excerpt(wire["output"]),
        first=None if first is None else _first(first),
    )


def _first(wire: Mapping[str, Any]) -> FirstDecision:
    return FirstDecision(
        tier=_text(wire["tier"]),
        model=_text(wire["model"]),
        outcome=CallOutcome(wire["outcome"]),
        confidence=_number(wire["confidence"]),
        usage=_usage(wire["usage"]),
        usd=_number(wire["usd"]),
        latency_ms=_count(wire["latency_ms"]),
        key=_text(wire["key"]),
        output=None if wire["output"] is None else _excerpt(wire["output"]),
    )


def _excerpt(wire: Mapping[str, Any]) -> Excerpt:
    prefix = wire.get("prefix")
    return Excerpt(_text(wire["digest"]), None if prefix is None else _text(prefix), wire.get("full", ABSENT))


def _usage(wire: Mapping[str, Any] | None) -> Usage | None:
    if wire is None:
        return None
    names = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
    return Usage(*(_count(wire[name]) for name in names))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(value)
    return value


def _number(value: object) -> float | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
        raise TypeError(value)
    return value
