"""Two tiers side by side as a table, with the inputs on which they differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from .. import strict_json
from ..judgement.paired import tango_interval
from ..registry.model import Task
from ..routing.agreement import agreeing_part
from ..routing.comparing import Both, Given, SideBySide
from ..routing.decisions import CallOutcome
from .calibrated import area_told, separation_told
from .cases import listed
from .comparable import Compared, Hide, Source, latency_spread, price, token_spread
from .numbers import interval, percent, points, usd
from .text import columns, cut, printable
from .wording import counted

__all__ = ["compare_lines"]

WIDTH = 120
MOST_CALLS = 10
UNKNOWN = "-"
LEAST_ASKED = 24
DIGEST = "sha256:"
DIGEST_SHOWN = len(DIGEST) + 8


def compare_lines(compared: Compared, hidden: Hide) -> Iterator[str]:
    """A table with a column a tier, then where they differ, and what their confidence is worth."""
    found = compared.found
    yield _heading(compared)
    yield ""
    yield from _table(found)
    yield ""
    answered = len(found.obtained)
    if not answered:
        yield "no input has an answer of both"
    else:
        yield f"agree in {found.agreeing} of {answered} ({percent(found.agreeing / answered, 0.0)})"
    yield from _differing(compared, hidden) if compared.log is not None else _who_was_right(found)
    for side, other in ((0, 1), (1, 0)):
        names = [each.name for each in found.handled(side)]
        if names:
            what = f"{found.tiers[side]} gave an output that is accepted where {found.tiers[other]} did not"
            yield listed(f"{what} ({len(names)})", _short(names, compared), WIDTH)
    yield from _confidence(compared)
    if compared.graded:
        yield "what is right is what the grader says"
    if compared.log is not None:
        yield from _of_log(compared.log, found.tiers)


def _heading(compared: Compared) -> str:
    first, second = compared.found.tiers
    if compared.log is None:
        answers = len(compared.found.both)
        each = f" x {answers // compared.inputs} answers" if answers > compared.inputs else ""
        return f"{compared.task.name}: {first} and {second} on {counted(compared.inputs, 'case')}{each}"
    calls = counted(compared.log.shadowed.calls, "call")
    path = printable(compared.log.path)
    return f"{compared.task.name}: {first} and its shadow {second} on {compared.inputs} of {calls} in {path}"


def _table(found: SideBySide) -> Iterator[str]:
    rows = [("", *found.tiers)]
    if found.counts is not None:
        right = [found.given(side) for side in (0, 1)]
        wrong = [sum(given.right is False for given in of_tier) for of_tier in right]
        rates = [f"{number} ({percent(number / len(found.both), 0.0)})" for number in wrong]
        rows.append(("wrong", rates[0], rates[1]))
        first, second = (interval(counts.bounds or (0.0, 1.0), 0.0) for counts in found.counts)
        rows.append(("  between", first, second))
    outcomes = found.outcomes(0), found.outcomes(1)
    for outcome in CallOutcome:
        if outcome is not CallOutcome.ANSWERED and any(each[outcome] for each in outcomes):
            rows.append((f"  {outcome.value}", str(outcomes[0][outcome]), str(outcomes[1][outcome])))
    errors = [found.calibration(side).error for side in (0, 1)]
    if found.counts is not None and any(error is not None for error in errors):
        first, second = (UNKNOWN if error is None else percent(error, 0.0) for error in errors)
        rows.append(("calibration error", first, second))
    for label, spread in (("output tokens", token_spread), ("latency, ms", latency_spread)):
        first, second = ("/".join(map(_told, spread(found, side).values())) for side in (0, 1))
        rows.append((f"{label} (p50/p95)", first, second))
    rows.append(("USD/1000", usd(price(found, 0)), usd(price(found, 1))))
    widths = [max(map(columns, column)) for column in zip(*rows, strict=True)]
    for label, *cells in rows:
        told = (" " * (width - columns(cell)) + cell for cell, width in zip(cells, widths[1:], strict=True))
        yield "  ".join((label.ljust(widths[0]), *told)).rstrip()


def _told(number: int | None) -> str:
    return UNKNOWN if number is None else str(number)


def _who_was_right(found: SideBySide) -> Iterator[str]:
    differing = len(found.differing)
    if differing:
        first, second = found.tiers
        groups = {
            f"{first} alone right": found.right_alone(True, False),
            f"{second} alone right": found.right_alone(False, True),
            "both right": found.right_alone(True, True),
            "neither right": found.right_alone(False, False),
        }
        told = ", ".join(f"{what} in {len(those)}" for what, those in groups.items() if those)
        yield f"differ in {differing}: {told}"
        for what, those in groups.items():
            if those:
                yield listed(f"  {what}", [_label(each) for each in those], WIDTH)
    discordance = found.discordance
    if discordance is not None:
        lower, upper = (points(bound) for bound in tango_interval(discordance))
        told = f"{points(discordance.difference)} points (95 % bounds {lower} to {upper})"
        yield f"error rate of {found.tiers[0]} less {found.tiers[1]}'s: {told}"


def _label(each: Both) -> str:
    return each.name if each.sample == 0 else f"{each.name} (sample {each.sample + 1})"


def _differing(compared: Compared, hidden: Hide) -> Iterator[str]:
    """The calls, each in a line that shows as much as the log keeps."""
    found = compared.found
    differing = found.differing
    if differing:
        yield f"differ in {len(differing)}:"
    for each in differing[:MOST_CALLS]:
        answers = [_answer(given, compared.task) for given in each.given]
        told = [f"{tier}: {_shown(answer, hidden)}" for tier, answer in zip(found.tiers, answers, strict=True)]
        head = f"  {_short([each.name], compared)[0]}  asked: "
        room = max(WIDTH - columns(head) - sum(columns(text) + 2 for text in told), LEAST_ASKED)
        yield cut("  ".join((head + cut(_shown(each.asked, hidden), room), *told)), WIDTH)
    if len(differing) > MOST_CALLS:
        yield f"  ... and {len(differing) - MOST_CALLS} more (--json has all)"
    if any(isinstance(each.asked, str) and each.asked.startswith(DIGEST) for each in differing):
        yield "  the log keeps digests alone: log: {inputs: prefix} or {inputs: full} keeps what was asked and answered"


def _answer(given: Given, task: Task) -> Any:
    """What counts of an answer where two are compared."""
    return agreeing_part(given.output, task) if given.usable else given.outcome.value


def _shown(value: Any, hidden: Hide) -> str:
    text = hidden(value if isinstance(value, str) else strict_json.compact(value))
    return printable(text[:DIGEST_SHOWN] if text.startswith(DIGEST) else text)


def _short(names: Sequence[str], compared: Compared) -> list[str]:
    """Ids of calls are long, and their beginnings tell them apart."""
    return [name if compared.log is None else name[:8] for name in names]


def _confidence(compared: Compared) -> Iterator[str]:
    found = compared.found
    calibrations = [found.calibration(side) for side in (0, 1)]
    if not any(each.answers for each in calibrations):
        yield "no answer states a confidence"
        return
    for tier, each in zip(found.tiers, calibrations, strict=True):
        yield f"confidence of {tier} {separation_told(each.separation, *compared.words)}"
        area = area_told(each.separation, *compared.words)
        if area is not None:
            yield f"  {area}"


def _of_log(log: Source, tiers: tuple[str, str]) -> Iterator[str]:
    shadowed = log.shadowed
    escalated = sum(shadowed.escalated.values())
    if escalated:
        why = ", ".join(f"{number} {what.replace('_', ' ')}" for what, number in sorted(shadowed.escalated.items()))
        yield f"{escalated} of them escalated ({why}): what {tiers[0]} answered first is compared;"
        alike = f"{shadowed.served_alike} of {shadowed.served}"
        yield f"  what callers got instead agrees with {tiers[1]} in {alike}"
    if shadowed.others:
        yield f"{counted(shadowed.others, 'call')} with a shadow between other tiers: --tiers names them"
    if shadowed.unpaired:
        yield f"{counted(shadowed.unpaired, 'shadow')} without the call that it stood beside"
    if log.skipped:
        yield f"{counted(log.skipped, 'line')} skipped: cut off by a crash, or of another format"
