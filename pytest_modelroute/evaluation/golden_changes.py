"""What a golden dataset lost since the base: cases that are gone, and cases that ask or expect something else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..errors import Place
from ..registry.changes import Change, ChangeKind
from ..registry.fingerprints import MOST_NAMED, fingerprint, named
from .golden import ABSENT, GoldenCase
from .identity import lost_cases

__all__ = ["golden_changes"]


def golden_changes(task: str, base: Sequence[GoldenCase], head: Sequence[GoldenCase], label: str) -> Iterator[Change]:
    """The changes of a dataset that head names `label`, one a kind.

    A case that head has with the same input and expectation, under whatever id and in whatever place, is unchanged;
    tags are comments; new cases take nothing away.
    """
    lost = list(lost_cases(base, head))
    removed = sorted(before.id for before, after in lost if after is None)
    changed = [(before, after) for before, after in lost if after is not None]
    if removed:
        place = Place(label)
        yield Change(
            ChangeKind.GOLDEN_REMOVED,
            task,
            _ids(removed),
            None,
            place,
            undoing=f"put {_few(removed)} back in {label}",
            loosens=True,
        )
    if changed:
        place = Place(label, min(after.line for _, after in changed))
        old = named({before.id: _told(before, after) for before, after in changed}, "cases")
        new = named({before.id: _told(after, before) for before, after in changed}, "cases")
        undoing = f"put {_few([before.id for before, _ in changed])} back as it was in {label}"
        yield Change(ChangeKind.GOLDEN_CHANGED, task, old, new, place, undoing=undoing, loosens=True)


def _ids(ids: Sequence[str]) -> Any:
    if len(ids) > MOST_NAMED:
        return f"{len(ids)} cases, {fingerprint(ids)}"
    return ids[0] if len(ids) == 1 else list(ids)


def _few(ids: Sequence[str]) -> str:
    return ", ".join(ids) if len(ids) <= 3 else f"{', '.join(ids[:3])} and {len(ids) - 3} more"


def _told(case: GoldenCase, other: GoldenCase) -> Any:
    """The expectation, where it is all that sets a case apart from another state of it."""
    if case.question == other.question and ABSENT not in (case.expected, other.expected):
        return case.expected
    return fingerprint([case.input, _stated(case)])


def _stated(case: GoldenCase) -> list[Any]:
    return [] if case.expected is ABSENT else [case.expected]
