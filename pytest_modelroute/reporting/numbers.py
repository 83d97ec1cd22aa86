"""All formatting of numbers: never rounded across a limit, never to 0 or 100 % unless exact."""

from __future__ import annotations

__all__ = ["interval", "percent", "points", "usd"]

MOST_DIGITS = 6


def percent(share: float, limit: float | None = None) -> str:
    """A share as a percentage: one decimal, or as many as it takes to stand on its side of `limit`, 0 and 1."""
    boundaries = [0.0, 1.0] if limit is None else [0.0, 1.0, limit]
    for digits in range(1, MOST_DIGITS + 1):
        text = f"{share * 100:.{digits}f}"
        if all(_side(float(text) / 100, edge) == _side(share, edge) for edge in boundaries):
            break
    return f"{_without_zeros(text)} %"


def _side(value: float, edge: float) -> int:
    # The text was rounded in decimals: a difference in the last bit is none.
    return 0 if abs(value - edge) < 1e-12 else (1 if value > edge else -1)


def _without_zeros(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def interval(bounds: tuple[float, float], limit: float | None = None) -> str:
    """`2.2-9.6 %`."""
    lower, upper = (percent(bound, limit) for bound in bounds)
    return f"{lower.removesuffix(' %')}-{upper}"


def points(difference: float) -> str:
    """A signed difference of two shares in percentage points."""
    return f"{difference * 100:+.1f}"


def usd(amount: float | None) -> str:
    """USD with about three significant digits; a dash where unknown."""
    if amount is None:
        return "-"
    for digits, least in ((2, 1.0), (3, 0.1), (4, 0.01)):
        if amount >= least or amount == 0:
            return f"{amount:.{digits}f}"
    return f"{amount:.3g}"
