"""How often a rule is wrong at worst, by enumeration of all outcomes."""

from __future__ import annotations

import numpy as np
from scipy import special

from pytest_modelroute.judgement.paired import Z_95, Discordance, tango_score

__all__ = ["most_passing", "worst_size"]


def most_passing(cases: int, margin: float) -> list[int]:
    """For each number of cases that only the baseline got wrong: the most that only the candidate may; -1 for none."""
    found: list[int] = []
    broke = -1
    for fixed in range(cases + 1):
        broke = min(broke, cases - fixed)  # who fixes one more may break one more, or a few
        while broke + fixed < cases and tango_score(Discordance(broke + 1, fixed, cases), margin) <= -Z_95:
            broke += 1
        found.append(broke)
    return found


def worst_size(cases: int, margin: float) -> float:
    """How often a candidate passes that is worse by just the margin, at worst over the share of cases that it fixes.

    Those are binomial, and so are the ones that it breaks among the others. A grid four times as fine finds no more.
    """
    fixed = np.arange(cases + 1)
    most = np.array(most_passing(cases, margin))
    shares = np.linspace(1e-9, (1 - margin) / 2 - 1e-9, 241)[:, None]
    logs = special.gammaln(cases + 1) - special.gammaln(fixed + 1) - special.gammaln(cases - fixed + 1)
    weights = np.exp(logs + fixed * np.log(shares) + (cases - fixed) * np.log1p(-shares))
    broken = np.minimum((shares + margin) / (1 - shares), 1.0)
    passes = np.where(most < 0, 0.0, special.bdtr(np.maximum(most, 0), cases - fixed, broken))
    return float((weights * passes).sum(axis=1).max())
