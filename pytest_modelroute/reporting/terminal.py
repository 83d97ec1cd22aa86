"""The report in a terminal: a table to read in five seconds, then what a failed task needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .. import strict_json
from ..judgement.correction import false_pass_ceiling
from ..judgement.gate import Counts, Verdict
from ..judgement.intervals import ALPHA
from ..judgement.paired import mcnemar_p
from ..registry.changes import TIER_CHANGES, Change
from ..registry.model import Correction, Rule
from .cases import case_lines, listed
from .model import PairedReport, RunReport, TaskReport
from .numbers import interval, percent, points, usd
from .registry_gate import RegistryGate
from .text import columns, printable
from .wording import counted, way_out_lines

__all__ = ["Line", "Tone", "printable", "render"]


class Tone:
    """How a line is coloured, in pytest's words."""

    GOOD = "green"
    BAD = "red"
    DOUBTFUL = "yellow"
    PLAIN = ""


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    tone: str = Tone.PLAIN
    bold: bool = False


HEADINGS = ("task", "tier", "wrong", "rate (95 % bounds)", "limit", "broke/fixed", "USD/1000 calls", "verdict")
RIGHT_ALIGNED = frozenset({2, 4})


def render(report: RunReport, width: int, verbosity: int) -> Iterator[Line]:
    """The lines of the report, each at most `width` columns where its content allows; fewer with `-q`."""
    tasks = [task for task in report.tasks if verbosity >= 0 or _noteworthy(task)]
    if tasks:
        yield from _table(tasks, width)
    if verbosity >= 0:
        for change in report.changes:
            if change.kind not in TIER_CHANGES:
                yield Line(_change(change))
    for task in tasks:
        yield from _details(task, width)
    yield from _together(report)
    if report.gate is not None and report.gate.fails_build:
        yield from _registry_gate(report.gate)
    for warning in report.warnings:
        yield Line(f"warning: {warning}", Tone.DOUBTFUL)


def _noteworthy(task: TaskReport) -> bool:
    left_out = task.verdict is Verdict.NOT_EVALUATED and (task.strict or task.way_out is not None)
    return left_out or task.fails_build or task.verdict is Verdict.INCONCLUSIVE


def _table(tasks: list[TaskReport], width: int) -> Iterator[Line]:
    rows = [_row(task) for task in tasks]
    widths = [max(columns(row[index]) for row in (HEADINGS, *rows)) for index in range(len(HEADINGS))]
    if sum(widths) + 2 * (len(widths) - 1) > width:
        for task, row in zip(tasks, rows, strict=True):
            yield from _stacked(task, row)
        return
    yield Line(_joined(HEADINGS, widths), bold=True)
    for task, row in zip(tasks, rows, strict=True):
        yield Line(_joined(row, widths), _tone(task))


def _stacked(task: TaskReport, row: tuple[str, ...]) -> Iterator[Line]:
    """A row of the table for a terminal that is too narrow for it."""
    yield Line(f"{row[-1]}  {row[0]}  {row[1]}", _tone(task), bold=True)
    if task.results:
        wrong, *errors = row[2].split(", ")
        yield Line("  " + ", ".join((f"{wrong} wrong", *errors, row[3], f"limit {row[4]}")))
        yield Line(f"  broke/fixed {row[5]}, USD/1000 calls {row[6]}")


def _row(task: TaskReport) -> tuple[str, ...]:
    counts, judged, paired, limit = task.counts, task.judged, task.paired, task.policy.max_error
    rate = bounds = ""
    answered = judged is not None and judged.errors < judged.cases  # a rate of none says nothing
    if answered and judged is not None and judged.error_rate is not None and judged.bounds is not None:
        rate, bounds = percent(judged.error_rate, limit), interval(judged.bounds, limit)
    tier = f"{task.change.old} -> {task.change.new}" if task.change else task.tier
    if task.escalation is not None:
        tier += f", then {task.escalation.to}"
    cost = usd(task.usd_per_1000_calls)
    if paired is not None and task.change is not None:
        cost = f"{usd(paired.usd_per_1000_calls)} -> {cost}"
    return (
        task.task,
        tier,
        _tally(counts, task.cases),
        f"{rate} ({bounds})" if rate else "-",
        percent(limit) if task.cases else "-",
        f"{len(paired.broke)}/{len(paired.fixed)}" + f" vs {paired.tier}" * (task.change is None) if paired else "-",
        cost,
        task.verdict.value
        + ("!" if task.fails_build and task.verdict is Verdict.INCONCLUSIVE else "")
        + (f", {task.grader.shortcoming}" if task.grader and task.grader.shortcoming and task.results else ""),
    )


def _tally(counts: Counts | None, cases: int) -> str:
    if counts is None:
        return f"- of {cases}" if cases else "-"
    return f"{counts.wrong} of {cases}" + (f", {counted(counts.errors, 'error')}" if counts.errors else "")


def _joined(cells: tuple[str, ...], widths: list[int]) -> str:
    padded = []
    for index, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        space = " " * (width - columns(cell))
        padded.append(space + cell if index in RIGHT_ALIGNED else cell + space)
    return "  ".join(padded).rstrip()


def _tone(task: TaskReport) -> str:
    if task.fails_build:
        return Tone.BAD
    return {Verdict.PASS: Tone.GOOD, Verdict.UNGATED: Tone.PLAIN}.get(task.verdict, Tone.DOUBTFUL)


def _change(change: Change) -> str:
    told = f"{change.place}: {change.kind.value.replace('_', ' ')}"
    if change.task is not None:
        told += f": {change.task}"
    if change.old != change.new:
        told += f" ({strict_json.compact(change.old)} -> {strict_json.compact(change.new)})"
    if change.acknowledged is not None:
        told += f", acknowledged: {change.acknowledged.reason}"
    return printable(told)


def _details(task: TaskReport, width: int) -> Iterator[Line]:
    again = f"some cases were recorded up to {task.most_recordings} times with different answers"
    if not _noteworthy(task):
        if task.paired is not None and task.paired.self_graded and task.change is None:
            yield Line(f"{task.task}: {_self_graded(task.paired)}", Tone.DOUBTFUL)
        if task.escalation is not None:
            yield Line(printable(f"{task.task}: {task.escalation.told}"))
        if task.grader is not None and task.results:
            tone = Tone.DOUBTFUL if task.grader.shortcoming else Tone.PLAIN
            yield Line(printable(f"{task.task}: {task.grader.told}"), tone)
        if task.most_recordings > 1:  # until it passed, perhaps
            yield Line(f"{task.task}: {again}", Tone.DOUBTFUL)
        return
    head = f"{task.task}: {task.verdict.value}"
    if task.verdict is Verdict.INCONCLUSIVE and task.fails_build:
        head += ", which fails the build because the task's assignment changes"
    yield Line("")
    yield Line(head, _tone(task), bold=True)
    for reason in task.reasons:
        yield Line(f"  {printable(reason)}")
    if task.escalation is not None:
        yield Line(printable(f"  {task.escalation.told}"))
    if task.paired is not None and task.change is not None:
        yield from _comparison(task.paired, width)
    if task.most_recordings > 1:
        yield Line(f"  {again}")
    if task.fails_build:
        yield from (Line(f"    {line}") for line in case_lines(task, width - 4))
    if task.way_out:
        yield from map(Line, way_out_lines(task.way_out))


def _registry_gate(gate: RegistryGate) -> Iterator[Line]:
    yield Line("")
    yield Line(f"{gate.registry}: fail", Tone.BAD, bold=True)
    for reason in gate.reasons:
        yield Line(f"  {printable(reason)}")
    yield from map(Line, way_out_lines(gate.way_out))


def _together(report: RunReport) -> Iterator[Line]:
    """What the gates of several changed tasks may let through together."""
    changed = [task for task in report.tasks if task.strict and task.judged is not None]
    if len(changed) < 2:
        return
    ceiling = sum(false_pass_ceiling(task.policy, task.judged.cases) for task in changed if task.judged is not None)
    if all(task.policy.correction is Correction.HOLM for task in changed):
        held = f"Holm's method holds the chance of any false pass to {percent(ALPHA)}"
    elif all(task.policy.rule is Rule.CERTIFIED for task in changed):
        held = "`correction: holm` holds the chance of any to 5 %"
    else:
        held = f"`rule: certified` holds it to {len(changed) * ALPHA:.2f}"
    yield Line(
        f"{len(changed)} changed tasks: if each were just too bad, up to {ceiling:.2f} of them would pass; {held}"
    )


def _self_graded(paired: PairedReport) -> str:
    return f"{paired.tier} is the grader's model: it graded its own answers here"


def _comparison(paired: PairedReport, width: int) -> Iterator[Line]:
    lower, upper = paired.interval
    yield Line(
        f"  against {paired.tier} on {counted(paired.cases, 'case')}:"
        f" broke {len(paired.broke)}, fixed {len(paired.fixed)}"
        f" ({points(paired.discordance.difference)} points, 95 % bounds {points(lower)} to {points(upper)})"
    )
    yield Line(f"    McNemar's exact p {mcnemar_p(paired.discordance):.2g}: a description, which decides nothing")
    if paired.self_graded:
        yield Line(f"    {_self_graded(paired)}", Tone.DOUBTFUL)
    for what, cases in (("broke", paired.broke), ("fixed", paired.fixed)):
        if cases:
            yield Line("    " + listed(what, cases, width - 4))
