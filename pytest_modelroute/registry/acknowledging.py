"""Entries under `acknowledged:`: each names one very change against the base, with a reason, and counts once."""

from __future__ import annotations

import dataclasses
import difflib
import re
import unicodedata
from collections.abc import Sequence

import yaml

from .. import strict_json
from ..errors import InputError
from .changes import Change
from .model import Acknowledgement, Registry

__all__ = ["acknowledge", "entry_text"]

FEWEST_WORDS = 3
PLACEHOLDER = re.compile(
    r"\W*((todo|tbd|fixme|xxx|placeholder|lorem)\b|(an?|add|some|the|your)\s+reason\b)", re.IGNORECASE
)


def acknowledge(changes: Sequence[Change], base: Registry, head: Registry) -> tuple[Change, ...]:
    """The changes, each with the entry of head's that names it.

    Entries that the base has already are history: they name nothing any more. Raises InputError for a new one that
    names no change, or gives no reason.
    """
    fresh = _fresh(base, head)
    for entry in fresh:
        if _is_placeholder(entry.reason):
            what = f"acknowledged: {strict_json.compact(entry.reason)} is no reason"
            valid = f"a sentence of {FEWEST_WORDS} words or more that says why this is right"
            raise InputError(what, place=entry.place, valid=valid)
        if not any(_names(entry, change) for change in changes):
            raise _names_nothing(entry, changes)
    return tuple(
        dataclasses.replace(change, acknowledged=next((entry for entry in fresh if _names(entry, change)), None))
        for change in changes
    )


def entry_text(change: Change) -> str:
    """The line of YAML that acknowledges a change, but for the reason, which is a person's to give."""
    fields = {"kind": change.kind.value, "task": change.task, "from": change.old, "to": change.new, "reason": "..."}
    if change.task is None:
        del fields["task"]
    text = _in_one_line(fields, yaml.SafeDumper, unicode=True)
    return f"- {text if text.isprintable() else _in_one_line(fields, _EscapingDumper, unicode=False)}"


def _in_one_line(fields: dict[str, object], dumper: type[yaml.SafeDumper], *, unicode: bool) -> str:
    text = yaml.dump(
        fields, Dumper=dumper, default_flow_style=True, sort_keys=False, allow_unicode=unicode, width=float("inf")
    )
    return text.rstrip("\n")


class _EscapingDumper(yaml.SafeDumper):
    """For texts that do not print, which the usual dumper may spread over several lines."""


_EscapingDumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"'
    ),
)


def _fresh(base: Registry, head: Registry) -> list[Acknowledgement]:
    """Head's entries without those of the base; an entry written once more, word by word, is a new one."""
    known = [_identity(entry) for entry in base.acknowledged]
    fresh = []
    for entry in head.acknowledged:
        identity = _identity(entry)
        if identity in known:
            known.remove(identity)
        else:
            fresh.append(entry)
    return fresh


def _identity(entry: Acknowledgement) -> str:
    return strict_json.canonical([entry.kind, entry.task, entry.old, entry.new, entry.reason])


def _names(entry: Acknowledgement, change: Change) -> bool:
    said = strict_json.canonical([entry.kind, entry.task, entry.old, entry.new])
    return said == strict_json.canonical([change.kind.value, change.task, change.old, change.new])


def _names_nothing(entry: Acknowledgement, changes: Sequence[Change]) -> InputError:
    what = f"acknowledged: nothing changes against the base as this entry says ({entry.kind})"
    near = [change for change in changes if change.kind.value == entry.kind and change.task == entry.task]
    near = near or [change for change in changes if change.loosens or change.task == entry.task] or list(changes)
    near.sort(key=lambda change: -difflib.SequenceMatcher(None, change.kind.value, entry.kind).ratio())
    entries = "".join(f"\n    {entry_text(change)}" for change in near)
    valid = f"one of these, with a reason:{entries}" if near else "no entry at all: nothing changes against the base"
    return InputError(what, place=entry.place, valid=valid, fix="name the change as it is, or take the entry out")


def _is_placeholder(reason: str) -> bool:
    words = set(re.findall(r"\w+", reason.casefold()))
    # Some languages write no spaces: there a sentence is a few wide characters.
    wide = len({character for character in reason if unicodedata.east_asian_width(character) in "WF"})
    told = max(len(words), wide // 2)
    return told < FEWEST_WORDS or PLACEHOLDER.match(reason) is not None
