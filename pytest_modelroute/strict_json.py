"""Strict JSON for files and answers: no NaN, no Infinity, no silently dropped duplicate keys."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

__all__ = ["canonical", "compact", "parse", "parse_unique", "problem"]


def _reject_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text} is too large for a number")
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {json.dumps(key)} stands twice in one object")
            seen.add(key)
    return mapping


# Made once: json.dumps would make an encoder a call.
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_DECODER = json.JSONDecoder(parse_constant=_reject_constant, parse_float=_finite)
_UNIQUE_DECODER = json.JSONDecoder(parse_constant=_reject_constant, parse_float=_finite, object_pairs_hook=_unique)


def _decode(decoder: json.JSONDecoder, text: str) -> Any:
    try:
        return decoder.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def parse(text: str) -> Any:
    """Parse JSON text; of duplicate keys the last wins, as everywhere. Raises ValueError."""
    return _decode(_DECODER, text)


def parse_unique(text: str) -> Any:
    """Parse JSON text that a person wrote: a duplicate key is an error too. Raises ValueError."""
    return _decode(_UNIQUE_DECODER, text)


def problem(error: ValueError) -> str:
    """What `parse_unique` objects to, without the line: whoever reads a file names that as the file has it."""
    return f"{error.msg} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)


def compact(value: object) -> str:
    """One line of JSON for people to read, whatever `value` holds."""
    return json.dumps(value, ensure_ascii=False, default=str)


_AS_IT_IS = frozenset((str, int, bool, type(None)))


def canonical(value: object) -> str:
    """Canonical JSON: sorted keys, no spaces, whole floats as integers. Raises ValueError, or RecursionError."""
    return _CANONICAL.encode(_normalised(value))


def _normalised(value: Any) -> Any:
    kind = type(value)
    # Nearly all of a request is plain text, lists and dicts: told by identity, at a fraction of isinstance's cost.
    if kind in _AS_IT_IS:
        return value
    if kind is list:
        return [child if type(child) in _AS_IT_IS else _normalised(child) for child in value]
    if kind is dict:
        plain = True
        for key in value:  # a loop is twice as fast as all()
            if type(key) is not str:
                plain = False
        if plain:
            return {key: child if type(child) in _AS_IT_IS else _normalised(child) for key, child in value.items()}
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise ValueError(f"the key {key!r} is not a text")
        return {key: _normalised(child) for key, child in value.items()}
    if isinstance(value, (list, tuple)):
        return [_normalised(child) for child in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise ValueError(f"{type(value).__name__} is not JSON (text, number, true, false, null, list, mapping)")
