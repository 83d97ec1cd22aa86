"""Short names for content, so that a line of YAML can say which edit it means."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from .. import strict_json

__all__ = ["DIGITS", "fingerprint", "named"]

DIGITS = 12  # of a SHA-256: nobody makes another edit with the same by accident
MOST_NAMED = 10
LONGEST_VALUE = 60  # characters of its JSON


def fingerprint(value: object) -> str:
    """`sha256:` and the first digits, of a JSON-like value as canonical JSON."""
    text = strict_json.canonical(value)
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]


def named(contents: Mapping[str, Any], noun: str) -> Any:
    """A mapping by name with short values as they are and long ones by their digest; of many, their number and digest.

    Two contents that differ are named differently.
    """
    if len(contents) > MOST_NAMED:
        return f"{len(contents)} {noun}, {fingerprint(contents)}"
    return {name: _short(contents[name]) for name in sorted(contents)}


def _short(value: Any) -> Any:
    text = strict_json.canonical(value)
    is_plain = len(text) <= LONGEST_VALUE and not any("\ud800" <= character <= "\udfff" for character in text)
    return value if is_plain else fingerprint(value)
