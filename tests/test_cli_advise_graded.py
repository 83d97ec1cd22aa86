"""`modelroute advise` on a task that a model grades: nobody knows how good its answers are until people look."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from .graded import graded_project, verdict
from .live import Forks, warm_forks
from .messages_server import MessagesServer, Reply, message
from .projects import Project
from .test_cli_advise import advise, found, read_json, told
from .test_cli_audit import audit
from .test_cli_cassettes import refused, run_here

FLAGGED = range(5, 41, 5)  # of nano's answers, which is unsure of them; two have no usable form


def respond(body: dict[str, Any], number: int) -> Reply:
    """The grader flags what nano is unsure of."""
    text, model = body["messages"][-1]["content"], body["model"]
    case = int(re.findall(r"message (\d+)", text)[0])
    if text.startswith("Grade"):
        return verdict("unsure" not in text, model=model)
    if model == "nano-1" and case in (1, 2):
        return message("No JSON.", model=model)
    unsure = model == "nano-1" and case in FLAGGED
    answer = {"reply": f"{case}, {'unsure' if unsure else 'sure'}, {model}", "confidence": 0.3 if unsure else 0.9}
    return message(json.dumps(answer), model=model)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with MessagesServer(respond) as server:
        project = graded_project(tmp_path_factory.mktemp("graded"), server, 40, "min_cases: 1, max_error: 0.26")
        form = "    output: {format: json, confidence: /confidence}\n"
        project.replace("    score: {kind: grader", f"{form}    score: {{kind: grader")
        done = warm_forks().record(project, "--modelroute-record-tiers=nano,small")
        assert done.returncode == 0, done.output
    return project.folder


@pytest.fixture
def graded(recorded: Path, tmp_path: Path) -> Project:
    shutil.copytree(recorded, tmp_path / "project")
    return Project(tmp_path / "project")


def test_a_grader_s_verdicts_certify_no_threshold(graded: Project) -> None:
    """As in `modelroute escalation`: what cannot be used escalates, and no more."""
    both = found(read_json(graded, "reply"), "reply", "nano", "small")
    assert both["to"]["escalate"] == {"to": "small"}
    assert both["no_threshold_certified"]
    assert "\n  no confidence is certified to let an answer stand" in advise(graded, "reply", "--all")


def test_a_move_by_a_grader_that_nobody_audited_needs_the_audit(graded: Project) -> None:
    output = advise(graded, "reply")
    advice, _, why = told(output)["reply", "small -> nano"]
    assert (advice, why) == (
        "would need",
        "25 % wrong (14.2-38.7 %), limit 26 %; breaks 10, fixes 0; grader not audited",
    )
    assert "\nreply: would need: small -> nano\n" in output
    assert "\n  way out: modelroute audit reply --tier nano\n" in output
    both, _, why = told(output)["reply", "small -> nano, then small"]
    assert both == "would need"
    assert why.endswith("; grader not audited")
    assert "\n  way out: make the change, then modelroute audit reply\n" in output
    assert "--- a/" not in output
    assert "nothing is advised for reply (" in refused(run_here(graded, "advise", "--apply", "reply"))


def test_what_the_audit_earns_is_told_and_decides(graded: Project) -> None:
    assert audit(graded, "reply", "--tier", "nano", typed="w\nq\n").returncode == 0
    assert found(read_json(graded, "reply"), "reply", "nano")["why"].endswith("; audit incomplete")
    typed = "r\n" * 40
    assert audit(graded, "reply", "--tier", "nano", "--by", "Rosa", typed=typed).returncode == 0
    nano = found(read_json(graded, "reply"), "reply", "nano")
    assert (nano["advice"], nano["best"]) == ("move it", True)
    assert "; graded by large, audited on 38 of 38 answers by" in nano["why"]
    assert nano["why"].endswith("; rate and bounds are the audit's")
    assert advise(graded, "--apply", "reply").startswith("reply: small -> nano in modelroute.yaml\n")


def test_the_rule_that_asks_for_an_audit_names_it(graded: Project) -> None:
    graded.replace("max_error: 0.26", "max_error: 0.5, rule: certified")
    nano = found(read_json(graded, "reply"), "reply", "nano")
    assert nano["advice"] == "undecided"
    assert "not certified without a complete audit of the grader" in nano["why"]
    assert nano["why"].endswith("; grader not audited")
    assert nano["way_out"] == "modelroute audit reply --tier nano"


def test_where_policy_asks_for_the_certified_rule_the_audit_comes_first(graded: Project) -> None:
    graded.replace("    golden: golden/reply", "    kind: code_generation\n    golden: golden/reply")
    graded.replace("max_error: 0.26", "max_error: 0.5")
    nano = found(read_json(graded, "reply"), "reply", "nano")
    assert (nano["advice"], nano["way_out"]) == ("undecided", "modelroute audit reply --tier nano")
    assert audit(graded, "reply", "--tier", "nano", "--by", "Rosa", typed="r\n" * 40).returncode == 0
    nano = found(read_json(graded, "reply"), "reply", "nano")
    assert (nano["advice"], nano["way_out"]) == ("would need", None)
    assert nano["needs"].startswith("set `gate: {rule: certified}` and acknowledge it: ")


def test_a_way_up_tells_that_nobody_audited_its_grader(graded: Project) -> None:
    graded.replace("    tier: small\n", "    tier: nano\n")
    graded.replace("max_error: 0.26", "max_error: 0.1")
    output = advise(graded, "reply")
    assert told(output)["reply", "nano -> small"][0] == "move it up"
    assert told(output)["reply", "nano -> small"][2].endswith("; grader not audited")
    assert "\nreply: fails on nano today: 25 % wrong (14.2-38.7 %), limit 10 %; grader not audited\n" in output


def test_samples_that_no_audit_takes_are_told(tmp_path: Path, forks: Forks) -> None:
    with MessagesServer(respond) as server:
        project = graded_project(tmp_path, server, 6, "min_cases: 1, max_error: 0.6")
        project.replace("    tier: small\n", "    tier: small\n    samples: 2\n")
        project.replace("    score: {kind: grader", "    output: {format: json}\n    score: {kind: grader")
        assert forks.record(project, "--modelroute-record-tiers=nano,small").returncode == 0
    nano = found(read_json(project, "reply"), "reply", "nano")
    assert nano["advice"] == "would need"
    needs = "`samples: 1` at modelroute.yaml:11: an audit takes one sample a case"
    assert nano["needs"] == needs
    project.replace("max_error: 0.6", "max_error: 0.95, rule: certified")
    nano = found(read_json(project, "reply"), "reply", "nano")
    assert (nano["advice"], nano["way_out"]) == ("undecided", needs)
