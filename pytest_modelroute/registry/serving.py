"""What a registry says of a task in production: when a dearer tier answers, what is logged, what runs beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import PurePosixPath
from typing import Any

from ..errors import Place

__all__ = ["Escalation", "Inputs", "LogPolicy", "Shadow", "read_escalation", "read_log", "read_shadow"]


class Inputs(Enum):
    """How much of what was asked and answered the decision log keeps."""

    DIGEST = "digest"
    PREFIX = "prefix"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Escalation:
    """The tier `to` answers instead wherever the assigned one gives no output that the task's policy accepts.

    And, where `below` is given (a share), wherever its confidence is lower than that, missing or not a share.
    """

    to: str
    below: float | None
    place: Place = field(compare=False, repr=False)

    @property
    def stated(self) -> dict[str, Any]:
        """As the registry writes it."""
        return {"to": self.to} if self.below is None else {"to": self.to, "below": self.below}


@dataclass(frozen=True, slots=True)
class Shadow:
    """Another tier that answers a share `rate` of a task's calls too, unseen by the caller."""

    tier: str
    rate: float
    place: Place = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class LogPolicy:
    """The decision log: its file, relative to rootdir, and the share of calls that it keeps."""

    path: PurePosixPath
    sample: float
    inputs: Inputs


def read_escalation(raw: Mapping[str, Any], place: Place) -> Escalation | None:
    """What a task whose shape is checked says under `escalate`; `place` is where."""
    escalate = raw.get("escalate")
    return None if escalate is None else Escalation(escalate["to"], escalate.get("below"), place)


def read_log(raw: Mapping[str, Any] | None, inside: Callable[[str], PurePosixPath]) -> LogPolicy | None:
    """What a registry whose shape is checked says under `log`; `inside` makes its path one from rootdir."""
    if raw is None:
        return None
    return LogPolicy(inside(raw["path"]), raw.get("sample", 1.0), Inputs(raw.get("inputs", "digest")))


def read_shadow(raw: Mapping[str, Any], place: Place) -> Shadow | None:
    """What a task whose shape is checked says under `shadow`; `place` is where."""
    shadow = raw.get("shadow")
    return None if shadow is None else Shadow(shadow["tier"], shadow["rate"], place)
