"""A recording answers the one call it was made of: copied to another case, sample, model or task it is an error."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_modelroute.cassettes.lines import Interaction, cassette_text

from .graded import Models, graded_project
from .interactions import read_back
from .live import Forks, interactions, live_project
from .messages_server import MessagesServer, Reply
from .projects import Project, answer, git
from .test_gate import report, task
from .test_own_calls import SYNC, respond

UNREADABLE = "the recording does not match its digest: it was edited, or is that of another call"
Answers = dict[str, Interaction]
WHOLE = ("recorded_at", "latency_ms", "recordings", "digest", "status", "reason", "response_headers", "response_body")


def given(recorded: Interaction, other: Interaction, *, stamp: bool = True) -> Interaction:
    """`recorded` with the whole `response` of another recording; without `stamp` with its own time and count."""
    kept = () if stamp else ("recorded_at", "latency_ms", "recordings")
    return dataclasses.replace(recorded, **{name: getattr(other, name) for name in WHOLE if name not in kept})


def rewrite(path: Path, change: Callable[[Interaction], Interaction]) -> int:
    """Change each recording of a cassette; gives how many are others now."""
    before = read_back(path)
    after = [change(each) for each in before]
    path.write_text(cassette_text(after), encoding="utf-8")
    return sum(one != other for one, other in zip(before, after, strict=True))


def wrong_to_right(recorded: Interaction, answers: Answers, *, stamp: bool) -> Interaction:
    """For a case whose answer is wrong, the right answer to another case."""
    case = int(recorded.case.rpartition("-")[2])
    return given(recorded, answers[f"message-{case - 3:03}"], stamp=stamp) if case % 4 == 0 else recorded


@pytest.mark.parametrize("stamp", [True, False], ids=["with its stamp", "without its stamp"])
@pytest.mark.parametrize("mode", ["direct", "vcr"])
def test_a_response_of_another_case_is_an_error(project: Project, mode: str, stamp: bool) -> None:
    path = project.cassette("classify", "nano")
    answers = {each.case: each for each in read_back(path)}
    assert rewrite(path, lambda each: wrong_to_right(each, answers, stamp=stamp)) == 30
    project.move("classify", "nano")
    done = report(project, "modelroute.yaml::classify", f"--modelroute-replay={mode}", status=1)
    found = task(done, "classify")
    assert (found["verdict"], found["kinds"]) == ("error", {"unreadable": 30})
    restore = "git checkout -- cassettes/classify/nano-1.yaml"
    told = f"{UNREADABLE}; restore cassettes/classify/nano-1.yaml from git, or record again"
    assert found["results"][3]["detail"] == told
    assert found["way_out"].startswith(f"restore cassettes/classify/nano-1.yaml from git ({restore}), or record again")


def test_the_responses_of_another_model_are_errors(project: Project) -> None:
    better = {each.case: each for each in read_back(project.cassette("classify", "large"))}
    assert rewrite(project.cassette("classify", "nano"), lambda each: given(each, better[each.case])) == 120
    project.move("classify", "nano")
    found = task(report(project, status=1), "classify")
    assert (found["verdict"], found["kinds"]) == ("error", {"unreadable": 120})


def test_git_brings_a_spoilt_recording_back(repository: Project) -> None:
    path = repository.cassette("classify", "nano")
    answers = {each.case: each for each in read_back(path)}
    rewrite(path, lambda each: wrong_to_right(each, answers, stamp=True))
    repository.move("classify", "nano")
    way_out = task(report(repository, status=1), "classify")["way_out"]
    restore = re.findall(r"\((git checkout -- [^)]+)\)", way_out)[0].split()
    git(repository.folder, *restore[1:])
    assert task(report(repository, status=1), "classify")["verdict"] == "fail"


def test_a_recording_without_a_digest_is_to_be_restored(project: Project) -> None:
    path = project.cassette("classify", "large")
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r'"x-modelroute-digest": \["[^"]+"\], ', "", text, count=1), encoding="utf-8")
    found = task(report(project, status=1), "classify")
    assert found["kinds"]["unreadable"] == 1
    name = "cassettes/classify/large-1.yaml"
    assert f"{name}:3: the recording cannot be read: 'digest' is missing; restore it from git" in found["reasons"][1]
    assert found["way_out"].startswith(f"restore {name} from git (git checkout -- {name}), or record again: pytest")


def test_a_case_that_runs_alone_tells_which_file_to_restore(project: Project) -> None:
    path = project.cassette("classify", "large")
    answers = {each.case: each for each in read_back(path)}
    rewrite(path, lambda each: given(each, answers["message-001"]) if each.case == "message-002" else each)
    for more in ((), ("-n", "2")):
        done = project.pytest("--modelroute", "-k", "message-002", *more)
        assert done.returncode == 1, done.stdout
        assert "restore cassettes/classify/large-1.yaml from git (git checkout -- " in done.stdout


def test_a_moved_response_is_a_change_against_the_base(repository: Project) -> None:
    path = repository.cassette("classify", "nano")  # of a tier that serves nothing today
    answers = {each.case: each for each in read_back(path)}
    rewrite(path, lambda each: wrong_to_right(each, answers, stamp=True))
    (change,) = report(repository, "--modelroute-base=main", status=1)["changes"]
    assert (change["kind"], change["task"]) == ("recording_edited", "classify")


def test_a_question_that_was_edited_is_a_change_against_the_base(repository: Project) -> None:
    path = repository.cassette("classify", "nano")
    rewrite(path, lambda each: dataclasses.replace(each, uri="http://127.0.0.1:9/v1/messages"))
    (change,) = report(repository, "--modelroute-base=main", status=1)["changes"]
    assert (change["kind"], change["task"]) == ("recording_edited", "classify")


def test_digests_of_another_kind_in_the_base_are_no_edit(repository: Project) -> None:
    """As on the commit that brings a new kind."""
    paths = sorted((repository.folder / "cassettes").glob("*/*.yaml"))
    sealed = [path.read_bytes() for path in paths]
    for path in paths:
        rewrite(path, lambda each: dataclasses.replace(each, digest=f"sha256:{each.digest[3:]}"))
    git(repository.folder, "commit", "-q", "-a", "-m", "another kind")
    git(repository.folder, "branch", "-f", "main")
    for path, content in zip(paths, sealed, strict=True):
        path.write_bytes(content)
    assert report(repository, "--modelroute-base=main", status=0)["changes"] == []


def test_a_response_of_another_sample_is_an_error(forks: Forks, tmp_path: Path) -> None:
    def various(body: dict[str, Any], number: int) -> Any:
        reply = answer(body, number)
        return reply if number % 2 else answer({**body, "messages": [{"role": "user", "content": "Reply: 0"}]}, number)

    with MessagesServer(various) as server:
        project = live_project(tmp_path, server, 3, only="reply")
        project.replace("    score: {kind: contains", "    samples: 2\n    score: {kind: contains")
        assert forks.record(project).returncode in (0, 1)
    path = project.cassette("reply", "small")
    answers = {(each.case, each.sample): each for each in read_back(path)}
    assert rewrite(path, lambda each: given(each, answers[each.case, 0])) == 3
    assert task(report(project, status=1), "reply")["kinds"]["unreadable"] == 3


def test_a_grade_of_another_answer_is_an_error(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(Models(flagged=[2, 3])) as server:
        project = graded_project(tmp_path, server)
        assert forks.record(project).returncode == 0
    path = project.folder / "cassettes/reply/grader@large-1.yaml"
    grades = {each.case: each for each in read_back(path)}
    assert rewrite(path, lambda each: given(each, grades["reply 1"]) if each.case == "reply 2" else each) == 1
    for mode in ("direct", "vcr"):
        found = task(report(project, f"--modelroute-replay={mode}", status=1), "reply")
        assert found["kinds"] == {"mismatch": 1, "unreadable": 1}
        (detail,) = [each["detail"] for each in found["results"] if each["outcome"] == "error"]
        assert detail.startswith(f"the grade by large: {UNREADABLE}")
        assert "git checkout -- cassettes/reply/grader@large-1.yaml" in found["way_out"]


def own_project(tmp_path: Path, server: MessagesServer) -> Project:
    project = live_project(tmp_path, server, 3, only="classify")
    (project.folder / "agents.py").write_text(SYNC)
    project.replace("prompt: prompts/classify.yaml", "call: 'agents:answer'")
    return project


def another_response(each: Interaction, found: dict[tuple[str, str], Interaction]) -> Interaction:
    first = found["message-001", kind_of(each)]
    return given(each, first) if each.case == "message-002" and kind_of(each) == "Answer" else each


def another_question(each: Interaction, found: dict[tuple[str, str], Interaction]) -> Interaction:
    return dataclasses.replace(each, request_body=each.request_body.replace("Tool for", "Fool for"))


def kind_of(each: Interaction) -> str:
    return str(json.loads(each.request_body)["messages"][-1]["content"].split()[0])


@pytest.mark.parametrize(
    ("edit", "errors"), [(another_response, 1), (another_question, 3)], ids=["another response", "another question"]
)
def test_an_own_call_s_recording_answers_no_other_call(
    forks: Forks, tmp_path: Path, edit: Callable[..., Interaction], errors: int
) -> None:
    with MessagesServer(respond) as server:
        project = own_project(tmp_path, server)
        assert forks.record(project).returncode == 0
    found = {(each.case, kind_of(each)): each for each in interactions(project)}
    rewrite(project.cassette("classify", "large"), lambda each: edit(each, found))
    if edit is another_question:  # what the function sends now, as if that had been answered so
        project.replace("Tool for", "Fool for", "agents.py")
    read = task(report(project, status=1), "classify")
    assert (read["verdict"], read["kinds"]) == ("error", {"unreadable": errors})
    assert "git checkout -- cassettes/classify/large-1.yaml" in read["way_out"]


def small(reply: Reply) -> Reply:
    """The same answer in the name of another tier's model."""
    return dataclasses.replace(reply, body=reply.body.replace(b'"large-1"', b'"small-1"'))


STAND_IN = "small-1 answered, the model of tier small, where large-1 was asked for"


@pytest.mark.parametrize("how", ["prompt", "call", "grader"])
def test_a_model_of_another_tier_that_answers_is_an_error(forks: Forks, tmp_path: Path, how: str) -> None:
    def stand_in(body: dict[str, Any], number: int) -> Reply:
        return small(Models()(body, number) if how == "grader" else respond(body, number))

    with MessagesServer(stand_in) as server:
        if how == "grader":
            project = graded_project(tmp_path, server, cases=3)
        else:
            project = own_project(tmp_path, server) if how == "call" else live_project(tmp_path, server, 3)
        assert forks.record(project).returncode == 1
    for mode in ("direct", "vcr"):
        read = report(project, f"--modelroute-replay={mode}", status=1)
        found = task(read, "reply" if how == "grader" else "classify")
        assert (found["verdict"], found["kinds"]) == ("error", {"unreadable": 3})
        assert f"{STAND_IN}: see what the endpoint serves, and record again" in found["results"][0]["detail"]


@pytest.mark.parametrize("more", [(), ("-n", "2")], ids=["alone", "in workers"])
def test_a_grader_that_another_model_answers_for_is_warned_about(
    forks: Forks, tmp_path: Path, more: tuple[str, ...]
) -> None:
    def another(body: dict[str, Any], number: int) -> Reply:
        reply = Models()(body, number)
        return dataclasses.replace(reply, body=reply.body.replace(b'"large-1"', b'"another"'))

    with MessagesServer(another) as server:
        project = graded_project(tmp_path, server, cases=3)
        assert forks.record(project).returncode == 0
    done = project.pytest("--modelroute", *more)
    assert done.returncode == 0, done.stdout
    assert "reply: its grader large asks for large-1, and another answered" in done.stdout


@pytest.mark.parametrize("model", ["large-1-20260101", "another"])
def test_a_name_that_no_tier_has_is_no_error(forks: Forks, tmp_path: Path, model: str) -> None:
    def renamed(body: dict[str, Any], number: int) -> Reply:
        return answer({**body, "model": model}, number)

    with MessagesServer(renamed) as server:
        project = live_project(tmp_path, server, 3, only="classify")
        if model == "large-1-20260101":  # what its alias stands for
            project.replace("model: nano-1", f"model: {model}")
        assert forks.record(project).returncode == 0
    done = project.pytest("--modelroute")
    assert done.returncode == 0, done.stdout
    warned = f"large asks for large-1, and {model} answered" in done.stdout
    assert warned is (model == "another")
