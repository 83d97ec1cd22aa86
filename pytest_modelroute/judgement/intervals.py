"""Exact bounds of a share, without scipy: one-sided Clopper-Pearson through the incomplete beta function.

Bounds are kept: a gate, its report and its advice ask for the same ones.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

__all__ = ["ALPHA", "beta_cdf", "binomial_cdf", "lower_bound", "root", "upper_bound"]

ALPHA = 0.05  # one-sided

PRECISION = 4e-16
MOST_STEPS = 10_000


def beta_cdf(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b) for x in [0, 1], a > 0, b > 0.

    Lentz's method on the continued fraction (DLMF 8.17.22), on the side where it converges fast.
    """
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    if x < (a + 1.0) / (a + b + 2.0):
        return math.exp(log_front) * _fraction(x, a, b) / a
    return 1.0 - math.exp(log_front) * _fraction(1.0 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    # Up to x = (a + 1) / (a + b + 2) no denominator comes closer to zero than 1 / (a + b + 2).
    c = 1.0
    d = 1.0 / (1.0 - (a + b) * x / (a + 1.0))
    value = d
    for m in range(1, MOST_STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        for term in (even, odd):
            d = 1.0 / (1.0 + term * d)
            c = 1.0 + term / c
            value *= d * c
        if abs(d * c - 1.0) < PRECISION:
            break
    return value


def binomial_cdf(x: float, n: float, p: float) -> float:
    """P(X <= x) for X ~ Binomial(n, p), and between whole numbers by the same incomplete beta function."""
    if x < 0:
        return 0.0
    if x >= n:
        return 1.0
    return beta_cdf(1.0 - p, n - x, x + 1)


@functools.cache
def upper_bound(x: float, n: float, alpha: float = ALPHA) -> float:
    """The one-sided Clopper-Pearson upper bound of x in n: beta.ppf(1 - alpha, x + 1, n - x); 1 at x = n."""
    _check(x, n)
    return root(lambda p: binomial_cdf(x, n, p) - alpha)


@functools.cache
def lower_bound(x: float, n: float, alpha: float = ALPHA) -> float:
    """The one-sided Clopper-Pearson lower bound of x in n: beta.ppf(alpha, x, n - x + 1); 0 at x = 0."""
    _check(x, n)
    return 0.0 if x == 0 else root(lambda p: alpha - beta_cdf(p, x, n - x + 1))


def _check(x: float, n: float) -> None:
    if not 0 <= x <= n or n <= 0:
        raise ValueError(f"{x} of {n} is not a share of any cases")


def root(function: Callable[[float], float], low: float = 0.0, high: float = 1.0) -> float:
    """Where a function that falls from positive to negative crosses zero, to the last bit, by bisection."""
    while True:
        middle = (low + high) / 2
        if middle in (low, high):
            return middle
        if function(middle) > 0:
            low = middle
        else:
            high = middle
