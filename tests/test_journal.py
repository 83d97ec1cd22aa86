"""What arrived is not lost: killed recorders, full disks, two at once, and cassettes that branches merge."""

from __future__ import annotations

import dataclasses
import errno
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modelroute.cassettes.journal import Journal
from pytest_modelroute.cassettes.lines import Interaction, cassette_text
from pytest_modelroute.cassettes.lock import RecordingLock
from pytest_modelroute.cassettes.merging import rewritten
from pytest_modelroute.errors import InputError

from . import interactions as recorded
from .interactions import interaction, key
from .live import Forks, Run, interactions, journaled, live_project, until
from .messages_server import MessagesServer, Reply, message
from .projects import Project, answer, git

MOST_AT_ONCE = 8
CASES = 24
FOLDER = "cassettes/.recording"

Told = Mapping[str, Interaction]


def slowly(body: dict[str, Any], number: int) -> Reply:
    reply = answer(body, number)
    reply.delay = 0.005
    return reply


def asked(body: dict[str, Any]) -> str:
    return str(body["messages"][-1]["content"])


def timeless(project: Project) -> list[Interaction]:
    """All recordings, but for when and how fast they came, and from which port, which the digest covers."""
    return [
        dataclasses.replace(each, recorded_at="", latency_ms=None, uri=each.uri.partition("/v1")[2], digest="")
        for each in interactions(project)
    ]


def check_files(project: Project) -> None:
    """Stock vcrpy reads every cassette, and nothing half written lies beside them."""
    from vcr.persisters.filesystem import FilesystemPersister
    from vcr.serializers import yamlserializer

    for path in (project.folder / "cassettes").glob("[!.]*/*"):
        assert path.suffix == ".yaml", path
        requests, responses = FilesystemPersister.load_cassette(path, yamlserializer)[:2]
        assert len(requests) == len(responses) > 0


def kill_at(run: Run, server: MessagesServer, seed: int) -> list[str]:
    """Kill a recorder at a random moment; returns what it must have got by then."""
    chance = random.Random(seed)
    wanted = len(server.answered) + chance.randrange(CASES)
    until(lambda: len(server.answered) >= wanted)
    time.sleep(chance.random() * 0.03)
    told = [asked(body) for _, body in list(server.answered)]
    run.signal(signal.SIGKILL)
    assert run.wait().returncode in (-signal.SIGKILL, 0)
    return told


@pytest.fixture(scope="module")
def whole(forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Interaction], list[Interaction]]:
    """What an uninterrupted run leaves: recorded once, and again with other answers."""
    with MessagesServer(slowly) as server:
        project = live_project(tmp_path_factory.mktemp("whole"), server, CASES, only="classify")
        assert forks.record(project).returncode == 0
    first = timeless(project)
    with MessagesServer(differently) as server:
        point_at(project, server)
        assert forks.record(project, "--modelroute-record=all").returncode == 0
    return first, timeless(project)


def differently(body: dict[str, Any], number: int) -> Reply:
    reply = message('{"label": "other", "confidence": 0.5}', model=body["model"])
    reply.delay = 0.005
    return reply


def point_at(project: Project, server: MessagesServer) -> None:
    text = project.registry.read_text()
    old = text.partition('base_url: "')[2].partition('"')[0]
    project.registry.write_text(text.replace(old, server.url))


@pytest.mark.parametrize("seed", range(10))
def test_a_killed_recorder_loses_what_was_on_its_way_and_nothing_else(
    forks: Forks, tmp_path: Path, whole: tuple[list[Interaction], list[Interaction]], seed: int
) -> None:
    with MessagesServer(slowly) as server:
        project = live_project(tmp_path, server, CASES, only="classify")
        told = kill_at(forks.start(project, "--modelroute-record=new_episodes"), server, seed)
        check_files(project)
        done = forks.record(project)
    assert done.returncode == 0, done.output
    # What the killed one had sent may come in late, so that the numbers count, and not their order.
    asked_for = Counter(map(asked, server.requests))
    assert set(asked_for) == {f"Classify: message {n}" for n in range(1, CASES + 1)}
    assert max(asked_for.values()) <= 2
    assert sum(asked_for[text] == 2 for text in told) <= MOST_AT_ONCE
    assert len(server.requests) <= CASES + MOST_AT_ONCE
    assert timeless(project) == whole[0]
    assert not journaled(project)
    check_files(project)


@pytest.mark.parametrize("seed", range(100, 103))
def test_a_killed_run_of_all_is_gone_on_with(
    forks: Forks, tmp_path: Path, whole: tuple[list[Interaction], list[Interaction]], seed: int
) -> None:
    with MessagesServer(slowly) as server:
        project = live_project(tmp_path, server, CASES, only="classify")
        assert forks.record(project).returncode == 0
    with MessagesServer(differently) as server:
        point_at(project, server)
        kill_at(forks.start(project, "--modelroute-record=all"), server, seed)
        check_files(project)
        done = forks.record(project, "--modelroute-record=all")
        assert done.returncode == 0, done.output
        assert len(server.requests) <= CASES + MOST_AT_ONCE, "only those on their way were called again"
        assert timeless(project) == whole[1]
        calls = len(server.requests)
        assert forks.record(project, "--modelroute-record=all").returncode == 0
        assert len(server.requests) == calls + CASES, "a whole run of `all` is not gone on with"


KILL = """
import os, signal
from pathlib import Path
real = os.{call}
def killed(*arguments, **keywords):
    if str(arguments[-1]).endswith("{model}-1.yaml") or "{call}" == "fsync":
        {after}
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments, **keywords)
def wait_for_the_journal():
    import pytest_modelroute.evaluation.recording as recording
    merge = recording.RecordingRun._merge
    def armed(self, leftovers):
        leftovers = list(leftovers)
        if leftovers:
            os.{call} = killed
        return merge(self, leftovers)
    recording.RecordingRun._merge = armed
wait_for_the_journal()
"""


@pytest.mark.parametrize(
    ("call", "model", "after"),
    [
        ("fsync", "", "pass"),
        ("replace", "large", "pass"),
        ("replace", "large", "real(*arguments, **keywords)"),
        ("replace", "small", "pass"),
    ],
)
def test_a_recorder_killed_while_it_merges_has_lost_nothing(
    forks: Forks, tmp_path: Path, call: str, model: str, after: str
) -> None:
    with MessagesServer(slowly) as server:
        project = live_project(tmp_path, server, 4)
        run = forks.start(
            project, "--modelroute-record=new_episodes", before=KILL.format(call=call, model=model, after=after)
        )
        assert run.wait().returncode == -signal.SIGKILL
        assert journaled(project)
        done = forks.record(project)
        assert done.returncode == 0, done.output
        assert len(server.requests) == 8, "nothing is called again"
    assert "an interrupted recording left 8 answers, which are kept" in done.stdout
    assert len(interactions(project)) == 8
    assert not list(project.folder.rglob("*.partial"))
    check_files(project)


# The journal by itself.


def told(journal: Journal) -> dict[str, Told]:
    return {
        str(leftover.cassette): {each.key: each for each in leftover.interactions} for leftover in journal.leftovers()
    }


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "cassettes")
    opened.open()
    yield opened
    opened.close()


TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
ENTRIES = st.lists(
    st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["m/1", "m"]), st.integers(0, 5), TEXTS),
    min_size=1,
    max_size=8,
)


def entry(task: str, number: int, text: str, at: int = 0) -> Interaction:
    body = recorded.message(text)
    time = f"2026-11-22T10:00:{at:02}Z"
    return interaction(f"case {number}", number, body, task=task, recorded_at=time)


@settings(max_examples=60, deadline=None)
@given(entries=ENTRIES, data=st.data())
def test_a_journal_cut_at_any_byte_loses_its_last_line_only(
    entries: list[tuple[str, str, int, str]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as name:
        journal = Journal(Path(name))
        journal.open()
        written: dict[str, list[Interaction]] = {}
        for at, (task, model, number, text) in enumerate(entries):
            journal.append(model, [entry(task, number, text, at)])
            written.setdefault(f"{task}/{model.replace('/', '%2F')}.yaml", []).append(entry(task, number, text, at))
        journal.close()
        last = f"{entries[-1][0]}/{entries[-1][1].replace('/', '%2F')}.yaml"
        file = journal.folder / last
        whole = file.read_bytes()
        start = whole.rstrip(b"\n").rfind(b"\n") + 1
        cut = data.draw(st.integers(start, len(whole) - 1))
        file.write_bytes(whole[:cut])
        survives = cut == len(whole) - 1  # all but its line end
        expected = {
            path: {each.key: each for each in (found if path != last or survives else found[:-1])}
            for path, found in written.items()
        }
        assert told(journal) == {path: found for path, found in expected.items() if found}
        again = Journal(Path(name))
        task, model = entries[-1][:2]
        again.append(model, [entry(task, 9, "after", 59)])
        again.close()
        expected[last][key(9)] = entry(task, 9, "after", 59)
        assert told(again) == {path: found for path, found in expected.items() if found}


@settings(max_examples=60, deadline=None)
@given(entries=ENTRIES)
def test_appends_of_any_tasks_and_models_keep_the_latest_of_each_key(entries: list[tuple[str, str, int, str]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        journal = Journal(Path(name))
        journal.open()
        expected: dict[str, dict[str, Interaction]] = {}
        for at, (task, model, number, text) in enumerate(entries):
            journal.append(model, [entry(task, number, text, at)])
            path = f"{task}/{model.replace('/', '%2F')}.yaml"
            expected.setdefault(path, {})[key(number)] = entry(task, number, text, at)
        assert told(journal) == expected
        journal.clear()
        assert told(journal) == {}
        assert list(journal.folder.iterdir()) == []


def merged(before: str, parts: list[Interaction], needed: Mapping[str, frozenset[str]] | None = None) -> str:
    return rewritten(recorded.cassette(before), parts, needed or {})


PARTS = st.lists(st.tuples(st.integers(0, 9), TEXTS), unique_by=lambda each: each[0], max_size=10)


@settings(max_examples=60, deadline=None)
@given(before=PARTS, parts=PARTS, data=st.data())
def test_merging_is_idempotent_and_knows_no_order(
    before: list[tuple[int, str]], parts: list[tuple[int, str]], data: st.DataObject
) -> None:
    cassette = cassette_text([entry("a", number, text) for number, text in before])
    new = [entry("a", number, text, 9) for number, text in parts]
    once = merged(cassette, new)
    assert merged(once, new) == once
    assert merged(cassette, data.draw(st.permutations(new))) == once
    cut = data.draw(st.integers(0, len(new)))
    assert merged(merged(cassette, new[cut:]), new[:cut]) == once
    assert merged(merged(cassette, new[:cut]), new) == once, "a part of a merge, and then all of it"


def test_merging_drops_what_a_recorded_case_needs_no_more_and_nothing_of_others() -> None:
    before = cassette_text([entry("a", 1, "old"), entry("a", 2, "other"), interaction("case 1", 7, task="a")])
    after = recorded.cassette(merged(before, [entry("a", 1, "new", 9)], {"case 1": frozenset({key(1)})}))
    assert [(each.case, each.recordings) for each in after.interactions()] == [("case 1", 2), ("case 2", 1)]


def test_merging_the_same_answer_to_another_question_keeps_the_new_question() -> None:
    """A changed function of the team's asks another question under the same key: its replay compares requests."""
    before = cassette_text([interaction(request_body='{"a": 1, "b": 2}')])
    same = interaction(request_body='{"b": 2, "a": 1}', recorded_at="2027-01-01T00:00:00Z")
    assert merged(before, [same]) == before, "spelled otherwise is the same"
    other = interaction(request_body='{"a": 2}', recorded_at="2027-01-01T00:00:00Z")
    (kept,) = recorded.cassette(merged(before, [other])).interactions()
    assert (kept.request_body, kept.recordings, kept.recorded_at) == ('{"a": 2}', 1, "2026-11-21T10:00:00Z")


def test_a_cassette_that_cannot_be_read_is_not_overwritten() -> None:
    with pytest.raises(InputError, match="cannot be written anew"):
        merged("version https://git-lfs.github.com/spec/v1\n", [entry("a", 1, "new")])


def test_a_failed_append_leaves_the_journal_as_it_was(journal: Journal) -> None:
    file = journal.folder / "a/m.yaml"
    journal.append("m", [entry("a", 1, "one")])
    journal.close()
    file.write_bytes(file.read_bytes() + b'- {"torn')
    torn = file.read_bytes()
    script = """
import resource, signal, sys
from pathlib import Path
from pytest_modelroute.cassettes.journal import Journal
from tests.test_journal import entry
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder, size = Path(sys.argv[1]), int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 700, resource.RLIM_INFINITY))
journal = Journal(folder)
try:
    journal.append("m", [entry("a", 2, "x" * 2000)])
except OSError as error:
    print(error.errno, (folder / ".recording/a/m.yaml").stat().st_size == size)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.append("m", [entry("a", 3, "three")])
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(journal.folder.parent), str(len(torn))],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent.parent,
    )
    assert done.stdout.split() == [str(errno.EFBIG), "True"]
    assert set(told(journal)["a/m.yaml"]) == {key(1), key(3)}


def test_the_mode_is_that_of_the_run_that_wrote(journal: Journal) -> None:
    assert journal.mode == ""
    journal.mode = "all"
    assert Journal(journal.folder.parent).mode == "all"
    journal.clear()
    assert journal.mode == ""


# Locks.


def test_a_lock_is_held_by_one_and_left_by_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "cassettes/.recording/lock"
    path.parent.mkdir(parents=True)
    with RecordingLock(path):
        with pytest.raises(InputError, match=rf"another recorder \(process {os.getpid()}\) is at work on .*cassettes"):
            RecordingLock(path).__enter__()
        assert path.exists()
    assert not path.exists()
    path.write_text("process 1")  # whose process is gone
    with RecordingLock(path):
        assert path.read_text() == f"process {os.getpid()}"


def test_a_lock_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        RecordingLock(tmp_path / "none/lock").__enter__()


def test_a_second_recorder_is_turned_away_and_the_first_goes_on(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(slowly) as server:
        project = live_project(tmp_path, server, CASES, only="classify")
        first = forks.start(project, "--modelroute-record=new_episodes", "--modelroute-concurrency=1")
        until(lambda: len(server.answered) >= 2)
        second = forks.record(project)
        assert second.returncode == 4, second.output
        assert f"another recorder (process {first.pid}) is at work on" in second.output
        assert "Traceback" not in second.output
        done = first.wait()
    assert done.returncode == 0, done.output
    assert len(server.requests) == CASES
    assert len(interactions(project)) == CASES
    assert not (project.folder / FOLDER / "lock").exists()


def test_the_lock_of_a_killed_process_is_no_obstacle(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(slowly) as server:
        project = live_project(tmp_path, server, CASES, only="classify")
        run = forks.start(project, "--modelroute-record=new_episodes", "--modelroute-concurrency=1")
        until(lambda: len(server.answered) >= 2)
        run.signal(signal.SIGKILL)
        run.wait()
        assert (project.folder / FOLDER / "lock").exists()
        assert forks.record(project).returncode == 0
    assert not (project.folder / FOLDER / "lock").exists()


# Disks and folders that take nothing.


FULL = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))
"""


def test_a_full_disk_stops_the_recording_and_what_arrived_is_kept(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(slowly) as server:
        project = live_project(tmp_path, server, CASES, only="classify")
        done = forks.record(project, "--modelroute-concurrency=2", before=FULL.format(size=5000))
        assert done.returncode == 1, done.output
        assert "what arrives cannot be written down: File too large" in done.output
        assert "Traceback" not in done.output
        assert "INTERNALERROR" not in done.output
        asked_first = len(server.requests)
        assert asked_first < CASES, "nothing more is paid for"
        kept = interactions(project)
        assert kept
        check_files(project)
        assert forks.record(project).returncode == 0
        assert len(server.requests) - asked_first == CASES - len(kept)
    check_files(project)


def test_a_disk_that_is_full_when_the_cassette_is_written_leaves_the_old_one_and_the_journal(
    forks: Forks, tmp_path: Path
) -> None:
    with MessagesServer(slowly) as server:
        project = live_project(tmp_path, server, 30, only="classify")
        assert forks.record(project).returncode == 0
        path = project.cassette("classify", "large")
        before = path.read_bytes()
        cases = project.golden("classify")
        new = [
            {**case, "id": f"{case['id']}-b", "input": {"text": case["input"]["text"] + "0"}} for case in cases[9:12]
        ]
        project.write_golden("classify", [*cases, *new])
        done = forks.record(project, before=FULL.format(size=len(before) + 100))
        assert done.returncode == 4, done.output
        assert "cannot be written: File too large" in done.output
        assert "Traceback" not in done.output
        assert path.read_bytes() == before
        assert not list(project.folder.rglob("*.partial"))
        calls = len(server.requests)
        done = forks.record(project)
        assert done.returncode == 0, done.output
        assert len(server.requests) == calls == 33
    assert len(interactions(project)) == 33


def test_a_folder_that_cannot_be_made_is_told_before_any_call(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(slowly) as server:
        project = live_project(tmp_path, server, only="classify")
        (project.folder / "cassettes").mkdir()
        (project.folder / FOLDER).write_text("a file")
        done = forks.record(project)
        assert done.returncode == 4, done.output
        assert ".recording is not a folder" in done.output
        assert server.requests == []


def test_a_folder_that_may_not_be_written_is_told_before_any_call(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(slowly) as server:
        project = live_project(tmp_path, server, only="classify")
        folder = project.folder / "cassettes"
        folder.mkdir()
        folder.chmod(0o555)
        if os.access(folder, os.W_OK):
            pytest.skip("root may write everywhere")
        done = forks.record(project)
        folder.chmod(0o755)
        assert done.returncode == 4
        assert "cannot be written: Permission denied" in done.output
        assert server.requests == []


# Git.


@pytest.mark.parametrize("cases", [("message-002", "message-005"), ("message-003", "message-004")])
def test_branches_that_recorded_different_cases_again_merge(
    forks: Forks, tmp_path: Path, cases: tuple[str, str]
) -> None:
    answers = [slowly]
    with MessagesServer(lambda body, number: answers[-1](body, number)) as server:
        project = live_project(tmp_path, server, 6, only="classify")
        (project.folder / ".gitattributes").write_text("cassettes/** text eol=lf merge=union linguist-generated\n")
        assert forks.record(project).returncode == 0
        path, folder = project.cassette("classify", "large"), project.folder
        path.write_text(re.sub('recorded-at": ."20..', 'recorded-at": ["2001', path.read_text()))
        git(folder, "init", "-q", "-b", "main")
        git(folder, "add", ".")
        assert ".recording" not in git(folder, "ls-files")
        git(folder, "commit", "-q", "-m", "base")
        answers.append(differently)
        for branch, case in zip(("one", "two"), cases, strict=True):
            git(folder, "checkout", "-q", "-b", branch, "main")
            assert forks.record(project, "--modelroute-record=all", "-k", case).returncode == 0
            git(folder, "commit", "-q", "-a", "-m", branch)
        git(folder, "merge", "-q", "-m", "both", "one")
        done = forks.run(project)
        assert done.returncode == 0, done.output
        assert {each.case: each.recordings for each in interactions(project)} == {
            f"message-00{n}": 1 + (f"message-00{n}" in cases) for n in range(1, 7)
        }
        check_files(project)
        calls = len(server.requests)
        assert forks.record(project).returncode == 0
        assert len(server.requests) == calls
