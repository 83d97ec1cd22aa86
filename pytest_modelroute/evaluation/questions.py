"""Two tiers' answers to the same questions: identical requests are one question, as for the gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .evaluate import Evaluation
from .results import CaseResult

__all__ = ["Question", "questions"]


@dataclass(frozen=True, slots=True)
class Question:
    """One request, by the first case that makes it: for each sample the result of the first tier and of the second.

    Of several cases with this request it is the worst result of theirs: one answer that is right for one of them and
    wrong for another is wrong.
    """

    case: str
    samples: tuple[tuple[CaseResult, CaseResult], ...]


def questions(first: Evaluation, second: Evaluation) -> tuple[Question, ...]:
    """All questions of a task, whose two evaluations have the same cases, in the golden dataset's order."""
    alike: dict[str, list[int]] = {}
    for number, key in enumerate(first.keys):
        alike.setdefault(key, []).append(number)
    each = first.material.task.samples
    both = first.results(), second.results()
    found = []
    for numbers in alike.values():
        samples = tuple(
            (_worst(both[0], numbers, each, sample), _worst(both[1], numbers, each, sample)) for sample in range(each)
        )
        found.append(Question(samples[0][0].case, samples))
    return tuple(found)


def _worst(results: Sequence[CaseResult], numbers: Sequence[int], each: int, sample: int) -> CaseResult:
    of_cases = (results[number * each + sample] for number in numbers)
    return max(of_cases, key=lambda result: result.outcome.badness)
