"""Registry changes against a base, in real repositories: what is judged how, and what cannot be laundered."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from .projects import LABELS, Project, git
from .test_gate import report, task


def test_an_unchanged_branch_reports_no_change(repository: Project) -> None:
    read = report(repository, "--modelroute-base=main", status=0)
    assert read["changes"] == []
    assert read["base"] == {"ref": "main", "commit": git(repository.folder, "rev-parse", "main")}
    assert [found["strict"] for found in read["tasks"]] == [False, False, False]


def test_the_one_line_change_to_a_bad_tier_is_red_and_says_what_it_broke(repository: Project) -> None:
    repository.move("classify", "nano")
    done = repository.pytest("--modelroute", "--modelroute-base=main")
    assert done.returncode == 1
    assert "base main (" in done.stdout
    assert "against large on 120 cases: broke 27, fixed 0" in done.stdout
    assert "way out: put `tier: large` back at modelroute.yaml:11" in done.stdout
    assert "large -> nano" in done.stdout
    assert "0.120 -> 0.0300" in done.stdout


def test_a_swapped_model_is_put_back_at_the_tier_s_line(repository: Project) -> None:
    repository.replace("name: large, model: large-1", "name: large, model: nano-1")
    cassettes = repository.folder / "cassettes"
    (cassettes / "reply/nano-1.yaml").unlink()
    read = report(repository, "--modelroute-base=main", status=1)
    assert task(read, "classify")["way_out"] == "put `model: large-1` back at modelroute.yaml:5"
    draft = task(read, "draft_email")
    assert draft["reasons"] == [
        "large swapped from large-1 to nano-1, and no golden dataset with a prompt tells whether it works"
    ]
    assert draft["way_out"] == "put `model: large-1` back at modelroute.yaml:5, or add `golden:` and `prompt:`"


def test_the_one_line_change_to_a_good_tier_is_green(repository: Project) -> None:
    repository.move("classify", "small")
    found = task(report(repository, "--modelroute-base=main", status=0), "classify")
    assert (found["verdict"], found["strict"]) == ("pass", True)
    assert found["change"] == {"kind": "downgrade", "from": "large", "to": "small"}
    assert found["reasons"] == [
        "6 wrong of 120: 5 % (2.2-9.6 %), at most 8 % allowed",
        "on the base's own cases: 6 wrong of 120: 5 % (2.2-9.6 %), at most 8 % allowed",
    ]


def easy_cases(number: int) -> list[dict[str, Any]]:
    """New cases that every tier gets right: their numbers are divisible by none of the tiers' steps."""
    return [
        {"id": f"easy-{n}", "input": {"text": f"message {n}"}, "expected": {"label": LABELS[n % 3]}}
        for n in range(1001, 1001 + 2 * number, 2)
    ]


def test_padding_the_golden_set_with_easy_cases_does_not_turn_a_downgrade_green(repository: Project) -> None:
    repository.move("classify", "nano")
    repository.write_golden("classify", repository.golden("classify") + easy_cases(400))
    assert repository.record_more() == 400
    report(repository, status=0)  # without a base the padded set would pass
    read = report(repository, "--modelroute-base=main", status=1)
    found = task(read, "classify")
    assert (found["verdict"], found["cases"], found["wrong"]) == ("fail", 520, 30)
    assert found["reasons"] == [
        "30 wrong of 520: 5.8 % (4.2-7.7 %), at most 8 % allowed",
        "on the base's own cases: 30 wrong of 120: 25 % (18.6-32.3 %), at most 8 % allowed",
    ]


@pytest.mark.parametrize("rename", [False, True])
def test_replacing_the_golden_set_with_easy_cases_does_not_help_either(repository: Project, rename: bool) -> None:
    repository.move("classify", "nano")
    cases = [case for case in repository.golden("classify") if int(case["id"][-3:]) % 4]
    if rename:
        cases = [{**case, "id": f"new-{case['id']}", "input": {"text": case["input"]["text"]}} for case in cases]
    repository.write_golden("classify", cases)
    found = task(report(repository, "--modelroute-base=main", status=1), "classify")
    assert found["reasons"][0].startswith("golden removed: 30 cases, sha256:")
    assert found["reasons"][2].startswith("on the base's own cases: 0 wrong of 90")
    assert found["reasons"][3].startswith("on the base's cases as they were: 30 wrong of 120: 25 %")


def test_a_changed_prompt_is_strict_and_stale_until_it_is_recorded(repository: Project) -> None:
    repository.replace("Classify the message.", "Sort the message.", "prompts/classify.yaml")
    read = report(repository, "--modelroute-base=main", status=1)
    assert [(change["kind"], change["task"]) for change in read["changes"]] == [("prompt_changed", "classify")]
    found = task(read, "classify")
    assert (found["verdict"], found["strict"], found["kinds"]) == ("error", True, {"stale": 120})


def test_layout_comments_order_and_line_endings_are_no_change(repository: Project) -> None:
    text = repository.registry.read_text()
    head, _, tasks = text.partition("tasks:\n")
    classify, reply = tasks.partition("  reply:")[0], "  reply:" + tasks.partition("  reply:")[2]
    repository.registry.write_bytes(
        ("# a comment\n" + head + "tasks:\n" + reply + classify).replace("\n", "\r\n").encode()
    )
    prompt = repository.folder / "prompts/classify.yaml"
    (repository.folder / "prompts/moved.yaml").write_text("# moved\n" + prompt.read_text())
    prompt.unlink()
    repository.replace("prompts/classify.yaml", "prompts/moved.yaml")
    assert report(repository, "--modelroute-base=main", status=0)["changes"] == []


def test_a_moved_registry_is_found_under_its_old_name(repository: Project) -> None:
    git(repository.folder, "mv", "modelroute.yaml", "routes.yaml")
    read = report(repository, "--modelroute-base=main", "--modelroute-registry=routes.yaml", status=0)
    assert (read["registry"], read["changes"]) == ("routes.yaml", [])


def test_a_new_registry_makes_every_task_new_and_strict(repository: Project) -> None:
    text = repository.registry.read_text()
    git(repository.folder, "checkout", "-q", "main")
    git(repository.folder, "rm", "-q", "modelroute.yaml")
    git(repository.folder, "commit", "-q", "-m", "no registry")
    git(repository.folder, "checkout", "-q", "-b", "new")
    repository.registry.write_text(text)
    read = report(repository, "--modelroute-base=main", status=0)
    assert [(change["kind"], change["task"]) for change in read["changes"]] == [
        ("task_added", "classify"),
        ("task_added", "reply"),
        ("task_added", "draft_email"),
    ]
    assert [found["strict"] for found in read["tasks"]] == [True, True, False]


def test_an_inconclusive_new_task_fails(repository: Project) -> None:
    text = repository.registry.read_text()
    repository.registry.write_text(re.sub(r"  classify:\n(    .*\n)+", "", text))
    git(repository.folder, "commit", "-qam", "before it")
    git(repository.folder, "branch", "-f", "main")
    repository.registry.write_text(text)
    repository.replace("score: {kind: fields", "gate: {min_cases: 121}\n    score: {kind: fields")
    read = report(repository, "--modelroute-base=main", status=1)
    found = task(read, "classify")
    assert (found["verdict"], found["strict"]) == ("inconclusive", True)


def test_a_strict_gate_survives_selections_and_shards(repository: Project) -> None:
    repository.move("classify", "nano")
    base = ("--modelroute", "--modelroute-base=main")
    assert repository.pytest(*base, "-k", "message-001").returncode == 1
    assert repository.pytest(*base, "-m", "nothing").returncode == 1
    (repository.folder / "pytest.ini").write_text("[pytest]\naddopts = -p no:randomly\n")
    for shard in ("0", "1"):
        assert repository.pytest(*base, "--num-shards=2", f"--shard-id={shard}").returncode == 1


def test_a_strict_gate_that_is_deselected_by_name_fails_the_session(repository: Project) -> None:
    repository.move("classify", "small")
    base = ("--modelroute", "--modelroute-base=main")
    for arguments in (["--deselect", "modelroute.yaml::classify::gate"], ["modelroute.yaml::reply"]):
        done = repository.pytest(*base, *arguments)
        assert done.returncode == 1, done.stdout
        assert "its assignment changes against the base and its gate did not run: the session fails" in done.stdout
    assert repository.pytest(*base, "-n", "2").returncode == 0


def test_the_merge_base_counts_not_the_tip(repository: Project) -> None:
    git(repository.folder, "checkout", "-q", "main")
    repository.move("reply", "large")
    git(repository.folder, "commit", "-q", "-a", "-m", "others moved on")
    git(repository.folder, "checkout", "-q", "change")
    assert report(repository, "--modelroute-base=main", status=0)["changes"] == []


def github(repository: Project, event: dict[str, Any], **environment: str) -> dict[str, Any]:
    path = repository.folder / "event.json"
    path.write_text(json.dumps(event))
    done = repository.pytest(
        "--modelroute",
        "--modelroute-json=report.json",
        GITHUB_ACTIONS="true",
        GITHUB_EVENT_PATH=str(path),
        **environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    read: dict[str, Any] = json.loads((repository.folder / "report.json").read_text())
    return read


def test_github_s_merge_commit_is_compared_with_its_first_parent(repository: Project) -> None:
    repository.move("classify", "small")
    git(repository.folder, "commit", "-q", "-a", "-m", "downgrade")
    git(repository.folder, "checkout", "-q", "main")
    (repository.folder / "other.txt").write_text("somebody else\n")
    git(repository.folder, "add", "other.txt")
    git(repository.folder, "commit", "-q", "-m", "others moved on")
    git(repository.folder, "merge", "-q", "--no-ff", "-m", "merge", "change")
    url = f"file://{repository.folder}"
    clone = repository.folder.parent / "clone"
    git(repository.folder.parent, "clone", "-q", "--depth", "2", url, str(clone))
    read = github(
        Project(clone),
        {"pull_request": {"base": {"sha": "0" * 40}}},
        GITHUB_EVENT_NAME="pull_request",
        GITHUB_REF="refs/pull/7/merge",
        GITHUB_SHA=git(clone, "rev-parse", "HEAD"),
    )
    assert read["base"]["commit"] == git(clone, "rev-parse", "HEAD^1")
    assert [change["kind"] for change in read["changes"]] == ["downgrade"]


def test_github_s_merge_queue_names_its_base_in_the_event(repository: Project) -> None:
    base = git(repository.folder, "rev-parse", "main")
    repository.move("classify", "small")
    git(repository.folder, "commit", "-q", "-a", "-m", "downgrade")
    read = github(repository, {"merge_group": {"base_sha": base}}, GITHUB_EVENT_NAME="merge_group")
    assert read["base"]["commit"] == base
    assert [change["kind"] for change in read["changes"]] == ["downgrade"]


def test_an_empty_base_switches_the_comparison_off(repository: Project) -> None:
    done = repository.pytest(
        "--modelroute", "--modelroute-base=", GITHUB_ACTIONS="true", GITHUB_EVENT_NAME="pull_request"
    )
    assert done.returncode == 0
    assert "no base" in done.stdout


def test_a_python_prompt_of_the_base_answers_for_the_base(repository: Project) -> None:
    builder = (
        "def build(input):\n"
        "    return {'system': 'Classify the message.',\n"
        "            'messages': [{'role': 'user', 'content': f\"Classify: {input['text']}\"}]}\n"
    )
    (repository.folder / "own_prompts.py").write_text(builder)
    repository.replace("prompt: prompts/classify.yaml", "prompt: {python: 'own_prompts:build'}")
    git(repository.folder, "add", ".")
    git(repository.folder, "commit", "-q", "-m", "prompts in Python")
    git(repository.folder, "branch", "-f", "main")
    assert report(repository, "--modelroute-base=main", status=0)["changes"] == []
    (repository.folder / "own_prompts.py").write_text("# only a comment\n" + builder)
    assert report(repository, "--modelroute-base=main", status=0)["changes"] == []
    (repository.folder / "own_prompts.py").write_text(builder.replace("Classify the", "Sort the"))
    read = report(repository, "--modelroute-base=main", status=1)
    assert [change["kind"] for change in read["changes"]] == ["prompt_changed"]
    assert task(read, "classify")["kinds"] == {"stale": 120}


def test_a_try_cannot_hide_a_change_and_the_ini_cannot_switch_the_base_off(repository: Project) -> None:
    repository.move("classify", "nano")
    repository.replace("[pytest]", "[pytest]\nmodelroute_try = classify=large", "pytest.ini")
    done = repository.pytest("--modelroute", "--modelroute-base=main")
    assert done.returncode == 4
    assert "a try is named in the ini file, and with a base it would keep the registry's own tier from" in done.stderr
    done = repository.pytest("--modelroute", "--modelroute-base=main", "--modelroute-try=classify=large")
    assert done.returncode == 4
    assert "classify changes its tier against the base, which a try would hide" in done.stderr
    repository.replace("modelroute_try = classify=large", "modelroute_base =", "pytest.ini")
    event = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "pull_request", "GITHUB_BASE_REF": "main"}
    git(repository.folder, "update-ref", "refs/remotes/origin/main", "main")
    done = repository.pytest("--modelroute", **event)
    assert done.returncode == 1
    assert "base origin/main" in done.stdout


def test_a_try_hides_no_escalation_that_is_taken_out(repository: Project) -> None:
    repository.move("classify", "nano")
    repository.replace("  classify:\n", "  classify:\n    escalate: {to: large, below: 0.95}\n")
    git(repository.folder, "commit", "-q", "-a", "-m", "a cascade")
    git(repository.folder, "branch", "-f", "main")
    repository.replace("    escalate: {to: large, below: 0.95}\n", "")
    ini = (repository.folder / "pytest.ini").read_text()
    for line in ("modelroute_try = classify=large\n", "addopts = --modelroute-try=classify=large\n"):
        kept = ini.partition("addopts")[0] if line.startswith("addopts") else ini
        (repository.folder / "pytest.ini").write_text(kept + line)
        done = repository.pytest("--modelroute", "--modelroute-base=main")
        assert (done.returncode, "a try is named in the ini file" in done.stderr) == (4, True), done.stdout
    (repository.folder / "pytest.ini").write_text(ini)
    done = repository.pytest("--modelroute", "--modelroute-base=main", "--modelroute-try=classify=large")
    assert (done.returncode, "which a try would hide" in done.stderr) == (4, True)
    assert repository.pytest("--modelroute", "--modelroute-base=main").returncode == 1
    repository.replace("tier: nano", "tier: nano\n    escalate: {to: large, below: 0.95}")
    done = repository.pytest("--modelroute", "--modelroute-base=main", "--modelroute-try=classify=large")
    assert (done.returncode, "trying classify=large" in done.stdout) == (0, True)


@pytest.mark.parametrize("line", ["modelroute_base = change", "addopts = --modelroute-base=change"])
def test_the_ini_names_a_base_only_where_nothing_else_does(repository: Project, line: str) -> None:
    git(repository.folder, "update-ref", "refs/remotes/origin/main", "main")
    repository.replace("[pytest]", f"[pytest]\n{line}", "pytest.ini")
    if line.startswith("addopts"):
        repository.replace("\naddopts = -p no:randomly -p no:shard\n", "\n", "pytest.ini")
    repository.move("classify", "nano")
    git(repository.folder, "commit", "-q", "-a", "-m", "down, against itself")
    event = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "pull_request", "GITHUB_BASE_REF": "main"}
    gitlab = {"GITLAB_CI": "true", "CI_MERGE_REQUEST_IID": "7", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main"}
    for environment, more in ((event, ()), (event, ("-n", "2")), (gitlab, ())):
        done = repository.pytest("--modelroute", *more, **environment)
        assert (done.returncode, "base origin/main (" in done.stdout) == (1, True), done.stdout
        assert "put `tier: large` back" in done.stdout
    assert "base change (" in repository.pytest("--modelroute").stdout
    assert "base main (" in repository.pytest("--modelroute", "--modelroute-base=main", **event).stdout
    assert "base main (" in repository.pytest("--modelroute", **event, PYTEST_ADDOPTS="--modelroute-base main").stdout
    assert "no base" in repository.pytest("--modelroute", "--modelroute-base=", **event).stdout


def test_a_swap_and_a_move_onto_the_swapped_tier_is_strict(repository: Project) -> None:
    repository.replace("name: large, model: large-1", "name: large, model: nano-2")
    repository.move("reply", "large")
    read = report(repository, "--modelroute-base=main", status=1)
    kinds = [(change["kind"], change["task"]) for change in read["changes"]]
    assert ("model_swap", "reply") in kinds
    assert task(read, "reply")["strict"] is True
