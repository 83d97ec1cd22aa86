"""Whether a cheaper tier is worth the move, and whether so many cases can say anything at all of so strict a limit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from .intervals import ALPHA

__all__ = ["FEWEST_CALLS", "MONTHS", "WORK_USD", "Obstacle", "Worth", "cases_without_error"]

FEWEST_CALLS = 10_000  # a month: below that, routing a task seldom pays
WORK_USD = 1_000.0  # what the work on one move is taken to cost: about a day, its review and its watching included
MONTHS = 12  # of saving that have to pay for it


class Obstacle(Enum):
    """Why a move that would pass its gate is not worth it."""

    SAVES_NOTHING = "saves_nothing"
    LESS_THAN_WORK = "less_than_work"
    FEW_CALLS = "few_calls"


@dataclass(frozen=True, slots=True)
class Worth:
    """A move by what it saves: USD for a thousand calls, which may be negative, and calls a month; None where unknown.

    `work` is what the move itself costs, in USD.
    """

    per_1000: float | None
    calls: int | None
    work: float = WORK_USD

    @property
    def monthly(self) -> float | None:
        return None if self.per_1000 is None or self.calls is None else self.per_1000 * self.calls / 1000

    @property
    def pays(self) -> bool | None:
        """Whether a year's saving pays for the work; None where that is not known."""
        return None if self.monthly is None else self.monthly * MONTHS >= self.work

    @property
    def pays_from(self) -> int | None:
        """The calls a month from which it pays; None where no number will do, or the saving is not known."""
        if self.per_1000 is None or self.per_1000 <= 0:
            return None
        return math.ceil(self.work / MONTHS / self.per_1000 * 1000)

    @property
    def obstacle(self) -> Obstacle | None:
        """Few calls count where the saving is not known: otherwise it decides, whatever it comes from.

        None says that it pays only where that is known.
        """
        if self.per_1000 is not None and self.per_1000 <= 0:
            return Obstacle.SAVES_NOTHING
        if self.pays is None:
            return Obstacle.FEW_CALLS if self.few else None
        if self.pays:
            return None
        return Obstacle.FEW_CALLS if self.few else Obstacle.LESS_THAN_WORK

    @property
    def few(self) -> bool:
        return self.calls is not None and self.calls < FEWEST_CALLS


def cases_without_error(threshold: float) -> int | None:
    """The fewest cases that certify a threshold when none of them is wrong: (1 - threshold)^n <= 5 %. None for 0."""
    if threshold <= 0:
        return None
    return 1 if threshold >= 1 - ALPHA else math.ceil(math.log(ALPHA) / math.log1p(-threshold))
