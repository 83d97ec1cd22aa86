"""What is kept of calls: which are logged, which run on another tier too, and the lines of both."""

from __future__ import annotations

import copy
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from .accounts import Noted, decision_of, now
from .agreement import excerpt
from .cascade import Cascade, single
from .decision_log import DecisionLog
from .routes import ServedTask
from .sending import Send, run
from .shadow import Shadows

__all__ = ["Begun", "Bookkeeper"]


@dataclass(frozen=True, slots=True)
class Begun:
    """A call under way: `noted` where it is logged, `shadowed` the input of its shadow, where it has one."""

    served: ServedTask
    noted: Noted | None
    shadowed: Mapping[str, Any] | None


class Bookkeeper:
    """Keeps the log of one registry. Nothing that goes wrong here reaches a caller."""

    def __init__(self, log: DecisionLog | None, shadows: Shadows) -> None:
        self.log = log
        self._shadows = shadows

    def begin(self, served: ServedTask, given: Mapping[str, Any]) -> Begun:
        """Decide, before the answer is known, what is kept of a call; each call is drawn for itself."""
        log, shadow = self.log, served.task.shadow
        if log is None:
            return Begun(served, None, None)
        is_shadowed = shadow is not None and served.asked is not None and _drawn(shadow.rate)
        if not is_shadowed and not _drawn(log.sample):
            return Begun(served, None, None)
        try:
            noted = Noted(uuid.uuid4().hex, now(), excerpt(given, log.inputs))
            # A copy: the caller may change it before the shadow's turn comes.
            return Begun(served, noted, copy.deepcopy(given) if is_shadowed else None)
        except Exception as error:  # an input that is nested too deeply, or cannot be copied
            log.failed(error)
            return Begun(served, None, None)

    def end(self, begun: Begun, over: Cascade, send: Send) -> None:
        """Write the call down, and let its shadow run."""
        if begun.noted is None:
            return
        self._write(begun.served, over, begun.noted, shadow=False)
        if begun.shadowed is not None and over.last.key is not None and over.cancelled is None:
            self._shadows.run(lambda: self._shadow(begun, send))

    def _shadow(self, begun: Begun, send: Send) -> None:
        served, given, noted = begun.served, begun.shadowed, begun.noted
        assert served.shadow is not None
        assert given is not None
        assert noted is not None
        noted = replace(noted, time=now())
        self._write(served, run(single(served, served.shadow, given), send), noted, shadow=True)

    def _write(self, served: ServedTask, over: Cascade, noted: Noted, *, shadow: bool) -> None:
        assert self.log is not None
        try:
            decision = decision_of(served, over, noted, self.log.inputs, shadow=shadow)
        except Exception as error:
            self.log.failed(error)
        else:
            self.log.write(decision)


def _drawn(share: float) -> bool:
    return random.random() < share  # noqa: S311  # a sample, not a secret
