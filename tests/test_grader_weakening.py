"""A grader and its audit are part of the gate: what loosens either is a change that fails until it is acknowledged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .graded import Models, graded_project, write_labels
from .live import Forks
from .messages_server import MessagesServer
from .projects import Project, git
from .test_gate import report


def label(case: int, correct: bool, **more: Any) -> dict[str, Any]:
    told = {"case": f"reply {case}", "answer": f"sha256:{case}", "tier": "small", "correct": correct}
    return {**told, "by": "somebody", "at": "2026-11-22T10:00:00Z", **more}


@pytest.fixture
def graded(forks: Forks, tmp_path: Path) -> Project:
    with MessagesServer(Models()) as server:
        project = graded_project(tmp_path, server, gate="min_cases: 2")
        done = forks.record(project)
        assert done.returncode == 0, done.output
    write_labels(project, [label(1, False), label(2, True)])
    git(project.folder, "init", "-q", "-b", "main")
    git(project.folder, "add", ".")
    git(project.folder, "commit", "-q", "-m", "base")
    git(project.folder, "checkout", "-q", "-b", "change")
    return project


def relabel(*labels: dict[str, Any]) -> Callable[[Project], None]:
    return lambda project: write_labels(project, labels)


def rubric(old: str, new: str) -> Callable[[Project], None]:
    return lambda project: project.replace(old, new, "prompts/rubric.yaml")


EDITS: dict[str, tuple[Callable[[Project], None], list[tuple[str, Any, Any]]]] = {
    "a milder rubric": (rubric("Judge the reply.", "Praise the reply."), [("scorer_changed", ..., ...)]),
    "another grader": (
        lambda project: project.replace("kind: grader, tier: large", "kind: grader, tier: nano"),
        [("scorer_changed", ..., ...)],
    ),
    "a grader that may grade itself": (
        lambda project: project.replace("kind: grader, ", "kind: grader, self_grading: allow, "),
        [("scorer_changed", ..., ...)],
    ),
    "a label that says the opposite": (
        relabel(label(1, True), label(2, True)),
        [("audit_changed", {"reply 1": False}, {"reply 1": True})],
    ),
    "a label that is gone": (relabel(label(2, True)), [("audit_changed", {"reply 1": False}, {"reply 1": None})]),
    "a comment in the rubric": (rubric("system:", "# milder?\nsystem:"), []),
    "another label": (relabel(label(1, False), label(2, True), label(3, True)), []),
    "labels in another order, with a note": (relabel(label(2, True, note="fine"), label(1, False)), []),
}


@pytest.mark.parametrize(("edit", "changes"), EDITS.values(), ids=EDITS)
def test_a_loosened_grader_or_audit_is_a_change_that_fails(
    graded: Project, edit: Callable[[Project], None], changes: list[tuple[str, Any, Any]]
) -> None:
    edit(graded)
    read = report(graded, "--modelroute-base=main", status=1 if changes else 0)
    assert [change["kind"] for change in read["changes"]] == [kind for kind, _, _ in changes]
    for found, (_, old, new) in zip(read["changes"], changes, strict=True):
        assert found["acknowledged"] is None
        if old is not ...:
            assert (found["from"], found["to"]) == (old, new)
        assert found["from"] != found["to"]


def test_an_acknowledged_label_may_say_the_opposite(graded: Project) -> None:
    write_labels(graded, [label(1, True), label(2, True)])
    with graded.registry.open("a") as file:
        entry = (
            "{kind: audit_changed, task: reply, from: {reply 1: false}, to: {reply 1: true}, reason: 'read it again'}"
        )
        file.write(f"acknowledged:\n  - {entry}\n")
    read = report(graded, "--modelroute-base=main", status=0)
    assert read["changes"][0]["acknowledged"]["reason"] == "read it again"
