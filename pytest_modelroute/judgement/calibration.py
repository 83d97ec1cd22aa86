"""Whether a stated confidence says anything: how far off it is, and whether it tells right answers from wrong ones."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from .intervals import root

__all__ = ["BINS", "Bin", "Calibration", "Separates", "Separation", "calibration"]

BINS = 10
Z_TWO_SIDED = 1.959963984540054  # the 97.5 % quantile of the standard normal distribution
CHANCE = 0.5
FAINT = 0.6  # an area below this is of no use, even where it is not chance

Below = dict[float, tuple[float, float]]  # for each confidence, the right and the wrong answers below it


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
    """All pairs of a right and a wrong answer: in how many the right one's confidence is higher, or the same.

    So many answers as `design_effect` says are worth one: more than 1 where some are of one case and hang together.
    """

    right: int
    wrong: int
    higher: int
    same: int
    design_effect: float = 1.0

    @property
    def effective_answers(self) -> float:
        """How many independent answers these are worth."""
        return (self.right + self.wrong) / self.design_effect

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
        559-573), for as many answers as these are worth. Ties make it wider than it need be.
        """
        area = self.area

        def distance(true: float) -> float:
            return (area - true) ** 2 - Z_TWO_SIDED**2 * self._variance(true)

        # Beyond the bounds the estimate lies too far off: the distance falls towards the area from either end.
        lower = 0.0 if area == 0.0 else root(distance, 0.0, area)
        upper = 1.0 if area == 1.0 else root(lambda true: -distance(true), area, 1.0)
        return lower, upper

    def _variance(self, area: float) -> float:
        right, wrong = self.right / self.design_effect, self.wrong / self.design_effect
        more = max((right + wrong) / 2 - 1, 0.0)
        spread = 1 + more * (1 - area) / (2 - area) + more * area / (1 + area)
        return area * (1 - area) * spread / (right * wrong)

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


def calibration(cases: Sequence[Sequence[tuple[float, bool]]]) -> Calibration:
    """For each case its answers, as their confidence in [0, 1] and whether they are right."""
    answers = [answer for case in cases for answer in case]
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for confidence, right in answers:
        bins[min(int(confidence * BINS), BINS - 1)].append((confidence, right))
    counted = [
        Bin(len(each), sum(right for _, right in each), math.fsum(confidence for confidence, _ in each))
        for each in bins
    ]
    separation, below = _separation(answers)
    return Calibration(tuple(counted), replace(separation, design_effect=_design_effect(cases, separation, below)))


def _separation(answers: Sequence[tuple[float, bool]]) -> tuple[Separation, Below]:
    """Also how many right and how many wrong answers have a lower confidence than each, ties half."""
    lower = higher = same = right_ones = 0
    below: Below = {}
    ordered = sorted(answers, key=lambda answer: answer[0])
    for confidence, group in itertools.groupby(ordered, key=lambda answer: answer[0]):
        tied = [right for _, right in group]
        right = sum(tied)
        wrong = len(tied) - right
        below[confidence] = right_ones + right / 2, lower + wrong / 2
        higher += right * lower
        same += right * wrong
        right_ones += right
        lower += wrong
    return Separation(right_ones, lower, higher, same), below


def _design_effect(cases: Sequence[Sequence[tuple[float, bool]]], separation: Separation, below: Below) -> float:
    """The area's variance by cases over that by answers: Obuchowski 1997 (Biometrics 53: 567-578) over its own value
    for cases of one answer each, which is DeLong's. From 1 to the most answers of a case, and that where it is unknown.
    """
    most = float(max(map(len, cases), default=1))
    if most <= 1 or not separation.right or not separation.wrong:
        return 1.0
    right, wrong, area = separation.right, separation.wrong, separation.area
    # By how much each answer's own share of pairs won differs from the area: of right ones, and of wrong ones.
    apart = [
        (
            [below[confidence][1] / wrong - area for confidence, correct in case if correct],
            [1 - below[confidence][0] / right - area for confidence, correct in case if not correct],
        )
        for case in cases
    ]
    by_case, by_answer = 0.0, 0.0
    for side, number in ((0, right), (1, wrong)):
        of_cases = [each[side] for each in apart if each[side]]
        if len(of_cases) == 1:
            return most
        by_case += len(of_cases) / (len(of_cases) - 1) * math.fsum(sum(each) ** 2 for each in of_cases) / number**2
        by_answer += math.fsum(each**2 for of_case in of_cases for each in of_case) / (number - 1) / number
    shared = math.fsum(sum(of_right) * sum(of_wrong) for of_right, of_wrong in apart)
    by_case += 2 * len(cases) / (len(cases) - 1) * shared / (right * wrong)
    return min(max(by_case / by_answer, 1.0), most) if by_answer > 0 else most
