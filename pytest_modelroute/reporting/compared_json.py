"""Two tiers side by side as JSON."""

from __future__ import annotations

import json
from typing import Any

from .. import strict_json
from ..evaluation.golden import ABSENT
from ..judgement.paired import tango_interval
from ..routing.comparing import Both, Given, SideBySide
from ..routing.decisions import CallOutcome
from .calibrated import calibration_json
from .comparable import Compared, Hide, Source, latency_spread, price, token_spread

__all__ = ["compare_json"]


def compare_json(compared: Compared, hidden: Hide) -> str:
    """The same with all digits and every input on which they differ; null for what is not known."""
    found, discordance = compared.found, compared.found.discordance
    read = {
        "format": 1,
        "task": compared.task.name,
        "source": "recordings" if compared.log is None else "log",
        "inputs": compared.inputs,
        "answers": len(found.both),
        "answered_by_both": len(found.obtained),
        "agree": found.agreeing,
        "graded": compared.graded,
        "tiers": [_tier_json(found, side) for side in (0, 1)],
        "difference": None,
        "differing": [_both_json(each, compared, hidden) for each in found.differing],
        "log": None if compared.log is None else _log_json(compared.log),
    }
    if discordance is not None:
        lower, upper = tango_interval(discordance)
        read["difference"] = {"estimate": discordance.difference, "lower": lower, "upper": upper}
    return json.dumps(read, indent=2)


def _tier_json(found: SideBySide, side: int) -> dict[str, Any]:
    counts = None if found.counts is None else found.counts[side]
    lower, upper = (None, None) if counts is None or counts.bounds is None else counts.bounds
    outcomes = found.outcomes(side)
    return {
        "tier": found.tiers[side],
        "outcomes": {outcome.value: outcomes[outcome] for outcome in CallOutcome},
        "wrong": None if counts is None else sum(given.right is False for given in found.given(side)),
        "error_rate": None if counts is None else counts.error_rate,
        "lower": lower,
        "upper": upper,
        "handled_alone": [each.name for each in found.handled(side)],
        "confidence": calibration_json(found.calibration(side)),
        "output_tokens": token_spread(found, side),
        "latency_ms": latency_spread(found, side),
        "usd_per_1000_calls": price(found, side),
    }


def _both_json(each: Both, compared: Compared, hidden: Hide) -> dict[str, Any]:
    named = {"case": each.name, "sample": each.sample} if compared.log is None else {"call": each.name}
    asked = {} if each.asked is ABSENT else {"asked": _kept(each.asked, hidden)}
    return {**named, **asked, "answers": [_given_json(given, hidden) for given in each.given]}


def _given_json(given: Given, hidden: Hide) -> dict[str, Any]:
    return {
        "outcome": given.outcome.value,
        "right": given.right,
        "confidence": given.confidence,
        "output": _kept(given.output, hidden),
    }


def _kept(value: Any, hidden: Hide) -> str | None:
    if value is ABSENT:
        return None
    return hidden(value if isinstance(value, str) else strict_json.compact(value))


def _log_json(log: Source) -> dict[str, Any]:
    shadowed = log.shadowed
    return {
        "path": log.path,
        "skipped_lines": log.skipped,
        "calls": shadowed.calls,
        "other_pairs": shadowed.others,
        "unpaired_shadows": shadowed.unpaired,
        "escalated": dict(sorted(shadowed.escalated.items())),
        "served": shadowed.served,
        "served_alike": shadowed.served_alike,
    }
