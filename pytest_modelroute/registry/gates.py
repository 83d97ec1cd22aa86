"""What a registry says of a task's gate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import InputError, Place
from .model import Correction, GatePolicy, Rule

__all__ = ["read_gate"]


def read_gate(raw: Mapping[str, Any], told: str, place: Place) -> GatePolicy:
    """Read a gate whose shape is checked; `told` begins what an InputError says, for what does not go together."""
    policy = GatePolicy(
        max_error=raw["max_error"],
        rule=Rule(raw["rule"]),
        min_cases=raw["min_cases"],
        max_regression=raw.get("max_regression"),
        correction=Correction(raw["correction"]),
    )
    if policy.correction is Correction.HOLM and policy.rule is Rule.OBSERVED:
        what = f"{told}: 'correction: holm' corrects a test, and 'rule: observed' is none"
        raise InputError(what, place=place, valid="rule: certified")
    return policy
