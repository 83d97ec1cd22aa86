"""The evaluation of one task on one tier: every golden case answered, validated and scored, at most once each.

A tier that escalates is evaluated with the one that answers instead.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ..cassettes.replay import Recordings
from ..errors import ErrorKind, InputError, UnobtainedAnswer
from ..registry.model import Registry, Task, Tier
from .answers import WrongKind
from .asking import Asker, Play, Trial
from .costs import cost_in_usd, total_usage, total_usd
from .escalation import trigger_of
from .golden import GoldenCase
from .identity import observation_keys
from .results import CaseResult, Escalated, Outcome, case_outcomes, worst
from .scorer import Score, Scorer

__all__ = ["Evaluation", "TaskMaterial", "evaluation_of"]


@dataclass(frozen=True, slots=True)
class TaskMaterial:
    """All that is needed to evaluate a task on any tier, loaded and checked."""

    task: Task
    cases: tuple[GoldenCase, ...]
    asker: Asker
    scorer: Scorer
    golden_label: str

    def trials(self, tier: Tier, cases: Iterable[GoldenCase] | None = None) -> Iterator[Trial]:
        """Each case as often as the task has samples. Raises InputError where a request cannot be built."""
        for case in self.cases if cases is None else cases:
            for sample in range(self.task.samples):
                yield Trial(case, sample, self.asker.key(case, tier, sample))

    def score(self, output: Any, case: GoldenCase, command: str = "", play: Play | None = None) -> Score:
        """Judge one output; `command` is what records what a grader needs. Raises UnobtainedAnswer where that fails."""
        try:
            return self.scorer.score_case(case, output, command, play)
        except Exception as error:
            if isinstance(error, UnobtainedAnswer):
                raise
            # An answer can be too deep or too odd for a scorer; that must not end the session.
            what = f"the scorer raised {type(error).__name__}: {error}"
            raise UnobtainedAnswer(ErrorKind.SCORER, what) from None


class Evaluation:
    """The results of a task on a tier, worked out as they are asked for and kept.

    `keys` are those of the cases, in order, by their first sample; `play` turns an interaction into a message, by
    reading it unless given. `dearer` evaluates the tier that the task escalates to, where it does.
    """

    def __init__(
        self,
        material: TaskMaterial,
        tier: Tier,
        recordings: Recordings,
        command: str,
        play: Play | None = None,
        dearer: Evaluation | None = None,
    ) -> None:
        self.material = material
        self.tier = tier
        self._trials = tuple(material.trials(tier))
        self._samples = material.task.samples
        self._recordings = recordings
        self._command = command
        self._play = play
        self._dearer = dearer
        self._own: list[CaseResult | None] = [None] * len(self._trials)
        self._results: list[CaseResult | None] = [None] * len(self._trials)

    @property
    def keys(self) -> list[str]:
        return [trial.key for trial in self._trials[:: self._samples]]

    @property
    def observations(self) -> tuple[str, ...]:
        """The cases' keys, with one for those that are one observation: see `observation_keys`."""
        return observation_keys(self.keys, self.material.cases, case_outcomes(self.results()))

    def outcome(self, index: int) -> Outcome:
        """The outcome of the case at that position of the golden dataset: the worst of its samples."""
        first = index * self._samples
        return worst(self._result(number).outcome for number in range(first, first + self._samples))

    def errors(self, index: int) -> list[CaseResult]:
        """The samples in error of the case at that position."""
        first = index * self._samples
        results = (self._result(number) for number in range(first, first + self._samples))
        return [result for result in results if result.outcome is Outcome.ERROR]

    def results(self) -> tuple[CaseResult, ...]:
        """The results of all samples of all cases, in the golden dataset's order."""
        return tuple(self._result(number) for number in range(len(self._trials)))

    def recorded(self) -> bool:
        """Whether any case has a recording."""
        cassette = self._recordings.cassette(self.material.task.name, self.tier.model)
        return any(trial.key in cassette for trial in self._trials)

    def reassigned(self, material: TaskMaterial, dearer: Evaluation | None) -> Evaluation:
        """The same answers where the task is assigned as `material` has it: none is worked out twice."""
        other = copy.copy(self)
        other.material, other._dearer, other._results = material, dearer, [None] * len(self._trials)
        return other

    def _result(self, number: int) -> CaseResult:
        known = self._results[number]
        if known is None:
            known = self._results[number] = self._standing(number)
        return known

    def _standing(self, number: int) -> CaseResult:
        """The result that counts: the tier's own, or that of the tier which it escalates to."""
        first = self._own[number]
        if first is None:
            first = self._own[number] = self._evaluate(self._trials[number])
        escalation = self.material.task.escalation
        if self._dearer is None or escalation is None or first.outcome is Outcome.ERROR:
            return first
        assert not isinstance(first.kind, ErrorKind)
        trigger = trigger_of(escalation, first.kind, first.confidence)
        if trigger is None:
            return first
        second = self._dearer._result(number)
        both = [first.latency_ms, second.latency_ms]
        latencies = [latency for latency in both if latency is not None]
        return dataclasses.replace(
            second,
            usage=total_usage([first.usage, second.usage]),
            usd=total_usd([first.usd, second.usd]),
            latency_ms=sum(latencies) if len(latencies) == len(both) else None,
            recordings=max(first.recordings, second.recordings),
            escalated=Escalated(escalation.to, trigger, first),
        )

    def _evaluate(self, trial: Trial) -> CaseResult:
        case = trial.case
        try:
            obtained = self.material.asker.obtain(trial, self.tier, self._recordings, self._command, self._play)
            answer = obtained.answer
            kind, detail, recordings, graded_by = answer.fault, answer.detail, obtained.recordings, ""
            if kind is None:
                score = self.material.score(answer.output, case, self._command, self._play)
                kind, detail = (None if score.correct else WrongKind.MISMATCH), score.detail
                recordings, graded_by = max(recordings, score.recordings), score.model
        except UnobtainedAnswer as error:
            return self._error(trial, error)
        except InputError as error:  # a prompt builder that no longer answers as it did when the keys were made
            return self._error(trial, UnobtainedAnswer(ErrorKind.UNREADABLE, error.what))
        return CaseResult(
            case=case.id,
            sample=trial.sample,
            outcome=Outcome.CORRECT if kind is None else Outcome.WRONG,
            kind=kind,
            output=answer.output,
            expected=case.expected,
            confidence=answer.confidence,
            detail=detail,
            usage=obtained.usage,
            latency_ms=obtained.latency_ms,
            recordings=recordings,
            models=obtained.models,
            usd=cost_in_usd(obtained.usage, self.tier.price),
            graded_by=graded_by,
        )

    @staticmethod
    def _error(trial: Trial, error: UnobtainedAnswer) -> CaseResult:
        return CaseResult(
            case=trial.case.id,
            sample=trial.sample,
            outcome=Outcome.ERROR,
            kind=error.kind,
            output=None,
            expected=trial.case.expected,
            confidence=None,
            detail=error.detail,
            usage=None,
            latency_ms=None,
            recordings=0,
            models=(),
            lasting=error.lasting,
            cassette=error.cassette,
        )


def evaluation_of(
    material: TaskMaterial,
    registry: Registry,
    tier: Tier,
    recordings: Recordings,
    command: Callable[[Tier], str],
    play: Play | None = None,
) -> Evaluation:
    """The task on a tier of the registry; on the assigned one as callers get it, with the tier that it escalates to.

    `command` gives what records the task on a tier.
    """
    escalation = material.task.escalation
    dearer = None
    if escalation is not None and tier.name == material.task.tier:
        above = registry.tier(escalation.to)
        dearer = Evaluation(material, above, recordings, command(above), play)
    return Evaluation(material, tier, recordings, command(tier), play, dearer)
