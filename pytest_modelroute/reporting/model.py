"""One report of a run, whatever renders it: counts are kept, shares are derived."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from ..evaluation.answers import Usage
from ..evaluation.costs import total_usage, total_usd, usd_per_1000
from ..evaluation.metering import others_than
from ..evaluation.results import CaseResult, Outcome, case_outcomes
from ..judgement.gate import Counts, Verdict, fails_build
from ..judgement.paired import Discordance, tango_interval
from ..registry.base import Commit
from ..registry.changes import Change
from ..registry.model import GatePolicy, Price
from .escalated import EscalationReport
from .grader import GraderReport
from .registry_gate import RegistryGate

__all__ = ["PairedReport", "RunReport", "TaskReport", "TierChange", "count_outcomes", "percentile"]


@dataclass(frozen=True, slots=True)
class TierChange:
    """The move of a task to another tier or model, in the contract's tokens."""

    kind: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class PairedReport:
    """The baseline tier on the cases that both tiers answered; `broke` and `fixed` are case ids, never netted.

    `unanswered` are cases without an answer of the baseline, and `unpaired` those that it was never asked;
    `self_graded` is whether a grader judged the baseline that is that tier's model itself.
    """

    tier: str
    cases: int
    wrong: int
    broke: tuple[str, ...]
    fixed: tuple[str, ...]
    usd_per_1000_calls: float | None
    unanswered: int = 0
    self_graded: bool = False
    unpaired: int = 0

    @property
    def discordance(self) -> Discordance:
        return Discordance(len(self.broke), len(self.fixed), self.cases)

    @property
    def interval(self) -> tuple[float, float]:
        """Tango's limits of the difference, each one-sided 95 %."""
        return tango_interval(self.discordance)


@dataclass(frozen=True)
class TaskReport:
    """One task, judged or not: `results` is None where the gate did not run, and empty where nothing gates the task.

    `judged` are the counts that the verdict rests on: those of `results`, with identical requests counted once.
    """

    task: str
    tier: str
    model: str
    change: TierChange | None
    strict: bool
    cases: int
    policy: GatePolicy
    verdict: Verdict
    reasons: tuple[str, ...]
    way_out: str | None
    paired: PairedReport | None
    price: Price | None
    results: tuple[CaseResult, ...] | None
    judged: Counts | None
    grader: GraderReport | None = None
    escalation: EscalationReport | None = None

    @property
    def fails_build(self) -> bool:
        return fails_build(self.verdict, self.strict)

    @cached_property
    def counts(self) -> Counts | None:
        return count_outcomes(case_outcomes(self.results).values()) if self.results else None

    @cached_property
    def kinds(self) -> Mapping[str, int]:
        """How many cases went wrong or could not be answered in which way."""
        kinds = (result.kind for result in self.results or ())
        return dict(Counter(kind.value for kind in kinds if kind is not None))

    @cached_property
    def flaky(self) -> tuple[str, ...]:
        """The cases whose samples came out right and wrong."""
        outcomes: dict[str, set[Outcome]] = {}
        for result in self.results or ():
            outcomes.setdefault(result.case, set()).add(result.outcome)
        return tuple(case for case, found in outcomes.items() if {Outcome.CORRECT, Outcome.WRONG} <= found)

    @property
    def answered(self) -> list[CaseResult]:
        """The results that are no errors."""
        return [result for result in self.results or () if result.outcome is not Outcome.ERROR]

    @cached_property
    def usage(self) -> Usage | None:
        """Tokens of all answered cases; None unless each of them tells."""
        return total_usage([result.usage for result in self.answered])

    @property
    def usd(self) -> float | None:
        """What all recorded answers cost; None where a price or a count is unknown."""
        return total_usd(result.usd for result in self.answered)

    @cached_property
    def usd_per_1000_calls(self) -> float | None:
        return usd_per_1000([result.usd for result in self.answered])

    @property
    def most_recordings(self) -> int:
        """The most often that another answer was recorded for one case: re-recording until it passes shows here."""
        return max((result.recordings for result in self.results or ()), default=0)

    @property
    def other_models(self) -> list[str]:
        """The models that answered and are none that was asked for."""
        own, above = set[str](), set[str]()
        for result in self.results or ():
            (own if result.escalated is None else above).update(result.models)
            own.update(result.escalated.first.models if result.escalated else ())
        asked_above = self.escalation.model if self.escalation else self.model
        return sorted({*others_than(self.model, own), *others_than(asked_above, above)})

    def latency_ms(self, share: float) -> int | None:
        return percentile([result.latency_ms for result in self.results or () if result.latency_ms is not None], share)


@dataclass(frozen=True)
class RunReport:
    """A whole run: `registry` is the path from rootdir, `gate` the judgement of what changed beside the tasks."""

    registry: str
    base: Commit | None
    changes: tuple[Change, ...]
    tasks: tuple[TaskReport, ...]
    warnings: tuple[str, ...]
    gate: RegistryGate | None = None


def count_outcomes(outcomes: Iterable[Outcome]) -> Counts:
    counted = Counter(outcomes)
    return Counts(counted[Outcome.CORRECT], counted[Outcome.WRONG], counted[Outcome.ERROR])


def percentile(values: list[int], share: float) -> int | None:
    """The nearest-rank percentile; None of nothing."""
    if not values:
        return None
    rank = -int(-share * len(values) // 1)  # rounded up
    return sorted(values)[max(rank, 1) - 1]
