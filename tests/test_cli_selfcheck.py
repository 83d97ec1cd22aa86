"""`modelroute selfcheck`, as it is typed: weak scorers are named, strong ones are not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_modelroute.cassettes.lines import cassette_text

from .interactions import answered, read_back
from .live import Forks, live_project
from .messages_server import MessagesServer, Reply, message
from .projects import LABELS, Project, answer
from .test_cli_cassettes import Done, drop, fine, refused, run_here

SCORE = "    score: {kind: fields, fields: [label]}\n"
OUTPUT = "output: {format: json, schema: schemas/classify.json, confidence: /confidence}"
COLUMNS = ("spoiled", "unreadable", "schema", "scorer", "missed")


def selfcheck(project: Project, *arguments: str) -> Done:
    return run_here(project, "selfcheck", *arguments)


def found(done: Done) -> str:
    """The output of a check that found something."""
    assert (done.returncode, done.stderr) == (1, ""), done.stdout + done.stderr
    return done.stdout


def table(output: str) -> dict[str, dict[str, int]]:
    """The rows of the table by the kind of fault."""
    lines = re.findall(r"^  (\w[\w ]*?)  +(\d+) +(\d+) +(\d+) +(\d+) +(\d+)$", output, re.MULTILINE)
    return {kind: dict(zip(COLUMNS, map(int, numbers), strict=True)) for kind, *numbers in lines}


Told = Callable[[int], Any]


def retell(project: Project, says: Told, expects: Told, *, as_tool: bool = False) -> None:
    """Have the assigned tier answer each case n, and the golden dataset expect of it, what these give."""
    path = project.cassette("classify", "large")
    changed = []
    for each in read_back(path):
        said = says(int(each.case.partition("-")[2]))
        block = {"type": "text", "text": said if isinstance(said, str) else json.dumps(said)}
        if as_tool:
            block = {"type": "tool_use", "id": "t", "name": "t", "input": said}
        body = json.dumps({**json.loads(each.response_body), "content": [block]})
        changed.append(answered(each, body))
    path.write_text(cassette_text(changed))
    cases = project.golden("classify")
    for number, case in enumerate(cases, start=1):
        case["expected"] = expects(number)
    project.write_golden("classify", cases)


def scored(project: Project, score: str, output: str = "output: {format: json}") -> None:
    project.replace(SCORE, f"    score: {score}\n")
    project.replace(OUTPUT, output)


def label(number: int) -> str:
    return LABELS[number % 3]


def order(number: int) -> dict[str, Any]:
    day = f"2026-{number % 12 + 1:02}-{number % 28 + 1:02}"
    return {"label": label(number), "amount": number * 7 + 0.5, "day": day, "note": f"as case {number} says"}


def expected_order(number: int) -> dict[str, Any]:
    return {name: value for name, value in order(number).items() if name != "note"}


EVERY_FIELD = "{kind: fields, fields: {label: {}, amount: {compare: number, tolerance: 0.01}, day: {compare: date}}}"


def test_a_label_that_is_scored_and_a_schema_that_names_them(project: Project) -> None:
    output = fine(selfcheck(project, "classify"))
    assert "\nclassify: 117 correct answers\n" in output
    rows = table(output)
    assert list(rows) == ["wrong label", "two labels", "dropped field", "answer of another case", "cut off", "empty"]
    assert rows["wrong label"] == {"spoiled": 117, "unreadable": 0, "schema": 0, "scorer": 117, "missed": 0}
    assert rows["two labels"] == {"spoiled": 117, "unreadable": 0, "schema": 117, "scorer": 0, "missed": 0}
    assert rows["answer of another case"]["scorer"] == 117
    assert rows["cut off"]["unreadable"] == rows["empty"]["unreadable"] == 117
    # The schema sees it left out, and nothing sees it changed.
    assert "classify: not scored: confidence, the declared confidence (117 of 234 changes go unnoticed)\n" in output
    assert output.endswith("\nmissed 0 of 702 (0 %)\n")


def test_a_project_s_weakest_task_is_named(project: Project) -> None:
    output = selfcheck(project)
    assert "weakest: reply, missed " in output.stdout, output.stdout
    assert output.stdout == selfcheck(project, "classify", "reply", "classify").stdout, "the same each time"


def test_what_the_golden_dataset_says_nothing_of_is_told_apart(project: Project) -> None:
    retell(project, order, expected_order)
    scored(project, EVERY_FIELD, "output: {format: json, confidence: /amount}")
    output = fine(selfcheck(project, "classify"))
    rows = table(output)
    assert rows["value of another case"]["missed"] == rows["off by one"]["missed"] == 0
    assert rows["off by one"] == {"spoiled": 240, "unreadable": 0, "schema": 0, "scorer": 240, "missed": 0}
    assert "classify: not scored: note (360 of 360 changes go unnoticed)" in output


def test_a_field_that_is_left_out_is_named(project: Project) -> None:
    retell(project, order, expected_order)
    scored(project, "{kind: fields, fields: [label, day]}")
    output = found(selfcheck(project, "classify"))
    assert "\n  amount: 360 of 360 (100 %)\n" in output
    assert re.search(r"\n    message-\d+  value of another case in amount: \d+\.5, expected \d+\.5\n", output)
    assert "\n  way out: add to `fields`: amount (modelroute.yaml:15)\n" in output
    assert output.endswith("\nit is weak: classify\n")
    assert "weak: classify" in found(selfcheck(project))


def test_a_field_that_is_compared_too_loosely_is_named(project: Project) -> None:
    retell(project, order, expected_order)
    scored(project, EVERY_FIELD.replace("0.01", "5000").replace(", day: {compare: date}", ""))
    output = found(selfcheck(project, "classify"))
    assert "\n  amount: 120 of 360 (33.3 %)\n  day: 360 of 360 (100 %)\n" in output
    assert "\n  way out: add to `fields`: day; compare more strictly: amount (modelroute.yaml:15)\n" in output


def test_one_field_of_many_is_not_lost_among_them(project: Project) -> None:
    names = [f"field_{number}" for number in range(30)]
    told = {name: f"value of {name}" for name in names}

    def row(number: int) -> dict[str, str]:
        return {name: f"{value} in {number}" for name, value in told.items()}

    retell(project, row, row)
    project.write_golden("classify", project.golden("classify")[:10])
    scored(project, f"{{kind: fields, fields: [{', '.join(names[1:])}]}}")
    output = found(selfcheck(project, "classify"))
    missed, of = map(int, re.findall(r"classify: missed (\d+) of (\d+)", output)[0])
    assert missed / of < 0.05
    assert "\n  field_0: 30 of 30 (100 %)\n" in output


def test_words_that_stand_elsewhere_too(project: Project) -> None:
    def says(number: int) -> dict[str, str]:
        return {"label": label(number), "reason": f"The customer asks about {label(number)}."}

    retell(project, says, label)
    scored(project, "{kind: contains}")
    output = found(selfcheck(project, "classify"))
    rows = table(output)
    assert rows["wrong label"]["missed"] == rows["two labels"]["missed"] == rows["dropped field"]["missed"] == 120
    assert rows["answer of another case"]["missed"] == 0
    assert "compare the whole answer: `kind: exact`, or `kind: fields`" in output
    assert output.count("; and give the output a schema") == 1


def test_words_in_a_text_that_names_two(project: Project) -> None:
    retell(project, lambda number: f"It is about {label(number)}.", label)
    scored(project, "{kind: contains}", "output: {format: text}")
    done = selfcheck(project, "classify")
    rows = table(found(done))
    assert rows["two labels"] == {"spoiled": 120, "unreadable": 0, "schema": 0, "scorer": 0, "missed": 120}
    assert 'message-001  two labels: "It is about shipping or ' in done.stdout
    assert rows["wrong label"]["missed"] == rows["cut off"]["missed"] == rows["empty"]["missed"] == 0


def test_json_in_a_text_is_spoiled_as_json(project: Project) -> None:
    retell(project, lambda number: {"label": label(number), "confidence": 0.5}, label)
    scored(project, "{kind: contains}", "output: {format: text}")
    rows = table(found(selfcheck(project, "classify")))
    assert rows["cut off"]["missed"] == 120, "nothing reads it as JSON"
    assert rows["dropped field"]["missed"] == 0


@pytest.mark.parametrize(
    ("score", "weak"),
    [("{kind: exact}", False), ("{kind: regex}", True), ("{kind: regex, match: full}", False)],
    ids=["exact", "search", "full"],
)
def test_labels_alone(project: Project, score: str, weak: bool) -> None:
    retell(project, label, label)
    scored(project, score, "output: {format: text}")
    done = selfcheck(project, "classify")
    rows = table(found(done) if weak else fine(done))
    assert rows["two labels"]["missed"] == (120 if weak else 0)
    assert ("`match: full`" in done.stdout) is weak


@pytest.mark.parametrize(("tolerance", "weak"), [(0.5, False), (5000, True)])
def test_a_tolerance_that_spans_most_cases(project: Project, tolerance: float, weak: bool) -> None:
    retell(project, lambda number: f"That makes {number * 7 + 100} in all.", lambda number: number * 7 + 100)
    scored(project, f"{{kind: number, tolerance: {tolerance}}}", "output: {format: text}")
    done = selfcheck(project, "classify")
    rows = table(found(done) if weak else fine(done))
    assert rows["value of another case"]["missed"] == (120 if weak else 0)
    assert ("narrow the tolerance" in done.stdout) is weak
    assert rows["off by one"] == {"spoiled": 120, "unreadable": 0, "schema": 0, "scorer": 120, "missed": 0}


@pytest.mark.parametrize(("minimum", "missed"), [(1, 0), (0, 120)])
def test_lists(project: Project, minimum: float, missed: int) -> None:
    def items(number: int) -> list[str]:
        return [f"item {number}", f"thing {number}"]

    retell(project, items, items)
    scored(project, f"{{kind: set_f1, minimum: {minimum}}}")
    done = selfcheck(project, "classify")
    rows = table(found(done) if missed else fine(done))
    assert rows["value of another case"]["missed"] == missed
    assert ("raise `minimum`" in done.stdout) is bool(missed)


SCORERS = {
    "says yes to all": ("return True", 1, 0),
    "compares": ("return output.get('label') == expected['label']", 0, 0),
    "raises": ("return output['label'] == expected['label']", 0, 120),
}


@pytest.mark.parametrize(("body", "status", "raised"), SCORERS.values(), ids=SCORERS)
def test_the_team_s_own_scorer_is_run_as_it_is(project: Project, body: str, status: int, raised: int) -> None:
    module = f"scorer_{re.sub(r'[^a-z]', '_', project.folder.parent.name)}_{status}{raised}"
    (project.folder / f"{module}.py").write_text(f"def score(output, expected):\n    {body}\n")
    retell(project, lambda number: {"label": label(number)}, lambda number: {"label": label(number)})
    scored(project, f"{{kind: python, function: '{module}:score'}}")
    done = selfcheck(project, "classify", "--json")
    assert done.returncode == status, done.stdout + done.stderr
    (task,) = json.loads(done.stdout)["tasks"]
    assert task["mutations"]["dropped"]["raised"] == raised
    assert task["weak"] is bool(status)
    way_out = f"let {module}:score return false for these"
    assert (way_out in selfcheck(project, "classify").stdout) is bool(status)


def test_a_tool_s_input_is_spoiled_as_such(project: Project) -> None:
    retell(project, lambda n: {"label": label(n)}, lambda n: {"label": label(n)}, as_tool=True)
    scored(project, "{kind: fields, fields: [label]}", "output: {format: json, from: tool_use}")
    rows = table(fine(selfcheck(project, "classify")))
    assert list(rows) == ["wrong label", "two labels", "dropped field", "answer of another case", "empty"]
    assert rows["empty"]["unreadable"] == 120, "it calls no tool"


OWN = """
import anthropic, json
def answer(input, model, base_url):
    client = anthropic.Anthropic(base_url=base_url, api_key="none", max_retries=0)
    content = "Classify: " + input["text"]
    reply = client.messages.create(model=model, max_tokens=9, messages=[{"role": "user", "content": content}])
    return json.loads(reply.content[0].text)
"""


def test_what_the_team_s_own_function_returns_is_spoiled(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(answer) as server:
        project = live_project(tmp_path, server, 6, only="classify")
        (project.folder / "selfcheck_agent.py").write_text(OWN)
        project.replace("prompt: prompts/classify.yaml", "call: selfcheck_agent:answer")
        assert forks.record(project).returncode == 0
    output = fine(selfcheck(project))
    assert "classify: 6 correct answers" in output
    rows = table(output)
    assert rows["wrong label"]["scorer"] == rows["cut off"]["unreadable"] == rows["empty"]["unreadable"] == 6


def test_each_sample_is_spoiled(forks: Forks, tmp_path: Path) -> None:
    def says(body: dict[str, Any], number: int) -> Reply:
        return message(f"No. {number}: " + body["messages"][-1]["content"], model=body["model"])

    with MessagesServer(says) as server:
        project = live_project(tmp_path, server, 4, only="reply")
        project.replace("    tier: small\n", "    tier: small\n    samples: 3\n")
        assert forks.record(project).returncode == 0
    output = fine(selfcheck(project))
    assert "reply: 12 correct answers" in output
    assert table(output)["empty"]["scorer"] == 12


def test_answers_that_are_not_there_are_told(project: Project) -> None:
    drop(project.cassette("classify", "large"), "message-001", "message-002")
    output = fine(selfcheck(project, "classify"))
    assert "classify: 115 correct answers, and 2 that could not be obtained\n" in output
    project.cassette("classify", "large").unlink()
    output = found(selfcheck(project, "classify"))
    assert "classify: nothing could be checked: no recorded answer is correct\n" in output
    assert "`modelroute cassettes list classify` says what is missing" in output
    retell_nothing = json.loads(selfcheck(project, "classify", "--json").stdout)["tasks"][0]
    assert (retell_nothing["correct"], retell_nothing["unobtained"], retell_nothing["weak"]) == (0, 120, True)


def test_a_task_whose_answers_are_all_wrong_cannot_be_checked(project: Project) -> None:
    retell(project, lambda number: {"label": "refund", "confidence": 1}, lambda number: {"label": "other"})
    assert "way out: record a tier that answers correctly" in found(selfcheck(project, "classify"))


def test_examples_show_no_credential_and_json_has_all_that_was_missed(project: Project) -> None:
    key = "sk-ant-" + "api03-aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3z"
    retell(project, lambda number: f"{key} {label(number)} {number}", label)
    scored(project, "{kind: contains}", "output: {format: text}")
    for done in (selfcheck(project, "classify"), selfcheck(project, "classify", "--json")):
        assert key not in found(done)
        assert "[credential]" in done.stdout
    (task,) = json.loads(done.stdout)["tasks"]
    assert task["missed"] == len(task["missed_answers"]) == 120
    assert {each["mutation"] for each in task["missed_answers"]} == {"two_labels"}
    assert task["parts"] == [
        {"part": "", "missed": 120, "spoiled": 240},
        {"part": None, "missed": 0, "spoiled": 360},
    ]


def test_names_that_are_not_known(project: Project) -> None:
    assert "unknown task 'clasify'\n  valid: did you mean 'classify'?" in refused(selfcheck(project, "clasify"))
    assert "task 'draft_email' has no cases: it is not gated" in refused(selfcheck(project, "draft_email"))
    output = fine(selfcheck(project, "--help"))
    assert all(word in output for word in ("TASK", "--json", "--registry", "--rootdir"))
