"""Golden datasets: JSON Lines of cases, checked line by line."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from .. import strict_json
from ..errors import InputError, Place, did_you_mean
from ..registry.files import Files
from .nesting import DEEPEST_NESTING, nested_too_deeply

__all__ = ["ABSENT", "Absent", "GoldenCase", "load_golden"]

RESERVED_ID = "gate"
KEYS = ("id", "input", "expected", "tags")


class Absent:
    """The expectation of a case that states none; `null` is an expectation."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = Absent()


@dataclass(frozen=True, slots=True)
class GoldenCase:
    """One line of a golden dataset."""

    id: str
    input: Mapping[str, Any]
    expected: Any
    tags: tuple[str, ...]
    line: int

    @property
    def question(self) -> str:
        """What it asks, in canonical JSON."""
        return strict_json.canonical(self.input)

    @property
    def content(self) -> str:
        """All that it says, in canonical JSON: two cases with the same are the same, whatever their ids."""
        return strict_json.canonical([self.input, *([] if self.expected is ABSENT else [self.expected])])


def load_golden(files: Files, path: PurePosixPath, problem_with: Callable[[Any], str | None]) -> tuple[GoldenCase, ...]:
    """Read a golden dataset; `problem_with(expected)` is the scorer's objection to an expectation, or None.

    Blank lines, a byte order mark and CRLF are fine. Raises InputError with file and line for anything else.
    """
    label = files.label(path)
    data = files.read(path).removeprefix(b"\xef\xbb\xbf")
    cases: dict[str, GoldenCase] = {}
    for number, raw in enumerate(data.split(b"\n"), start=1):
        if not raw.strip():
            continue
        place = Place(label, number)
        case = _case(raw, place)
        if case.id in cases:
            what = f"the id '{case.id}' stands in line {cases[case.id].line} already"
            raise InputError(what, place=place, valid="an id of its own for each case")
        objection = problem_with(case.expected)
        if objection:
            raise InputError(f"case '{case.id}': {objection}", place=place)
        cases[case.id] = case
    if not cases:
        raise InputError(
            "the golden dataset is empty", place=Place(label), valid='lines of {"id", "input", "expected"}'
        )
    return tuple(cases.values())


def _case(raw: bytes, place: Place) -> GoldenCase:
    try:
        value = strict_json.parse_unique(raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise InputError("the line is not UTF-8", place=place, valid="UTF-8 text") from None
    except ValueError as error:
        what = f"broken JSON: {strict_json.problem(error)}"
        raise InputError(what, place=place, valid="one JSON object a line") from None
    if nested_too_deeply(value):
        raise InputError("nested too deeply", place=place, valid=f"at most {DEEPEST_NESTING} levels")
    if not isinstance(value, dict):
        raise InputError("the line is not a JSON object", place=place, valid='{"id", "input", "expected", "tags"}')
    for key in value:
        if key not in KEYS:
            raise InputError(f"unknown key '{key}'", place=place, valid=did_you_mean(key, KEYS))
    for key in ("id", "input"):
        if key not in value:
            raise InputError(f"the key '{key}' is missing", place=place, valid='{"id", "input", "expected", "tags"}')
    problem = _id_problem(value["id"])
    if problem:
        raise InputError(f"the id {strict_json.compact(value['id'])} {problem}", place=place)
    if not isinstance(value["input"], dict):
        raise InputError("'input' is not a JSON object", place=place, valid='"input": {"text": "..."}')
    tags = value.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise InputError("'tags' is not a list of strings", place=place, valid='"tags": ["ambiguous"]')
    return GoldenCase(value["id"], value["input"], value.get("expected", ABSENT), tuple(tags), place.line or 0)


def _id_problem(value: object) -> str | None:
    if not isinstance(value, str) or not value:
        return "is not a text"
    if value == RESERVED_ID:
        return "is reserved for the task's gate"
    if "::" in value:
        return "holds '::', which separates the parts of a node id"
    if value != value.strip():
        return "begins or ends with a space"
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        return "holds a control character"
    return None
