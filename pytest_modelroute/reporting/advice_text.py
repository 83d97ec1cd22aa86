"""Advice to read: one line for each other assignment, and below what is needed to follow it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..errors import InputError
from ..evaluation.costs import DAYS_A_MONTH
from ..judgement.worth import MONTHS
from ..registry.edits import RegistryText
from .advised import Advice, Recommendation, TaskAdvice, amount
from .alternatives import assignment
from .numbers import usd
from .text import columns, printable
from .wording import counted, way_out_lines

__all__ = ["Advised", "advice_lines"]

HEADINGS = ("advice", "task", "change", "saves", "why")
FOLLOWED = (
    Recommendation.MOVE,
    Recommendation.UPGRADE,
    Recommendation.NEEDS,
    Recommendation.PRICE,
    Recommendation.RECORD,
)


@dataclass(frozen=True)
class Advised:
    """All that is advised for a registry; `ungated` are the tasks of which nothing can be said.

    `calls` are those a month by task, `work` what a move is taken to cost in USD, and `apply` begins the command that
    makes a change.
    """

    registry: str
    text: RegistryText
    tasks: Sequence[TaskAdvice]
    ungated: Sequence[str]
    calls: Mapping[str, int]
    work: float
    apply: str

    @property
    def sorted(self) -> list[Advice]:
        """What to do first; of the same advice, what saves most."""
        return sorted((each for task in self.tasks for each in task.advice), key=lambda each: each.rank)

    def patch(self, advice: Advice) -> tuple[str | None, str | None]:
        """The change as a diff, or why it cannot be made for them."""
        try:
            return self.text.patch(advice.new), None
        except InputError as error:
            return None, str(error).replace("\n  ", "; ")


def advice_lines(advised: Advised, *, every: bool) -> Iterator[str]:
    """The table, then what to do about what can be done; patches of all that is in the table with `every`.

    Patches stand as they are, so that `git apply` takes the output of one task: without `every` it has one at most.
    """
    unit = f"a month of {DAYS_A_MONTH} days" if advised.calls else "for 1,000 calls (a month: --calls TASK=N/month)"
    yield f"{counted(len(advised.tasks), 'gated task')}; what a change saves, in USD {unit}"
    yield ""
    yield from _table(advised)
    yield ""
    for task in advised.tasks:
        for note in task.notes:
            yield printable(f"{task.report.task}: {note}")
    if advised.ungated:
        yield printable(f"no advice without golden cases: {', '.join(advised.ungated)}")
    yield (
        f"worth it: a saving in {MONTHS} months of at least {amount(advised.work)} USD, what a move is taken to cost"
        f" (--work-usd); where the saving is not known, nothing is moved"
    )
    best = {id(task.best) for task in advised.tasks}
    for advice in advised.sorted:
        if every or advice.recommendation in FOLLOWED:
            yield from _details(advised, advice, patched=every or id(advice) in best, applied=id(advice) in best)


def _table(advised: Advised) -> Iterator[str]:
    if not advised.sorted:
        yield "no other tier to move a task to"
        return
    rows = [HEADINGS, *(_row(advised, advice) for advice in advised.sorted)]
    widths = [max(columns(row[index]) for row in rows) for index in range(len(HEADINGS) - 1)]
    for row in rows:
        cells = [cell + " " * (width - columns(cell)) for cell, width in zip(row[:-1], widths, strict=True)]
        saves = row[3].rjust(widths[3])
        yield "  ".join((*cells[:3], saves, row[-1])).rstrip()


def _row(advised: Advised, advice: Advice) -> tuple[str, ...]:
    worth = advice.worth
    if worth.monthly is not None:
        saves = _signed(worth.monthly)
    else:
        saves = _signed(worth.per_1000) + " / 1,000" * (worth.per_1000 is not None and bool(advised.calls))
    return (
        advice.recommendation.value,
        printable(advice.old.name),
        printable(_change(advice)),
        saves,
        printable(advice.why),
    )


def _signed(amount: float | None) -> str:
    """USD, with a minus where it costs more."""
    return f"-{usd(-amount)}" if amount is not None and amount < 0 else usd(amount)


def _change(advice: Advice) -> str:
    return f"{assignment(advice.old)} -> {advice.alternative.told}"


def _details(advised: Advised, advice: Advice, *, patched: bool, applied: bool) -> Iterator[str]:
    lines = list(_steps(advised, advice, applied=applied))
    patch, refused = advised.patch(advice) if patched else (None, None)
    if refused is not None:
        lines.append(f"  no patch: {printable(refused)}")
    if not lines and patch is None:
        return
    yield ""
    yield printable(f"{advice.old.name}: {advice.recommendation.value}: {_change(advice)}")
    yield from lines
    if patch is not None:
        yield from patch.removesuffix("\n").split("\n")


def _steps(advised: Advised, advice: Advice, *, applied: bool) -> Iterator[str]:
    worth = advice.worth
    if advice.alternative.uncertified:
        yield "  no confidence is certified to let an answer stand: only answers without a usable output escalate"
    if worth.per_1000 is None and advice.report is not None and advice.recommendation in FOLLOWED:
        yield "  what it saves is not known: modelroute cost says why"
    if worth.monthly is None and worth.pays_from is not None and advice.recommendation in FOLLOWED:
        yield f"  pays from {worth.pays_from:,} calls a month"
    if advice.needs is not None:
        yield from (printable(line) for line in way_out_lines(advice.needs))
    elif advice.way_out is not None:
        yield from (printable(line) for line in way_out_lines(advice.way_out))
    if applied:
        yield printable(f"  {advised.apply} {advice.old.name}, or git apply:")
