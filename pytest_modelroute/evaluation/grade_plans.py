"""Which grades are to be recorded: those of answers that are there, and about those of answers yet to come."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..cassettes.calls import Call
from ..cassettes.replay import Recordings
from ..errors import ErrorKind, UnobtainedAnswer
from ..registry.model import Tier
from .evaluate import TaskMaterial
from .golden import GoldenCase
from .grading import Grader, gradable
from .planning import Need, PlannedCall, RecordMode

__all__ = ["AnswersOf", "needed_grades"]


@dataclass(frozen=True)
class AnswersOf:
    """The answers of one tier to some cases, as recorded; `to_come` are the keys of those that are called first."""

    material: TaskMaterial
    tier: Tier
    cases: Sequence[GoldenCase]
    recordings: Recordings
    to_come: Container[str] = ()

    @property
    def awaited(self) -> Mapping[str, GoldenCase]:
        """The cases whose answers are called first, by the answers' keys."""
        if not self.to_come:
            return {}
        trials = self.material.trials(self.tier, self.cases)
        return {trial.key: trial.case for trial in trials if trial.key in self.to_come}


def needed_grades(
    grader: Grader, sources: Sequence[AnswersOf], mode: RecordMode, recordings: Recordings
) -> tuple[PlannedCall, ...]:
    """The calls that a record mode asks for, one for each distinct answer; at most so many where some are to come."""
    cassette = recordings.cassette(grader.shelf, grader.tier.model)
    if mode is RecordMode.NONE or (mode is RecordMode.ONCE and cassette.exists):
        return ()
    found: dict[str, PlannedCall] = {}
    for source in sources:
        for call, need in _calls(grader, source, mode):
            found.setdefault(call.key, PlannedCall(call, need))
    return tuple(found.values())


def _calls(grader: Grader, source: AnswersOf, mode: RecordMode) -> Iterator[tuple[Call, Need]]:
    awaited = source.awaited
    for key, case in awaited.items():
        yield grader.stand_in(case, key), Need.MISSING
    for trial, output in gradable(source.material, source.tier, source.recordings, source.cases):
        if trial.key in awaited:
            continue
        need = _need(grader, trial.case, output)
        if mode is RecordMode.ALL:
            need = need or Need.AGAIN
        if need is not None:
            try:
                yield grader.call(trial.case, output), need
            except UnobtainedAnswer:  # the rubric does not take it: replay tells of it
                continue


def _need(grader: Grader, case: GoldenCase, output: object) -> Need | None:
    fault = grader.fault(case, output)
    if fault in (None, ErrorKind.GRADER):  # recorded whole: asked the same again, it would say the same
        return None
    return Need.MISSING if fault is ErrorKind.MISSING else Need.STALE
