"""The registry as frozen data: what a team promises about its task types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import PurePosixPath
from typing import Any

from ..errors import Place
from .asked import Prompt, PromptTemplate
from .catalogue import TaskKind, Traits
from .serving import Escalation, LogPolicy, Shadow

__all__ = [
    "Acknowledgement",
    "AnswerSource",
    "Correction",
    "Fences",
    "GatePolicy",
    "GraderPolicy",
    "OutputFormat",
    "OutputPolicy",
    "Price",
    "Registry",
    "Rule",
    "SchemaDocument",
    "ScorePolicy",
    "ScorerKind",
    "SelfGrading",
    "Task",
    "Tier",
    "merged",
]

PROVIDER_URL = "https://api.anthropic.com"


class OutputFormat(Enum):
    JSON = "json"
    TEXT = "text"


class AnswerSource(Enum):
    TEXT = "text"
    TOOL_USE = "tool_use"


class Fences(Enum):
    REJECT = "reject"
    ALLOW = "allow"


class ScorerKind(Enum):
    EXACT = "exact"
    FIELDS = "fields"
    CONTAINS = "contains"
    REGEX = "regex"
    NUMBER = "number"
    SET_F1 = "set_f1"
    PYTHON = "python"
    GRADER = "grader"


class SelfGrading(Enum):
    """Whether a tier may grade its own answers."""

    REJECT = "reject"
    ALLOW = "allow"


class Rule(Enum):
    OBSERVED = "observed"
    CERTIFIED = "certified"


class Correction(Enum):
    NONE = "none"
    HOLM = "holm"


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens, on the day `as_of`; None is unknown, never zero.

    The last four are of input that is read from and written to a cache, and of what is asked in a batch.
    """

    input: float | None
    output: float | None
    as_of: str | None
    cache_read: float | None = None
    cache_write: float | None = None
    batch_input: float | None = None
    batch_output: float | None = None


@dataclass(frozen=True, slots=True)
class Tier:
    """One model of the list, with its endpoint; `request` are arguments that belong to this tier alone.

    `places` are those of `model` and `base_url`.
    """

    name: str
    model: str
    provider: str
    price: Price | None
    base_url: str | None
    api_key_env: str | None
    request: Mapping[str, Any]
    places: Mapping[str, Place] = field(default_factory=dict, compare=False, repr=False)
    concurrency: int | None = None

    @property
    def endpoint(self) -> str:
        """Where the tier's calls go."""
        return (self.base_url or PROVIDER_URL).rstrip("/")

    @property
    def served_by(self) -> tuple[str, str, str | None]:
        """What decides which model answers: a change here is another model, whatever the tier is called."""
        return (self.provider, self.model, self.base_url)


@dataclass(frozen=True, slots=True)
class SchemaDocument:
    """A JSON Schema file, parsed."""

    path: PurePosixPath
    content: Any


@dataclass(frozen=True, slots=True)
class OutputPolicy:
    """How an answer is read: `confidence` is a JSON pointer into it."""

    format: OutputFormat
    source: AnswerSource
    fences: Fences
    confidence: str | None
    schema: SchemaDocument | None


@dataclass(frozen=True, slots=True)
class GraderPolicy:
    """The tier that grades a task's outputs, and the rubric that it is asked by."""

    tier: str
    rubric: PromptTemplate
    self_grading: SelfGrading


@dataclass(frozen=True, slots=True)
class ScorePolicy:
    """How an output is compared; `options` are the scorer's own, still unchecked, and none beside a `grader`."""

    kind: ScorerKind
    options: Mapping[str, Any]
    place: Place
    grader: GraderPolicy | None = None


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """When a task passes: at most `max_error` (a share) by `rule`, on at least `min_cases` cases.

    `max_regression` is how much above that of what it replaces the error rate of a change may be (a share).
    `floor` is the `min_cases` of an `observed` rule that this one replaces, while that change counts.
    """

    max_error: float
    rule: Rule
    min_cases: int
    max_regression: float | None = None
    correction: Correction = Correction.NONE
    floor: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """One task type. `default_request` comes from the registry's defaults, `request` is the task's own.

    `samples` is how often each case is recorded, and replayed.
    """

    name: str
    tier: str
    golden: PurePosixPath | None
    prompt: Prompt | None
    samples: int
    default_request: Mapping[str, Any]
    request: Mapping[str, Any]
    output: OutputPolicy
    score: ScorePolicy
    gate: GatePolicy
    place: Place
    tier_place: Place
    kind: TaskKind | None = None
    traits: Traits | None = None
    escalation: Escalation | None = None
    shadow: Shadow | None = None

    @property
    def gated(self) -> bool:
        return self.golden is not None and self.prompt is not None

    @property
    def answering(self) -> tuple[str, ...]:
        """The tiers whose answers callers get."""
        return (self.tier,) if self.escalation is None else (self.tier, self.escalation.to)

    def arguments(self, tier: Tier) -> dict[str, Any]:
        """The arguments below the prompt: defaults, then the tier's, then the task's own."""
        return merged(merged(self.default_request, tier.request), self.request)


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A change that somebody took responsibility for, with the reason."""

    kind: str
    task: str | None
    old: Any
    new: Any
    reason: str
    place: Place


@dataclass(frozen=True)
class Registry:
    """A checked registry; `tiers` stand cheapest first, paths are relative to rootdir.

    `default_request` is what the defaults ask of every call, also of those of tasks that are not listed.
    """

    path: PurePosixPath
    label: str
    tiers: tuple[Tier, ...]
    default_tier: str
    tasks: Mapping[str, Task]
    cassettes: PurePosixPath
    acknowledged: tuple[Acknowledgement, ...]
    warnings: tuple[str, ...]
    default_tier_place: Place
    tiers_place: Place
    log: LogPolicy | None = None
    default_request: Mapping[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> PurePosixPath:
        return self.path.parent

    def tier(self, name: str) -> Tier:
        """The tier of that name; the registry is checked, so KeyError means a caller's mistake."""
        for tier in self.tiers:
            if tier.name == name:
                return tier
        raise KeyError(name)

    def rank(self, name: str) -> int | None:
        """The tier's position, 0 being the cheapest; None where this registry has no such tier."""
        return next((index for index, tier in enumerate(self.tiers) if tier.name == name), None)

    def place(self, tier: Tier) -> int | None:
        """The position of what answers as that tier does, whatever its name; None where nothing here does."""
        return next((index for index, own in enumerate(self.tiers) if own.served_by == tier.served_by), None)


def merged(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """`upper` over `lower`, mapping by mapping, key by key; lists and scalars are replaced whole."""
    result = dict(lower)
    for key, value in upper.items():
        below = result.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            value = merged(below, value)
        result[key] = value
    return result
