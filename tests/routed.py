"""A project for the router: a registry with prompts and schemas, and a server that says what a test decides."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytest_modelroute.routing.decision_log import read_decisions
from pytest_modelroute.routing.decisions import Decision

from .messages_server import MessagesServer, Reply, message
from .projects import Project, write_project

__all__ = ["Says", "decisions", "labelled", "routed_project", "served"]

Says = Callable[[dict[str, Any], int], Reply]


def labelled(label: str = "refund", confidence: float | None = 0.9, **changes: Any) -> Reply:
    """An answer as `classify` wants it."""
    return message(json.dumps({"label": label, "confidence": confidence}), **changes)


def routed_project(folder: Path, url: str) -> Project:
    """Without what only the gate needs; the log keeps everything."""
    project = write_project(folder / "project", url)
    shutil.rmtree(project.folder / "golden")
    project.replace("tasks:\n", "log: {path: log/calls.jsonl, inputs: full}\ntasks:\n")
    project.move("classify", "nano")
    return project


@contextmanager
def served(folder: Path, says: Says) -> Iterator[tuple[Project, MessagesServer]]:
    """The project, and the server that all its tiers go to."""
    with MessagesServer(says) as server:
        yield routed_project(folder, server.url), server


def decisions(project: Project) -> tuple[Decision, ...]:
    """All that was logged; no line may be broken."""
    found, skipped = read_decisions(project.folder / "log/calls.jsonl")
    assert skipped == 0
    return found
