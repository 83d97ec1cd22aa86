"""The escalation thresholds of a task as a table, with the one to take, and as JSON."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..judgement.calibration import Calibration, Separates
from ..judgement.thresholds import ADVISED_CASES, Choice, Point
from ..routing.escalations import Escalations, Holdout, Row
from .calibrated import area_told, calibration_json, separation_told
from .numbers import percent, usd
from .wording import counted

__all__ = ["Escalating", "escalation_json", "escalation_lines"]

HEADINGS = ("below", "escalated", "wrong", "bound", "by lot", "USD/1000")
LEGEND = (
    "bound: 95 % sure to be at most; by lot: wrong on average if as many escalated by lot;",
    "USD/1000: a thousand calls, with both calls of what escalates",
)
# What tests/test_thresholds.py simulates: how often the true error rate is above the limit.
WHY_NOT = (
    "not to be trusted: the cases that it was picked by flatter it; simulated, the true error rate was above the limit",
    "in 44, 34 and 22 % of such picks on 100, 200 and 500 cases, and in about 1 % of certified ones",
)


@dataclass(frozen=True, slots=True)
class Escalating:
    """A task whose tier `cheap` answers first and `dear` where that escalates; `limit` is the most that may be wrong.

    `graded` is whether a model says what is right: nothing is certified then.
    """

    task: str
    cheap: str
    dear: str
    limit: float
    graded: bool
    found: Escalations
    holdout: Holdout | None

    def certified(self, choice: Choice) -> Point | None:
        return None if self.graded else choice.certified


def escalation_lines(escalating: Escalating) -> Iterator[str]:
    """The table, with thresholds between which nothing changes in one row, and then what follows from it."""
    found, cheap, dear = escalating.found, escalating.cheap, escalating.dear
    told = f"at most {percent(escalating.limit)} wrong"
    yield f"{escalating.task}: {cheap} answers, and {dear} what escalates: {_size(found)}, {told}"
    yield ""
    yield from _table(escalating)
    yield ""
    yield from LEGEND
    if found.calibration is None:
        yield f"the output has no confidence: only answers that its policy does not accept escalate to {dear}"
        yield "  way out: ask for one in the prompt, and name it: output: {confidence: /confidence}"
    else:
        yield from _chosen(escalating)
        yield from _helping(escalating, found.calibration)
    if escalating.graded:
        yield "what is right is what the grader says: nothing is certified by that"
    if found.cases < ADVISED_CASES:
        yield f"{counted(found.cases, 'case')}: a threshold should be chosen by {ADVISED_CASES} at least"
    if escalating.holdout is not None:
        yield ""
        yield from _held_out(escalating, escalating.holdout)


def _size(found: Escalations) -> str:
    answers = found.cheap.point.answers
    size = counted(found.cases, "case")
    return size if answers == found.cases else f"{size} x {answers // found.cases} answers"


def _table(escalating: Escalating) -> Iterator[str]:
    found, limit = escalating.found, escalating.limit
    rows = [HEADINGS]
    for _, group in itertools.groupby(found.rows, key=lambda row: row.point.escalated):
        alike = list(group)
        point = alike[0].point
        escalated = _share(point.escalated, point.answers)
        lot = percent(point.random_wrong / point.answers, limit)
        rows.append((_thresholds(alike), escalated, *_wrong(point, limit), lot, usd(alike[0].usd_per_1000_calls)))
    for name, row in ((escalating.cheap, found.cheap), (escalating.dear, found.dear)):
        rows.append((f"{name} alone", "", *_wrong(row.point, limit), "", usd(row.usd_per_1000_calls)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        yield "  ".join((first.ljust(widths[0]), *cells)).rstrip()


def _thresholds(alike: Sequence[Row]) -> str:
    first, last = alike[0].point.threshold, alike[-1].point.threshold
    if first is None or last is None:
        return "by form"
    return f"{first:.2f}" if len(alike) == 1 else f"{first:.2f}-{last:.2f}"


def _share(part: int, whole: int, limit: float = 0.0) -> str:
    return f"{part} ({percent(part / whole, limit)})"


def _wrong(point: Point, limit: float) -> tuple[str, str]:
    return _share(point.wrong, point.answers, limit), percent(point.upper, limit)


def _chosen(escalating: Escalating) -> Iterator[str]:
    """The two thresholds, and which of them to take."""
    choice, limit = escalating.found.choice, escalating.limit
    certified, naive = escalating.certified(choice), choice.naive
    if certified is not None:
        yield f"certified: {_told(certified, limit)}"
        yield f"  {_worth(escalating, certified)}"
    else:
        yield f"certified: none; at 1.00 {_bounded(choice.points[0], limit)}"
    if naive is None:
        yield "naive: none: no threshold was even observed to keep the limit"
    elif naive == certified:
        yield "naive: the same"
    else:
        yield f"naive: {_told(naive, limit)}"
        yield from (f"  {line}" for line in WHY_NOT)


def _worth(escalating: Escalating, certified: Point) -> str:
    """What to write, unless the dear tier alone is to be had for less."""
    cost, alone = escalating.found.row(certified).usd_per_1000_calls, escalating.found.dear.usd_per_1000_calls
    if cost is not None and alone is not None and cost >= alone:
        return f"but {escalating.dear} alone costs less: {usd(alone)} instead of {usd(cost)} USD"
    return f"escalate: {{to: {escalating.dear}, below: {certified.threshold:.2f}}}"


def _told(point: Point, limit: float, *, named: bool = True) -> str:
    threshold = f"{point.threshold:.2f}: " if named else ""
    return f"{threshold}{percent(point.escalation_rate, 0.0)} escalated, {_bounded(point, limit)}"


def _bounded(point: Point, limit: float) -> str:
    return f"{percent(point.error_rate, limit)} wrong (at most {percent(point.upper, limit)})"


def _helping(escalating: Escalating, found: Calibration) -> Iterator[str]:
    """Whether confidence helps: whether it tells right from wrong, and does better than a lot would."""
    told = separation_told(found.separation)
    match found.separation.separates:
        case Separates.YES:
            yield f"confidence of {escalating.cheap} {told}"
        case Separates.NO:
            yield f"confidence does not help here: it {told}"
        case Separates.CANNOT_TELL:
            yield f"whether confidence helps here is open: it {told}"
    area = area_told(found.separation)
    if area is not None:
        yield f"  {area}"
    choice = escalating.found.choice
    point = escalating.certified(choice) or choice.naive
    if point is not None and point.beats_lot is False:
        yield f"confidence does not help here: at {point.threshold:.2f} a lot would do as well"


def _held_out(escalating: Escalating, holdout: Holdout) -> Iterator[str]:
    halves = f"chosen on {holdout.chosen_cases} cases, and held against the other {holdout.other_cases}"
    yield f"held out: thresholds {halves} (halves by a hash of the case's id)"
    chosen, limit = holdout.chosen, escalating.limit
    for name, point in (("certified", escalating.certified(chosen)), ("naive", chosen.naive)):
        if point is None:
            yield f"  {name}: none"
            continue
        other = holdout.elsewhere(point)
        yield f"  {name}: {_told(point, limit)}"
        yield f"    on the other half {_told(other, limit, named=False)}: {_verdict(other, limit)}"


def _verdict(point: Point, limit: float) -> str:
    return "holds" if point.error_rate <= limit else "does not hold"


def escalation_json(escalating: Escalating) -> str:
    """The whole grid with all digits; null for what is not known, and where no threshold is chosen."""
    found, choice, holdout = escalating.found, escalating.found.choice, escalating.holdout
    certified, naive = escalating.certified(choice), choice.naive
    read = {
        "format": 1,
        "task": escalating.task,
        "from": escalating.cheap,
        "to": escalating.dear,
        "limit": escalating.limit,
        "cases": found.cases,
        "advised_cases": ADVISED_CASES,
        "graded": escalating.graded,
        "grid": [_row_json(row) for row in found.rows],
        "alone": {"from": _row_json(found.cheap), "to": _row_json(found.dear)},
        "certified": None if certified is None else certified.threshold,
        "naive": None if naive is None else naive.threshold,
        "confidence": calibration_json(found.calibration),
        "holdout": None if holdout is None else _holdout_json(escalating, holdout),
    }
    return json.dumps(read, indent=2)


def _row_json(row: Row) -> dict[str, Any]:
    return {**_point_json(row.point), "usd_per_1000_calls": row.usd_per_1000_calls}


def _point_json(point: Point) -> dict[str, Any]:
    return {
        "below": point.threshold,
        "answers": point.answers,
        "escalated": point.escalated,
        "wrong": point.wrong,
        "error_rate": point.error_rate,
        "upper": point.upper,
        "wrong_by_lot": point.random_wrong,
    }


def _holdout_json(escalating: Escalating, holdout: Holdout) -> dict[str, Any]:
    chosen = holdout.chosen
    points = {"certified": escalating.certified(chosen), "naive": chosen.naive}
    return {
        "cases": holdout.chosen_cases,
        "other_cases": holdout.other_cases,
        **{name: None if point is None else _held(escalating, holdout, point) for name, point in points.items()},
    }


def _held(escalating: Escalating, holdout: Holdout, point: Point) -> dict[str, Any]:
    other = holdout.elsewhere(point)
    return {"chosen": _point_json(point), "other": _point_json(other), "holds": other.error_rate <= escalating.limit}
