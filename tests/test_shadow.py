"""Shadows: another tier answers a share of the calls too, and no caller ever notices."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anthropic
import pytest

from pytest_modelroute import RequestNotBuilt, Router
from pytest_modelroute.routing.shadow import QUEUED, THREADS

from .live import until
from .messages_server import MessagesServer, Reply, refused
from .projects import Project
from .routed import Says, decisions, labelled, served

GIVEN = {"text": "message 4"}


@contextmanager
def shadowed(folder: Path, says: Says, rate: float = 1, sample: float = 1) -> Iterator[tuple[Project, MessagesServer]]:
    with served(folder, says) as (project, server):
        project.replace("  classify:\n", f"  classify:\n    shadow: {{tier: large, rate: {rate}}}\n")
        project.replace("inputs: full", f"inputs: full, sample: {sample}")
        yield project, server


def by_tier(body: dict[str, Any], number: int) -> Reply:
    """Both say the same, one is less sure."""
    return labelled("refund", 0.9 if body["model"] == "nano-1" else 0.6)


@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("sample", [0, 1])
def test_a_shadow_answers_too_and_both_are_logged(tmp_path: Path, awaited: bool, sample: float) -> None:
    async def main() -> Any:
        async with Router.from_file(project.registry) as router:
            return await router.acall("classify", GIVEN)

    with shadowed(tmp_path, by_tier, sample=sample) as (project, server):
        if awaited:
            found = asyncio.run(main())
        else:
            with Router.from_file(project.registry) as router:
                found = router.call("classify", GIVEN)
        assert sorted(body["model"] for body in server.requests) == ["large-1", "nano-1"]
        assert server.requests[0]["messages"] == server.requests[1]["messages"]
    assert (found.tier, found.usd) == ("nano", 30 / 1e6)
    own, shadow = decisions(project)
    assert (own.shadow, own.tier, own.usd) == (False, "nano", found.usd)
    assert (shadow.shadow, shadow.tier, shadow.confidence, shadow.usd) == (True, "large", 0.6, 120 / 1e6)
    assert own.call == shadow.call
    assert own.input == shadow.input
    assert own.key != shadow.key
    assert own.output is not None
    assert shadow.output is not None
    assert own.output.digest == shadow.output.digest  # the scorer looks at the label alone
    assert own.output.full != shadow.output.full


@pytest.mark.parametrize(("rate", "least", "most"), [(0, 0, 0), (0.3, 5, 60)])
def test_a_share_of_the_calls_has_a_shadow(tmp_path: Path, rate: float, least: int, most: int) -> None:
    with shadowed(tmp_path, by_tier, rate=rate, sample=0) as (project, _), Router.from_file(project.registry) as router:
        for _ in range(100):
            router.call("classify", GIVEN)
        router.close(60)
        path = project.folder / "log/calls.jsonl"
        lines = decisions(project) if path.exists() else ()
        shadows = [line.call for line in lines if line.shadow]
        assert least <= len(shadows) <= most
        assert sorted(shadows) == sorted(line.call for line in lines if not line.shadow)  # both lines, or none


def test_a_caller_does_not_wait_for_a_shadow(tmp_path: Path) -> None:
    answered = threading.Event()

    def says(body: dict[str, Any], number: int) -> Reply:
        if body["model"] == "large-1":
            answered.wait(60)
        return by_tier(body, number)

    with shadowed(tmp_path, says) as (project, _), Router.from_file(project.registry) as router:
        given = {"text": "message 4"}
        assert router.call("classify", given).tier == "nano"
        assert [line.shadow for line in decisions(project)] == [False]
        given["text"] = "changed by the caller meanwhile"
        answered.set()
        router.close(60)
        assert [line.input.full for line in decisions(project)] == [GIVEN, GIVEN]


def test_closing_waits_for_shadows_and_no_longer(tmp_path: Path) -> None:
    with shadowed(tmp_path, by_tier) as (project, _):
        router = Router.from_file(project.registry)
        for _ in range(10):
            router.call("classify", GIVEN)
        closing = threading.Thread(target=router.close, args=(3600,), daemon=True)
        closing.start()
        until(lambda: not closing.is_alive())
        assert len([line for line in decisions(project) if line.shadow]) == 10
        assert router.shadows_dropped == 0


def test_a_shadow_that_fails_is_logged_and_nobody_else_hears_of_it(tmp_path: Path) -> None:
    def says(body: dict[str, Any], number: int) -> Reply:
        return refused(400, "no") if body["model"] == "large-1" else by_tier(body, number)

    with shadowed(tmp_path, says) as (project, _):
        with Router.from_file(project.registry) as router:
            assert router.call("classify", GIVEN).tier == "nano"
        own, shadow = decisions(project)
    assert (own.outcome.value, shadow.outcome.value, shadow.tier) == ("answered", "failed", "large")
    assert shadow.error == "BadRequestError: 400 invalid_request_error: no"


def test_a_call_that_gives_no_request_has_no_shadow(tmp_path: Path) -> None:
    with shadowed(tmp_path, by_tier) as (project, server):
        with Router.from_file(project.registry) as router, pytest.raises(RequestNotBuilt):
            router.call("classify", {})
        assert (server.requests, len(decisions(project))) == ([], 1)


def test_what_is_too_much_is_dropped_and_counted(tmp_path: Path) -> None:
    answered = threading.Event()
    waiting: list[int] = []

    def says(body: dict[str, Any], number: int) -> Reply:
        if body["model"] == "large-1":
            waiting.append(number)
            answered.wait(60)
        return by_tier(body, number)

    with shadowed(tmp_path, says) as (project, _), Router.from_file(project.registry) as router:
        for _ in range(THREADS):
            router.call("classify", GIVEN)
        until(lambda: len(waiting) == THREADS)
        for _ in range(QUEUED + 5):
            router.call("classify", GIVEN)
        assert router.shadows_dropped == 5
        router.close(0)  # whatever still waits is given up, and counted
        assert router.shadows_dropped == QUEUED + 5
        answered.set()
        until(lambda: len([line for line in decisions(project) if line.shadow]) == THREADS)
        assert len([line for line in decisions(project) if not line.shadow]) == THREADS + QUEUED + 5


def test_without_a_log_no_shadow_runs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with shadowed(tmp_path, by_tier) as (project, server), caplog.at_level(logging.WARNING):
        with Router.from_file(project.registry, log=None) as router:
            router.call("classify", GIVEN)
        assert [body["model"] for body in server.requests] == ["nano-1"]
    (told,) = caplog.messages
    assert told.endswith("task 'classify': its shadow does not run: there is no decision log to keep what it answers")


def test_a_given_async_client_serves_shadows_in_its_own_loop(tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            anthropic.AsyncAnthropic(api_key="given", base_url=server.url, max_retries=0) as client,
            Router.from_file(project.registry, clients=client) as router,
        ):
            await asyncio.gather(*(router.acall("classify", GIVEN) for _ in range(5)))

    with shadowed(tmp_path, by_tier) as (project, server):
        asyncio.run(main())
        assert {headers["Authorization"] for headers in server.headers} == {"Bearer given"}
    lines = decisions(project)
    assert [line.shadow for line in lines].count(True) == 5
    assert {line.outcome.value for line in lines} == {"answered"}


@pytest.mark.parametrize("startable", [0, 1])
def test_a_thread_that_cannot_be_started_costs_no_caller_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, startable: int
) -> None:
    """As at a limit of processes, or while the interpreter exits."""
    start = threading.Thread.start
    started: list[threading.Thread] = []

    def limited(thread: threading.Thread) -> None:
        if thread.name == "modelroute-shadow":
            if len(started) == startable:
                raise RuntimeError("can't start new thread")
            started.append(thread)
        start(thread)

    with shadowed(tmp_path, by_tier) as (project, _):
        monkeypatch.setattr(threading.Thread, "start", limited)
        with Router.from_file(project.registry) as router:
            assert [router.call("classify", GIVEN).tier for _ in range(3)] == ["nano"] * 3
            router.close(60)
            assert router.shadows_dropped == (0 if startable else 3)
            assert router.log_failures == 0
    assert [line.shadow for line in decisions(project)].count(True) == 3 * startable


@pytest.mark.parametrize("ends", ["while it is awaited", "before it begins"])
def test_a_shadow_that_its_event_loop_cuts_off_is_dropped_and_no_answer_of_its_tier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    over = threading.Event()
    begun = threading.Event()

    def says(body: dict[str, Any], number: int) -> Reply:
        if body["model"] == "large-1":
            begun.set()
            over.wait(60)
        return by_tier(body, number)

    async def main() -> None:
        client = anthropic.AsyncAnthropic(api_key="given", base_url=server.url, max_retries=0)
        router = Router.from_file(project.registry, clients=client)
        routers.append(router)
        if ends == "before it begins":
            run = router._shadows.run

            def delayed(job: Callable[[], None]) -> bool:
                def patient() -> None:
                    over.wait(60)
                    job()

                return run(patient)

            monkeypatch.setattr(router._shadows, "run", delayed)
        async with client:
            assert (await router.acall("classify", GIVEN)).tier == "nano"
            if ends == "while it is awaited":
                await asyncio.to_thread(begun.wait, 60)

    routers: list[Router] = []
    with shadowed(tmp_path, says) as (project, server):
        asyncio.run(main())
        over.set()
        (router,) = routers
        router.close(60)
        assert router.shadows_dropped == 1
    (line,) = decisions(project)
    assert (line.shadow, line.tier, line.outcome.value) == (False, "nano", "answered")
