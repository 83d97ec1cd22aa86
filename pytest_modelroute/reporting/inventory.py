"""The cassettes as a table, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from ..evaluation.inventory import CassetteFile, TierTally, Waiting
from .numbers import usd
from .text import columns, printable
from .wording import counted

__all__ = ["file_size", "inventory_json", "inventory_lines"]

HEADINGS = ("answered", "missing", "stale", "unused", "damaged", "times", "recorded", "size", "USD")
LEGEND = (
    "* the assigned tier; stale: recorded for another request, unreadable, or its function fails on it;",
    "unused: wanted by no case and tier; damaged: lines; times: the most often that one case was recorded",
    "with another answer",
)
RIGHT_ALIGNED = frozenset(HEADINGS) - {"recorded"}
UNKNOWN = "-"
NOBODY = "unreferenced files"
WIDTH = 100

Row = tuple[str, tuple[str, ...]]


def file_size(size: int) -> str:
    """`812 B`, `96 kB`, `1.1 MB`."""
    if size < 1000:
        return f"{size} B"
    return f"{size / 1000:.0f} kB" if size < 999_500 else f"{size / 1_000_000:.1f} MB"


def inventory_lines(files: Sequence[CassetteFile], waits: Waiting | None) -> Iterator[str]:
    """One line for each task and tier, those of no task and model last; then what is wrong, and the sums."""
    groups = _groups(files)
    rows = [row for rows in groups.values() for row in rows]
    if rows:
        widths = [max(len(row[index]) for row in (HEADINGS, *(cells for _, cells in rows))) for index in range(9)]
        room = max(WIDTH - sum(widths) - 2 * len(widths), 0)
        label_width = max((columns(label) for label, _ in rows if columns(label) <= room), default=0)
        yield _line("", HEADINGS, label_width, widths)
        for task, members in groups.items():
            yield task
            for label, cells in members:
                if columns(label) > label_width:
                    yield label
                    label = ""
                yield _line(label, cells, label_width, widths)
        yield ""
        yield from LEGEND
    yield from _notes(files, waits)
    yield _sum(files)


def _groups(files: Sequence[CassetteFile]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for file in files:
        of_file = _cells(file)
        for tally in file.tiers:
            # What a file is like stands once, though several tiers may share it.
            cells = of_file if tally is file.tiers[0] else ("",) * len(of_file)
            label = f"  {'grader ' * file.grades}{printable(tally.tier)}" + " *" * tally.assigned
            groups.setdefault(file.task, []).append((label, (*_counts(tally), *cells)))
        if not file.tiers:
            row = (f"  {printable(str(file.path))}", (UNKNOWN, UNKNOWN, UNKNOWN, *of_file))
            groups.setdefault(NOBODY, []).append(row)
    return groups


def _counts(tally: TierTally) -> tuple[str, ...]:
    return tuple(str(each) if tally.cases else UNKNOWN for each in (tally.answered, tally.missing, tally.stale))


def _cells(file: CassetteFile) -> tuple[str, ...]:
    contents = file.contents
    if contents is None:
        return (UNKNOWN,) * 6
    known = contents.fault is None
    return (
        str(file.unreferenced) if known else UNKNOWN,
        str(len(contents.damaged)) if known else UNKNOWN,
        UNKNOWN if file.most_recordings is None else str(file.most_recordings),
        UNKNOWN if file.recorded is None else _days(*file.recorded),
        file_size(contents.size),
        usd(file.usd),
    )


def _days(oldest: str, newest: str) -> str:
    """`2026-11-21`, `2026-11-21 to 11-30`."""
    first, last = printable(oldest[:10]), printable(newest[:10])
    if first == last:
        return first
    return f"{first} to {last[5:] if first[:4] == last[:4] else last}"


def _line(label: str, cells: Sequence[str], label_width: int, widths: Sequence[int]) -> str:
    padded = [label + " " * (label_width - columns(label))]
    for heading, cell, width in zip(HEADINGS, cells, widths, strict=True):
        padded.append(cell.rjust(width) if heading in RIGHT_ALIGNED else cell.ljust(width))
    return "  ".join(padded).rstrip()


def _notes(files: Sequence[CassetteFile], waits: Waiting | None) -> Iterator[str]:
    for file in files:
        contents = file.contents
        if contents is None:
            continue
        path = printable(str(file.path))
        if contents.fault is not None:
            yield f"{path}: cannot be read: {printable(contents.fault)}"
        if contents.damaged:
            numbers, more = ", ".join(map(str, contents.damaged[:5])), len(contents.damaged) - 5
            yield f"{path}: damaged in line {numbers}" + (f" and {more} more" if more > 0 else "")
        if contents.cassette.twins:
            yield f"{path}: {len(contents.cassette.twins)} recorded more than once; the latest recording counts"
    if waits is not None:
        told = f"{counted(waits.answers, 'answer')} of an unfinished recording; run it again to merge them"
        yield f"{printable(str(waits.folder))}: {told}"


def _sum(files: Sequence[CassetteFile]) -> str:
    there = [file for file in files if file.contents is not None]
    if not there:
        return "no cassettes"
    size = sum(file.contents.size for file in there if file.contents is not None)
    costs = [file.usd for file in there]
    known = [cost for cost in costs if cost is not None]
    spent = f"{usd(sum(known))} USD" if len(known) == len(costs) else f"{usd(sum(known))} USD and what is unknown"
    return f"{counted(len(there), 'cassette')}, {file_size(size)}, {spent}"


def inventory_json(files: Sequence[CassetteFile], waits: Waiting | None) -> str:
    """The same as JSON, by file; null where something is not known."""
    read = {
        "format": 1,
        "cassettes": [_json(file) for file in files],
        "interrupted": None if waits is None else {"folder": str(waits.folder), "answers": waits.answers},
    }
    return json.dumps(read, indent=2)


def _json(file: CassetteFile) -> dict[str, object]:
    contents = file.contents
    readable = contents if contents is not None and contents.fault is None else None
    oldest, newest = file.recorded or (None, None)
    return {
        "file": str(file.path),
        "task": file.task,
        "model": file.model,
        "grades": file.grades,
        "referenced": bool(file.tiers),
        "exists": contents is not None,
        "fault": None if contents is None else contents.fault,
        "tiers": [
            {
                "tier": tally.tier,
                "assigned": tally.assigned,
                "cases": tally.cases or None,
                "answered": tally.answered if tally.cases else None,
                "missing": tally.missing if tally.cases else None,
                "stale": tally.stale if tally.cases else None,
            }
            for tally in file.tiers
        ],
        "interactions": len(readable.interactions) if readable else None,
        "unreferenced": file.unreferenced if readable else None,
        "damaged_lines": list(readable.damaged) if readable else None,
        "recorded_more_than_once": len(readable.cassette.twins) if readable else None,
        "most_recordings": file.most_recordings,
        "oldest": oldest,
        "newest": newest,
        "bytes": None if contents is None else contents.size,
        "usd": file.usd,
    }
