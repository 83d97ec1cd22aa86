"""What of an HTTP exchange may be written down: allow-lists, since no list of secrets is ever complete."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..registry.model import Registry
from .credentials import CredentialScan

__all__ = ["ALLOWED_REQUEST_HEADERS", "ALLOWED_RESPONSE_HEADERS", "allowed", "credential_scan"]

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


def credential_scan(registry: Registry) -> CredentialScan:
    """A scan that knows the values of the keys which this registry's tiers use."""
    names = {tier.api_key_env for tier in registry.tiers if tier.api_key_env}
    names |= {"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"}
    return CredentialScan({name: os.environ[name] for name in sorted(names) if os.environ.get(name)})
