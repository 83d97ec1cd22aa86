"""The router's clients: one a tier, for all threads; or the team's own; and keys that go where they belong."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anthropic
import pytest

from pytest_modelroute import CallFailed, RoutedAnswer, Router, TierUnavailable
from pytest_modelroute.errors import InputError
from pytest_modelroute.routing import clients as clients_module

from .live import until
from .messages_server import Reply, message, overloaded
from .routed import decisions, labelled, routed_project, served

GIVEN = {"text": "message 4"}
ESCALATE = ("  classify:\n", "  classify:\n    escalate: {to: large, below: 0.5}\n")


def numbered(body: dict[str, Any], number: int) -> Reply:
    """The number of the message, as confidence: each caller can tell its own answer."""
    case = int(re.findall(r"\d+", body["messages"][-1]["content"])[-1])
    return labelled("other" if body["model"] == "large-1" else "refund", case / 1000)


def is_right(answer: RoutedAnswer, case: int) -> bool:
    dear = case / 1000 < 0.5
    return (
        answer.output == {"label": "other" if dear else "refund", "confidence": case / 1000}
        and answer.escalated == dear
    )


DESCRIPTORS = Path("/proc/self/fd")


def open_files() -> list[str]:
    """What this process has open."""
    found = []
    for descriptor in DESCRIPTORS.iterdir():
        with contextlib.suppress(OSError):
            found.append(str(descriptor.readlink()))
    return found


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tiers that clients are made for from now on."""
    made: list[str] = []
    for name in ("live_client", "live_async_client"):
        make = getattr(clients_module, name)

        def counting(tier: Any, *rest: Any, make: Any = make) -> Any:
            made.append(tier.name)
            return make(tier, *rest)

        monkeypatch.setattr(clients_module, name, counting)
    return made


def test_many_threads_share_one_client_a_tier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = counted(monkeypatch)
    with served(tmp_path, numbered) as (project, server):
        project.replace(*ESCALATE)
        cases = list(range(400, 600))
        barrier = threading.Barrier(16)
        with Router.from_file(project.registry) as router, ThreadPoolExecutor(16, initializer=barrier.wait) as pool:
            found = list(pool.map(lambda case: router.call("classify", text=f"message {case}"), cases))
        assert all(map(is_right, found, cases))
        assert len(server.requests) == len(cases) + 100
    assert sorted(made) == ["large", "nano"]
    logged = decisions(project)
    assert len({line.call for line in logged}) == len(logged) == len(cases)
    assert sum(line.escalated_from == "nano" for line in logged) == 100


def test_calls_go_on_while_the_registry_is_read_anew(tmp_path: Path) -> None:
    with served(tmp_path, numbered) as (project, _), Router.from_file(project.registry) as router:
        with ThreadPoolExecutor(4) as pool:
            calls = [pool.submit(router.call, "classify", {"text": f"message {case}"}) for case in range(500, 560)]
            for tier in ("small", "nano", "small"):
                project.move("classify", tier)
                router.reload()
            found = [call.result() for call in calls]
        assert all(map(is_right, found, range(500, 560)))
        assert {answer.tier for answer in found} <= {"nano", "small"}
        assert len(decisions(project)) == 60


@pytest.mark.skipif(not DESCRIPTORS.exists(), reason="looks at what /proc tells of")
@pytest.mark.parametrize("writable", [True, False])
def test_a_call_in_flight_as_its_log_is_replaced_ends_in_the_old_one(tmp_path: Path, writable: bool) -> None:
    answered = threading.Event()

    def patient(body: dict[str, Any], number: int) -> Reply:
        if number > 1:
            answered.wait(60)
        return labelled()

    with (
        served(tmp_path, patient) as (project, server),
        Router.from_file(project.registry) as router,
        ThreadPoolExecutor(1) as pool,
    ):
        router.call("classify", GIVEN)
        late = pool.submit(router.call, "classify", GIVEN)
        until(lambda: len(server.requests) == 2)
        project.replace("path: log/calls.jsonl", "path: log/others.jsonl")
        router.reload()
        old = project.folder / "log/calls.jsonl"
        if not writable:
            old.unlink()
            old.mkdir()
        answered.set()
        assert late.result().tier == "nano"
        assert router.log_failures == (0 if writable else 1)
        if writable:
            assert len(decisions(project)) == 2
        assert str(old) not in open_files()


@pytest.mark.skipif(not DESCRIPTORS.exists(), reason="looks at what /proc tells of")
def test_a_call_in_flight_as_the_router_is_closed_leaves_no_file_open(tmp_path: Path) -> None:
    answered = threading.Event()

    def patient(body: dict[str, Any], number: int) -> Reply:
        answered.wait(60)
        return labelled()

    with served(tmp_path, patient) as (project, server), ThreadPoolExecutor(1) as pool:
        client = made_client(server.url)
        router = Router.from_file(project.registry, clients=client)
        late = pool.submit(router.call, "classify", GIVEN)
        until(lambda: len(server.requests) == 1)
        router.close()
        answered.set()
        assert late.result().tier == "nano"
        client.close()
        assert len(decisions(project)) == 1
        assert str(project.folder / "log/calls.jsonl") not in open_files()


def test_many_awaited_calls_share_one_client_a_tier_and_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = counted(monkeypatch)
    with served(tmp_path, numbered) as (project, _):
        project.replace(*ESCALATE)
        router = Router.from_file(project.registry)

        async def many(cases: range) -> list[RoutedAnswer]:
            try:
                return await asyncio.gather(*(router.acall("classify", text=f"message {case}") for case in cases))
            finally:
                await router._clients.aclose()

        for cases in (range(450, 520), range(480, 530)):
            assert all(map(is_right, asyncio.run(many(cases)), cases))
        router.close()
    assert sorted(made) == ["large", "large", "nano", "nano"]
    assert len(decisions(project)) == 120


def test_an_awaited_call_does_not_block_the_loop(tmp_path: Path) -> None:
    answered = threading.Event()

    def patient(body: dict[str, Any], number: int) -> Reply:
        answered.wait(60)
        return labelled()

    async def both(router: Router) -> str:
        call = asyncio.create_task(router.acall("classify", GIVEN))
        while not server.requests:
            await asyncio.sleep(0.01)
        answered.set()
        return str((await call).output["label"])

    async def main() -> str:
        async with Router.from_file(project.registry) as router:
            return await both(router)

    with served(tmp_path, patient) as (project, server):
        assert asyncio.run(main()) == "refund"


@pytest.mark.parametrize("which", ["assigned", "dear"])
def test_a_call_that_is_cancelled_raises_that_and_is_logged(tmp_path: Path, which: str) -> None:
    over = threading.Event()

    def patient(body: dict[str, Any], number: int) -> Reply:
        if which == "assigned" or body["model"] == "large-1":
            over.wait(60)
        return labelled(confidence=0.1)

    async def main() -> None:
        async with Router.from_file(project.registry) as router:
            call = asyncio.create_task(router.acall("classify", GIVEN))
            while len(server.requests) < (1 if which == "assigned" else 2):
                await asyncio.sleep(0.01)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert call.cancelled()
            over.set()

    with served(tmp_path, patient) as (project, server):
        project.replace(*ESCALATE)
        project.replace("    escalate:", "    shadow: {tier: small, rate: 1.0}\n    escalate:")
        asyncio.run(main())
        assert {body["model"] for body in server.requests} <= {"nano-1", "large-1"}, "a shadow of nothing"
    (line,) = decisions(project)
    assert (line.outcome.value, line.error) == ("failed", "cancelled by the caller")
    expected = ("nano", None, None) if which == "assigned" else ("large", "nano", "low_confidence")
    assert (line.tier, line.escalated_from, line.trigger and line.trigger.value) == expected


@pytest.mark.skipif(not DESCRIPTORS.exists(), reason="counts what /proc tells of")
@pytest.mark.parametrize(
    "orderly",
    [
        pytest.param(True, id="asyncio.run"),
        # asyncio warns of connections whose loop is closed.
        pytest.param(False, id="loop.close", marks=pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")),
    ],
)
def test_no_event_loop_leaves_a_client_or_a_connection(tmp_path: Path, orderly: bool) -> None:
    def sockets() -> int:
        return sum(name.startswith("socket:") for name in open_files())

    def one(case: int) -> bool:
        asking = router.acall("classify", text=f"message {case}")
        if orderly:
            return is_right(asyncio.run(asking), case)
        loop = asyncio.new_event_loop()
        try:
            return is_right(loop.run_until_complete(asking), case)
        finally:
            loop.close()

    with served(tmp_path, numbered) as (project, _), Router.from_file(project.registry) as router:
        held = router._clients._own.own().by_loop
        begun = sockets()
        for case in range(600, 612):
            assert one(case)
            assert len(held) <= (0 if orderly else 1)
        router.close()
        assert not held
        if not orderly:
            gc.collect()
        until(lambda: sockets() <= begun)  # the server's own ends too


def test_the_sdk_is_not_loaded_in_the_event_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made_in = []
    make = getattr(clients_module, "live_async_client")  # noqa: B009  # an import of the module's own

    def noting(*arguments: Any) -> Any:
        made_in.append(threading.current_thread())
        return make(*arguments)

    monkeypatch.setattr(clients_module, "live_async_client", noting)

    async def main() -> None:
        async with Router.from_file(project.registry) as router:
            await asyncio.gather(*(router.acall("classify", text=f"message {case}") for case in range(500, 510)))

    with served(tmp_path, numbered) as (project, _):
        asyncio.run(main())
    assert len(made_in) == 1
    assert threading.main_thread() not in made_in


def lower(headers: dict[str, str]) -> dict[str, str]:
    """Headers by their names, which have no case."""
    return {name.lower(): text for name, text in headers.items()}


def made_client(url: str, kind: Any = anthropic.Anthropic) -> Any:
    return kind(api_key="given", base_url=url, max_retries=0)


def test_a_given_client_is_used_and_left_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = counted(monkeypatch)
    with served(tmp_path / "own", numbered) as (_, own), served(tmp_path, numbered) as (project, server):
        project.replace(*ESCALATE)
        client = made_client(own.url)
        with Router.from_file(project.registry, clients={"nano": client}) as router:
            assert is_right(router.call("classify", text="message 400"), 400)
        assert [body["model"] for body in own.requests] == ["nano-1"]
        assert [body["model"] for body in server.requests] == ["large-1"]
        with Router.from_file(project.registry, clients=client) as router:
            assert is_right(router.call("classify", text="message 400"), 400)
        assert [body["model"] for body in own.requests] == ["nano-1", "nano-1", "large-1"]
        assert lower(own.headers[0])["authorization"] == "Bearer given"
        client.close()
    assert made == ["large"]


@pytest.mark.parametrize("kind", [anthropic.Anthropic, anthropic.AsyncAnthropic])
def test_a_given_client_serves_awaited_calls(tmp_path: Path, kind: Any) -> None:
    """A blocking one does so from a thread."""

    async def main() -> RoutedAnswer:
        async with made_client(server.url, kind) if kind is anthropic.AsyncAnthropic else Left() as client:
            given = client or made_client(server.url, kind)
            async with Router.from_file(project.registry, clients=given) as router:
                found = await router.acall("classify", text="message 700")
            if client is None:
                given.close()
            return found

    with served(tmp_path, numbered) as (project, server):
        assert is_right(asyncio.run(main()), 700)
        assert lower(server.headers[0])["authorization"] == "Bearer given"


class Left:
    """A context of nothing."""

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, *_: object) -> None:
        return None


def test_a_given_client_that_must_be_awaited_is_refused_where_nobody_awaits(tmp_path: Path) -> None:
    project = routed_project(tmp_path, "http://127.0.0.1:9")
    given = {"nano": made_client("http://127.0.0.1:9", anthropic.AsyncAnthropic)}
    told = r"the client of tier 'nano' is async\n  fix: await router\.acall"
    with Router.from_file(project.registry, clients=given) as router, pytest.raises(TierUnavailable, match=told):
        router.call("classify", GIVEN)


def test_a_client_for_no_tier_is_told_at_once(tmp_path: Path) -> None:
    project = routed_project(tmp_path, "http://127.0.0.1:9")
    with pytest.raises(InputError, match=r"clients: there is no tier 'nanno'\n  valid: did you mean 'nano'\?"):
        Router.from_file(project.registry, clients={"nanno": object()})


BODY = json.loads(labelled().body)
FAKES: dict[str, Any] = {
    "a mapping": lambda **arguments: {**BODY, "model": arguments["model"]},
    "the SDK's model": lambda **arguments: anthropic.types.Message.model_validate(
        {**BODY, "model": arguments["model"]}
    ),
}


@pytest.mark.parametrize("name", FAKES)
@pytest.mark.parametrize("awaited", [False, True])
def test_any_object_with_messages_create_is_a_client(tmp_path: Path, name: str, awaited: bool) -> None:
    async def create(**arguments: Any) -> Any:
        return FAKES[name](**arguments)

    project = routed_project(tmp_path, "http://127.0.0.1:9")
    client = SimpleNamespace(messages=SimpleNamespace(create=create if awaited else FAKES[name]))
    with Router.from_file(project.registry, clients=client) as router:
        found = asyncio.run(router.acall("classify", GIVEN)) if awaited else router.call("classify", GIVEN)
    assert (found.output, found.message["model"]) == ({"label": "refund", "confidence": 0.9}, "nano-1")


def test_what_a_given_client_raises_is_the_cause(tmp_path: Path) -> None:
    def create(**arguments: Any) -> Any:
        raise RuntimeError("out of tokens")

    project = routed_project(tmp_path, "http://127.0.0.1:9")
    client = SimpleNamespace(messages=SimpleNamespace(create=create))
    with (
        Router.from_file(project.registry, clients=client) as router,
        pytest.raises(CallFailed, match="RuntimeError: out of tokens") as caught,
    ):
        router.call("classify", GIVEN)
    assert isinstance(caught.value.__cause__, RuntimeError)


@pytest.mark.parametrize("awaited", [False, True])
def test_a_key_goes_only_where_the_registry_sends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, awaited: bool
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-provider")
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "X-Team: secret")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("GATEWAY_KEY", "sk-gateway")
    with served(tmp_path, numbered) as (project, server):
        project.replace(*ESCALATE)
        project.replace("model: large-1,", "model: large-1, api_key_env: GATEWAY_KEY,")

        async def main() -> None:
            async with Router.from_file(project.registry) as router:
                await router.acall("classify", text="message 400")

        if awaited:
            asyncio.run(main())
        else:
            with Router.from_file(project.registry) as router:
                router.call("classify", text="message 400")
        first, second = server.headers
    assert "sk-" not in str(first)
    assert "sk-gateway" in str(second)
    assert "sk-provider" not in str(second)
    assert "secret" not in str(first) + str(second)


@pytest.mark.parametrize(("retries", "calls"), [(2, 3), (0, 1)])
def test_the_sdk_retries_as_often_as_it_is_told(tmp_path: Path, retries: int, calls: int) -> None:
    with served(tmp_path, lambda body, number: labelled() if number == 3 else overloaded()) as (project, server):
        with Router.from_file(project.registry, max_retries=retries) as router:
            if retries:
                assert router.call("classify", GIVEN).output["label"] == "refund"
            else:
                with pytest.raises(CallFailed):
                    router.call("classify", GIVEN)
        assert len(server.requests) == calls
    assert len(decisions(project)) == 1


def test_betas_go_to_the_beta_twin(tmp_path: Path) -> None:
    with served(tmp_path, lambda body, number: message("Yes.")) as (project, server):
        project.replace("  reply:\n", "  reply:\n    request: {betas: [files-api-2025-04-14]}\n")
        with Router.from_file(project.registry) as router:
            assert router.call("reply", GIVEN).output == "Yes."
        assert lower(server.headers[0])["anthropic-beta"] == "files-api-2025-04-14"


def test_a_forked_process_has_its_own_clients_threads_and_descriptors(tmp_path: Path) -> None:
    """A service that makes its router, uses it, and forks its workers then."""
    code = """
import os, sys, warnings
warnings.simplefilter("ignore")
from pytest_modelroute import Router
router = Router.from_file(sys.argv[1])
def labels(name):
    return [router.call("classify", text=f"message {case}").output["confidence"] for case in range(500, 510)]
expected = [case / 1000 for case in range(500, 510)]
assert labels("parent") == expected
router._clients._own.own().lock.acquire()
children = []
for _ in range(2):
    child = os.fork()
    if child == 0:
        fine = labels("child") == expected
        router.close(120)
        os._exit(0 if fine else 1)
    children.append(child)
print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
router._clients._own.own().lock.release()
assert labels("parent") == expected
router.close(120)
"""
    with served(tmp_path, numbered) as (project, _):
        project.replace("  classify:\n", "  classify:\n    shadow: {tier: small, rate: 1}\n")
        done = subprocess.run(
            [sys.executable, "-c", code, str(project.registry)],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parent.parent,
            timeout=600,
            check=False,
        )
    assert (done.returncode, done.stdout) == (0, "[0, 0]\n"), done.stderr
    lines = decisions(project)
    assert [line.shadow for line in lines].count(False) == 40
    assert [line.shadow for line in lines].count(True) == 40
    assert {line.outcome.value for line in lines} == {"answered"}


@pytest.mark.parametrize(
    "wrong", [{"timeout": 0}, {"timeout": -1}, {"timeout": "x"}, {"timeout": float("inf")}, {"timeout": True}]
)
def test_a_timeout_that_is_none_is_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    project = routed_project(tmp_path, "http://127.0.0.1:9")
    with pytest.raises(InputError, match="is not valid\n  valid: seconds, more than 0"):
        Router.from_file(project.registry, **wrong)


@pytest.mark.parametrize("wrong", [-1, 1.5, "a", True])
def test_retries_that_are_no_number_are_refused(tmp_path: Path, wrong: Any) -> None:
    project = routed_project(tmp_path, "http://127.0.0.1:9")
    with pytest.raises(InputError, match="is not valid\n  valid: a whole number from 0"):
        Router.from_file(project.registry, max_retries=wrong)


@pytest.mark.parametrize("wrong", [None, 5, b"classify", ["classify"], ""])
def test_a_task_that_is_no_name_is_refused(tmp_path: Path, wrong: Any) -> None:
    project = routed_project(tmp_path, "http://127.0.0.1:9")
    with Router.from_file(project.registry) as router:
        for ask in (lambda: router.call(wrong, GIVEN), lambda: router.model_for(wrong)):
            with pytest.raises(TypeError, match="a task is a name, not "):
                ask()
