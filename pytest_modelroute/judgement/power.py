"""How many cases a certified gate needs."""

from __future__ import annotations

from collections.abc import Iterator

from .intervals import ALPHA, binomial_cdf

__all__ = ["cases_to_certify"]

POWER = 0.80
MOST_CASES = 20_000
# Power is a sawtooth: one tooth that stands above the target says nothing about the next ones.
TEETH_TO_TRUST = 40


def cases_to_certify(error_rate: float, threshold: float) -> int | None:
    """The smallest size from which on a certified gate passes with 80 % power if `error_rate` is the true rate.

    None where no size up to 20 000 does, as at or above the threshold.
    """
    if error_rate >= threshold:
        return None
    candidate: int | None = None
    good = 0
    for allowed, first, last in _teeth(threshold):
        # Within a tooth the same number of errors passes, so power falls to its last size.
        if binomial_cdf(allowed, last, error_rate) >= POWER:
            candidate = first if candidate is None else candidate
            good += 1
            if good >= TEETH_TO_TRUST:
                return candidate
        else:
            candidate, good = None, 0
    return None


def _teeth(threshold: float) -> Iterator[tuple[int, int, int]]:
    """For 0, 1, 2 ... errors: the first and last size at which just so many still pass."""
    allowed, first = 0, _first_size(0, threshold, 1)
    while first <= MOST_CASES:
        following = _first_size(allowed + 1, threshold, first)
        yield allowed, first, following - 1
        allowed, first = allowed + 1, following


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
