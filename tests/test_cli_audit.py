"""`modelroute audit`, as it is typed: what it asks, what it hides, what it keeps, and the bound that it earns."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from pytest_modelroute.cli.main import main

from .graded import Models, graded_project, write_labels
from .live import Forks, report, warm_forks
from .messages_server import MessagesServer
from .projects import Project, clean_environment

Done = subprocess.CompletedProcess[str]
JSON = "--modelroute-json=report.json"

WRONG = frozenset({2, 3, 4, 41})  # truly
FLAGGED = frozenset({2, 3, 5})  # so it misses 4 and 41, and 5 is a false alarm


def audit(project: Project, *arguments: str, typed: str = "") -> Done:
    """Type `modelroute audit reply`, with `typed` on its standard input."""
    return command(project, "audit", *(arguments or ("reply",)), typed=typed)


def selfcheck(project: Project, *arguments: str) -> Done:
    return command(project, "selfcheck", *arguments)


def command(project: Project, *arguments: str, typed: str = "") -> Done:
    output, errors = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(project.folder),
        mock.patch.dict(os.environ, clean_environment(), clear=True),
        mock.patch("sys.stdin", io.StringIO(typed)),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
    ):
        try:
            status = main(arguments)
        except SystemExit as left:
            status = int(left.code or 0)
    return Done(arguments, status, output.getvalue(), errors.getvalue())


def labels(project: Project) -> list[dict[str, Any]]:
    path = project.folder / "audits/reply.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


def number(case: str) -> int:
    return int(case.split()[-1])


def asked(output: str) -> list[int]:
    """The cases that were shown, in order."""
    return [number(line) for line in output.splitlines() if line.startswith("  text: message ")]


def honest(project: Project, *arguments: str) -> Done:
    """Label everything that is asked for by what is true."""
    shown = audit(project, *(arguments or ("reply",)), typed="s\n" * 200)
    typed = "".join("w\n" if case in WRONG else "r\n" for case in asked(shown.stdout))
    return audit(project, *(arguments or ("reply", "--by", "Rosa")), typed=typed)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("graded")
    with MessagesServer(Models(WRONG, FLAGGED)) as server:
        project = graded_project(folder, server, cases=60, gate="min_cases: 1, max_error: 0.2")
        done = warm_forks().record(project, "--modelroute-record-tiers=nano")
        assert done.returncode == 0, done.output
    return project.folder


@pytest.fixture
def graded(recorded: Path, tmp_path: Path) -> Project:
    shutil.copytree(recorded, tmp_path / "project")
    return Project(tmp_path / "project")


def test_all_flagged_and_thirty_passed_are_asked_for_without_their_verdicts(graded: Project) -> None:
    done = audit(graded, "reply", typed="s\n" * 200)
    assert (done.returncode, done.stderr) == (0, "")
    cases = asked(done.stdout)
    assert len(cases) == len(set(cases)) == 33
    assert set(cases) >= FLAGGED
    assert "33 answers still to label" in done.stdout
    for told in ("I read reply", "verdict", "flagged", "large"):
        assert told not in done.stdout, "nothing of what the grader said"
    assert not (graded.folder / "audits").exists()
    first = done.stdout.split("\n\n")[0].strip()
    assert first.splitlines()[:4] == ["1 of 33", "input", f"  text: message {cases[0]}", "expected"]


def test_the_order_tells_no_verdict(graded: Project) -> None:
    cases = asked(audit(graded, "reply", typed="s\n" * 200).stdout)
    places = [cases.index(case) for case in FLAGGED]
    assert places != [0, 1, 2]
    assert places != [30, 31, 32]
    assert cases != sorted(cases)
    wider = asked(audit(graded, "reply", "--passed", "50", typed="s\n" * 200).stdout)
    assert set(cases) < set(wider)
    assert len(wider) == 53


def test_ids_choose_neither_what_is_asked_for_nor_its_order(graded: Project) -> None:
    before = asked(audit(graded, "reply", typed="s\n" * 200).stdout)
    cases = graded.golden("reply")
    ids = [case["id"] for case in reversed(cases)]
    graded.write_golden("reply", [{**case, "id": name} for case, name in zip(cases, ids, strict=True)])
    assert asked(audit(graded, "reply", typed="s\n" * 200).stdout) == before


def test_each_label_is_kept_at_once_and_the_walk_goes_on_there(graded: Project) -> None:
    done = audit(graded, "reply", "--by", "Rosa", typed="r\nw the name is missing\nhm\nskip\nQ\n")
    assert "31 answers still to label" in done.stdout
    shown = asked(done.stdout)
    about, first, second = labels(graded)
    assert about == {
        "about": "labelled with `modelroute audit reply`: one answer at a time, in mixed order,"
        " without sight of the grader's verdict"
    }
    assert (first["case"], first["correct"], first["by"], first["tier"]) == (f"reply {shown[0]}", True, "Rosa", "small")
    assert (second["correct"], second["note"]) == (False, "the name is missing")
    assert first["answer"].startswith("sha256:")
    assert "'hm' is none of them: r is right, w is wrong, s is skip, q is quit\n" in done.stdout
    again = audit(graded, "reply", typed="")
    assert asked(again.stdout) == [shown[2]], "the one that was skipped comes again; the end of the input is a quit"
    assert len(labels(graded)) == 3


def test_the_result_is_the_table_the_shares_and_the_bound(graded: Project) -> None:
    done = honest(graded)
    assert (done.returncode, done.stderr) == (0, "")
    result = done.stdout[done.stdout.index("graded by large") :].splitlines()
    checked = asked(done.stdout)
    missed = len((WRONG - FLAGGED) & set(checked))
    assert len(checked) == 33
    assert result[0].startswith("graded by large, audited on 33 of 60 answers by Rosa: it flagged")
    assert result[1].split() == ["grader", "person:", "right", "person:", "wrong", "not", "labelled", "all"]
    assert result[2].split() == ["flagged", "1", "2", "0", "3"]
    assert result[3].split() == ["passed", str(30 - missed), str(missed), "27", "57"]
    assert [line.partition(":")[0] for line in result[4:]] == [
        "sensitivity",
        "specificity",
        "error rate by the grader",
        "error rate by the audit",
    ]
    told = json.loads(audit(graded, "reply", "--json").stdout)["grader"]
    rate = (2 + 57 * (missed + 0.5) / 31) / 60
    assert told["error_rate"] == pytest.approx(rate)
    assert told["audited"] is True
    assert told["labelled_by"] == ["Rosa"]
    assert told["interval"]["lower"] < rate < told["interval"]["upper"]
    assert audit(graded, "reply", "--summary").stdout.splitlines() == result


def test_the_gate_uses_what_the_audit_earns(forks: Forks, graded: Project) -> None:
    assert forks.run(graded, JSON).returncode == 0
    before = report(graded)["reply"]
    assert (before["error_rate"], before["grader"]["audited"]) == (0.05, False)
    assert honest(graded).returncode == 0
    done = forks.run(graded, JSON)
    assert done.returncode == 0, done.output
    task = report(graded)["reply"]
    assert task["grader"]["audited"] is True
    assert task["error_rate"] == task["grader"]["error_rate"] > 0.05
    assert task["interval"]["upper"] == task["grader"]["interval"]["upper"] > before["interval"]["upper"]
    assert (task["correct"], task["wrong"]) == (57, 3), "what the grader said stays told"
    assert "reply: graded by large, audited on 33 of 60 answers by Rosa: it flagged" in done.stdout
    assert "not audited" not in done.stdout
    assert forks.run(graded, JSON, "--modelroute-replay=vcr").returncode == 0
    assert report(graded)["reply"] == task


def test_certified_needs_the_audit(forks: Forks, graded: Project) -> None:
    graded.replace("max_error: 0.2", "max_error: 0.3, rule: certified")
    done = forks.run(graded, JSON)
    assert report(graded)["reply"]["verdict"] == "inconclusive"
    assert "not certified without a complete audit of the grader" in done.stdout
    assert "way out: modelroute audit reply" in done.stdout
    labelled = FLAGGED.intersection(asked(audit(graded, "reply", "--by", "Rosa", typed="r\n" * 3).stdout)[:3])
    done = forks.run(graded, JSON)
    assert "inconclusive, audit incomplete" in done.stdout
    left = f"{3 - len(labelled)} of 3 flagged and {27 + len(labelled)} of 30 passed cases still to label"
    assert f"graded by large: audit incomplete: {left}" in done.stdout
    assert honest(graded).returncode == 0
    assert forks.run(graded, JSON).returncode == 0
    assert report(graded)["reply"]["verdict"] == "pass"


def test_labels_of_chosen_cases_do_not_count_for_the_draw(graded: Project) -> None:
    """Somebody labels the easy ones by hand, and not those that are asked for."""
    assert honest(graded).returncode == 0
    _, *given = labels(graded)
    drawn = [line for line in given if number(line["case"]) not in FLAGGED]
    walk = json.loads(audit(graded, "reply", "--json").stdout)["grader"]["labels"]
    assert walk["passed_checked"] == 30
    for left_out in drawn:
        write_labels(graded, [line for line in given if line is not left_out])
        told = json.loads(audit(graded, "reply", "--json").stdout)["grader"]
        assert told["labels"]["passed_checked"] < 30
        assert told["audited"] is False
        assert told["error_rate"] is None


CHANGES: dict[str, Callable[[Project], None]] = {
    "another expectation": lambda project: project.replace(
        '"expected": "message 2"', '"expected": "message two"', "golden/reply.jsonl"
    ),
    "another input": lambda project: project.replace(
        '{"id": "reply 2", "input": {', '{"id": "reply 2", "input": {"more": 1, ', "golden/reply.jsonl"
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_label_is_of_one_answer_to_one_case(forks: Forks, graded: Project, name: str) -> None:
    assert honest(graded).returncode == 0
    CHANGES[name](graded)
    with MessagesServer(Models(WRONG, FLAGGED)) as server:
        text = graded.registry.read_text()
        graded.registry.write_text(text.replace(text.split('base_url: "')[1].split('"')[0], server.url))
        assert forks.record(graded, JSON, "--modelroute-record=all").returncode == 0
    told = report(graded)["reply"]["grader"]
    assert (told["labels"]["flagged_checked"], told["labels"]["flagged"], told["audited"]) == (2, 3, False)


def test_the_latest_label_of_an_answer_counts(graded: Project) -> None:
    assert honest(graded).returncode == 0
    _, *given = labels(graded)
    path = graded.folder / "audits/reply.jsonl"
    flagged = next(line for line in given if line["case"] == "reply 5")
    path.write_text(path.read_text() + json.dumps({**flagged, "correct": False, "at": "2999-01-01T00:00:00Z"}))
    told = json.loads(audit(graded, "reply", "--json").stdout)["grader"]
    assert told["labels"]["flagged_wrong"] == 3
    assert told["specificity"]["estimate"] == 1


def test_the_answers_of_another_tier_are_audited_by_name(graded: Project) -> None:
    done = audit(graded, "reply", "--tier", "nano", "--by", "Rosa", typed="r\nq\n")
    assert "nano-1." in done.stdout
    assert labels(graded)[1]["tier"] == "nano"
    assert json.loads(audit(graded, "reply", "--tier", "nano", "--json").stdout)["answers_of"] == "nano"
    assert json.loads(audit(graded, "reply", "--json").stdout)["grader"]["labels"]["passed_checked"] == 0


REFUSED: dict[str, tuple[tuple[str, ...], Callable[[Project], object], str]] = {
    "no such task": (("replay",), lambda project: None, "unknown task 'replay'"),
    "not gated": (("draft_email",), lambda project: None, "task 'draft_email' has no cases: it is not gated"),
    "no such tier": (("reply", "--tier", "smal"), lambda project: None, "did you mean 'small'?"),
    "no number": (("reply", "--passed", "0"), lambda project: None, "--passed: '0' is not valid"),
    "no grader": (
        ("reply",),
        lambda project: project.replace("{kind: grader, tier: large, rubric: prompts/rubric.yaml}", "{kind: contains}"),
        "task 'reply' has no grader to audit",
    ),
    "samples": (
        ("reply",),
        lambda project: project.replace("    tier: small\n", "    tier: small\n    samples: 2\n"),
        "task 'reply' has 2 samples a case, and an audit takes one",
    ),
    "not graded": (
        ("reply",),
        lambda project: (project.folder / "cassettes/reply/grader@large-1.yaml").unlink(),
        "60 cases have no graded answer on small; first: reply 1: this answer has no grade by large\n  fix: pytest",
    ),
    "broken labels": (
        ("reply",),
        lambda project: write_labels(project, [{"case": "reply 1"}]),
        "audits/reply.jsonl:2: the key 'answer' is missing",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_audited_is_said(graded: Project, name: str) -> None:
    arguments, change, told = REFUSED[name]
    change(graded)
    done = audit(graded, *arguments)
    assert done.returncode == 4, done.stdout
    assert told in done.stderr
    assert "Traceback" not in done.stderr


LABEL = {"case": "a", "answer": "sha256:0", "tier": "t", "correct": True, "by": "R", "at": "2026-11-22T00:00:00Z"}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "broken JSON"),
        ("[]", "the line is not a JSON object"),
        (json.dumps({**LABEL, "corect": True}), "unknown key 'corect'"),
        (json.dumps({**LABEL, "correct": 1}), "'correct' is 1"),
        (json.dumps({**LABEL, "by": None}), "'by' is null"),
        (json.dumps({**LABEL, "note": 3}), "'note' is not a text"),
        ('{"about": 3}', "unknown key 'about'"),
    ],
)
def test_a_broken_line_is_named(graded: Project, line: str, told: str) -> None:
    path = graded.folder / "audits/reply.jsonl"
    path.parent.mkdir()
    path.write_text(f"{json.dumps(LABEL)}\n\n{line}\n")
    done = audit(graded, "reply", "--summary")
    assert done.returncode == 4
    assert f"audits/reply.jsonl:3: {told}" in done.stderr


def test_an_interrupted_walk_keeps_what_was_labelled(graded: Project) -> None:
    with mock.patch("builtins.input", side_effect=["r", KeyboardInterrupt]):
        done = audit(graded, "reply")
    assert done.returncode == 0
    assert len(labels(graded)) == 2
    assert "32 answers still to label" in done.stdout


def test_who_labels_is_asked_for_where_no_account_tells(graded: Project) -> None:
    with mock.patch("getpass.getuser", side_effect=KeyError):
        done = audit(graded, "reply", typed="r\n")
        assert (done.returncode, done.stderr.splitlines()[-1]) == (4, "  fix: --by NAME")
        assert audit(graded, "reply", "--by", "Rosa", typed="r\n").returncode == 0


def test_it_works_as_a_command_of_its_own(graded: Project) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest_modelroute", "audit", "reply", "--by", "Rosa"],
        cwd=graded.folder,
        env=clean_environment(),
        input="w with a note\nq\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert labels(graded)[1]["note"] == "with a note"


def test_selfcheck_sends_a_graded_task_to_its_audit(graded: Project) -> None:
    done = selfcheck(graded, "reply")
    assert done.returncode == 4
    assert "task 'reply' is graded by a model" in done.stderr
    assert "fix: modelroute audit reply" in done.stderr
    assert "reply" not in selfcheck(graded).stdout
