"""What arrives is written down at once: a killed recorder loses the calls on their way and nothing else."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..errors import InputError
from ..writing import write_atomically
from .index import Cassette
from .lines import Interaction, format_line
from .replay import cassette_path

__all__ = ["FOLDER", "Journal", "Leftover"]

FOLDER = ".recording"  # below the cassettes; ignored by git
MODE = "mode"


@dataclass(frozen=True, slots=True)
class Leftover:
    """What a journal holds for one cassette, by the cassette's path below the folder of cassettes."""

    cassette: PurePosixPath
    interactions: tuple[Interaction, ...]


class Journal:
    """One append-only file a cassette, in the cassettes' own format. Safe to use from many threads."""

    def __init__(self, cassettes: Path) -> None:
        self.folder = cassettes / FOLDER
        self._descriptors: dict[PurePosixPath, int] = {}
        self._lock = threading.Lock()

    def open(self) -> None:
        """Make the folder. Raises InputError where that fails: told before anything is paid for."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / ".gitignore").write_text("*\n", encoding="utf-8")
        except OSError as error:
            what = f"{error.filename or self.folder} cannot be written: {error.strerror}"
            raise InputError(what, fix="make the cassettes' folder writable") from None

    @property
    def mode(self) -> str:
        """The record mode of the run that the journal is of; empty where there is none."""
        try:
            return (self.folder / MODE).read_text(encoding="utf-8")
        except OSError:
            return ""

    @mode.setter
    def mode(self, mode: str) -> None:
        write_atomically(self.folder / MODE, mode.encode())

    def append(self, model: str, interactions: Sequence[Interaction]) -> None:
        """Write the interactions of one run, all or none. Raises OSError where the disk takes no more."""
        lines = "".join(map(format_line, interactions)).encode()
        path = cassette_path(PurePosixPath(), interactions[0].task, model)
        with self._lock:
            descriptor = self._descriptors.get(path)
            if descriptor is None:
                file = self.folder / path
                file.parent.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
                self._descriptors[path] = descriptor
            data = b"\n" + lines if _torn(descriptor) else lines
            size = os.fstat(descriptor).st_size
            try:
                written = 0
                while written < len(data):
                    written += os.write(descriptor, data[written:])
            except BaseException:
                os.ftruncate(descriptor, size)
                raise

    @property
    def waits(self) -> bool:
        """Whether an interrupted run left something; nothing is read."""
        return any(self.folder.rglob("*.yaml"))

    def leftovers(self) -> Iterator[Leftover]:
        """What earlier runs wrote and did not clear; the latest recording of each key, torn lines left out."""
        for path in sorted(self.folder.rglob("*.yaml")):
            with path.open("rb") as file:
                interactions = tuple(Cassette(str(path), file).interactions())
            if interactions:
                yield Leftover(PurePosixPath(path.relative_to(self.folder).as_posix()), interactions)

    def close(self) -> None:
        with self._lock:
            for descriptor in self._descriptors.values():
                os.close(descriptor)
            self._descriptors.clear()

    def clear(self) -> None:
        """Forget everything: it stands in the cassettes now."""
        self.close()
        for path in sorted(self.folder.rglob("*"), reverse=True):
            if path.is_dir():
                path.rmdir()
            elif path.suffix == ".yaml" or path.name in (MODE, ".gitignore"):
                path.unlink()


def _torn(descriptor: int) -> bool:
    """Whether the file's last line has no end: its writer was killed."""
    size = os.fstat(descriptor).st_size
    return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
