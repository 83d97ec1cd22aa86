"""`samples`: each case is recorded more than once, and is as bad as its worst answer."""

from __future__ import annotations

import json
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from .live import Forks, interactions, live_project, report
from .messages_server import MessagesServer, Reply, message
from .projects import Project

JSON = "--modelroute-json=report.json"


class Unsteady:
    """Answers the second case rightly but once in three, and all others rightly."""

    def __init__(self) -> None:
        self.wrong = {2: 1}
        self._asked: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, body: dict[str, Any], number: int) -> Reply:
        text = body["messages"][-1]["content"]
        with self._lock:
            self._asked[text] += 1
            turn = self._asked[text]
        case = int(text.rpartition(" ")[2])
        wrong = self.wrong.get(case) == turn
        return message("No idea." if wrong else f"We have received message {case}.", model=body["model"])


def sampled(folder: Path, server: MessagesServer, samples: int = 3) -> Project:
    project = live_project(folder, server, 4, only="reply")
    project.replace("    tier: small\n", f"    tier: small\n    samples: {samples}\n")
    return project


def test_each_case_is_recorded_and_judged_as_often_as_asked(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(Unsteady()) as server:
        project = sampled(tmp_path, server)
        done = forks.record(project, JSON)
        assert done.returncode == 0, done.output
        assert len(server.requests) == 12
    found = interactions(project)
    assert len({each.key for each in found}) == 12
    assert Counter((each.case, each.sample) for each in found) == Counter(
        (f"reply {n}", sample) for n in range(1, 5) for sample in range(3)
    )
    task = report(project)["reply"]
    assert (task["cases"], task["correct"], task["wrong"], task["errors"]) == (4, 3, 1, 0)
    assert task["judged"] == {"correct": 3, "wrong": 1, "errors": 0}
    assert [(each["case"], each["sample"]) for each in task["results"]] == [
        (f"reply {n}", sample) for n in range(1, 5) for sample in range(3)
    ]
    outcomes = Counter(each["outcome"] for each in task["results"] if each["case"] == "reply 2")
    assert outcomes == {"correct": 2, "wrong": 1}
    assert forks.run(project, JSON, "--modelroute-replay=vcr").returncode == 0
    assert report(project)["reply"] == task


def test_a_flaky_case_is_marked_where_it_is_shown(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(Unsteady()) as server:
        project = sampled(tmp_path, server)
        project.replace("    samples: 3\n", "    samples: 3\n    gate: {max_error: 0.01, min_cases: 1}\n")
        done = forks.record(project, JSON)
    assert done.returncode == 1
    task = report(project)["reply"]
    (wrong,) = (result for result in task["results"] if result["outcome"] == "wrong")
    assert task["samples"]["flaky"] == [wrong["case"]]
    assert f"    {wrong['case']} (sample {wrong['sample'] + 1}, flaky)  mismatch  " in done.stdout


def test_one_sample_that_is_missing_is_an_error_of_its_case(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(Unsteady()) as server:
        project = sampled(tmp_path, server)
        assert forks.record(project).returncode == 0
        path = project.cassette("reply", "small")
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(line for line in lines if '"reply 3"' not in line or 'sample": ["1"]' not in line))
        assert len(interactions(project)) == 11
        assert forks.run(project, JSON).returncode == 1
        task = report(project)["reply"]
        assert (task["correct"], task["wrong"], task["errors"]) == (2, 1, 1)
        assert forks.record(project).returncode == 0
        assert len(server.requests) == 13, "and is recorded alone"


def test_fewer_samples_leave_the_recordings_alone_and_more_are_recorded(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(Unsteady()) as server:
        project = sampled(tmp_path, server)
        assert forks.record(project).returncode == 0
        before = project.cassette("reply", "small").read_bytes()
        project.replace("samples: 3", "samples: 2")
        done = forks.record(project, JSON)
        assert done.returncode == 0, done.output
        assert "nothing to record" in done.stdout
        assert project.cassette("reply", "small").read_bytes() == before
        task = report(project)["reply"]
        assert (task["cases"], len(task["results"]), task["errors"]) == (4, 8, 0)
        project.replace("samples: 2", "samples: 4")
        done = forks.run(project, JSON)
        assert done.returncode == 1
        assert report(project)["reply"]["kinds"] == {"missing": 4, "mismatch": 1}
        assert "  first: reply 1 (sample 4): not recorded: pytest " in done.stdout
        assert "    reply 4 (sample 4)  missing  not recorded\n" in done.stdout
        done = forks.run(project, "-k", "reply and 1")
        assert "  missing: reply 1 (sample 4): not recorded\n" in done.stdout
        assert forks.record(project).returncode == 0
        assert len(server.requests) == 16
        project.replace("samples: 4", "samples: 1")
        assert forks.record(project, "--modelroute-record=all", "-k", "reply and 1").returncode == 0
        kept = Counter(each.case for each in interactions(project))
        assert kept == {"reply 1": 1, "reply 2": 4, "reply 3": 4, "reply 4": 4}, "of what was recorded anew only"


def test_other_answers_are_counted_by_sample_and_the_report_shows_it(forks: Forks, tmp_path: Path) -> None:
    unsteady = Unsteady()
    with MessagesServer(unsteady) as server:
        project = sampled(tmp_path, server)
        assert forks.record(project).returncode == 0
        unsteady.wrong = {1: 5}
        done = forks.record(project, "--modelroute-record=all", JSON)
        assert done.returncode == 0, done.output
    counts = {(each["case"], each["sample"]): each["recordings"] for each in report(project)["reply"]["results"]}
    assert Counter(counts.values()) == {1: 10, 2: 2}, "the wrong one of then, and that of now"
    assert Counter(case for (case, _), count in counts.items() if count == 2) == {"reply 1": 1, "reply 2": 1}
    assert "recorded up to 2 times with different answers" in done.stdout
    assert json.loads((project.folder / "report.json").read_text())["format"] == 1
