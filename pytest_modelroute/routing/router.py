"""The registry in production: the calls go where it says, by the prompts that the gate tested."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any

from ..errors import did_you_mean
from ..registry.asked import OwnCall
from ..registry.model import Registry
from ..registry.rootdir import DEFAULT_REGISTRY
from ..registry.serving import Inputs
from .accounts import routed_answer
from .answers import Route, RoutedAnswer
from .bookkeeping import Bookkeeper
from .cascade import cascade
from .clients import Clients
from .decision_log import DecisionLog
from .errors import OwnCallTask, RoutingError
from .processes import PerProcess
from .routes import Routes, ServedTask, load_routes
from .sending import Sender, run, run_async
from .shadow import Shadows

__all__ = ["LogFrom", "Router"]

LOGGER = logging.getLogger("pytest_modelroute")

MOST_NAMES = 1000  # of unknown tasks that are told of


class LogFrom(Enum):
    """Where the decision log's path comes from, unless a caller gives one."""

    REGISTRY = "registry"


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What `reload` replaces, all at once; `logs` are those before too, where calls in flight may still end."""

    routes: Routes
    books: Bookkeeper
    logs: tuple[DecisionLog, ...]


class Router:
    """Asks the tier that the registry assigns to a task, and the dearer one where the answer escalates.

    Safe to use from many threads, event loops and forked processes. Made by `from_file`; `close` it at the end.
    """

    def __init__(
        self, path: str | Path, rootdir: str | Path | None, clients: Clients, log: LogFrom | str | Path | None
    ) -> None:
        self._path = os.path.abspath(path)
        self._rootdir = None if rootdir is None else os.path.abspath(rootdir)
        self._clients = clients
        self._sender = Sender(clients)
        self._log_from = log if log is None or isinstance(log, LogFrom) else Path(os.path.abspath(log))
        self._shadows = Shadows()
        self._told: set[str] = set()
        self._closed = False
        self._told_lock = PerProcess(threading.Lock)
        self._reload_lock = PerProcess(threading.Lock)
        self._loaded = self._load(None)

    @classmethod
    def from_file(
        cls,
        path: str | Path = DEFAULT_REGISTRY,
        *,
        rootdir: str | Path | None = None,
        clients: Any = None,
        timeout: float = 60.0,
        max_retries: int = 2,
        log: LogFrom | str | Path | None = LogFrom.REGISTRY,
    ) -> Router:
        """Load a registry with its prompts and schemas; golden datasets and cassettes need not be there.

        `clients` are the team's own: one for all tiers, or a mapping from names of tiers, sync or async. Other tiers
        get one each at their first call, with `timeout` seconds an attempt and `max_retries` further ones. `log` is a
        path instead of the registry's, or None for no decision log. Raises InputError for whatever is broken.
        """
        return cls(path, rootdir, Clients(clients, timeout, max_retries), log)

    def call(self, task: str, input: Mapping[str, Any] | None = None, /, **fields: Any) -> RoutedAnswer:  # noqa: A002  # as golden cases and prompts call it
        """Answer one input, a mapping or keywords. Raises a RoutingError where there is no answer that can be used.

        A task without a prompt, or one that the registry does not list, is given the arguments of messages.create.
        """
        loaded = self._loaded
        served, given = self._asked(loaded, task, input, fields)
        begun = loaded.books.begin(served, given)
        over = run(cascade(served, given), self._sender.send)
        loaded.books.end(begun, over, self._sender.send)
        return routed_answer(served, over)

    async def acall(self, task: str, input: Mapping[str, Any] | None = None, /, **fields: Any) -> RoutedAnswer:  # noqa: A002
        """The same without blocking the event loop. A call that is cancelled is logged as failed."""
        loaded = self._loaded
        served, given = self._asked(loaded, task, input, fields)
        begun = loaded.books.begin(served, given)
        over = await run_async(cascade(served, given), self._sender.send_async)
        loaded.books.end(begun, over, self._sender.beside(asyncio.get_running_loop()))
        if over.cancelled is not None:
            raise over.cancelled
        return routed_answer(served, over)

    def model_for(self, task: str) -> str:
        """The model that a task is assigned to, for teams that make the call themselves."""
        return self.route_for(task).model

    def route_for(self, task: str) -> Route:
        """The task's tier, model and address."""
        return self._served(self._loaded.routes, task).route

    @property
    def registry(self) -> Registry:
        """The registry in use."""
        return self._loaded.routes.registry

    @property
    def log_failures(self) -> int:
        """How many lines the decision log lacks because they could not be written."""
        return sum(log.failures for log in self._loaded.logs)

    @property
    def shadows_dropped(self) -> int:
        """How many shadow calls were not made, or not to their end: too many waited, or their event loop ended."""
        return self._shadows.dropped

    def reload(self) -> None:
        """Read the registry anew, for the calls from now on. Raises InputError, and goes on with the old one."""
        with self._reload_lock.own():
            log = self._loaded.books.log
            self._loaded = self._load(self._loaded)
            if log is not None and log is not self._loaded.books.log:
                log.close()

    def close(self, timeout: float = 10.0) -> None:
        """Wait up to `timeout` seconds for shadow calls, then close the clients that were made here and the log."""
        self._closed = True
        self._shadows.close(timeout)
        self._clients.close()
        if self._loaded.books.log is not None:
            self._loaded.books.log.close()

    async def aclose(self, timeout: float = 10.0) -> None:
        """The same, with the clients of the running event loop."""
        self._closed = True
        await asyncio.to_thread(self._shadows.close, timeout)
        await self._clients.aclose()
        self.close(0.0)

    def __enter__(self) -> Router:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Router:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _load(self, before: _Loaded | None) -> _Loaded:
        routes = load_routes(self._path, self._rootdir)
        self._clients.check(routes.registry)
        log, logs = self._log(routes), () if before is None else before.logs
        current = None if before is None else before.books.log
        if log is not None and current is not None and log.settings == current.settings:
            log = current
        elif log is not None:
            logs = (*logs, log)
        if log is None:
            for task in routes.registry.tasks.values():
                if task.shadow is not None:
                    what = "its shadow does not run: there is no decision log to keep what it answers"
                    LOGGER.warning("%s: task '%s': %s", task.shadow.place, task.name, what)
        return _Loaded(routes, Bookkeeper(log, self._shadows), logs)

    def _log(self, routes: Routes) -> DecisionLog | None:
        policy = routes.registry.log
        if self._log_from is None or (self._log_from is LogFrom.REGISTRY and policy is None):
            return None
        sample, inputs = (1.0, Inputs.DIGEST) if policy is None else (policy.sample, policy.inputs)
        if isinstance(self._log_from, Path):
            return DecisionLog(self._log_from, sample, inputs)
        assert policy is not None
        return DecisionLog(routes.rootdir / policy.path, sample, inputs)

    def _asked(
        self, loaded: _Loaded, task: str, given: Mapping[str, Any] | None, fields: Mapping[str, Any]
    ) -> tuple[ServedTask, Mapping[str, Any]]:
        """The task and its input. Raises TypeError for an input that is none, RoutingError where it cannot be asked."""
        if given is not None and fields:
            raise TypeError(f"task '{task}': an input is a mapping or keywords, not both")
        if given is not None and not isinstance(given, Mapping):
            raise TypeError(f"task '{task}': an input is a mapping or keywords, not {type(given).__name__}")
        if self._closed:
            raise RoutingError("the router is closed", task=task)
        served = self._served(loaded.routes, task)
        if isinstance(served.task.prompt, OwnCall):
            what = f"its calls are made by {served.task.prompt.reference}: call that with router.model_for('{task}')"
            raise OwnCallTask(what, task=task)
        return served, fields if given is None else given

    def _served(self, routes: Routes, task: str) -> ServedTask:
        if not isinstance(task, str) or not task:
            raise TypeError(f"a task is a name, not {task!r}")
        served = routes.of(task)
        if not served.known and self._is_news(task):
            valid = did_you_mean(task, routes.registry.tasks)
            LOGGER.warning("unknown task '%s' goes to the default tier '%s': %s", task, served.tier.name, valid)
        return served

    def _is_news(self, task: str) -> bool:
        with self._told_lock.own():
            news = task not in self._told and len(self._told) < MOST_NAMES
            if news:
                self._told.add(task)
            return news
