"""Whether a task's schema and scorer notice answers that are wrong: correct recorded ones are spoiled and scored."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from .. import strict_json
from ..errors import UnobtainedAnswer
from ..registry.asked import OwnCall
from ..registry.files import Files
from ..registry.model import AnswerSource, OutputFormat, Task
from .answers import Answer, AnswerReader, WrongKind
from .evaluate import Evaluation, TaskMaterial
from .golden import GoldenCase
from .mutations import Mutant, Mutation, Specimen, mutants, pool_of
from .parts import allowance, parts
from .results import CaseResult, Outcome
from .templates import pointer_part

__all__ = ["MOST_MISSED", "Noticed", "Spoiled", "TaskCheck", "check_task"]

MOST_MISSED = 0.05


class Noticed(Enum):
    """What told that a spoiled answer is wrong, in the order in which an answer is looked at."""

    READING = "reading"
    SCHEMA = "schema"
    SCORER = "scorer"
    RAISED = "raised"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Spoiled:
    """A mutant of the answer to a case, and what noticed it."""

    case: GoldenCase
    mutant: Mutant
    noticed: Noticed


@dataclass(frozen=True, slots=True)
class TaskCheck:
    """A task's spoiled answers: `spoiled` are surely wrong, `unstated` differ where the golden dataset says nothing.

    `correct` counts the answers they were made from, `unobtained` those that could not be obtained.
    """

    task: Task
    correct: int
    unobtained: int
    spoiled: tuple[Spoiled, ...]
    unstated: tuple[Spoiled, ...]

    @property
    def missed(self) -> tuple[Spoiled, ...]:
        return tuple(each for each in self.spoiled if each.noticed is Noticed.NOTHING)

    @property
    def by_pointer(self) -> dict[str | None, tuple[int, int]]:
        """How many were missed of how many, by the part that is wrong; None: the answer as a whole."""
        found: dict[str | None, tuple[int, int]] = {}
        for each in self.spoiled:
            missed, of = found.get(each.mutant.pointer, (0, 0))
            found[each.mutant.pointer] = (missed + (each.noticed is Noticed.NOTHING), of + 1)
        return found

    @property
    def worst_rate(self) -> float:
        """The share that was missed, of all or of one part: many fields that are scored do not make up for one."""
        counts = [(len(self.missed), len(self.spoiled)), *self.by_pointer.values()]
        return max((missed / of for missed, of in counts if of), default=1.0)

    @property
    def weak(self) -> bool:
        """Whether wrong answers get through, or nothing is known of that."""
        return self.worst_rate > MOST_MISSED

    @property
    def unscored(self) -> dict[str, tuple[int, int]]:
        """How many went unnoticed of how many, by the part that neither the golden dataset nor the scorer cares for."""
        found: dict[str, list[Noticed]] = {}
        for each in self.unstated:
            found.setdefault(each.mutant.pointer or "", []).append(each.noticed)
        return {
            pointer: (noticed.count(Noticed.NOTHING), len(noticed))
            for pointer, noticed in found.items()
            if Noticed.NOTHING in noticed and not {Noticed.SCORER, Noticed.RAISED} & set(noticed)
        }


def check_task(material: TaskMaterial, evaluation: Evaluation, files: Files) -> TaskCheck:
    """Spoil each correct recorded answer of a task in every way that fits it, and read and score what comes out."""
    task, reader = material.task, AnswerReader(material.task.output, files)
    cases = {case.id: case for case in material.cases}
    results = evaluation.results()
    specimens = [_specimen(task, result) for result in results if result.outcome is Outcome.CORRECT]
    pool = pool_of(specimens, _declared_labels(task), lambda pointer: allowance(task.score, pointer))
    spoiled = [
        Spoiled(cases[specimen.case], mutant, _noticed(material, reader, cases[specimen.case], mutant))
        for specimen in specimens
        for mutant in mutants(specimen, pool)
        # A tool's input is no text that could end too early.
        if mutant.mutation is not Mutation.CUT_OFF or task.output.source is AnswerSource.TEXT
    ]
    return TaskCheck(
        task=task,
        correct=len(specimens),
        unobtained=sum(result.outcome is Outcome.ERROR for result in results),
        spoiled=tuple(each for each in spoiled if each.mutant.stated),
        unstated=tuple(each for each in spoiled if not each.mutant.stated),
    )


def _specimen(task: Task, result: CaseResult) -> Specimen:
    output, expected = result.output, result.expected
    if task.output.format is OutputFormat.TEXT:
        output, expected = _document(output), _document(expected)
    return Specimen(result.case, output, expected, parts(task.score, output, expected))


def _document(text: Any) -> Any:
    """What a text holds that is a JSON object or list; else the text itself, and whatever is none."""
    if not isinstance(text, str):
        return text
    try:
        value = strict_json.parse(text)
    except ValueError:
        return text
    return value if isinstance(value, (dict, list)) else text


def _declared_labels(task: Task) -> dict[str, list[str]]:
    """The texts that the schema allows, by JSON pointer, where it lists them."""
    schema = task.output.schema
    return dict(_enums(schema.content, "")) if schema is not None else {}


def _enums(schema: Any, pointer: str) -> Iterator[tuple[str, list[str]]]:
    if not isinstance(schema, Mapping):
        return
    listed = schema.get("enum")
    if isinstance(listed, Sequence):
        yield pointer, [each for each in listed if isinstance(each, str)]
    properties = schema.get("properties")
    for name, child in properties.items() if isinstance(properties, Mapping) else ():
        yield from _enums(child, f"{pointer}/{pointer_part(name)}")


def _noticed(material: TaskMaterial, reader: AnswerReader, case: GoldenCase, mutant: Mutant) -> Noticed:
    try:
        answer = _read(material.task, reader, mutant)
        if answer.fault is not None:
            return Noticed.SCHEMA if answer.fault is WrongKind.SCHEMA else Noticed.READING
        score = material.score(answer.output, case)
    except UnobtainedAnswer:  # the case would be an error, which no gate passes either
        return Noticed.RAISED
    return Noticed.NOTHING if score.correct else Noticed.SCORER


def _read(task: Task, reader: AnswerReader, mutant: Mutant) -> Answer:
    """Read a mutant as the model's answer, or as what the team's function returns."""
    answer, policy = mutant.answer, task.output
    is_text = mutant.raw or (policy.format is OutputFormat.TEXT and isinstance(answer, str))
    text = answer if is_text else json.dumps(answer, ensure_ascii=False)
    if isinstance(task.prompt, OwnCall):
        return reader.read_value(text)
    block = {"type": "text", "text": text}
    if policy.source is AnswerSource.TOOL_USE and not mutant.raw:
        block = {"type": "tool_use", "input": answer}
    return reader.read({"content": [block], "stop_reason": "end_turn"})
