"""Text for a terminal: what may be printed, and how many columns it takes."""

from __future__ import annotations

import unicodedata

__all__ = ["columns", "cut", "printable"]

ELLIPSIS = "..."


def printable(text: str) -> str:
    """No control characters, no lone surrogates: a model's answer must not steer a terminal or break its encoding."""
    shown = (c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)
    return "".join(shown)


def columns(text: str) -> int:
    """How wide a text is: wide characters take two columns, combining ones none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def cut(text: str, width: int) -> str:
    """The text, or as much of it as `width` columns hold with three dots behind it."""
    if columns(text) <= width:
        return text
    room = width - len(ELLIPSIS)
    end = 0
    while end < len(text) and columns(text[: end + 1]) <= room:
        end += 1
    return text[:end] + ELLIPSIS
