"""What comes late or never: functions that do not return, answers after the end, journals that others overtook."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_modelroute.cassettes.calls import Call, OwnRun
from pytest_modelroute.cassettes.capture import Attempt, Capture, NotSent
from pytest_modelroute.cassettes.credentials import CredentialScan
from pytest_modelroute.cassettes.journal import Journal
from pytest_modelroute.cassettes.merging import not_outdated

from . import interactions as recorded
from .interactions import answered, interaction, key
from .live import Forks, interactions, journaled, live_project, report, results, until
from .messages_server import MessagesServer, Reply
from .projects import answer, clean_environment
from .test_own_calls import AGENTS, CASES, JSON, own_project, respond

LATE = "its function did not return within 3 s (--modelroute-timeout)"

SLEEPS = """
import time
import agent_itself
def answer(input, model, base_url):
    if input["text"].endswith(" 2"):
        while True:
            time.sleep(60)
    return agent_itself.answer(input, model, base_url)
"""
AWAITS = """
import asyncio
import agent_itself
async def answer(input, model, base_url):
    if input["text"].endswith(" 2"):
        await asyncio.Event().wait()
    return agent_itself.answer(input, model, base_url)
"""
POOL = """
import threading
from concurrent.futures import ThreadPoolExecutor
import agent_itself
def answer(input, model, base_url):
    if input["text"].endswith(" 2"):
        with ThreadPoolExecutor(2) as pool:
            return pool.submit(threading.Event().wait).result()
    return agent_itself.answer(input, model, base_url)
"""


@pytest.fixture
def server() -> Iterator[MessagesServer]:
    with MessagesServer(respond) as started:
        yield started


@pytest.mark.parametrize(
    ("code", "agent", "concurrency"),
    [(SLEEPS, "sync", 8), (SLEEPS, "urllib", 8), (SLEEPS, "threads", 8), (SLEEPS, "sync", 1), (AWAITS, "sync", 8)],
)
def test_a_function_that_never_returns_is_that_case_s_error(
    forks: Forks, server: MessagesServer, tmp_path: Path, code: str, agent: str, concurrency: int
) -> None:
    project = own_project(tmp_path, server, code)
    (project.folder / "agent_itself.py").write_text(AGENTS[agent])
    limits = ("--modelroute-timeout=3", f"--modelroute-concurrency={concurrency}")
    done = forks.record(project, JSON, *limits)
    assert done.returncode == 1, done.output
    assert f"no answer to message-002: {LATE}" in done.stdout
    assert (
        f"classify on large (large-1): {report(project)['classify']['errors']} of 3 calls gave no answer" in done.stdout
    )
    found = results(project)["message-002"]
    assert (found["kind"], found["detail"]) == ("call", LATE)
    kept = {each.case for each in interactions(project)}
    assert "message-002" not in kept
    assert len(kept) == CASES - report(project)["classify"]["errors"]
    if agent != "threads" or concurrency == 1:  # whose threads' calls could be the lost run's
        assert kept == {"message-001", "message-003"}


def test_the_process_ends_though_a_pool_never_does(server: MessagesServer, tmp_path: Path) -> None:
    project = own_project(tmp_path, server, POOL)
    (project.folder / "agent_itself.py").write_text(AGENTS["sync"])
    options = ("--modelroute", "--modelroute-record=new_episodes", "--modelroute-timeout=3")
    plugins = ("-ppytest_modelroute.plugin.hooks", "-pno:cacheprovider")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, *options],
        cwd=project.folder,
        env={**clean_environment(), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert LATE in done.stdout


def attempt(name: str = "case") -> Attempt:
    own = OwnRun(lambda: None, lambda turn: key(turn), ())
    return Attempt(Call("task", name, 0, key(0), {}, own), frozenset({"127.0.0.1"}))


REQUEST = SimpleNamespace(uri="http://127.0.0.1/v1/messages", method="POST", body="{}")


def test_what_a_run_that_was_given_up_still_sends_is_not_sent_nor_taken_for_another_s() -> None:
    capture = Capture(CredentialScan({}), alone=True)
    lost, other = attempt("lost"), attempt("other")
    with capture.of(lost):
        capture.give_up(lost)
        with pytest.raises(NotSent):
            capture.before_record_request(REQUEST)
        with capture.of(other):  # its turn has come
            assert other.fault() is not None
            capture.current.set(None)  # as in a thread that either of the two started
            with pytest.raises(NotSent):
                capture.before_record_request(REQUEST)
    fault = other.fault()
    assert fault is not None
    assert fault.detail == "not sent: a run of a function that never returned may have made one of its calls"


WATCHED = """
import time
import pytest_modelroute.cassettes.journal as journal
import pytest_modelroute.cassettes.recorder as recorder
recorder.SECONDS_TO_FINISH = 0.05
clear, append = journal.Journal.clear, journal.Journal.append
over = []
def watched(self, *arguments):
    if over:
        open("late", "w").close()
    append(self, *arguments)
def slow(self):
    if any(self.folder.rglob("*.yaml")):  # at the end
        over.append(True)
        time.sleep(3)
    clear(self)
journal.Journal.append = watched
journal.Journal.clear = slow
"""


def test_an_answer_that_comes_after_the_end_is_written_nowhere(forks: Forks, tmp_path: Path) -> None:
    def late(body: dict[str, Any], number: int) -> Reply:
        reply = respond(body, number)
        reply.delay = 1.0 if number == 4 else 0.0
        return reply

    with MessagesServer(late) as server:
        project = own_project(tmp_path, server, AGENTS["httpx2"])
        limit = "--modelroute-concurrency=1"
        run = forks.start(project, "--modelroute-record=new_episodes", limit, before=WATCHED)
        until(lambda: len(server.requests) == 4)
        run.signal(signal.SIGINT)
        done = run.wait()
        assert done.returncode == 2, done.output
        assert len(server.answered) == 4
        assert len(interactions(project)) == 2
        assert not (project.folder / "late").exists()
        assert not journaled(project)
        assert forks.record(project).returncode == 0


def test_a_journal_that_others_overtook_changes_nothing(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(answer) as server:
        project = live_project(tmp_path, server, 3, only="classify")
        assert forks.record(project).returncode == 0
        path = project.cassette("classify", "large")
        before = path.read_bytes()
        journal = Journal(project.folder / "cassettes")
        journal.open()
        newest = interactions(project)[0]
        body = newest.response_body.replace("0.9", "0.1")
        other = answered(newest, body)
        journal.append("large-1", [dataclasses.replace(other, recorded_at="2020-01-01T00:00:00Z")])
        journal.close()
        assert forks.record(project).returncode == 0
        assert path.read_bytes() == before
        journal.open()
        journal.append("large-1", [dataclasses.replace(other, recorded_at="2099-01-01T00:00:00Z")])
        journal.close()
        assert forks.record(project).returncode == 0
    assert path.read_bytes() != before


def test_of_a_run_of_several_calls_all_are_overtaken_or_none() -> None:
    old, new = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"
    before = recorded.cassette([interaction("a", 1, recorded_at=new), interaction("b", 4, recorded_at=old)])
    run = [interaction("a", number, recorded_at=old) for number in (1, 2)]
    other = [interaction("b", number, recorded_at=new) for number in (4, 5)]
    assert not_outdated(before, [*run, *other, interaction("c", 7, recorded_at=old)]) == (
        *other,
        interaction("c", 7, recorded_at=old),
    )
