"""Two tiers on the same cases: what the candidate broke and fixed, and how far the difference is known."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .intervals import root
from .power import MOST_CASES, Z_POWER

__all__ = [
    "Z_95",
    "Discordance",
    "cases_to_certify_margin",
    "certifiable_from",
    "mcnemar_p",
    "tango_interval",
    "tango_score",
]

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
    variance = _variance(discordance, difference)
    distance = discordance.broke - discordance.fixed - discordance.cases * difference
    if variance <= 0.0:
        return 0.0 if distance == 0 else math.copysign(math.inf, distance)
    return distance / math.sqrt(variance)


def _variance(discordance: Discordance, difference: float) -> float:
    """Of broke less fixed, if `difference` is the true one: q is the restricted likelihood's share of fixed cases."""
    b, c, n, d = discordance.broke, discordance.fixed, discordance.cases, difference
    first = 2.0 * n
    second = -b - c + (2.0 * n - b + c) * d
    third = -c * d * (1.0 - d)
    q = (math.sqrt(max(0.0, second * second - 4.0 * first * third)) - second) / (2.0 * first)
    return n * (2.0 * q + d * (1.0 - d))


def tango_interval(discordance: Discordance, z: float = Z_95) -> tuple[float, float]:
    """The limits of the difference, each one-sided 95 % by default. Raises ValueError for no cases."""
    if discordance.cases < 1:
        raise ValueError("no cases to compare")
    estimate = discordance.difference
    lower = root(lambda d: tango_score(discordance, d) - z, -1.0, estimate)
    upper = root(lambda d: tango_score(discordance, d) + z, estimate)
    return lower, upper


def mcnemar_p(discordance: Discordance) -> float:
    """McNemar's exact two-sided p (McNemar 1947, Psychometrika 12: 153-157): a description, never a decision."""
    discordant = discordance.broke + discordance.fixed
    fewer = min(discordance.broke, discordance.fixed)
    tail = sum(math.comb(discordant, each) for each in range(fewer + 1))
    return min(1.0, 2 * tail / (1 << discordant))


def certifiable_from(margin: float, z: float = Z_95) -> int | None:
    """The fewest cases that can certify a margin, with not one discordant pair; None where no number of them can."""
    return math.ceil(z * z * (1.0 - margin) / margin) if margin > 0.0 else None


def cases_to_certify_margin(discordance: Discordance, margin: float) -> int | None:
    """The size at which the margin is certified with about 80 % power if both rates stay.

    The score test's sample size (Nam 1997, Biometrics 53: 1422-1430): its variance at the margin for the test, that of
    the observed rates for the power. None where the difference reaches the margin already, or no feasible size does.
    """
    n = discordance.cases
    difference = discordance.difference
    least = certifiable_from(margin)
    if difference >= margin or least is None:
        return None
    spread_at_margin = math.sqrt(_variance(discordance, margin) / n)
    spread = math.sqrt((discordance.broke + discordance.fixed) / n - difference * difference)
    size = ((Z_95 * spread_at_margin + Z_POWER * spread) / (margin - difference)) ** 2
    needed = max(math.ceil(size), least)
    return needed if needed <= MOST_CASES else None
