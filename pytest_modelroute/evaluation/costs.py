"""What recorded calls cost by the registry's prices: unknown stays unknown."""

from __future__ import annotations

from collections.abc import Sequence

from ..registry.model import Price
from .answers import Usage

__all__ = ["cost_in_usd", "total_usage", "usd_per_1000_calls"]


def total_usage(usages: Sequence[Usage | None]) -> Usage | None:
    """The tokens of all calls; None where one of them does not tell, or where there are none."""
    known = [usage for usage in usages if usage is not None]
    return sum(known, Usage(0, 0)) if known and len(known) == len(usages) else None


def cost_in_usd(usage: Usage | None, price: Price | None) -> float | None:
    """USD for this usage; None where it, or a price that is needed, is not known."""
    if usage is None or price is None or price.input is None or price.output is None:
        return None
    return (usage.input_tokens * price.input + usage.output_tokens * price.output) / 1_000_000


def usd_per_1000_calls(usages: Sequence[Usage | None], price: Price | None) -> float | None:
    """USD for a thousand calls like these; None where it is not known."""
    cost = cost_in_usd(total_usage(usages), price)
    return None if cost is None else cost / len(usages) * 1000
