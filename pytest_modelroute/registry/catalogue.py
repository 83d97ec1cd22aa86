"""Policy before measurement: three questions about a task, and the usual kinds of task with their answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from ..errors import InputError, Place

__all__ = [
    "CATALOGUE",
    "Entry",
    "Failure",
    "Level",
    "Output",
    "Reasoning",
    "TaskKind",
    "Traits",
    "read_traits",
    "recommended",
]


class Output(Enum):
    """Is the output short?"""

    SHORT = "short"
    LONG = "long"


class Failure(Enum):
    """Is a failure cheap: seen at once, and mended by asking again?"""

    CHEAP = "cheap"
    COSTLY = "costly"


class Reasoning(Enum):
    """Is one step of reasoning enough?"""

    SINGLE = "single"
    MULTI = "multi"


class Level(Enum):
    """A tier by its place in a registry's order, whatever the tiers are called there."""

    CHEAPEST = "cheapest"
    MIDDLE = "middle"
    DEAREST = "dearest"

    def rank(self, tiers: int) -> int:
        """The position among so many tiers, 0 being the cheapest; of two, the middle one is the dearer."""
        return {Level.CHEAPEST: 0, Level.MIDDLE: tiers // 2, Level.DEAREST: tiers - 1}[self]


@dataclass(frozen=True, slots=True)
class Traits:
    """The answers to the three questions."""

    output: Output
    failure: Failure
    reasoning: Reasoning

    @property
    def objections(self) -> tuple[str, ...]:
        """Each question that is answered with no, as its trait; a task without any may run on the cheapest tier."""
        told = {
            "output: long": self.output is Output.LONG,
            "failure: costly": self.failure is Failure.COSTLY,
            "reasoning: multi": self.reasoning is Reasoning.MULTI,
        }
        return tuple(trait for trait, objects in told.items() if objects)

    @property
    def recommended(self) -> Level:
        """Where a task with these traits belongs until something is measured."""
        return (Level.CHEAPEST, Level.MIDDLE, Level.MIDDLE, Level.DEAREST)[len(self.objections)]


class TaskKind(Enum):
    INTENT_CLASSIFICATION = "intent_classification"
    ENTITY_EXTRACTION = "entity_extraction"
    SHORT_SUMMARY = "short_summary"
    MULTI_DOCUMENT_SYNTHESIS = "multi_document_synthesis"
    CODE_GENERATION = "code_generation"
    CODE_REVIEW = "code_review"
    LONG_FORM_DRAFTING = "long_form_drafting"
    MULTI_STEP_PLANNING = "multi_step_planning"


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a kind of task before anything is measured."""

    traits: Traits
    recommended: Level
    why: str
    upgrade_when: str


_EASY = Traits(Output.SHORT, Failure.CHEAP, Reasoning.SINGLE)

CATALOGUE: Mapping[TaskKind, Entry] = MappingProxyType(
    {
        TaskKind.INTENT_CLASSIFICATION: Entry(
            _EASY,
            Level.CHEAPEST,
            "one label of a closed set, and a wrong route is noticed and asked again",
            "labels overlap, or a message has several intents",
        ),
        TaskKind.ENTITY_EXTRACTION: Entry(
            _EASY,
            Level.CHEAPEST,
            "the values stand in the text, and a schema catches what is malformed",
            "values must be inferred, or documents are long",
        ),
        TaskKind.SHORT_SUMMARY: Entry(
            _EASY,
            Level.CHEAPEST,
            "a few sentences about one text that the reader has at hand",
            "facts go missing, or the reader never sees the text",
        ),
        TaskKind.MULTI_DOCUMENT_SYNTHESIS: Entry(
            Traits(Output.LONG, Failure.CHEAP, Reasoning.MULTI),
            Level.MIDDLE,
            "sources must be weighed against each other, and errors hide in fluent text",
            "sources contradict each other, or a decision rests on the text",
        ),
        TaskKind.CODE_GENERATION: Entry(
            Traits(Output.LONG, Failure.COSTLY, Reasoning.MULTI),
            Level.MIDDLE,
            "code that looks right and is not costs more than the call",
            "changes span files, or no tests run on the result",
        ),
        TaskKind.CODE_REVIEW: Entry(
            Traits(Output.SHORT, Failure.COSTLY, Reasoning.MULTI),
            Level.MIDDLE,
            "a defect that a review misses is shipped",
            "security or concurrency is reviewed",
        ),
        TaskKind.LONG_FORM_DRAFTING: Entry(
            Traits(Output.LONG, Failure.CHEAP, Reasoning.SINGLE),
            Level.MIDDLE,
            "tone and structure have to hold over a whole text",
            "nobody edits the text before it is sent",
        ),
        TaskKind.MULTI_STEP_PLANNING: Entry(
            Traits(Output.LONG, Failure.COSTLY, Reasoning.MULTI),
            Level.DEAREST,
            "one wrong step spoils all that follow, and the plan still looks complete",
            "it is at the dearest tier already: move it down only with proof",
        ),
    }
)


def recommended(kind: TaskKind | None, traits: Traits | None) -> Level | None:
    """Where a task belongs until something is measured: by its kind, unless it has other traits than its kind has."""
    if kind is not None and traits == CATALOGUE[kind].traits:
        return CATALOGUE[kind].recommended
    return traits.recommended if traits is not None else None


def read_traits(kind: TaskKind | None, raw: Mapping[str, str], place: Place) -> Traits | None:
    """The traits that a task states over those of its kind; None where it has neither.

    Raises InputError where a task without a kind answers some of the questions only.
    """
    if kind is None and not raw:
        return None
    known = CATALOGUE[kind].traits if kind is not None else None
    for name in ("output", "failure", "reasoning"):
        if known is None and name not in raw:
            what = f"the trait '{name}' is missing, and no kind fills it in"
            valid = "traits: {output: short|long, failure: cheap|costly, reasoning: single|multi}, or a kind beside it"
            raise InputError(what, place=place, valid=valid)
    return Traits(
        output=Output(raw["output"]) if "output" in raw or known is None else known.output,
        failure=Failure(raw["failure"]) if "failure" in raw or known is None else known.failure,
        reasoning=Reasoning(raw["reasoning"]) if "reasoning" in raw or known is None else known.reasoning,
    )
