"""A task under another name is the same task: all else that changes is named, and the stricter of both counts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pytest_modelroute.cassettes.lines import cassette_text

from .graded import Models, graded_project, write_labels
from .guarded import Edit, acknowledge, both, by_hand, entries, golden, swap
from .interactions import read_back
from .live import Forks
from .messages_server import MessagesServer
from .projects import Project, branched, git
from .test_gate import report, task
from .test_grader_weakening import label

BASE = "--modelroute-base=main"


def renamed(old: str = "classify", new: str = "sort") -> Edit:
    """The task under another name, with its recordings."""

    def edit(project: Project) -> None:
        project.replace(f"  {old}:\n", f"  {new}:\n")
        for folder in ("cassettes", "audits"):
            for path in (project.folder / folder).glob(f"{old}*"):
                path.rename(path.with_name(path.name.replace(old, new)))

    return edit


def kinds(read: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(change["kind"], change["task"]) for change in read["changes"]]


def test_a_task_that_is_renamed_loosened_and_moved_down_is_held_to_what_it_was(repository: Project) -> None:
    renamed()(repository)
    repository.move("sort", "nano")
    repository.replace("fields: [label]}\n", "fields: [label]}\n    gate: {max_error: 0.5}\n")
    done = repository.pytest("--modelroute", BASE)
    assert done.returncode == 1
    read = report(repository, BASE, status=1)
    assert kinds(read) == [
        ("task_removed", "classify"),
        ("task_renamed", "sort"),
        ("downgrade", "sort"),
        ("threshold_raised", "sort"),
    ]
    found = task(read, "sort")
    assert (found["verdict"], found["strict"], found["threshold"]) == ("fail", True, 0.08)
    assert (found["paired"]["tier"], found["paired"]["cases"], len(found["paired"]["broke"])) == ("large", 120, 27)
    acknowledge(repository, entries(done.stdout))
    read = report(repository, BASE, status=1)
    assert [change["acknowledged"] is not None for change in read["changes"]] == [True, False, False, True]
    found = task(read, "sort")
    assert "30 wrong of 120: 25 % (18.6-32.3 %), at most 8 % allowed" in found["reasons"]
    assert any("the stricter of base and head counts" in reason for reason in found["reasons"])


def test_a_name_alone_costs_the_entry_for_those_who_ask_by_the_old_one(repository: Project) -> None:
    renamed()(repository)
    done = repository.pytest("--modelroute", BASE)
    assert done.returncode == 1
    (entry,) = entries(done.stdout)
    assert entry == "- {kind: task_removed, task: classify, from: large, to: large, reason: '...'}"
    acknowledge(repository, [entry])
    read = report(repository, BASE, status=0)
    assert kinds(read) == [("task_removed", "classify"), ("task_renamed", "sort")]
    (_, change) = read["changes"]
    assert (change["from"], change["to"], change["where"]) == ("classify", "sort", "modelroute.yaml:10")
    assert task(read, "sort")["strict"] is False


def asked_otherwise(project: Project) -> None:
    """Other cases, with the same prompt."""
    project.write_golden(
        "classify", [{**case, "input": {"text": f"new {case['id']}"}} for case in project.golden("classify")]
    )


def prompt_too(project: Project) -> None:
    project.replace("Classify the message.", "Sort the message.", "prompts/classify.yaml")


LIKE: dict[str, tuple[Edit, list[str]]] = {
    "another prompt": (prompt_too, ["prompt_changed"]),
    "other expectations": (
        golden(lambda cases: [{**case, "expected": {"label": "other"}} for case in cases]),
        ["golden_changed"],
    ),
    "a few cases of it, and another prompt": (
        both(prompt_too, golden(lambda cases: cases[:5])),
        ["prompt_changed", "golden_removed"],
    ),
    "many cases more, and another prompt": (
        both(
            prompt_too,
            golden(lambda cases: cases + [{**cases[0], "id": f"n{n}", "input": {"text": f"n{n}"}} for n in range(200)]),
        ),
        ["prompt_changed"],
    ),
    "other cases": (asked_otherwise, ["golden_changed"]),
    "no cases": (swap("    golden: golden/classify.jsonl\n", ""), ["golden_removed"]),
    "an edited recording": (
        lambda project: edited(project.folder / "cassettes/sort/nano-1.yaml"),
        ["recording_edited"],
    ),
}


def edited(path: Path) -> None:
    first, *others = read_back(path)
    path.write_text(cassette_text([by_hand(first), *others]))


@pytest.mark.parametrize(("edit", "changes"), LIKE.values(), ids=LIKE)
def test_a_renamed_task_is_known_by_its_cases_or_its_prompt(
    repository: Project, edit: Edit, changes: list[str]
) -> None:
    both(renamed(), edit)(repository)
    read = report(repository, BASE, status=1)
    assert kinds(read) == [
        ("task_removed", "classify"),
        ("task_renamed", "sort"),
        *((kind, "sort") for kind in changes),
    ]


def test_another_task_is_new(repository: Project) -> None:
    both(renamed(), asked_otherwise, prompt_too)(repository)
    assert kinds(report(repository, BASE, status=1)) == [("task_removed", "classify"), ("task_added", "sort")]


def test_of_several_each_is_matched_with_its_own(repository: Project) -> None:
    both(renamed("classify", "one"), renamed("reply", "two"))(repository)
    repository.move("one", "nano")
    found = kinds(report(repository, BASE, status=1))
    assert sorted(found) == [
        ("downgrade", "one"),
        ("task_removed", "classify"),
        ("task_removed", "reply"),
        ("task_renamed", "one"),
        ("task_renamed", "two"),
    ]


def test_a_copy_beside_the_task_is_new(repository: Project) -> None:
    text = repository.registry.read_text()
    copied = re.search(r"  classify:\n(    .*\n)+", text)
    assert copied is not None
    repository.registry.write_text(text + copied[0].replace("classify:", "sort:", 1))
    assert kinds(report(repository, BASE, status=1)) == [("task_added", "sort")]


def test_entries_of_the_past_may_be_renamed_too(repository: Project) -> None:
    repository.replace("fields: [label]}\n", "fields: [label]}\n    gate: {max_error: 0.5}\n")
    line = "- {kind: threshold_raised, task: classify, from: 0.08, to: 0.5, reason: agreed with the desk}"
    acknowledge(repository, [line])
    git(repository.folder, "commit", "-q", "-a", "-m", "loosened")
    git(repository.folder, "branch", "-f", "main")
    renamed()(repository)
    repository.replace("task: classify", "task: sort")
    acknowledge(repository, entries(repository.pytest("--modelroute", BASE).stdout))
    assert report(repository, BASE, status=0)["changes"][0]["acknowledged"] is not None


@pytest.mark.parametrize("flipped", [False, True])
def test_an_audit_goes_along(forks: Forks, tmp_path: Path, flipped: bool) -> None:
    with MessagesServer(Models()) as server:
        project = graded_project(tmp_path, server, gate="min_cases: 2")
        assert forks.record(project).returncode == 0
    write_labels(project, [label(1, False), label(2, True)])
    branched(project)
    if flipped:
        write_labels(project, [label(1, True), label(2, True)])
    renamed("reply", "answer")(project)
    found = [("audit_changed", "answer")] if flipped else []
    read = report(project, BASE, status=1)
    assert kinds(read) == [("task_removed", "reply"), ("task_renamed", "answer"), *found]
