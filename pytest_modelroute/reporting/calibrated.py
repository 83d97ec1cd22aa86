"""What a tier's confidence is worth, in words and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ..judgement.calibration import BINS, Calibration, Separates, Separation

__all__ = ["area_told", "calibration_json", "separation_told"]


def separation_told(separation: Separation, good: str = "right", bad: str = "wrong") -> str:
    """What a confidence does: `tells right answers from wrong ones`."""
    right, wrong = separation.right, separation.wrong
    if not right or not wrong:
        lacking = f"none is {bad}" if right else f"none is {good}" if wrong else "there is none"
        return f"cannot be judged: of the answers that state it, {lacking}"
    verb = {Separates.YES: "tells", Separates.NO: "does not tell", Separates.CANNOT_TELL: "is not seen to tell"}
    return f"{verb[separation.separates]} {good} answers from {bad} ones"


def area_told(separation: Separation, good: str = "right", bad: str = "wrong") -> str | None:
    """`AUC 0.81 (0.70 to 0.88; 0.5 is chance), 138 right and 22 wrong`; None where there is none.

    Of several answers to a case it says what they are worth.
    """
    if not separation.right or not separation.wrong:
        return None
    lower, upper = separation.interval
    told = f"AUC {separation.area:.2f} ({lower:.2f} to {upper:.2f}; 0.5 is chance)"
    together = separation.design_effect > 1
    worth = f", worth {separation.effective_answers:.1f} independent answers" if together else ""
    return f"{told}, {separation.right} {good} and {separation.wrong} {bad}{worth}"


def calibration_json(found: Calibration | None) -> dict[str, Any] | None:
    """All counts with what follows from them; null where there is nothing to tell it from."""
    if found is None:
        return None
    separation = found.separation
    known = bool(separation.right and separation.wrong)
    lower, upper = separation.interval if known else (None, None)
    return {
        "answers": found.answers,
        "calibration_error": found.error,
        "bins": [
            {"from": number / BINS, "to": (number + 1) / BINS, **asdict(each)} for number, each in enumerate(found.bins)
        ],
        "right": separation.right,
        "wrong": separation.wrong,
        "auc": {
            "estimate": separation.area if known else None,
            "lower": lower,
            "upper": upper,
            "confidence": 0.95,
            "effective_answers": separation.effective_answers,
        },
        "separates": separation.separates.value,
    }
