"""From the registry file to a checked `Registry`: every error with file, line and what would be valid."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, TypeVar

from .. import strict_json
from ..errors import InputError, Place, did_you_mean
from .asked import OwnCall, Prompt, PromptTemplate
from .cascades import check_escalation
from .catalogue import TaskKind, read_traits
from .checking import check_shape
from .document import LARGEST_DOCUMENT, Document, parse_yaml
from .files import Files, inside
from .gates import read_gate
from .graders import read_grader, refuse_self_grading
from .model import (
    Acknowledgement,
    AnswerSource,
    Fences,
    GraderPolicy,
    OutputFormat,
    OutputPolicy,
    Registry,
    SchemaDocument,
    ScorePolicy,
    ScorerKind,
    Task,
    merged,
)
from .prompts import read_builder, read_template
from .serving import read_escalation, read_log, read_shadow
from .tiers import price_warnings, read_tiers

__all__ = ["load_registry"]

Read = TypeVar("Read")

DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "request": {},
    "output": {"format": "text", "from": "text", "fenced": "reject"},
    "score": {"kind": "exact"},
    "gate": {"max_error": 0.08, "rule": "observed", "min_cases": 100, "correction": "none"},
}


def load_registry(files: Files, path: PurePosixPath, *, serving: bool = False) -> Registry:
    """Read and check a registry with the prompts and schemas that it names; golden datasets are not read.

    `serving` leaves out what only the gate needs, since production may not have it: then no task has a golden dataset
    or a grader. Raises InputError for whatever is broken, and FileNotFoundError where there is no registry at `path`.
    """
    document = parse_yaml(files.read(path, LARGEST_DOCUMENT), files.label(path))
    if not isinstance(document.value, dict):
        raise InputError("the registry is not a mapping", place=document.place(), valid="version, tiers, tasks, ...")
    check_shape(document)
    return _Loader(files, path, document, serving=serving).registry()


class _Loader:
    def __init__(self, files: Files, path: PurePosixPath, document: Document, *, serving: bool) -> None:
        self._serving = serving
        self._files = files
        self._path = path
        self._document = document
        self._value: dict[str, Any] = document.value
        self._read: dict[PurePosixPath, Any] = {}

    def registry(self) -> Registry:
        tiers = read_tiers(self._document)
        names = [tier.name for tier in tiers]
        self._check_tier(self._value["default_tier"], names, "default_tier")
        tasks = {name: self._task(name, raw, names) for name, raw in (self._value.get("tasks") or {}).items()}
        registry = Registry(
            path=self._path,
            label=self._document.label,
            tiers=tiers,
            default_tier=self._value["default_tier"],
            tasks=tasks,
            cassettes=self._cassettes(self._value.get("cassettes", "cassettes")),
            acknowledged=tuple(self._acknowledged()),
            warnings=(*price_warnings(tiers, self._document), *self._half_gated(tasks)),
            default_tier_place=self._document.place("default_tier"),
            tiers_place=self._document.place("tiers"),
            default_request=self._value.get("defaults", {}).get("request", {}),
            log=read_log(self._value.get("log"), lambda path: self._inside(path, "log", "path")),
        )
        for name, task in tasks.items():
            check_escalation(registry, task)
            refuse_self_grading(registry, task, f"tasks.{name}.score")
        return registry

    def _half_gated(self, tasks: Mapping[str, Task]) -> Iterator[str]:
        if self._serving:
            return
        for name, task in tasks.items():
            if task.golden is not None and task.prompt is None:
                place = self._document.place("tasks", name, "golden")
                yield f"{place}: {name} has a golden dataset without a prompt: the task is not gated"
            elif task.golden is None and task.prompt is not None:
                key = "call" if isinstance(task.prompt, OwnCall) else "prompt"
                place = self._document.place("tasks", name, key)
                yield f"{place}: {name} has a {key} without a golden dataset: the task is not gated"

    def _task(self, name: str, raw: Mapping[str, Any], tiers: list[str]) -> Task:
        here = ("tasks", name)
        if not name.strip("."):
            raise InputError(f"a task cannot be called '{name}'", place=self._document.place(*here))
        self._check_tier(raw["tier"], tiers, *here, "tier")
        for part, key in (("escalate", "to"), ("shadow", "tier")):
            if part in raw:
                self._check_tier(raw[part][key], tiers, *here, part, key)
        output = self._inherited(raw, "output")
        score = self._inherited(raw, "score")
        gate = self._inherited(raw, "gate")
        kind = TaskKind(raw["kind"]) if "kind" in raw else None
        return Task(
            name=name,
            tier=raw["tier"],
            golden=self._golden(raw, *here),
            prompt=self._asked(raw, *here),
            samples=raw.get("samples", self._value.get("defaults", {}).get("samples", 1)),
            default_request=self._value.get("defaults", {}).get("request", {}),
            request=raw.get("request", {}),
            output=self._output(output, name),
            score=self._score(score, tiers, name),
            gate=read_gate(gate, f"tasks.{name}.gate", self._document.place(*here, "gate")),
            place=self._document.place(*here),
            tier_place=self._document.place(*here, "tier"),
            kind=kind,
            traits=read_traits(kind, raw.get("traits", {}), self._document.place(*here, "traits")),
            escalation=read_escalation(raw, self._document.place(*here, "escalate")),
            shadow=read_shadow(raw, self._document.place(*here, "shadow")),
        )

    def _cassettes(self, text: str) -> PurePosixPath:
        return PurePosixPath(text) if self._serving else self._inside(text, "cassettes")

    def _golden(self, raw: Mapping[str, Any], *here: str) -> PurePosixPath | None:
        if "golden" not in raw or self._serving:
            return None
        golden = self._inside(raw["golden"], *here, "golden")
        self._load(golden, lambda path: self._files.open(path).close(), *here, "golden")
        return golden

    def _inherited(self, raw: Mapping[str, Any], part: str) -> dict[str, Any]:
        """The task's mapping over the defaults'; a scorer or output of another kind takes over nothing."""
        own = raw.get(part, {})
        default = merged(DEFAULTS[part], self._value.get("defaults", {}).get(part, {}))
        kind = {"score": "kind", "output": "format"}.get(part)
        if kind is not None and own.get(kind, default[kind]) != default[kind]:
            return merged(DEFAULTS[part], own)
        return merged(default, own)

    def _score(self, raw: Mapping[str, Any], tiers: list[str], task: str) -> ScorePolicy:
        kind, place = ScorerKind(raw["kind"]), self._document.place("tasks", task, "score")
        options = {key: value for key, value in raw.items() if key != "kind"}
        if kind is not ScorerKind.GRADER or self._serving:
            return ScorePolicy(kind, options, place)
        grader = read_grader(options, place)
        own = self._value["tasks"][task].get("score", {})

        def where(option: str) -> tuple[str, ...]:
            return ("tasks", task, "score", option) if option in own else ("defaults", "score", option)

        self._check_tier(grader.tier, tiers, *where("tier"))
        rubric = self._template(grader.rubric, *where("rubric"))
        return ScorePolicy(kind, {}, place, GraderPolicy(grader.tier, rubric, grader.self_grading))

    def _output(self, raw: Mapping[str, Any], task: str) -> OutputPolicy:
        place = self._document.place("tasks", task, "output")
        if raw["format"] == "text":
            for key, value in (("from", "tool_use"), ("fenced", "allow")):
                if raw[key] == value:
                    raise InputError(f"tasks.{task}.output: '{key}: {value}' needs 'format: json'", place=place)
            if "confidence" in raw:
                raise InputError(f"tasks.{task}.output: 'confidence' needs 'format: json'", place=place)
        schema = None
        if "schema" in raw:
            own = "schema" in self._value["tasks"][task].get("output", {})
            where = ("tasks", task, "output", "schema") if own else ("defaults", "output", "schema")
            path = self._inside(raw["schema"], *where)
            schema = self._load(path, self._schema, *where)
        return OutputPolicy(
            OutputFormat(raw["format"]), AnswerSource(raw["from"]), Fences(raw["fenced"]), raw.get("confidence"), schema
        )

    def _schema(self, path: PurePosixPath) -> SchemaDocument:
        data = self._files.read(path, LARGEST_DOCUMENT)
        label = self._files.label(path)
        if path.suffix in (".yaml", ".yml"):
            return SchemaDocument(path, parse_yaml(data, label).value)
        try:
            return SchemaDocument(path, strict_json.parse_unique(data.decode("utf-8-sig")))
        except ValueError as error:
            raise InputError(
                f"the schema is not JSON: {strict_json.problem(error)}",
                place=Place(label, getattr(error, "lineno", None)),
            ) from None

    def _asked(self, raw: Mapping[str, Any], *here: str) -> Prompt | None:
        """What is asked of the model: a prompt, or the team's own call path."""
        if "call" not in raw:
            if "hosts" in raw:
                place = self._document.place(*here, "hosts")
                raise InputError(f"{'.'.join(here)}: 'hosts' needs 'call'", place=place)
            return self._prompt(raw["prompt"], *here, "prompt") if "prompt" in raw else None
        for name in ("prompt", "request"):
            if name in raw:
                what = f"{'.'.join(here)}: '{name}' stands beside 'call'"
                valid = "one of them: the function of `call` makes its own requests"
                raise InputError(what, place=self._document.place(*here, name), valid=valid)
        builder = read_builder(self._files, raw["call"], self._path.parent)
        function = Place(self._files.label(builder.source), builder.line) if builder.source is not None else None
        place = self._document.place(*here, "call")
        return OwnCall(builder.reference, builder.code, tuple(raw.get("hosts", ())), place, function)

    def _prompt(self, raw: str | Mapping[str, str], *where: str) -> Prompt:
        if not isinstance(raw, str):
            return read_builder(self._files, raw["python"], self._path.parent)
        return self._template(raw, *where)

    def _template(self, text: str, *where: str) -> PromptTemplate:
        path = self._inside(text, *where)
        return self._load(path, lambda found: read_template(self._files, found, self._path.parent), *where)

    def _load(self, path: PurePosixPath, read: Callable[[PurePosixPath], Read], *where: str) -> Read:
        """Read a file that the registry names, once; a missing one is an error at the line that names it."""
        if path not in self._read:
            try:
                self._read[path] = read(path)
            except OSError as error:
                absent = error.errno in (None, errno.ENOENT, errno.ENOTDIR)
                problem = f"{path} does not exist" if absent else f"{path}: {error.strerror}"
                place = self._document.place(*where)
                raise InputError(f"{'.'.join(where)}: {problem}", place=place, valid="a readable file") from None
            except InputError as error:
                if error.place is not None:
                    raise
                place = self._document.place(*where)
                raise InputError(f"{'.'.join(where)}: {error.what}", place=place, valid=error.valid) from None
        result: Read = self._read[path]
        return result

    def _inside(self, text: str, *where: str) -> PurePosixPath:
        try:
            return inside(self._path.parent, text)
        except ValueError as error:
            raise InputError(
                f"{'.'.join(where)}: '{text}' {error}",
                place=self._document.place(*where),
                valid="a path relative to the registry, inside pytest's rootdir",
            ) from None

    def _check_tier(self, name: str, names: list[str], *where: str) -> None:
        if name not in names:
            place = self._document.place(*where)
            raise InputError(f"{'.'.join(where)}: unknown tier '{name}'", place=place, valid=did_you_mean(name, names))

    def _acknowledged(self) -> list[Acknowledgement]:
        return [
            Acknowledgement(
                kind=raw["kind"],
                task=raw.get("task"),
                old=raw.get("from"),
                new=raw.get("to"),
                reason=raw["reason"],
                place=self._document.place("acknowledged", index),
            )
            for index, raw in enumerate(self._value.get("acknowledged") or [])
        ]
