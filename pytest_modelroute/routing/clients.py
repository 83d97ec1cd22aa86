"""One client a tier, made at its first call, or given by the team."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ..cassettes.client import is_async, live_async_client, live_client
from ..errors import InputError, did_you_mean
from ..registry.model import Registry, Tier
from .processes import PerProcess

__all__ = ["Clients"]

Address: TypeAlias = tuple[str, str, str | None, str | None]
Loop: TypeAlias = asyncio.AbstractEventLoop


@dataclass
class _Made:
    """One process's clients. Those of an event loop go with it, since their connections do."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    plain: dict[Address, Any] = field(default_factory=dict)
    by_loop: weakref.WeakKeyDictionary[Loop, dict[Address, Any]] = field(default_factory=weakref.WeakKeyDictionary)


class Clients:
    """The clients of a router; `given` is one for all tiers, or one by the tier's name, and never closed here.

    `timeout` is in seconds, for each attempt, and `max_retries` the number of further ones; both are of clients that
    are made here. Safe to use from many threads, and after a fork.
    """

    def __init__(self, given: Any, timeout: float, max_retries: int) -> None:
        self._given = given
        self._timeout = timeout
        self._max_retries = max_retries
        self._own = PerProcess(_Made)

    def check(self, registry: Registry) -> None:
        """Raise InputError for a client of a tier that the registry lacks."""
        names = [tier.name for tier in registry.tiers]
        for name in self._given if isinstance(self._given, Mapping) else ():
            if name not in names:
                raise InputError(f"clients: there is no tier '{name}'", valid=did_you_mean(name, names))

    def given(self, tier: Tier) -> Any:
        """The team's own client of a tier; None where there is none."""
        return self._given.get(tier.name) if isinstance(self._given, Mapping) else self._given

    def plain(self, tier: Tier) -> Any:
        """A client whose calls block. Raises InputError where the team's own is async, or no key is set."""
        given = self.given(tier)
        if given is not None:
            if is_async(given):
                raise InputError(f"the client of tier '{tier.name}' is async", fix="await router.acall(...)")
            return given
        own = self._own.own()
        client = own.plain.get(_address(tier))
        if client is None:
            with own.lock:
                client = own.plain.get(_address(tier))
                if client is None:
                    client = own.plain[_address(tier)] = live_client(tier, self._timeout, self._max_retries)
        return client

    async def awaited(self, tier: Tier) -> Any:
        """A client whose calls are awaited, for the running event loop. Raises InputError where no key is set."""
        loop = asyncio.get_running_loop()
        client = self._own.own().by_loop.get(loop, {}).get(_address(tier))
        # Made in a thread: importing the SDK and reading certificates would hold up all else in the loop.
        return await asyncio.to_thread(self._made, tier, loop) if client is None else client

    def _made(self, tier: Tier, loop: Loop) -> Any:
        own = self._own.own()
        with own.lock:
            clients = own.by_loop.setdefault(loop, {})
            client = clients.get(_address(tier))
            if client is None:
                client = clients[_address(tier)] = live_async_client(tier, self._timeout, self._max_retries)
        return client

    def close(self) -> None:
        """Close the blocking clients that were made here."""
        own = self._own.own()
        with own.lock:
            closing = list(own.plain.values())
            own.plain.clear()
        for client in closing:
            with contextlib.suppress(Exception):
                client.close()

    async def aclose(self) -> None:
        """Close all that were made here: the blocking ones, and those of the running event loop."""
        self.close()
        own, loop = self._own.own(), asyncio.get_running_loop()
        with own.lock:
            closing = list(own.by_loop.pop(loop, {}).values())
        for client in closing:
            with contextlib.suppress(Exception):
                await client.close()


def _address(tier: Tier) -> Address:
    """What a client is made for: a registry that is read anew may send a tier elsewhere."""
    return (tier.name, tier.endpoint, tier.base_url, tier.api_key_env)
