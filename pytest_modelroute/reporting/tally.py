"""What a recording has come to so far."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from .. import strict_json
from ..cassettes.lines import Interaction
from ..cassettes.recorder import Event, EventKind
from ..evaluation.answers import Usage, usage_of
from ..evaluation.costs import cost_in_usd
from ..evaluation.planning import TaskPlan

__all__ = ["PlanTally", "Tally"]


@dataclass(slots=True)
class PlanTally:
    """The calls of one plan: how many ended, and in what."""

    plan: TaskPlan
    answered: int = 0
    failed: int = 0
    retries: int = 0
    limit: int = 0
    lowest_limit: int = 0

    @property
    def total(self) -> int:
        return len(self.plan.calls)

    @property
    def ended(self) -> int:
        return self.answered + self.failed


@dataclass(slots=True)
class Tally:
    """All plans of a recording. `usd` is what was spent, None as soon as a price or a count is not known."""

    plans: Sequence[TaskPlan]
    of_plan: dict[tuple[str, str], PlanTally] = field(default_factory=dict)
    usd: float | None = 0.0
    models: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.of_plan = {(plan.task, plan.tier.name): PlanTally(plan) for plan in self.plans}

    def count(self, event: Event) -> PlanTally:
        """Take an event into account; gives the tally of its plan."""
        tally = self.of_plan[event.call.task, event.tier]
        tally.limit = event.limit
        tally.lowest_limit = min(tally.lowest_limit or event.limit, event.limit)
        if event.kind == EventKind.RETRIED:
            tally.retries += 1
        elif event.kind == EventKind.FAILED:
            tally.failed += 1
        else:
            tally.answered += 1
            for interaction in event.interactions:
                self._spend(interaction, tally.plan)
        return tally

    @property
    def total(self) -> int:
        return sum(tally.total for tally in self.of_plan.values())

    @property
    def ended(self) -> int:
        return sum(tally.ended for tally in self.of_plan.values())

    @property
    def answered(self) -> int:
        return sum(tally.answered for tally in self.of_plan.values())

    @property
    def failed(self) -> int:
        return sum(tally.failed for tally in self.of_plan.values())

    @property
    def retries(self) -> int:
        return sum(tally.retries for tally in self.of_plan.values())

    @property
    def elapsed(self) -> float:
        """Seconds since the recording began."""
        return time.monotonic() - self.started

    @property
    def remaining(self) -> float | None:
        """Seconds that the rest takes at the rate so far; None before anything ended."""
        return self.elapsed / self.ended * (self.total - self.ended) if self.ended else None

    def _spend(self, interaction: Interaction, plan: TaskPlan) -> None:
        usage, model = _told(interaction)
        cost = cost_in_usd(usage, plan.tier.price)
        self.usd = None if self.usd is None or cost is None else self.usd + cost
        if model is not None:
            self.models.setdefault((plan.task, plan.tier.name), set()).add(model)


def _told(interaction: Interaction) -> tuple[Usage | None, str | None]:
    try:
        body = strict_json.parse(interaction.response_body)
    except ValueError:
        return None, None
    if not isinstance(body, dict) or "usage" not in body:
        return Usage(0, 0), None  # not a model's answer: the team's function asked another host
    model = body.get("model")
    return usage_of(body["usage"]), model if isinstance(model, str) else None
