"""What a scorer is: an output and an expectation in, right or wrong with a reason out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import did_you_mean
from ..registry.model import ScorePolicy
from .asking import Play
from .comparing import shown
from .golden import ABSENT, GoldenCase
from .templates import pointer_part, resolve_pointer

__all__ = ["RIGHT", "BuiltIn", "Score", "Scorer", "part_of", "pointer_of", "told"]


@dataclass(frozen=True, slots=True)
class Score:
    """Whether an output is correct, and if not, why.

    Of a grade, `recordings` is how often another one was recorded for the output, and `model` what answered.
    """

    correct: bool
    detail: str = ""
    recordings: int = 0
    model: str = ""


RIGHT = Score(True)


class Scorer(ABC):
    """One task's scorer. `options` are the names it takes beside `kind`."""

    options: tuple[str, ...] = ()

    def objection(self, expected: Any) -> str | None:
        """What is wrong with a golden expectation, or None."""
        return "'expected' is missing" if expected is ABSENT else None

    @abstractmethod
    def score(self, output: Any, expected: Any, given: Mapping[str, Any]) -> Score:
        """Judge one output. `given` is the case's input."""

    def score_case(self, case: GoldenCase, output: Any, command: str, play: Play | None) -> Score:
        """Judge one output of a case; `command` is what records what the scorer itself needs."""
        return self.score(output, case.expected, case.input)


class BuiltIn(Scorer):
    def __init__(self, policy: ScorePolicy) -> None:
        self._ignore_case = bool(policy.options.get("ignore_case", False))
        self._field: str | None = policy.options.get("field")

    def _part(self, output: Any) -> Any:
        """The part of the output that is scored; ABSENT where it is not there."""
        return output if self._field is None else part_of(output, self._field)

    def _expectation(self, expected: Any) -> Any:
        """What the scored part is held against: `expected`, or its own `field` where it is written as the output is."""
        if self._field is None or not isinstance(expected, dict):
            return expected
        return part_of(expected, self._field)

    def _lacks_field(self, expected: Any) -> str | None:
        """The objection to an expectation that is a mapping without the scored field."""
        if not isinstance(expected, dict) or self._expectation(expected) is not ABSENT:
            return None
        return f"'expected' has no '{self._field}', which is scored: {did_you_mean(str(self._field), expected)}"


def part_of(value: Any, field: str) -> Any:
    """What a key or a JSON pointer names; ABSENT where there is nothing."""
    try:
        return resolve_pointer(value, pointer_of(field))
    except LookupError:
        return ABSENT


def pointer_of(field: str) -> str:
    """The JSON pointer that a scorer's field stands for: a key, or a pointer already."""
    return field if field.startswith("/") else "/" + pointer_part(field)


def told(value: Any) -> str:
    return "nothing" if value is ABSENT else shown(value)
