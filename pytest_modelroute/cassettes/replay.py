"""Recorded answers by key: found, missing, stale or unreadable, and never a call."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, unquote

from .. import strict_json
from ..errors import ErrorKind, InputError, UnobtainedAnswer
from ..registry.files import Files
from .differences import differences
from .index import Cassette, open_cassette
from .lines import Interaction

__all__ = [
    "Query",
    "Recordings",
    "cassette_path",
    "check_digest",
    "check_writable",
    "filed_as",
    "grades_of",
    "recorded_body",
]

GRADER = "grader"


@dataclass(frozen=True, slots=True)
class Query:
    """One answer that is wanted.

    `wire` gives the request's body, where one is known, to explain a stale recording; a recording from elsewhere than
    `endpoint`, where one is given, is none of it. `sample` counts from 0.
    """

    task: str
    case: str
    model: str
    key: str
    wire: Callable[[], Mapping[str, Any]] | None
    command: str
    endpoint: str = ""
    sample: int = 0


def cassette_path(folder: PurePosixPath, task: str, model: str) -> PurePosixPath:
    """`task/model.yaml`, and for the grades of a task `task/grader@model.yaml`."""
    name, _, role = task.partition("@")
    return folder / name / f"{f'{role}@' if role else ''}{quote(model, safe='')}.yaml"


def grades_of(task: str) -> str:
    """What the grades of a task's answers are recorded under: no task can be called so."""
    return f"{task}@{GRADER}"


def filed_as(path: PurePosixPath) -> tuple[str, str]:
    """The task (or `grades_of` it) and the model that a cassette's path says."""
    task, prefix = path.parent.name, f"{GRADER}@"
    if path.stem.startswith(prefix):
        return grades_of(task), unquote(path.stem.removeprefix(prefix))
    return task, unquote(path.stem)


def check_writable(path: Path) -> None:
    """Raise InputError where no file could be written at `path`, whose folders need not be there yet."""
    if path.is_dir():
        raise InputError(f"{path} cannot be written: it is a folder", fix="move it away")
    folder = next(parent for parent in path.parents if os.path.lexists(parent))
    if not folder.is_dir():
        what = f"{path} cannot be written: {folder} is not a folder"
        raise InputError(what, fix="move it away, or name another folder in the registry's `cassettes`")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{path} cannot be written: {folder} is not writable", fix="make that folder writable")


class Recordings:
    """The cassettes below one folder of one tree of files. Each is opened once, at its first use.

    `hidden` takes credentials out of what is told of a request. `names` has the names that tasks are filed under, where
    they are called otherwise now.
    """

    def __init__(
        self,
        files: Files,
        folder: PurePosixPath,
        hidden: Callable[[str], str] = str,
        names: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._hidden = hidden
        self._names = names
        self._files = files
        self._folder = folder
        self._cassettes: dict[tuple[str, str], Cassette] = {}
        self._failures: dict[str, UnobtainedAnswer] = {}

    def cassette(self, task: str, model: str) -> Cassette:
        if (task, model) not in self._cassettes:
            name, grades, role = task.partition("@")
            path = cassette_path(self._folder, f"{self._names.get(name, name)}{grades}{role}", model)
            self._cassettes[task, model] = open_cassette(self._files, path)
        return self._cassettes[task, model]

    def forget(self, task: str, model: str) -> None:
        """Drop what is known of a cassette that was written anew."""
        cassette = self._cassettes.pop((task, model), None)
        if cassette is not None:
            cassette.close()

    def failed(self, key: str, reason: UnobtainedAnswer) -> None:
        """Note that recording `key` was tried in this session, and why it gave nothing."""
        self._failures[key] = reason

    def close(self) -> None:
        for task, model in list(self._cassettes):
            self.forget(task, model)

    def warnings(self) -> list[str]:
        """What was odd about the cassettes that were opened, in words."""
        found = []
        for cassette in self._cassettes.values():
            if cassette.twins:
                found.append(f"{cassette.label}: {len(cassette.twins)} recorded twice; the latest recording counts")
            if cassette.damaged:
                found.append(f"{cassette.label}: {_damage(cassette)}")
        return found

    def find(self, query: Query) -> Interaction:
        """The recording of a key. Raises UnobtainedAnswer: missing, stale, unreadable, or the call just failed."""
        cassette = self.cassette(query.task, query.model)
        interaction = cassette.find(query.key)
        if query.key in self._failures:
            failure = self._failures[query.key]
            raise UnobtainedAnswer(failure.kind, failure.detail, lasting=failure.lasting)
        if interaction is not None:
            if query.endpoint and not interaction.uri.startswith(f"{query.endpoint}/"):
                detail = f"recorded from {interaction.uri}, not from {query.endpoint}: {query.command}"
                raise UnobtainedAnswer(ErrorKind.STALE, detail)
            return interaction
        if cassette.fault:
            detail = f"{cassette.label} cannot be read: {cassette.fault}"
            raise UnobtainedAnswer(ErrorKind.UNREADABLE, detail)
        others = [other for other in cassette.of_case(query.case) if other.sample == query.sample]
        if others:
            raise UnobtainedAnswer(ErrorKind.STALE, f"{self._other_request(query, others)}: {query.command}")
        if cassette.damaged:
            detail = f"not recorded, or in a damaged line ({cassette.label}: {_damage(cassette)}): {query.command}"
            raise UnobtainedAnswer(ErrorKind.UNREADABLE, detail, cassette=cassette.label)
        raise UnobtainedAnswer(ErrorKind.MISSING, f"not recorded: {query.command}")

    def _other_request(self, query: Query, others: list[Interaction]) -> str:
        if query.wire is None:
            return "recorded for another input or function"
        latest = max(others, key=lambda other: other.recorded_at)
        found = differences(latest.request_body, query.wire(), self._hidden)
        return f"recorded for another request ({'; '.join(itertools.islice(found, 3)) or 'betas'})"


def _damage(cassette: Cassette) -> str:
    numbers, more = ", ".join(map(str, cassette.damaged[:5])), len(cassette.damaged) - 5
    return f"damaged in line {numbers}" + (f" and {more} more" if more > 0 else "")


def recorded_body(interaction: Interaction, label: str) -> Mapping[str, Any]:
    """The message that was answered, as the cassette `label` holds it.

    Raises UnobtainedAnswer for anything but a 200 with a JSON object as recorded.
    """
    if interaction.status != 200:
        raise _spoilt(f"the recording holds a status of {interaction.status}, not an answer", label)
    try:
        body = strict_json.parse(interaction.response_body)
    except ValueError as error:
        raise _spoilt(f"the recorded answer is not JSON: {error}", label) from None
    if not isinstance(body, dict):
        raise _spoilt("the recorded answer is not a JSON object", label)
    check_digest(interaction, label, body)
    return body


def check_digest(interaction: Interaction, label: str, message: Mapping[str, Any] | None = None) -> None:
    """Raise UnobtainedAnswer where the answer, of whatever form, is not the one that was recorded for this call.

    `message` is the answer, where it is parsed already.
    """
    if interaction.expected_digest(message) != interaction.digest:
        raise _spoilt("the recording does not match its digest: it was edited, or is that of another call", label)


def _spoilt(detail: str, label: str) -> UnobtainedAnswer:
    what = f"{detail}; restore {label} from git, or record again"
    return UnobtainedAnswer(ErrorKind.UNREADABLE, what, cassette=label)
