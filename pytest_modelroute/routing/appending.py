"""A file that many threads and processes append lines to, and that no crash of one of them spoils for the others."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from .processes import PerProcess

__all__ = ["AppendedFile"]

LONGEST_WAIT = 0.25  # seconds; a process that was stopped while it held the lock must not stop the others
LONGEST_WAIT_OF_A_LOOP = 0.005  # seconds; all else in an event loop waits too
PAUSE = 0.0002  # seconds between attempts to get the lock


@dataclass
class _Opened:
    """One process's own descriptor: a child that shared its parent's would share its lock too.

    `patient` is whether the lock is worth waiting for: not again, once somebody held it too long.
    """

    descriptor: int = -1
    patient: bool = True
    lock: threading.Lock = field(default_factory=threading.Lock)


class AppendedFile:
    """Each line is one write. The file is opened at the first one, and again where it was rotated away.

    Safe to use from many threads and processes, and after a fork. Every method may raise OSError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._closed = False
        self._own = PerProcess(_Opened)

    def append(self, line: str) -> None:
        """Write a line, which brings its end along, whole or not at all."""
        data = line.encode()
        opened = self._own.own()
        until: float | None = None
        while not self._attempt(opened, data, may_wait=until is None or time.monotonic() <= until):
            if until is None:
                until = time.monotonic() + _longest_wait()
            time.sleep(PAUSE)  # not holding the thread's lock: others may be in more of a hurry

    def _attempt(self, opened: _Opened, data: bytes, *, may_wait: bool) -> bool:
        """Write, unless another process holds the lock and is worth waiting for; returns whether it is done."""
        with opened.lock:
            descriptor = self._current(opened)
            try:
                locked = _lock(descriptor)
            except BlockingIOError:
                if may_wait and opened.patient:
                    return False
                locked = False
            opened.patient = locked
            try:
                self._write(descriptor, data, may_cut=locked)
            finally:
                if locked:
                    _unlock(descriptor)
                if self._closed:
                    self._shut(opened)
        return True

    def close(self) -> None:
        """Close this process's descriptor; a later line opens the file for itself alone."""
        self._closed = True
        opened = self._own.own()
        with opened.lock:
            self._shut(opened)

    def _current(self, opened: _Opened) -> int:
        if opened.descriptor >= 0:
            try:
                if os.path.samestat(os.fstat(opened.descriptor), os.stat(self.path)):
                    return opened.descriptor
            except FileNotFoundError:
                pass
            self._shut(opened)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        opened.descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | BINARY, 0o644)
        return opened.descriptor

    @staticmethod
    def _shut(opened: _Opened) -> None:
        if opened.descriptor >= 0:
            descriptor, opened.descriptor = opened.descriptor, -1
            os.close(descriptor)

    @staticmethod
    def _write(descriptor: int, data: bytes, *, may_cut: bool) -> None:
        size = os.fstat(descriptor).st_size
        if size and _byte(descriptor, size - 1) != b"\n":
            # The last writer was killed, or is at it without the lock: then this makes an empty line, no torn one.
            data = b"\n" + data
        written = os.write(descriptor, data)
        if written < len(data):
            if may_cut and os.fstat(descriptor).st_size == size + written:
                os.ftruncate(descriptor, size)
            raise OSError(f"only {written} of {len(data)} bytes could be written")


def _byte(descriptor: int, at: int) -> bytes:
    os.lseek(descriptor, at, os.SEEK_SET)  # what is written goes to the end all the same
    return os.read(descriptor, 1)


def _longest_wait() -> float:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return LONGEST_WAIT
    return LONGEST_WAIT_OF_A_LOOP


if sys.platform == "win32":
    BINARY = os.O_BINARY

    def _lock(_descriptor: int) -> bool:
        return False

    def _unlock(_descriptor: int) -> None:
        """Nothing to do."""

else:
    import fcntl

    BINARY = 0

    def _lock(descriptor: int) -> bool:
        """Whether there are locks. Without one a line is still one write to the end of the file.

        Raises BlockingIOError where somebody else holds it.
        """
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:  # a file system without locks
            return False
        return True

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
