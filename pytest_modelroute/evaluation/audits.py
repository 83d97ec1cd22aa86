"""A person's labels of answers that a grader judged, and which answers are still to be labelled."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from .. import strict_json
from ..errors import InputError, Place, did_you_mean
from ..registry.changes import Change, ChangeKind
from ..registry.files import Files
from ..registry.fingerprints import DIGITS, named
from .answers import WrongKind
from .golden import ABSENT, GoldenCase
from .results import CaseResult, Outcome

__all__ = [
    "Judged",
    "Judgements",
    "Label",
    "Labels",
    "add_lines",
    "audit_changes",
    "audit_path",
    "judged_answer",
    "load_labels",
]

FOLDER = "audits"
NEEDED: Mapping[str, type] = {"case": str, "answer": str, "tier": str, "correct": bool, "by": str, "at": str}
KEYS = (*NEEDED, "note")


@dataclass(frozen=True, slots=True)
class Label:
    """One person's word on one answer, told by `judged_answer`. `at` is an ISO 8601 time in UTC."""

    case: str
    answer: str
    tier: str
    correct: bool
    by: str
    at: str
    note: str = ""

    def to_wire(self) -> dict[str, Any]:
        wire: dict[str, Any] = {name: getattr(self, name) for name in NEEDED}
        return {**wire, "note": self.note} if self.note else wire


@dataclass(frozen=True, slots=True)
class Labels:
    """What an audit file holds: how and by whom it was made, and the latest label of each answer."""

    about: tuple[str, ...] = ()
    by_answer: Mapping[str, Label] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judged:
    """One answer with the grader's verdict, and the label that a person gave it; None where nobody did."""

    case: GoldenCase
    output: Any
    answer: str
    flagged: bool
    label: Label | None


@dataclass(frozen=True, slots=True)
class Judgements:
    """A grader's verdicts on distinct answers. `faulty` of them were wrong by their form, and no grader saw them.

    `passed` stand in the order in which they are to be labelled: one that nobody chose.
    """

    faulty: int
    flagged: tuple[Judged, ...]
    passed: tuple[Judged, ...]

    @property
    def checked(self) -> tuple[Judged, ...]:
        """The passed answers that count as a random draw: the first ones, as far as all are labelled."""
        first = next((index for index, each in enumerate(self.passed) if each.label is None), len(self.passed))
        return self.passed[:first]

    def to_label(self, passed: int) -> list[Judged]:
        """All flagged answers and the first `passed` others without a label, in an order that tells no verdict."""
        chosen = [each for each in (*self.flagged, *self.passed[:passed]) if each.label is None]
        return sorted(chosen, key=lambda each: _order("to be shown", each))

    @classmethod
    def of(
        cls, task: str, cases: Sequence[GoldenCase], keys: Sequence[str], results: Sequence[CaseResult], labels: Labels
    ) -> Judgements:
        """The verdicts of `results`, one a case; of identical requests, whose `keys` are one, the worst counts."""
        distinct: dict[str, tuple[GoldenCase, CaseResult]] = {}
        for case, key, result in zip(cases, keys, results, strict=True):
            known = distinct.get(key)
            if known is None or result.outcome.badness > known[1].outcome.badness:
                distinct[key] = (case, result)
        judged = []
        faulty = 0
        for case, result in distinct.values():
            if result.outcome is Outcome.ERROR:
                continue
            if result.kind not in (None, WrongKind.MISMATCH):
                faulty += 1
                continue
            answer = judged_answer(case, result.output)
            label = labels.by_answer.get(answer)
            judged.append(Judged(case, result.output, answer, result.outcome is Outcome.WRONG, label))
        passed = sorted((each for each in judged if not each.flagged), key=lambda each: _order(f"draw of {task}", each))
        return cls(faulty, tuple(each for each in judged if each.flagged), tuple(passed))


def _order(salt: str, judged: Judged) -> str:
    """A place that neither labels nor ids choose, nor whoever gives them; another `salt` gives another order."""
    about = json.dumps([salt, judged.case.question, judged.output], sort_keys=True, default=repr)
    return hashlib.sha256(about.encode()).hexdigest()


def judged_answer(case: GoldenCase, output: Any) -> str:
    """SHA-256 of all that a label is about: the case with its input and expectation, and the output."""
    about = {"case": case.id, "input": case.input, "output": output}
    if case.expected is not ABSENT:
        about["expected"] = case.expected
    text = json.dumps(about, sort_keys=True, separators=(",", ":"), default=repr)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def audit_path(folder: PurePosixPath, task: str) -> PurePosixPath:
    """Where a task's labels stand; `folder` is the registry's."""
    return folder / FOLDER / f"{task}.jsonl"


def load_labels(files: Files, path: PurePosixPath) -> Labels:
    """Read an audit file; one that is not there holds nothing. Raises InputError with file and line."""
    try:
        data = files.read(path).removeprefix(b"\xef\xbb\xbf")
    except (FileNotFoundError, NotADirectoryError):
        return Labels()
    about: list[str] = []
    labels: dict[str, Label] = {}
    for place, line in _lines(files.label(path), data):
        if set(line) == {"about"} and isinstance(line["about"], str):
            about.append(line["about"])
        else:
            label = _label(line, place)
            known = labels.get(label.answer)
            if known is None or label.at >= known.at:
                labels[label.answer] = label
    return Labels(tuple(about), labels)


def _lines(name: str, data: bytes) -> Iterator[tuple[Place, dict[str, Any]]]:
    for number, raw in enumerate(data.split(b"\n"), start=1):
        if not raw.strip():
            continue
        place = Place(name, number)
        try:
            value = strict_json.parse_unique(raw.decode("utf-8"))
        except ValueError as error:
            what = f"broken JSON: {strict_json.problem(error)}"
            raise InputError(what, place=place, valid="one JSON object a line") from None
        if not isinstance(value, dict):
            raise InputError("the line is not a JSON object", place=place, valid=_VALID)
        yield place, value


_VALID = '{"about": "how and by whom"}, or a label: {"case", "answer", "tier", "correct", "by", "at", "note"}'


def _label(line: Mapping[str, Any], place: Place) -> Label:
    for name in line:
        if name not in KEYS:
            raise InputError(f"unknown key '{name}'", place=place, valid=did_you_mean(name, KEYS))
    for name, kind in NEEDED.items():
        if name not in line:
            raise InputError(f"the key '{name}' is missing", place=place, valid=_VALID)
        if type(line[name]) is not kind:
            valid = "true or false" if kind is bool else "a text"
            raise InputError(f"'{name}' is {strict_json.compact(line[name])}", place=place, valid=valid)
    if not isinstance(line.get("note", ""), str):
        raise InputError("'note' is not a text", place=place, valid="a text")
    return Label(**line)


def audit_changes(
    task: str, base: Labels, head: Labels, path: PurePosixPath, recorded: Callable[[Collection[str]], Set[str]]
) -> Iterator[Change]:
    """One change for all labels that are new, say the opposite, or are gone while their answer still stands.

    A new label makes a gate pass as well as one that is gone, and no label tells with what care it was given.
    `recorded` gives the answers that are recorded for some cases today.
    """
    gone = {answer: label for answer, label in base.by_answer.items() if answer not in head.by_answer}
    still = recorded({label.case for label in gone.values()}) if gone else frozenset()
    found: dict[str, tuple[Label | None, Label | None]] = {
        answer: (label, None) for answer, label in gone.items() if answer in still
    }
    for answer, label in head.by_answer.items():
        before = base.by_answer.get(answer)
        if before is None or before.correct != label.correct:
            found[answer] = (before, label)
    if found:
        old, new = (_told({answer: pair[side] for answer, pair in found.items()}, base, head) for side in (0, 1))
        old = old if any(before for before, _ in found.values()) else None
        undoing = f"put the labels of the base back in {path}"
        yield Change(ChangeKind.AUDIT_CHANGED, task, old, new, Place(str(path)), undoing=undoing, loosens=True)


def _told(labels: Mapping[str, Label | None], *sides: Labels) -> Any:
    """What the labels of some answers say, by case, or by case and answer where several are of one case."""
    cases = {answer: label.case for side in sides for answer, label in side.by_answer.items() if answer in labels}
    shared = Counter(cases.values())
    names = {
        answer: case if shared[case] == 1 else f"{case} {answer[: len('sha256:') + DIGITS]}"
        for answer, case in cases.items()
    }
    return named({names[answer]: label and label.correct for answer, label in labels.items()}, "labels")


def add_lines(path: Path, *lines: Mapping[str, Any]) -> None:
    """Append lines to an audit file, and see to it that they stay. Raises InputError where that fails."""
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            file.seek(0, os.SEEK_END)
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    text = "\n" + text
            file.write(text.encode("utf-8", "backslashreplace"))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from None
