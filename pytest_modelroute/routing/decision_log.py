"""The decision log: a file with one line a call, written by all processes of a service and read by the commands."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from ..errors import InputError
from ..registry.serving import Inputs
from .appending import AppendedFile
from .decisions import Decision, decision_line, parse_decision
from .processes import PerProcess

__all__ = ["DecisionLog", "read_decisions"]

LOGGER = logging.getLogger("pytest_modelroute")


class DecisionLog:
    """Writes a share `sample` of the calls, with as much of their inputs and outputs as `inputs` says.

    Safe to use from many threads and processes, and after a fork. A line that cannot be written is counted in
    `failures`, and told of once, through the logger `pytest_modelroute`: it never breaks a call.
    """

    def __init__(self, path: Path, sample: float = 1.0, inputs: Inputs = Inputs.DIGEST) -> None:
        self.path = path
        self.sample = sample
        self.inputs = inputs
        self.failures = 0
        self._file = AppendedFile(path)
        self._lock = PerProcess(threading.Lock)

    @property
    def settings(self) -> tuple[Path, float, Inputs]:
        """What it was made with."""
        return self.path, self.sample, self.inputs

    def write(self, decision: Decision) -> None:
        """Append a decision."""
        try:
            self._file.append(decision_line(decision))
        except Exception as error:  # whatever it is, the caller has an answer
            self.failed(error)

    def failed(self, error: Exception) -> None:
        """Count a line that could not be written, and tell of the first."""
        with self._lock.own():
            self.failures += 1
            first = self.failures == 1
        if first:
            LOGGER.warning("the decision log %s cannot be written: %s; calls go on without it", self.path, error)

    def close(self) -> None:
        """Close the file; a line that comes later, from a call in flight, opens it for itself alone."""
        self._file.close()


def read_decisions(path: Path) -> tuple[tuple[Decision, ...], int]:
    """The decisions of a log in their order, and the number of lines skipped: torn by a crash, or of another format.

    Raises InputError where the file cannot be read.
    """
    decisions: list[Decision] = []
    skipped = 0
    try:
        with path.open("rb") as file:
            for line in file:
                if not line.strip():
                    continue
                try:
                    decisions.append(parse_decision(line))
                except ValueError:
                    skipped += 1
    except OSError as error:
        raise InputError(f"the decision log {path} cannot be read: {error.strerror}", valid="a readable file") from None
    return tuple(decisions), skipped
