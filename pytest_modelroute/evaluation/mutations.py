"""Wrong answers made from right ones: each differs from the right one in what it means, not in how it is written."""

from __future__ import annotations

import datetime
import json
import math
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from .comparing import as_date, canonical, same
from .golden import ABSENT
from .parts import Allowance, Part, differ

__all__ = ["Mutant", "Mutation", "Pool", "Specimen", "mutants", "pool_of"]

Item = TypeVar("Item")

MOST_LABELS = 20
FAR = Allowance(relative_tolerance=0.1)
SOME_VALUES = 50
USES_OF_A_LABEL = 3  # on average: a value that comes back is a label, others are values of their case


class Mutation(Enum):
    WRONG_LABEL = "wrong label"
    TWO_LABELS = "two labels"
    OTHER_VALUE = "value of another case"
    OFF_BY_ONE = "off by one"
    DROPPED = "dropped field"
    SWAPPED = "answer of another case"
    CUT_OFF = "cut off"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Specimen:
    """A correct answer to a case, in its parts."""

    case: str
    output: Any
    expected: Any
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Mutant:
    """An answer with one fault, in the part at a JSON pointer or (None) as a whole; `raw` is text as a model sends it.

    `stated` is whether the golden dataset tells what should stand there: only then is the mutant surely wrong.
    """

    mutation: Mutation
    pointer: str | None
    answer: Any
    raw: bool = False
    stated: bool = True


@dataclass(frozen=True)
class Pool:
    """What else the answers of a task could have said, by JSON pointer: `labels` where there are few, and all `values`.

    `allowance` is what the team declared to be no error.
    """

    specimens: Sequence[Specimen]
    labels: Mapping[str, Sequence[str]]
    values: Mapping[str, Sequence[Any]]
    allowance: Callable[[str], Allowance]


def pool_of(
    specimens: Sequence[Specimen],
    declared: Mapping[str, Sequence[str]],
    allowance: Callable[[str], Allowance],
) -> Pool:
    """Gather what the answers say and should say; `declared` are the labels that a schema allows."""
    values: dict[str, list[Any]] = {}
    for specimen in {each.case: each for each in specimens}.values():  # one sample of each case
        for part in specimen.parts:
            value = part.value if part.stated is ABSENT else part.stated
            if value is not None:
                values.setdefault(part.pointer, []).append(value)
    labels = dict(declared)
    for pointer, found in values.items():
        distinct = _distinct(found)
        few = len(distinct) <= MOST_LABELS and len(found) >= USES_OF_A_LABEL * len(distinct)
        if all(isinstance(value, str) and as_date(value, ()) is None for value in found) and few:
            labels[pointer] = _distinct([*declared.get(pointer, ()), *distinct])
    return Pool(specimens, labels, {pointer: _distinct(found) for pointer, found in values.items()}, allowance)


def mutants(specimen: Specimen, pool: Pool) -> Iterator[Mutant]:
    """All mutants of one answer, the same ones each time. None equals the answer itself."""
    for part in specimen.parts:
        for mutation, answer in _of_part(part, pool, specimen.case):
            if not same(answer, specimen.output):
                yield Mutant(mutation, part.pointer, answer, stated=part.stated is not ABSENT)
    other = _chosen(pool.specimens, specimen.case, lambda each: _apart(specimen, each, pool))
    if other is not None:
        yield Mutant(Mutation.SWAPPED, None, other.output)
    cut = _cut_off(specimen)
    if cut and not same(cut, specimen.output):
        yield Mutant(Mutation.CUT_OFF, None, cut, raw=True)
    if not same("", specimen.output):
        yield Mutant(Mutation.EMPTY, None, "", raw=True)


def _of_part(part: Part, pool: Pool, case: str) -> Iterator[tuple[Mutation, Any]]:
    right = part.value if part.stated is ABSENT else part.stated
    seed = f"{case}{part.pointer}"
    allowed = pool.allowance(part.pointer)

    def wrong(value: Any) -> bool:
        return differ(value, right, allowed) and differ(value, part.value, allowed)

    label = _chosen(pool.labels.get(part.pointer, ()), seed, wrong)
    if label is not None:
        yield Mutation.WRONG_LABEL, part.put(label)
        if isinstance(part.value, str):
            yield Mutation.TWO_LABELS, part.put(f"{part.value} or {label}")
    else:
        value = _other_value(pool.values.get(part.pointer, ()), seed, wrong, lambda each: differ(each, right, FAR))
        if value is not None:
            yield Mutation.OTHER_VALUE, part.put(value)
        beside = _beside(part.value, allowed, 1 if zlib.crc32(seed.encode()) % 2 else -1)
        if beside is not None and wrong(beside):
            yield Mutation.OFF_BY_ONE, part.put(beside)
    if part.drop is not None:
        yield Mutation.DROPPED, part.drop()


def _other_value(values: Sequence[Any], seed: str, wrong: Callable[[Any], bool], far: Callable[[Any], bool]) -> Any:
    """A value that is not tolerated; a tolerance that spans most of those far off is no excuse for one of them."""
    some = _from(values, seed)[:SOME_VALUES]
    beyond, apart = (list(filter(test, some)) for test in (wrong, far))
    if 2 * len(beyond) < len(apart):
        return apart[0]
    return beyond[0] if beyond else _chosen(values, seed, wrong)


def _beside(value: Any, allowed: Allowance, step: int) -> Any:
    """The number, day or last digit next to a value, beyond what is tolerated; None where there is none."""
    try:
        if isinstance(value, int) and not isinstance(value, bool):
            return value + step * (1 + math.ceil(allowed.distance(value)))
        if isinstance(value, float):
            return float(f"{value + step * (1 + allowed.distance(value)):.12g}")
        day = as_date(value, ())
        if day is not None and value[:10] == day.isoformat():
            return (day + datetime.timedelta(days=step)).isoformat() + value[10:]
    except OverflowError:
        return None
    digit = re.search(r"[0-9](?=[^0-9]*\Z)", value) if isinstance(value, str) else None
    if digit is None:
        return None
    return value[: digit.start()] + str((int(digit[0]) + step) % 10) + value[digit.end() :]


def _apart(one: Specimen, other: Specimen, pool: Pool) -> bool:
    """Whether the answer to one case is surely wrong for the other: by what is stated of a part, or as a whole."""
    if one.case == other.case or same(one.output, other.output, ignore_case=True):
        return False
    stated = {part.pointer: part.stated for part in other.parts if part.stated is not ABSENT}
    pairs = [
        (part.stated, stated[part.pointer], pool.allowance(part.pointer))
        for part in one.parts
        if part.stated is not ABSENT and part.pointer in stated
    ]
    if not pairs:
        if one.expected is ABSENT or other.expected is ABSENT:
            return False
        return differ(one.expected, other.expected, Allowance())
    return any(differ(mine, theirs, allowed) for mine, theirs, allowed in pairs)


def _cut_off(specimen: Specimen) -> str:
    """The text of an answer that ends too early: inside of what matters, where that is known."""
    output = specimen.output
    if not isinstance(output, str):
        whole = json.dumps(output, ensure_ascii=False)
        return whole[: len(whole) * 2 // 3] if isinstance(output, (dict, list)) and output else ""
    part = next((part for part in specimen.parts if part.stated is not ABSENT), None)
    word = str(part.value) if part is not None else ""
    start = output.casefold().find(word.casefold()) if word else 0
    return output[: max(start, 0) + (len(word) // 2 if word else len(output) // 3)].strip()


def _distinct(values: Iterable[Item]) -> list[Item]:
    return list({canonical(value, ignore_case=True): value for value in values}.values())


def _chosen(candidates: Sequence[Item], seed: str, fits: Callable[[Item], bool]) -> Item | None:
    """One that fits, the same one each time, and likely another one for another case; None where none does."""
    return next(filter(fits, _from(candidates, seed)), None)


def _from(candidates: Sequence[Item], seed: str) -> Sequence[Item]:
    """All of them, beginning where the seed says."""
    start = zlib.crc32(seed.encode()) % len(candidates) if candidates else 0
    return (*candidates[start:], *candidates[:start])
