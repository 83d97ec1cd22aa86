"""What a gate's rules do at assumed error rates, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..judgement.operating import Chances, CutOffs, Operation
from ..judgement.power import MOST_CASES
from ..registry.model import Rule, Task
from .numbers import chance, percent
from .wording import counted

__all__ = ["Power", "power_json", "power_lines"]

LEGEND = (
    "cells: the chance of pass/fail/inconclusive in %, rounded; wrong: the most wrong that pass/the fewest that fail"
)
NEEDED = "needed: the cases from which on certified passes with 80 % power; -: at this rate none will do"
NONE = "-"


@dataclass(frozen=True, slots=True)
class Power:
    """A task's gate at a threshold: by rule how it operates on each number of cases, at the same assumed `rates`.

    `needed` are the cases that a certified gate needs at each rate; None where no feasible number will do.
    """

    task: Task
    threshold: float
    rates: tuple[float, ...]
    operations: Mapping[Rule, tuple[Operation, ...]]
    needed: tuple[int | None, ...]

    @property
    def sizes(self) -> list[int]:
        return [each.limits.cases for each in next(iter(self.operations.values()))]


def power_lines(power: Power) -> Iterator[str]:
    """One table with a column a rule where one number of cases is asked for, else one a rule with a column a number."""
    sizes = power.sizes
    told = f"{counted(sizes[0], 'case')}, " if len(sizes) == 1 else ""
    yield f"{power.task.name}: {told}at most {percent(power.threshold)} wrong"
    if len(sizes) == 1:
        columns = [(_heading(power, rule), operations[0]) for rule, operations in power.operations.items()]
        yield ""
        yield from _table(power, "true error", columns, needed=Rule.CERTIFIED in power.operations)
    else:
        for rule, operations in power.operations.items():
            columns = [(f"n={each.limits.cases}", each) for each in operations]
            yield ""
            yield from _table(power, _heading(power, rule), columns, needed=rule is Rule.CERTIFIED)
    yield ""
    yield LEGEND
    if Rule.CERTIFIED in power.operations:
        yield NEEDED
    if power.task.gate.rule in power.operations:
        yield f"* the task's rule{_few(power)}"
    elif _few(power):
        yield _few(power).removeprefix("; ")
    if power.task.samples > 1:
        yield f"for one answer a case: what the task's {power.task.samples} samples of each add is known once recorded"


def _few(power: Power) -> str:
    fewest = power.task.gate.min_cases
    short = Rule.OBSERVED in power.operations and min(power.sizes) < fewest
    return f"; observed passes nothing on fewer than {fewest} cases (min_cases)" if short else ""


def _heading(power: Power, rule: Rule) -> str:
    return rule.value + " *" * (rule is power.task.gate.rule)


def _table(power: Power, corner: str, columns: Sequence[tuple[str, Operation]], *, needed: bool) -> Iterator[str]:
    rows = [[corner, *(heading for heading, _ in columns), *(["needed"] if needed else [])]]
    for index, rate in enumerate(power.rates):
        cells = [_cell(each.chances[index]) for _, each in columns]
        rows.append([percent(rate), *cells, *([_needed(power, index)] if needed else [])])
    rows.append(["wrong", *(_cut_offs(each.limits) for _, each in columns)])
    widths = [max(len(row[index]) for row in rows if index < len(row)) for index in range(len(rows[0]))]
    for row in rows:
        first, *others = (cell.rjust(width) for cell, width in zip(row, widths, strict=False))
        yield "  ".join((row[0].ljust(len(first)), *others)).rstrip()


def _cell(chances: Chances) -> str:
    passes = chance(chances.passes, decimal=True)  # the one that decides between rules
    return f"{passes}/{chance(chances.fails)}/{chance(chances.inconclusive)}"


def _needed(power: Power, index: int) -> str:
    needed = power.needed[index]
    if needed is None:
        return f">{MOST_CASES}" if power.rates[index] < power.threshold else NONE
    return str(needed)


def _cut_offs(limits: CutOffs) -> str:
    return "/".join(NONE if each is None else str(each) for each in (limits.pass_at_most, limits.fail_at_least))


def power_json(power: Power) -> str:
    """The same with all digits; null for a cut-off that is not reached, and for cases that no number will do for."""
    read = {
        "format": 1,
        "task": power.task.name,
        "threshold": power.threshold,
        "min_cases": power.task.gate.min_cases,
        "rule": power.task.gate.rule.value,
        "rules": {
            rule.value: [_json(each, power.rates) for each in operations]
            for rule, operations in power.operations.items()
        },
        "cases_to_certify": [
            {"error_rate": rate, "cases": cases} for rate, cases in zip(power.rates, power.needed, strict=True)
        ],
    }
    return json.dumps(read, indent=2)


def _json(operation: Operation, rates: Sequence[float]) -> dict[str, object]:
    limits = operation.limits
    return {
        "cases": limits.cases,
        "pass_at_most": limits.pass_at_most,
        "fail_at_least": limits.fail_at_least,
        "chances": [
            {"error_rate": rate, "pass": each.passes, "fail": each.fails, "inconclusive": each.inconclusive}
            for rate, each in zip(rates, operation.chances, strict=True)
        ],
    }
