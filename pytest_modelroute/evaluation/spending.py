"""What a call of each task costs where it is routed, and where it could be, by the tokens of its recorded answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial

from ..registry.model import Registry, Task, Tier
from .costs import batch_price, total_usage, usd_per_1000
from .evaluate import Evaluation
from .project import Project
from .replays import Replays
from .results import CaseResult, Outcome

__all__ = ["CallCost", "Routing", "TaskCosts", "task_costs", "untold"]


class Routing(Enum):
    """Which tier answers the calls; in the last, those that escalate are paid on both."""

    CHEAPEST = "cheapest"
    DEAREST = "dearest"
    ROUTED = "routed"
    ESCALATED = "escalated"


@dataclass(frozen=True, slots=True)
class CallCost:
    """USD for a call on a tier, the mean of `answers` recorded ones out of `of`; None where unknown, with `why`.

    Tokens are means too, of all calls of an answer. `escalated` is the share that a dearer tier answered; `fix` is
    what would tell what is unknown.
    """

    tier: str
    usd: float | None = None
    answers: int = 0
    of: int = 0
    input_tokens: float | None = None
    output_tokens: float | None = None
    escalated: float = 0.0
    why: str = ""
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class TaskCosts:
    """One task by routing."""

    task: Task
    by_routing: Mapping[Routing, CallCost]

    @property
    def known(self) -> bool:
        return all(cost.usd is not None for cost in self.by_routing.values())


def task_costs(project: Project, command: Callable[[str, Tier], str], *, batch: bool = False) -> Iterator[TaskCosts]:
    """Every task of the project; `command` records one on a tier, `batch` takes the prices of what is asked in one."""
    registry = project.registry
    if batch:
        tiers = tuple(replace(tier, price=batch_price(tier.price)) for tier in registry.tiers)
        registry = replace(registry, tiers=tiers)
    replays = Replays()
    for task in registry.tasks.values():
        assigned = registry.tier(task.tier)
        routes = {
            Routing.CHEAPEST: registry.tiers[0],
            Routing.DEAREST: registry.tiers[-1],
            Routing.ROUTED: assigned,
            Routing.ESCALATED: assigned,
        }
        material = project.materials.get(task.name)
        found = {}
        for routing, tier in routes.items():
            if material is None:
                fix = f"`golden:` and `prompt:` at {task.place}"
                found[routing] = CallCost(tier.name, why="it is not gated, and nothing is recorded", fix=fix)
                continue
            recording = partial(command, task.name)
            asked = task if routing is Routing.ESCALATED else replace(task, escalation=None)
            evaluation = replays.evaluation_of(
                replace(material, task=asked), registry, tier, project.recordings, recording
            )
            found[routing] = _call_cost(evaluation, registry, recording, "batch price" if batch else "price")
        yield TaskCosts(task, found)


def _call_cost(evaluation: Evaluation, registry: Registry, command: Callable[[Tier], str], price: str) -> CallCost:
    tier, task = evaluation.tier, evaluation.material.task
    results = evaluation.results()
    answered = [result for result in results if result.outcome is not Outcome.ERROR]
    usage = total_usage([result.usage for result in answered])
    per_1000 = usd_per_1000([result.usd for result in answered])
    cost = CallCost(
        tier=tier.name,
        usd=None if per_1000 is None else per_1000 / 1000,
        answers=len(answered),
        of=len(results),
        input_tokens=None if usage is None else usage.input_tokens / len(answered),
        output_tokens=None if usage is None else usage.output_tokens / len(answered),
        escalated=sum(result.escalated is not None for result in answered) / max(len(answered), 1),
    )
    dearer = None if task.escalation is None else registry.tier(task.escalation.to)
    if not answered:
        return replace(cost, why=f"{tier.name} has no answer that can be scored", fix=command(tier))
    if dearer is not None and len(answered) < len(results):
        # Those that escalate are the dear ones: the mean of the others would tell too little.
        why = f"{len(results) - len(answered)} of {len(results)} cases lack an answer of {tier.name} or {dearer.name}"
        return replace(cost, usd=None, why=why, fix=command(dearer))
    if cost.usd is None:
        tiers = [tier] if dearer is None or not cost.escalated else [tier, dearer]
        why, fix = untold(answered, tiers, price)
        return replace(cost, why=why, fix=fix)
    return cost


def untold(answered: Sequence[CaseResult], tiers: Sequence[Tier], price: str = "price") -> tuple[str, str | None]:
    """Why answers of these tiers have no cost, and what would tell it; `price` is `price` or `batch price`."""
    for tier in tiers:
        place = tier.places.get("model")
        if tier.price is None or tier.price.input is None or tier.price.output is None:
            keys = "`batch_input` and `batch_output`" if price == "batch price" else "`price: {input, output, as_of}`"
            return f"{tier.name} has no {price}", f"{keys} for the tier at {place}"
    if any(result.usage is None for result in answered):
        return f"some answers of {tiers[0].name} do not tell their tokens", None
    writing = next(tier for tier in tiers if tier.price is not None and tier.price.cache_write is None)
    return f"it writes to a cache, and {writing.name} has no price for that", (
        f"`cache_write` in the price of the tier at {writing.places.get('model')}"
    )
