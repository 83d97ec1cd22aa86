"""What a decision log says of two tiers: the calls that a shadow answered too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..evaluation.answers import Usage
from ..evaluation.golden import ABSENT
from .comparing import Both, Given, SideBySide
from .decisions import CallOutcome, Decision, Excerpt

__all__ = ["Shadowed", "shadow_pairs", "shadowed"]


@dataclass(frozen=True)
class Shadowed:
    """The calls of a task that the first tier answered and the second shadowed.

    `calls` are all of the task in the log; `others` of these were shadowed too, between other tiers, and `unpaired` are
    shadows without their call. `escalated` counts the compared ones by why they escalated; of `served` that were, the
    shadow's answer agrees with what callers got in `served_alike`.
    """

    found: SideBySide
    calls: int
    others: int
    unpaired: int
    escalated: Mapping[str, int]
    served: int
    served_alike: int


def shadow_pairs(decisions: Sequence[Decision], task: str) -> Counter[tuple[str, str]]:
    """Which tiers answered and shadowed the task's calls, and how often."""
    return Counter(_tiers(own, shadow) for own, shadow in _pairs(decisions, task)[0])


def shadowed(decisions: Sequence[Decision], task: str, tiers: tuple[str, str]) -> Shadowed:
    """The calls of the task that the first of these tiers answered first and the second shadowed."""
    pairs, unpaired = _pairs(decisions, task)
    compared = [pair for pair in pairs if _tiers(*pair) == tiers]
    escalated = [(own, shadow) for own, shadow in compared if own.first is not None]
    both = tuple(Both(own.call, 0, (_first(own), _own(shadow)), _shown(own.input)) for own, shadow in compared)
    served = [Both(own.call, 0, (_own(own), _own(shadow))) for own, shadow in escalated]
    obtained = [each for each in served if each.obtained]
    return Shadowed(
        found=SideBySide(tiers, both),
        calls=sum(decision.task == task and not decision.shadow for decision in decisions),
        others=len(pairs) - len(compared),
        unpaired=unpaired,
        escalated=Counter(own.trigger.value for own, _ in escalated if own.trigger is not None),
        served=len(obtained),
        served_alike=sum(each.agree for each in obtained),
    )


def _pairs(decisions: Sequence[Decision], task: str) -> tuple[list[tuple[Decision, Decision]], int]:
    """Each call with its shadow, and the number of shadows without a call, which a sampled or cut log may have."""
    own: dict[str, Decision] = {}
    shadows: dict[str, Decision] = {}
    for decision in decisions:
        if decision.task == task:
            (shadows if decision.shadow else own)[decision.call] = decision
    pairs = [(decision, shadows[call]) for call, decision in own.items() if call in shadows]
    return pairs, len(shadows) - len(pairs)


def _tiers(own: Decision, shadow: Decision) -> tuple[str, str]:
    return (own.tier if own.first is None else own.first.tier), shadow.tier


def _first(own: Decision) -> Given:
    """The first answer to a call, whether it stood or not."""
    first = own.first
    if first is None:
        return _own(own)
    return _given(first.outcome, first.output, first.confidence, first.usage, first.latency_ms, first.usd)


def _own(decision: Decision) -> Given:
    """The answer that stood, with the tokens, time and price of all calls that it took."""
    told = decision.usage, decision.latency_ms, decision.usd
    return _given(decision.outcome, decision.output, decision.confidence, *told)


def _given(
    outcome: CallOutcome,
    output: Excerpt | None,
    confidence: float | None,
    usage: Usage | None,
    latency_ms: int | None,
    usd: float | None,
) -> Given:
    failed = outcome is CallOutcome.FAILED
    return Given(
        outcome=outcome,
        part=output.digest if output is not None and outcome is CallOutcome.ANSWERED else None,
        right=None,
        confidence=confidence,
        output_tokens=None if usage is None else usage.output_tokens,
        latency_ms=None if failed else latency_ms,
        usd=usd,
        output=ABSENT if output is None else _shown(output),
    )


def _shown(excerpt: Excerpt) -> object:
    """As much as the log keeps."""
    if excerpt.full is not ABSENT:
        return excerpt.full
    return excerpt.digest if excerpt.prefix is None else excerpt.prefix
