"""A grader that is not perfect: what a person found in the answers that it judged, and the error rate that follows."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

from .intervals import ALPHA, lower_bound, upper_bound

__all__ = ["LEAST_PASSED", "Audit", "Share"]

LEAST_PASSED = 30  # cases that the grader passed and a person must check, where there are so many


@dataclass(frozen=True, slots=True)
class Share:
    """A share of this dataset's cases with its one-sided 95 % bounds."""

    estimate: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Audit:
    """Answers by the grader's verdict, and how many of them a person checked and found wrong.

    `faulty` were wrong by their form, and no grader saw them. All `flagged` are to be checked, and of those `passed` at
    least `least`, drawn at random; the ones counted in `passed_checked` are such a draw.
    """

    faulty: int
    flagged: int
    passed: int
    flagged_checked: int = 0
    flagged_wrong: int = 0
    passed_checked: int = 0
    passed_wrong: int = 0
    least: int = LEAST_PASSED

    @property
    def cases(self) -> int:
        return self.faulty + self.flagged + self.passed

    @property
    def checked(self) -> int:
        return self.flagged_checked + self.passed_checked

    @property
    def required(self) -> int:
        """How many passed cases must be checked."""
        return min(self.least, self.passed)

    @property
    def complete(self) -> bool:
        return self.flagged_checked == self.flagged and self.passed_checked >= self.required

    @property
    def error_rate(self) -> float:
        """The share of cases that are truly wrong, estimated from a complete audit with at least one case."""
        return (self._known_wrong + self.passed * self._missed_rate) / self.cases

    @property
    def effective_cases(self) -> float:
        """How many cases with a perfect verdict these are worth."""
        rate, missed, checked = self.error_rate, self._missed_rate, self.passed_checked
        variance = rate * (1 - rate) / self.cases
        if checked:
            weight = self.passed / self.cases
            variance += weight**2 * missed * (1 - missed) / checked * (1 - checked / self.passed)
        return min(self.cases, rate * (1 - rate) / variance) if variance > 0 else float(self.cases)

    @property
    def bounds(self) -> tuple[float, float]:
        """One-sided 95 % bounds of the error rate: Clopper-Pearson's on the effective number of cases.

        Two-phase sampling: all flagged cases are known, of the passed ones a random part (Cochran 1977, Sampling
        Techniques, 12.2).
        """
        worth = self.effective_cases
        wrong = min(self.error_rate * worth, worth)
        return lower_bound(wrong, worth), upper_bound(wrong, worth)

    @property
    def sensitivity(self) -> Share | None:
        """The share of the wrong answers that the grader flagged; None where none was found wrong, or none checked."""
        return self._share(lambda missed: (self.flagged_wrong, self.flagged_wrong + missed))

    @property
    def specificity(self) -> Share | None:
        """The share of the right answers that the grader passed; None where there are none, or none was checked."""
        alarms = self.flagged_checked - self.flagged_wrong
        return self._share(lambda missed: (self.passed - missed, self.passed - missed + alarms))

    @property
    def missed(self) -> tuple[int, int]:
        """How many of the passed cases are wrong, at least and at most: exact one-sided 95 % bounds, hypergeometric."""
        found, checked, passed = self.passed_wrong, self.passed_checked, self.passed
        # Both chances are monotonic in the number of wrong ones.
        possible = range(found, passed + 1)
        least = bisect_left(possible, True, key=lambda wrong: 1 - _at_most(found - 1, wrong, passed, checked) > ALPHA)
        beyond = bisect_left(possible, True, key=lambda wrong: _at_most(found, wrong, passed, checked) <= ALPHA)
        return found + least, found + beyond - 1

    @property
    def _known_wrong(self) -> int:
        return self.faulty + self.flagged_wrong

    @property
    def _missed_rate(self) -> float:
        """The share of wrong ones among the passed, half a case and one more counted in."""
        return (self.passed_wrong + 0.5) / (self.passed_checked + 1)

    def _share(self, parts: Callable[[float], tuple[float, float]]) -> Share | None:
        """A share that falls as the number of missed cases grows, at its estimate and its bounds."""
        if not self.complete or (self.passed and not self.passed_checked):
            return None
        least, most = self.missed
        scaled = self.passed * self.passed_wrong / self.passed_checked if self.passed else 0.0
        estimate = min(max(scaled, least), most)  # with nearly all checked it can be a fraction of a case beyond them
        if parts(estimate)[1] <= 0:
            return None
        # Where the estimate is a share of any cases, so are its bounds.
        return Share(*(part / whole for part, whole in map(parts, (estimate, most, least))))


def _at_most(found: int, wrong: int, cases: int, drawn: int) -> float:
    """P(X <= found) for X wrong ones among `drawn` of `cases` without replacement, `wrong` of which are."""
    ways = sum(math.comb(wrong, each) * math.comb(cases - wrong, drawn - each) for each in range(found + 1))
    return ways / math.comb(cases, drawn)
