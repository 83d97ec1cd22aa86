"""A call that is over, as its caller gets it and as the decision log has it: two accounts of one thing."""

from __future__ import annotations

import datetime
from asyncio import CancelledError
from dataclasses import dataclass

from ..cassettes.faults import NoMessage, bare_detail
from ..evaluation.answers import Usage
from ..evaluation.costs import total_usage, total_usd
from ..registry.serving import Inputs
from .agreement import agreeing_part, excerpt
from .answers import RoutedAnswer
from .cascade import Attempt, Cascade
from .decisions import Decision, Excerpt, FirstDecision
from .errors import CallFailed, RequestNotBuilt, RoutingError, UnusableAnswer
from .routes import ServedTask

__all__ = ["Noted", "decision_of", "now", "routed_answer"]

LONGEST_ERROR = 300  # characters


@dataclass(frozen=True, slots=True)
class Noted:
    """What the log needs of a call before it is made: `call` is its number, `time` its beginning."""

    call: str
    time: str
    input: Excerpt


def now() -> str:
    """The time of day, ISO 8601 in UTC with milliseconds."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def routed_answer(served: ServedTask, over: Cascade) -> RoutedAnswer:
    """What the caller gets. Raises the RoutingError that a call ended with."""
    last = over.last
    if last.error is not None:
        raise last.error
    assert last.answer is not None
    assert last.key is not None
    assert last.message is not None
    return RoutedAnswer(
        task=served.task.name,
        tier=last.tier.name,
        model=last.tier.model,
        output=last.answer.output,
        confidence=last.answer.confidence,
        usage=_usage(over),
        usd=total_usd(attempt.usd for attempt in over.attempts),
        latency_ms=_latency(over),
        key=last.key,
        known=served.known,
        trigger=over.trigger,
        first=over.first_answer,
        message=last.message,
    )


def decision_of(served: ServedTask, over: Cascade, noted: Noted, inputs: Inputs, *, shadow: bool) -> Decision:
    """What the log keeps of it."""
    last = over.last
    return Decision(
        time=noted.time,
        call=noted.call,
        shadow=shadow,
        task=served.task.name,
        known=served.known,
        tier=last.tier.name,
        model=last.tier.model,
        escalated_from=None if over.first is None else over.first.tier.name,
        trigger=over.trigger,
        confidence=None if last.answer is None else last.answer.confidence,
        outcome=last.outcome,
        error=None if last.error is None else _error(last.error, inputs),
        usage=_usage(over),
        usd=total_usd(attempt.usd for attempt in over.attempts),
        latency_ms=_latency(over),
        key=last.key,
        input=noted.input,
        output=_output(served, last, inputs),
        first=None if over.first is None else _first(served, over.first, inputs),
    )


def _error(error: RoutingError, inputs: Inputs) -> str:
    return _unquoting(error) if inputs is Inputs.DIGEST else error.what[:LONGEST_ERROR]


def _unquoting(error: RoutingError) -> str:
    """What went wrong, without a word that may come from an input or output: the log is to hold none of them."""
    cause = error.__cause__
    match error:
        case UnusableAnswer():
            return "the answer cannot be judged" if error.kind is None else error.kind.value
        case RequestNotBuilt():
            return "no request could be built from the input"
        case CallFailed() if isinstance(cause, NoMessage):
            return "the endpoint answered 200 with no message"
        case CallFailed() if cause is not None and not isinstance(cause, CancelledError):
            return bare_detail(cause)
    return error.what


def _usage(over: Cascade) -> Usage | None:
    return total_usage([None if each.answer is None else each.answer.usage for each in over.attempts])


def _latency(over: Cascade) -> int:
    return sum(attempt.latency_ms for attempt in over.attempts)


def _output(served: ServedTask, attempt: Attempt, inputs: Inputs) -> Excerpt | None:
    if attempt.answer is None:
        return None
    output = attempt.answer.output
    return excerpt(output, inputs, agreeing_part(output, served.task))


def _first(served: ServedTask, attempt: Attempt, inputs: Inputs) -> FirstDecision:
    assert attempt.answer is not None
    assert attempt.key is not None
    return FirstDecision(
        tier=attempt.tier.name,
        model=attempt.tier.model,
        outcome=attempt.outcome,
        confidence=attempt.answer.confidence,
        usage=attempt.answer.usage,
        usd=attempt.usd,
        latency_ms=attempt.latency_ms,
        key=attempt.key,
        output=_output(served, attempt, inputs),
    )
