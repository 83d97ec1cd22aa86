"""What became of spoiled answers, as a table and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from .. import strict_json
from ..evaluation.golden import ABSENT
from ..evaluation.mutations import Mutation
from ..evaluation.scorer import part_of, pointer_of, told
from ..evaluation.selfcheck import MOST_MISSED, Noticed, Spoiled, TaskCheck
from ..registry.model import OutputFormat, ScorerKind, Task
from .cases import listed
from .numbers import percent
from .text import cut, printable
from .wording import counted

__all__ = ["selfcheck_json", "selfcheck_lines"]

WIDTH = 120
LABEL_WIDTH = 26
MOST_EXAMPLES = 5
HEADINGS = ("spoiled", "unreadable", "schema", "scorer", "missed")
LEGEND = "noticed as unreadable, by the schema, by the scorer (or it raised); missed: counted as correct all the same"

Hide = Callable[[str], str]


def selfcheck_lines(checks: Sequence[TaskCheck], hidden: Hide) -> Iterator[str]:
    """A table by task and kind of fault, then what each task does not score, then the weak tasks with examples."""
    yield _row("", HEADINGS)
    for check in checks:
        yield f"{check.task.name}: {counted(check.correct, 'correct answer')}{_unobtained(check)}"
        for mutation in Mutation:
            of_kind = [each for each in check.spoiled if each.mutant.mutation is mutation]
            if of_kind:
                yield _row(f"  {mutation.value}", _cells(of_kind))
    yield ""
    yield LEGEND
    for check in checks:
        for pointer, (missed, of) in check.unscored.items():
            declared = ", the declared confidence" if pointer == check.task.output.confidence else ""
            yield f"{check.task.name}: not scored: {_named(pointer)}{declared} ({missed} of {of} changes go unnoticed)"
    for check in checks:
        if check.weak or check.missed:
            yield ""
            yield from _findings(check, hidden)
    yield ""
    yield _sum(checks)


def _row(label: str, cells: Sequence[str]) -> str:
    widths = map(len, HEADINGS)
    return "  ".join(
        (label.ljust(LABEL_WIDTH), *(cell.rjust(width) for cell, width in zip(cells, widths, strict=True)))
    )


def _cells(spoiled: Sequence[Spoiled]) -> tuple[str, ...]:
    counts = Counter(each.noticed for each in spoiled)
    scorer = counts[Noticed.SCORER] + counts[Noticed.RAISED]
    numbers = (len(spoiled), counts[Noticed.READING], counts[Noticed.SCHEMA], scorer, counts[Noticed.NOTHING])
    return tuple(map(str, numbers))


def _unobtained(check: TaskCheck) -> str:
    return f", and {check.unobtained} that could not be obtained" if check.unobtained else ""


def _findings(check: TaskCheck, hidden: Hide) -> Iterator[str]:
    name = check.task.name
    if not check.spoiled:
        yield f"{name}: nothing could be checked: no recorded answer is correct"
        missing = f"`modelroute cassettes list {name}` says what is missing"
        yield f"  way out: {missing if check.unobtained else 'record a tier that answers correctly'}"
        return
    missed, of = len(check.missed), len(check.spoiled)
    weak = f"; the gate lets wrong answers pass (more than {percent(MOST_MISSED)} missed)" if check.weak else ""
    yield f"{name}: missed {missed} of {of} ({percent(missed / of, MOST_MISSED)}){weak}"
    for pointer, (of_part, number) in check.by_pointer.items():
        if of_part:
            share = percent(of_part / number, MOST_MISSED)
            yield f"  {_named(pointer)}: {of_part} of {number} ({share})"
    for each in _examples(check.missed):
        yield cut(f"    {_example(each, hidden)}", WIDTH)
    yield f"  way out: {_suggestion(check)}"


def _named(pointer: str | None) -> str:
    if pointer is None:
        return "the answer as a whole"
    return printable(pointer.removeprefix("/")) or "what is expected in the answer"


def _examples(missed: Sequence[Spoiled]) -> list[Spoiled]:
    """Some of what was missed, of every kind and part first."""
    first = {(each.mutant.mutation, each.mutant.pointer): each for each in reversed(missed)}
    rest = [each for each in missed if each not in first.values()]
    return [*reversed(first.values()), *rest][:MOST_EXAMPLES]


def _example(spoiled: Spoiled, hidden: Hide) -> str:
    mutant, answer, expected = spoiled.mutant, spoiled.mutant.answer, spoiled.case.expected
    where = ""
    if mutant.pointer and not mutant.raw:
        where, answer = f" in {_named(mutant.pointer)}", part_of(answer, mutant.pointer)
        expected = part_of(expected, mutant.pointer) if isinstance(expected, dict) else expected
    wanted = "" if expected is ABSENT else f", expected {told(expected)}"
    return printable(hidden(f"{spoiled.case.id}  {mutant.mutation.value}{where}: {told(answer)}{wanted}"))


def _suggestion(check: TaskCheck) -> str:
    task, score = check.task, check.task.score
    pointers = [pointer for pointer, (missed, _) in check.by_pointer.items() if missed and pointer]
    if score.kind is ScorerKind.FIELDS and pointers:
        scored = {pointer_of(name) for name in score.options["fields"]}
        left_out = [_named(pointer) for pointer in pointers if pointer not in scored]
        lax = [_named(pointer) for pointer in pointers if pointer in scored]
        ways = (("add to `fields`", left_out), ("compare more strictly", lax))
        return f"{'; '.join(listed(way, names, WIDTH) for way, names in ways if names)} ({score.place})"
    way_out = {
        ScorerKind.CONTAINS: "compare the whole answer: `kind: exact`, or `kind: fields` with `format: json`",
        ScorerKind.REGEX: "match the whole text: `match: full`, with a pattern that allows nothing else",
        ScorerKind.SET_F1: "raise `minimum`",
        ScorerKind.NUMBER: "narrow the tolerance, or ask for the number alone: `kind: exact`",
        ScorerKind.PYTHON: f"let {score.options.get('function')} return false for these",
    }.get(score.kind, "have `expected` and the scorer cover what the examples change")
    return f"{way_out} ({score.place}){_schema(task)}"


def _schema(task: Task) -> str:
    lacks = task.output.schema is None and task.output.format is OutputFormat.JSON
    return "; and give the output a schema" if lacks else ""


def _sum(checks: Sequence[TaskCheck]) -> str:
    weak = [check.task.name for check in checks if check.weak]
    if weak:
        return listed("weak" if len(checks) > 1 else "it is weak", weak, WIDTH)
    if not checks:
        return "no gated task"
    weakest = max(checks, key=lambda check: (check.worst_rate, -len(check.spoiled)))
    missed, of = len(weakest.missed), len(weakest.spoiled)
    told = f"missed {missed} of {of} ({percent(missed / of)})"
    return f"weakest: {weakest.task.name}, {told}" if len(checks) > 1 else told


def selfcheck_json(checks: Sequence[TaskCheck], hidden: Hide) -> str:
    """The same with every answer that was missed."""
    return json.dumps({"format": 1, "tasks": [_json(check, hidden) for check in checks]}, indent=2)


def _json(check: TaskCheck, hidden: Hide) -> dict[str, object]:
    kinds = {mutation: [each for each in check.spoiled if each.mutant.mutation is mutation] for mutation in Mutation}
    return {
        "task": check.task.name,
        "correct": check.correct,
        "unobtained": check.unobtained,
        "spoiled": len(check.spoiled),
        "missed": len(check.missed),
        "weak": check.weak,
        "mutations": {
            mutation.name.lower(): {
                noticed.value: sum(each.noticed is noticed for each in found) for noticed in Noticed
            }
            for mutation, found in kinds.items()
            if found
        },
        "parts": [
            {"part": pointer, "missed": missed, "spoiled": of} for pointer, (missed, of) in check.by_pointer.items()
        ],
        "not_scored": [
            {"part": pointer, "unnoticed": missed, "changed": of} for pointer, (missed, of) in check.unscored.items()
        ],
        "missed_answers": [
            {
                "case": each.case.id,
                "mutation": each.mutant.mutation.name.lower(),
                "part": each.mutant.pointer,
                "answer": hidden(strict_json.compact(each.mutant.answer)),
            }
            for each in check.missed
        ],
    }
