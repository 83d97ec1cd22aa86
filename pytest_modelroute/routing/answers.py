"""What callers get: an answer, with where it comes from and what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..evaluation.answers import Usage, WrongKind
from ..evaluation.escalation import Trigger
from ..registry.serving import Escalation

__all__ = ["FirstAnswer", "Route", "RoutedAnswer"]


@dataclass(frozen=True, slots=True)
class Route:
    """Where a task's calls go, for teams that make them themselves; `known` says whether the registry lists it."""

    task: str
    tier: str
    model: str
    base_url: str
    known: bool
    escalation: Escalation | None


@dataclass(frozen=True, slots=True)
class FirstAnswer:
    """The assigned tier's answer that did not stand; `kind` and `detail` say what is wrong with its form, if anything.

    Where it is not JSON, refused or cut off, `output` is its text.
    """

    tier: str
    model: str
    output: Any
    confidence: float | None
    kind: WrongKind | None
    detail: str
    usage: Usage | None
    usd: float | None
    latency_ms: int
    key: str


@dataclass(frozen=True, slots=True)
class RoutedAnswer:
    """An output that the task's policy accepts.

    `tier`, `model`, `confidence` and `key` (of the request, as the gate files it) are of the answer that stands;
    `usage`, `usd` and `latency_ms` are of all its calls, None where not known. `first` is the answer that escalated,
    for the reason `trigger`. `message` is the answer as the provider sent it.
    """

    task: str
    tier: str
    model: str
    output: Any
    confidence: float | None
    usage: Usage | None
    usd: float | None
    latency_ms: int
    key: str
    known: bool
    trigger: Trigger | None
    first: FirstAnswer | None
    message: Mapping[str, Any] = field(repr=False)

    @property
    def escalated(self) -> bool:
        return self.first is not None

    @property
    def escalated_from(self) -> str | None:
        """The tier that answered first, where another one had to."""
        return None if self.first is None else self.first.tier
