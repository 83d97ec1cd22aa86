"""What calls cost by the registry's prices: unknown stays unknown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..registry.model import Price
from .answers import Usage

__all__ = ["DAYS_A_MONTH", "batch_price", "cost_in_usd", "total_usage", "total_usd", "usd_of_calls", "usd_per_1000"]

DAYS_A_MONTH = 30


def total_usage(usages: Sequence[Usage | None]) -> Usage | None:
    """The tokens of all calls; None where one of them does not tell, or where there are none."""
    known = [usage for usage in usages if usage is not None]
    return sum(known, Usage(0, 0)) if known and len(known) == len(usages) else None


def cost_in_usd(usage: Usage | None, price: Price | None) -> float | None:
    """USD for this usage; None where it, or a price that is needed, is not known.

    Without a price of their own, tokens read from a cache cost what input does, which is never less than they do;
    what is written to a cache costs more than input, so without its price the cost is not known.
    """
    if usage is None or price is None or price.input is None or price.output is None:
        return None
    if usage.cache_write_tokens and price.cache_write is None:
        return None
    plain = usage.input_tokens - usage.cache_read_tokens - usage.cache_write_tokens
    read = price.input if price.cache_read is None else price.cache_read
    cached = usage.cache_read_tokens * read + usage.cache_write_tokens * (price.cache_write or 0.0)
    return (plain * price.input + cached + usage.output_tokens * price.output) / 1_000_000


def total_usd(costs: Iterable[float | None]) -> float | None:
    """The sum of all costs; None where one of them is not known, or where there are none."""
    found = list(costs)
    known = [cost for cost in found if cost is not None]
    return sum(known) if known and len(known) == len(found) else None


def usd_per_1000(costs: Sequence[float | None]) -> float | None:
    """USD for a thousand calls like these; None where it is not known."""
    total = total_usd(costs)
    return None if total is None else total / len(costs) * 1000


def usd_of_calls(parts: Iterable[tuple[float, float | None]]) -> float | None:
    """USD for calls of several kinds: how many, and USD for one. None where one that is made has an unknown cost.

    Routing is a mix of tiers; of calls that escalate, all are made on the first tier, and the escalated ones again.
    """
    return total_usd(0.0 if not calls else None if usd is None else calls * usd for calls, usd in parts)


def batch_price(price: Price | None) -> Price | None:
    """The price of what is asked in a batch; None where the registry does not tell it."""
    if price is None or price.batch_input is None or price.batch_output is None:
        return None
    return Price(price.batch_input, price.batch_output, price.as_of)
