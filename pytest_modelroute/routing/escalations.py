"""What an escalation from one tier to another would come to, threshold by threshold, from recorded answers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..errors import ErrorKind
from ..evaluation.costs import total_usd, usd_per_1000
from ..evaluation.escalation import trigger_of
from ..evaluation.questions import Question
from ..evaluation.results import CaseResult, Outcome
from ..judgement.calibration import Calibration, calibration
from ..judgement.thresholds import GRID, Choice, Point, TwoAnswers, choose
from ..registry.serving import Escalation

__all__ = ["Escalations", "Holdout", "Row", "chosen_by", "escalations", "holdout"]


@dataclass(frozen=True, slots=True)
class Row:
    """One way to route, and its price: USD for a thousand calls, with both calls of what escalates; None if unknown."""

    point: Point
    usd_per_1000_calls: float | None


@dataclass(frozen=True, slots=True)
class Escalations:
    """All thresholds of the grid, in its order; what each tier comes to alone; and what confidence is worth.

    Without a confidence the one row is of answers that escalate by their form.
    """

    choice: Choice
    rows: tuple[Row, ...]
    cheap: Row
    dear: Row
    cases: int
    calibration: Calibration | None

    def row(self, point: Point) -> Row:
        return self.rows[self.choice.points.index(point)]


@dataclass(frozen=True, slots=True)
class Holdout:
    """Thresholds chosen on one half of the cases, and what all of them come to on the other."""

    chosen: Choice
    chosen_cases: int
    other: Choice
    other_cases: int

    def elsewhere(self, point: Point) -> Point:
        """The same threshold on the other half."""
        return self.other.points[self.chosen.points.index(point)]


def escalations(found: Sequence[Question], to: Escalation, limit: float) -> Escalations:
    """The questions at all thresholds, or by form alone where `to` has no threshold. All of them are answered."""
    cases = _answers(found, to)
    pairs = [pair for question in found for pair in question.samples]
    answers = [answer for case in cases for answer in case]
    by_confidence = to.below is not None
    choice = choose(cases, limit, GRID if by_confidence else (None,))
    costs = [(first.usd, total_usd([first.usd, second.usd])) for first, second in pairs]
    return Escalations(
        choice=choice,
        rows=tuple(Row(point, usd_per_1000(_paid(answers, costs, point.threshold))) for point in choice.points),
        cheap=_alone(cases, [first for first, _ in pairs], limit, escalating=False),
        dear=_alone(cases, [second for _, second in pairs], limit, escalating=True),
        cases=len(cases),
        calibration=calibration(_stated(cases)) if by_confidence else None,
    )


def holdout(found: Sequence[Question], to: Escalation, limit: float) -> Holdout | None:
    """The same on halves by a hash of the case's id; None where one of them is empty."""
    halves: tuple[list[Question], list[Question]] = ([], [])
    for question in found:
        halves[_half(question.case)].append(question)
    if not all(halves):
        return None
    chosen, other = (chosen_by(half, to, limit) for half in halves)
    return Holdout(chosen, len(halves[0]), other, len(halves[1]))


def chosen_by(found: Sequence[Question], to: Escalation, limit: float) -> Choice:
    """All thresholds by these questions, which are answered and at least one."""
    return choose(_answers(found, to), limit)


def _half(case: str) -> int:
    return hashlib.sha256(case.encode("utf-8", "surrogatepass")).digest()[-1] & 1


def _answers(found: Sequence[Question], to: Escalation) -> list[list[TwoAnswers]]:
    """Of each question all samples, as a threshold is chosen by."""
    return [[_two_answers(*pair, to) for pair in question.samples] for question in found]


def _two_answers(first: CaseResult, second: CaseResult, to: Escalation) -> TwoAnswers:
    """Both tiers' results of one sample, neither an error."""
    assert not isinstance(first.kind, ErrorKind)
    by_form = trigger_of(replace(to, below=None), first.kind, None) is not None
    right, dear_right = (result.outcome is Outcome.CORRECT for result in (first, second))
    return TwoAnswers(right, first.confidence, by_form, dear_right)


def _paid(
    answers: Sequence[TwoAnswers], costs: Sequence[tuple[float | None, float | None]], threshold: float | None
) -> list[float | None]:
    """What each answer costs at a threshold; `costs` are of its first call, and of both."""
    both = zip(answers, costs, strict=True)
    return [dear if answer.escalates(threshold) else alone for answer, (alone, dear) in both]


def _alone(
    cases: Sequence[Sequence[TwoAnswers]], results: Sequence[CaseResult], limit: float, *, escalating: bool
) -> Row:
    """One tier by itself: the cascade in which all answers escalate, or none, and only that one is paid."""
    (point,) = choose(
        [[replace(answer, by_form=escalating) for answer in case] for case in cases], limit, (None,)
    ).points
    return Row(point, usd_per_1000([result.usd for result in results]))


def _stated(cases: Sequence[Sequence[TwoAnswers]]) -> list[list[tuple[float, bool]]]:
    """Of each case the cheap answers that only their confidence can make escalate, as far as they state one."""
    return [
        [
            (answer.confidence, answer.first_right)
            for answer in case
            if answer.confidence is not None and not answer.by_form
        ]
        for case in cases
    ]
