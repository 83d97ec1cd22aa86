"""What routing costs a month, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from ..evaluation.costs import DAYS_A_MONTH, usd_of_calls
from ..evaluation.spending import CallCost, Routing, TaskCosts
from ..registry.model import Tier
from .numbers import percent, usd
from .wording import counted

__all__ = ["Spending", "price_line", "price_warnings", "spending_json", "spending_lines"]

UNKNOWN = "-"
CALLS_WITHOUT_VOLUME = 1_000
OLDEST_PRICE = 90  # days


@dataclass(frozen=True)
class Spending:
    """The cost of every task by routing; `volumes` are calls a month by task, of those that are told."""

    registry: str
    tiers: Sequence[Tier]
    tasks: Sequence[TaskCosts]
    volumes: Mapping[str, int]
    batch: bool

    def calls(self, task: str) -> int | None:
        """The calls that the table is about; None of a task whose volume is not told where that of others is."""
        return self.volumes.get(task) if self.volumes else CALLS_WITHOUT_VOLUME

    def usd(self, task: TaskCosts, routing: Routing) -> float | None:
        """USD for all calls of a task."""
        calls = self.calls(task.task.name)
        return None if calls is None else usd_of_calls([(calls, task.by_routing[routing].usd)])

    @property
    def summed(self) -> list[TaskCosts]:
        """The tasks that are known in every column: sums over others could not be compared."""
        return [task for task in self.tasks if task.known and self.calls(task.task.name) is not None]

    def total(self, routing: Routing) -> float | None:
        calls = ((self.calls(task.task.name) or 0, task.by_routing[routing].usd) for task in self.summed)
        return usd_of_calls(calls)


def spending_lines(spending: Spending) -> Iterator[str]:
    """The table, why cells are empty and what would fill them, and the prices that it rests on."""
    first, last = spending.tiers[0].name, spending.tiers[-1].name
    headings = ["task", "tier", "calls", f"all {first}", f"all {last}", "as routed", "with escalation"]
    rows = [headings, *(_row(spending, task) for task in spending.tasks)]
    if spending.summed:
        totals = (usd(spending.total(routing)) for routing in Routing)
        rows.append([f"{counted(len(spending.summed), 'task')} known in all", "", "", *totals])
    widths = [max(len(row[index]) for row in rows) for index in range(len(headings))]
    yield _unit(spending)
    yield ""
    for row in rows:
        left = [cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True)]
        right = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        yield "  ".join((*left, *right)).rstrip()
    yield ""
    yield from _escalating(spending)
    yield from _unknown(spending)
    yield price_line(spending.tiers, batch=spending.batch)


def _unit(spending: Spending) -> str:
    prices = ", at batch prices" if spending.batch else ""
    if spending.volumes:
        return f"USD a month of {DAYS_A_MONTH} days, by the mean tokens of the recorded answers{prices}"
    calls = f"{CALLS_WITHOUT_VOLUME:,} calls of each task"
    return f"USD for {calls}, by the mean tokens of the recorded answers{prices} (a month: --calls TASK=N/month)"


def _row(spending: Spending, costs: TaskCosts) -> list[str]:
    task, calls = costs.task, spending.calls(costs.task.name)
    tiers = ", then ".join(task.answering)
    cells = (usd(spending.usd(costs, routing)) for routing in Routing)
    return [task.name, tiers, UNKNOWN if calls is None else f"{calls:,}", *cells]


def _escalating(spending: Spending) -> Iterator[str]:
    for costs in spending.tasks:
        cost = costs.by_routing[Routing.ESCALATED]
        if costs.task.escalation is not None and cost.usd is not None:
            answers = f"{percent(cost.escalated, 1.0)} of {counted(cost.answers, 'answer')}"
            yield f"{costs.task.name}: {answers} escalated, and both calls are paid"


def _unknown(spending: Spending) -> Iterator[str]:
    for costs in spending.tasks:
        name, told = costs.task.name, set[str]()
        if spending.calls(name) is None and costs.known:
            yield f"{name}: its calls are not told (--calls {name}=N/month)"
        for cost in costs.by_routing.values():
            if cost.usd is None and cost.why not in told:
                told.add(cost.why)
                yield f"{name}: {cost.why}" + (f": {cost.fix}" if cost.fix else "")
            elif cost.usd is not None and cost.answers < cost.of:
                lack = f"{cost.tier}: the mean of {cost.answers} of {counted(cost.of, 'answer')}"
                if lack not in told:
                    told.add(lack)
                    yield f"{name} on {lack}"


def price_line(tiers: Sequence[Tier], *, batch: bool = False) -> str:
    """The prices and their age; unknown is a dash."""
    prices = {tier.name: tier.price for tier in tiers}
    sides = ("batch_input", "batch_output") if batch else ("input", "output")
    days = {price.as_of if price is not None else None for price in prices.values()}
    told = []
    for name, price in prices.items():
        cells = "/".join(usd(getattr(price, side, None)) for side in sides)
        dated = f" (as of {price.as_of or 'no day'})" if price is not None and len(days) > 1 else ""
        told.append(f"{name} {cells}{dated}")
    (day,) = days if len(days) == 1 else (None,)
    age = "" if len(days) > 1 else f", as of {day}" if day is not None else ", of no known day"
    differing = "; they are of different days" if len(days) > 1 else ""
    return f"USD per million tokens in/out: {', '.join(told)}{age}{differing}"


def price_warnings(tiers: Sequence[Tier], today: date) -> Iterator[str]:
    """The prices that are so old that they should be looked up again."""
    for tier in tiers:
        age = _age(tier, today)
        if age is not None and age > OLDEST_PRICE:
            assert tier.price is not None
            told = f"the price of {tier.name} is {age} days old (as of {tier.price.as_of}): look it up again"
            yield f"{tier.places['model']}: {told}" if "model" in tier.places else told


def _age(tier: Tier, today: date) -> int | None:
    if tier.price is None or tier.price.as_of is None:
        return None
    return (today - date.fromisoformat(tier.price.as_of)).days


def spending_json(spending: Spending, today: date) -> str:
    """The same with all digits; null for what is not known, with the reason."""
    read = {
        "format": 1,
        "registry": spending.registry,
        "unit": "month" if spending.volumes else f"{CALLS_WITHOUT_VOLUME} calls",
        "days_a_month": DAYS_A_MONTH if spending.volumes else None,
        "batch": spending.batch,
        "tasks": [_json(spending, task) for task in spending.tasks],
        "total": {
            "tasks": [task.task.name for task in spending.summed],
            "usd": {routing.value: spending.total(routing) for routing in Routing},
        },
        "prices": [_price_json(tier, today) for tier in spending.tiers],
    }
    return json.dumps(read, indent=2)


def _json(spending: Spending, costs: TaskCosts) -> dict[str, object]:
    task, costed = costs.task, costs.by_routing
    return {
        "task": task.name,
        "tier": task.tier,
        "escalates_to": None if task.escalation is None else task.escalation.to,
        "calls": spending.calls(task.name),
        "usd": {routing.value: spending.usd(costs, routing) for routing in Routing},
        "call": {routing.value: _call_json(cost) for routing, cost in costed.items()},
    }


def _call_json(cost: CallCost) -> dict[str, object]:
    return {
        "tier": cost.tier,
        "usd": cost.usd,
        "answers": cost.answers,
        "input_tokens": cost.input_tokens,
        "output_tokens": cost.output_tokens,
        "escalated": cost.escalated if cost.answers else None,
        "unknown": cost.why or None,
        "fix": cost.fix,
    }


def _price_json(tier: Tier, today: date) -> dict[str, object]:
    price = tier.price
    return {
        "tier": tier.name,
        "input": price and price.input,
        "output": price and price.output,
        "cache_read": price and price.cache_read,
        "cache_write": price and price.cache_write,
        "batch_input": price and price.batch_input,
        "batch_output": price and price.batch_output,
        "as_of": price and price.as_of,
        "age_days": _age(tier, today),
    }
