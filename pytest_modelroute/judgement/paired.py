"""Two tiers on the same cases: what the candidate broke and fixed, and how far the difference is known."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .intervals import root

__all__ = ["Z_95", "Discordance", "tango_interval"]

Z_95 = 1.6448536269514722  # the 95 % quantile of the standard normal distribution


@dataclass(frozen=True, slots=True)
class Discordance:
    """Of `cases` answered by both: how many only the candidate got wrong, and how many only the baseline."""

    broke: int
    fixed: int
    cases: int

    @property
    def difference(self) -> float:
        """Candidate's error rate less the baseline's."""
        return (self.broke - self.fixed) / self.cases


def tango_score(discordance: Discordance, difference: float) -> float:
    """Tango's score statistic z(difference) for paired shares (Tango 1998, Statistics in Medicine 17: 891-908)."""
    b, c, n, d = discordance.broke, discordance.fixed, discordance.cases, difference
    first = 2.0 * n
    second = -b - c + (2.0 * n - b + c) * d
    third = -c * d * (1.0 - d)
    q = (math.sqrt(max(0.0, second * second - 4.0 * first * third)) - second) / (2.0 * first)
    variance = n * (2.0 * q + d * (1.0 - d))
    distance = b - c - n * d
    if variance <= 0.0:
        return 0.0 if distance == 0 else math.copysign(math.inf, distance)
    return distance / math.sqrt(variance)


def tango_interval(discordance: Discordance, z: float = Z_95) -> tuple[float, float]:
    """The limits of the difference, each one-sided 95 % by default. Raises ValueError for no cases."""
    if discordance.cases < 1:
        raise ValueError("no cases to compare")
    estimate = discordance.difference
    lower = -1.0 if estimate <= -1.0 else root(lambda d: tango_score(discordance, d) - z, -1.0, estimate)
    upper = 1.0 if estimate >= 1.0 else root(lambda d: tango_score(discordance, d) + z, estimate, 1.0)
    return lower, upper
