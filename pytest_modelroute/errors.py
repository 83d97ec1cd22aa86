"""The errors of the package, each with the place, the fault, what is valid and the way out."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

__all__ = ["ErrorKind", "InputError", "ModelrouteError", "Place", "UnobtainedAnswer", "did_you_mean", "one_of"]


class ModelrouteError(Exception):
    """Base of every error that the package raises on purpose."""


@dataclass(frozen=True, slots=True)
class Place:
    """A position in an input file: its path as the user would name it, and a line counted from 1."""

    file: str
    line: int | None = None

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"


class InputError(ModelrouteError):
    """Something the user wrote is broken; at the pytest edge this is a usage error (exit status 4).

    `what` is one sentence without a full stop; `valid` says what would be right; `fix` is a command or an edit.
    """

    def __init__(self, what: str, *, place: Place | None = None, valid: str | None = None, fix: str | None = None):
        super().__init__(what)
        self.what = what
        self.place = place
        self.valid = valid
        self.fix = fix

    def __str__(self) -> str:
        lines = [self.what if self.place is None else f"{self.place}: {self.what}"]
        if self.valid:
            lines.append(f"  valid: {self.valid}")
        if self.fix:
            lines.append(f"  fix: {self.fix}")
        return "\n".join(lines)


class ErrorKind(Enum):
    """Why the answer to a case could not be obtained or scored."""

    MISSING = "missing"
    STALE = "stale"
    UNREADABLE = "unreadable"
    TRANSPORT = "transport"
    SCORER = "scorer"
    CALL = "call"
    GRADER = "grader"


class UnobtainedAnswer(ModelrouteError):
    """The answer to one case could not be obtained or scored: an error, never a wrong answer.

    `lasting` is whether asking the same again cannot help; `cassette` names the file whose recording is spoilt, and
    which git may have as it was.
    """

    def __init__(self, kind: ErrorKind, detail: str, *, lasting: bool = False, cassette: str = ""):
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.lasting = lasting
        self.cassette = cassette


def one_of(names: Iterable[str]) -> str:
    """The valid names, in their own order, as a phrase for an error message."""
    return ", ".join(names) or "(none)"


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """The valid names, preceded by the likeliest of them where one is close to `word`."""
    known = list(names)
    close = difflib.get_close_matches(word, known, n=1)
    return (f"did you mean '{close[0]}'? " if close else "") + f"one of {one_of(known)}"
