"""When a dearer tier answers instead of the assigned one: one rule, for the gate and for the router."""

from __future__ import annotations

from enum import Enum

from ..registry.serving import Escalation
from .answers import WrongKind

__all__ = ["Trigger", "trigger_of"]


class Trigger(Enum):
    """Why an answer escalates: its form, in the words of WrongKind, or its confidence."""

    REFUSAL = "refusal"
    TRUNCATED = "truncated"
    NOT_JSON = "not_json"
    SCHEMA = "schema"
    NO_CONFIDENCE = "no_confidence"
    LOW_CONFIDENCE = "low_confidence"


def trigger_of(escalation: Escalation, kind: WrongKind | None, confidence: float | None) -> Trigger | None:
    """Why an answer escalates that is wrong by `kind`, if by any; None where it stands.

    `confidence` is None where it is missing or not a number in [0, 1]. Whether an answer is right cannot count: nobody
    knows that in production.
    """
    if kind is not None and kind is not WrongKind.MISMATCH:
        return Trigger(kind.value)
    if escalation.below is None:
        return None
    if confidence is None:
        return Trigger.NO_CONFIDENCE
    return Trigger.LOW_CONFIDENCE if confidence < escalation.below else None
