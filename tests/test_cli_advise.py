"""`modelroute advise`, as it is typed: its verdicts are the gate's, and its patches are those that git takes."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from .projects import Project, git
from .retold import answers, bodies, sure
from .test_cli_cassettes import fine, refused, run_here

MANY = ("--calls", "classify=100000000/month", "reply=100000000/month")
BASE = "--modelroute-base=main"


def advise(project: Project, *arguments: str) -> str:
    return fine(run_here(project, "advise", *arguments))


def rows(output: str) -> list[tuple[str, ...]]:
    """The table's cells, without its headings."""
    lines = output.split("\n\n")[1].splitlines()[1:]
    return [tuple(re.split(r"  +", line)) for line in lines]


def told(output: str) -> dict[tuple[str, str], tuple[str, str, str]]:
    """By task and change: the advice, what it saves and why."""
    return {(task, change): (advice, saves, why) for advice, task, change, saves, why in rows(output)}


def read_json(project: Project, *arguments: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(advise(project, "--json", *arguments))
    assert read["format"] == 1
    return read


def found(read: dict[str, Any], task: str, tier: str, to: str | None = None) -> dict[str, Any]:
    """The advice on one other assignment."""
    (advice,) = (
        each
        for each in read["advice"]
        if each["task"] == task
        and each["to"]["tier"] == tier
        and (each["to"]["escalate"] is None if to is None else (each["to"]["escalate"] or {}).get("to") == to)
    )
    return dict(advice)


def git_apply(folder: Path, patch: str) -> None:
    done = subprocess.run(["git", "apply", "-"], cwd=folder, input=patch.encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode() + patch


def commit(project: Project) -> None:
    git(project.folder, "commit", "-q", "-a", "-m", "as advised")


def gate(project: Project, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = project.pytest("--modelroute", "--modelroute-json=out.json", *arguments)
    path = project.folder / "out.json"
    read: dict[str, Any] = json.loads(path.read_text())
    path.unlink()
    return done.returncode, {task["task"]: task for task in read["tasks"]}


def split(project: Project) -> None:
    """Have nano be unsure exactly where it is wrong, and small have no recordings."""
    sure(project, "nano", lambda number: 0.3 if number % 4 == 0 else 0.9)
    project.cassette("classify", "small").unlink()


def test_one_line_each_what_saves_most_first_and_what_cannot_be_done_last(project: Project) -> None:
    output = advise(project, *MANY)
    assert output.startswith("2 gated tasks; what a change saves, in USD a month of 30 days\n\nadvice ")
    assert rows(output) == [
        ("move it", "classify", "large -> small", "6000.00", "5 % wrong (2.2-9.6 %), limit 8 %; breaks 3, fixes 0"),
        (
            *("not worth it", "classify", "large -> nano, then large below 0.95", "-3000.00"),
            "it saves nothing; 2.5 % wrong (0.7-6.3 %), limit 8 %; breaks 0, fixes 0; 100 % escalate",
        ),
        (
            *("not worth it", "classify", "large -> small, then large below 0.95", "-6000.00"),
            "it saves nothing; 2.5 % wrong (0.7-6.3 %), limit 8 %; breaks 0, fixes 0; 100 % escalate",
        ),
        ("do not", "classify", "large -> nano", "9000.00", "25 % wrong (18.6-32.3 %), limit 8 %; breaks 27, fixes 0"),
        ("do not", "reply", "small -> nano", "3000.00", "25 % wrong (18.6-32.3 %), limit 8 %; breaks 24, fixes 0"),
    ]
    assert "\nno advice without golden cases: draft_email\n" in output
    assert (
        "\nworth it: a saving in 12 months of at least 1,000 USD, what a move is taken to cost (--work-usd)" in output
    )


def test_the_patch_of_a_move_it_passes_the_gate_and_that_of_a_do_not_fails_it(repository: Project) -> None:
    read = read_json(repository)
    move, do_not = found(read, "classify", "small"), found(read, "classify", "nano")
    assert (move["advice"], move["best"], move["verdict"]) == ("move it", True, "pass")
    assert (do_not["advice"], do_not["best"], do_not["verdict"]) == ("do not", False, "fail")
    for advice, status in ((move, 0), (do_not, 1)):
        git(repository.folder, "checkout", "-q", "-B", "change", "main")
        git_apply(repository.folder, advice["patch"])
        commit(repository)
        left, tasks = gate(repository, BASE)
        assert left == status
        task = tasks["classify"]
        assert task["verdict"] == advice["verdict"]
        assert task["paired"]["broke"] == advice["broke"]


def test_a_task_s_whole_output_is_the_patch_of_what_is_advised(repository: Project) -> None:
    git_apply(repository.folder, advise(repository, "classify"))
    assert git(repository.folder, "diff", "--unified=0").splitlines()[-2:] == ["-    tier: large", "+    tier: small"]
    commit(repository)
    assert gate(repository, BASE)[0] == 0


def test_a_cascade_is_judged_as_the_gate_judges_it(repository: Project) -> None:
    split(repository)
    commit(repository)
    git(repository.folder, "branch", "-f", "main")
    advice = found(read_json(repository), "classify", "nano", "large")
    assert advice["to"] == {"tier": "nano", "escalate": {"to": "large", "below": 0.35}}
    assert (advice["advice"], advice["best"], advice["verdict"]) == ("move it", True, "pass")
    assert advice["saving"]["usd_per_1000_calls"] == pytest.approx(0.12 - 0.03 - 0.25 * 0.12), "both calls are paid"
    output = advise(repository, "--apply", "classify")
    assert output.startswith("classify: large -> nano, then large below 0.35 in modelroute.yaml\n  2.5 % wrong")
    back = "put `tier: large` back at modelroute.yaml:11 and take `escalate` out at modelroute.yaml:12"
    assert output.endswith(f"\n  revert: {back}\n")
    added = git(repository.folder, "diff", "--unified=0").splitlines()[-2:]
    assert added == ["+    tier: nano", "+    escalate: {to: large, below: 0.35}"]
    commit(repository)
    status, tasks = gate(repository, BASE)
    assert status == 0
    task = tasks["classify"]
    assert task["escalation"] == advice["escalation"]
    assert (task["verdict"], task["error_rate"]) == ("pass", advice["error_rate"])
    assert task["cost"]["usd_per_1000_calls"] == pytest.approx(advice["usd_per_1000_calls"])


def test_verdicts_are_those_of_trying(project: Project) -> None:
    """With a rule, a margin and a correction, where nothing but the tier is tried."""
    project.replace("defaults:\n", "defaults:\n  gate: {rule: certified, max_regression: 0.05, correction: holm}\n")
    advice = {tier: found(read_json(project), "classify", tier) for tier in ("small", "nano")}
    assert (advice["small"]["advice"], advice["nano"]["advice"]) == ("undecided", "do not")
    for tier, expected in advice.items():
        _, tasks = gate(project, f"--modelroute-try=classify={tier}")
        judged = tasks["classify"]
        assert judged["verdict"] == expected["verdict"]
        assert judged["reasons"] == expected["reasons"]
    why = advice["small"]["why"]
    assert why.startswith("6 wrong of 120: between 2.2 and 9.6 %: not certified to be at most 8 %; 355 more cases")
    assert advice["small"]["way_out"] == "add golden cases to golden/classify.jsonl"


POLICY = [
    ("rule: observed", "set `gate: {rule: certified}` and acknowledge it: `- {kind: downgrade, task: classify, from"),
    ("rule: certified", "acknowledge it: `- {kind: downgrade, task: classify, from: large, to: small, reason: '...'}`"),
]


@pytest.mark.parametrize(("rule", "needs"), POLICY, ids=[rule for rule, _ in POLICY])
def test_what_only_a_person_can_answer_for_is_not_advised(repository: Project, rule: str, needs: str) -> None:
    gated = f"    kind: code_generation\n    gate: {{{rule}, max_error: 0.12}}\n"
    # Of three tiers the middle one is recommended.
    repository.replace("kind: fields, fields: [label]}\n", f"kind: fields, fields: [label]}}\n{gated}")
    repository.move("classify", "small")
    sure(repository, "nano", lambda number: 0.3 if number % 4 == 0 else 0.9)
    commit(repository)
    git(repository.folder, "branch", "-f", "main")
    advice = found(read_json(repository), "classify", "nano", "small")
    assert (advice["advice"], advice["best"]) == ("would need", False)
    assert advice["verdict"] == "fail", "as long as nobody acknowledges it"
    traits = "output: long and failure: costly and reasoning: multi"
    assert advice["why"].endswith(f"; {traits}: policy asks for more than a measurement")
    assert advice["needs"].startswith(needs.replace("from: large, to: small", "from: small, to: nano"))
    output = advise(repository)
    assert "\n  way out: " + advice["needs"] in output
    assert "--- a/" not in output
    assert "nothing is advised for classify (" in refused(run_here(repository, "advise", "--apply", "classify"))
    git_apply(repository.folder, advice["patch"])
    commit(repository)
    assert gate(repository, BASE)[0] == 1


def test_what_recording_would_cost_is_told_without_asking_anybody(project: Project) -> None:
    project.cassette("classify", "small").unlink()
    with mock.patch.object(socket.socket, "connect", side_effect=AssertionError("a call")):
        read = read_json(project)
        output = advise(project)
    advice = found(read, "classify", "small")
    assert advice["advice"] == "record first"
    assert advice["recording"]["calls"] == 120
    assert advice["recording"]["usd"] == pytest.approx(120 * 60e-6)
    assert advice["recording"]["basis"] == "recorded answers of another tier"
    assert advice["saving"]["usd_per_1000_calls"] == pytest.approx(0.06), "if it passes"
    command = (
        'pytest --modelroute --modelroute-record=new_episodes --modelroute-record-tiers=small "modelroute.yaml::cla'
    )
    assert advice["way_out"].startswith(command)
    row = ("record first", "0.0600", "small: 120 calls to record, about 0.00720 USD")
    assert told(output)["classify", "large -> small"] == row
    assert (
        f"\nclassify: record first: large -> small\n  pays from 1,388,889 calls a month\n  way out: {command}" in output
    )
    assert found(read_json(project, *MANY[:1], "classify=20000/month"), "classify", "small")["advice"] == "not worth it"


def test_a_part_of_the_recordings_gives_no_verdict(project: Project) -> None:
    bodies(project, "small", lambda number, body: body if number > 7 else None)
    bodies(project, "large", lambda number, body: body if number != 9 else None)
    read = read_json(project)
    small, both = found(read, "classify", "small"), found(read, "classify", "small", "large")
    assert (small["advice"], small["recording"]["calls"], small["verdict"]) == ("record first", 7, "error")
    assert "7 of 120 cases cannot be scored" in small["why"]
    assert (both["advice"], both["recording"]["calls"]) == ("record first", 7)
    today = next(task for task in read["tasks"] if task["task"] == "classify")
    assert today["verdict"] == "error"
    assert today["notes"][0].startswith("no verdict on large today: pytest --modelroute --modelroute-record=new_ep")


WORTH = [
    (("classify=9999/month",), (), "9,999 calls a month are under 10,000; 5 % wrong"),
    (
        ("classify=10000/month",),
        (),
        "a year's saving does not pay 1,000 USD of work; from 1,388,889 calls a month it w",
    ),
    (("classify=1388888/month",), (), "a year's saving does not pay 1,000 USD of work; from 1,388,889 calls"),
    (("classify=1388889/month",), (), None),
    (("classify=10000/month",), ("--work-usd", "7.2"), None),
    (("classify=9999/month",), ("--work-usd", "7"), None),
    (("classify=0/month",), ("--work-usd", "0.01"), "0 calls a month are under 10,000"),
]


@pytest.mark.parametrize(("calls", "work", "why"), WORTH, ids=[" ".join((*c, *w)) for c, w, _ in WORTH])
def test_when_a_move_is_not_worth_it(
    project: Project, calls: tuple[str], work: tuple[str, ...], why: str | None
) -> None:
    output = advise(project, "--calls", *calls, *work)
    advice, _, reason = told(output)["classify", "large -> small"]
    assert advice == ("move it" if why is None else "not worth it")
    assert why is None or reason.startswith(why)
    assert ("--- a/modelroute.yaml" in output) is (why is None)
    assert reason.endswith("; few calls a month, but dear ones") is (why is None and calls == ("classify=9999/month",))


PRICES = {
    "small": "{input: 2.0, output: 8.0, as_of: 2026-11-21}",
    "large": "{input: 4.0, output: 16.0, as_of: 2026-11-21}",
}


@pytest.mark.parametrize("unpriced", [("small",), ("large",), ("small", "large")], ids=" and ".join)
def test_a_move_is_not_made_where_nobody_knows_what_it_saves(project: Project, unpriced: tuple[str, ...]) -> None:
    for tier in unpriced:
        project.replace(f", price: {PRICES[tier]}", "")
    change = ("classify", "large -> small")
    output = advise(project)
    told_first = " and ".join(f"{tier} has no price" for tier in unpriced)
    why = f"{told_first}, so what it saves is not known; 5 % wrong (2.2-9.6 %), limit 8 %; breaks 3, fixes 0"
    assert told(output)[change] == ("price first", "-", why)
    places = {"small": 4, "large": 5}
    ways = [f"`price: {{input, output, as_of}}` for the tier at modelroute.yaml:{places[tier]}" for tier in unpriced]
    assert f"\n  way out: {' and '.join(ways)}\n" in output
    assert "where the saving is not known, nothing is moved\n" in output
    assert "--- a/" not in output
    before = project.registry.read_bytes()
    assert "nothing is advised for classify (small: price first" in refused(
        run_here(project, "advise", "--apply", "classify")
    )
    assert project.registry.read_bytes() == before
    few = told(advise(project, "--calls", "classify=9999/month"))[change]
    assert (*few[:2], few[2][:40]) == ("not worth it", "-", "9,999 calls a month are under 10,000; 5 ")
    many = found(read_json(project, "--calls", "classify=10000/month"), "classify", "small")
    assert (many["advice"], many["best"], many["saving"]["usd_per_1000_calls"]) == ("price first", False, None)


def test_what_a_move_saves_is_not_known_while_today_has_no_answers(project: Project) -> None:
    project.cassette("classify", "large").unlink()
    advice = found(read_json(project), "classify", "small")
    assert (advice["advice"], advice["best"]) == ("record first", False)
    assert advice["why"].startswith("large: 120 calls to record, about ")
    assert advice["way_out"].startswith("pytest --modelroute --modelroute-record=new_episodes ")


def test_a_way_up_is_advised_whatever_it_costs(project: Project) -> None:
    project.move("classify", "nano")
    project.replace(f", price: {PRICES['small']}", "")
    output = advise(project)
    assert told(output)["classify", "nano -> small"][:2] == ("move it up", "-")
    assert "\n  what it saves is not known: modelroute cost says why\n" in output


def test_what_tells_no_tokens_has_no_known_saving(project: Project) -> None:
    bodies(project, "small", lambda number, body: {key: value for key, value in body.items() if key != "usage"})
    advice = found(read_json(project), "classify", "small")
    assert (advice["advice"], advice["way_out"]) == ("price first", None)
    assert advice["why"].startswith(
        "some answers of small do not tell their tokens, so what it saves is not known; 5 %"
    )


@pytest.mark.parametrize(
    ("limit", "needed"),
    [("0.001", "at most 0.1 % wrong: 2,995 without one wrong could"), ("0.0", "0 % wrong: no number of them can")],
)
def test_a_limit_that_so_few_cases_cannot_prove(project: Project, limit: str, needed: str) -> None:
    project.replace("defaults:\n", f"defaults:\n  gate: {{max_error: {limit}}}\n")
    for task in ("small", "large"):  # none is wrong
        right = project.cassette("reply", task)
        right.write_text(right.read_text().replace("No idea.", "Message, message 20, 40, 60, 80, 100, 120"))
    bodies(
        project,
        "nano",
        lambda number, body: {**body, "content": [{"type": "text", "text": f"We have message {number}."}]},
        "reply",
    )
    advice = found(read_json(project), "reply", "nano")
    assert (advice["advice"], advice["verdict"]) == ("not provable", "pass")
    assert advice["why"].startswith("120 cases cannot prove at most ")
    assert advice["why"].endswith(needed)
    assert f"\nreply: 120 cases cannot prove at most {needed.removeprefix('at most ')}\n" in advise(project)


def test_a_tier_that_fails_today_is_to_be_moved_up(repository: Project) -> None:
    repository.move("classify", "nano")
    commit(repository)
    git(repository.folder, "branch", "-f", "main")
    assert gate(repository)[0] == 1
    output = advise(repository)
    assert told(output)["classify", "nano -> small"][:2] == ("move it up", "-0.0300")
    assert ("classify", "nano -> large") not in told(output), "the next tier that passes is enough"
    assert "\nclassify: fails on nano today: 25 % wrong (18.6-32.3 %), limit 8 %\n" in output
    git_apply(repository.folder, output)
    commit(repository)
    assert gate(repository, BASE)[0] == 0


def test_an_escalation_goes_where_it_would_not_go_up_any_more(project: Project) -> None:
    project.move("classify", "small")
    project.replace("tier: small\n", "tier: small\n    escalate: {to: large, below: 0.1}  # rarely\n")
    project.replace("defaults:\n", "defaults:\n  gate: {max_error: 0.03}\n")
    before = project.registry.read_text()
    output = advise(project, "--apply", "classify")
    assert output.startswith("classify: small, then large below 0.1 -> large in modelroute.yaml\n")
    assert "put `tier: small` back at" in output
    assert "put `escalate: {to: large, below: 0.1}` back at" in output
    lines = before.splitlines(keepends=True)
    expected = [line.replace("small", "large") if line == "    tier: small\n" else line for line in lines[:13]]
    assert project.registry.read_text() == "".join(line for line in [*expected, *lines[13:]] if "# rarely" not in line)


def test_where_no_tier_passes_none_is_advised(project: Project) -> None:
    project.replace("defaults:\n", "defaults:\n  gate: {max_error: 0.01}\n")
    project.move("reply", "small")
    output = advise(project)
    assert {advice for advice, *_ in rows(output)} == {"do not"}
    for task in ("classify: fails on large", "reply: fails on small"):
        assert f"\n{task} today: " in output
    assert output.count("no dearer tier is known to pass: a better prompt, or a limit that a person answers for") == 2


def test_an_escalation_stays_when_the_first_tier_is_moved(project: Project) -> None:
    project.move("classify", "small")
    project.replace("tier: small\n", "tier: small\n    escalate: {to: large, below: 0.5}\n")
    read = read_json(project)
    advice = [each for each in read["advice"] if each["task"] == "classify"]
    moved = found({"advice": advice}, "classify", "nano", "large")
    assert moved["to"] == {"tier": "nano", "escalate": {"to": "large", "below": 0.5}}
    assert "\n-    tier: small\n+    tier: nano\n     escalate: " in moved["patch"]


@pytest.mark.parametrize(("tier", "confidence"), [("nano", 0.3), ("small", 0.9)])
def test_a_cascade_is_weighed_against_each_of_its_tiers_alone(
    repository: Project, tier: str, confidence: float
) -> None:
    """Where all escalate, the dear tier alone costs less; where none does, the cheap one's escalation saves nothing."""
    sure(repository, tier, lambda number: confidence)
    repository.move("classify", tier)
    repository.replace(f"tier: {tier}\n", f"tier: {tier}\n    escalate: {{to: large, below: 0.5}}\n")
    commit(repository)
    git(repository.folder, "branch", "-f", "main")
    read = read_json(repository)
    cheap, dear = (found(read, "classify", name) for name in (tier, "large"))
    if tier == "nano":
        assert (dear["advice"], dear["best"], dear["verdict"]) == ("move it", True, "pass")
        assert dear["saving"]["usd_per_1000_calls"] == pytest.approx(0.03), "the first call of each"
        assert (cheap["advice"], cheap["verdict"]) == ("do not", "fail")
    else:
        assert (dear["advice"], cheap["advice"]) == ("not worth it", "not worth it")
        assert cheap["why"].startswith("it saves nothing; 5 % wrong")
    for advice in (cheap, dear):
        git(repository.folder, "checkout", "-q", "-B", "change", "main")
        git_apply(repository.folder, advice["patch"])
        commit(repository)
        status, tasks = gate(repository, BASE)
        assert tasks["classify"]["verdict"] == advice["verdict"]
        assert status == (advice["verdict"] != "pass")


def test_no_tier_is_advised_that_would_grade_itself(project: Project) -> None:
    (project.folder / "prompts/grade.yaml").write_text("messages: [{role: user, content: 'Right? {{ output }}'}]\n")
    project.replace(
        "score: {kind: contains, ignore_case: true}", "score: {kind: grader, tier: nano, rubric: prompts/grade.yaml}"
    )
    advice = found(read_json(project), "reply", "nano")
    assert (advice["advice"], advice["verdict"]) == ("do not", "not_evaluated")
    assert advice["why"] == "nano: 'nano' would grade its own answers"


def test_a_scorer_that_raises_is_to_be_mended(project: Project) -> None:
    name = f"scorer_{re.sub('[^a-z]', '_', project.folder.parent.name)}"
    (project.folder / f"{name}.py").write_text("def score(output, expected):\n    raise ValueError('no')\n")
    project.replace("score: {kind: contains, ignore_case: true}", f"score: {{kind: python, function: '{name}:score'}}")
    advice = found(read_json(project), "reply", "nano")
    assert (advice["advice"], advice["verdict"]) == ("mend first", "error")
    assert advice["way_out"].startswith("mend the scorer or the schema of reply")


def test_without_a_certified_threshold_form_alone_escalates(project: Project) -> None:
    project.replace("defaults:\n", "defaults:\n  gate: {max_error: 0.06}\n")
    answers(project, "small", lambda number, output: "no JSON" if number == 20 else output)
    advice = found(read_json(project), "classify", "small", "large")
    assert advice["no_threshold_certified"]
    assert advice["to"]["escalate"] == {"to": "large"}
    assert "\n  no confidence is certified to let an answer stand: only answers without" in advise(project, "--all")


def test_only_some_tasks(project: Project) -> None:
    output = advise(project, "reply", "reply")
    assert [row[1] for row in rows(output)] == ["reply"]
    assert "no advice without golden cases" not in output


def test_at_the_cheapest_tier_there_is_nothing_to_advise(project: Project) -> None:
    project.move("reply", "nano")
    project.replace("defaults:\n", "defaults:\n  gate: {max_error: 0.3}\n")
    output = advise(project, "reply")
    assert output.startswith(
        "1 gated task; what a change saves, in USD for 1,000 calls (a month: --calls TASK=N/month)\n"
    )
    assert output.split("\n\n")[1] == "no other tier to move a task to"


def test_every_patch_on_request(project: Project) -> None:
    output = advise(project, "--all")
    assert output.count("\n--- a/modelroute.yaml\n") == 5
    assert output.count("modelroute advise --apply classify, or git apply:\n--- a/") == 1


@pytest.mark.parametrize("crlf", [False, True], ids=["LF", "CRLF"])
def test_a_project_in_a_folder_of_a_repository(repository: Project, crlf: bool) -> None:
    inner = repository.folder / "eval set"
    inner.mkdir()
    for name in ("golden", "prompts", "schemas", "cassettes", "modelroute.yaml", "pytest.ini"):
        shutil.move(repository.folder / name, inner / name)
    registry = inner / "modelroute.yaml"
    text = registry.read_text().rstrip("\n")
    if crlf:
        text = text.replace("\n", "\r\n")
    registry.write_bytes(text.encode())
    output = advise(Project(inner))
    assert "\n--- a/eval set/modelroute.yaml\t\n" in output
    patch = found(read_json(repository, "--registry", "eval set/modelroute.yaml"), "classify", "small")["patch"]
    git_apply(repository.folder, patch)
    assert registry.read_bytes() == text.replace(" tier: large", " tier: small", 1).encode()


def test_what_cannot_be_edited_safely_has_no_patch(project: Project) -> None:
    project.replace("default_tier: large\n", "default_tier: &t large\n")
    project.replace("    tier: large\n    golden", "    tier: *t\n    golden")
    advice = found(read_json(project), "classify", "small")
    assert (advice["advice"], advice["patch"]) == ("move it", None)
    assert advice["no_patch"] == (
        "modelroute.yaml:11: tasks.classify.tier comes from an anchor (`*`); fix: edit it by hand"
    )
    assert "\n  no patch: modelroute.yaml:11: tasks.classify.tier comes" in advise(project)
    before = project.registry.read_bytes()
    assert "comes from an anchor" in refused(run_here(project, "advise", "--apply", "classify"))
    assert project.registry.read_bytes() == before


REFUSED = [
    (("--apply", "clasify"), "unknown task 'clasify'\n  valid: did you mean 'classify'?"),
    (("--apply", "draft_email"), "task 'draft_email' has no cases: it is not gated"),
    (
        ("--apply", "reply"),
        "--apply: nothing is advised for reply (nano: do not)\n  fix: mod",
    ),
    (("--apply", "reply", "--json"), "not allowed with"),
    (("classify", "--apply", "reply"), "--apply reply: 'classify' is typed beside it\n  valid: one task at a time"),
    (("reply", "clasify", "--apply", "reply"), "--apply reply: 'clasify' is typed beside it"),
    (("clasify",), "unknown task 'clasify'"),
    (("draft_email",), "task 'draft_email' has no cases: it is not gated"),
    (("--work-usd", "much"), "--work-usd: 'much' is no amount\n  valid: USD, from 0"),
    (("--work-usd", "nan"), "--work-usd: 'nan' is no amount"),
    (("--work-usd=-1",), "--work-usd: '-1' is no amount"),
    (("--calls", "reply=1"), "--calls: 'reply=1' is no number of calls"),
    (("--registry", "nowhere.yaml"), "no registry at nowhere.yaml"),
]


@pytest.mark.parametrize(("arguments", "told"), REFUSED, ids=[" ".join(arguments) for arguments, _ in REFUSED])
def test_what_cannot_be_is_refused(project: Project, arguments: tuple[str, ...], told: str) -> None:
    assert told in refused(run_here(project, "advise", *arguments))


def test_help_tells_of_every_option(project: Project) -> None:
    output = advise(project, "--help")
    for word in ("--calls", "--work-usd", "--all", "--json", "--apply", "--registry", "--rootdir", "4 broken input"):
        assert word in output
