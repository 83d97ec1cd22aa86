"""Recording, over real HTTP on loopback: what is called, what is kept, and what is safe to commit."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .messages_server import MessagesServer, Reply, message, overloaded
from .projects import Project, answer


def point_at(project: Project, server: MessagesServer) -> None:
    """Let the registry's tiers go to a server of this test."""
    text = project.registry.read_text()
    url = text.partition('base_url: "')[2].partition('"')[0]
    project.registry.write_text(text.replace(url, server.url))


def record(project: Project, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return project.pytest("--modelroute", *arguments, **environment)


@pytest.fixture
def small(project: Project) -> Project:
    """The project with five cases and nothing recorded."""
    for task in ("classify", "reply"):
        project.write_golden(task, project.golden(task)[:5])
    project.replace("  request: {max_tokens: 64", "  gate: {min_cases: 1}\n  request: {max_tokens: 64")
    shutil.rmtree(project.folder / "cassettes")
    return project


def cassettes(project: Project) -> dict[str, bytes]:
    folder = project.folder / "cassettes"
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_what_is_missing_is_recorded_and_judged_in_one_run(small: Project) -> None:
    with MessagesServer(answer) as server:
        point_at(small, server)
        done = record(small, "--modelroute-record=new_episodes")
    assert done.returncode == 0, done.stdout
    assert len(server.requests) == 10
    assert sorted(cassettes(small)) == ["classify/large-1.yaml", "reply/small-1.yaml"]
    assert "modelroute: recorded classify on large (large-1): 5 of 5" in done.stdout
    assert record(small).returncode == 0


def test_recording_again_what_did_not_change_leaves_every_byte(small: Project) -> None:
    with MessagesServer(answer) as server:
        point_at(small, server)
        record(small, "--modelroute-record=new_episodes", "--modelroute-record-tiers=all")
        before = cassettes(small)
        assert len(before) == 6
        calls = len(server.requests)
        assert record(small, "--modelroute-record=new_episodes", "--modelroute-record-tiers=all").returncode == 0
        assert len(server.requests) == calls, "nothing was missing"
        assert record(small, "--modelroute-record=all").returncode == 0
        assert len(server.requests) == calls + 10
    assert cassettes(small) == before


def test_a_different_answer_raises_the_count_and_the_report_shows_it(small: Project) -> None:
    with MessagesServer(answer) as server:
        point_at(small, server)
        record(small, "--modelroute-record=new_episodes")
    with MessagesServer(lambda body, number: message("wrong", model=body["model"])) as server:
        point_at(small, server)
        done = record(small, "--modelroute-record=all", "modelroute.yaml::reply")
    assert done.returncode == 1
    assert "some cases were recorded up to 2 times with different answers" in done.stdout
    assert cassettes(small)["reply/small-1.yaml"].count(b'"x-modelroute-recordings": ["2"]') == 5


def test_only_the_selected_cases_are_recorded(small: Project) -> None:
    with MessagesServer(answer) as server:
        point_at(small, server)
        record(small, "--modelroute-record=new_episodes", "-k", "message-002")
        assert [request["messages"][-1]["content"] for request in server.requests] == ["Classify: message 2"]
        record(small, "--modelroute-record=new_episodes", "modelroute.yaml::classify::gate")
        assert len(server.requests) == 5, "a gate stands for all of its task"


@pytest.mark.parametrize(("mode", "calls"), [("none", 0), ("once", 5), ("new_episodes", 6), ("all", 10)])
def test_the_modes_mean_what_vcrpy_means_by_them(small: Project, mode: str, calls: int) -> None:
    with MessagesServer(answer) as server:
        point_at(small, server)
        record(small, "--modelroute-record=new_episodes", "modelroute.yaml::classify")
        path = small.cassette("classify", "large")
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(lines[:-1]))
        before = len(server.requests)
        record(small, f"--modelroute-record={mode}")
        assert len(server.requests) - before == calls


def test_nothing_is_recorded_when_only_collecting(small: Project) -> None:
    with MessagesServer(answer) as server:
        point_at(small, server)
        record(small, "--modelroute-record=all", "--co")
        assert server.requests == []


def test_a_new_prompt_replaces_the_recordings_of_the_old_one(small: Project) -> None:
    with MessagesServer(answer) as server:
        point_at(small, server)
        record(small, "--modelroute-record=new_episodes")
        small.replace("Classify the message.", "Sort the message.", "prompts/classify.yaml")
        done = record(small, "--modelroute-record=new_episodes")
        assert done.returncode == 0
        assert len(server.requests) == 15
    recorded = cassettes(small)["classify/large-1.yaml"]
    assert b"Sort the message." in recorded
    assert b"Classify the message." not in recorded


def test_nothing_secret_is_written_and_gzip_is_decoded(small: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        "ANTHROPIC_API_KEY": "sk-ant-secret-provider-key",
        "ANTHROPIC_AUTH_TOKEN": "secret-auth-token",
        "ANTHROPIC_CUSTOM_HEADERS": "x-team: secret-team",
        "OWN_KEY": "secret-own-key",
    }
    small.replace('base_url: "', 'api_key_env: OWN_KEY, base_url: "')
    small.move("classify", "nano")
    with MessagesServer(answer, compress=True) as server:
        point_at(small, server)
        done = record(small, "--modelroute-record=new_episodes", **secrets)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    sent = json.dumps(server.headers)
    assert "secret-own-key" in sent
    assert "sk-ant-secret-provider-key" not in sent, "the provider's key is not for another endpoint"
    for name, content in cassettes(small).items():
        assert b"secret" not in content, name
        assert b"request-id" not in content
        assert b'"text\\": \\"' in content or b'\\"text\\"' in content, "bodies are readable text"


def test_a_missing_key_is_told_before_any_call(small: Project) -> None:
    small.replace('large-1, base_url: "', 'large-1, api_key_env: NO_SUCH_KEY, base_url: "')
    with MessagesServer(answer) as server:
        point_at(small, server)
        done = record(small, "--modelroute-record=new_episodes")
    assert done.returncode == 4
    message = "modelroute: tier 'large' needs a key in NO_SUCH_KEY, which is not set\n  fix: export NO_SUCH_KEY=..."
    assert message in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_only_a_good_answer_is_kept(small: Project) -> None:
    """Retries, refusals by the server and broken bodies leave nothing behind, and are errors of their case."""

    def respond(body: dict[str, Any], number: int) -> Reply:
        text = body["messages"][-1]["content"]
        if text.endswith("message 1") and number <= 2:
            return overloaded()
        if text.endswith("message 2"):
            error = {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long"}}
            return Reply(json.dumps(error).encode(), 400)
        if text.endswith("message 3"):
            return Reply(b"<html>200, says the proxy</html>")
        if text.endswith("message 4"):
            return Reply(b'{"ok": true}')
        return answer(body, number)

    with MessagesServer(respond) as server:
        point_at(small, server)
        done = record(
            small, "--modelroute-record=new_episodes", "--modelroute-json=report.json", "modelroute.yaml::classify"
        )
    assert done.returncode == 1
    read = json.loads((small.folder / "report.json").read_text())
    results = {result["case"]: result for result in read["tasks"][0]["results"]}
    assert [results[f"message-00{n}"]["outcome"] for n in range(1, 6)] == [
        "correct",
        "error",
        "error",
        "error",
        "correct",
    ]
    assert {results[f"message-00{n}"]["kind"] for n in (2, 3, 4)} == {"transport"}
    assert "prompt is too long" in results["message-002"]["detail"]
    lines = cassettes(small)["classify/large-1.yaml"].decode().splitlines()[2:]
    assert len(lines) == 2
    assert all('"code": 200' in line for line in lines)


def test_a_call_goes_to_no_other_host(small: Project) -> None:
    with (
        MessagesServer(answer) as other,
        MessagesServer(lambda body, number: Reply(b"", 307, {"location": f"{other.url}/v1/messages"})) as server,
    ):
        point_at(small, server)
        done = record(small, "--modelroute-record=new_episodes", "modelroute.yaml::reply", ANTHROPIC_BASE_URL=other.url)
        assert done.returncode == 1
        assert other.requests == []
    assert cassettes(small) == {}


def test_stock_vcrpy_and_the_sdk_replay_a_cassette(project: Project) -> None:
    script = """
import json, sys, anthropic, vcr
path, url = sys.argv[1:]
client = anthropic.Anthropic(api_key="none", base_url=url, max_retries=0)
with vcr.use_cassette(path, record_mode="none", match_on=("method", "host", "port", "path", "body")) as cassette:
    for number in (7, 20, 119):
        answer = client.messages.create(
            model="small-1", max_tokens=64, system="Classify the message.", extra_body={"temperature": 0},
            messages=[{"role": "user", "content": f"Classify: message {number}"}],
        )
        print(answer.content[0].text)
    assert cassette.play_count == 3
    try:
        client.messages.create(model="small-1", max_tokens=64, messages=[{"role": "user", "content": "new"}])
    except anthropic.APIConnectionError as error:
        print(type(error.__cause__).__name__)
"""
    url = project.registry.read_text().partition('base_url: "')[2].partition('"')[0]
    path = str(project.cassette("classify", "small"))
    done = subprocess.run(
        [sys.executable, "-c", script, path, url], capture_output=True, text=True, check=False, cwd=project.folder
    )
    assert done.stdout.splitlines() == [
        '{"label": "shipping", "confidence": 0.9}',
        '{"label": "refund", "confidence": 0.9}',
        '{"label": "other", "confidence": 0.9}',
        "CannotOverwriteExistingCassetteException",
    ], done.stderr


def test_a_cassette_that_stock_vcrpy_saved_again_is_still_read(project: Project) -> None:
    from vcr.persisters.filesystem import FilesystemPersister
    from vcr.serializers import yamlserializer

    assert project.pytest("--modelroute", "--modelroute-json=before.json").returncode == 0
    for path in (project.folder / "cassettes").rglob("*.yaml"):
        requests, responses = FilesystemPersister.load_cassette(str(path), yamlserializer)[:2]
        FilesystemPersister.save_cassette(str(path), {"requests": requests, "responses": responses}, yamlserializer)
        assert not path.read_text().startswith("version: 1\ninteractions:\n- {")
    assert project.pytest("--modelroute", "--modelroute-json=after.json").returncode == 0
    before, after = ((project.folder / name).read_text() for name in ("before.json", "after.json"))
    assert before == after


def test_replay_opens_no_socket_and_imports_no_client(project: Project) -> None:
    (project.folder / "guard.py").write_text(
        "import socket, sys\n"
        "def refuse(*arguments, **keywords):\n"
        "    raise RuntimeError('a socket was opened')\n"
        "socket.socket = socket.create_connection = socket.getaddrinfo = refuse\n"
        "def pytest_unconfigure(config):\n"
        "    found = sorted({'anthropic', 'vcr', 'httpx2', 'httpx', 'rich', 'scipy'} & set(sys.modules))\n"
        "    print('heavy modules:', found)\n"
    )
    done = project.pytest_afresh("--modelroute", "-p", "guard")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "heavy modules: []" in done.stdout


def test_an_unwritable_folder_is_told_and_loses_nothing(small: Project) -> None:
    (small.folder / "cassettes").write_text("a file stands in the way")
    with MessagesServer(answer) as server:
        point_at(small, server)
        done = record(small, "--modelroute-record=new_episodes", "modelroute.yaml::reply")
    assert done.returncode == 4
    assert "cannot be written" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert Path(small.folder / "cassettes").read_text() == "a file stands in the way"


def test_a_call_that_fails_fails_the_session_though_an_older_answer_stands(small: Project) -> None:
    with MessagesServer(answer) as server:
        point_at(small, server)
        assert record(small, "--modelroute-record=new_episodes").returncode == 0
    with MessagesServer(lambda body, number: overloaded(400)) as server:
        point_at(small, server)
        again = record(small, "--modelroute-record=all", "--modelroute-json=report.json", "modelroute.yaml::reply")
        assert again.returncode == 1
        reply = json.loads((small.folder / "report.json").read_text())["tasks"][1]
        assert reply["kinds"] == {"transport": 5}


def test_a_call_that_fails_on_a_tier_that_no_gate_judges_fails_the_session(small: Project) -> None:
    def respond(body: dict[str, Any], number: int) -> Reply:
        return overloaded(400) if body["model"] == "nano-1" else answer(body, number)

    with MessagesServer(respond) as server:
        point_at(small, server)
        done = record(small, "--modelroute-record=new_episodes", "--modelroute-record-tiers=nano")
    assert done.returncode == 1
    assert "12 passed" in done.stdout


def test_an_answer_that_cannot_be_used_is_recorded_anew(small: Project) -> None:
    with MessagesServer(answer) as server:
        point_at(small, server)
        record(small, "--modelroute-record=new_episodes")
        path = small.cassette("reply", "small")
        path.write_text(path.read_text().replace('\\"stop_reason\\": \\"end_turn\\"', '\\"stop\\": 1', 1))
        assert record(small).returncode == 1
        before = len(server.requests)
        assert record(small, "--modelroute-record=new_episodes").returncode == 0
        assert len(server.requests) == before + 1


def test_a_cassette_that_cannot_be_read_stops_a_recording_before_it_costs_anything(small: Project) -> None:
    path = small.cassette("reply", "small")
    path.parent.mkdir(parents=True)
    path.write_text("version https://git-lfs.github.com/spec/v1\n")
    with MessagesServer(answer) as server:
        point_at(small, server)
        done = record(small, "--modelroute-record=new_episodes", "modelroute.yaml::reply")
        assert done.returncode == 4
        assert server.requests == []


def test_custom_headers_go_to_the_provider_only(small: Project) -> None:
    with MessagesServer(answer) as server:
        point_at(small, server)
        record(small, "--modelroute-record=new_episodes", ANTHROPIC_CUSTOM_HEADERS="x-gateway: secret-token")
    assert server.headers
    assert "secret-token" not in json.dumps(server.headers)


def test_equal_requests_of_two_cases_share_a_recording_that_neither_loses(small: Project) -> None:
    cases = small.golden("reply")
    twin = {**cases[0], "id": "twin"}
    small.write_golden("reply", [*cases, twin])
    with MessagesServer(answer) as server:
        point_at(small, server)
        assert record(small, "--modelroute-record=new_episodes", "modelroute.yaml::reply").returncode == 0
        changed = {**twin, "input": {"text": "message 77"}, "expected": "message 77"}
        small.write_golden("reply", [*cases, changed])
        assert record(small, "--modelroute-record=new_episodes", "modelroute.yaml::reply").returncode == 0
