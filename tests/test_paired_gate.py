"""What a change must show beside its error rate: the paired gate, policy by traits, several tasks in one change."""

from __future__ import annotations

import pytest

from .projects import Project, git
from .test_gate import report, task

SCORE = "    score: {kind: fields, fields: [label]}\n"


def declare(project: Project, *lines: str) -> None:
    """Add lines to the task `classify`, as the base has them already."""
    project.replace(SCORE, SCORE + "".join(f"    {line}\n" for line in lines))
    git(project.folder, "commit", "-qam", "policy")
    git(project.folder, "branch", "-f", "main")


MARGINS = {
    "within": ("{max_regression: 0.025}", 0, "+2.5 points (95 % bounds +0.2 to +6.1), at most 2.5 points allowed"),
    "above": ("{max_regression: 0.02}", 1, "+2.5 points (95 % bounds +0.2 to +6.1), at most 2 points allowed"),
    "certified": (
        "{rule: certified, max_error: 0.1, max_regression: 0.07}",
        0,
        "+2.5 points (95 % bounds +0.2 to +6.1): certified to be at most 7 points",
    ),
    "not certified": (
        "{rule: certified, max_error: 0.1, max_regression: 0.03}",
        1,
        "+2.5 points (95 % bounds +0.2 to +6.1): not certified to be at most 3 points; "
        "6670 more cases would decide it with 80 % power if the rates stay",
    ),
}


@pytest.mark.parametrize(("gate", "status", "words"), MARGINS.values(), ids=MARGINS)
def test_a_downgrade_may_break_no_more_than_its_margin(repository: Project, gate: str, status: int, words: str) -> None:
    declare(repository, f"gate: {gate}")
    repository.move("classify", "small")
    found = task(report(repository, "--modelroute-base=main", status=status), "classify")
    assert f"against large on 120 cases: {words}" in found["reasons"]
    assert (found["verdict"] == "pass") is (status == 0)
    assert found["paired"]["broke"] == ["message-020", "message-060", "message-100"]


def test_a_trial_is_held_to_the_margin_too_and_an_unchanged_task_is_not(repository: Project) -> None:
    declare(repository, "gate: {max_regression: 0.0}")
    assert task(report(repository, "--modelroute-base=main", status=0), "classify")["verdict"] == "pass"
    tried = task(report(repository, "--modelroute-try=classify=small", status=1), "classify")
    assert (tried["verdict"], tried["max_regression"]) == ("fail", 0.0)


def test_a_baseline_without_a_recording_for_a_case_fails_closed_and_names_the_command(repository: Project) -> None:
    lines = repository.cassette("classify", "large").read_text().splitlines(keepends=True)
    repository.cassette("classify", "large").write_text("".join(lines[:-1]))
    git(repository.folder, "add", "-A")
    declare(repository, "gate: {max_regression: 0.05}")
    repository.move("classify", "small")
    read = report(repository, "--modelroute-base=main", status=1)
    found = task(read, "classify")
    assert (found["verdict"], found["paired"]["unanswered"], found["paired"]["cases"]) == ("error", 1, 119)
    assert found["reasons"][-1] == "1 case has no answer of large to compare with"
    assert found["way_out"] == (
        "pytest --modelroute --modelroute-record=new_episodes --modelroute-record-tiers=large"
        ' "modelroute.yaml::classify"'
    )
    # Recorded on the branch under the very same key, it is the answer that the base lacks.
    repository.cassette("classify", "large").write_text("".join(lines))
    found = task(report(repository, "--modelroute-base=main", status=0), "classify")
    assert (found["verdict"], found["paired"]["unanswered"]) == ("pass", 0)


def test_a_baseline_that_was_never_recorded_fails_closed_where_there_is_a_margin(repository: Project) -> None:
    repository.cassette("classify", "large").unlink()
    git(repository.folder, "add", "-A")
    declare(repository, "gate: {max_regression: 0.05}")
    repository.move("classify", "small")
    found = task(report(repository, "--modelroute-base=main", status=1), "classify")
    assert (found["verdict"], found["paired"]) == ("error", None)
    assert found["reasons"][-1] == "120 cases have no answer of large to compare with"


def test_a_prompt_that_changed_too_is_recorded_as_it_was(repository: Project) -> None:
    repository.cassette("classify", "large").unlink()
    git(repository.folder, "add", "-A")
    declare(repository, "gate: {max_regression: 0.05}")
    repository.replace("request: {max_tokens: 64,", "request: {max_tokens: 64.0,")
    repository.replace("    tier: large\n", "    tier: small\n    request: {max_tokens: 65}\n")
    found = task(report(repository, "--modelroute-base=main", status=1), "classify")
    assert found["verdict"] == "error"
    assert found["kinds"] == {"stale": 120}  # its own recordings come first


TRAITS = {
    "long output": ("traits: {output: long, failure: cheap, reasoning: single}", "middle", "output: long"),
    "a kind": ("kind: code_review", "middle", "failure: costly and reasoning: multi"),
}


@pytest.mark.parametrize(("declared", "level", "objections"), TRAITS.values(), ids=TRAITS)
def test_a_downgrade_against_policy_needs_the_certified_rule_and_an_acknowledgement(
    repository: Project, declared: str, level: str, objections: str
) -> None:
    declare(repository, declared, "gate: {max_error: 0.5}")
    repository.move("classify", "nano")
    found = task(report(repository, "--modelroute-base=main", status=1), "classify")
    asks = f"a move to below small, which is recommended for {objections}, needs"
    assert found["verdict"] == "fail"
    assert f"{asks} `rule: certified`, whatever was measured" in found["reasons"]
    assert f"{asks} an acknowledgement, whatever was measured" in found["reasons"]
    assert found["way_out"].startswith(
        "put `tier: large` back at modelroute.yaml:11, or set `gate: {rule: certified}` and acknowledge it: "
    )
    entry = found["way_out"].partition("acknowledge it: `")[2].removesuffix("`")
    repository.replace("gate: {max_error: 0.5}", "gate: {max_error: 0.5, rule: certified}")
    with repository.registry.open("a") as file:
        file.write(f"acknowledged:\n  {entry.replace('WHY', 'costs were agreed with support')}\n")
    found = task(report(repository, "--modelroute-base=main", status=0), "classify")
    assert found["verdict"] == "pass"


@pytest.mark.parametrize("tier", ["small", "large"])
def test_a_move_to_the_recommended_tier_is_only_measured(repository: Project, tier: str) -> None:
    declare(repository, "kind: code_review")
    repository.move("classify", tier)
    report(repository, "--modelroute-base=main", status=0)


def test_an_easy_task_may_go_to_the_cheapest_tier_on_its_numbers_alone(repository: Project) -> None:
    declare(repository, "kind: intent_classification", "gate: {max_error: 0.5}")
    repository.move("classify", "nano")
    report(repository, "--modelroute-base=main", status=0)


def test_a_trial_against_policy_is_told_what_the_rule_must_be_and_needs_no_acknowledgement(repository: Project) -> None:
    declare(repository, "kind: code_review", "gate: {max_error: 0.5}")
    found = task(report(repository, "--modelroute-try=classify=nano", status=1), "classify")
    assert [reason for reason in found["reasons"] if "needs" in reason] == [
        "a move to below small, which is recommended for failure: costly and reasoning: multi, needs"
        " `rule: certified`, whatever was measured"
    ]


def two_moves(project: Project, gate: str) -> None:
    project.replace("default_tier: large\ndefaults:\n", f"default_tier: large\ndefaults:\n  gate: {gate}\n")
    project.move("reply", "large")
    git(project.folder, "commit", "-qam", "policy")
    git(project.folder, "branch", "-f", "main")
    project.move("classify", "small")
    project.move("reply", "small")


def test_holm_holds_back_what_passes_only_alone(repository: Project) -> None:
    two_moves(repository, "{rule: certified, max_error: 0.097}")
    done = repository.pytest("--modelroute", "--modelroute-base=main")
    assert done.returncode == 0, done.stdout
    assert (
        "2 changed tasks: if each were just too bad, up to 0.10 of them would pass; `correction: holm` holds the chance"
        " of any to 5 %\n" in done.stdout
    )
    repository.replace("{rule: certified, ", "{rule: certified, correction: holm, ")
    found = report(repository, "--modelroute-base=main", status=1)
    for name in ("classify", "reply"):
        assert task(found, name)["verdict"] == "inconclusive"
        assert (
            "among 2 changed tasks it does not pass: Holm's adjusted p is 0.095, and 0.05 is the most; change fewer"
            " tasks at a time, or add golden cases" in task(found, name)["reasons"]
        )
    repository.move("reply", "large")
    assert task(report(repository, "--modelroute-base=main", status=0), "classify")["verdict"] == "pass"


def test_the_ceiling_on_false_passes_of_the_observed_rule_is_what_it_is(repository: Project) -> None:
    two_moves(repository, "{max_error: 0.08}")
    done = repository.pytest("--modelroute", "--modelroute-base=main")
    assert "2 changed tasks: if each were just too bad, up to 1.0" in done.stdout
    assert "of them would pass; `rule: certified` holds it to 0.10\n" in done.stdout


def test_the_paired_gate_and_holm_come_out_alike_under_xdist(repository: Project) -> None:
    two_moves(repository, "{rule: certified, max_error: 0.12, max_regression: 0.08, correction: holm}")
    alone = report(repository, "--modelroute-base=main")
    spread = report(repository, "--modelroute-base=main", "-n2")
    assert spread["tasks"] == alone["tasks"]
    assert {task(alone, name)["verdict"] for name in ("classify", "reply")} == {"pass"}
