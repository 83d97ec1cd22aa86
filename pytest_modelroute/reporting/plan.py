"""The plan of a recording, before anything is paid for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from ..evaluation.planning import Need, TaskPlan
from .numbers import duration, usd
from .wording import counted

__all__ = ["plan_lines", "plan_usd", "unpriced"]


def plan_usd(plans: Sequence[TaskPlan]) -> float | None:
    """USD for all of it; None where one plan's price or tokens are not known."""
    costs = [plan.usd for plan in plans]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None


def unpriced(plans: Sequence[TaskPlan]) -> Iterator[str]:
    """The tasks and tiers whose cost is not known, each with the reason."""
    for plan in plans:
        if plan.usd is None:
            why = "nothing tells its tokens" if _tokens(plan) is None else "the tier has no price"
            yield f"{plan.task} on {plan.tier.name} ({why})"


def plan_lines(plans: Sequence[TaskPlan], concurrency: int) -> Iterator[str]:
    """One line a task and tier, what the estimates rest on, and the sum."""
    if not plans:
        yield "nothing to record"
        return
    for plan in plans:
        needs = ", ".join(f"{plan.count(need)} {need.value}" for need in Need if plan.count(need))
        tokens = _tokens(plan)
        cost = f"{usd(plan.usd)} USD" if plan.usd is not None else "price unknown" if tokens else "cost unknown"
        yield (
            f"  {plan.task} on {plan.tier.name} ({plan.tier.model}): {_calls(plan)} ({needs})"
            f" to {urlsplit(plan.tier.endpoint).netloc}, {tokens or 'tokens unknown'}, {cost},"
            f" {duration(plan.seconds(concurrency))}"
        )
        yield f"    estimated from {plan.estimate.basis.value}"
    total = plan_usd(plans)
    if total is not None:
        told = f"{usd(total)} USD"
    else:
        known = sum(plan.usd for plan in plans if plan.usd is not None)
        told = f"at least {usd(known)} USD (a price or a token count is missing)"
    time = duration(_seconds(plans, concurrency))
    yield f"plan: {_all_calls(plans)}, {told}, {time} with {counted(concurrency, 'call')} at once"


def _calls(plan: TaskPlan) -> str:
    if not plan.own:
        return counted(len(plan.calls), "call")
    runs = counted(len(plan.calls), "run")
    if plan.http_calls is None:
        return f"{runs}, calls unknown"
    return f"about {counted(round(plan.http_calls), 'call')} in {runs}"


def _all_calls(plans: Sequence[TaskPlan]) -> str:
    known = [plan.http_calls for plan in plans if plan.http_calls is not None]
    if len(known) < len(plans):  # a run makes one at the least
        return f"at least {counted(round(sum(plan.http_calls or len(plan.calls) for plan in plans)), 'call')}"
    about = "about " if any(plan.own for plan in plans) else ""
    return about + counted(round(sum(known)), "call")


def _tokens(plan: TaskPlan) -> str | None:
    estimate = plan.estimate
    if estimate.input_tokens is None or estimate.output_tokens is None:
        return None
    calls = len(plan.calls)
    return f"{round(calls * estimate.input_tokens):,} tokens in, {round(calls * estimate.output_tokens):,} out"


def _seconds(plans: Sequence[TaskPlan], concurrency: int) -> float | None:
    """All tiers are called at once and share the calls at once; what one tier needs by itself is the least."""
    by_tier: dict[str, float] = {}
    work = 0.0
    for plan in plans:
        alone, in_turn = plan.seconds(concurrency), plan.seconds(1)
        if alone is None or in_turn is None:
            return None
        by_tier[plan.tier.name] = by_tier.get(plan.tier.name, 0.0) + alone
        work += in_turn
    return max(work / concurrency, *by_tier.values())
