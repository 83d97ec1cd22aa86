"""What is to be recorded: one answer each, through the SDK or through the team's own function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Call", "OwnRun"]


@dataclass(frozen=True, slots=True)
class OwnRun:
    """One run of the team's own function: `run` makes its calls, `key` files the n-th of them, from 0.

    `hosts` are those that it may call beside the tier's endpoint.
    """

    run: Callable[[], Any]
    key: Callable[[int], str]
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """One answer to obtain for a case: the arguments of messages.create, or a run of the team's own function.

    `key` is what the answer is filed under; of several calls in one run, the first.
    """

    task: str
    case: str
    sample: int
    key: str
    arguments: Mapping[str, Any] = field(repr=False)
    own: OwnRun | None = field(default=None, repr=False)
