"""Which cases of two states of a golden dataset are the same: told by what they ask, and by their ids last.

Renaming ids is no change, so whatever is held against a base must not depend on them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from .golden import GoldenCase

__all__ = ["known_before", "lost_cases", "one_key_a_question"]


def known_before(base: Sequence[GoldenCase], head: Sequence[GoldenCase]) -> tuple[GoldenCase, ...]:
    """Head's cases that are the base's own: what it asks too, with its input, and what was edited since.

    Where several of the base's cases ask the same, that of the same id counts, or else the first.
    """
    asked: dict[str, dict[str, GoldenCase]] = {}
    for case in base:
        asked.setdefault(case.question, {})[case.id] = case
    edited = {after.id for _, after in lost_cases(base, head) if after is not None}
    found = []
    for case in head:
        alike = asked.get(case.question)
        if alike:
            before = alike.get(case.id) or next(iter(alike.values()))
            found.append(dataclasses.replace(before, id=case.id, expected=case.expected))
        elif case.id in edited:
            found.append(case)
    return tuple(found)


def lost_cases(
    base: Iterable[GoldenCase], head: Sequence[GoldenCase]
) -> Iterator[tuple[GoldenCase, GoldenCase | None]]:
    """The base's cases whose content no case of head has, each with what head has under its id."""
    contents = {case.content for case in head}
    by_id = {case.id: case for case in head}
    for case in base:
        if case.content not in contents:
            yield case, by_id.get(case.id)


def one_key_a_question(keys: Iterable[str], cases: Iterable[GoldenCase]) -> list[str]:
    """The cases' keys, with one for all that ask the same: in another spelling it can be another request."""
    first: dict[str, str] = {}
    return [first.setdefault(case.question, key) for key, case in zip(keys, cases, strict=True)]
