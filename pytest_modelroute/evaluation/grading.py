"""Scoring by a model: another tier grades each output by a rubric, and its grades are recorded like any answer."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from ..cassettes.calls import Call
from ..cassettes.lines import Interaction
from ..cassettes.replay import Query, Recordings, grades_of, recorded_body
from ..errors import ErrorKind, InputError, Place, UnobtainedAnswer
from ..registry.files import Files
from ..registry.model import (
    AnswerSource,
    Fences,
    OutputFormat,
    OutputPolicy,
    Registry,
    SchemaDocument,
    Task,
    Tier,
)
from .answers import AnswerReader
from .asking import Play, Trial
from .audits import Labels, audit_path, judged_answer, load_labels
from .evaluate import TaskMaterial
from .golden import ABSENT, GoldenCase
from .metering import refuse_stand_in
from .requests import RequestBuilder, canonical_key
from .scorer import Score, Scorer
from .templates import compile_rubric

__all__ = ["Grader", "count_grades", "gradable", "grader_of", "make_grader", "recorded_answers", "wanted_grades"]

VERDICT = SchemaDocument(
    PurePosixPath("the grader's verdict"),
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["reasons", "verdict"],
        "properties": {"reasons": {"type": "string", "minLength": 1}, "verdict": {"enum": ["right", "wrong"]}},
    },
)
POLICY = OutputPolicy(OutputFormat.JSON, AnswerSource.TEXT, Fences.ALLOW, None, VERDICT)


class Grader(Scorer):
    """The grader of one task. The same answer to the same case gets one grade, whichever tier gave it.

    Its grades are looked for in `grades`, in turn; `labels` are what people say of the answers that it judged, and
    `tiers` are the registry's.
    """

    def __init__(
        self,
        task: Task,
        tier: Tier,
        requests: RequestBuilder,
        reader: AnswerReader,
        grades: tuple[Recordings, ...],
        labels: Labels,
        tiers: Sequence[Tier],
    ) -> None:
        assert task.score.grader is not None
        self.tier = tier
        self.labels = labels
        self._tiers = tiers
        self.shelf = grades_of(task.name)
        self._policy = task.score.grader
        self._requests = requests
        self._reader = reader
        self._grades = grades

    def reading(self, first: tuple[Recordings, ...] = (), last: tuple[Recordings, ...] = ()) -> Grader:
        """The same grader, with further places where its grades may stand."""
        other = copy.copy(self)
        other._grades = (*first, *self._grades, *last)
        return other

    def labelled(self, labels: Labels) -> Grader:
        """The same grader, with what people say now."""
        other = copy.copy(self)
        other.labels = labels
        return other

    def serves(self, answering: Tier) -> bool:
        """Whether the tier's answers are those of the grader's own model."""
        return self.tier.served_by == answering.served_by

    def objection(self, expected: Any) -> str | None:
        return None  # a rubric may do without

    def call(self, case: GoldenCase, output: Any) -> Call:
        """What is to be recorded for one output. Raises UnobtainedAnswer where the rubric does not take it."""
        arguments = self._arguments(case, output)
        return Call(self.shelf, case.id, 0, self._key(case, arguments), arguments)

    def stand_in(self, case: GoldenCase, key: str) -> Call:
        """About what will be recorded for an output that is not there yet, filed under `key`: to estimate by."""
        for output in ("" if case.expected is ABSENT else case.expected, ""):
            try:
                return Call(self.shelf, case.id, 0, key, self._arguments(case, output))
            except UnobtainedAnswer:
                continue
        return Call(self.shelf, case.id, 0, key, self._requests.complete(self._policy.rubric.content, self.tier, ""))

    def keys_of_case(self, case: GoldenCase) -> frozenset[str]:
        """The keys of all grades that are recorded for a case."""
        cassettes = (each.cassette(self.shelf, self.tier.model) for each in self._grades)
        return frozenset(each.key for cassette in cassettes for each in cassette.of_case(case.id))

    def interaction(self, case: GoldenCase, output: Any, command: str = "") -> Interaction:
        """The recorded grade of one output. Raises UnobtainedAnswer."""
        return self._found(case, self._key(case, self._arguments(case, output)), command)

    def score(self, output: Any, expected: Any, given: Mapping[str, Any]) -> Score:
        return self.score_case(GoldenCase("", given, expected, (), 0), output, "", None)

    def score_case(self, case: GoldenCase, output: Any, command: str, play: Play | None) -> Score:
        arguments = self._arguments(case, output)
        key = self._key(case, arguments)
        interaction = self._found(case, key, command)
        try:
            message = recorded_body(interaction, self._holding(key).cassette(self.shelf, self.tier.model).label)
            if play is not None:
                message = play(interaction, self.tier, arguments)
            model = message.get("model")
            refuse_stand_in(model, self.tier.model, self._tiers)
            answer = self._reader.read(message)
        except UnobtainedAnswer as error:
            raise self._ungraded(error, error.kind) from None
        problem = f"{answer.fault.value}: {answer.detail}" if answer.fault is not None else None
        if problem is None and next(iter(answer.output)) != "reasons":
            problem = "the verdict stands before its reasons"
        if problem is not None:
            raise self._broken(f"{self.tier.name} gave no verdict: {problem}")
        said, by = answer.output, model if isinstance(model, str) else ""
        return Score(said["verdict"] == "right", said["reasons"], interaction.recordings, by)

    def fault(self, case: GoldenCase, output: Any) -> ErrorKind | None:
        """Why the output's recorded grade is none; GRADER where it is recorded whole, and gives no verdict."""
        try:
            self.score_case(case, output, "", None)
        except UnobtainedAnswer as error:
            return error.kind
        return None

    def _arguments(self, case: GoldenCase, output: Any) -> dict[str, Any]:
        expected = None if case.expected is ABSENT else case.expected
        names = {"input": case.input, "output": output, "expected": expected}
        try:
            return self._requests.arguments(dataclasses.replace(case, input=names), self.tier)
        except InputError as error:
            raise self._broken(f"the rubric cannot be rendered: {error.what}") from None

    def _key(self, case: GoldenCase, arguments: Mapping[str, Any]) -> str:
        try:
            return canonical_key(self.tier, arguments)
        except ValueError as error:
            raise self._broken(f"case '{case.id}': the request for its grade is not JSON: {error}") from None

    def _holding(self, key: str) -> Recordings:
        held = (each for each in self._grades if key in each.cassette(self.shelf, self.tier.model))
        return next(held, self._grades[0])

    def _found(self, case: GoldenCase, key: str, command: str) -> Interaction:
        # Of no case: its other grades are those of other answers, or by another rubric, and nothing tells which.
        query = Query(self.shelf, "", self.tier.model, key, None, command, self.tier.endpoint)
        try:
            return self._holding(key).find(query)
        except UnobtainedAnswer as error:
            if error.kind is ErrorKind.MISSING:
                raise UnobtainedAnswer(error.kind, f"this answer has no grade by {self.tier.name}: {command}") from None
            # What asking again cannot help is the rubric's fault, and not the answer's.
            raise self._ungraded(error, ErrorKind.GRADER if error.lasting else error.kind) from None

    def _ungraded(self, error: UnobtainedAnswer, kind: ErrorKind) -> UnobtainedAnswer:
        return UnobtainedAnswer(kind, f"the grade by {self.tier.name}: {error.detail}", cassette=error.cassette)

    @staticmethod
    def _broken(detail: str) -> UnobtainedAnswer:
        return UnobtainedAnswer(ErrorKind.GRADER, detail)


def make_grader(
    task: Task,
    registry: Registry,
    files: Files,
    recordings: Recordings,
) -> Grader:
    """The grader that the task's policy names. Raises InputError for a rubric or an audit file that is broken."""
    policy = task.score.grader
    assert policy is not None
    # What the task's own requests need says nothing of the grader's.
    asked = dataclasses.replace(task, prompt=policy.rubric, request={})
    requests = RequestBuilder(asked, files, registry.folder, _nothing_to_import, compile_rubric)
    tier = registry.tier(policy.tier)
    requests.complete(policy.rubric.content, tier, "the rubric")
    labels = load_labels(files, audit_path(registry.folder, task.name))
    return Grader(task, tier, requests, AnswerReader(POLICY, files), (recordings,), labels, registry.tiers)


def _nothing_to_import(reference: str, place: Place) -> Callable[..., Any]:
    raise InputError(f"a rubric is a file, and {reference} is none", place=place)


def grader_of(material: TaskMaterial) -> Grader | None:
    return material.scorer if isinstance(material.scorer, Grader) else None


def gradable(
    material: TaskMaterial, tier: Tier, recordings: Recordings, cases: Iterable[GoldenCase] | None = None
) -> Iterator[tuple[Trial, Any]]:
    """The recorded outputs of a tier that a grader may judge: none that is wrong by its form."""
    for trial in material.trials(tier, cases):
        try:
            answer = material.asker.obtain(trial, tier, recordings, "", None).answer
        except (UnobtainedAnswer, InputError):
            continue
        if answer.fault is None:
            yield trial, answer.output


def recorded_answers(
    material: TaskMaterial, tiers: Iterable[Tier], recordings: Recordings, cases: Collection[str]
) -> frozenset[str]:
    """The answers of these tiers to some cases, given by their ids, as labels name them."""
    chosen = [case for case in material.cases if case.id in cases]
    return frozenset(
        judged_answer(trial.case, output)
        for tier in tiers
        for trial, output in gradable(material, tier, recordings, chosen)
    )


def count_grades(
    grader: Grader, material: TaskMaterial, tiers: Iterable[Tier], recordings: Recordings
) -> tuple[int, int, int]:
    """How many distinct answers of these tiers have a grade, have none, and have one that cannot be used."""
    found: dict[str, ErrorKind | None] = {}
    for tier in tiers:
        for trial, output in gradable(material, tier, recordings):
            answer = judged_answer(trial.case, output)
            if answer not in found:
                found[answer] = grader.fault(trial.case, output)
    kinds = list(found.values())
    graded, missing = kinds.count(None) + kinds.count(ErrorKind.GRADER), kinds.count(ErrorKind.MISSING)
    return graded, missing, len(kinds) - graded - missing


def wanted_grades(
    grader: Grader, material: TaskMaterial, tiers: Iterable[Tier], recordings: Recordings
) -> frozenset[str]:
    """The keys of the grades that the recorded outputs of these tiers need."""
    found: set[str] = set()
    for tier in tiers:
        for trial in material.trials(tier):
            try:
                answer = material.asker.obtain(trial, tier, recordings, "", None).answer
                if answer.fault is None:
                    found.add(grader.call(trial.case, answer.output).key)
            except (UnobtainedAnswer, InputError) as error:
                # There, and not to be read here and now: which of its case's grades it needs cannot be told.
                if not isinstance(error, UnobtainedAnswer) or error.kind not in (ErrorKind.MISSING, ErrorKind.STALE):
                    found |= grader.keys_of_case(trial.case)
    return frozenset(found)
