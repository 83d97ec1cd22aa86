"""Recorded cases called again, live: whether a model still answers as it did."""

from __future__ import annotations

import re
import subprocess
from typing import Any

from .messages_server import MessagesServer, Reply, message, overloaded
from .projects import Project, answer
from .test_recording import cassettes, point_at


def verify(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    return project.pytest("--modelroute", "--modelroute-verify=12", *arguments)


def told(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout.partition("verified live")[2]


def recorded_here(project: Project, server: MessagesServer) -> None:
    """Record 12 cases of each task: what is verified must have been recorded from this address."""
    for task in ("classify", "reply"):
        project.write_golden(task, project.golden(task)[:12])
    project.replace("  request: {max_tokens: 64", "  gate: {min_cases: 1}\n  request: {max_tokens: 64")
    point_at(project, server)
    done = project.pytest("--modelroute", "--modelroute-record=new_episodes")
    assert done.returncode == 0, done.stdout


def test_a_model_that_answers_as_before_passes_and_nothing_is_written(project: Project) -> None:
    with MessagesServer(answer) as server:
        recorded_here(project, server)
        before, calls = cassettes(project), len(server.requests)
        done = verify(project)
        assert done.returncode == 0, done.stdout
        assert len(server.requests) - calls == 12
    assert cassettes(project) == before
    assert "0 of 12 outcomes changed (0 %, at most 5 % allowed), 0 not answered" in told(done)
    assert "plan: 12 calls" in done.stdout
    assert "model routing" in done.stdout.partition("verified live")[0], "below the table"
    assert "modelroute: 12 answers for 0.00" in done.stdout


def test_changed_outcomes_fail_the_session_and_are_named(project: Project) -> None:
    changed = False

    def respond(body: dict[str, Any], number: int) -> Reply:
        return message("no JSON any more", model=body["model"]) if changed else answer(body, number)

    with MessagesServer(respond) as server:
        recorded_here(project, server)
        changed = True
        done = verify(project, "modelroute.yaml::classify")
        allowed = verify(project, "modelroute.yaml::classify", "--modelroute-verify-changed=1")
    assert done.returncode == 1
    assert "12 of 12 outcomes changed (100 %, at most 5 % allowed), 0 not answered" in told(done)
    assert (
        len(re.findall(r"classify::message-\d+  (correct|wrong \(mismatch\)) -> wrong \(not_json\)", told(done))) == 12
    )
    assert allowed.returncode == 0


def test_another_wording_of_a_right_answer_is_no_change(project: Project) -> None:
    again = False

    def respond(body: dict[str, Any], number: int) -> Reply:
        reply = answer(body, number)
        return Reply(reply.body.replace(b"0.9", b"0.7")) if again else reply

    with MessagesServer(respond) as server:
        recorded_here(project, server)
        again = True
        done = verify(project, "modelroute.yaml::classify")
    assert done.returncode == 0, done.stdout
    assert "0 of 12 outcomes changed" in told(done)


def test_a_case_that_is_not_answered_fails_the_session_and_counts_as_no_change(project: Project) -> None:
    down = False

    def respond(body: dict[str, Any], number: int) -> Reply:
        return overloaded(400) if down else answer(body, number)

    with MessagesServer(respond) as server:
        recorded_here(project, server)
        down = True
        done = verify(project, "modelroute.yaml::classify")
    assert done.returncode == 1
    assert "0 of 12 outcomes changed (0 %, at most 5 % allowed), 12 not answered" in told(done)
    # An endpoint that answers every call so is not called any more, which cases that come late are told.
    line = r"  classify on large: (\d+) cases? not answered, first message-\d+: error \(transport\): .*BadRequestError"
    assert sum(map(int, re.findall(line, told(done)))) == 12


def test_the_cap_and_the_dry_run_hold_for_verifying_too(project: Project) -> None:
    with MessagesServer(answer) as server:
        recorded_here(project, server)
        calls = len(server.requests)
        dry = verify(project, "--modelroute-dry-run")
        capped = verify(project, "--modelroute-max-usd=0.00001")
        assert len(server.requests) == calls
    assert (dry.returncode, capped.returncode) == (0, 4)
    assert "plan: 12 calls" in dry.stdout
    assert "these calls would cost about" in capped.stderr


def test_what_cannot_be_combined_is_a_usage_error(project: Project) -> None:
    for arguments, problem in (
        (("--modelroute-record=all",), "it cannot be combined with --modelroute-record"),
        (("--modelroute-replay=vcr",), "it cannot be combined with --modelroute-verify"),
        (("-n", "2"), "--modelroute-verify runs in one process"),
    ):
        done = verify(project, *arguments)
        assert done.returncode == 4
        assert problem in done.stderr


def test_nothing_recorded_cannot_be_verified(project: Project) -> None:
    for path in (project.folder / "cassettes").rglob("*.yaml"):
        path.unlink()
    done = verify(project)
    assert done.returncode == 4
    assert "none of the selected cases is recorded" in done.stderr
