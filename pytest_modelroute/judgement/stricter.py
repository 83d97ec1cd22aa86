"""The stricter of two policies: for a gate that a change loosens, while that change counts."""

from __future__ import annotations

from ..registry.model import Correction, GatePolicy, Rule

__all__ = ["stricter"]


def stricter(one: GatePolicy, other: GatePolicy) -> GatePolicy:
    """What asks at least as much as either: part by part the harder one.

    `certified` is harder than `observed` on any number of cases, since the upper bound is above the rate, but asks for
    no `min_cases`: those of an `observed` rule stay as its `floor`. No margin is the widest one.
    """
    rule = Rule.CERTIFIED if Rule.CERTIFIED in (one.rule, other.rule) else Rule.OBSERVED
    floors = [policy.min_cases for policy in (one, other) if policy.rule is Rule.OBSERVED and policy.rule is not rule]
    margins = [policy.max_regression for policy in (one, other) if policy.max_regression is not None]
    return GatePolicy(
        max_error=min(one.max_error, other.max_error),
        rule=rule,
        min_cases=max(one.min_cases, other.min_cases),
        max_regression=min(margins, default=None),
        correction=Correction.HOLM if Correction.HOLM in (one.correction, other.correction) else Correction.NONE,
        floor=max(one.floor, other.floor, *floors),
    )
