"""The evaluation of one task on one tier: every golden case answered, validated and scored, at most once each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ..cassettes.lines import Interaction
from ..cassettes.replay import Query, Recordings, recorded_body
from ..errors import ErrorKind, InputError, Place, UnobtainedAnswer
from ..registry.model import Task, Tier
from .answers import AnswerReader, Usage, WrongKind
from .golden import GoldenCase
from .requests import RequestBuilder, canonical_key, wire_body
from .scorer import Score, Scorer

__all__ = ["CaseResult", "Evaluation", "Outcome", "Play", "TaskMaterial"]

Play = Callable[[Interaction, Tier, Mapping[str, Any]], Mapping[str, Any]]


class Outcome(Enum):
    CORRECT = "correct"
    WRONG = "wrong"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of one case. `latency_ms` and `usage` are None where the recording does not tell."""

    case: str
    sample: int
    outcome: Outcome
    kind: WrongKind | ErrorKind | None
    output: Any
    expected: Any
    confidence: float | None
    detail: str
    usage: Usage | None
    latency_ms: int | None
    recordings: int


@dataclass(frozen=True, slots=True)
class TaskMaterial:
    """All that is needed to evaluate a task on any tier, loaded and checked."""

    task: Task
    cases: tuple[GoldenCase, ...]
    requests: RequestBuilder
    reader: AnswerReader
    scorer: Scorer
    golden_label: str

    def key(self, case: GoldenCase, tier: Tier, sample: int = 0) -> str:
        """The key of a case on a tier. Raises InputError where the request cannot be built."""
        arguments = self.requests.arguments(case, tier)
        try:
            return canonical_key(tier, arguments, sample)
        except ValueError as error:
            place = Place(self.golden_label, case.line)
            raise InputError(f"case '{case.id}': the request is not JSON: {error}", place=place) from None


class Evaluation:
    """The results of a task on a tier, worked out case by case as they are asked for and kept.

    `keys` are those of the cases, in order; `play` turns an interaction into a message, by reading it unless given.
    """

    def __init__(
        self,
        material: TaskMaterial,
        tier: Tier,
        recordings: Recordings,
        command: str,
        play: Play | None = None,
    ) -> None:
        self.material = material
        self.tier = tier
        self.keys = tuple(material.key(case, tier) for case in material.cases)
        self._recordings = recordings
        self._command = command
        self._play = play
        self._results: list[CaseResult | None] = [None] * len(material.cases)

    def result(self, index: int) -> CaseResult:
        """The result of the case at that position of the golden dataset."""
        known = self._results[index]
        if known is None:
            known = self._results[index] = self._evaluate(index)
        return known

    def results(self) -> tuple[CaseResult, ...]:
        """The results of all cases, in the golden dataset's order."""
        return tuple(self.result(index) for index in range(len(self._results)))

    def recorded(self) -> bool:
        """Whether any case has a recording."""
        cassette = self._recordings.cassette(self.material.task.name, self.tier.model)
        return any(key in cassette for key in self.keys)

    def _evaluate(self, index: int) -> CaseResult:
        case = self.material.cases[index]
        try:
            interaction = self._recordings.find(self._query(index))
            answer = self.material.reader.read(self._message(interaction, case))
            kind, detail = answer.fault, answer.detail
            if kind is None:
                score = self._score(answer.output, case)
                kind, detail = (None if score.correct else WrongKind.MISMATCH), score.detail
        except UnobtainedAnswer as error:
            return self._error(case, error.kind, error.detail)
        except InputError as error:  # a prompt builder that no longer answers as it did when the keys were made
            return self._error(case, ErrorKind.UNREADABLE, error.what)
        return CaseResult(
            case=case.id,
            sample=interaction.sample,
            outcome=Outcome.CORRECT if kind is None else Outcome.WRONG,
            kind=kind,
            output=answer.output,
            expected=case.expected,
            confidence=answer.confidence,
            detail=detail,
            usage=answer.usage,
            latency_ms=interaction.latency_ms,
            recordings=interaction.recordings,
        )

    @staticmethod
    def _error(case: GoldenCase, kind: ErrorKind, detail: str) -> CaseResult:
        return CaseResult(case.id, 0, Outcome.ERROR, kind, None, case.expected, None, detail, None, None, 0)

    def _score(self, output: Any, case: GoldenCase) -> Score:
        try:
            return self.material.scorer.score(output, case.expected, case.input)
        except Exception as error:
            if isinstance(error, UnobtainedAnswer):
                raise
            # An answer can be too deep or too odd for a scorer; that must not end the session.
            what = f"the scorer raised {type(error).__name__}: {error}"
            raise UnobtainedAnswer(ErrorKind.SCORER, what) from None

    def _query(self, index: int) -> Query:
        case = self.material.cases[index]
        return Query(
            task=self.material.task.name,
            case=case.id,
            model=self.tier.model,
            key=self.keys[index],
            wire=lambda: wire_body(self.tier, self.material.requests.arguments(case, self.tier)),
            command=self._command,
            endpoint=self.tier.endpoint,
        )

    def _message(self, interaction: Interaction, case: GoldenCase) -> Mapping[str, Any]:
        if self._play is None:
            return recorded_body(interaction)
        return self._play(interaction, self.tier, self.material.requests.arguments(case, self.tier))
