"""A grader and its audit are part of the gate: what loosens either is a change that fails until it is acknowledged."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_modelroute.evaluation.audits import judged_answer
from pytest_modelroute.evaluation.golden import GoldenCase

from .graded import Models, graded_project, verdict, write_labels
from .guarded import acknowledge, entries
from .live import Forks
from .messages_server import MessagesServer, Reply
from .projects import Project, branched, git
from .test_gate import report, task


def label(case: int, correct: bool, tier: str = "small", **more: Any) -> dict[str, Any]:
    """A label of what a tier answers to a case."""
    text = f"message {case}"
    asked = GoldenCase(f"reply {case}", {"text": text}, text, (), 1)
    told = {"case": asked.id, "answer": judged_answer(asked, f"Received {case}, {tier}-1."), "tier": tier}
    return {**told, "correct": correct, "by": "somebody", "at": "2026-11-22T10:00:00Z", **more}


def former(case: int, correct: bool) -> dict[str, Any]:
    """A label of what was recorded once."""
    return {**label(case, correct), "answer": f"sha256:{case:064}"}


@pytest.fixture(scope="module")
def labelled(forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> Project:
    with MessagesServer(Models()) as server:
        project = graded_project(tmp_path_factory.mktemp("labelled"), server, gate="min_cases: 2")
        done = forks.record(project, "--modelroute-record-tiers=nano")
        assert done.returncode == 0, done.output
    write_labels(project, [label(1, False), label(2, True), former(3, False)])
    return branched(project)


@pytest.fixture
def graded(labelled: Project, tmp_path: Path) -> Project:
    return labelled.copied(tmp_path / "project")


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
    "all labels": (
        relabel(),
        [("audit_changed", {"reply 1": False, "reply 2": True}, {"reply 1": None, "reply 2": None})],
    ),
    "another label": (
        relabel(label(1, False), label(2, True), label(3, True)),
        [("audit_changed", None, {"reply 3": True})],
    ),
    "labels of another tier's answers": (
        relabel(label(1, False), label(2, True), label(1, True, "nano"), label(2, True, "nano")),
        [("audit_changed", None, {"reply 1": True, "reply 2": True})],
    ),
    "one more label of a former answer": (
        relabel(label(1, False), label(2, True), former(3, False), former(4, True)),
        [("audit_changed", None, {"reply 4": True})],
    ),
    "a label for a label": (
        relabel(label(2, True), label(1, True, "nano")),
        [("audit_changed", ..., ...)],
    ),
    "a former answer's label that is gone": (relabel(label(1, False), label(2, True)), []),
    "a comment in the rubric": (rubric("system:", "# milder?\nsystem:"), []),
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


BASE = "--modelroute-base=main"
ALL = range(1, 7)


@pytest.fixture(scope="module")
def unlabelled(forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A task whose grader flags all that nano says, and all but one of what small says; nobody has labelled it."""

    def models(body: dict[str, Any], number: int) -> Reply:
        text = body["messages"][-1]["content"]
        if not text.startswith("Grade"):
            return Models()(body, number)
        return verdict("nano" not in text and "message 1\n" not in text, model=body["model"])

    with MessagesServer(models) as server:
        project = graded_project(tmp_path_factory.mktemp("unlabelled"), server, gate="min_cases: 2, max_error: 0.5")
        done = forks.record(project, "--modelroute-record-tiers=nano")
        assert done.returncode == 0, done.output
    return branched(project)


@pytest.fixture
def doubted(unlabelled: Project, tmp_path: Path) -> Project:
    return unlabelled.copied(tmp_path / "project")


def commit(project: Project, branch: str) -> None:
    git(project.folder, "add", ".")
    git(project.folder, "commit", "-q", "-m", branch)
    git(project.folder, "branch", "-f", branch)


def test_a_first_audit_beside_a_downgrade_has_to_be_acknowledged(doubted: Project) -> None:
    doubted.move("reply", "nano")
    assert task(report(doubted, BASE, status=1), "reply")["verdict"] == "fail"
    write_labels(doubted, [label(case, True, "nano") for case in ALL])
    done = doubted.pytest("--modelroute", BASE)
    assert done.returncode == 1
    assert "audit changed: new: " in done.stdout
    assert "and nobody acknowledged it" in done.stdout
    (entry,) = entries(done.stdout)
    assert entry.startswith("- {kind: audit_changed, task: reply, from: null, to: {")
    acknowledge(doubted, [entry])
    found = task(report(doubted, BASE, status=0), "reply")
    assert (found["verdict"], found["strict"], found["grader"]["audited"]) == ("pass", True, True)


def test_an_audit_in_a_change_of_its_own_costs_one_entry_and_the_next_change_none(doubted: Project) -> None:
    write_labels(doubted, [label(case, True, tier) for case in ALL for tier in ("nano", "small")])
    done = doubted.pytest("--modelroute", BASE)
    assert done.returncode == 1
    (entry,) = entries(done.stdout)
    assert re.search("from: null, to: '12 labels, sha256:[0-9a-f]{12}'", entry)
    acknowledge(doubted, [entry])
    assert report(doubted, BASE, status=0)["changes"][0]["acknowledged"] is not None
    commit(doubted, "main")
    doubted.move("reply", "nano")
    (change,) = report(doubted, BASE, status=0)["changes"]
    assert change["kind"] == "downgrade"


def test_the_base_s_word_on_an_answer_counts_beside_a_move(doubted: Project) -> None:
    write_labels(doubted, [label(case, False, "nano") for case in ALL])
    commit(doubted, "main")
    write_labels(doubted, [label(case, True, "nano") for case in ALL])
    doubted.move("reply", "nano")
    acknowledge(doubted, entries(doubted.pytest("--modelroute", BASE).stdout))
    found = task(report(doubted, BASE, status=1), "reply")
    assert found["verdict"] == "fail"
    assert any(each.startswith("by the base's labels: 6 wrong of 6") for each in found["reasons"]), found["reasons"]
    doubted.move("reply", "small")
    assert report(doubted, BASE, status=0)["changes"][0]["acknowledged"] is not None


def test_a_task_that_is_graded_and_labelled_at_once_names_both(doubted: Project) -> None:
    text = doubted.registry.read_text()
    doubted.registry.write_text(re.sub(r"score: \{kind: grader.*\}", "score: {kind: contains}", text))
    commit(doubted, "main")
    doubted.registry.write_text(text)
    write_labels(doubted, [label(case, True) for case in ALL])
    changes = report(doubted, BASE, status=1)["changes"]
    assert [change["kind"] for change in changes] == ["scorer_changed", "audit_changed"]
