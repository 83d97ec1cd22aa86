"""Several samples of each case: answers to one case are no independent observations."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .intervals import ALPHA, beta_cdf, lower_bound, root, upper_bound
from .paired import Z_95

__all__ = ["Samples"]


@dataclass(frozen=True, slots=True)
class Samples:
    """For each case how many of its `each` answers were wrong, and how many could not be obtained."""

    wrong: tuple[int, ...]
    errors: tuple[int, ...]
    each: int

    @property
    def cases(self) -> int:
        return len(self.wrong)

    @property
    def error_rate(self) -> float:
        """The mean over cases of their share of wrong answers."""
        return sum(self.wrong) / (self.cases * self.each)

    @property
    def standard_error(self) -> float:
        """Of the error rate, clustered by case (Miller 2024, "Adding Error Bars to Evals")."""
        mean = self.error_rate
        return math.sqrt(sum((wrong - self.each * mean) ** 2 for wrong in self.wrong)) / (self.cases * self.each)

    @property
    def effective_cases(self) -> float:
        """How many independent answers these are worth."""
        return _effective_cases(self.wrong, self.each)

    @property
    def bounds(self) -> tuple[float, float]:
        """One-sided 95 % bounds (Korn and Graubard 1998, Survey Methodology 24: 193-201).

        Unanswered samples make both as wide as they could be.
        """
        at_worst = tuple(wrong + error for wrong, error in zip(self.wrong, self.errors, strict=True))
        return _bound(lower_bound, self.wrong, self.each), _bound(upper_bound, at_worst, self.each)

    @property
    def flaky(self) -> int:
        """Cases that were answered right and wrong."""
        return sum(0 < wrong < self.each - error for wrong, error in zip(self.wrong, self.errors, strict=True))

    def all_right(self, tries: int) -> float:
        """pass^k: the chance that all of so many answers to a random case are right (Yao et al. 2024, tau-bench)."""
        of_case = [
            math.comb(self.each - wrong - error, tries) for wrong, error in zip(self.wrong, self.errors, strict=True)
        ]
        return sum(of_case) / math.comb(self.each, tries) / self.cases


def _effective_cases(wrong: Sequence[int], each: int) -> float:
    cases = len(wrong)
    mean = sum(wrong) / (cases * each)
    if cases == 1 or mean in (0.0, 1.0):
        return float(cases)
    variance = sum((count / each - mean) ** 2 for count in wrong) / (cases - 1) / cases
    independent = mean * (1 - mean) / variance if variance > 0 else math.inf
    return min(max(independent, 1.0), cases * each) * (Z_95 / _t_quantile(cases - 1)) ** 2


def _bound(bound: Callable[[float, float], float], wrong: Sequence[int], each: int) -> float:
    worth = _effective_cases(wrong, each)
    mean = sum(wrong) / (len(wrong) * each)
    return bound(mean * worth, worth)


def _t_quantile(freedom: int) -> float:
    """The 95 % quantile of Student's t: its tail is an incomplete beta function (DLMF 7.18, 8.17)."""
    share = root(lambda x: 2 * ALPHA - beta_cdf(x, freedom / 2, 0.5))
    return math.sqrt(freedom * (1 / share - 1))
