"""One recorder at a time for a folder of cassettes."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType

from ..errors import InputError

__all__ = ["RecordingLock"]


class RecordingLock:
    """A lock that the system drops with its process, so that a killed recorder leaves none behind.

    Raises InputError where another process holds it, or where the folder cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def __enter__(self) -> RecordingLock:
        try:
            while self._descriptor < 0:
                self._acquire()
        except BlockingIOError:
            holder = self._path.read_text(encoding="utf-8", errors="replace").strip()
            what = f"another recorder ({holder or 'starting'}) is at work on {self._path.parent.parent}"
            raise InputError(what, fix="wait until it ends, or stop it") from None
        except OSError as error:
            what = f"{error.filename or self._path} cannot be written: {error.strerror}"
            raise InputError(what, fix="make the cassettes' folder writable") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = -1

    def _acquire(self) -> None:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(descriptor)
            # The file that was locked may have been removed by its last holder in the meantime.
            if not self._path.exists() or not os.path.samestat(os.fstat(descriptor), self._path.stat()):
                os.close(descriptor)
                return
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"process {os.getpid()}".encode())
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError(error.errno, error.strerror) from None

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
