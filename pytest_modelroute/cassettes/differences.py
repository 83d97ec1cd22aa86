"""What sets a recorded request apart from the one that is wanted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .. import strict_json

__all__ = ["differences"]


def differences(recorded: str, wanted: Mapping[str, Any], hidden: Callable[[str], str]) -> Iterator[str]:
    """Each argument that differs, with a few words of both sides; `hidden` takes out what must not be shown."""
    try:
        yield from _compared(strict_json.parse(recorded), wanted, "", hidden)
    except (ValueError, RecursionError):
        yield "the recorded request cannot be read"


def _compared(old: Any, new: Any, name: str, hidden: Callable[[str], str]) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, Mapping):
        for key in {**old, **new}:
            yield from _compared(old.get(key), new.get(key), f"{name}.{key}" if name else str(key), hidden)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _compared(before, after, f"{name}[{index}]", hidden)
    elif old != new or isinstance(old, bool) is not isinstance(new, bool):
        before, after = (hidden(json.dumps(value, ensure_ascii=False)) for value in (old, new))
        yield f"{name}: {_short(before, after)} -> {_short(after, before)}"


def _short(text: str, against: str) -> str:
    """`text` cut to a few words around the place where it parts from `against`."""
    parting = next(
        (i for i, (a, b) in enumerate(zip(text, against, strict=False)) if a != b), min(len(text), len(against))
    )
    start = max(0, parting - 12)
    cut = text[start : start + 32]
    return ("..." if start else "") + cut + ("..." if start + 32 < len(text) else "")
