"""Functions that never return: their threads cannot be ended, and must not keep the process from its end."""

from __future__ import annotations

import concurrent.futures.thread
import threading
from collections.abc import Set

__all__ = ["leave_behind", "pool_threads"]


def pool_threads() -> frozenset[threading.Thread]:
    """The threads of all pools, which the interpreter waits for at its end, daemons too."""
    return frozenset(_waited_for())


def leave_behind(known: Set[threading.Thread]) -> None:
    """Let the interpreter not wait for the pools' threads that are not among `known`."""
    for thread in pool_threads() - known:
        _waited_for().pop(thread, None)


def _waited_for() -> dict[threading.Thread, object]:
    # There is no public way; a release without this name waits, as it would have done anyway.
    found: dict[threading.Thread, object] = getattr(concurrent.futures.thread, "_threads_queues", {})
    return found
