"""What a process must not share with the one that it was forked from: locks, threads, connections."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["PerProcess"]

Made = TypeVar("Made")


class PerProcess(Generic[Made]):
    """One thing for each process, made at its first use there.

    A parent's is never touched again: its locks may be held by threads that the child does not have. Making it twice in
    a race must do no harm.
    """

    def __init__(self, make: Callable[[], Made]) -> None:
        self._make = make
        self._made: dict[int, Made] = {}

    def own(self) -> Made:
        """This process's."""
        process = os.getpid()
        try:
            return self._made[process]
        except KeyError:
            return self._made.setdefault(process, self._make())
