"""What a registry asks less of than its base did: limits, traits, tiers, and how answers are read and scored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from ..errors import InputError, Place
from .catalogue import Level, recommended
from .changes import Change, ChangeKind
from .checking import registry_schema
from .files import Files
from .fingerprints import fingerprint
from .model import Correction, OutputPolicy, Registry, Rule, ScorePolicy, Task
from .modules import find_module, imported_sources, parsed, syntax
from .places import Places
from .prompts import prompt_content

__all__ = ["weakened"]

# The order of these lists says nothing in a JSON Schema.
UNORDERED_IN_SCHEMAS = ("required", "enum", "type", "anyOf", "allOf", "oneOf")


def weakened(base: Registry, base_files: Files, head: Registry, head_files: Files) -> Iterator[Change]:
    """Each change of the two registries that can make a gate pass which did not, or that takes a tier away.

    Parsed content is compared: a JSON Schema without its comments, a scorer's module as its syntax tree.
    """
    places = Places(head_files, head)
    kept = {tier.served_by for tier in head.tiers}
    for tier in base.tiers:
        if head.rank(tier.name) is None and tier.served_by not in kept:
            place, put = head.tiers_place, f"put the tier {tier.name}"
            yield _loosening(ChangeKind.TIER_REMOVED, None, tier.name, None, place, put)
    for name, task in head.tasks.items():
        before = base.tasks.get(name)
        if before is None:
            continue
        yield from _traits(before, task, places)
        if before.gated and task.gated:
            yield from _limits(before, task, places)
            yield from _output(before, task, places)
            old, new = _Scoring(before.score, base_files, base), _Scoring(task.score, head_files, head)
            if old.differs(new):
                place = new.place if old.stated == new.stated else places.of(name, "score")
                yield _loosening(ChangeKind.SCORER_CHANGED, name, old.name, new.name, place, "put its scorer")
        elif before.gated and task.golden is None:
            place = places.of(name, "golden")
            yield _loosening(
                ChangeKind.GOLDEN_REMOVED, name, str(before.golden), None, place, f"put `golden: {before.golden}`"
            )


def _loosening(kind: ChangeKind, task: str | None, old: Any, new: Any, place: Place, put: str) -> Change:
    return Change(kind, task, old, new, place, undoing=f"{put} back at {place}", loosens=True)


def _limits(before: Task, after: Task, places: Places) -> Iterator[Change]:
    old, new = before.gate, after.gate

    def found(kind: ChangeKind, key: str, was: Any, is_now: Any) -> Change:
        place = places.of(after.name, "gate", key)
        return _loosening(kind, after.name, was, is_now, place, f"put `{key}: {was}`")

    if new.max_error > old.max_error:
        yield found(ChangeKind.THRESHOLD_RAISED, "max_error", old.max_error, new.max_error)
    if old.rule is Rule.CERTIFIED and new.rule is not Rule.CERTIFIED:
        yield found(ChangeKind.RULE_RELAXED, "rule", old.rule.value, new.rule.value)
    if old.correction is Correction.HOLM and new.correction is not Correction.HOLM:
        yield found(ChangeKind.RULE_RELAXED, "correction", old.correction.value, new.correction.value)
    if new.min_cases < old.min_cases:
        yield found(ChangeKind.MIN_CASES_LOWERED, "min_cases", old.min_cases, new.min_cases)
    margin = new.max_regression
    if old.max_regression is not None and (margin is None or margin > old.max_regression):
        yield found(ChangeKind.MARGIN_RAISED, "max_regression", old.max_regression, margin)
    if after.samples < before.samples:
        place, put = places.of(after.name, "samples"), f"put `samples: {before.samples}`"
        yield _loosening(ChangeKind.SAMPLES_LOWERED, after.name, before.samples, after.samples, place, put)


def _traits(before: Task, after: Task, places: Places) -> Iterator[Change]:
    if before.traits is None:
        return
    old, new = _described(before), _described(after)
    lost = set(before.traits.objections) - set(after.traits.objections if after.traits is not None else ())
    was, is_now = recommended(before.kind, before.traits), recommended(after.kind, after.traits)
    levels = list(Level)
    falls = was is not None and (is_now is None or levels.index(is_now) < levels.index(was))
    if not lost and not falls:
        return
    names = [name for name in old if old[name] != new.get(name)]
    told = {name: new.get(name) for name in names} if after.traits is not None else None
    place = places.of(after.name, "traits" if before.kind is after.kind else "kind")
    put = "put its kind and traits"
    yield _loosening(ChangeKind.TRAITS_RELAXED, after.name, {name: old[name] for name in names}, told, place, put)


def _described(task: Task) -> dict[str, str | None]:
    traits = task.traits
    if traits is None:
        return {}
    told = {"output": traits.output.value, "failure": traits.failure.value, "reasoning": traits.reasoning.value}
    return {"kind": task.kind.value if task.kind is not None else None, **told}


def _output(before: Task, after: Task, places: Places) -> Iterator[Change]:
    old, new = _read_as(before.output), _read_as(after.output)
    names = [name for name in old if old[name] != new[name]]
    if names:
        was, is_now = ({name: side[name] for name in names} for side in (old, new))
        place, put = places.of(after.name, "output", names[0]), "put its `output`"
        yield _loosening(ChangeKind.OUTPUT_CHANGED, after.name, was, is_now, place, put)
    schema, changed = before.output.schema, after.output.schema
    if schema is None:  # a new one only refuses what passed before
        return
    told = [None if each is None else fingerprint(_schema_content(each.content)) for each in (schema, changed)]
    if told[0] != told[1]:
        is_edited = changed is not None and changed.path == schema.path
        place = Place(str(schema.path)) if is_edited else places.of(after.name, "output", "schema")
        yield _loosening(
            ChangeKind.SCHEMA_CHANGED, after.name, told[0], told[1], place, f"put the schema {schema.path}"
        )


def _read_as(policy: OutputPolicy) -> dict[str, str]:
    """What decides how an answer is read; the confidence only tells of it."""
    return {"format": policy.format.value, "from": policy.source.value, "fenced": policy.fences.value}


def _schema_content(value: Any) -> Any:
    """A JSON Schema without its comments, and its lists in one order where order says nothing."""
    if isinstance(value, list):
        return [_schema_content(child) for child in value]
    if not isinstance(value, Mapping):
        return value
    content = {}
    for key, child in value.items():
        if key == "$comment" and isinstance(child, str):
            continue
        plain = child if key in ("const", "default", "enum") else _schema_content(child)
        is_unordered = key in UNORDERED_IN_SCHEMAS and isinstance(plain, list)
        content[key] = sorted(plain, key=fingerprint) if is_unordered else plain
    return content


class _Scoring:
    """All that decides how a task is scored: the scorer's kind, its options but those at their defaults, its code."""

    def __init__(self, policy: ScorePolicy, files: Files, registry: Registry) -> None:
        self._policy = policy
        self._files = files
        self._folder = registry.folder
        self._registry = registry
        self._reference: str = policy.options.get("function", "")

    def differs(self, other: _Scoring) -> bool:
        """Whether the other scores in another way; code is parsed only where its text differs."""
        mine, theirs = self._policy, other._policy
        alike = (mine.kind, mine.options) == (theirs.kind, theirs.options) and mine.grader is theirs.grader is None
        if not alike and self.stated != other.stated:
            return True
        return self._sources != other._sources and self._code != other._code

    @cached_property
    def stated(self) -> list[Any]:
        """What the registry says; of code in the project, where it lies says nothing."""
        module, _, function = self._reference.partition(":")
        options = {name: value for name, value in self._policy.options.items() if name != "function"}
        named = [function] if self._found is not None else [module, function]
        return [self._policy.kind.value, _plain_options(options), named, *self._grader()]

    def _grader(self) -> Iterator[Any]:
        """What decides a grader's verdicts: its model, what that is asked, and whether it may grade itself."""
        grader = self._policy.grader
        if grader is not None:
            tier = self._registry.tier(grader.tier)
            yield [list(tier.served_by), dict(tier.request), prompt_content(grader.rubric), grader.self_grading.value]

    @property
    def place(self) -> Place:
        """The file of its code, or the registry's line."""
        return self._policy.place if self._found is None else Place(self._files.label(self._found[0]))

    @property
    def name(self) -> str:
        return f"{self._policy.kind.value} {fingerprint([self.stated, self._code])}"

    @cached_property
    def _found(self) -> tuple[PurePosixPath, bytes] | None:
        module = self._reference.partition(":")[0]
        return find_module(self._files, module, self._folder) if module else None

    @cached_property
    def _sources(self) -> Mapping[PurePosixPath, bytes]:
        """Its module's, and those of the project's modules that it imports: they score as well."""
        return imported_sources(self._files, self._reference.partition(":")[0], self._folder)

    @cached_property
    def _code(self) -> list[str]:
        """What they say, wherever they lie."""
        return sorted(_said(source, self._files.label(path)) for path, source in self._sources.items())


def _said(source: bytes, label: str) -> str:
    try:
        return syntax(parsed(source, label), label)
    except InputError:  # it may be meant for another Python, and never imported by this one
        return source.decode("utf-8", "replace")


def _plain_options(written: Mapping[str, Any]) -> dict[str, Any]:
    known = registry_schema()["$defs"]
    options = _without_defaults(written, known["score"]["properties"])
    fields = options.get("fields")
    if isinstance(fields, list):
        fields = dict.fromkeys(fields)
    if isinstance(fields, Mapping):
        each = known["field"]["properties"]
        options["fields"] = {name: _without_defaults(field or {}, each) for name, field in fields.items()}
    return {name: sorted(value) if isinstance(value, list) else value for name, value in options.items()}


def _without_defaults(options: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    absent = object()
    return {name: value for name, value in options.items() if properties.get(name, {}).get("default", absent) != value}
