"""Why a call gave no answer that can be used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import ModelrouteError
from ..evaluation.answers import WrongKind

if TYPE_CHECKING:
    from .answers import FirstAnswer

__all__ = ["CallFailed", "OwnCallTask", "RequestNotBuilt", "RoutingError", "TierUnavailable", "UnusableAnswer"]


class RoutingError(ModelrouteError):
    """Base of all errors of a router's calls.

    `tier` is the one that was to answer, None where it did not come to that; `first` is the answer of the assigned tier
    where that had escalated. What a client raised is the `__cause__`.
    """

    def __init__(self, what: str, *, task: str, tier: str | None = None, first: FirstAnswer | None = None) -> None:
        where = f"task '{task}'" if tier is None else f"task '{task}' on tier '{tier}'"
        super().__init__(f"{where}: {what}")
        self.what = what
        self.task = task
        self.tier = tier
        self.first = first


class OwnCallTask(RoutingError):
    """The task's calls are made by the team's own function, which asks the router for the model only."""


class RequestNotBuilt(RoutingError):
    """The input does not fit the prompt, or gives a request that messages.create does not take."""


class TierUnavailable(RoutingError):
    """The tier cannot be called at all: no key for it is set, or its client is not one for this kind of call."""


class CallFailed(RoutingError):
    """The tier gave no answer: network, status, or a body that is no message."""


class UnusableAnswer(RoutingError):
    """The tier answered, and the answer is not what the task's output policy asks for.

    `kind` says how, None where the schema cannot be applied to it; `raw` is the answer's text, and `message` all of it.
    """

    def __init__(
        self,
        what: str,
        *,
        task: str,
        tier: str,
        first: FirstAnswer | None,
        kind: WrongKind | None,
        message: Mapping[str, Any],
    ) -> None:
        super().__init__(what, task=task, tier=tier, first=first)
        self.kind = kind
        self.message = message

    @property
    def raw(self) -> str:
        """The text of the answer, as the model wrote it."""
        blocks = self.message["content"]
        return "".join(str(block.get("text", "")) for block in blocks if block.get("type") == "text")
