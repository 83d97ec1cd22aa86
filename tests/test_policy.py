"""Policy before measurement, end to end: what else than a downgrade takes a task below its tier, and what does not."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from .guarded import acknowledge
from .projects import LABELS, Project, git
from .retold import answers
from .test_cli_advise import found, read_json
from .test_gate import report, task
from .test_paired_gate import declare

BASE = "--modelroute-base=main"
PLANNING = ("kind: multi_step_planning", "gate: {max_error: 0.5}")
CASCADE = "    tier: small\n    escalate: {to: large, below: 0.95}\n"
Edit = Callable[[Project], None]


@pytest.fixture
def repository(repository: Project) -> Project:
    """With the one task that is moved."""
    text = repository.registry.read_text()
    repository.registry.write_text(text.partition("  reply:\n")[0])
    return repository


def tiers(project: Project) -> list[str]:
    return re.findall(r"  - \{name: .*\n", project.registry.read_text())


def reorder(project: Project, order: str, *, junk: int = 0) -> None:
    """Put the tiers in another order, and tiers that nothing uses before them."""
    lines = tiers(project)
    named = {re.findall(r"name: (\w+)", line)[0]: line for line in lines}
    unused = [f"  - {{name: junk{number}, model: junk{number}}}\n" for number in range(junk)]
    project.replace("".join(lines), "".join([*unused, *(named[name] for name in order.split())]))


def remodel(project: Project, tier: str, model: str) -> None:
    """Another model under a tier's name."""
    project.replace(f"name: {tier}, model: {tier}-1", f"name: {tier}, model: {model}")


def moved(order: str, tier: str, *, junk: int = 0) -> Edit:
    def edit(project: Project) -> None:
        reorder(project, order, junk=junk)
        project.move("classify", tier)

    return edit


def lacking(project: Project, status: int = 1) -> list[str]:
    """What policy asks for, by the reasons that say so."""
    judged = task(report(project, BASE, status=status), "classify")
    return [reason for reason in judged["reasons"] if "whatever was measured" in reason]


ORDERS: dict[str, tuple[str, Edit, str]] = {
    "two tiers change places": ("multi_step_planning", moved("nano large small", "small"), "large"),
    "the middle moves down": ("code_generation", moved("nano small large", "nano", junk=3), "small"),
    "the middle moves up": ("code_generation", moved("small nano large", "small"), "nano"),
    "as they were": ("multi_step_planning", moved("nano small large", "small"), "large"),
}


@pytest.mark.parametrize(("kind", "edit", "wanted"), ORDERS.values(), ids=ORDERS)
def test_a_move_to_below_the_recommended_tier_of_either_order_is_one(
    repository: Project, kind: str, edit: Edit, wanted: str
) -> None:
    declare(repository, f"kind: {kind}", "gate: {max_error: 0.5}")
    edit(repository)
    told = lacking(repository)
    assert [each.partition(", which is")[0] for each in told] == [f"a move to below {wanted}"] * 2


def test_a_new_tier_is_held_against_the_recommended_one_of_the_base(repository: Project) -> None:
    declare(repository, "kind: code_generation", "gate: {max_error: 0.5}")
    remodel(repository, "nano", "nano-0")
    repository.replace("name: nano,", "name: tiny,")  # the middle one of the new order
    reorder(repository, "tiny small large", junk=3)
    repository.move("classify", "tiny")
    assert [each.partition(", which is")[0] for each in lacking(repository)] == ["a move to below small"] * 2


def swapped(tier: str, model: str) -> Edit:
    return lambda project: remodel(project, tier, model)


def replaced(old: str, new: str) -> Edit:
    return lambda project: project.replace(old, new)


def both(*edits: Edit) -> Edit:
    def edit(project: Project) -> None:
        for each in edits:
            each(project)

    return edit


ALONE = "    tier: large\n"
STATED = "escalate: {to: large, below: 0.95}"
# What the task is, what it runs on, the edit, what policy asks for it and of which changes.
LOWERED: dict[str, tuple[str, str, Edit, str, list[str]]] = {
    "an escalation that goes": (
        "multi_step_planning",
        CASCADE,
        replaced(f"    {STATED}\n", ""),
        "less escalation below large",
        ["escalation_changed"],
    ),
    "an escalation of fewer answers": (
        "multi_step_planning",
        CASCADE,
        replaced("below: 0.95", "below: 0.94"),
        "less escalation below large",
        ["escalation_changed"],
    ),
    "an escalation by form alone": (
        "multi_step_planning",
        CASCADE,
        replaced(", below: 0.95", ""),
        "less escalation below large",
        ["escalation_changed"],
    ),
    "an escalation to a cheaper tier": (
        "multi_step_planning",
        CASCADE.replace("small", "nano"),
        replaced("to: large", "to: small"),
        "less escalation below large",
        ["escalation_changed"],
    ),
    "an escalation that goes, of a lower tier": (
        "multi_step_planning",
        CASCADE,
        replaced(CASCADE, "    tier: nano\n"),
        "a move to below large",
        ["downgrade", "escalation_changed"],
    ),
    "an escalation by another confidence": (
        "multi_step_planning",
        CASCADE,
        replaced("confidence: /confidence", "confidence: /certainty"),
        "less escalation below large",
        ["escalation_changed"],
    ),
    "a cheaper tier's model": (
        "multi_step_planning",
        ALONE,
        both(swapped("small", "other"), swapped("large", "small-1")),
        "a model that is not known to reach large",
        ["model_swap"],
    ),
    "the middle tier's model, too low": (
        "code_generation",
        ALONE,
        both(swapped("nano", "other"), swapped("large", "nano-1")),
        "a model that is not known to reach small",
        ["model_swap"],
    ),
    "the cheaper model where it escalates to": (
        "multi_step_planning",
        CASCADE,
        both(swapped("nano", "other"), swapped("large", "nano-1")),
        "a model that is not known to reach large",
        ["model_swap"],
    ),
}


@pytest.mark.parametrize(("kind", "runs_on", "edit", "asks", "kinds"), LOWERED.values(), ids=LOWERED)
def test_what_may_let_a_worse_model_answer_needs_what_a_downgrade_needs(
    repository: Project, kind: str, runs_on: str, edit: Edit, asks: str, kinds: list[str]
) -> None:
    repository.replace(ALONE, runs_on)
    declare(repository, f"kind: {kind}", "gate: {max_error: 0.5}")
    edit(repository)
    read = report(repository, BASE, status=1)
    changes = [change for change in read["changes"] if change["task"] == "classify"]
    assert [change["kind"] for change in changes] == kinds
    judged = task(read, "classify")
    asked = [reason for reason in judged["reasons"] if "whatever was measured" in reason]
    assert [each.partition(", which is")[0] for each in asked] == [asks, asks]
    lines = re.findall(r"`(- \{kind.*?)`", judged["way_out"])
    assert len(lines) == len(kinds)
    repository.replace("gate: {max_error: 0.5}", "gate: {max_error: 0.5, rule: certified}")
    if lines[1:]:
        acknowledge(repository, lines[1:])
    assert [each.endswith("needs an acknowledgement, whatever was measured") for each in lacking(repository)] == [True]
    acknowledge(repository, lines[:1])
    read = report(repository, BASE, status=0)
    assert task(read, "classify")["verdict"] == "pass"
    changes = [change for change in read["changes"] if change["task"] == "classify"]
    assert [change["acknowledged"]["reason"] for change in changes] == ["agreed with the desk"] * len(kinds)
    repository.replace("rule: certified", "rule: observed")
    assert [each.endswith("needs `rule: certified`, whatever was measured") for each in lacking(repository)] == [True]


def test_a_model_that_the_base_does_not_know_is_not_known_to_be_good_enough(repository: Project) -> None:
    declare(repository, "kind: code_generation", "gate: {max_error: 0.5}")
    remodel(repository, "large", "large-2")
    told = lacking(repository)
    assert [each.partition(", which is")[0] for each in told] == ["a model that is not known to reach small"] * 2


# What the task is, what it runs on, and the edit.
NOT_LOWERED: dict[str, tuple[str, str, Edit]] = {
    "of an easy task": ("intent_classification", CASCADE, replaced(f"    {STATED}\n", "")),
    "where the first tier is recommended": ("code_generation", CASCADE, replaced(f"    {STATED}\n", "")),
    "an escalation that is new": ("multi_step_planning", "    tier: small\n", replaced("tier: small\n", CASCADE[4:])),
    "an escalation of more answers": ("multi_step_planning", CASCADE, replaced("below: 0.95", "below: 0.96")),
    "another confidence, by which nothing escalates": (
        "multi_step_planning",
        CASCADE.replace(", below: 0.95", ""),
        replaced("confidence: /confidence", "confidence: /certainty"),
    ),
    "an escalation to a dearer tier": (
        "multi_step_planning",
        CASCADE.replace("small", "nano").replace("large", "small"),
        replaced("to: small", "to: large"),
    ),
    "a dearer tier's model": (
        "multi_step_planning",
        "    tier: small\n",
        both(swapped("large", "other"), swapped("small", "large-1")),
    ),
    "the model of the recommended tier": (
        "code_generation",
        ALONE,
        both(swapped("small", "other"), swapped("large", "small-1")),
    ),
    "a move up, without the escalation": ("multi_step_planning", CASCADE, replaced(CASCADE, ALONE)),
}


@pytest.mark.parametrize(("kind", "runs_on", "edit"), NOT_LOWERED.values(), ids=NOT_LOWERED)
def test_what_lowers_nothing_below_its_tier_is_only_measured(
    repository: Project, kind: str, runs_on: str, edit: Edit
) -> None:
    repository.replace(ALONE, runs_on)
    declare(repository, f"kind: {kind}", "gate: {max_error: 0.5}")
    edit(repository)
    assert lacking(repository, status=0) == []


def test_advice_to_drop_an_escalation_tells_what_policy_needs(repository: Project) -> None:
    repository.replace(ALONE, CASCADE)
    declare(repository, "kind: multi_step_planning", "gate: {max_error: 0.5}")
    dropped = found(read_json(repository), "classify", "small")
    assert (dropped["advice"], dropped["verdict"], dropped["best"]) == ("would need", "fail", False)
    assert dropped["needs"] == (
        "set `gate: {rule: certified}` and acknowledge it: `- {kind: escalation_changed, task: classify,"
        " from: {to: large, below: 0.95}, to: null, reason: '...'}`"
    )


def test_a_trial_of_a_task_that_escalates_needs_no_acknowledgement(repository: Project) -> None:
    repository.replace(ALONE, CASCADE)
    declare(repository, "kind: multi_step_planning", "gate: {max_error: 0.5}")
    tried = task(report(repository, "--modelroute-try=classify=nano", status=1), "classify")
    (reason,) = (reason for reason in tried["reasons"] if "whatever was measured" in reason)
    assert reason.startswith("a move to below large")
    assert reason.endswith("needs `rule: certified`, whatever was measured")


def test_certified_beside_a_move_does_not_lift_the_base_s_least_number_of_cases(repository: Project) -> None:
    repository.write_golden(
        "classify", [case for case in repository.golden("classify")[:42] if case["id"][-2:] != "20"]
    )
    repository.write_golden("classify", repository.golden("classify")[:38] + repository.golden("classify")[39:])
    declare(repository, "gate: {min_cases: 100}")
    repository.move("classify", "small")
    judged = task(report(repository, BASE, status=1), "classify")
    assert judged["reasons"][0] == "0 wrong of 40: 0 % (0-7.2 %), but 100 cases are needed: 60 more"
    repository.replace("gate: {min_cases: 100}", "gate: {min_cases: 100, rule: certified}")
    for arguments in ((), ("-n", "2")):
        judged = task(report(repository, BASE, *arguments, status=1), "classify")
        assert (judged["verdict"], judged["strict"], judged["rule"]) == ("inconclusive", True, "certified")
        told = "0 wrong of 40: between 0 and 7.2 %, but the rule that this replaces needs 100 cases: 60 more"
        assert judged["reasons"][0] == told
        assert judged["way_out"] == "put `tier: large` back at modelroute.yaml:11"
    # In a change of its own, the rule certifies what it certifies; and so it does what moves after it.
    for tier in ("large", "small"):
        repository.move("classify", tier)
        assert task(report(repository, BASE, status=0), "classify")["verdict"] == "pass"
        git(repository.folder, "commit", "-qam", f"certified on {tier}")
        git(repository.folder, "branch", "-f", "main")


def test_a_trial_beside_a_new_rule_is_judged_as_the_move_would_be(repository: Project) -> None:
    repository.write_golden("classify", repository.golden("classify")[:38])
    repository.write_golden("classify", [case for case in repository.golden("classify") if case["id"][-2:] != "20"])
    declare(repository, "gate: {max_error: 0.09}")
    repository.replace("gate: {max_error: 0.09}", "gate: {max_error: 0.09, rule: certified}")
    assert task(report(repository, "--modelroute-try=classify=small", status=0), "classify")["verdict"] == "pass"
    judged = task(report(repository, BASE, "--modelroute-try=classify=small", status=1), "classify")
    assert judged["reasons"][0].endswith("but the rule that this replaces needs 100 cases: 63 more")


def test_advice_counts_the_cases_that_the_present_rule_needs(repository: Project) -> None:
    cases = [case for case in repository.golden("classify")[:38] if case["id"][-2:] != "20"]
    repository.write_golden("classify", cases)
    declare(repository, "kind: multi_step_planning", "gate: {max_error: 0.09}")
    move = found(read_json(repository), "classify", "small")
    assert move["advice"] == "undecided"
    assert move["why"].endswith("but the rule that this replaces needs 100 cases: 63 more")


@pytest.mark.parametrize("gate", ["{rule: certified}", "{min_cases: 600}", "{rule: certified, max_error: 0.2}"])
def test_what_fails_by_the_base_s_gate_is_not_made_undecided_by_another(gate: str, repository: Project) -> None:
    """12 wrong of 120 are more than 8 %, and too few for `certified` to say so."""
    answers(repository, "small", lambda number, output: {**output, "label": LABELS[(number + (number % 10 == 0)) % 3]})
    repository.move("classify", "small")
    git(repository.folder, "commit", "-q", "-a", "-m", "red as it is")
    git(repository.folder, "branch", "-f", "main")
    assert task(report(repository, "--modelroute-base=main", status=1), "classify")["verdict"] == "fail"
    repository.replace("kind: fields, fields: [label]}", f"kind: fields, fields: [label]}}\n    gate: {gate}")
    judged = task(report(repository, "--modelroute-base=main", status=1), "classify")
    assert judged["verdict"] == "fail"
    assert judged["reasons"][-1].startswith(("by the base's gate: 12 wrong of 120: 10 %", "12 wrong of 120"))
