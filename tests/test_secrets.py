"""A credential that gets into a recording's way: not written down, not shown, and the case says where it was."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from .live import Done, Forks, interactions, live_project, results, until
from .messages_server import MessagesServer, Reply, message, refused
from .projects import Project, answer

SECRET = "-".join(("sk", "ant", "api03", "Zk3v9QmT7xLr2PbW8sDy4HnC6uJf1GaE5oRi0tKq"))  # no scanner's find
GATEWAY = "".join(("gate", "Way7", "Token", "90210", "plain"))
JSON = "--modelroute-json=report.json"
XML = "--junitxml=report.xml"
KIND = "an Anthropic API key"


def leaks(project: Project, done: Done, *planted: str, secret: str = SECRET) -> list[str]:
    """Where the secret, or half of it, is to be found."""
    places = {"terminal": done.output.encode()}
    for path in sorted(project.folder.rglob("*")):
        name = str(path.relative_to(project.folder))
        if path.is_file() and name not in planted:
            places[name] = path.read_bytes()
    parts = (secret.encode(), secret[8:].encode(), secret[: len(secret) // 2].encode())
    return [name for name, data in places.items() if any(part in data for part in parts)]


def record(forks: Forks, project: Project, **environment: str) -> Done:
    return forks.record(project, JSON, XML, "-vv", **environment)


def spoiled(body: dict[str, Any], number: int, text: str, **changes: Any) -> Reply:
    """A reply that holds `text` where the second case asks."""
    if body["messages"][-1]["content"].endswith("message 2"):
        return message(f'{{"label": "other", "confidence": 0.5, "note": "{text}"}}', **changes)
    return answer(body, number)


def check_refused(project: Project, detail: str, case: str = "message-002", kind: str = "missing") -> None:
    """That case is in error and says why; the others are recorded."""
    found = results(project)
    assert (found[case]["outcome"], found[case]["kind"]) == ("error", kind)
    assert detail in found[case]["detail"]
    assert [name for name, result in found.items() if result["outcome"] == "error"] == [case]
    assert case not in {each.case for each in interactions(project)}
    assert len(interactions(project)) == len(found) - 1


@pytest.mark.parametrize("compress", [False, True])
def test_a_secret_in_an_answer_is_not_kept(forks: Forks, tmp_path: Path, compress: bool) -> None:
    with MessagesServer(lambda body, number: spoiled(body, number, SECRET), compress=compress) as server:
        project = live_project(tmp_path, server, only="classify")
        done = record(forks, project)
    assert done.returncode == 1
    assert leaks(project, done) == []
    check_refused(project, f"not kept: it holds {KIND} (response.body.string)")
    assert f"no answer to message-002: not kept: it holds {KIND} (response.body.string)" in done.stdout
    assert len(server.requests) == 5, "it is not asked again"


def test_a_secret_in_a_tool_s_input_is_not_kept(forks: Forks, tmp_path: Path) -> None:
    block = {"type": "tool_use", "id": "t", "name": "send", "input": {"header": {"authorization": SECRET}}}
    with MessagesServer(lambda body, number: spoiled(body, number, "", content=[block])) as server:
        project = live_project(tmp_path, server, only="classify")
        done = record(forks, project)
    assert leaks(project, done) == []
    check_refused(project, f"not kept: it holds {KIND} (response.body.string)")


def test_the_key_s_own_value_in_an_answer_is_not_kept(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(lambda body, number: spoiled(body, number, GATEWAY)) as server:
        project = live_project(tmp_path, server, only="classify")
        project.replace('large-1, base_url: "', 'large-1, api_key_env: GATEWAY_KEY, base_url: "')
        done = record(forks, project, GATEWAY_KEY=GATEWAY)
    assert GATEWAY in json.dumps(server.headers), "it was the key"
    assert leaks(project, done, secret=GATEWAY) == []
    check_refused(project, "not kept: it holds the value of GATEWAY_KEY (response.body.string)")


def test_a_secret_in_a_header_is_not_kept_and_harms_no_case(forks: Forks, tmp_path: Path) -> None:
    def respond(body: dict[str, Any], number: int) -> Reply:
        reply = answer(body, number)
        reply.headers = {"x-debug-key": SECRET, "set-cookie": f"key={SECRET}"}
        return reply

    with MessagesServer(respond) as server:
        project = live_project(tmp_path, server, only="classify")
        project.replace('large-1, base_url: "', 'large-1, api_key_env: GATEWAY_KEY, base_url: "')
        done = record(forks, project, GATEWAY_KEY=SECRET, ANTHROPIC_API_KEY=SECRET)
    assert done.returncode == 0, done.output
    assert SECRET in json.dumps(server.headers)
    assert leaks(project, done) == []
    assert len(interactions(project)) == 5


@pytest.mark.parametrize("path", ["prompts/classify.yaml", "golden/classify.jsonl"])
def test_a_request_with_a_secret_is_not_sent(forks: Forks, tmp_path: Path, path: str) -> None:
    with MessagesServer(answer) as server:
        project = live_project(tmp_path, server, 8, only="classify")
        if path.startswith("prompts"):
            project.replace("Classify the message.", f"Classify. Our key is {SECRET}, take it.", path)
        else:
            project.replace('"message 2"', f'"message {SECRET} 2"', path)
        done = record(forks, project)
        again = forks.run(project, JSON, XML, "-vv")
    assert done.returncode == 1
    assert leaks(project, done, path) == []
    assert leaks(project, again, path) == []
    assert SECRET not in json.dumps(server.requests)
    if path.startswith("prompts"):
        assert server.requests == []
        assert interactions(project) == []
        assert "answers every call so" not in done.output, "it is not the endpoint's doing"
        assert done.stdout.count(f"not sent: its request holds {KIND} (system)") >= 3
    else:
        assert len(interactions(project)) == 7


def test_a_secret_that_an_error_echoes_is_hidden(forks: Forks, tmp_path: Path) -> None:
    def respond(body: dict[str, Any], number: int) -> Reply:
        if body["messages"][-1]["content"].endswith("message 2"):
            return refused(400, f"prompt is too long: 'Classify with {SECRET} the ...'")
        return answer(body, number)

    with MessagesServer(respond) as server:
        project = live_project(tmp_path, server, only="classify")
        done = record(forks, project)
    assert leaks(project, done) == []
    check_refused(project, "prompt is too long: 'Classify with [credential] the ...'", kind="transport")


def test_a_refusal_that_echoes_a_secret_and_stops_the_endpoint_is_hidden(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(lambda body, number: refused(401, f"invalid x-api-key: {SECRET}")) as server:
        project = live_project(tmp_path, server, only="classify")
        done = record(forks, project)
    assert leaks(project, done) == []
    assert "invalid x-api-key: [credential]" in done.stdout


AGENT = """
import anthropic, httpx2
def answer(input, model, base_url):
    secret = "{secret}" if input["text"].endswith(" 2") else "none"
    url = base_url + "/v1/messages?key=" + secret
    body = {{"model": model, "messages": [{{"role": "user", "content": input["text"]}}]}}
    return httpx2.post(url, json=body).json()["content"][0]["text"]
"""


def test_a_secret_in_the_address_of_an_own_call_is_not_sent(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(answer) as server:
        project = live_project(tmp_path, server, only="classify")
        (project.folder / "agent.py").write_text(AGENT.format(secret=SECRET))
        project.replace("prompt: prompts/classify.yaml", 'call: "agent:answer"')
        done = record(forks, project)
    assert not any(SECRET in path for path in server.paths)
    assert done.returncode == 1
    assert leaks(project, done, "agent.py") == []
    found = results(project)["message-002"]
    assert (found["kind"], found["detail"]) == ("call", f"not sent: its request holds {KIND} (address)")
    assert len(interactions(project)) == 4


def test_a_secret_in_the_body_of_an_own_call_is_not_sent(forks: Forks, tmp_path: Path) -> None:
    body = AGENT.replace('"/v1/messages?key=" + secret', '"/v1/messages"').replace('input["text"]}}]', "secret}}]")
    with MessagesServer(answer) as server:
        project = live_project(tmp_path, server, only="classify")
        (project.folder / "agent.py").write_text(body.format(secret=SECRET))
        project.replace("prompt: prompts/classify.yaml", 'call: "agent:answer"')
        done = record(forks, project)
    assert SECRET not in json.dumps(server.requests)
    assert leaks(project, done, "agent.py") == []
    found = results(project)["message-002"]
    assert found["detail"] == f"not sent: its request holds {KIND} (messages[0].content)"


def test_a_plan_counts_the_tokens_of_no_request_with_a_secret(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(answer) as server:
        project = live_project(tmp_path, server, only="classify")
        project.replace("Classify the message.", f"Classify. {SECRET}", "prompts/classify.yaml")
        done = forks.record(project, "--modelroute-dry-run")
    assert done.returncode == 0, done.output
    assert (server.requests, server.counted) == ([], [])
    assert "estimated from length of the text" in done.stdout


def test_a_function_that_raises_with_a_secret_does_not_show_it(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(answer) as server:
        project = live_project(tmp_path, server, only="classify")
        text = f"def answer(input, model, base_url):\n    raise ValueError('no such key: {SECRET}')\n"
        (project.folder / "agent.py").write_text(text)
        project.replace("prompt: prompts/classify.yaml", 'call: "agent:answer"')
        done = record(forks, project)
    assert leaks(project, done, "agent.py") == []
    assert "no such key: [credential]" in done.stdout
    assert "answers every call so" not in done.output


def test_a_recorder_killed_before_it_merges_has_written_no_secret(forks: Forks, tmp_path: Path) -> None:
    def respond(body: dict[str, Any], number: int) -> Reply:
        reply = message(SECRET) if number % 2 else answer(body, number)
        reply.headers = {"x-debug-key": SECRET}
        reply.delay = 0.01
        return reply

    with MessagesServer(respond) as server:
        project = live_project(tmp_path, server, 60, only="classify")
        run = forks.start(project, "--modelroute-record=new_episodes", GATEWAY_KEY=SECRET)
        until(lambda: len(server.answered) >= 20)
        run.signal(signal.SIGKILL)
        done = run.wait()
    assert (project.folder / "cassettes/.recording/classify/large-1.yaml").stat().st_size > 0
    assert leaks(project, done) == []
