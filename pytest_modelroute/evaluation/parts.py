"""The parts of an answer that can be wrong by themselves, and what the golden dataset states of each."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..registry.model import ScorePolicy, ScorerKind
from .comparing import as_date, canonical, close, numbers_in, same, with_numbers
from .golden import ABSENT
from .scorer import part_of, pointer_of
from .templates import pointer_part

__all__ = ["Allowance", "Part", "allowance", "differ", "parts"]


@dataclass(frozen=True, slots=True)
class Part:
    """A part by its JSON pointer ("" is the whole): its own value, and the expected one, ABSENT where none is stated.

    `put` gives the whole answer with another value in its place; `drop` the answer without it, where that can be.
    """

    pointer: str
    value: Any
    stated: Any
    put: Callable[[Any], Any]
    drop: Callable[[], Any] | None = None


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the team declared to be no error: a distance between numbers, a field that may be left out."""

    tolerance: float = 0.0
    relative_tolerance: float = 0.0

    def distance(self, number: float) -> float:
        return max(self.tolerance, self.relative_tolerance * abs(number))


def allowance(policy: ScorePolicy, pointer: str) -> Allowance:
    """What the task's scorer declares for one part."""
    options: Mapping[str, Any] = policy.options
    fields = options.get("fields")
    if isinstance(fields, Mapping):
        options = next((rule or {} for name, rule in fields.items() if pointer_of(name) == pointer), {})
    return Allowance(options.get("tolerance", 0.0), options.get("relative_tolerance", 0.0))


def differ(left: Any, right: Any, allowed: Allowance) -> bool:
    """Whether nobody would take one value for the other: by more than case, tolerance, or a few items of a list."""
    if same(left, right, ignore_case=True):
        return False
    if _is_number(left) and _is_number(right):
        return not close(left, right, allowed.tolerance, allowed.relative_tolerance)
    days = as_date(left, ()), as_date(right, ())
    if None not in days:
        return days[0] != days[1]
    if isinstance(left, list) and isinstance(right, list):
        items = {canonical(item, ignore_case=True) for item in left}, {canonical(i, ignore_case=True) for i in right}
        return 2 * len(items[0] & items[1]) < max(map(len, items))
    return True


def parts(policy: ScorePolicy, output: Any, expected: Any) -> tuple[Part, ...]:
    """All parts of an answer: its fields, down to texts, numbers and lists; and words or numbers in a text."""
    leaves = dict(_leaves(output, ""))
    stated = _stated(policy, output, expected, leaves)
    found = [_leaf(output, pointer, value, stated.get(pointer, ABSENT)) for pointer, value in leaves.items()]
    if stated:
        return tuple(found)
    within = tuple(_within(policy, output, expected, leaves))
    elsewhere = {"", *(part.pointer for part in within)}
    return (*within, *(part for part in found if part.pointer not in elsewhere))


def _replaced(output: Any, pointer: str, value: Any) -> Any:
    """The output with another value at a JSON pointer."""
    if not pointer:
        return value
    result = copy.deepcopy(output)
    holder, name = _holder(result, pointer)
    holder[name] = value
    return result


def _dropped(output: Any, pointer: str) -> Any:
    result = copy.deepcopy(output)
    holder, name = _holder(result, pointer)
    del holder[name]
    return result


def _holder(value: Any, pointer: str) -> tuple[Any, str]:
    above, _, name = pointer.rpartition("/")
    return (part_of(value, above) if above else value), name.replace("~1", "/").replace("~0", "~")


def _leaves(value: Any, pointer: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for name, child in value.items():
            yield from _leaves(child, f"{pointer}/{pointer_part(name)}")
    else:
        yield pointer, value


def _leaf(output: Any, pointer: str, value: Any, stated: Any) -> Part:
    return Part(
        pointer,
        value,
        stated,
        put=lambda new: _replaced(output, pointer, new),
        # What is null may as well be left out.
        drop=(lambda: _dropped(output, pointer)) if pointer and value is not None else None,
    )


def _stated(policy: ScorePolicy, output: Any, expected: Any, leaves: Mapping[str, Any]) -> dict[str, Any]:
    """The expected value of each part that the golden dataset tells of, as far as it is one of the same kind."""
    if expected is ABSENT:
        return {}
    field = policy.options.get("field")
    scored = leaves if field is None else {name: value for name, value in leaves.items() if name == pointer_of(field)}
    if policy.kind in (ScorerKind.CONTAINS, ScorerKind.REGEX):
        words = _words(expected)
        found = {name: _equal_word(value, words) for name, value in scored.items()}
    elif field is not None and not (isinstance(expected, dict) and part_of(expected, field) is not ABSENT):
        found = dict.fromkeys(scored, expected)
    elif isinstance(output, dict) and isinstance(expected, dict):
        found = {name: part_of(expected, name) for name in leaves}  # also what is expected and not scored
    elif isinstance(output, dict):
        found = {name: expected for name, value in leaves.items() if same(value, expected, ignore_case=True)}
    else:
        found = {"": expected}
    return {name: value for name, value in found.items() if value is not ABSENT and _alike(value, leaves[name])}


def _equal_word(value: Any, words: Sequence[str]) -> Any:
    return next((word for word in words if same(value, word, ignore_case=True)), ABSENT)


def _words(expected: Any) -> list[str]:
    """The words that an expectation of `contains` or `regex` asks for."""
    if isinstance(expected, dict):
        expected = expected.get("all", [])
    return [expected] if isinstance(expected, str) else list(expected) if isinstance(expected, list) else []


def _alike(left: Any, right: Any) -> bool:
    """Whether a value may stand where the other stands; null may anywhere."""
    if left is None or right is None or (_is_number(left) and _is_number(right)):
        return True
    return type(left) is type(right)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _within(policy: ScorePolicy, output: Any, expected: Any, leaves: Mapping[str, Any]) -> Iterator[Part]:
    """What the expectation names inside of longer texts: each word, or the number."""
    texts = {name: value for name, value in leaves.items() if isinstance(value, str)}
    if policy.kind is ScorerKind.CONTAINS and expected is not ABSENT:
        for word in _words(expected):
            holding = [name for name, text in texts.items() if word.casefold() in text.casefold()]
            if holding:
                yield Part(holding[0], word, word, _with_word(output, {name: texts[name] for name in holding}, word))
    elif _is_number(expected):
        for name, text in texts.items():
            allowed = allowance(policy, name)
            if any(close(each, expected, allowed.tolerance, allowed.relative_tolerance) for each in numbers_in(text)):
                yield Part(name, expected, expected, _with_number(output, name, text, expected, allowed))


def _with_word(output: Any, texts: Mapping[str, str], word: str) -> Callable[[Any], Any]:
    pattern = re.compile(re.escape(word), re.IGNORECASE)

    def put(new: Any) -> Any:
        result = output
        for name, text in texts.items():
            result = _replaced(result, name, pattern.sub(lambda _: str(new), text))
        return result

    return put


def _with_number(output: Any, name: str, text: str, right: float, allowed: Allowance) -> Callable[[Any], Any]:
    def put(new: Any) -> Any:
        def other(number: float) -> str | None:
            return str(new) if close(number, right, allowed.tolerance, allowed.relative_tolerance) else None

        return _replaced(output, name, with_numbers(text, other))

    return put
