"""Money: what counts as spent, what a cap still lets begin, and what is told of it."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pytest_modelroute.cassettes.client import key_variable
from pytest_modelroute.cassettes.faults import FaultKind, fault_of
from pytest_modelroute.evaluation.answers import Usage
from pytest_modelroute.evaluation.asking import PromptAsker
from pytest_modelroute.evaluation.golden import GoldenCase
from pytest_modelroute.evaluation.metering import Metered, metered
from pytest_modelroute.registry.model import Tier

from . import interactions as recorded
from .interactions import interaction
from .live import Forks, interactions, live_project, report
from .messages_server import MessagesServer, Reply, refused
from .projects import Project, answer
from .test_faults import failure
from .test_own_calls import HTTPX, JSON, URLLIB, own_project, respond

NEW = "--modelroute-record=new_episodes"
DRY = "--modelroute-dry-run"

# A tool on another host, which answers with plain text.
TOOL = """
import {module}
def weather(input):
    return {ask}
import agent_itself
def answer(input, model, base_url):
    assert weather(input) == "sunny"
    return agent_itself.answer(input, model, base_url)
"""
ASK = {
    "httpx2": ("httpx2", 'httpx2.post("http://localhost:{port}/tools", json={{"model": "tool"}}).text'),
    "urllib": (
        "urllib.request",
        'urllib.request.urlopen("http://localhost:{port}/tools", b\'{{"model": "tool"}}\').read().decode()',
    ),
}


def with_tool(body: dict[str, Any], number: int) -> Reply:
    return Reply(b"sunny", headers={"content-type": "text/plain"}) if body["model"] == "tool" else respond(body, number)


def tool_project(folder: Path, server: MessagesServer, client: str, agent: str) -> Project:
    module, ask = ASK[client]
    ask = ask.format(port=server.url.rpartition(":")[2])
    project = own_project(folder, server, TOOL.format(module=module, ask=ask), "\n    hosts: [localhost]")
    (project.folder / "agent_itself.py").write_text(agent)
    return project


@pytest.mark.parametrize(("client", "agent"), [("httpx2", HTTPX), ("urllib", URLLIB)])
def test_a_call_to_another_host_has_no_price_and_is_no_retry(
    forks: Forks, tmp_path: Path, client: str, agent: str
) -> None:
    with MessagesServer(with_tool) as server:
        project = tool_project(tmp_path, server, client, agent)
        assert forks.record(project, "-k", "message-001").returncode == 0
        done = forks.record(project, "--modelroute-max-usd=1", JSON)
    assert done.returncode == 0, done.output
    assert len(interactions(project)) == 9
    end = re.search(
        r"2 answers for ([\d.]+) USD, planned ([\d.]+), in .*; not priced: \d+ calls? to (\S+)", done.stdout
    )
    assert end, done.stdout
    assert end[3].startswith("localhost:")
    assert float(end[2]) == pytest.approx(2 * 2 * (10 * 4 + 5 * 16) / 1e6)
    assert float(end[1]) >= float(end[2])
    assert "retr" not in done.stdout
    assert "stopped" not in done.stdout
    assert report(project)["classify"]["results"][0]["usage"] == {
        "input_tokens": 20,
        "output_tokens": 10,
        "cache_read_tokens": 0,
        "cache_write_tokens": 0,
    }


@pytest.mark.parametrize(
    ("changes", "hosts", "expected"),
    [
        ({"body": recorded.message("a", model="m", usage={"input_tokens": 3, "output_tokens": 2})}, (), (3, 2, "m")),
        ({"body": recorded.message("a", model="m")}, (), (None, None, "m")),
        ({"body": recorded.message("a", usage={"input_tokens": 3, "output_tokens": 2})}, ("api.anthropic.com",), None),
        ({"body": "sunny", "uri": "https://api.anthropic.com/tools"}, (), None),
        ({"body": '{"weather": "sunny"}'}, (), None),
        ({"body": '{"input_tokens": 9}', "uri": "https://api.anthropic.com/v1/messages/count_tokens"}, (), None),
        ({"body": "[1]"}, (), None),
        ({"body": "event: message_start"}, (), (None, None, None)),
        (
            {
                "body": "data: {}",
                "uri": "https://api.anthropic.com/v1/chat",
                "response_headers": {"Content-Type": ["text/event-stream; charset=utf-8"]},
            },
            (),
            (None, None, None),
        ),
    ],
)
def test_what_a_recorded_call_took(changes: dict[str, Any], hosts: tuple[str, ...], expected: Any) -> None:
    found = metered(interaction(**changes), hosts)
    if expected is None:
        assert found == Metered(priced=False)
    else:
        tokens_in, tokens_out, model = expected
        assert found == Metered(True, None if tokens_in is None else Usage(tokens_in, tokens_out), model)


def test_the_plan_counts_the_runs_of_a_function_and_what_they_call(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(with_tool) as server:
        project = tool_project(tmp_path, server, "httpx2", HTTPX)
        host = server.url.removeprefix("http://")
        first = forks.run(project, NEW, DRY).stdout
        assert f"large (large-1): 3 runs, calls unknown (3 missing) to {host}, tokens unknown, cost unknown," in first
        assert "plan: at least 3 calls, " in first
        assert forks.record(project, "-k", "message-001").returncode == 0
        then = forks.run(project, NEW, DRY).stdout
        assert f"large (large-1): about 6 calls in 2 runs (2 missing) to {host}, 40 tokens in, 20 out, " in then
        assert "plan: about 6 calls, " in then


def dear(body: dict[str, Any], number: int) -> Reply:
    """1 USD on the large tier."""
    reply = respond(body, number)
    usage = {"input_tokens": 250_000, "output_tokens": 0}
    reply.body = json.dumps({**json.loads(reply.body), "usage": usage}).encode()
    reply.delay = 0.05
    return reply


def test_no_call_begins_once_the_cap_is_reached_and_one_sum_is_told(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(dear) as server:
        project = live_project(tmp_path, server, 20, only="classify")
        done = forks.record(project, "--modelroute-max-usd=1", "--modelroute-concurrency=4")
        begun = len(server.requests)
        assert forks.record(project).returncode == 0
        assert len(server.requests) == 20
    assert done.returncode == 1, done.output
    assert 1 <= begun <= 4, "those that were on their way"
    assert f"{begun} answer" in done.stdout
    told = done.stdout.partition("modelroute: recorded ")[2]
    assert re.findall(r"(?:for|spent|are) ([\d.]+) USD|([\d.]+) USD (?:are|is) spent", told) == [(f"{begun}.00", "")]
    assert "stopped: --modelroute-max-usd=1.00 is reached; what arrived is kept" in told


def test_runs_that_wait_for_their_turn_do_not_begin_after_the_cap(forks: Forks, tmp_path: Path) -> None:
    replies: list[Callable[[dict[str, Any], int], Reply]] = [respond]
    with MessagesServer(lambda body, number: replies[-1](body, number)) as server:
        project = own_project(tmp_path, server, URLLIB)
        assert forks.record(project, "-k", "message-001").returncode == 0
        # Of a client that vcrpy loses sight of for moments a first call may go out beside the run whose turn it is.
        replies.append(lambda body, number: (dear if "Answer" in str(body) else respond)(body, number))
        project.write_golden("classify", [*project.golden("classify"), *more_cases(project, 5)])
        done = forks.record(project, "--modelroute-max-usd=1", "--modelroute-concurrency=4")
    assert done.returncode == 1, done.output
    assert "modelroute: 1 answer for 1.00 USD" in done.stdout


def more_cases(project: Project, number: int) -> list[dict[str, Any]]:
    case = project.golden("classify")[0]
    return [{**case, "id": f"more-{n}", "input": {"text": f"message {30 + 3 * n + 1}"}} for n in range(number)]


def test_a_cap_that_the_last_calls_reach_stops_nothing(forks: Forks, tmp_path: Path) -> None:
    all_there = threading.Barrier(4, timeout=60)

    def at_once(body: dict[str, Any], number: int) -> Reply:
        all_there.wait()  # the first answer stops what has not begun
        return dear(body, number)

    with MessagesServer(at_once) as server:
        project = live_project(tmp_path, server, 4, only="classify")
        done = forks.record(project, "--modelroute-max-usd=1", "--modelroute-concurrency=4")
    assert done.returncode == 0, done.output
    assert "4 answers for 4.00 USD" in done.stdout
    assert "stopped" not in done.stdout


def test_what_was_paid_for_nothing_is_spent_all_the_same(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(dear) as server:
        project = own_project(tmp_path, server, HTTPX)
        project.replace("return json.loads(", "raise ValueError(", "agent.py")
        done = forks.record(project)
    assert done.returncode == 1
    assert "0 answers for 6.00 USD" in done.stdout


def test_answers_that_tell_no_tokens_are_against_a_cap_and_are_named(forks: Forks, tmp_path: Path) -> None:
    def untold(body: dict[str, Any], number: int) -> Reply:
        reply = answer(body, number)
        whole = json.loads(reply.body)
        del whole["usage"]
        reply.body = json.dumps(whole).encode()
        return reply

    with MessagesServer(untold) as server:
        project = live_project(tmp_path, server, only="classify")
        project.replace("large-1,", "large-1, concurrency: 1,")
        done = forks.record(project, "--modelroute-max-usd=1")
        assert len(server.requests) == 1
        assert done.returncode == 1
        assert (
            "what classify on large costs is not known, which --modelroute-max-usd=1.00 does not allow" in done.stdout
        )
        free = forks.record(project)
    assert "4 answers for at least 0.00 USD" in free.stdout


def test_a_cap_that_cannot_be_kept_names_task_and_tier(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(respond) as server:
        project = own_project(tmp_path, server, HTTPX)
        unknown = forks.record(project, "--modelroute-max-usd=1")
        project.replace(", price: {input: 4.0, output: 16.0, as_of: 2026-11-21}", "")
        assert forks.record(project, "-k", "message-001").returncode == 0
        unpriced = forks.record(project, "--modelroute-max-usd=1")
    assert (unknown.returncode, unpriced.returncode) == (4, 4)
    assert "is not known: classify on large (nothing tells its tokens)" in unknown.output
    assert "is not known: classify on large (the tier has no price)" in unpriced.output


def test_a_dry_run_names_the_key_that_recording_will_need(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(answer) as server:
        project = live_project(tmp_path, server)
        assert "warning" not in forks.run(project, NEW, DRY).stdout
        project.replace('large-1, base_url: "', 'large-1, api_key_env: NO_SUCH_KEY, base_url: "')
        project.replace(f'small-1, base_url: "{server.url}"', "small-1")
        bare = dict.fromkeys(("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"), "")
        done = forks.run(project, NEW, DRY, HOME=str(tmp_path), **bare)
        assert server.requests == []
    assert done.returncode == 0, done.output
    warning = "warning: tier 'large' needs a key in NO_SUCH_KEY, which is not set: the calls will need it"
    assert f"{warning} (export NO_SUCH_KEY=...)" in done.stdout
    warning = "warning: tier 'small' goes to https://api.anthropic.com, and no key for it is set"
    assert f"{warning}: the calls will need it (export ANTHROPIC_API_KEY=...)" in done.stdout


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_told_once_with_the_variable_that_it_came_from(
    forks: Forks, tmp_path: Path, status: int
) -> None:
    with MessagesServer(lambda body, number: refused(status, "no such key")) as server:
        project = live_project(tmp_path, server, 12, only="classify")
        project.replace('large-1, base_url: "', 'large-1, api_key_env: GATEWAY_KEY, base_url: "')
        done = forks.record(project, "--modelroute-concurrency=1", GATEWAY_KEY="wrong")
    assert done.returncode == 1
    assert "    message-001  transport  " in done.stdout
    assert "    message-002 and 10 more  transport  not called: " in done.stdout
    assert done.stdout.count("not called: ") == 1
    lines = [line for line in done.stdout.splitlines() if line.startswith("modelroute: ") and "no such key" in line]
    told = re.compile(rf"\w+: {status} \w+: no such key \(the key is that in GATEWAY_KEY\)$")
    assert all(told.search(line) for line in lines), lines
    assert len(lines) == 2, lines
    assert lines[0].startswith("modelroute: no answer to message-001: ")
    start = "modelroute: classify on large (large-1): 12 of 12 calls gave no answer, 11 of them not made; the first: "
    assert lines[1].startswith(start)


def test_the_variable_of_a_tier_s_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)

    def tier(base_url: str | None, variable: str | None) -> Tier:
        return Tier("t", "m", "anthropic", None, base_url, variable, {})

    assert key_variable(tier("https://llm.example.com", "GATEWAY_KEY")) == "GATEWAY_KEY"
    assert key_variable(tier(None, "OWN_KEY")) == "OWN_KEY"
    assert key_variable(tier("http://127.0.0.1:1", None)) is None
    assert key_variable(tier(None, None)) == "ANTHROPIC_API_KEY"
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "token")
    assert key_variable(tier(None, None)) == "ANTHROPIC_AUTH_TOKEN"
    refusal, other = fault_of(failure(401), "KEY"), fault_of(failure(400), "KEY")
    assert (refusal.kind, refusal.detail.endswith(" (the key is that in KEY)")) == (FaultKind.FATAL, True)
    assert "KEY" not in other.detail + fault_of(failure(401)).detail


def test_failures_on_a_tier_that_no_gate_judges_are_told_below_the_table(forks: Forks, tmp_path: Path) -> None:
    def fails(body: dict[str, Any], number: int) -> Reply:
        return refused(400, f"no, says call {number}") if body["model"] == "nano-1" else answer(body, number)

    with MessagesServer(fails) as server:
        project = live_project(tmp_path, server, 3, only="classify")
        done = forks.record(project, "--modelroute-record-tiers=nano", "--modelroute-concurrency=1")
    assert done.returncode == 1
    below = done.stdout.partition("model routing ")[2]
    told = (
        r"modelroute: classify on nano \(nano-1\): 3 of 3 calls gave no answer; the first: \w+: 400 .*: no, says call"
    )
    assert re.search(told, below), done.stdout


def test_one_of_anything_is_told_as_one(forks: Forks, tmp_path: Path) -> None:
    def once(body: dict[str, Any], number: int) -> Reply:
        return refused(529, "Overloaded", retry_after="0") if number == 1 else answer(body, number)

    with MessagesServer(once) as server:
        project = live_project(tmp_path, server, 1, only="classify")
        done = forks.record(project, "--modelroute-concurrency=1")
    assert done.returncode == 0, done.output
    assert "plan: 1 call, " in done.stdout
    assert "with 1 call at once" in done.stdout
    assert "1 of 1, 1 retry, down to 1 call at once" in done.stdout
    assert not re.search(r"\b1 (calls|retries|answers|runs)\b", done.stdout)


def test_a_call_builds_its_request_once() -> None:
    built: list[str] = []

    def arguments(case: GoldenCase, tier: Tier) -> dict[str, Any]:
        built.append(case.id)
        return {"max_tokens": 1, "messages": []}

    case = cast(GoldenCase, SimpleNamespace(id="case", line=1))
    task, requests = SimpleNamespace(name="task"), SimpleNamespace(arguments=arguments)
    asker = PromptAsker(cast(Any, task), cast(Any, requests), cast(Any, None), "", ())
    tier = Tier("t", "m", "anthropic", None, None, None, {})
    call = asker.call(case, tier)
    assert built == ["case"]
    assert call.key == asker.key(case, tier)
