"""Nesting that would exhaust the stack of what walks a value next: comparing, scoring, writing it out."""

from __future__ import annotations

from typing import Any

__all__ = ["DEEPEST_NESTING", "nested_too_deeply"]

DEEPEST_NESTING = 100  # Python's own limit depends on how deep the caller stands


def nested_too_deeply(value: Any) -> bool:
    """Whether lists and mappings stand in each other more than `DEEPEST_NESTING` levels deep."""
    level = [value]
    for _ in range(DEEPEST_NESTING + 1):
        children: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                children.extend(each.values())
            elif isinstance(each, list):
                children.extend(each)
        if not children:
            return False
        level = children
    return True
