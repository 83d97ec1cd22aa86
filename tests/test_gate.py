"""The gate end to end: what turns a build red, and what does not turn it green."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from pytest_modelroute.cassettes.lines import cassette_text

from .interactions import answered, read_back
from .projects import Project


def report(project: Project, *arguments: str, status: int | None = None) -> dict[str, Any]:
    """Run with a JSON report and read it."""
    path = project.folder / "report.json"
    done = project.pytest("--modelroute", f"--modelroute-json={path}", *arguments)
    if status is not None:
        assert done.returncode == status, done.stdout + done.stderr
    read: dict[str, Any] = json.loads(path.read_text())
    return read


def task(read: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (each for each in read["tasks"] if each["task"] == name)
    assert isinstance(found, dict)
    return found


def test_a_good_registry_passes_and_says_so_case_by_case(project: Project) -> None:
    done = project.pytest("--modelroute")
    assert done.returncode == 0, done.stdout
    assert "233 passed, 9 wrong" in done.stdout
    assert "modelroute: modelroute.yaml, 2 gated tasks, 240 cases, no base" in done.stdout


def test_a_downgrade_beyond_the_threshold_fails_with_a_readable_reason(project: Project) -> None:
    done = project.pytest("--modelroute", "--modelroute-try=classify=nano", "-k", "classify")
    assert done.returncode == 1
    expected = """\
classify: fail
  30 wrong of 120: 25 % (18.6-32.3 %), at most 8 % allowed
  against large on 120 cases: broke 27, fixed 0 (+22.5 points, 95 % bounds +16.9 to +29.3)
    McNemar's exact p 1.5e-08: a description, which decides nothing
    broke: message-004, message-008, message-012, message-016, message-020, message-024, message-028, ... and 20 more
    message-004  mismatch  label: expected "shipping", got "other"
"""
    assert expected in done.stdout
    assert "way out: keep `tier: large` at modelroute.yaml:11" in done.stdout
    assert (
        "FAILED modelroute.yaml::classify::gate - 30 wrong of 120: 25 % (18.6-32.3 %), at most 8 % allowed"
        in done.stdout
    )


def test_the_json_report_has_the_contract_s_fields_and_numbers(project: Project) -> None:
    read = report(project, "--modelroute-try=classify=small", status=0)
    assert list(read) == ["format", "registry", "base", "changes", "tasks"]
    assert (read["format"], read["registry"], read["base"]) == (1, "modelroute.yaml", None)
    assert read["changes"] == [
        {
            "kind": "downgrade",
            "task": "classify",
            "from": "large",
            "to": "small",
            "where": "modelroute.yaml:11",
            "acknowledged": None,
        }
    ]
    classify = task(read, "classify")
    results = classify.pop("results")
    assert classify.pop("interval") == {
        "lower": pytest.approx(0.021996, abs=1e-6),
        "upper": pytest.approx(0.096296, abs=1e-6),
        "confidence": 0.95,
        "sided": "one",
    }
    latency = classify.pop("latency_ms")
    assert 0 <= latency["p50"] <= latency["p95"]
    paired = classify.pop("paired")
    assert {
        name: paired[name]
        for name in ("tier", "cases", "wrong", "broke", "fixed", "difference", "mcnemar_p", "unanswered")
    } == {
        "tier": "large",
        "cases": 120,
        "wrong": 3,
        "broke": ["message-020", "message-060", "message-100"],
        "fixed": [],
        "difference": 0.025,
        "mcnemar_p": 0.25,
        "unanswered": 0,
    }
    assert paired["lower"] < 0.025 < paired["upper"]
    assert classify == {
        "task": "classify",
        "tier": "small",
        "model": "small-1",
        "change": {"kind": "downgrade", "from": "large", "to": "small"},
        "strict": True,
        "cases": 120,
        "correct": 114,
        "wrong": 6,
        "errors": 0,
        "error_rate": 0.05,
        "kinds": {"mismatch": 6},
        "judged": {"correct": 114, "wrong": 6, "errors": 0},
        "samples": None,
        "threshold": 0.08,
        "rule": "observed",
        "min_cases": 100,
        "max_regression": None,
        "correction": "none",
        "grader": None,
        "verdict": "pass",
        "reasons": ["6 wrong of 120: 5 % (2.2-9.6 %), at most 8 % allowed"],
        "way_out": None,
        "price": {
            "input": 2.0,
            "output": 8.0,
            "as_of": "2026-11-21",
            "cache_read": None,
            "cache_write": None,
            "batch_input": None,
            "batch_output": None,
        },
        "escalation": None,
        "usage": {"input_tokens": 1200, "output_tokens": 600},
        "cost": {"usd": pytest.approx(0.0072), "usd_per_1000_calls": pytest.approx(0.06)},
    }
    assert len(results) == 120
    wrong = next(result for result in results if result["case"] == "message-020")
    wrong.pop("latency_ms")
    assert wrong == {
        "case": "message-020",
        "sample": 0,
        "outcome": "wrong",
        "kind": "mismatch",
        "output": {"label": "refund", "confidence": 0.9},
        "expected": {"label": "other"},
        "confidence": 0.9,
        "detail": 'label: expected "other", got "refund"',
        "recordings": 1,
        "models": ["small-1"],
        "usage": {"input_tokens": 10, "output_tokens": 5, "cache_read_tokens": 0, "cache_write_tokens": 0},
        "usd": pytest.approx(0.00006),
        "escalated": None,
    }
    draft = task(read, "draft_email")
    assert (draft["verdict"], draft["cases"], draft["correct"], draft["error_rate"]) == ("ungated", 0, None, None)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--deselect", "modelroute.yaml::classify::message-004"],
        ["modelroute.yaml::classify::gate"],
        ["--deselect", "modelroute.yaml::reply", "-x"],
        ["--maxfail=1"],
        ["-q"],
        ["-W", "error"],
        ["--durations=3"],
        ["-p", "no:cacheprovider"],
        ["-p", "no:terminal"],
        ["--tb=line"],
        ["--tb=no"],
        ["-v", "--color=yes"],
        ["-n", "2"],
        ["-n", "2", "--dist", "loadfile"],
    ],
    ids=" ".join,
)
def test_no_selection_makes_a_red_gate_green(project: Project, arguments: list[str]) -> None:
    project.move("classify", "nano")
    done = project.pytest("--modelroute", *arguments)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "INTERNALERROR" not in done.stdout + done.stderr


def test_last_failed_after_a_red_run_stays_red_and_turns_green_when_mended(project: Project) -> None:
    project.move("classify", "nano")
    assert project.pytest("--modelroute").returncode == 1
    again = project.pytest("--modelroute", "--lf")
    assert again.returncode == 1
    assert "1 failed" in again.stdout
    project.move("classify", "large")
    mended = project.pytest("--modelroute", "--lf")
    assert mended.returncode == 0, mended.stdout


@pytest.mark.parametrize("rule", ["observed", "certified"])
def test_both_rules_judge_by_their_own_words(project: Project, rule: str) -> None:
    project.replace("score: {kind: fields", f"gate: {{rule: {rule}, max_error: 0.08}}\n    score: {{kind: fields")
    read = report(project, "--modelroute-try=classify=small")
    found = task(read, "classify")
    assert found["rule"] == rule
    if rule == "observed":
        assert (found["verdict"], found["reasons"]) == (
            "pass",
            ["6 wrong of 120: 5 % (2.2-9.6 %), at most 8 % allowed"],
        )
    else:
        assert found["verdict"] == "inconclusive"
        assert found["reasons"] == [
            "6 wrong of 120: between 2.2 and 9.6 %: not certified to be at most 8 %;"
            " 355 more cases would decide it with 80 % power if the rate stays"
        ]


def test_inconclusive_warns_for_an_unchanged_task_and_fails_for_a_changed_one(project: Project) -> None:
    project.replace("score: {kind: fields", "gate: {min_cases: 200}\n    score: {kind: fields")
    assert task(report(project, status=0), "classify")["verdict"] == "inconclusive"
    read = report(project, "--modelroute-try=classify=small", status=1)
    assert task(read, "classify")["reasons"] == ["6 wrong of 120: 5 % (2.2-9.6 %), but 200 cases are needed: 80 more"]


def test_an_ungated_task_never_fails_but_no_downgrade_of_it_passes(project: Project) -> None:
    assert report(project, "--modelroute-try=draft_email=large", status=0)
    read = report(project, "--modelroute-try=draft_email=small", status=1)
    draft = task(read, "draft_email")
    assert draft["verdict"] == "fail"
    assert draft["reasons"] == ["moved from large to small, and no golden dataset with a prompt tells whether it works"]


def test_repeated_requests_count_once(project: Project) -> None:
    cases = project.golden("classify")
    copies = [{**cases[0], "id": f"copy-{number}"} for number in range(300)]
    project.write_golden("classify", cases + copies)
    read = report(project, "--modelroute-try=classify=nano", status=1)
    found = task(read, "classify")
    assert (found["cases"], found["wrong"]) == (420, 30)
    assert found["reasons"] == [
        "30 wrong of 120: 25 % (18.6-32.3 %), at most 8 % allowed",
        "300 of 420 cases repeat another's request and count once",
    ]


def test_vcr_replay_gives_the_same_report_as_direct(project: Project) -> None:
    direct = report(project, "--modelroute-try=classify=nano", status=1)
    vcr = report(project, "--modelroute-try=classify=nano", "--modelroute-replay=vcr", status=1)
    assert vcr == direct


def damage(project: Project, how: str) -> None:
    cassette = project.cassette("classify", "large")
    lines = cassette.read_text(encoding="utf-8").splitlines(keepends=True)
    match how:
        case "half of it deleted":
            cassette.write_text("".join(lines[: len(lines) // 2]))
        case "all of it deleted":
            cassette.unlink()
        case "cut off in the middle of a line":
            cassette.write_bytes(cassette.read_bytes()[: cassette.stat().st_size // 2])
        case "only its wrong answers deleted":
            wrong = ('"message-040"', '"message-080"', '"message-120"')
            cassette.write_text("".join(line for line in lines if not any(case in line for case in wrong)))
        case "the prompt edited":
            project.replace("Classify the message.", "Classify this message.", "prompts/classify.yaml")
        case "a 200 that holds no message":
            text = cassette.read_text(encoding="utf-8")
            cassette.write_text(text.replace('\\"content\\": [', '\\"contents\\": [', 1), encoding="utf-8")
        case "binary rubbish":
            cassette.write_bytes(bytes(range(256)) * 20)
        case "a folder":
            cassette.unlink()
            cassette.mkdir()
        case "a Git LFS pointer":
            cassette.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")


@pytest.mark.parametrize(
    ("how", "kinds"),
    [
        ("half of it deleted", {"missing": 61}),
        ("all of it deleted", {"missing": 120}),
        ("cut off in the middle of a line", {"unreadable": 60}),
        ("only its wrong answers deleted", {"missing": 3}),
        ("the prompt edited", {"stale": 120}),
        ("a 200 that holds no message", {"unreadable": 1}),
        ("binary rubbish", {"unreadable": 120}),
        ("a Git LFS pointer", {"unreadable": 120}),
    ],
)
def test_answers_that_cannot_be_obtained_are_errors_and_never_pass(
    project: Project, how: str, kinds: dict[str, int]
) -> None:
    damage(project, how)
    read = report(project, status=1)
    found = task(read, "classify")
    assert found["verdict"] == "error"
    errors = {kind: count for kind, count in found["kinds"].items() if kind != "mismatch"}
    assert set(errors) == set(kinds)
    assert found["errors"] == sum(errors.values())
    assert found["correct"] + found["wrong"] + found["errors"] == found["cases"] == 120
    if how in ("binary rubbish", "a Git LFS pointer"):
        assert found["way_out"] == "restore cassettes/classify/large-1.yaml from git, or delete it and record"
    else:
        assert "pytest --modelroute --modelroute-record=new_episodes" in found["way_out"]
    if how != "cut off in the middle of a line":  # the cut may fall into any case
        assert errors == kinds


def test_a_stale_recording_says_which_argument_changed_and_how_to_record_it(project: Project) -> None:
    damage(project, "the prompt edited")
    read = report(project, status=1)
    first = task(read, "classify")["results"][0]
    assert (first["outcome"], first["kind"]) == ("error", "stale")
    assert first["detail"] == (
        'recorded for another request (system: ..."Classify the message." -> ..."Classify this message."): '
        'pytest --modelroute --modelroute-record=new_episodes "modelroute.yaml::classify"'
    ).replace('..."Classify the', '"Classify the').replace('..."Classify this', '"Classify this')


def test_a_crashed_scorer_is_an_error_of_its_cases(project: Project) -> None:
    (project.folder / "own.py").write_text(
        "def score(output, expected):\n"
        "    print('looked at', expected)\n"
        "    if expected['label'] == 'other':\n"
        "        raise RuntimeError('no such label')\n"
        "    return output['label'] == expected['label'], 'not equal'\n"
    )
    project.replace("{kind: fields, fields: [label]}", "{kind: python, function: 'own:score'}")
    found = task(report(project, status=1), "classify")
    assert found["verdict"] == "error"
    assert found["kinds"] == {"scorer": 40, "mismatch": 2}
    crashed = next(result for result in found["results"] if result["outcome"] == "error")
    assert crashed["detail"] == "the scorer own:score raised RuntimeError: no such label (own.py:4)"


def test_a_run_without_the_switch_does_nothing(project: Project) -> None:
    (project.folder / "test_own.py").write_text("def test_own():\n    pass\n")
    done = project.pytest("-v")
    assert done.returncode == 0
    assert "1 passed" in done.stdout
    assert "modelroute:" not in done.stdout


def test_the_switch_alone_collects_the_registry_only_and_paths_add_to_it(project: Project) -> None:
    (project.folder / "test_own.py").write_text("def test_own():\n    pass\n")
    assert "test_own" not in project.pytest("--modelroute", "-v").stdout
    both = project.pytest("--modelroute", "-v", "test_own.py").stdout
    assert "test_own.py::test_own PASSED" in both
    assert "modelroute.yaml::classify::gate PASSED" in both
    project.replace("-p no:randomly", "--modelroute -p no:randomly", "pytest.ini")
    added = project.pytest("-v").stdout
    assert "test_own.py::test_own PASSED" in added
    assert len(re.findall(r"modelroute.yaml::classify::gate PASSED", added)) == 1


def test_parallel_runs_judge_the_same_and_write_the_same_report(project: Project) -> None:
    (project.folder / "test_own.py").write_text("def test_own():\n    pass\n")
    alone = report(project, "--modelroute-try=classify=nano", status=1)
    parallel = report(project, "--modelroute-try=classify=nano", "-n", "2", status=1)
    assert parallel == alone
    command = ("--modelroute", "--modelroute-try=classify=nano", "-n", "2", "--modelroute-json=afresh.json")
    assert project.pytest_afresh(*command).returncode == 1
    assert json.loads((project.folder / "afresh.json").read_text()) == alone


def test_wrong_and_unscored_cases_have_a_status_of_their_own(project: Project) -> None:
    damage(project, "only its wrong answers deleted")
    done = project.pytest("--modelroute", "-v", "modelroute.yaml::classify")
    assert re.search(r"modelroute.yaml::classify::message-040 UNSCORED +\[", done.stdout)
    assert "1 failed, 117 passed, 3 unscored" in done.stdout
    wrong = project.pytest("--modelroute", "-v", "modelroute.yaml::reply")
    assert re.search(r"modelroute.yaml::reply::reply 20 WRONG +\[", wrong.stdout)
    assert "115 passed, 6 wrong" in wrong.stdout


def test_collect_only_lists_every_node_and_judges_nothing(project: Project) -> None:
    done = project.pytest("--modelroute", "--co", "-q")
    lines = [line for line in done.stdout.splitlines() if line.startswith("modelroute.yaml::")]
    assert len(lines) == 242
    assert "modelroute.yaml::reply::reply 7" in lines
    assert lines[-1] == "modelroute.yaml::reply::gate"
    assert done.returncode == 0


def test_junit_xml_and_html_reports_are_written(project: Project, tmp_path: Path) -> None:
    done = project.pytest(
        "--modelroute",
        "--modelroute-try=classify=nano",
        f"--junitxml={tmp_path / 'junit.xml'}",
        f"--html={tmp_path / 'report.html'}",
        "--self-contained-html",
    )
    assert done.returncode == 1
    junit = (tmp_path / "junit.xml").read_text()
    assert 'tests="242"' in junit
    assert 'failures="1"' in junit
    assert 'errors="0"' in junit
    assert 'message="30 wrong of 120: 25 % (18.6-32.3 %), at most 8 % allowed"' in junit
    assert "classify::gate" in (tmp_path / "report.html").read_text()


def test_random_order_changes_nothing(project: Project) -> None:
    (project.folder / "pytest.ini").write_text("[pytest]\n")
    project.move("classify", "nano")
    done = project.pytest("--modelroute", "-p", "pytest_randomly")
    assert done.returncode == 1
    assert "1 failed" in done.stdout


def test_a_sharding_plugin_shares_out_the_gates(project: Project) -> None:
    (project.folder / "pytest.ini").write_text("[pytest]\naddopts = -p no:randomly\n")
    project.move("classify", "nano")
    shards = [project.pytest("--modelroute", "--num-shards=2", f"--shard-id={shard}") for shard in (0, 1)]
    assert sorted(shard.returncode for shard in shards) == [0, 1]


def test_ctrl_c_is_exit_status_2(project: Project) -> None:
    (project.folder / "own.py").write_text("def score(output):\n    raise KeyboardInterrupt\n")
    project.replace("{kind: fields, fields: [label]}", "{kind: python, function: 'own:score'}")
    done = project.pytest("--modelroute")
    assert done.returncode == 2
    assert "INTERNALERROR" not in done.stdout


@pytest.mark.parametrize(
    "selection",
    [["--deselect", "modelroute.yaml::classify::gate"], ["modelroute.yaml::reply"]],
    ids=" ".join,
)
def test_a_tried_gate_that_is_left_out_by_name_fails_the_session(project: Project, selection: list[str]) -> None:
    done = project.pytest("--modelroute", "--modelroute-try=classify=small", *selection)
    assert done.returncode == 1, done.stdout
    assert "classify: not_evaluated\n  small is tried for it and its gate did not run: the session fails" in done.stdout


def test_a_tried_gate_that_a_selection_drops_runs_all_the_same(project: Project) -> None:
    done = project.pytest("--modelroute", "--modelroute-try=classify=nano", "-k", "message-001")
    assert done.returncode == 1
    assert "1 failed, 1 passed" in done.stdout
    assert project.pytest("--modelroute", "--modelroute-try=classify=small", "-k", "message-001").returncode == 0


RECORD = "--modelroute-record=new_episodes"


def test_the_command_to_record_works_where_it_was_printed(project: Project) -> None:
    damage(project, "all of it deleted")
    (project.folder / "below").mkdir()
    for folder, arguments, command in (
        (".", [], f'{RECORD} "modelroute.yaml::classify"'),
        ("below", [], f'{RECORD} "../modelroute.yaml::classify"'),
        (
            "below",
            ["--modelroute-registry=modelroute.yaml"],
            f'--modelroute-registry=modelroute.yaml {RECORD} "../modelroute.yaml::classify"',
        ),
        (
            ".",
            ["-o", "modelroute_registry=modelroute.yaml", "--modelroute-try=classify=nano"],
            None,
        ),
    ):
        done = project.pytest("--modelroute", *arguments, folder=folder)
        if command is None:
            assert "way out: keep `tier: large` at modelroute.yaml:11" in done.stdout
        else:
            assert f"way out: pytest --modelroute {command}\n" in done.stdout
            # Up to the recording itself, which needs a server: the node id is found.
            pasted = shlex.split(command.replace(RECORD, "--collect-only"))
            assert project.pytest("--modelroute", *pasted, "-q", folder=folder).returncode == 0


def test_a_registry_that_is_not_the_default_stands_in_the_command(project: Project) -> None:
    damage(project, "all of it deleted")
    project.registry.rename(project.folder / "my routes.yaml")
    project.replace("[pytest]", "[pytest]\nmodelroute_registry = my routes.yaml", "pytest.ini")
    done = project.pytest("--modelroute")
    command = f"pytest --modelroute --modelroute-registry='my routes.yaml' {RECORD} \"my routes.yaml::classify\""
    assert f"way out: {command}\n" in done.stdout


def test_the_short_summary_of_a_parallel_run_names_the_reason_too(project: Project) -> None:
    done = project.pytest("--modelroute", "--modelroute-try=classify=nano", "-n", "2", "--junitxml=junit.xml")
    reason = "30 wrong of 120: 25 % (18.6-32.3 %), at most 8 % allowed"
    assert f"FAILED modelroute.yaml::classify::gate - {reason}\n" in done.stdout
    assert f'message="{reason}"' in (project.folder / "junit.xml").read_text()


def test_a_configuration_that_can_never_be_right_is_no_verdict(project: Project) -> None:
    project.replace("format: json, schema: schemas/classify.json, confidence: /confidence", "format: text")
    done = project.pytest("--modelroute")
    assert done.returncode == 4
    assert "modelroute.yaml:15: 'kind: fields' scores fields, and the output is a text, which has none" in done.stderr
    project.replace("output: {format: text}", "output: {format: json}")
    project.replace("{kind: fields, fields: [label]}", "{kind: exact, field: lable}")
    done = project.pytest("--modelroute")
    assert done.returncode == 4
    told = "'expected' has no 'lable', which is scored: did you mean 'label'? one of label"
    assert f"golden/classify.jsonl:1: case 'message-001': {told}" in done.stderr


def test_a_half_gated_task_is_a_warning_that_quiet_runs_show_too(project: Project) -> None:
    project.replace("    prompt: prompts/reply.yaml\n", "")
    done = project.pytest("--modelroute", "-q")
    assert done.returncode == 0, done.stdout
    assert (
        "warning: modelroute.yaml:18: reply has a golden dataset without a prompt: the task is not gated" in done.stdout
    )


@pytest.mark.parametrize("columns", ["60", "120"])
def test_a_task_without_any_answer_has_no_rate(project: Project, columns: str) -> None:
    damage(project, "all of it deleted")
    done = project.pytest("--modelroute", "modelroute.yaml::classify", COLUMNS=columns)
    if columns == "60":
        assert "  0 of 120 wrong, 120 errors, -, limit 8 %\n" in done.stdout
    else:
        assert re.search(r"^classify +large +0 of 120, 120 errors  - +8 %", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_the_summary_fits_the_terminal(project: Project, columns: str) -> None:
    done = project.pytest("--modelroute", "--modelroute-try=classify=small", COLUMNS=columns, NO_COLOR="1")
    assert "\x1b[" not in done.stdout
    summary = done.stdout.partition("model routing")[2].splitlines()[1:]
    table = [line for line in summary if "of 120" in line]
    assert table
    assert all(len(line) <= max(int(columns), 60) for line in table)


def test_an_option_without_the_switch_is_told(project: Project) -> None:
    done = project.pytest("--modelroute-base=main")
    assert done.returncode == 4
    assert "an option of the plugin is given, but not the switch" in done.stderr


def test_a_registry_in_an_ignored_folder_is_told_and_never_green(project: Project) -> None:
    (project.folder / "build").mkdir()
    for name in ("modelroute.yaml", "golden", "prompts", "schemas", "cassettes"):
        (project.folder / name).rename(project.folder / "build" / name)
    done = project.pytest("--modelroute", "--modelroute-registry=build/modelroute.yaml", ".")
    assert done.returncode == 4
    assert "was not collected: it lies in a folder that pytest is told to ignore" in done.stderr
    assert project.pytest("--modelroute", "--modelroute-registry=build/modelroute.yaml").returncode == 0


def test_a_registry_without_gates_is_listed_and_green(project: Project) -> None:
    text = project.registry.read_text()
    project.registry.write_text(text.partition("  classify:")[0] + "  draft_email:\n    tier: large\n")
    done = project.pytest("--modelroute")
    assert done.returncode == 0, done.stdout
    assert "ungated" in done.stdout


def test_a_lone_surrogate_in_an_answer_harms_neither_report_nor_parallel_run(project: Project) -> None:
    cassette = project.cassette("classify", "large")
    first, *others = read_back(cassette)
    changed = re.sub(r'(\\"label\\": \\")\w+', r"\1\\ud800", first.response_body)
    assert changed != first.response_body
    cassette.write_text(cassette_text([answered(first, changed), *others]), encoding="utf-8")
    alone = report(project, "modelroute.yaml::classify")
    assert report(project, "modelroute.yaml::classify", "-n", "2") == alone
    assert task(alone, "classify")["kinds"]["schema"] == 1


@pytest.mark.parametrize("mode", ["direct", "vcr"])
def test_an_answer_that_was_edited_after_it_was_recorded_is_an_error(project: Project, mode: str) -> None:
    cassette = project.cassette("classify", "large")
    text = cassette.read_text(encoding="utf-8")
    cassette.write_text(re.sub(r'(\\\\\\"label\\\\\\": \\\\\\")\w+', r"\1refund", text), encoding="utf-8")
    found = task(report(project, f"--modelroute-replay={mode}", status=1), "classify")
    assert (found["verdict"], found["kinds"]["unreadable"]) == ("error", 80)
    assert "the recording does not match its digest: it was edited, or is that of another call" in found["reasons"][1]


def test_the_endpoint_is_part_of_what_was_recorded(project: Project) -> None:
    text = project.registry.read_text()
    project.registry.write_text(re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:9", text))
    found = task(report(project, status=1), "classify")
    assert found["kinds"] == {"stale": 120}
    assert "/v1/messages, not from http://127.0.0.1:9: pytest --modelroute" in found["results"][0]["detail"]
