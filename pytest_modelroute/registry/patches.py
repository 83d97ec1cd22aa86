"""A change of one text as a unified diff that `git apply` takes."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

__all__ = ["unified_diff"]

CONTEXT = 3  # lines, as git's


def unified_diff(path: PurePosixPath, old: str, new: str) -> str:
    """The diff of a file at `path`, relative to the repository's root; empty where nothing changes.

    Lines keep their ends, whatever they are; a last line without one is marked as git does.
    """
    before, after = _lines(old), _lines(new)
    first = next((n for n, (one, other) in enumerate(zip(before, after, strict=False)) if one != other), None)
    if first is None and len(before) == len(after):
        return ""
    first = min(len(before), len(after)) if first is None else first
    most = min(len(before), len(after)) - first
    alike = next((n for n in range(most) if before[-1 - n] != after[-1 - n]), most)
    start, end, new_end = max(first - CONTEXT, 0), len(before) - alike, len(after) - alike
    trailing = before[end : end + CONTEXT]
    head = _range(start, end - start + len(trailing)), _range(start, new_end - start + len(trailing))
    lines = [
        *_marked(" ", before[start:first]),
        *_changed(before[first:end], after[first:new_end]),
        *_marked(" ", trailing),
    ]
    return f"--- {_named('a', path)}\n+++ {_named('b', path)}\n@@ -{head[0]} +{head[1]} @@\n{''.join(lines)}"


def _lines(text: str) -> list[str]:
    """As git has them: a line ends at a line feed, and nowhere else."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _changed(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    for kind, i, j, k, m in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            yield from _marked(" ", before[i:j])
        else:
            yield from _marked("-", before[i:j])
            yield from _marked("+", after[k:m])


def _marked(mark: str, lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        yield mark + line if line.endswith("\n") else f"{mark}{line}\n\\ No newline at end of file\n"


def _range(start: int, length: int) -> str:
    """Line numbers count from 1; an empty range stands behind the line before it."""
    return f"{start + 1 if length else start},{length}"


def _named(side: str, path: PurePosixPath) -> str:
    """A name as git writes it: in C's quotes where it has to be, and with a tab behind one that has a space."""
    name = f"{side}/{path}"
    if re.search(r'["\\\x00-\x1f\x7f]', name):
        return '"' + "".join(_escaped(each) for each in name) + '"'
    return f"{name}\t" if " " in name else name


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else "".join(f"\\{byte:03o}" for byte in character.encode())
