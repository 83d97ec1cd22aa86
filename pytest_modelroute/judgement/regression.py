"""The paired gate: a candidate against what it replaces, on the same cases."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ..registry.model import GatePolicy, Rule
from .gate import Verdict
from .paired import Z_95, Discordance, cases_to_certify_margin, certifiable_from, tango_score

__all__ = ["Regression", "RegressionKind", "judge_regression"]


class RegressionKind(Enum):
    UNPAIRED = "unpaired"
    SELF_GRADED = "self_graded"  # the baseline was graded by its own model: nothing follows from it
    WITHIN = "within"
    ABOVE = "above"
    TOO_FEW = "too_few"
    CERTIFIED = "certified"
    REFUTED = "refuted"
    UNCERTIFIABLE = "uncertifiable"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Regression:
    """Why the paired gate decided as it did.

    `unanswered` cases have no answer of the baseline; `more_cases` would decide it, None where no feasible number will.
    """

    kind: RegressionKind
    discordance: Discordance
    unanswered: int
    policy: GatePolicy
    margin: float
    more_cases: int | None = None


def judge_regression(
    discordance: Discordance, unanswered: int, policy: GatePolicy, margin: float
) -> tuple[Verdict, Regression]:
    """Judge a change by how many cases it broke beyond those it fixed: at most `margin`, a share of the cases.

    Nothing is ever passed on a difference that is merely not significant; without the baseline's answer to every case,
    nothing passes at all.
    """

    def found(verdict: Verdict, kind: RegressionKind, more_cases: int | None = None) -> tuple[Verdict, Regression]:
        return verdict, Regression(kind, discordance, unanswered, policy, margin, more_cases)

    cases = discordance.cases
    if unanswered or not cases:
        return found(Verdict.ERROR, RegressionKind.UNPAIRED)
    if policy.rule is Rule.OBSERVED:
        if discordance.difference > margin:
            return found(Verdict.FAIL, RegressionKind.ABOVE)
        if cases < policy.min_cases:
            return found(Verdict.INCONCLUSIVE, RegressionKind.TOO_FEW, policy.min_cases - cases)
        return found(Verdict.PASS, RegressionKind.WITHIN)
    score = tango_score(discordance, margin)
    if score <= -Z_95:
        return found(Verdict.PASS, RegressionKind.CERTIFIED)
    if score > Z_95:  # the lower limit lies above the margin
        return found(Verdict.FAIL, RegressionKind.REFUTED)
    least = certifiable_from(margin)
    if least is not None and cases < least:
        return found(Verdict.INCONCLUSIVE, RegressionKind.UNCERTIFIABLE, least - cases)
    needed = cases_to_certify_margin(discordance, margin)
    more = None if needed is None else max(needed - cases, 1)
    return found(Verdict.INCONCLUSIVE, RegressionKind.UNDECIDED, more)
