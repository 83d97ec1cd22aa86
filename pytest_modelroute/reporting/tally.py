"""What a recording has come to so far."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ..cassettes.events import Event, EventKind
from ..cassettes.lines import Interaction
from ..evaluation.costs import cost_in_usd
from ..evaluation.metering import metered
from ..evaluation.planning import TaskPlan

__all__ = ["PlanTally", "Tally"]


@dataclass(slots=True)
class PlanTally:
    """The calls of one plan: how many ended, and in what; `dropped` of those that failed were not made at all.

    `fault` is why the first failed.
    """

    plan: TaskPlan
    answered: int = 0
    failed: int = 0
    dropped: int = 0
    fault: str = ""
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
    """All plans of a recording.

    `spent` is USD, of what is known, and `before` what went before and counts against the same cap; `unknown` the first
    task and tier whose cost is not, empty without one. `others` counts the calls to hosts that have no price here.
    """

    plans: Sequence[TaskPlan]
    of_plan: dict[tuple[str, str], PlanTally] = field(default_factory=dict)
    before: float = 0.0
    spent: float = 0.0
    unknown: str = ""
    others: Counter[str] = field(default_factory=Counter)
    models: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.of_plan = {(plan.task, plan.tier.name): PlanTally(plan) for plan in self.plans}

    def count(self, event: Event) -> PlanTally:
        """Take an event into account; gives the tally of its plan."""
        tally = self.of_plan[event.call.task, event.tier]
        tally.limit = event.limit
        tally.lowest_limit = min(tally.lowest_limit or event.limit, event.limit)
        tally.retries += event.kind is EventKind.RETRIED
        tally.answered += event.kind is EventKind.ANSWERED
        tally.dropped += event.kind is EventKind.DROPPED
        if event.failed:
            tally.failed += 1
            tally.fault = tally.fault or event.detail
        hosts = event.call.own.hosts if event.call.own is not None else ()
        for interaction in event.interactions:
            self._spend(interaction, tally, hosts, kept=event.kind is EventKind.ANSWERED)
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

    def _spend(self, interaction: Interaction, tally: PlanTally, hosts: Sequence[str], *, kept: bool) -> None:
        plan = tally.plan
        asked = metered(interaction, hosts)
        if not asked.priced:
            self.others[urlsplit(interaction.uri).netloc] += 1
            return
        cost = cost_in_usd(asked.usage, plan.tier.price)
        if cost is not None:
            self.spent += cost
        elif kept:  # what is no answer may tell nothing
            self.unknown = self.unknown or f"{plan.task} on {plan.tier.name}"
        if kept and asked.model is not None:
            self.models.setdefault((plan.task, plan.tier.name), set()).add(asked.model)
