"""What recorded calls cost by the registry's prices: unknown stays unknown."""

from __future__ import annotations

from ..registry.model import Price
from .answers import Usage

__all__ = ["cost_in_usd"]


def cost_in_usd(usage: Usage, price: Price | None) -> float | None:
    """USD for this usage; None where a price that is needed is not known."""
    if price is None or price.input is None or price.output is None:
        return None
    return (usage.input_tokens * price.input + usage.output_tokens * price.output) / 1_000_000
