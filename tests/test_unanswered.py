"""Cases without an answer: no session passes over them, and each names what can be done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .live import Forks, interactions, live_project, results
from .messages_server import MessagesServer, Reply, message
from .projects import Project, answer
from .test_own_calls import CASES, SYNC, own_project, respond

JSON = "--modelroute-json=report.json"
RECORD = "--modelroute-record=new_episodes"
SECRET = "sk-ant-api03-9fK2mQ7xL4vB8nC1zR6tY3wE5uI0oP"


def without_recordings(project: Project, *cases: str) -> None:
    """Leave the recordings of these cases out; of all, unless given."""
    path = project.cassette("classify", "large")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if cases and not any(f'"{case}"' in line for case in cases)))


def told_of(output: str, task: str = "classify") -> str:
    """What the summary says of a task below its table."""
    return output.partition(f"\n\n{task}: ")[2].partition("\n===")[0]


# ---- where the gate did not run


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_a_case_without_an_answer_fails_a_session_without_its_gate(project: Project, workers: tuple[str, ...]) -> None:
    without_recordings(project)
    done = project.pytest("--modelroute", *workers, "-k", "message-004", JSON)
    assert done.returncode == 1, done.stdout + done.stderr
    assert told_of(done.stdout) == (
        "not_evaluated\n  its gate did not run\n  1 case without an answer that could be scored: the session fails\n"
        "  missing: message-004: not recorded\n"
        f'  way out: pytest --modelroute {RECORD} "modelroute.yaml::classify"'
    )
    read = json.loads((project.folder / "report.json").read_text())["tasks"][0]
    assert (read["verdict"], read["way_out"]) == (
        "not_evaluated",
        f'pytest --modelroute {RECORD} "modelroute.yaml::classify"',
    )


def test_many_of_them_are_told_in_a_few_lines(project: Project) -> None:
    without_recordings(project)
    done = project.pytest("--modelroute", "-q", "-k", "message")
    assert done.returncode == 1
    assert "  120 cases without an answer that could be scored: the session fails\n" in done.stdout
    assert "  missing: message-001, message-002, message-003 and 117 more: not recorded\n" in done.stdout
    assert done.stdout.count("not recorded") == 1


def test_wrong_cases_alone_are_the_gate_s_to_judge(project: Project) -> None:
    done = project.pytest("--modelroute", "-k", "message-040")
    assert done.returncode == 0, done.stdout
    assert "1 wrong" in done.stdout
    without_recordings(project, "message-001")
    assert project.pytest("--modelroute", "-k", "message-040").returncode == 0, "only the selected cases count"


def test_the_gate_says_it_where_it_runs(project: Project) -> None:
    without_recordings(project, "message-001")
    done = project.pytest("--modelroute", "modelroute.yaml::classify")
    assert done.returncode == 1
    assert "without an answer that could be scored" not in done.stdout


# ---- what is to be mended


@pytest.fixture
def server() -> Iterator[MessagesServer]:
    with MessagesServer(respond) as started:
        yield started


def test_a_function_that_raises_is_named_with_its_places(forks: Forks, server: MessagesServer, tmp_path: Path) -> None:
    project = own_project(tmp_path, server)
    assert forks.record(project).returncode == 0
    path = project.folder / "agent.py"
    good = path.read_text()
    path.write_text(good.replace("return json.loads(ask(", "return json.lods(ask("))
    done = forks.run(project, JSON)
    assert done.returncode == 1
    assert results(project)["message-001"]["detail"] == "AttributeError: module 'json' has no attribute 'lods'"
    mend = "mend agent:answer (agent.py:11, named at modelroute.yaml:14)"
    assert f"  way out: {mend}\n" in done.stdout
    assert done.stdout.count("--modelroute-record") == 0
    project.cassette("classify", "large").unlink()
    done = forks.record(project)
    assert done.returncode == 1
    cases = "the cases (golden/classify.jsonl:1, 2, 3)"
    command = f'pytest --modelroute {RECORD} "modelroute.yaml::classify"'
    assert f"  way out: {mend} or {cases}, then {command}\n" in done.stdout


def test_a_request_that_is_refused_is_named_with_its_places(forks: Forks, tmp_path: Path) -> None:
    def refusing(body: dict[str, Any], number: int) -> Reply:
        if body["messages"][-1]["content"].endswith(" 2"):
            error = {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long"}}
            return Reply(json.dumps(error).encode(), 400)
        return answer(body, number)

    with MessagesServer(refusing) as server:
        project = live_project(tmp_path, server, only="classify")
        done = forks.record(project, JSON)
    assert done.returncode == 1
    assert "prompt is too long" in results(project)["message-002"]["detail"]
    assert (
        "  way out: mend the prompt (prompts/classify.yaml), the request (modelroute.yaml:11)"
        " or the case (golden/classify.jsonl:2),"
        f' then pytest --modelroute {RECORD} "modelroute.yaml::classify"\n'
    ) in done.stdout


def test_a_credential_is_named_with_its_places(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(lambda body, number: message("No idea.", model=body["model"])) as server:
        project = live_project(tmp_path, server, 8, only="classify")
        golden = project.golden("classify")
        for case in golden[1:7]:
            case["input"]["text"] += f" {SECRET}"
        project.write_golden("classify", golden)
        done = forks.record(project, JSON)
    assert done.returncode == 1
    found = results(project)["message-002"]
    assert (found["kind"], found["detail"]) == (
        "missing",
        "not sent: its request holds an Anthropic API key (messages[0].content)",
    )
    assert "the cases (golden/classify.jsonl:2, 3, 4 and 3 more), then pytest" in done.stdout
    assert len(interactions(project)) == 2


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (None, "call: 'agent:answer' cannot be imported: ModuleNotFoundError: No module named 'agent'"),
        ("reply = 5", "call: agent has no function 'answer'"),
        (SYNC.replace("def answer(input,", "def answer(order,"), "call: agent:answer cannot be called: parameter"),
    ],
    ids=["no module", "no function", "other parameters"],
)
def test_a_function_that_cannot_be_imported_is_told_at_its_own_line(
    forks: Forks, server: MessagesServer, tmp_path: Path, code: str | None, told: str
) -> None:
    project = own_project(tmp_path, server, code or "")
    if code is None:
        (project.folder / "agent.py").unlink()
    done = forks.run(project)
    assert done.returncode == 4
    line = next(n for n, text in enumerate(project.registry.read_text().splitlines(), 1) if "call:" in text)
    assert f"modelroute.yaml:{line}: {told}" in done.stderr


# ---- before anything is paid for


@pytest.mark.parametrize(
    ("blocked", "told"),
    [
        ("cassettes", "cassettes is not a folder"),
        ("cassettes/classify", "cassettes/classify is not a folder"),
        ("cassettes/classify/large-1.yaml/taken", "cassettes/classify/large-1.yaml cannot be written: it is a folder"),
    ],
)
def test_a_cassette_that_cannot_be_written_is_noticed_before_the_calls(
    forks: Forks, server: MessagesServer, tmp_path: Path, blocked: str, told: str
) -> None:
    project = live_project(tmp_path, server, CASES, only="classify")
    path = project.folder / blocked
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    done = forks.record(project)
    assert done.returncode == 4, done.output
    assert done.stderr.startswith("ERROR: modelroute: ")
    assert told in done.stderr
    assert "fix: move it away" in done.stderr
    assert server.requests == []


def test_a_folder_that_is_not_writable_is_noticed_before_the_calls(
    forks: Forks, server: MessagesServer, tmp_path: Path
) -> None:
    project = live_project(tmp_path, server, CASES, only="classify")
    folder = project.folder / "cassettes/classify"
    folder.mkdir(parents=True)
    # For root every folder is writable.
    before = f"import os; allowed = os.access; os.access = lambda path, mode: str(path) != {str(folder)!r}"
    done = forks.record(project, before=before)
    assert done.returncode == 4, done.output
    assert f"cannot be written: {folder} is not writable\n  fix: make that folder writable" in done.stderr
    assert server.requests == []


def test_a_session_that_ends_in_a_usage_error_tells_that_alone(
    forks: Forks, server: MessagesServer, tmp_path: Path
) -> None:
    project = live_project(tmp_path, server, CASES, only="classify")
    (project.folder / "cassettes").touch()
    for arguments in ((RECORD,), ("modelroute.yaml::classify::nowhere",)):
        done = forks.run(project, *arguments, JSON)
        assert done.returncode == 4, done.output
        assert "not_evaluated" not in done.output
        assert "model routing" not in done.output
        assert not (project.folder / "report.json").exists(), "nothing was judged"
