"""What is to be recorded, and what that will cost."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from ..cassettes.calls import Call
from ..cassettes.index import Cassette
from ..cassettes.lines import Interaction
from ..cassettes.replay import Recordings
from ..errors import ErrorKind, UnobtainedAnswer
from ..registry.model import Price, Registry, Tier
from .answers import Usage
from .evaluate import TaskMaterial
from .golden import GoldenCase
from .metering import metered

__all__ = [
    "Basis",
    "Estimate",
    "Need",
    "PlannedCall",
    "RecordMode",
    "TaskPlan",
    "TokenCount",
    "estimate",
    "needed_calls",
    "wanted_keys",
]

CHARACTERS_PER_TOKEN = 4.0  # the usual figure for English text
SAMPLED_CALLS = 5

TokenCount = Callable[[Mapping[str, Any]], int | None]


class RecordMode(Enum):
    """vcrpy's words."""

    NONE = "none"
    ONCE = "once"
    NEW_EPISODES = "new_episodes"
    ALL = "all"


class Need(Enum):
    """Why a call is made: nothing is recorded, what is recorded does not answer, or it is recorded anew."""

    MISSING = "missing"
    STALE = "stale"
    AGAIN = "again"


class Basis(Enum):
    """What an estimate rests on."""

    RECORDED = "recorded answers"
    OTHER_TIER = "recorded answers of another tier"
    COUNTED = "counted tokens, output at most max_tokens"
    LENGTH = "length of the text, output at most max_tokens"
    UNTOLD = "recorded runs, whose answers tell no tokens"
    UNKNOWN = "nothing: the task's own function was never recorded"


@dataclass(frozen=True, slots=True)
class PlannedCall:
    call: Call
    need: Need


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one call takes, or one run of the team's own function: mean tokens and milliseconds, None where unknown.

    `calls` is how many a run makes, to any host.
    """

    input_tokens: float | None
    output_tokens: float | None
    latency_ms: float | None
    basis: Basis
    calls: float | None = None

    def usd(self, calls: int, price: Price | None) -> float | None:
        """USD for so many calls; None where tokens or prices are not known."""
        if self.input_tokens is None or self.output_tokens is None:
            return None
        if price is None or price.input is None or price.output is None:
            return None
        return calls * (self.input_tokens * price.input + self.output_tokens * price.output) / 1_000_000


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """What is to be recorded for one task on one tier."""

    task: str
    tier: Tier
    calls: tuple[PlannedCall, ...]
    estimate: Estimate

    @property
    def usd(self) -> float | None:
        return self.estimate.usd(len(self.calls), self.tier.price)

    @property
    def own(self) -> bool:
        """Whether what is counted as a call is a run of the team's own function."""
        return any(planned.call.own is not None for planned in self.calls)

    @property
    def http_calls(self) -> float | None:
        """How many calls go out; None where a run's are not known."""
        if not self.own:
            return len(self.calls)
        return None if self.estimate.calls is None else len(self.calls) * self.estimate.calls

    def seconds(self, at_once: int) -> float | None:
        """How long it takes with so many calls at once, if the tier takes them; None where nothing tells."""
        latency = self.estimate.latency_ms
        if latency is None:
            return None
        return len(self.calls) * latency / 1000 / min(at_once, self.tier.concurrency or at_once)

    def count(self, need: Need) -> int:
        return sum(planned.need is need for planned in self.calls)


def needed_calls(
    material: TaskMaterial, tier: Tier, cases: Iterable[GoldenCase], mode: RecordMode, recordings: Recordings
) -> tuple[PlannedCall, ...]:
    """The calls that a record mode asks for; cases with identical requests share one."""
    cassette = recordings.cassette(material.task.name, tier.model)
    if mode is RecordMode.NONE or (mode is RecordMode.ONCE and cassette.exists):
        return ()
    found: dict[str, PlannedCall] = {}
    for trial in material.trials(tier, cases):
        need: Need | None = Need.AGAIN if mode is RecordMode.ALL and trial.key in cassette else None
        if need is None:
            try:
                material.asker.obtain(trial, tier, recordings, "", None)
            except UnobtainedAnswer as error:
                if error.kind is not ErrorKind.CALL:  # its recordings are whole, and the function fails on them
                    need = Need.MISSING if error.kind is ErrorKind.MISSING else Need.STALE
        if need is not None:
            found[trial.key] = PlannedCall(material.asker.call(trial.case, tier, trial.sample), need)
    return tuple(found.values())


def estimate(
    calls: Sequence[PlannedCall], cassette: Cassette, others: Sequence[Cassette], counted: TokenCount
) -> Estimate:
    """What one of the calls takes, by the same task's recordings on this tier or another, else by their requests.

    `counted` gives the tokens of a request, or None where the provider does not tell.
    """
    own = next((planned.call.own for planned in calls if planned.call.own is not None), None)
    for source, basis in ((cassette, Basis.RECORDED), *((other, Basis.OTHER_TIER) for other in others)):
        found = source.interactions()
        known = _of_answers(found, basis) if own is None else _of_runs(found, basis, own.hosts)
        if known is not None:
            return known
    if own is not None:
        return Estimate(None, None, None, Basis.UNKNOWN)
    arguments = [planned.call.arguments for planned in calls]
    sample = arguments[:: max(len(arguments) // SAMPLED_CALLS, 1)][:SAMPLED_CALLS]
    tokens, basis = [counted(each) for each in sample], Basis.COUNTED
    known_tokens = [each for each in tokens if each is not None]
    if len(known_tokens) < len(sample):
        known_tokens, basis = [round(_characters(each) / CHARACTERS_PER_TOKEN) for each in arguments], Basis.LENGTH
    output = sum(each["max_tokens"] for each in arguments) / len(arguments)
    return Estimate(sum(known_tokens) / len(known_tokens), output, None, basis)


def _of_answers(interactions: Iterable[Interaction], basis: Basis) -> Estimate | None:
    """Means over the answers that tell their tokens; None without one."""
    told = [
        (interaction, usage) for interaction in interactions if (usage := metered(interaction, ()).usage) is not None
    ]
    return _mean([interaction for interaction, _ in told], [usage for _, usage in told], len(told), basis)


def _of_runs(interactions: Collection[Interaction], basis: Basis, hosts: Sequence[str]) -> Estimate | None:
    """Means over the recorded runs of the team's own function, each a sample of a case; None without one."""
    runs = {(interaction.case, interaction.sample) for interaction in interactions}
    usages = [each.usage for each in (metered(interaction, hosts) for interaction in interactions) if each.priced]
    known = [usage for usage in usages if usage is not None]
    mean = _mean(interactions, known, len(runs), basis)
    if mean is None:
        return None
    if not known:
        mean = replace(mean, input_tokens=None, output_tokens=None, basis=Basis.UNTOLD)
    return replace(mean, calls=len(interactions) / len(runs))


def _mean(interactions: Collection[Interaction], usages: Sequence[Usage], number: int, basis: Basis) -> Estimate | None:
    if not number:
        return None
    total = sum(usages, Usage(0, 0))
    latencies = [interaction.latency_ms for interaction in interactions if interaction.latency_ms is not None]
    # Another tier is faster or slower: its times say nothing.
    latency = sum(latencies) / number if latencies and basis is Basis.RECORDED else None
    return Estimate(total.input_tokens / number, total.output_tokens / number, latency, basis)


def _characters(value: object) -> int:
    return len(json.dumps(value, ensure_ascii=False, default=str))


def wanted_keys(
    sides: Sequence[tuple[Registry, TaskMaterial]], model: str, cassette: Cassette, recorded: frozenset[str]
) -> frozenset[str]:
    """The keys under which a model's recordings of a task are still wanted, by any of the sides (head, base).

    `recorded` are the keys just recorded: where a case's first is among them, its others must be too.
    """
    return frozenset(_wanted(sides, model, cassette, recorded))


def _wanted(
    sides: Sequence[tuple[Registry, TaskMaterial]], model: str, cassette: Cassette, recorded: frozenset[str]
) -> Iterator[str]:
    for registry, material in sides:
        for tier in registry.tiers:
            if tier.model != model:
                continue
            for trial in material.trials(tier):
                present = recorded if trial.key in recorded else cassette
                yield from material.asker.keys(trial.case, tier, trial.sample, present)
