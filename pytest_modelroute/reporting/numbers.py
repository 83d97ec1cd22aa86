"""All formatting of numbers: never rounded across a limit, never to 0 or 100 % unless exact."""

from __future__ import annotations

from decimal import Decimal
from itertools import count

__all__ = ["chance", "duration", "interval", "percent", "points", "usd"]


def percent(share: float, limit: float | None = None) -> str:
    """A share as a percentage: one decimal, or as many as it takes to stand on its side of `limit`, 0 and 1.

    Without a limit the share is one itself, and is shown in full.
    """
    exact = Decimal(repr(share))
    edges = (Decimal(0), Decimal(1), exact if limit is None else Decimal(repr(limit)))
    for digits in count(1):  # ends at the latest where the share has no more digits
        text = f"{exact.scaleb(2):.{digits}f}"
        shown = Decimal(text).scaleb(-2)
        if all(shown.compare(edge) == exact.compare(edge) for edge in edges):
            break
    return f"{_without_zeros(text)} %"


def _without_zeros(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def interval(bounds: tuple[float, float], limit: float) -> str:
    """`2.2-9.6 %`."""
    lower, upper = (percent(bound, limit) for bound in bounds)
    return f"{lower.removesuffix(' %')}-{upper}"


def chance(share: float, *, decimal: bool = False) -> str:
    """A probability in % without the sign: whole, or with one decimal below 10 (`.2`, `1.5`, `36`); rounded."""
    text = f"{share * 100:.1f}" if decimal and share * 100 < 9.95 else f"{share * 100:.0f}"
    return "0" if text == "0.0" else text.removeprefix("0") or "0"


def points(difference: float, limit: float | None = None) -> str:
    """A signed difference of two shares in percentage points: one decimal, or more to stand on its side of `limit`.

    Up to three where it would be 0.
    """
    exact = Decimal(repr(difference))
    border = exact if limit is None else Decimal(repr(limit))
    for digits in count(1):  # ends at the latest where the difference has no more digits
        text = f"{exact.scaleb(2):+.{digits}f}"
        shown = Decimal(text).scaleb(-2)
        if (shown or digits >= 3) and (limit is None or shown.compare(border) == exact.compare(border)):
            break
    return text if shown else "+0.0"


def usd(amount: float | None) -> str:
    """USD with about three significant digits, cents at the least; a dash where unknown."""
    if amount is None:
        return "-"
    if not amount or amount >= 1:
        return f"{amount:.2f}"
    return f"{Decimal(f'{amount:.2e}'):f}"


def duration(seconds: float | None) -> str:
    """`40 s`, `12 min`, `3.2 h`."""
    if seconds is None:
        return "time unknown"
    if seconds < 100:
        return f"{seconds:.0f} s" if seconds >= 1 else "under 1 s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
