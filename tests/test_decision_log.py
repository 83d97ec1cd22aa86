"""The decision log: what a line keeps, and what crashes, rotations and many writers do to it."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelroute.errors import InputError
from pytest_modelroute.evaluation.answers import Usage
from pytest_modelroute.evaluation.escalation import Trigger
from pytest_modelroute.routing import appending
from pytest_modelroute.routing.decision_log import DecisionLog, read_decisions
from pytest_modelroute.routing.decisions import (
    CallOutcome,
    Decision,
    Excerpt,
    FirstDecision,
    decision_line,
    parse_decision,
)

from .live import until
from .routed import routed_project

FIRST = FirstDecision(
    tier="small",
    model="small-1",
    outcome=CallOutcome.ANSWERED,
    confidence=0.31,
    usage=Usage(100, 20),
    usd=0.001,
    latency_ms=212,
    key="v1:" + "a" * 64,
    output=Excerpt("sha256:" + "1" * 64),
)
DECISION = Decision(
    time="2026-11-22T08:00:00.123Z",
    call="0" * 32,
    shadow=False,
    task="classify",
    known=True,
    tier="large",
    model="large-1",
    escalated_from="small",
    trigger=Trigger.LOW_CONFIDENCE,
    confidence=0.62,
    outcome=CallOutcome.ANSWERED,
    error=None,
    usage=Usage(200, 40, 10, 5),
    usd=0.004,
    latency_ms=812,
    key="v1:" + "b" * 64,
    input=Excerpt("sha256:" + "2" * 64, prefix='{"text":"Wo bleibt'),
    output=Excerpt("sha256:" + "3" * 64, full={"label": "refund"}),
    first=FIRST,
)


def test_a_line_is_what_the_format_says() -> None:
    line = decision_line(DECISION)
    assert line.endswith("\n")
    assert json.loads(line) == {
        "format": 1,
        "time": "2026-11-22T08:00:00.123Z",
        "call": "0" * 32,
        "shadow": False,
        "task": "classify",
        "known": True,
        "tier": "large",
        "model": "large-1",
        "escalated_from": "small",
        "trigger": "low_confidence",
        "confidence": 0.62,
        "outcome": "answered",
        "error": None,
        "usage": {"input_tokens": 200, "output_tokens": 40, "cache_read_tokens": 10, "cache_write_tokens": 5},
        "usd": 0.004,
        "latency_ms": 812,
        "key": "v1:" + "b" * 64,
        "input": {"digest": "sha256:" + "2" * 64, "prefix": '{"text":"Wo bleibt'},
        "output": {"digest": "sha256:" + "3" * 64, "full": {"label": "refund"}},
        "first": {
            "tier": "small",
            "model": "small-1",
            "outcome": "answered",
            "confidence": 0.31,
            "usage": {"input_tokens": 100, "output_tokens": 20, "cache_read_tokens": 0, "cache_write_tokens": 0},
            "usd": 0.001,
            "latency_ms": 212,
            "key": "v1:" + "a" * 64,
            "output": {"digest": "sha256:" + "1" * 64},
        },
    }


TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
COUNT = st.integers(0, 10**9)
EXCERPT = st.builds(Excerpt, TEXT, st.none() | TEXT, JSON) | st.builds(Excerpt, TEXT)
USAGE = st.none() | st.builds(Usage, COUNT, COUNT, COUNT, COUNT)
SHARE = st.none() | st.floats(0, 1)
COST = st.none() | st.floats(0, 1e6)
FIRSTS = st.builds(
    FirstDecision, TEXT, TEXT, st.sampled_from(CallOutcome), SHARE, USAGE, COST, COUNT, TEXT, st.none() | EXCERPT
)
DECISIONS = st.builds(
    Decision,
    time=TEXT,
    call=TEXT,
    shadow=st.booleans(),
    task=TEXT,
    known=st.booleans(),
    tier=TEXT,
    model=TEXT,
    escalated_from=st.none() | TEXT,
    trigger=st.none() | st.sampled_from(Trigger),
    confidence=SHARE,
    outcome=st.sampled_from(CallOutcome),
    error=st.none() | TEXT,
    usage=USAGE,
    usd=COST,
    latency_ms=COUNT,
    key=st.none() | TEXT,
    input=EXCERPT,
    output=st.none() | EXCERPT,
    first=st.none() | FIRSTS,
)


@given(DECISIONS)
def test_what_is_written_is_read_back(decision: Decision) -> None:
    line = decision_line(decision).encode()
    assert line.isascii()
    assert line.count(b"\n") == 1
    assert parse_decision(line) == decision


@given(st.integers(0, 2000))
def test_no_part_of_a_line_is_taken_for_one(cut: int) -> None:
    line = decision_line(DECISION).encode().rstrip()
    torn = line[: cut % len(line)]
    with pytest.raises(json.JSONDecodeError):
        parse_decision(torn)


def _changed(**changes: Any) -> bytes:
    return json.dumps({**json.loads(decision_line(DECISION)), **changes}).encode() + b"\n"


@pytest.mark.parametrize(
    "line",
    [
        b"not json\n",
        b"[]\n",
        b"7\n",
        b"null\n",
        b"{}\n",
        b"\xff\xfe\n",
        b"[" * 100_000 + b"\n",
        _changed(format=2),
        _changed(task=None),
        _changed(shadow="no"),
        _changed(latency_ms=1.5),
        _changed(latency_ms=True),
        _changed(outcome="fine"),
        _changed(trigger="mood"),
        _changed(usage=[1, 2]),
        _changed(usage={"input_tokens": 1}),
        _changed(usd="1"),
        _changed(input="sha256:1"),
        _changed(input=None),
        _changed(output={"prefix": "no digest"}),
        _changed(first={"tier": "small"}),
    ],
)
def test_a_line_that_is_none_is_skipped_and_counted(tmp_path: Path, line: bytes) -> None:
    good = decision_line(DECISION).encode()
    (tmp_path / "log").write_bytes(good + line + b"\n  \n" + good)
    assert read_decisions(tmp_path / "log") == ((DECISION, DECISION), 1)


@pytest.mark.parametrize("name", ["nowhere.jsonl", "folder"])
def test_a_log_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=f"the decision log .*{name} cannot be read"):
        read_decisions(tmp_path / name)


def test_a_torn_last_line_does_not_swallow_the_next(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "log")
    log.write(DECISION)
    with (tmp_path / "log").open("ab") as torn:
        torn.write(decision_line(DECISION).encode()[:100])
    log.write(DECISION)
    log.write(DECISION)
    log.close()
    assert read_decisions(tmp_path / "log") == ((DECISION,) * 3, 1)


def test_a_rotated_or_removed_log_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "made/for/it/log"
    log = DecisionLog(path)
    log.write(DECISION)
    path.rename(path.with_suffix(".1"))
    log.write(DECISION)
    log.write(DECISION)
    path.unlink()
    log.write(DECISION)
    log.close()
    assert len(read_decisions(path.with_suffix(".1"))[0]) == 1
    assert len(read_decisions(path)[0]) == 1
    assert log.failures == 0


def test_a_log_that_cannot_be_written_is_told_of_once_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    log = DecisionLog(tmp_path / "file/log")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            log.write(DECISION)
    assert log.failures == 3
    (told,) = caplog.messages
    assert told.startswith(f"the decision log {tmp_path / 'file/log'} cannot be written: ")
    (tmp_path / "file").unlink()
    log.write(DECISION)
    assert read_decisions(tmp_path / "file/log") == ((DECISION,), 0)
    log.close()


def test_a_full_disk_leaves_whole_lines(tmp_path: Path) -> None:
    """A limit on the file's size cuts a write short, as a full disk does."""
    code = """
import resource, signal, sys, pathlib
from tests.test_decision_log import DECISION
from pytest_modelroute.routing import appending
from pytest_modelroute.routing.decision_log import DecisionLog
from pytest_modelroute.routing.decisions import decision_line
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
size = len(decision_line(DECISION))
resource.setrlimit(resource.RLIMIT_FSIZE, (2 * size + 50, resource.RLIM_INFINITY))
log = DecisionLog(pathlib.Path(sys.argv[1]))
for _ in range(4):
    log.write(DECISION)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
log.write(DECISION)
print(log.failures)
"""
    done = python(code, str(tmp_path / "log"))
    assert done.communicate()[0] == "2\n"
    assert read_decisions(tmp_path / "log") == ((DECISION,) * 3, 0)


def python(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent
    )


WRITER = """
import sys, pathlib, dataclasses, threading
from tests.test_decision_log import DECISION
from pytest_modelroute.routing import appending
from pytest_modelroute.routing.decision_log import DecisionLog
log = DecisionLog(pathlib.Path(sys.argv[1]))
lines = int(sys.argv[3])
def write(thread):
    number = 0
    while number < lines or lines == 0:
        log.write(dataclasses.replace(DECISION, call=f"{sys.argv[2]}-{thread}-{number}", task="t" * 30_000))
        number += 1
threads = [threading.Thread(target=write, args=(n,)) for n in range(2)]
print("writing", flush=True)
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(log.failures)
"""


def test_many_processes_and_threads_lose_and_mix_nothing(tmp_path: Path) -> None:
    writers = [python(WRITER, str(tmp_path / "log"), str(n), "60") for n in range(3)]
    assert [writer.communicate()[0].split() for writer in writers] == [["writing", "0"]] * 3
    decisions, skipped = read_decisions(tmp_path / "log")
    assert skipped == 0
    calls = [decision.call for decision in decisions]
    assert sorted(calls) == sorted(
        f"{n}-{thread}-{line}" for n in range(3) for thread in range(2) for line in range(60)
    )
    for n in range(3):
        own = [call for call in calls if call.startswith(f"{n}-0-")]
        assert own == [f"{n}-0-{line}" for line in range(60)]


def test_a_killed_process_costs_one_line_each_thread_at_most(tmp_path: Path) -> None:
    survivor = DecisionLog(tmp_path / "log")
    killed = 4
    for n in range(killed):
        writer = python(WRITER, str(tmp_path / "log"), str(n), "0")
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n"
        begun = os.path.getsize(tmp_path / "log") if n else 0
        until(lambda begun=begun: (tmp_path / "log").exists() and os.path.getsize(tmp_path / "log") > begun + 500_000)  # type: ignore[misc]
        survivor.write(dataclasses.replace(DECISION, call=f"beside-{n}"))
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        survivor.write(dataclasses.replace(DECISION, call=f"after-{n}"))
    survivor.close()
    decisions, skipped = read_decisions(tmp_path / "log")
    assert survivor.failures == 0
    assert skipped <= killed
    calls = [decision.call for decision in decisions]
    for n in range(killed):
        assert {f"beside-{n}", f"after-{n}"} <= set(calls)
        for thread in range(2):
            own = [call for call in calls if call.startswith(f"{n}-{thread}-")]
            assert own == [f"{n}-{thread}-{line}" for line in range(len(own))]


def test_a_process_that_was_stopped_with_the_lock_stops_no_other(tmp_path: Path) -> None:
    holder = python(
        """
import fcntl, os, sys
descriptor = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(descriptor, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
""",
        str(tmp_path / "log"),
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    log = DecisionLog(tmp_path / "log")
    for _ in range(50):
        log.write(DECISION)
    holder.kill()
    holder.communicate()
    log.write(DECISION)
    log.close()
    assert read_decisions(tmp_path / "log") == ((DECISION,) * 51, 0)
    assert log.failures == 0


@pytest.mark.parametrize("awaited", [False, True])
def test_an_event_loop_hardly_waits_for_the_lock_and_nobody_waits_for_who_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, awaited: bool
) -> None:
    """By a clock that only sleeping moves."""
    fcntl = pytest.importorskip("fcntl")
    slept: list[float] = []
    log = DecisionLog(tmp_path / "log")

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        assert not log._file._own.own().lock.locked()

    monkeypatch.setattr(appending, "time", SimpleNamespace(monotonic=lambda: sum(slept), sleep=sleep))

    async def write() -> None:
        log.write(DECISION)

    with (tmp_path / "log").open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        for _ in range(3):  # the second line does not wait again
            if awaited:
                asyncio.run(write())
            else:
                log.write(DECISION)
    waited = appending.LONGEST_WAIT_OF_A_LOOP if awaited else appending.LONGEST_WAIT
    assert waited < sum(slept) < waited + 2 * appending.PAUSE
    log.write(DECISION)
    log.close()
    assert read_decisions(tmp_path / "log") == ((DECISION,) * 4, 0)
    assert log.failures == 0


def test_the_log_asks_nothing_of_the_system_that_only_posix_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "pread", raising=False)
    log = DecisionLog(tmp_path / "log")
    for _ in range(2):
        log.write(DECISION)
    log.close()
    assert read_decisions(tmp_path / "log") == ((DECISION,) * 2, 0)
    assert log.failures == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_writes_though_a_thread_of_its_parent_held_the_lock(tmp_path: Path) -> None:
    code = """
import os, pathlib, sys, threading, warnings
warnings.simplefilter("ignore")
from tests.test_decision_log import DECISION
from pytest_modelroute.routing import appending
from pytest_modelroute.routing.decision_log import DecisionLog
log = DecisionLog(pathlib.Path(sys.argv[1]))
log.write(DECISION)
opened = log._file._own.own()
opened.lock.acquire()
child = os.fork()
if child == 0:
    log.write(DECISION)
    log.close()
    os._exit(log.failures)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
opened.lock.release()
log.write(DECISION)
log.close()
"""
    assert python(code, str(tmp_path / "log")).communicate(timeout=600)[0] == "0\n"
    assert read_decisions(tmp_path / "log") == ((DECISION,) * 3, 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("held", ["log._lock", "router._told_lock", "router._reload_lock"])
def test_a_child_goes_on_though_a_thread_of_its_parent_held_any_lock(tmp_path: Path, held: str) -> None:
    code = f"""
import logging, os, pathlib, signal, sys, warnings
warnings.simplefilter("ignore")
logging.disable()
from pytest_modelroute import Router
router = Router.from_file(sys.argv[1])
log = router._loaded.books.log
lock = {held}
getattr(lock, "own", lambda: lock)().acquire()
child = os.fork()
if child == 0:
    signal.alarm(60)
    log.failed(OSError("no room"))
    router.model_for("nowhere")
    router.reload()
    os._exit(router.log_failures)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    project = routed_project(tmp_path, "http://127.0.0.1:9")
    assert python(code, str(project.registry)).communicate(timeout=600)[0] == "1\n"


def test_threads_of_one_process_share_a_log(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "log")

    def write() -> None:
        for _ in range(50):
            log.write(DECISION)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    assert read_decisions(tmp_path / "log") == ((DECISION,) * 400, 0)
