"""Which confidence an answer needs to stand: the threshold of an escalation, certified on a grid declared before.

Fixed-sequence testing: from the threshold at which nearly all answers escalate downward, each is tested at the same
level, and the first that fails ends the walk; so the one that is kept lies above the limit with a chance of at most
`ALPHA`, however many were looked at (learn then test: Angelopoulos et al. 2021, arXiv:2110.01052, section 4).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .clusters import Samples
from .intervals import upper_bound

__all__ = ["ADVISED_CASES", "GRID", "Choice", "Point", "TwoAnswers", "choose"]

GRID = tuple(number / 100 for number in range(100, -1, -5))  # 1.00, 0.95, ... 0.00, in the order of the tests
ADVISED_CASES = 200


@dataclass(frozen=True, slots=True)
class TwoAnswers:
    """One question as the cheap and the dear tier answered it.

    `by_form` is whether the cheap answer escalates whatever its confidence, as it is no output that the task accepts.
    `confidence` is None where the answer states none that can be used.
    """

    first_right: bool
    confidence: float | None
    by_form: bool
    dear_right: bool

    @property
    def stands_from(self) -> float:
        """The highest threshold at which the cheap answer stands; below 0 where only the absence of one lets it."""
        return -1.0 if self.confidence is None else self.confidence

    def escalates(self, threshold: float | None) -> bool:
        """Whether the dear answer stands; with no threshold, only the form decides."""
        return self.by_form or self.stands_from < (-1.0 if threshold is None else threshold)


@dataclass(frozen=True, slots=True)
class Point:
    """What becomes of all answers at one threshold (a share; None: only the form decides).

    `escalated` of them are the dear tier's, `by_form` of these whatever their confidence, and `wrong` are wrong then.
    `random_wrong` is how many would be on average if as many of good form escalated by lot. `samples` groups the wrong
    ones by case, where each case has several.
    """

    threshold: float | None
    answers: int
    escalated: int
    by_form: int
    wrong: int
    random_wrong: float
    samples: Samples | None = None

    @property
    def escalation_rate(self) -> float:
        return self.escalated / self.answers

    @property
    def error_rate(self) -> float:
        return self.wrong / self.answers

    @property
    def upper(self) -> float:
        """The one-sided 95 % upper bound of the error rate, as the gate has it."""
        return upper_bound(self.wrong, self.answers) if self.samples is None else self.samples.bounds[1]

    @property
    def beats_lot(self) -> bool | None:
        """Whether fewer are wrong than if as many escalated by lot; None where all of good form do, or none."""
        if self.escalated in (self.by_form, self.answers):
            return None
        return self.wrong < self.random_wrong


@dataclass(frozen=True, slots=True)
class Choice:
    """The grid's points in the order of the tests, for a limit (a share) of the cascade's error rate."""

    points: tuple[Point, ...]
    limit: float

    @property
    def certified(self) -> Point | None:
        """The last point of the walk whose bound keeps the limit; None where the first does not."""
        passed = list(itertools.takewhile(lambda point: point.upper <= self.limit, self.points))
        return passed[-1] if passed else None

    @property
    def naive(self) -> Point | None:
        """The cheapest point whose observed error rate keeps the limit: the lowest threshold, as it escalates least."""
        return next((point for point in reversed(self.points) if point.error_rate <= self.limit), None)


def choose(cases: Sequence[Sequence[TwoAnswers]], limit: float, grid: Sequence[float | None] = GRID) -> Choice:
    """All points of a falling grid, for cases with as many samples each. Raises ValueError for no cases.

    The cases must not have been looked at to make the grid.
    """
    if not cases:
        raise ValueError("no cases to choose a threshold by")
    return Choice(tuple(_points(cases, grid)), limit)


def _points(cases: Sequence[Sequence[TwoAnswers]], grid: Sequence[float | None]) -> Iterator[Point]:
    each = len(cases[0])
    answers = [answer for case in cases for answer in case]
    formed = [(answer, number) for number, case in enumerate(cases) for answer in case if not answer.by_form]
    formed.sort(key=lambda numbered: numbered[0].stands_from)
    # At first all escalate; as the threshold falls, the answers of highest confidence come to stand.
    wrong = [sum(not answer.dear_right for answer in case) for case in cases]
    random, by_form = _Lot(answers), len(answers) - len(formed)
    for threshold in grid:
        while formed and not formed[-1][0].escalates(threshold):
            answer, number = formed.pop()
            wrong[number] += answer.dear_right - answer.first_right
        samples = Samples(tuple(wrong), (0,) * len(cases), each) if each > 1 else None
        by_lot = random.wrong(len(formed))
        yield Point(threshold, len(answers), by_form + len(formed), by_form, sum(wrong), by_lot, samples)


class _Lot:
    """Answers of which some escalate by lot, and those of bad form in any case."""

    def __init__(self, answers: Sequence[TwoAnswers]) -> None:
        formed = [answer for answer in answers if not answer.by_form]
        self._formed = len(formed)
        self._first_wrong = sum(not answer.first_right for answer in formed)
        self._dear_wrong = sum(not answer.dear_right for answer in formed)
        self._always_wrong = sum(answer.by_form and not answer.dear_right for answer in answers)

    def wrong(self, escalated: int) -> float:
        """How many are wrong on average if so many of good form escalate."""
        if not self._formed:
            return float(self._always_wrong)
        standing = self._formed - escalated
        mixed = standing * self._first_wrong + escalated * self._dear_wrong
        return self._always_wrong + mixed / self._formed
