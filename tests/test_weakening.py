"""A change cannot quietly weaken its own gate: edits to real repositories, with and without an acknowledgement."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from pytest_modelroute.cassettes.replay import Recordings
from pytest_modelroute.evaluation.project import Project as LoadedProject
from pytest_modelroute.evaluation.project import load_baseline, load_project
from pytest_modelroute.evaluation.weakening import all_changes
from pytest_modelroute.registry.base import CommitFiles
from pytest_modelroute.registry.catalogue import Failure, Output, Reasoning, Traits
from pytest_modelroute.registry.changes import ChangeKind
from pytest_modelroute.registry.files import WorkingTree
from pytest_modelroute.registry.loading import load_registry
from pytest_modelroute.reporting.weakened import hardened

from .guarded import HARMLESS, LOOSENING, Edit, acknowledge, by_hand, entries, golden, guard, recorded, swap
from .projects import Project, git
from .test_gate import report, task
from .trees import TIERS, load

BASE = "--modelroute-base=main"


@pytest.fixture(scope="module")
def promising(template: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return guard(template.copied(tmp_path_factory.mktemp("promising") / "project"))


@pytest.fixture
def guarded(promising: Project, tmp_path: Path) -> Project:
    return promising.copied(tmp_path / "project")


def kinds(read: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(change["kind"], change["task"]) for change in read["changes"]]


def test_of_files_that_did_not_change_none_is_read(repository: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    git(repository.folder, "mv", "prompts", "texts")  # the base's own name is not on disk any more
    for name in ("classify", "reply"):
        repository.replace(f"prompts/{name}", f"texts/{name}")
    recorded("reply", "small", by_hand)(repository)
    files, path = WorkingTree(repository.folder), PurePosixPath("modelroute.yaml")
    base_files = CommitFiles(repository.folder, "main")
    head, base = load_registry(files, path), load_registry(base_files, path)
    project = load_project(files, head, repository.folder)
    baseline = load_baseline(base_files, base, project, repository.folder)
    opened: list[str] = []
    read = CommitFiles.read

    def noted(self: CommitFiles, path: PurePosixPath, limit: int | None = None) -> bytes:
        content = read(self, path, limit)
        opened.append(str(path))
        return content

    monkeypatch.setattr(CommitFiles, "read", noted)
    found = all_changes(base_files, baseline, files, head, project)
    assert [change.kind for change in found] == [ChangeKind.RECORDING_EDITED]
    assert opened == ["cassettes/reply/small-1.yaml"]
    project.recordings.close()


def test_the_base_itself_is_green(guarded: Project) -> None:
    assert report(guarded, BASE, status=0)["changes"] == []


# What a change was, what it is, and where.
NAMED: dict[str, tuple[Any, Any, str]] = {
    "a case that goes": ("message-001", None, "golden/classify.jsonl"),
    "an expectation": (
        {"message-001": {"label": "shipping"}},
        {"message-001": {"label": "other"}},
        "golden/classify.jsonl:1",
    ),
    "fences": ({"fenced": "reject"}, {"fenced": "allow"}, "modelroute.yaml:15"),
    "a default threshold": (0.1, 0.2, "modelroute.yaml:8"),
    "a trait": ({"failure": "costly"}, {"failure": "cheap"}, "modelroute.yaml:27"),
    "all traits": ({"output": "long", "failure": "costly", "reasoning": "single"}, None, "modelroute.yaml:25"),
    "a tier that goes": ("nano", None, "modelroute.yaml:2"),
    "the dataset": ("golden/reply.jsonl", None, "modelroute.yaml:19"),
}

# Content is named by its digest, so that a further edit has another: where it is.
DIGESTED = {
    "a schema": "schemas/classify.json",
    "no schema": "modelroute.yaml:15",
    "a scorer's code": "own_scorers.py",
    "an option of a scorer": "modelroute.yaml:16",
    "many cases that go": "golden/classify.jsonl",
    "a recording": "cassettes/reply/small-1.yaml:58",
}

# Changes of every kind that pass once they are acknowledged; those of one list are made together.
MERGED = [
    ["a threshold", "the minimum of cases", "the margin", "fences", "a recording", "a tier that goes", "the kind"],
    ["the rule", "a case that goes", "a schema", "a scorer's code", "an option of a scorer", "a task that goes"],
    ["a default threshold", "an expectation", "the prompt", "the default tier", "a trait"],
]


@pytest.mark.parametrize("name", LOOSENING)
def test_what_loosens_a_gate_fails_until_that_very_change_is_acknowledged(guarded: Project, name: str) -> None:
    edit, changes, status = LOOSENING[name]
    edit(guarded)
    done = guarded.pytest("--modelroute", BASE, "--modelroute-json=report.json")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "nobody acknowledged it" in done.stdout
    read = json.loads((guarded.folder / "report.json").read_text())
    assert kinds(read) == changes
    assert [change["acknowledged"] for change in read["changes"]] == [None] * len(changes)
    if name in NAMED:
        (change,) = read["changes"]
        assert (change["from"], change["to"], change["where"]) == NAMED[name]
    if name in DIGESTED:
        (change,) = read["changes"]
        assert change["where"] == DIGESTED[name]
        assert "sha256:" in str(change["from"])
        assert change["from"] != change["to"]
    lines = entries(done.stdout)
    assert len(lines) == len(changes)
    acknowledge(guarded, lines)
    read = report(guarded, BASE, status=status)
    assert kinds(read) == changes
    assert [change["acknowledged"]["reason"] for change in read["changes"]] == ["agreed with the desk"] * len(changes)


@pytest.mark.parametrize("names", MERGED)
def test_what_was_acknowledged_and_merged_blocks_no_further_change(guarded: Project, names: Sequence[str]) -> None:
    for name in names:
        LOOSENING[name][0](guarded)
    acknowledge(guarded, entries(guarded.pytest("--modelroute", BASE).stdout))
    made = [change for name in names for change in LOOSENING[name][1]]
    assert sorted(map(str, kinds(report(guarded, BASE, status=0)))) == sorted(map(str, made))
    git(guarded.folder, "add", ".")
    git(guarded.folder, "commit", "-q", "-m", "loosened")
    git(guarded.folder, "branch", "-f", "main")
    assert report(guarded, BASE, status=0)["changes"] == []


@pytest.mark.parametrize("edits", HARMLESS, ids=", ".join)
def test_what_takes_nothing_from_a_gate_is_no_change(guarded: Project, edits: Mapping[str, Edit]) -> None:
    for edit in edits.values():
        edit(guarded)
    assert report(guarded, BASE, status=0)["changes"] == []


@pytest.mark.parametrize("name", ["a threshold", "a task that goes"])
def test_the_same_under_xdist_and_under_any_selection(guarded: Project, name: str) -> None:
    edit, _, status = LOOSENING[name]
    edit(guarded)
    for arguments in (("-n", "2"), ("-k", "message-001"), ("-n", "2", "-m", "nothing")):
        done = guarded.pytest("--modelroute", BASE, *arguments)
        assert done.returncode == 1, done.stdout + done.stderr
        assert "nobody acknowledged it" in done.stdout.partition("model routing")[0]
        assert "FAILED modelroute.yaml::" in done.stdout.partition("short test summary info")[2]
    acknowledge(guarded, entries(done.stdout))
    assert guarded.pytest("--modelroute", BASE, "-n", "2").returncode == status


@pytest.mark.parametrize("arguments", [["--deselect", "modelroute.yaml::gate"], ["modelroute.yaml::classify"]])
def test_the_registry_s_gate_cannot_be_left_out(guarded: Project, arguments: list[str]) -> None:
    LOOSENING["a task that goes"][0](guarded)
    done = guarded.pytest("--modelroute", BASE, *arguments)
    assert done.returncode == 1
    assert "draft_email: task removed, from large it falls to large (modelroute.yaml), and nobody" in done.stdout


def test_a_loosened_gate_cannot_be_left_out(guarded: Project) -> None:
    LOOSENING["a threshold"][0](guarded)
    done = guarded.pytest("--modelroute", BASE, "--deselect", "modelroute.yaml::reply::gate")
    assert done.returncode == 1
    assert "its gate is loosened against the base and did not run: the session fails" in done.stdout


def test_the_reason_names_the_place_old_and_new(guarded: Project) -> None:
    LOOSENING["a threshold"][0](guarded)
    found = task(report(guarded, BASE, status=1), "reply")
    assert found["reasons"][0] == "threshold raised from 0.08 to 0.5 (modelroute.yaml:24), and nobody acknowledged it"
    assert found["threshold"] == 0.08  # the stricter of both
    assert found["strict"] is True
    assert found["way_out"] == (
        "put `max_error: 0.08` back at modelroute.yaml:24; or put under `acknowledged:` in modelroute.yaml, with a"
        " reason:\n  - {kind: threshold_raised, task: reply, from: 0.08, to: 0.5, reason: '...'}"
    )


def test_several_cases_that_go_are_named(guarded: Project) -> None:
    golden(lambda cases: cases[2:])(guarded)
    (change,) = report(guarded, BASE, status=1)["changes"]
    assert (change["from"], change["to"]) == (["message-001", "message-002"], None)
    assert change["where"] == "golden/classify.jsonl"


def test_an_acknowledged_removal_does_not_cover_a_further_one(guarded: Project) -> None:
    golden(lambda cases: cases[1:])(guarded)
    acknowledge(guarded, entries(guarded.pytest("--modelroute", BASE).stdout))
    assert guarded.pytest("--modelroute", BASE).returncode == 0
    golden(lambda cases: cases[1:])(guarded)
    done = guarded.pytest("--modelroute", BASE)
    assert done.returncode == 4
    assert "acknowledged: nothing changes against the base as this entry says (golden_removed)" in done.stderr
    assert "- {kind: golden_removed, task: classify, from: [message-001, message-002], to: null" in done.stderr


def test_an_entry_of_the_base_is_history_and_covers_nothing(guarded: Project) -> None:
    edit = LOOSENING["a threshold"][0]
    edit(guarded)
    lines = entries(guarded.pytest("--modelroute", BASE).stdout)
    acknowledge(guarded, lines)
    for message, old, new in (("loosened", "", ""), ("put back", "0.5, min", "0.08, min")):
        guarded.replace(old, new)
        git(guarded.folder, "commit", "-q", "-a", "-m", message)
        git(guarded.folder, "branch", "-f", "main")
    edit(guarded)
    assert guarded.pytest("--modelroute", BASE).returncode == 1
    acknowledge(guarded, lines)  # written once more
    assert guarded.pytest("--modelroute", BASE).returncode == 0


ENTRIES = {
    "a placeholder": ("kind: threshold_raised, task: reply, from: 0.08, to: 0.5, reason: TODO", '"TODO" is no reason'),
    "two words": ("kind: threshold_raised, task: reply, from: 0.08, to: 0.5, reason: as agreed", "is no reason"),
    "no reason in a sentence": (
        "kind: threshold_raised, task: reply, from: 0.08, to: 0.5, reason: 'tbd: to be told later'",
        "is no reason",
    ),
    "as it is printed": ("kind: threshold_raised, task: reply, from: 0.08, to: 0.5, reason: '...'", "is no reason"),
    "another task": (
        "kind: threshold_raised, task: classify, from: 0.08, to: 0.5, reason: agreed with the desk",
        "- {kind: threshold_raised, task: reply, from: 0.08, to: 0.5, reason: '...'}",
    ),
    "another number": (
        "kind: threshold_raised, task: reply, from: 0.08, to: 0.6, reason: agreed with the desk",
        "- {kind: threshold_raised, task: reply, from: 0.08, to: 0.5, reason: '...'}",
    ),
    "a kind that is none": ("kind: raised, task: reply, from: 0.08, to: 0.5, reason: agreed with us", "(raised)"),
}


@pytest.mark.parametrize(("entry", "told"), ENTRIES.values(), ids=ENTRIES)
def test_a_new_entry_must_name_a_change_and_a_reason(guarded: Project, entry: str, told: str) -> None:
    LOOSENING["a threshold"][0](guarded)
    acknowledge(guarded, [f"- {{{entry}}}"], reason="...")
    done = guarded.pytest("--modelroute", BASE)
    assert done.returncode == 4
    assert "modelroute.yaml:29: acknowledged:" in done.stderr
    assert told in done.stderr


def test_without_a_base_no_entry_is_checked(guarded: Project) -> None:
    acknowledge(guarded, [f"- {{{ENTRIES['another task'][0]}}}"])
    assert guarded.pytest("--modelroute").returncode == 0


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("agreed with the desk, see 512", "acknowledged.0: unknown key 'see 512'"),
        ("agreed: see 512", "broken YAML: while parsing a flow mapping"),
        ("agreed with the desk #512", "broken YAML: while parsing a flow mapping"),
    ],
)
def test_a_reason_that_needs_quotes_is_told_so(guarded: Project, reason: str, told: str) -> None:
    LOOSENING["a threshold"][0](guarded)
    acknowledge(guarded, entries(guarded.pytest("--modelroute", BASE).stdout))
    guarded.replace("reason: 'agreed with the desk'", f"reason: {reason}")
    done = guarded.pytest("--modelroute", BASE)
    assert (done.returncode, told in done.stderr) == (4, True), done.stderr
    assert "fix: put a text that holds , : # { or } in quotes: inside of { } these end it" in done.stderr


def test_an_entry_where_nothing_changes_says_so(guarded: Project) -> None:
    acknowledge(guarded, ["- {kind: upgrade, task: reply, from: a, to: b, reason: agreed with the desk}"])
    done = guarded.pytest("--modelroute", BASE)
    assert done.returncode == 4
    assert "no entry at all: nothing changes against the base" in done.stderr


@pytest.mark.parametrize("reason", ["対応が不要なため緩和する", "Grenzwert zu streng, siehe Ticket 12"])
def test_a_reason_may_be_in_any_language(guarded: Project, reason: str) -> None:
    LOOSENING["a threshold"][0](guarded)
    acknowledge(guarded, entries(guarded.pytest("--modelroute", BASE).stdout), reason)
    done = guarded.pytest("--modelroute", BASE)
    assert done.returncode == 0, done.stderr
    assert f"threshold raised: reply (0.08 -> 0.5), acknowledged: {reason}" in done.stdout


def bad_cases(cases: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that nano gets right."""
    return [case for case in cases if int(case["id"][-3:]) % 4]


def as_nano_says(cases: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    labels = ("refund", "shipping", "other")
    numbered = [(int(case["id"][-3:]), case) for case in cases]
    return [{**case, "expected": {"label": labels[(n + (n % 4 == 0)) % 3]}} for n, case in numbered]


LAUNDERING: dict[str, Edit] = {
    "the threshold": swap("{rule: certified", "{max_error: 0.5, rule: certified"),
    "the cases": golden(bad_cases),
    "the expectations": golden(as_nano_says),
    "the scorer": swap("fields: [label]", "fields: [confidence]"),
}


@pytest.mark.parametrize("name", LAUNDERING)
def test_no_acknowledgement_turns_a_bad_downgrade_green(guarded: Project, name: str) -> None:
    guarded.move("classify", "nano")
    LAUNDERING[name](guarded)
    if name == "the scorer":
        golden(lambda cases: [{**case, "expected": {**case["expected"], "confidence": 0.9}} for case in cases])(guarded)
    lines = entries(guarded.pytest("--modelroute", BASE).stdout)
    acknowledge(guarded, lines)
    read = report(guarded, BASE, status=1)
    found = task(read, "classify")
    assert (found["verdict"], found["strict"]) == ("fail", True)
    assert any("30 wrong of 120" in reason for reason in found["reasons"])
    assert "the stricter of base and head counts" in " ".join(found["reasons"])
    assert all(change["acknowledged"] for change in read["changes"] if change["kind"] != "downgrade")


def test_a_hand_made_recording_never_proves_a_move(guarded: Project) -> None:
    guarded.move("reply", "nano")
    recorded("reply", "nano", by_hand)(guarded)
    acknowledge(guarded, entries(guarded.pytest("--modelroute", BASE).stdout))
    found = task(report(guarded, BASE, status=1), "reply")
    assert any("no edit proves that it works" in reason for reason in found["reasons"])


def test_a_case_that_cannot_be_asked_any_more_is_an_error_beside_a_move(guarded: Project) -> None:
    guarded.move("classify", "small")
    first = guarded.golden("classify")[0]
    golden(lambda cases: cases[1:])(guarded)
    path = guarded.cassette("classify", "small")
    path.write_text("".join(line for line in path.read_text().splitlines(True) if f'["{first["id"]}"]' not in line))
    acknowledge(guarded, entries(guarded.pytest("--modelroute", BASE).stdout))
    found = task(report(guarded, BASE, status=1), "classify")
    assert found["verdict"] == "error"
    assert "on the base's cases as they were: 1 of 120 cases has no answer that could be scored" in found["reasons"]
    assert found["way_out"].endswith("put message-001 back in golden/classify.jsonl, or make two changes of it")


def test_a_wrong_label_can_be_mended_with_an_acknowledgement(guarded: Project) -> None:
    wrong = golden(lambda cases: [{**case, "expected": {"label": "nothing"}} for case in cases[:20]] + cases[20:])
    right = guarded.golden("classify")
    wrong(guarded)
    git(guarded.folder, "commit", "-q", "-a", "-m", "twenty wrong labels")
    git(guarded.folder, "branch", "-f", "main")
    guarded.write_golden("classify", right)
    done = guarded.pytest("--modelroute", BASE)
    assert done.returncode == 1
    assert "on the base's cases as they were: 23 wrong of 120" in done.stdout
    acknowledge(guarded, entries(done.stdout))
    found = task(report(guarded, BASE, status=0), "classify")
    assert (found["verdict"], found["strict"]) == ("pass", False)


def test_fewer_samples_are_a_weakening(guarded: Project) -> None:
    guarded.replace("    prompt: prompts/reply.yaml\n", "    prompt: prompts/reply.yaml\n    samples: 2\n")
    git(guarded.folder, "commit", "-q", "-a", "-m", "two samples, which nobody recorded")
    git(guarded.folder, "branch", "-f", "main")
    guarded.replace("    samples: 2\n", "")
    read = report(guarded, BASE, status=1)
    (change,) = read["changes"]
    assert (change["kind"], change["from"], change["to"]) == ("samples_lowered", 2, 1)
    assert task(read, "reply")["verdict"] == "error"  # the base's second sample is not there
    acknowledge(guarded, entries(guarded.pytest("--modelroute", BASE).stdout))
    assert task(report(guarded, BASE, status=0), "reply")["verdict"] == "pass"


def test_a_try_is_no_change_against_the_base_and_matches_no_entry(guarded: Project) -> None:
    entry = "- {kind: downgrade, task: classify, from: large, to: small, reason: agreed with the desk}"
    acknowledge(guarded, [entry])
    done = guarded.pytest("--modelroute", BASE, "--modelroute-try=classify=small")
    assert done.returncode == 4
    assert "nothing changes against the base as this entry says (downgrade)" in done.stderr


def test_a_default_tier_may_move_up_without_a_word(guarded: Project) -> None:
    guarded.replace("default_tier: large", "default_tier: small")
    git(guarded.folder, "commit", "-q", "-a", "-m", "small")
    git(guarded.folder, "branch", "-f", "main")
    guarded.replace("default_tier: small", "default_tier: large")
    assert kinds(report(guarded, BASE, status=0)) == [("default_tier_changed", None)]


def test_the_stricter_of_two_tasks_has_the_objections_of_both(tmp_path: Path) -> None:
    gated = "tasks:\n  a: {tier: haiku, golden: g.jsonl, prompt: p.yaml, gate: {GATE}, traits: {TRAITS}}\n"
    states = [
        ("max_error: 0.05", "output: short, failure: costly, reasoning: single"),
        ("max_error: 0.5, min_cases: 200", "output: short, failure: cheap, reasoning: multi"),
    ]
    base, head = (
        load(
            tmp_path / str(number),
            TIERS + gated.replace("GATE", gate).replace("TRAITS", traits),
            {"g.jsonl": "", "p.yaml": "messages: []\n"},
        )
        for number, (gate, traits) in enumerate(states)
    )
    files = WorkingTree(tmp_path)
    project = LoadedProject(head, {}, Recordings(files, head.cassettes))
    task = hardened(project, base, {"a"}).registry.tasks["a"]
    assert (task.gate.max_error, task.gate.min_cases) == (0.05, 200)
    assert task.traits == Traits(Output.SHORT, Failure.COSTLY, Reasoning.MULTI)
    assert hardened(project, base, set()).registry.tasks["a"] == head.tasks["a"]


def section() -> str:
    text = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    return text.partition("## What a change cannot do quietly\n")[2].partition("\n## ")[0]


def test_the_readme_names_each_change_that_the_table_of_edits_makes() -> None:
    named = {token for line in section().splitlines() if line.startswith("|") for token in re.findall(r"`(\w+)`", line)}
    made = {kind for _, changes, _ in LOOSENING.values() for kind, _ in changes}
    assert made | {"samples_lowered"} <= named
    assert {kind.value for kind in ChangeKind} >= {token for token in named if re.search(r"_(\w+ed)$", token)}


def test_the_readme_s_entry_counts_as_it_stands(guarded: Project) -> None:
    LOOSENING["a threshold"][0](guarded)
    entry = section().partition("```yaml\n")[2].partition("```")[0]
    guarded.registry.write_text(guarded.registry.read_text() + entry)
    (change,) = report(guarded, BASE, status=0)["changes"]
    assert change["acknowledged"]["reason"] == "the old limit was a typo, see #512"
