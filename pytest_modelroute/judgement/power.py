"""How many cases a certified gate needs."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from .intervals import ALPHA, binomial_cdf

__all__ = ["MOST_CASES", "Z_POWER", "cases_to_certify"]

POWER = 0.80
Z_POWER = 0.8416
MOST_CASES = 20_000
# Power is a sawtooth: one tooth that stands above the target says nothing about the next ones.
TEETH_TO_TRUST = 40


def cases_to_certify(error_rate: float, threshold: float) -> int | None:
    """The smallest size from which on a certified gate passes with 80 % power if `error_rate` is the true rate.

    None where no size up to `MOST_CASES` does, as at or above the threshold.
    """
    if error_rate >= threshold or binomial_cdf(0, MOST_CASES, threshold) > ALPHA:
        return None

    def power(size: int) -> float:
        return binomial_cdf(_allowed(threshold, size), size, error_rate)

    # The size before the one that this finds has too little power, so the one that is sought is not below it.
    teeth = _teeth(threshold, bisect_left(range(MOST_CASES), POWER, key=power))
    candidate: tuple[int, int] | None = None  # its size, and the tooth that settles it
    while True:
        allowed, first, last = next(teeth)
        if candidate is None and first > MOST_CASES:
            return None
        # Within a tooth the same number of errors passes, so power falls to its last size.
        if binomial_cdf(allowed, last, error_rate) < POWER:
            candidate = None
        elif candidate is None:
            candidate = first, allowed + TEETH_TO_TRUST
        elif allowed == candidate[1]:
            return candidate[0]


def _teeth(threshold: float, start: int) -> Iterator[tuple[int, int, int]]:
    """From the tooth that holds size `start` on: the errors that pass, the first and the last size where they do."""
    allowed = _allowed(threshold, start)
    first = _first_size(allowed, threshold, range(start))
    while True:
        # The first tooth is the longest: 1.75 / threshold, by the 95 % quantiles of the gamma distribution.
        following = _first_size(allowed + 1, threshold, range(first, first + math.ceil(2 / threshold)))
        yield allowed, first, following - 1
        allowed, first = allowed + 1, following


def _allowed(threshold: float, size: int) -> int:
    """The most errors that certify the threshold at that size: P(X <= errors) <= alpha; -1 where none do."""
    return bisect_right(range(size), ALPHA, key=lambda errors: binomial_cdf(errors, size, threshold)) - 1


def _first_size(allowed: int, threshold: float, sizes: range) -> int:
    """The smallest of the sizes at which `allowed` errors certify the threshold, or the one behind them."""
    return sizes.start + bisect_left(sizes, True, key=lambda size: binomial_cdf(allowed, size, threshold) <= ALPHA)
