"""The cases behind a failed gate, each in one line that shows where the answer parts from what was expected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .. import strict_json
from ..errors import ErrorKind
from ..evaluation.answers import WrongKind
from ..evaluation.comparing import same
from ..evaluation.golden import ABSENT
from ..evaluation.results import CaseResult, Outcome
from ..evaluation.scorer import part_of
from .mending import sample_label, why
from .model import TaskReport
from .text import columns, cut, printable

__all__ = ["case_lines", "listed"]

MOST_CASES = 10
SHORTEST_VALUE = 12
SHORTEST_LINE = 48
CONTEXT = 8  # characters before the place where two texts part
LONGEST_REASON = 60


def listed(head: str, names: Sequence[str], width: int) -> str:
    """`broke: a, b, ... and 3 more`: as many names as fit into `width` columns, and one at least."""
    whole = f"{head}: " + ", ".join(map(printable, names))
    if columns(whole) <= width:
        return whole
    line = f"{head}: {printable(names[0])}"
    for index, name in enumerate(names[1:], start=1):
        longer = f"{line}, {printable(name)}"
        if columns(f"{longer}, ... and {len(names) - index - 1} more") > width:
            more = f", ... and {len(names) - index} more"
            return cut(line, width - len(more)) + more
        line = longer
    return cut(line, width)


def case_lines(task: TaskReport, width: int) -> Iterator[str]:
    """The cases that were wrong or in error, those that say most first, each at most `width` columns wide."""
    width = max(width, SHORTEST_LINE)
    faulty = [result for result in task.results or () if result.outcome is not Outcome.CORRECT]
    # Errors decide an `error` verdict, and what the change broke says most about a failed one.
    broke = frozenset(task.paired.broke) if task.paired else frozenset()
    faulty.sort(key=lambda result: (result.outcome is not Outcome.ERROR, result.case not in broke))
    numbered = any(result.sample for result in task.results or ())
    told = _alike(faulty)
    graded, flaky = task.grader is not None, frozenset(task.flaky)
    for group in told[:MOST_CASES]:
        label = sample_label(group[0], numbered=numbered, flaky=group[0].case in flaky)
        yield cut(_case(group[0], label, len(group) - 1, width, graded=graded), width)
    more = sum(map(len, told[MOST_CASES:]))
    if more:
        yield f"... and {more} more"


def _alike(faulty: Sequence[CaseResult]) -> list[list[CaseResult]]:
    """Those together that an endpoint failed in the same way: one that is stopped says so of each of its calls."""
    groups: dict[object, list[CaseResult]] = {}
    for result in faulty:
        one = result.detail if result.kind is ErrorKind.TRANSPORT else (result.case, result.sample)
        groups.setdefault(one, []).append(result)
    return list(groups.values())


def _case(result: CaseResult, label: str, alike: int, width: int, *, graded: bool) -> str:
    more = f" and {alike} more" if alike else ""
    head = f"{printable(label)}{more}  {result.kind.value if result.kind else ''}"
    room = width - columns(head) - 2
    if result.outcome is Outcome.ERROR:
        return f"{head}  {printable(why(result))}"
    if result.kind is WrongKind.MISMATCH and not graded:  # where a grader says why, that says most
        if isinstance(result.expected, Mapping) and isinstance(result.output, Mapping):
            parts = _parting(result.expected, result.output, result.detail)
            if parts:
                return f"{head}  {_fields(parts, room)}"
        expected, got = _pair(result.expected, result.output, room - len("expected   got "))
        return f"{head}  expected {expected}  got {got}"
    reason = cut(printable(result.detail), LONGEST_REASON)
    left = room - columns(reason) - len("expected   got   ()")
    if left >= 2 * SHORTEST_VALUE:
        expected, got = _pair(result.expected, result.output, left)
        return f"{head}  expected {expected}  got {got}  ({reason})"
    return f"{head}  ({reason})  got {_shown(result.output)}"


def _parting(expected: Mapping[str, Any], output: Mapping[str, Any], detail: str) -> list[tuple[str, Any, Any]]:
    """The fields in which an output parts from the expectation, with both values.

    A scorer that compares fields names them in its detail, and knows which differences it lets pass.
    """
    named = [part.partition(": expected ")[0] for part in detail.split("; ") if ": expected " in part]
    found = [(name, part_of(expected, name), part_of(output, name)) for name in named]
    found = [each for each in found if each[1] is not ABSENT or each[2] is not ABSENT]
    if found:
        return found
    # Fields that only the output has count where nothing else differs: an expectation may be a part of the answer.
    for names in (expected, output):
        pairs = [(name, expected.get(name, ABSENT), output.get(name, ABSENT)) for name in names]
        found = [each for each in pairs if each[1] is ABSENT or each[2] is ABSENT or not same(each[1], each[2])]
        if found:
            break
    return found


def _fields(parts: list[tuple[str, Any, Any]], room: int) -> str:
    """`label: expected "refund", got "other"`, one behind the other as far as they fit."""
    told: list[str] = []
    for index, (name, expected, got) in enumerate(parts):
        rest = len(parts) - index - 1
        more = f"; ... and {rest} more" if rest else ""
        left = room - columns("; ".join(told)) - (2 if told else 0) - len(more)
        shown = _pair(expected, got, left - columns(printable(name)) - len(": expected , got "))
        text = f"{printable(name)}: expected {shown[0]}, got {shown[1]}"
        if told and columns(text) > left:
            return "; ".join(told) + f"; ... and {rest + 1} more"
        told.append(text)
    return "; ".join(told)


def _pair(expected: Any, got: Any, room: int) -> tuple[str, str]:
    """Both values in `room` columns, cut so that the place where they part stays in sight."""
    texts = _shown(expected), _shown(got)
    room = max(room, 2 * SHORTEST_VALUE)
    if sum(map(columns, texts)) <= room:
        return texts
    half = room // 2
    same_start = next((i for i, (one, other) in enumerate(zip(*texts, strict=False)) if one != other), 0)
    if same_start > half - len("...") - 1:
        dropped = same_start - min(CONTEXT, half // 3)
        texts = f"...{texts[0][dropped:]}", f"...{texts[1][dropped:]}"
    # What one of them leaves unused, the other may take.
    first = cut(texts[0], max(half, room - columns(texts[1])))
    return first, cut(texts[1], room - columns(first))


def _shown(value: Any) -> str:
    return "nothing" if value is ABSENT else printable(strict_json.compact(value))
