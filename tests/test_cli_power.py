"""`modelroute power`, as it is typed."""

from __future__ import annotations

import json
import re
import shutil
from typing import Any

import pytest

from pytest_modelroute.judgement.power import cases_to_certify

from .projects import Project
from .test_cli_cassettes import fine, refused, run_here
from .test_operating import PUBLISHED


def power(project: Project, *arguments: str) -> str:
    return fine(run_here(project, "power", *arguments))


def rows(output: str) -> list[dict[str, list[str]]]:
    """Each table as its rows by their first cell, the heading's included."""
    tables = []
    for block in output.split("\n\n")[1:-1]:
        cells = (re.split(r"  +", line.strip()) for line in block.splitlines())
        tables.append({first: others for first, *others in cells})
    return tables


def test_the_task_s_own_cases_by_both_rules_and_without_recordings(project: Project) -> None:
    shutil.rmtree(project.folder / "cassettes")
    output = power(project, "classify")
    assert output.startswith("classify: 120 cases, at most 8 % wrong\n\ntrue error ")
    (table,) = rows(output)
    assert table["true error"] == ["observed *", "certified", "needed"]
    assert list(table)[1:-1] == [f"{number} %" for number in range(1, 17)]
    assert table["4 %"] == ["98/2/0", "47/0/53", "255"]
    assert table["8 %"] == ["51/49/0", "3.2/3/94", "-"]
    assert table["wrong"] == ["9/10", "4/16"]
    assert "* the task's rule\n" in output


def test_several_numbers_of_cases_give_one_table_a_rule(project: Project) -> None:
    observed, certified = rows(power(project, "classify", "--cases", "200,50, 100,500,150"))
    assert observed["observed *"] == ["n=50", "n=100", "n=150", "n=200", "n=500"]
    assert observed["8 %"][1:4] == ["59/41/0", "58/42/0", "57/43/0"]
    assert observed["wrong"] == ["-/5", "8/9", "12/13", "16/17", "40/41"]
    assert certified["certified"] == ["n=50", "n=100", "n=150", "n=200", "n=500", "needed"]
    for rate, published in zip(("2 %", "4 %", "8 %", "12 %", "16 %"), PUBLISHED.splitlines(), strict=True):
        assert certified[rate][:-1] == published.split()
    assert certified["wrong"] == ["0/8", "3/14", "6/19", "9/24", "29/51"]
    needed = [certified[f"{number} %"][-1] for number in range(1, 9)]
    assert needed == ["58", "95", "162", "255", "475", "1101", "4503", "-"]


def test_a_rule_and_a_threshold_of_ones_own(project: Project) -> None:
    output = power(project, "classify", "--rule", "certified", "--threshold", "0.04", "--cases", "300")
    (table,) = rows(output)
    assert table["true error"] == ["certified", "needed"]
    assert list(table)[1:-1] == [f"{number} %" for number in range(1, 17)]
    assert table["3 %"][1] == str(cases_to_certify(0.03, 0.04))
    assert "the task's rule" not in output
    assert "min_cases" not in output
    (observed,) = rows(power(project, "classify", "--rule", "observed", "--cases", "99"))
    assert observed["true error"] == ["observed *"]
    assert observed["1 %"] == ["0/0/100"]
    assert "observed passes nothing on fewer than 100 cases" in power(project, "classify", "--cases", "99")
    assert ">20000" in power(project, "classify", "--threshold", "0.001", "--cases", "99")


def test_identical_requests_count_once_and_samples_are_told(project: Project) -> None:
    cases = project.golden("classify")
    cases[1]["input"] = cases[0]["input"]
    project.write_golden("classify", cases)
    project.replace("    tier: large\n    golden", "    samples: 3\n    tier: large\n    golden")
    output = power(project, "classify")
    assert output.startswith("classify: 119 cases,")
    assert "what the task's 3 samples of each add is known once recorded" in output


def test_a_task_without_cases_needs_their_number(project: Project) -> None:
    told = refused(run_here(project, "power", "draft_email"))
    assert "modelroute.yaml:21: task 'draft_email' has no cases: it is not gated" in told
    assert "fix: modelroute power draft_email --cases 100,200" in told
    assert power(project, "draft_email", "--cases", "1").startswith("draft_email: 1 case, at most 8 % wrong\n")


def test_json_has_all_digits(project: Project) -> None:
    read: dict[str, Any] = json.loads(power(project, "classify", "--json", "--cases", "50,100"))
    assert (read["format"], read["task"], read["threshold"], read["rule"]) == (1, "classify", 0.08, "observed")
    first, second = read["rules"]["certified"]
    assert (first["cases"], first["pass_at_most"], first["fail_at_least"]) == (50, 0, 8)
    assert second["chances"][7] == {
        "error_rate": 0.08,
        "pass": pytest.approx(0.03670590, abs=1e-8),
        "fail": pytest.approx(0.02823568, abs=1e-8),
        "inconclusive": pytest.approx(0.93505842, abs=1e-8),
    }
    assert read["rules"]["observed"][0]["pass_at_most"] is None
    assert read["cases_to_certify"][3:8:4] == [{"error_rate": 0.04, "cases": 255}, {"error_rate": 0.08, "cases": None}]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("clasify",), "unknown task 'clasify'\n  valid: did you mean 'classify'?"),
        (("classify", "--cases", "0"), "--cases: '0' is no list of numbers of cases\n  valid: 100, or 50,100,200"),
        (("classify", "--cases", "0,50"), "is no list"),
        (("classify", "--cases", "50,"), "is no list"),
        (("classify", "--cases=-5"), "is no list"),
        (("classify", "--cases", "fifty"), "is no list"),
        (("classify", "--cases", "\u0665\u0660"), "is no list"),
        (("classify", "--cases", "100,20001"), "is more than anybody collects\n  valid: at most 20000"),
        (("classify", "--cases", "1" * 5000), "is more than anybody collects"),
        (("classify", "--threshold", "8"), "--threshold: '8' is no share\n  valid: from 0 to below 1; 8 % is 0.08"),
        (("classify", "--threshold", "nan"), "is no share"),
        (("classify", "--threshold", "8%"), "is no share"),
        (("classify", "--threshold=-0.1"), "is no share"),
        (("classify", "--rule", "exact"), "invalid choice"),
        (("classify", "--registry", "nowhere.yaml"), "no registry at nowhere.yaml"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else "",
)
def test_what_cannot_be_is_refused(project: Project, arguments: tuple[str, ...], told: str) -> None:
    assert told in refused(run_here(project, "power", *arguments))


def test_a_threshold_of_nothing_is_told_too(project: Project) -> None:
    (table,) = rows(power(project, "classify", "--threshold", "0"))
    assert table["wrong"] == ["0/1", "-/1"]
    assert table["1 %"] == ["30/70/0", "0/70/30", "-"]


def test_help_tells_of_every_option(project: Project) -> None:
    output = power(project, "--help")
    for word in ("TASK", "--cases", "--threshold", "--rule", "--json", "--registry", "--rootdir", "4 broken input"):
        assert word in output
