"""What is told of a recording while it goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from ..errors import ErrorKind, UnobtainedAnswer
from .calls import Call
from .lines import Interaction

__all__ = ["Event", "EventKind", "Heard", "Listener"]


class EventKind(Enum):
    """DROPPED is a call that was not made, as its endpoint was stopped; REPEATED an attempt that nobody failed in."""

    ANSWERED = "answered"
    FAILED = "failed"
    DROPPED = "dropped"
    RETRIED = "retried"
    REPEATED = "repeated"


@dataclass(frozen=True, slots=True)
class Event:
    """What became of one attempt. `limit` is how many calls its endpoint may now have on their way.

    `interactions` is what was answered, and so has to be paid, kept or not. `error` says why there is no answer, where
    there is none, and `lasting` whether asking the same again cannot help.
    """

    kind: EventKind
    call: Call
    tier: str
    detail: str
    interactions: tuple[Interaction, ...]
    limit: int
    error: ErrorKind = ErrorKind.TRANSPORT
    lasting: bool = False

    @property
    def ended(self) -> bool:
        """Whether the call is over."""
        return self.kind not in (EventKind.RETRIED, EventKind.REPEATED)

    @property
    def failed(self) -> bool:
        """Whether it is over without an answer."""
        return self.kind in (EventKind.FAILED, EventKind.DROPPED)


@dataclass(frozen=True, slots=True)
class Listener:
    """Who hears of a recording.

    `count` is told of each attempt before another call begins, in any thread, but in one at a time; what it returns is
    why no other may begin. `show` is told the same a little later, in the recording's own thread, and of None now and
    then.
    """

    count: Callable[[Event], str | None]
    show: Callable[[Event | None], None]


@dataclass(slots=True)
class Heard:
    """What the recording's own thread has been told so far."""

    show: Callable[[Event | None], None]
    ended: int = 0
    faults: dict[str, UnobtainedAnswer] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        self.ended += event.ended
        if event.failed:
            self.faults[event.call.key] = UnobtainedAnswer(event.error, event.detail, lasting=event.lasting)
        self.show(event)
