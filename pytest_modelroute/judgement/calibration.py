"""Whether a stated confidence says anything: how far off it is, and whether it tells right answers from wrong ones."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from .intervals import root

__all__ = ["BINS", "Bin", "Calibration", "Separates", "Separation", "calibration"]

BINS = 10
Z_TWO_SIDED = 1.959963984540054  # the 97.5 % quantile of the standard normal distribution
CHANCE = 0.5
FAINT = 0.6  # an area below this is of no use, even where it is not chance


class Separates(Enum):
    """Whether right answers have a higher confidence than wrong ones."""

    YES = "yes"
    NO = "no"
    CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True, slots=True)
class Bin:
    """The answers whose confidence lies in one tenth of [0, 1]; `confidence` is their sum."""

    answers: int
    right: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Separation:
    """All pairs of a right and a wrong answer: in how many the right one's confidence is higher, or the same."""

    right: int
    wrong: int
    higher: int
    same: int

    @property
    def area(self) -> float:
        """The area under the receiver operating characteristic: Mann-Whitney's U over all pairs, ties half.

        A positive number of right and of wrong answers is needed, as for the interval.
        """
        return (self.higher + self.same / 2) / (self.right * self.wrong)

    @property
    def interval(self) -> tuple[float, float]:
        """Two-sided 95 % bounds of the area, inside [0, 1] and not empty at its ends.

        The score-type interval with Hanley and McNeil's variance, method 5 of Newcombe 2006 (Statistics in Medicine 25:
        559-573). Ties make it wider than it need be.
        """
        area = self.area

        def distance(true: float) -> float:
            return (area - true) ** 2 - Z_TWO_SIDED**2 * self._variance(true)

        # Beyond the bounds the estimate lies too far off: the distance falls towards the area from either end.
        lower = 0.0 if area == 0.0 else root(distance, 0.0, area)
        upper = 1.0 if area == 1.0 else root(lambda true: -distance(true), area, 1.0)
        return lower, upper

    def _variance(self, area: float) -> float:
        more = (self.right + self.wrong) / 2 - 1
        spread = 1 + more * (1 - area) / (2 - area) + more * area / (1 + area)
        return area * (1 - area) * spread / (self.right * self.wrong)

    @property
    def separates(self) -> Separates:
        """Yes where the interval lies above chance; no where all of it is of no use, or all confidences are one."""
        if not self.right or not self.wrong:
            return Separates.CANNOT_TELL
        lower, upper = self.interval
        if lower > CHANCE:
            return Separates.YES
        if upper < FAINT or self.same == self.right * self.wrong:
            return Separates.NO
        return Separates.CANNOT_TELL


@dataclass(frozen=True, slots=True)
class Calibration:
    """Answers with a confidence: ten bins of equal width, of which the last holds 1 too, and the pairs they make."""

    bins: tuple[Bin, ...]
    separation: Separation

    @property
    def answers(self) -> int:
        return sum(each.answers for each in self.bins)

    @property
    def error(self) -> float | None:
        """The expected calibration error: the mean distance, over answers, of a bin's confidence to its share of right
        ones (Naeini et al. 2015, AAAI 29: 2901-2907); None without answers.
        """
        distance = sum(abs(each.right - each.confidence) for each in self.bins)
        return distance / self.answers if self.answers else None


def calibration(answers: Sequence[tuple[float, bool]]) -> Calibration:
    """For answers as their confidence in [0, 1] and whether they are right."""
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for confidence, right in answers:
        bins[min(int(confidence * BINS), BINS - 1)].append((confidence, right))
    counted = [
        Bin(len(each), sum(right for _, right in each), math.fsum(confidence for confidence, _ in each))
        for each in bins
    ]
    return Calibration(tuple(counted), _separation(answers))


def _separation(answers: Sequence[tuple[float, bool]]) -> Separation:
    lower = higher = same = right_ones = 0
    ordered = sorted(answers, key=lambda answer: answer[0])
    for _, group in itertools.groupby(ordered, key=lambda answer: answer[0]):
        tied = [right for _, right in group]
        right = sum(tied)
        wrong = len(tied) - right
        higher += right * lower
        same += right * wrong
        right_ones += right
        lower += wrong
    return Separation(right_ones, lower, higher, same)
