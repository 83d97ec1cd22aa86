"""One call, without its input and output: what to ask, of which tier, and what came of it.

Whoever runs it sends the questions, waiting or awaiting: the rules are here once.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

from ..cassettes.client import key_variable
from ..cassettes.faults import fault_of, parsed_message
from ..errors import InputError, UnobtainedAnswer
from ..evaluation.answers import Answer
from ..evaluation.costs import cost_in_usd
from ..evaluation.escalation import Trigger, trigger_of
from ..evaluation.requests import canonical_key
from ..registry.model import Tier
from .answers import FirstAnswer
from .decisions import CallOutcome
from .errors import CallFailed, RequestNotBuilt, RoutingError, TierUnavailable, UnusableAnswer
from .routes import ServedTask

__all__ = ["Attempt", "Cascade", "Question", "Sent", "cascade", "single"]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a tier: the arguments of messages.create without the model, and the key of that request."""

    tier: Tier
    arguments: Mapping[str, Any]
    key: str


@dataclass(frozen=True, slots=True)
class Sent:
    """What came back: the body of a 200, or what was raised instead. `latency_ms` is with the SDK's own retries."""

    body: str | None
    error: Exception | CancelledError | None
    latency_ms: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one tier made of a call: an answer that may be wrong by its form, or none; `error` where it cannot be used.

    `key` is None where no request could be built.
    """

    tier: Tier
    key: str | None
    latency_ms: int
    answer: Answer | None
    message: Mapping[str, Any] | None
    error: RoutingError | None

    @property
    def outcome(self) -> CallOutcome:
        if self.answer is None:
            return CallOutcome.FAILED
        return CallOutcome.ANSWERED if self.answer.fault is None else CallOutcome(self.answer.fault.value)

    @property
    def usd(self) -> float | None:
        return None if self.answer is None else cost_in_usd(self.answer.usage, self.tier.price)


@dataclass(frozen=True, slots=True)
class Cascade:
    """A call that is over: `last` is what the caller gets, `first` the attempt that escalated to it, if one did."""

    last: Attempt
    first: Attempt | None = None
    trigger: Trigger | None = None

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        return (self.last,) if self.first is None else (self.first, self.last)

    @property
    def cancelled(self) -> CancelledError | None:
        """The cancellation that ended the call, if one did."""
        cause = None if self.last.error is None else self.last.error.__cause__
        return cause if isinstance(cause, CancelledError) else None

    @property
    def first_answer(self) -> FirstAnswer | None:
        return None if self.first is None else _first_answer(self.first)


Asking = Generator[Question, Sent, Cascade]


def cascade(served: ServedTask, given: Mapping[str, Any]) -> Asking:
    """Ask the assigned tier, and the dearer one where that answer escalates."""
    first = yield from _attempt(served, served.tier, given, None)
    escalation = served.task.escalation
    if first.answer is None or escalation is None or served.dearer is None:
        return Cascade(first)
    trigger = trigger_of(escalation, first.answer.fault, first.answer.confidence)
    if trigger is None:
        return Cascade(first)
    last = yield from _attempt(served, served.dearer, given, _first_answer(first))
    return Cascade(last, first, trigger)


def single(served: ServedTask, tier: Tier, given: Mapping[str, Any]) -> Asking:
    """Ask one tier, whatever its answer is."""
    return Cascade((yield from _attempt(served, tier, given, None)))


def _attempt(
    served: ServedTask, tier: Tier, given: Mapping[str, Any], first: FirstAnswer | None
) -> Generator[Question, Sent, Attempt]:
    task = served.task.name
    try:
        question = _question(served, tier, given)
    except (InputError, ValueError) as fault:
        unbuilt = RequestNotBuilt(str(fault), task=task, tier=tier.name, first=first)
        return Attempt(tier, None, 0, None, None, _caused(unbuilt, fault))
    sent = yield question
    if sent.error is not None or sent.body is None:
        failed = _failed(sent.error, task, tier, first)
        return Attempt(tier, question.key, sent.latency_ms, None, None, failed)
    return _read(served, question, sent.body, sent.latency_ms, first)


def _question(served: ServedTask, tier: Tier, given: Mapping[str, Any]) -> Question:
    """Raises InputError or ValueError."""
    assert served.asked is not None
    arguments = served.asked[0].arguments_for(given, tier, "the input", None)
    try:
        return Question(tier, arguments, canonical_key(tier, arguments))
    except ValueError as error:
        raise ValueError(f"the request is not JSON: {error}") from None


def _read(served: ServedTask, question: Question, body: str, latency_ms: int, first: FirstAnswer | None) -> Attempt:
    task, tier = served.task.name, question.tier
    assert served.asked is not None
    try:
        message = parsed_message(body)
    except ValueError as fault:
        error = _caused(CallFailed(str(fault), task=task, tier=tier.name, first=first), fault)
        return Attempt(tier, question.key, latency_ms, None, None, error)
    try:
        answer = served.asked[1].read(message)
    except UnobtainedAnswer as fault:
        unread = _unusable(fault.detail, task, tier, first, None, message)
        return Attempt(tier, question.key, latency_ms, None, message, _caused(unread, fault))
    wrong = None
    if answer.fault is not None:
        wrong = _unusable(f"{answer.fault.value}: {answer.detail}", task, tier, first, answer, message)
    return Attempt(tier, question.key, latency_ms, answer, message, wrong)


def _unusable(
    what: str, task: str, tier: Tier, first: FirstAnswer | None, answer: Answer | None, message: Mapping[str, Any]
) -> UnusableAnswer:
    kind = None if answer is None else answer.fault
    return UnusableAnswer(what, task=task, tier=tier.name, first=first, kind=kind, message=message)


def _failed(error: Exception | CancelledError | None, task: str, tier: Tier, first: FirstAnswer | None) -> RoutingError:
    if isinstance(error, InputError):  # no key, or a client for another kind of call
        return _caused(TierUnavailable(str(error), task=task, tier=tier.name, first=first), error)
    assert error is not None
    if isinstance(error, TypeError):  # the SDK's word for arguments that it does not take
        return _caused(RequestNotBuilt(f"not sent: {error}", task=task, tier=tier.name, first=first), error)
    cancelled = isinstance(error, CancelledError)
    what = "cancelled by the caller" if cancelled else fault_of(error, key_variable(tier)).detail
    return _caused(CallFailed(what, task=task, tier=tier.name, first=first), error)


def _caused(error: RoutingError, cause: BaseException) -> RoutingError:
    error.__cause__ = cause
    return error


def _first_answer(attempt: Attempt) -> FirstAnswer:
    answer = attempt.answer
    assert answer is not None
    assert attempt.key is not None
    return FirstAnswer(
        tier=attempt.tier.name,
        model=attempt.tier.model,
        output=answer.output,
        confidence=answer.confidence,
        kind=answer.fault,
        detail=answer.detail,
        usage=answer.usage,
        usd=attempt.usd,
        latency_ms=attempt.latency_ms,
        key=attempt.key,
    )
