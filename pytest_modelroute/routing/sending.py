"""Questions sent through the tiers' clients, waiting or awaiting."""

from __future__ import annotations

import asyncio
import concurrent.futures
import time
from collections.abc import Awaitable, Callable, Generator
from typing import TypeAlias

from ..cassettes.client import async_message_text, is_async, message_text
from .cascade import Cascade, Question, Sent
from .clients import Clients
from .shadow import Dropped

__all__ = ["Send", "Sender", "run", "run_async"]

Send: TypeAlias = Callable[[Question], Sent]

LONGEST_LOOP = 600.0  # seconds; what a shadow waits for an event loop that may have stopped


class Sender:
    """Sends questions; what a client raises comes back as what was sent, and is never raised."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def send(self, question: Question) -> Sent:
        """Send it and wait."""
        begun = time.perf_counter()
        try:
            client = self._clients.plain(question.tier)
            begun = time.perf_counter()  # without the time that making a client takes
            body = message_text(client, question.tier.model, question.arguments)
        except Exception as error:
            return Sent(None, error, _milliseconds(begun))
        return Sent(body, None, _milliseconds(begun))

    async def send_async(self, question: Question) -> Sent:
        """Send it and await the answer; a blocking client of the team's waits in a thread.

        A cancellation comes back too: whoever awaits this raises it again, when it is written down.
        """
        given = self._clients.given(question.tier)
        begun = time.perf_counter()
        try:
            if given is not None and not is_async(given):
                return await asyncio.to_thread(self.send, question)
            client = await self._clients.awaited(question.tier) if given is None else given
            begun = time.perf_counter()
            body = await async_message_text(client, question.tier.model, question.arguments)
        except (Exception, asyncio.CancelledError) as error:
            return Sent(None, error, _milliseconds(begun))
        return Sent(body, None, _milliseconds(begun))

    def beside(self, loop: asyncio.AbstractEventLoop) -> Send:
        """`send` for another thread than that of a loop: an async client of the team's works in its loop only.

        It raises Dropped where the loop ends first: that is no failure of the tier's.
        """

        def send(question: Question) -> Sent:
            given = self._clients.given(question.tier)
            if given is None or not is_async(given):
                return self.send(question)
            asked = self.send_async(question)
            try:
                sent = asyncio.run_coroutine_threadsafe(asked, loop).result(LONGEST_LOOP)
            except RuntimeError:  # the loop is closed
                asked.close()
                raise Dropped from None
            except (TimeoutError, concurrent.futures.CancelledError):
                raise Dropped from None
            if isinstance(sent.error, asyncio.CancelledError):
                raise Dropped
            return sent

        return send


def run(asking: Generator[Question, Sent, Cascade], send: Send) -> Cascade:
    """Send all that a cascade asks."""
    try:
        question = next(asking)
        while True:
            question = asking.send(send(question))
    except StopIteration as over:
        cascade: Cascade = over.value
        return cascade


async def run_async(asking: Generator[Question, Sent, Cascade], send: Callable[[Question], Awaitable[Sent]]) -> Cascade:
    """The same, awaiting each answer."""
    try:
        question = next(asking)
        while True:
            question = asking.send(await send(question))
    except StopIteration as over:
        cascade: Cascade = over.value
        return cascade


def _milliseconds(begun: float) -> int:
    return round((time.perf_counter() - begun) * 1000)
