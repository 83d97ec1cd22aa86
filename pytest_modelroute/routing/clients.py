"""One client a tier, made at its first call, or given by the team."""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ..cassettes.client import is_async, live_async_client, live_client
from ..errors import InputError, did_you_mean
from ..registry.model import Registry, Tier
from .processes import PerProcess

__all__ = ["Clients"]

Address: TypeAlias = tuple[str, str, str | None, str | None]
Loop: TypeAlias = asyncio.AbstractEventLoop


@dataclass(frozen=True, slots=True)
class _OfLoop:
    """An event loop's clients, and what closes them when it is closed, or when its loop ends."""

    clients: dict[Address, Any]
    open_until: AsyncGenerator[None]


@dataclass
class _Made:
    """One process's clients. Those of an event loop go with it, since their connections do."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    plain: dict[Address, Any] = field(default_factory=dict)
    by_loop: dict[Loop, _OfLoop] = field(default_factory=dict)

    async def of(self, loop: Loop) -> _OfLoop:
        """The running loop's."""
        found = self.by_loop.get(loop)
        if found is None:
            self.forget_closed()
            clients: dict[Address, Any] = {}
            found = self.by_loop[loop] = _OfLoop(clients, self._open_until_the_end(loop, clients))
            await anext(found.open_until)
        return found

    def forget_closed(self) -> None:
        """Let go of what belongs to loops that were closed as they were: nothing can be awaited there any more."""
        for loop in list(self.by_loop):
            if loop.is_closed():
                self.by_loop.pop(loop, None)

    async def _open_until_the_end(self, loop: Loop, clients: dict[Address, Any]) -> AsyncGenerator[None]:
        """Closes the clients: asyncio.run() ends all generators of its loop before it closes that."""
        try:
            yield
        finally:
            self.by_loop.pop(loop, None)
            for client in list(clients.values()):
                with contextlib.suppress(Exception):
                    await client.close()


class Clients:
    """The clients of a router; `given` is one for all tiers, or one by the tier's name, and never closed here.

    `timeout` is in seconds, for each attempt, and `max_retries` the number of further ones; both are of clients that
    are made here. Safe to use from many threads, and after a fork. Raises InputError for what is no such number.
    """

    def __init__(self, given: Any, timeout: float, max_retries: int) -> None:
        if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 < timeout < math.inf:
            raise InputError(f"timeout: {timeout!r} is not valid", valid="seconds, more than 0")
        if isinstance(max_retries, bool) or not isinstance(max_retries, int) or max_retries < 0:
            raise InputError(f"max_retries: {max_retries!r} is not valid", valid="a whole number from 0")
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
        clients = (await self._own.own().of(asyncio.get_running_loop())).clients
        client = clients.get(_address(tier))
        # Made in a thread: importing the SDK and reading certificates would hold up all else in the loop.
        return await asyncio.to_thread(self._made, tier, clients) if client is None else client

    def _made(self, tier: Tier, clients: dict[Address, Any]) -> Any:
        with self._own.own().lock:
            client = clients.get(_address(tier))
            if client is None:
                client = clients[_address(tier)] = live_async_client(tier, self._timeout, self._max_retries)
        return client

    def close(self) -> None:
        """Close the blocking clients that were made here."""
        own = self._own.own()
        own.forget_closed()
        with own.lock:
            closing = list(own.plain.values())
            own.plain.clear()
        for client in closing:
            with contextlib.suppress(Exception):
                client.close()

    async def aclose(self) -> None:
        """Close all that were made here: the blocking ones, and those of the running event loop."""
        self.close()
        made = self._own.own().by_loop.get(asyncio.get_running_loop())
        if made is not None:
            await made.open_until.aclose()


def _address(tier: Tier) -> Address:
    """What a client is made for: a registry that is read anew may send a tier elsewhere."""
    return (tier.name, tier.endpoint, tier.base_url, tier.api_key_env)
