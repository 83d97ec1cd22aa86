"""How two values are held to be the same: as JSON, as numbers, as dates, as text."""

from __future__ import annotations

import datetime
import json
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["as_date", "canonical", "close", "names_a_day", "numbers_in", "same", "shown", "with_numbers"]

_NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?(?!\w)")


def same(left: Any, right: Any, *, ignore_case: bool = False) -> bool:
    """Equality of JSON values: 1 and 1.0 are one number, 1 and true are not; text is compared without outer spaces."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, str) and isinstance(right, str):
        left, right = left.strip(), right.strip()
        return bool(left.casefold() == right.casefold() if ignore_case else left == right)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(
            same(one, other, ignore_case=ignore_case) for one, other in zip(left, right, strict=True)
        )
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key], ignore_case=ignore_case) for key in left)
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return left == right
    return left is None and right is None


def canonical(value: Any, *, ignore_case: bool = False) -> str:
    """A text that is equal exactly where `same` holds, for sets of values."""
    if isinstance(value, str):
        value = value.strip()
        value = value.casefold() if ignore_case else value
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    elif isinstance(value, list):
        return "[" + ",".join(canonical(child, ignore_case=ignore_case) for child in value) + "]"
    elif isinstance(value, dict):
        parts = (
            f"{json.dumps(key, ensure_ascii=False)}:{canonical(value[key], ignore_case=ignore_case)}"
            for key in sorted(value)
        )
        return "{" + ",".join(parts) + "}"
    return json.dumps(value, ensure_ascii=False)


def close(left: Any, right: Any, tolerance: float, relative_tolerance: float) -> bool:
    """Whether two numbers differ by at most one of the tolerances; the relative one is a share of `right`."""
    # A whisker above the limit, so that 0.1 + 0.2 is within 0 of 0.3 and 12.35 within 0.01 of 12.34.
    try:
        difference = abs(left - right)
        limit = max(tolerance, relative_tolerance * abs(right))
        return bool(difference <= limit or math.isclose(difference, limit, rel_tol=1e-9, abs_tol=1e-12))
    except OverflowError:  # of numbers that no float can hold
        return bool(left == right)


def numbers_in(text: str) -> list[float]:
    """The numbers of a text, in order; commas between groups of three digits are read as such."""
    return [float(found.replace(",", "")) for found in _NUMBER.findall(text)]


def with_numbers(text: str, replacement: Callable[[float], str | None]) -> str:
    """The text with other words in place of those of its numbers that `replacement` gives one for."""

    def put(found: re.Match[str]) -> str:
        new = replacement(float(found[0].replace(",", "")))
        return found[0] if new is None else new

    return _NUMBER.sub(put, text)


def as_date(value: Any, formats: Sequence[str]) -> datetime.date | None:
    """The day that a text names in ISO 8601 or one of the strptime formats; None for anything else."""
    if not isinstance(value, str):
        return None
    text = value.strip()
    for read in (datetime.date.fromisoformat, lambda each: datetime.datetime.fromisoformat(each).date()):
        try:
            return read(text)
        except ValueError:
            continue
    for form in formats:
        try:
            return datetime.datetime.strptime(text, form).date()
        except ValueError:
            continue
    return None


def names_a_day(form: str) -> bool:
    """Whether a strptime format is valid and tells the whole date."""
    day = datetime.date(2023, 11, 25)
    try:
        return datetime.datetime.strptime(day.strftime(form), form).date() == day
    except (ValueError, re.error):
        return False


def shown(value: Any) -> str:
    """A value as a detail of a mismatch, cut to a readable length."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."
