"""How many cases a certified gate needs."""

from __future__ import annotations

import math
from collections.abc import Iterator

from .intervals import ALPHA, binomial_cdf

__all__ = ["MOST_CASES", "Z_POWER", "cases_to_certify"]

POWER = 0.80
MOST_CASES = 20_000
# Power is a sawtooth: one tooth that stands above the target says nothing about the next ones.
TEETH_TO_TRUST = 40
Z_ALPHA, Z_POWER = 1.6449, 0.8416


def cases_to_certify(error_rate: float, threshold: float) -> int | None:
    """The smallest size from which on a certified gate passes with 80 % power if `error_rate` is the true rate.

    None where no size up to `MOST_CASES` does, as at or above the threshold.
    """
    if error_rate >= threshold or binomial_cdf(0, MOST_CASES, threshold) > ALPHA:
        return None
    teeth = _teeth(threshold, _cautious_start(error_rate, threshold))
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


def _cautious_start(error_rate: float, threshold: float) -> int:
    """A size below the one that is sought: the normal approximation's, at most one tooth too large, less several."""
    spread, spread_at_limit = (math.sqrt(share * (1 - share)) for share in (error_rate, threshold))
    size = ((Z_ALPHA * spread_at_limit + Z_POWER * spread) / (threshold - error_rate)) ** 2
    return max(1, int(min(size, MOST_CASES) - 5 / threshold))


def _teeth(threshold: float, start: int) -> Iterator[tuple[int, int, int]]:
    """From the tooth that holds size `start` on: the errors that pass, the first and the last size where they do."""
    allowed = _allowed(threshold, start)
    first = _first_size(allowed, threshold, allowed)
    while True:
        following = _first_size(allowed + 1, threshold, first)
        yield allowed, first, following - 1
        allowed, first = allowed + 1, following


def _allowed(threshold: float, size: int) -> int:
    """The most errors that certify the threshold at that size, or 0 where none do."""
    low, high = 0, size
    while high - low > 1:
        middle = (low + high) // 2
        if binomial_cdf(middle, size, threshold) <= ALPHA:
            low = middle
        else:
            high = middle
    return low


def _first_size(allowed: int, threshold: float, start: int) -> int:
    """The smallest size from `start` on at which `allowed` errors certify the threshold: P(X <= allowed) <= alpha."""
    step, low = 1, start
    while binomial_cdf(allowed, low + step, threshold) > ALPHA:
        low += step
        step *= 2
    high = low + step
    while low < high:
        middle = (low + high) // 2
        if middle > allowed and binomial_cdf(allowed, middle, threshold) <= ALPHA:
            high = middle
        else:
            low = middle + 1
    return high
