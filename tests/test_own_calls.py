"""Tasks that the team's own function answers: recorded as it calls, replayed as it called, judged like any other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .live import Done, Forks, interactions, live_project, report, results
from .messages_server import MessagesServer, Reply, message
from .projects import LABELS, Project, answer, git
from .test_cli_cassettes import cassettes, fine

JSON = "--modelroute-json=report.json"
CASES = 3

# Each asks twice: for a tool's argument, then for the answer.
SYNC = """
import functools, anthropic, json
@functools.cache
def client(base_url):
    return anthropic.Anthropic(base_url=base_url, api_key="none", max_retries=0)
def ask(input, model, base_url, text):
    reply = client(base_url).messages.create(
        model=model, max_tokens=16, messages=[{"role": "user", "content": text}]
    )
    return reply.content[0].text
def answer(input, model, base_url):
    tool = ask(input, model, base_url, "Tool for " + input["text"])
    return json.loads(ask(input, model, base_url, "Answer " + input["text"] + " with " + tool))
"""
ASYNC = """
import anthropic, json
async def answer(input, model, base_url):
    async with anthropic.AsyncAnthropic(base_url=base_url, api_key="none", max_retries=0) as client:
        async def ask(text):
            reply = await client.messages.create(
                model=model, max_tokens=16, messages=[{"role": "user", "content": text}]
            )
            return reply.content[0].text
        tool = await ask("Tool for " + input["text"])
        return json.loads(await ask("Answer " + input["text"] + " with " + tool))
"""
HTTPX = """
import httpx2, json
def answer(input, model, base_url):
    def ask(text):
        body = {"model": model, "messages": [{"role": "user", "content": text}]}
        return httpx2.post(base_url + "/v1/messages", json=body).raise_for_status().json()["content"][0]["text"]
    tool = ask("Tool for " + input["text"])
    return json.loads(ask("Answer " + input["text"] + " with " + tool))
"""
URLLIB = """
import json, urllib.request
def answer(input, model, base_url):
    def ask(text):
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": text}]}).encode()
        request = urllib.request.Request(base_url + "/v1/messages", body, {"content-type": "application/json"})
        with urllib.request.urlopen(request) as reply:
            return json.load(reply)["content"][0]["text"]
    tool = ask("Tool for " + input["text"])
    return json.loads(ask("Answer " + input["text"] + " with " + tool))
"""
PARALLEL = """
import anthropic, asyncio, json
async def answer(input, model, base_url):
    async with anthropic.AsyncAnthropic(base_url=base_url, api_key="none", max_retries=0) as client:
        async def ask(text):
            reply = await client.messages.create(
                model=model, max_tokens=16, messages=[{"role": "user", "content": text}]
            )
            return reply.content[0].text
        tools = await asyncio.gather(*(ask(f"Tool {n} for " + input["text"]) for n in range(3)))
        assert tools == [f"tool {n}" for n in range(3)], tools
        return json.loads(await ask("Answer " + input["text"] + " with " + tools[0]))
"""
THREADS = """
import anthropic, functools, json
from concurrent.futures import ThreadPoolExecutor
@functools.cache
def client(base_url):
    return anthropic.Anthropic(base_url=base_url, api_key="none", max_retries=0)
def answer(input, model, base_url):
    def ask(text):
        reply = client(base_url).messages.create(
            model=model, max_tokens=16, messages=[{"role": "user", "content": text}]
        )
        return reply.content[0].text
    with ThreadPoolExecutor(3) as pool:
        tools = list(pool.map(ask, [f"Tool {n} for " + input["text"] for n in range(3)]))
    return json.loads(ask("Answer " + input["text"] + " with " + tools[0]))
"""
CALLS = {"threads": 4, "sync": 2, "async": 2, "httpx2": 2, "urllib": 2, "parallel": 4}
AGENTS = {"threads": THREADS, "sync": SYNC, "async": ASYNC, "httpx2": HTTPX, "urllib": URLLIB, "parallel": PARALLEL}
ALONE = ("threads", "urllib")

BLOCKED = """
import socket
def refuse(*arguments, **keywords):
    raise RuntimeError("a socket was opened")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
"""


def respond(body: dict[str, Any], number: int) -> Reply:
    text = body["messages"][-1]["content"]
    if text.startswith("Reply"):
        return answer(body, number)
    case = int(re.findall(r"message (\d+)", text)[-1])
    tool = re.match(r"Tool (\d)?", text)
    if tool:
        reply = message(f"tool {tool[1] or 0}", model=body["model"])
        reply.delay = 0.03 if tool[1] == "0" else 0.0  # the first of those sent at once is answered last
        return reply
    label = LABELS[(case + (body["model"] == "nano-1")) % 3]
    return message(json.dumps({"label": label, "confidence": 0.9}), model=body["model"])


def own_project(folder: Path, server: MessagesServer, code: str = SYNC, more: str = "") -> Project:
    project = live_project(folder, server, CASES, only="classify")
    project.replace("prompt: prompts/classify.yaml", f'call: "agent:answer"{more}')
    (project.folder / "agent.py").write_text(code)
    return project


@pytest.fixture
def server() -> Iterator[MessagesServer]:
    with MessagesServer(respond) as started:
        yield started


@pytest.fixture
def own(forks: Forks, server: MessagesServer, tmp_path: Path) -> Project:
    """A recorded project."""
    project = own_project(tmp_path, server)
    done = forks.record(project)
    assert done.returncode == 0, done.output
    return project


def offline(forks: Forks, project: Project, *arguments: str) -> Done:
    return forks.run(project, JSON, *arguments, before=BLOCKED)


@pytest.mark.parametrize("kind", AGENTS)
def test_a_function_s_calls_are_recorded_and_replayed_offline(
    forks: Forks, server: MessagesServer, tmp_path: Path, kind: str
) -> None:
    project = own_project(tmp_path, server, AGENTS[kind])
    done = forks.record(project, JSON)
    assert done.returncode == 0, done.output
    assert len(interactions(project)) == CASES * CALLS[kind]
    # Clients whose patches vcrpy takes back for all threads are found by a first attempt, and then called alone.
    recorded = len(server.requests)
    assert recorded - len(interactions(project)) in (range(CASES * 2) if kind in ALONE else (0,))
    for each in interactions(project):
        asked, body = json.loads(each.request_body)["messages"][-1]["content"], json.loads(each.response_body)
        tool = re.match(r"Tool (\d)?", asked)
        assert (body["content"][0]["text"] == f"tool {tool[1] or 0}") if tool else "label" in each.response_body
    first = report(project)["classify"]
    for run in (
        offline(forks, project),
        offline(forks, project, "--modelroute-replay=vcr"),
    ):
        assert run.returncode == 0, run.output
        assert report(project)["classify"] == first
    assert first["correct"] == CASES
    usage = first["results"][0]["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (10 * CALLS[kind], 5 * CALLS[kind])
    times = [each.latency_ms or 0 for each in interactions(project) if each.case == "message-001"]
    assert first["results"][0]["latency_ms"] == sum(times)
    assert len(server.requests) == recorded


def test_a_client_that_vcrpy_follows_in_one_thread_only_harms_no_other_call(
    forks: Forks, server: MessagesServer, tmp_path: Path
) -> None:
    project = live_project(tmp_path, server, 30)
    project.replace("prompt: prompts/classify.yaml", 'call: "agent:answer"')
    (project.folder / "agent.py").write_text(URLLIB)
    done = forks.record(project, JSON)
    assert done.returncode == 0, done.output
    assert len(interactions(project)) == 30 * 2 + 30
    assert len(server.requests) < 30 * 3 + 20, "few were called twice"
    assert offline(forks, project).returncode == 0


def test_the_order_of_parallel_calls_is_that_in_which_they_left(
    forks: Forks, server: MessagesServer, tmp_path: Path
) -> None:
    project = own_project(tmp_path, server, PARALLEL)
    assert forks.record(project, "--modelroute-concurrency=1").returncode == 0
    before = project.cassette("classify", "large").read_bytes()
    assert forks.record(project, "--modelroute-record=all").returncode == 0
    assert project.cassette("classify", "large").read_bytes() == before


def test_it_is_replayed_by_workers(own: Project, forks: Forks) -> None:
    assert offline(forks, own).returncode == 0
    alone = report(own)
    done = own.pytest("--modelroute", "-n", "2", JSON)
    assert done.returncode == 0, done.stdout + done.stderr
    assert report(own) == alone


def test_a_changed_function_is_a_change_of_the_prompt(own: Project, forks: Forks) -> None:
    git(own.folder, "init", "-q", "-b", "main")
    git(own.folder, "add", ".")
    git(own.folder, "commit", "-q", "-m", "base")
    path = own.folder / "agent.py"
    path.write_text("# a comment is no change\n" + path.read_text())
    done = offline(forks, own, "--modelroute-base=main")
    assert done.returncode == 0, done.output
    assert not report(own)["classify"]["strict"]
    path.write_text(path.read_text() + "LIMIT = 3\n")
    done = offline(forks, own, "--modelroute-base=main")
    assert report(own)["classify"]["strict"]
    changes = json.loads((own.folder / "report.json").read_text())["changes"]
    assert [change["kind"] for change in changes] == ["prompt_changed"]


BESIDE = {
    "beside it": ("agent.py", "Path(__file__).with_name('texts.json')", "texts.json"),
    "below it": ("agent.py", "Path(__file__).resolve().parent / 'texts' / 'tool.json'", "texts/tool.json"),
    "in its package": ("desk/agent.py", "Path(__file__).with_name('texts.json')", "desk/texts.json"),
}


@pytest.mark.parametrize(("module", "found", "file"), BESIDE.values(), ids=BESIDE)
def test_a_function_of_the_base_finds_the_files_that_lay_beside_it(
    own: Project, forks: Forks, server: MessagesServer, module: str, found: str, file: str
) -> None:
    seen = "from pathlib import Path\nwith open('seen.txt', 'a') as file:\n    print(__file__, file=file)\n"
    code = seen + (own.folder / "agent.py").read_text()
    (own.folder / "agent.py").unlink()
    for name in (module, file):
        (own.folder / name).parent.mkdir(exist_ok=True)
    (own.folder / module).write_text(code.replace('"Tool for "', f"json.loads(({found}).read_text())"))
    (own.folder / file).write_text('"Tool for "')
    own.replace('"agent:answer"', f"'{module.removesuffix('.py').replace('/', '.')}:answer'")
    git(own.folder, "init", "-q", "-b", "main")
    assert forks.record(own).returncode == 0
    git(own.folder, "add", ".")
    git(own.folder, "commit", "-q", "-m", "base")
    (own.folder / file).write_text('"Tool please for "')
    (own.folder / module).write_text((own.folder / module).read_text() + "LIMIT = 3\n")
    assert forks.record(own).returncode == 0  # without the base, whose recordings then go
    done = offline(forks, own, "--modelroute-base=main")
    assert "nothing to compare with" not in done.stdout
    paired = report(own)["classify"]["paired"]
    assert (paired["tier"], paired["cases"], paired["broke"]) == ("large", CASES, [])
    (then,) = {Path(path) for path in (own.folder / "seen.txt").read_text().splitlines()} - {own.folder / module}
    assert then.parts[-len(Path(module).parts) :] == Path(module).parts
    assert not then.exists(), "it is gone with the session"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"Tool for "', '"Which tool for "', "its function sends another request than was recorded (POST http"),
        ("    tool = ask(input, model, base_url, ", "    tool = str(0) or (", "and 2 of them are not made any more"),
        (
            "    return json.loads",
            '    ask(input, model, base_url, "Sure? ")\n    return json.loads',
            "another request",
        ),
    ],
)
def test_a_function_that_calls_otherwise_is_stale(
    own: Project, forks: Forks, server: MessagesServer, old: str, new: str, told: str
) -> None:
    if "not made" in told:
        code = 'def answer(input, model, base_url):\n    return {"label": "other", "confidence": 1.0}\n'
        (own.folder / "agent.py").write_text(code)
    else:
        own.replace(old, new, "agent.py")
    done = offline(forks, own)
    assert done.returncode == 1
    assert report(own)["classify"]["kinds"] == {"stale": CASES}
    detail = results(own)["message-001"]["detail"]
    assert told in detail
    assert "--modelroute-record=new_episodes" in detail


def test_a_function_that_asks_otherwise_and_hears_the_same_is_recorded_anew(
    own: Project, forks: Forks, server: MessagesServer
) -> None:
    own.replace('"Tool for "', '"Tool please for "', "agent.py")
    assert forks.record(own).returncode == 0
    assert len(server.requests) == 4 * CASES
    done = offline(forks, own)
    assert done.returncode == 0, done.output
    assert {each.recordings for each in interactions(own)} == {1}


def test_fewer_calls_leave_nothing_behind(own: Project, forks: Forks) -> None:
    text = (own.folder / "agent.py").read_text()
    (own.folder / "agent.py").write_text(re.sub(r"    tool = .*\n", '    tool = "tool 0"\n', text))
    assert forks.record(own).returncode == 0
    assert len(interactions(own)) == CASES
    assert offline(forks, own).returncode == 0


def test_what_was_never_recorded_is_missing_and_the_function_is_not_run(
    forks: Forks, server: MessagesServer, tmp_path: Path
) -> None:
    code = 'from pathlib import Path\ndef answer(input, model, base_url):\n    Path("ran").touch()\n'
    project = own_project(tmp_path, server, code)
    done = offline(forks, project)
    assert done.returncode == 1
    assert report(project)["classify"]["kinds"] == {"missing": CASES}
    assert not (project.folder / "ran").exists()


RAISES = {
    "raises": ("raise KeyError('no such order')", "KeyError: 'no such order'"),
    "exits": ("import sys; sys.exit(0)", "SystemExit: 0"),
    "not JSON": ("return {1, 2}", "agent:answer returned set, which is neither text nor a JSON value"),
    "NaN": ("return float('nan')", "agent:answer returned float"),
}


@pytest.mark.parametrize("kind", RAISES)
def test_a_function_that_gives_nothing_is_an_error_of_its_own_kind(own: Project, forks: Forks, kind: str) -> None:
    code, told = RAISES[kind]
    path = own.folder / "agent.py"
    path.write_text(path.read_text().replace("    return json.loads(ask(", "    (ask(") + f"    {code}\n")
    own.replace('with " + tool))', 'with " + tool))', "agent.py")
    done = offline(forks, own)
    assert done.returncode == 1, done.output
    assert report(own)["classify"]["kinds"] == {"call": CASES}
    assert told in results(own)["message-001"]["detail"]


def test_a_function_that_fails_on_whole_recordings_is_not_called_again(
    own: Project, forks: Forks, server: MessagesServer
) -> None:
    path = own.folder / "agent.py"
    path.write_text(path.read_text().replace("    return json.loads(ask(", "    (ask(") + "    return {1}\n")
    calls = len(server.requests)
    done = forks.record(own)
    assert done.returncode == 1
    assert "nothing to record" in done.stdout
    assert len(server.requests) == calls


def test_a_function_that_raises_while_it_is_recorded(forks: Forks, server: MessagesServer, tmp_path: Path) -> None:
    code = SYNC + "    \n" + "record = answer\ndef answer(input, model, base_url):\n"
    code += "    if input['text'].endswith(' 2'):\n        ask(input, model, base_url, 'Tool for message 2')\n"
    code += "        raise ValueError('no tool')\n    return record(input, model, base_url)\n"
    project = own_project(tmp_path, server, code)
    done = forks.record(project, JSON)
    assert done.returncode == 1
    found = results(project)["message-002"]
    assert (found["kind"], found["detail"]) == ("call", "ValueError: no tool")
    assert {each.case for each in interactions(project)} == {"message-001", "message-003"}


def test_what_a_function_prints_is_captured(own: Project, forks: Forks) -> None:
    own.replace("    return json.loads", "    print('hello from the agent')\n    return json.loads", "agent.py")
    done = offline(forks, own)
    assert done.returncode == 0, done.output
    assert "hello from the agent" not in done.stdout


OTHER = """
import httpx2
def answer(input, model, base_url):
    tool = httpx2.post("http://localhost:{port}/tools", json={{"model": "tool", "messages": [{{"content": "Tool for " + input["text"]}}]}})
    body = {{"model": model, "messages": [{{"role": "user", "content": "Answer " + input["text"]}}]}}
    return httpx2.post(base_url + "/v1/messages", json=body).json()["content"][0]["text"]
"""  # noqa: E501


@pytest.mark.parametrize("allowed", [True, False])
def test_a_function_calls_the_hosts_that_are_named_and_no_others(
    forks: Forks, server: MessagesServer, tmp_path: Path, allowed: bool
) -> None:
    code = OTHER.format(port=server.url.rpartition(":")[2])
    project = own_project(tmp_path, server, code, "\n    hosts: [localhost]" if allowed else "")
    done = forks.record(project, JSON)
    assert done.returncode == (0 if allowed else 1), done.output
    assert len(interactions(project)) == (2 * CASES if allowed else 0)
    if allowed:
        assert offline(forks, project).returncode == 0
        (file,) = json.loads(fine(cassettes(project, "list", "--json")))["cassettes"][-1:]
        usd = CASES * (10 * 4 + 5 * 16) / 1e6
        assert (file["model"], file["usd"]) == ("large-1", pytest.approx(usd)), "the other host is not priced"
    else:
        found = results(project)["message-001"]
        assert found["kind"] == "call"
        assert found["detail"] == "not sent: its function asks localhost, which `hosts` does not name"


@pytest.mark.parametrize("beside", ["prompt: prompts/classify.yaml", "request: {max_tokens: 8}"])
def test_a_call_stands_alone(forks: Forks, server: MessagesServer, tmp_path: Path, beside: str) -> None:
    project = own_project(tmp_path, server, SYNC, f"\n    {beside}")
    done = forks.run(project)
    assert done.returncode == 4
    line = next(n for n, text in enumerate(project.registry.read_text().splitlines(), 1) if beside in text and n > 9)
    assert f"modelroute.yaml:{line}: tasks.classify: '{beside.partition(':')[0]}' stands beside 'call'" in done.output


@pytest.mark.parametrize(
    ("tool", "final", "unreadable"),
    [("'large-1'", "'large-1'", True), ("'large-1'", "model", False), ("'elsewhere'", "'elsewhere'", False)],
    ids=["another tier's model alone", "another's for a step", "a model of no tier"],
)
def test_a_function_that_never_asks_the_tier_s_model_is_not_that_tier_s_answer(
    forks: Forks, server: MessagesServer, tmp_path: Path, tool: str, final: str, unreadable: bool
) -> None:
    code = SYNC.replace('ask(input, model, base_url, "Tool', f'ask(input, {tool}, base_url, "Tool')
    code = code.replace('ask(input, model, base_url, "Answer', f'ask(input, {final}, base_url, "Answer')
    project = own_project(tmp_path, server, code)
    project.move("classify", "small")
    forks.record(project)
    done = offline(forks, project)
    kinds = {each["kind"] for each in results(project).values()}
    assert kinds == ({"unreadable"} if unreadable else {None}), done.output
    if unreadable:
        assert done.returncode == 1
        told = "large-1 answered, the model of tier large, where small-1 was asked for: have the function ask"
        assert told in results(project)["message-001"]["detail"]
