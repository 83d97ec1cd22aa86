"""`kind: grader`: a model scores the answers, and its grades are recorded and replayed like any answer."""

from __future__ import annotations

from pathlib import Path

from .graded import Models, graded_project
from .live import Forks
from .messages_server import MessagesServer

JSON = "--modelroute-json=report.json"


def test_answers_are_recorded_then_graded_and_replayed_offline(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(Models(wrong=[2], flagged=[2])) as server:
        project = graded_project(tmp_path, server)
        done = forks.record(project, JSON)
        print(done.output)
        assert done.returncode == 0, done.output
        asked = [(body["model"], body["max_tokens"]) for body in server.requests]
        assert asked == [("small-1", 64)] * 6 + [("large-1", 200)] * 6
    done = forks.run(project, JSON)
    print(done.output)
    assert 0
