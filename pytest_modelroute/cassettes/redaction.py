"""What of an HTTP exchange may be written down: allow-lists, since no list of secrets is ever complete."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["ALLOWED_REQUEST_HEADERS", "ALLOWED_RESPONSE_HEADERS", "allowed"]

ALLOWED_REQUEST_HEADERS = frozenset({"content-type", "anthropic-version", "anthropic-beta"})
ALLOWED_RESPONSE_HEADERS = frozenset({"content-type"})


def allowed(headers: Mapping[str, object], names: frozenset[str]) -> dict[str, list[str]]:
    """The headers that stand in `names`, lower case, each with a list of values, in alphabetical order."""
    kept: dict[str, list[str]] = {}
    for name, value in headers.items():
        if name.lower() in names:
            values = value if isinstance(value, (list, tuple)) else [value]
            kept[name.lower()] = [each.decode("latin-1") if isinstance(each, bytes) else str(each) for each in values]
    return dict(sorted(kept.items()))
