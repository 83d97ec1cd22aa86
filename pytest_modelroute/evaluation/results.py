"""What became of the cases: outcomes and results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ..errors import ErrorKind
from .answers import Usage, WrongKind
from .escalation import Trigger

__all__ = ["CaseResult", "Escalated", "Outcome", "case_outcomes", "worst"]


class Outcome(Enum):
    CORRECT = "correct"
    WRONG = "wrong"
    ERROR = "error"

    @property
    def badness(self) -> int:
        """The more, the worse: what a case counts as that came out differently is the worst."""
        return WORST_LAST.index(self)


WORST_LAST = (Outcome.CORRECT, Outcome.WRONG, Outcome.ERROR)


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of one sample of a case; `models` are those that answered.

    `latency_ms`, `usage` and `usd` are of all its calls, and None where a recording does not tell. `lasting` is of an
    error that recording again cannot help, `cassette` the file that git may have as it was, where an error is one of
    its recording. `graded_by` is the model that graded it, where one did; `escalated` is of an answer that another tier
    gave instead.
    """

    case: str
    sample: int
    outcome: Outcome
    kind: WrongKind | ErrorKind | None
    output: Any
    expected: Any
    confidence: float | None
    detail: str
    usage: Usage | None
    latency_ms: int | None
    recordings: int
    models: tuple[str, ...]
    lasting: bool = False
    cassette: str = ""
    graded_by: str = ""
    usd: float | None = None
    escalated: Escalated | None = None


@dataclass(frozen=True, slots=True)
class Escalated:
    """The tier that answered instead of the assigned one, why, and the answer that did not stand."""

    to: str
    trigger: Trigger
    first: CaseResult


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """What a case counts as whose samples or twins came out differently: never better than any of them.

    Raises ValueError where there are none.
    """
    return max(outcomes, key=lambda outcome: outcome.badness)


def case_outcomes(results: Iterable[CaseResult]) -> dict[str, Outcome]:
    """The outcome of each case, by its id and in their order, from the results of its samples."""
    found: dict[str, Outcome] = {}
    for result in results:
        known = found.setdefault(result.case, result.outcome)
        if known is not result.outcome:
            found[result.case] = worst((known, result.outcome))
    return found
