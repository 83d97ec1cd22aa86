"""Two tiers' answers side by side: where they agree, who was right where they differ, and what each is like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..errors import ErrorKind
from ..evaluation.answers import WrongKind
from ..evaluation.golden import ABSENT
from ..evaluation.questions import Question
from ..evaluation.results import CaseResult, Outcome
from ..judgement.calibration import Calibration, calibration
from ..judgement.clusters import Samples
from ..judgement.gate import Counts
from ..judgement.paired import Discordance
from ..registry.model import Task
from .agreement import output_digest
from .decisions import CallOutcome

__all__ = ["Both", "Given", "SideBySide", "recorded_side_by_side"]


@dataclass(frozen=True, slots=True)
class Given:
    """One tier's answer. `part` is the digest of what counts for agreement; None where nothing was answered.

    `right` is None where nobody knows, and `output` ABSENT where it was not kept.
    """

    outcome: CallOutcome
    part: str | None
    right: bool | None
    confidence: float | None
    output_tokens: int | None
    latency_ms: int | None
    usd: float | None
    output: Any

    @property
    def usable(self) -> bool:
        return self.outcome is CallOutcome.ANSWERED

    @property
    def obtained(self) -> bool:
        return self.outcome is not CallOutcome.FAILED


@dataclass(frozen=True, slots=True)
class Both:
    """What two tiers gave to one input: `name` is that of the case, or of the call; `asked` what is known of it."""

    name: str
    sample: int
    given: tuple[Given, Given]
    asked: Any = ABSENT

    @property
    def obtained(self) -> bool:
        return all(each.obtained for each in self.given)

    @property
    def agree(self) -> bool:
        """Whether both gave an output that is accepted, with the same in what counts."""
        first, second = self.given
        return first.usable and second.usable and first.part == second.part


@dataclass(frozen=True)
class SideBySide:
    """All inputs that two tiers were given. Of recorded answers `counts` are the questions by what became of them."""

    tiers: tuple[str, str]
    both: tuple[Both, ...]
    counts: tuple[Counts, Counts] | None = None

    def given(self, side: int) -> list[Given]:
        return [each.given[side] for each in self.both]

    def outcomes(self, side: int) -> Counter[CallOutcome]:
        return Counter(given.outcome for given in self.given(side))

    @cached_property
    def obtained(self) -> list[Both]:
        """Those to which both gave an answer, of whatever form."""
        return [each for each in self.both if each.obtained]

    @property
    def agreeing(self) -> int:
        return len(self.obtained) - len(self.differing)

    @cached_property
    def differing(self) -> list[Both]:
        return [each for each in self.obtained if not each.agree]

    def right_alone(self, *rights: bool) -> list[Both]:
        """Of those that differ, the ones in which the two are right or wrong as given."""
        return [each for each in self.differing if tuple(given.right for given in each.given) == rights]

    def handled(self, side: int) -> list[Both]:
        """Those in which this side gave an output that is accepted, and the other an answer that is not."""
        return [each for each in self.obtained if each.given[side].usable and not each.given[1 - side].usable]

    @property
    def discordance(self) -> Discordance | None:
        """The first tier against the second on the same questions; None where they have several samples each."""
        if self.counts is None or any(counts.samples is not None for counts in self.counts):
            return None
        rights = Counter(tuple(given.right for given in each.given) for each in self.both)
        return Discordance(broke=rights[False, True], fixed=rights[True, False], cases=len(self.both))

    @cached_property
    def calibrations(self) -> tuple[Calibration, Calibration]:
        """Each tier's stated confidence against being right; where nobody knows that, against agreeing."""
        return calibration(self._stated(0)), calibration(self._stated(1))

    def _stated(self, side: int) -> list[list[tuple[float, bool]]]:
        """By case: its samples hang together."""
        stated: dict[str, list[tuple[float, bool]]] = {}
        for each in self.obtained:
            given, other = each.given[side], each.given[1 - side]
            # That the other gave no output is no sign against this one.
            judged = given.right is not None or other.usable
            if given.usable and given.confidence is not None and judged:
                answer = given.confidence, each.agree if given.right is None else given.right
                stated.setdefault(each.name, []).append(answer)
        return list(stated.values())

    def numbers(self, side: int, of: Callable[[Given], int | None]) -> list[int]:
        """What is known of a number of each answer."""
        return [number for given in self.given(side) if (number := of(given)) is not None]


def recorded_side_by_side(task: Task, tiers: tuple[str, str], found: Sequence[Question]) -> SideBySide:
    """Questions that both tiers answered, as they were recorded."""
    both = tuple(
        Both(question.case, first.sample, (_given(task, first), _given(task, second)))
        for question in found
        for first, second in question.samples
    )
    return SideBySide(tiers, both, (_counts(found, 0), _counts(found, 1)))


def _given(task: Task, result: CaseResult) -> Given:
    kind = result.kind
    assert not isinstance(kind, ErrorKind)
    outcome = CallOutcome.ANSWERED if kind in (None, WrongKind.MISMATCH) else CallOutcome(kind.value)
    return Given(
        outcome=outcome,
        part=output_digest(result.output, task) if outcome is CallOutcome.ANSWERED else None,
        right=result.outcome is Outcome.CORRECT,
        confidence=result.confidence,
        output_tokens=None if result.usage is None else result.usage.output_tokens,
        latency_ms=result.latency_ms,
        usd=result.usd,
        output=result.output,
    )


def _counts(found: Sequence[Question], side: int) -> Counts:
    wrong = tuple(sum(pair[side].outcome is Outcome.WRONG for pair in question.samples) for question in found)
    at_fault, each = sum(number > 0 for number in wrong), len(found[0].samples)
    samples = Samples(wrong, (0,) * len(found), each) if each > 1 else None
    return Counts(len(found) - at_fault, at_fault, 0, samples)
