"""Calls beside the caller's path: few at once, and dropped rather than waited for."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from .processes import PerProcess

__all__ = ["Dropped", "Shadows"]

THREADS = 2
QUEUED = 64

LOGGER = logging.getLogger("pytest_modelroute")


class Dropped(Exception):
    """Raised by a job that could not be done to its end, through nobody's fault."""


@dataclass
class _Pool:
    """One process's threads: they are daemons, so that no exit waits for a slow endpoint."""

    jobs: queue.Queue[Callable[[], None] | None] = field(default_factory=lambda: queue.Queue(QUEUED))
    threads: list[threading.Thread] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    closed: bool = False
    dropped: int = 0
    failed: int = 0


class Shadows:
    """Runs jobs in a few threads. Nothing that a job raises reaches anybody: it is counted, and told of once."""

    def __init__(self) -> None:
        self._own = PerProcess(_Pool)

    @property
    def dropped(self) -> int:
        """How many were not run to their end: too many waited, no thread could be started, or the end came first."""
        return self._own.own().dropped

    def run(self, job: Callable[[], None]) -> bool:
        """Run a job some time, if there is room; returns whether there is."""
        pool = self._own.own()
        with pool.lock:
            if not pool.closed and _is_staffed(pool):
                with contextlib.suppress(queue.Full):
                    pool.jobs.put_nowait(job)
                    return True
            pool.dropped += 1
            return False

    def close(self, timeout: float) -> None:
        """Take no more, and wait up to `timeout` seconds for those that were taken; what is left then is dropped."""
        pool = self._own.own()
        with pool.lock:
            pool.closed = True
        until = time.monotonic() + timeout
        for _ in pool.threads:
            with contextlib.suppress(queue.Full):
                pool.jobs.put(None, timeout=max(until - time.monotonic(), 0.0))
        for thread in pool.threads:
            thread.join(max(until - time.monotonic(), 0.0))
        with pool.lock:
            while True:
                try:
                    job = pool.jobs.get_nowait()
                except queue.Empty:
                    break
                pool.dropped += job is not None
            for _ in pool.threads:  # for those still at work
                pool.jobs.put_nowait(None)


def _is_staffed(pool: _Pool) -> bool:
    """Whether somebody will do a job; begins another thread where there is room for one."""
    if len(pool.threads) < THREADS:
        thread = threading.Thread(target=_work, args=(pool,), name="modelroute-shadow", daemon=True)
        try:
            thread.start()
        except Exception:  # a limit of the system, or the interpreter exits: no caller's fault
            return bool(pool.threads)
        pool.threads.append(thread)
    return True


def _work(pool: _Pool) -> None:
    while True:
        job = pool.jobs.get()
        if job is None:
            return
        try:
            job()
        except Dropped:
            with pool.lock:
                pool.dropped += 1
        except Exception as error:  # a shadow is nobody's failure
            with pool.lock:
                pool.failed += 1
                first = pool.failed == 1
            if first:
                LOGGER.warning("a shadow failed: %s: %s", type(error).__name__, error)
