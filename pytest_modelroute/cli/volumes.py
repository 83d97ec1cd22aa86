"""How many calls a team makes, as it is typed: `classify=30000/month`, `reply=1000/day`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from ..errors import InputError, did_you_mean
from ..evaluation.costs import DAYS_A_MONTH

__all__ = ["read_volumes"]

MOST_CALLS = 10**12
VALID = "TASK=30000/month or TASK=1000/day"


def read_volumes(texts: Iterable[str], tasks: Collection[str]) -> Mapping[str, int]:
    """Calls a month of 30 days by task. Raises InputError for what is no volume, and for an unknown task."""
    found: dict[str, int] = {}
    for text in texts:
        match = re.fullmatch(r"(.+)=([0-9]+)/(month|day)", text)
        if match is None or len(match[2]) > len(str(MOST_CALLS)) or int(match[2]) > MOST_CALLS:
            raise InputError(f"--calls: '{text}' is no number of calls", valid=VALID)
        name, calls = match[1], int(match[2]) * (DAYS_A_MONTH if match[3] == "day" else 1)
        if name not in tasks:
            raise InputError(f"--calls: unknown task '{name}'", valid=did_you_mean(name, tasks))
        if found.setdefault(name, calls) != calls:
            raise InputError(f"--calls: two numbers of calls for the task '{name}'", valid="one for each task")
    return found
