"""A task that escalates: both tiers recorded, the cascade judged, its change in the diff."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pytest_modelroute.errors import InputError, Place
from pytest_modelroute.evaluation.answers import Usage, WrongKind
from pytest_modelroute.evaluation.costs import batch_price, cost_in_usd, total_usd, usd_per_1000
from pytest_modelroute.evaluation.escalation import Trigger, trigger_of
from pytest_modelroute.registry.model import Price
from pytest_modelroute.registry.serving import Escalation

from .live import Forks, interactions, live_project, report, results
from .messages_server import MessagesServer, Reply, message
from .projects import LABELS, Project, git
from .trees import load

JSON = "--modelroute-json=report.json"
CASES = 120


def answer(body: dict[str, Any], number: int) -> Reply:
    """Small is unsure and wrong in every fifth case, unsure and right in one of ten, wrong and sure in one of 30."""
    case = int(re.findall(r"\d+", body["messages"][-1]["content"])[-1])
    model = body["model"]
    if model == "large-1":
        return reply(model, case, wrong=case % 40 == 0, confidence=0.95)
    if case % 20 == 7:
        return message("It is about a refund.", model=model)
    if case % 20 == 13:
        return message(json.dumps({"label": LABELS[case % 3]}), model=model)
    if case % 5 == 0:
        return reply(model, case, wrong=True, confidence=0.4)
    return reply(model, case, wrong=case % 30 == 2, confidence=0.69 if case % 10 == 1 else 0.7)


def reply(model: str, case: int, *, wrong: bool, confidence: float) -> Reply:
    label = LABELS[(case + wrong) % 3]
    return message(json.dumps({"label": label, "confidence": confidence}), model=model)


ESCALATE = "    escalate: {to: large, below: 0.7}\n"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in a repository whose only task escalates, recorded as its user would."""
    folder = tmp_path_factory.mktemp("cascade")
    with MessagesServer(answer) as server:
        project = live_project(folder, server, CASES, only="classify")
        project.replace("  gate: {min_cases: 1, max_error: 0.99}\n", "")
        project.move("classify", "small")
        project.replace("    tier: small\n", "    tier: small\n" + ESCALATE)
        done = project.pytest("--modelroute", "--modelroute-record=new_episodes")
        assert done.returncode == 0, done.stdout + done.stderr
    git(project.folder, "init", "-q", "-b", "main")
    git(project.folder, "add", "-A")
    git(project.folder, "commit", "-qm", "a cascade")
    return project.folder


@pytest.fixture
def cascade(recorded: Path, tmp_path: Path) -> Project:
    git(tmp_path, "clone", "-q", str(recorded), "copy")
    return Project(tmp_path / "copy")


def run(project: Project, *arguments: str, status: int) -> dict[str, Any]:
    done = project.pytest("--modelroute", JSON, *arguments)
    assert done.returncode == status, done.stdout + done.stderr
    (project.folder / "out.txt").write_text(done.stdout)
    found: dict[str, Any] = report(project)["classify"]
    return found


def test_recording_an_escalating_task_records_both_tiers(cascade: Project) -> None:
    models = [json.loads(each.request_body)["model"] for each in interactions(cascade)]
    assert (models.count("small-1"), models.count("large-1"), len(models)) == (CASES, CASES, 2 * CASES)


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_the_gate_judges_the_whole_cascade(cascade: Project, workers: tuple[str, ...]) -> None:
    found = run(cascade, *workers, status=0)
    # Small errs in every fifth case (24) and 4 sure ones (2, 32, 62, 92), and gives no usable answer in 12 more.
    assert found["escalation"] == {
        "to": "large",
        "model": "large-1",
        "below": 0.7,
        "answers": CASES,
        "escalated": {"low_confidence": 36, "not_json": 6, "schema": 6},
        "cases": CASES,
        "wrong_before": 40,
        "wrong_after": 7,
    }
    assert (found["wrong"], found["correct"], found["errors"], found["verdict"]) == (7, 113, 0, "pass")
    each = results(cascade)
    assert [case for case, result in each.items() if result["outcome"] == "wrong"] == [
        f"message-{case:03}" for case in (2, 32, 40, 62, 80, 92, 120)
    ]
    sure, unsure, broken = each["message-003"], each["message-005"], each["message-007"]
    assert (sure["escalated"], sure["usage"]["input_tokens"], sure["confidence"]) == (None, 10, 0.7)
    assert unsure["escalated"]["to"] == "large"
    assert unsure["escalated"]["trigger"] == "low_confidence"
    assert (unsure["escalated"]["first"]["outcome"], unsure["escalated"]["first"]["confidence"]) == ("wrong", 0.4)
    assert (unsure["outcome"], unsure["confidence"], unsure["models"]) == ("correct", 0.95, ["large-1"])
    assert (broken["escalated"]["trigger"], broken["escalated"]["first"]["kind"]) == ("not_json", "not_json")
    # Both calls are charged: 10 tokens in and 5 out at 2/8 and at 4/16 USD per million.
    small, large = (10 * 2 + 5 * 8) / 1e6, (10 * 4 + 5 * 16) / 1e6
    assert sure["usd"] == pytest.approx(small)
    assert unsure["usd"] == pytest.approx(small + large)
    assert found["cost"]["usd"] == pytest.approx(CASES * small + 48 * large)
    assert found["usage"] == {"input_tokens": 10 * (CASES + 48), "output_tokens": 5 * (CASES + 48)}
    told = (cascade.folder / "out.txt").read_text()
    assert (
        "classify: 48 of 120 answers escalated to large (40 %: 36 low confidence, 6 not json, 6 schema);"
        " 40 of 120 cases wrong before, 7 after" in told
    )
    assert "small, then large" in told
    assert "warning" not in told


def without(project: Project, tier: str, case: str) -> None:
    path = project.cassette("classify", tier)
    lines = path.read_text().splitlines(keepends=True)
    kept = [line for line in lines if f'"x-modelroute-case": ["{case}"]' not in line]
    assert len(kept) == len(lines) - 1
    path.write_text("".join(kept))


def test_an_escalated_case_needs_the_dear_tier_s_recording_and_another_does_not(cascade: Project) -> None:
    without(cascade, "large", "message-003")
    assert run(cascade, status=0)["verdict"] == "pass"
    without(cascade, "large", "message-005")
    found = run(cascade, status=1)
    assert (found["verdict"], found["errors"], found["wrong"]) == ("error", 1, 7)
    command = 'pytest --modelroute --modelroute-record=new_episodes "modelroute.yaml::classify"'
    assert found["way_out"] == command
    assert results(cascade)["message-005"]["detail"] == f"not recorded: {command}"


@pytest.mark.parametrize(
    ("old", "new", "stated", "wrong", "status"),
    [
        ("below: 0.7}", "below: 0.4}", ({"to": "large", "below": 0.7}, {"to": "large", "below": 0.4}), 28, 1),
        ("below: 0.7}", "below: 0.71}", ({"to": "large", "below": 0.7}, {"to": "large", "below": 0.71}), 3, 0),
        (", below: 0.7}", "}", ({"to": "large", "below": 0.7}, {"to": "large"}), 28, 1),
        (ESCALATE, "", ({"to": "large", "below": 0.7}, None), 40, 1),
        (
            "confidence: /confidence",
            "confidence: /certainty",  # which no answer has: each escalates
            tuple({"to": "large", "below": 0.7, "confidence": f"/{name}"} for name in ("confidence", "certainty")),
            3,
            0,
        ),
    ],
    ids=["lowered", "raised", "by form alone", "taken out", "by another confidence"],
)
def test_changing_an_escalation_is_judged_like_a_move(
    cascade: Project, old: str, new: str, stated: tuple[Any, Any], wrong: int, status: int
) -> None:
    cascade.replace(old, new)
    found = run(cascade, "--modelroute-base=main", status=status)
    (change,) = json.loads((cascade.folder / "report.json").read_text())["changes"]
    assert (change["kind"], change["task"], (change["from"], change["to"])) == (
        "escalation_changed",
        "classify",
        stated,
    )
    assert (found["strict"], found["wrong"], found["paired"]["tier"]) == (True, wrong, "small")
    assert found["paired"]["wrong"] == 7
    if status:
        line = 12 if new else 10
        assert found["way_out"] == f"put `escalate: {{to: large, below: 0.7}}` back at modelroute.yaml:{line}"


def test_an_escalation_that_is_added_is_judged_and_one_written_otherwise_is_none(cascade: Project) -> None:
    cascade.replace(ESCALATE, "")
    git(cascade.folder, "commit", "-qam", "no cascade")
    git(cascade.folder, "branch", "cheap")
    cascade.replace("    tier: small\n", "    tier: small\n" + ESCALATE)
    found = run(cascade, "--modelroute-base=cheap", status=0)
    assert (found["strict"], found["verdict"], found["wrong"], found["paired"]["wrong"]) == (True, "pass", 7, 40)
    git(cascade.folder, "commit", "-qam", "a cascade")
    git(cascade.folder, "branch", "again")
    cascade.replace(ESCALATE, "    escalate:\n      below: 0.70  # unsure\n      to: large\n")
    assert run(cascade, "--modelroute-base=again", status=0)["strict"] is False


def test_another_model_under_the_tier_that_answers_in_the_end_is_a_swap(cascade: Project) -> None:
    cascade.replace("model: large-1", "model: nano-1")
    cascade.replace("{name: nano, model: nano-1", "{name: nano, model: nano-0")
    found = run(cascade, "--modelroute-base=main", status=1)
    assert (found["change"]["kind"], found["verdict"], found["errors"]) == ("model_swap", "error", 48)


def test_a_request_of_the_dear_tier_s_own_is_part_of_what_is_asked(cascade: Project) -> None:
    cascade.replace("model: large-1,", "model: large-1, request: {max_tokens: 99},")
    found = run(cascade, "--modelroute-base=main", status=1)
    changes = json.loads((cascade.folder / "report.json").read_text())["changes"]
    change = next(change for change in changes if change["task"] == "classify")
    assert (change["kind"], change["from"], change["to"]) == ("request_changed", {"max_tokens": 64}, {"max_tokens": 99})
    assert (found["strict"], found["errors"]) == (True, 48)


def test_a_move_to_the_tier_above_leaves_no_escalation_and_is_held_against_the_cascade(cascade: Project) -> None:
    found = run(cascade, "--modelroute-try=classify=large", status=0)
    assert (found["escalation"], found["wrong"], found["paired"]["wrong"]) == (None, 3, 7)
    assert found["paired"]["tier"] == "small"


def test_live_recording_of_a_cascade_plans_both_tiers(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(answer) as server:
        project = live_project(tmp_path, server, 5, only="classify")
        project.move("classify", "small")
        project.replace("    tier: small\n", "    tier: small\n" + ESCALATE)
        done = forks.record(project, "--modelroute-dry-run")
    assert done.returncode == 0, done.output
    assert "classify on small (small-1): 5 calls" in done.stdout, done.stdout
    assert "classify on large (large-1): 5 calls" in done.stdout


REGISTRY = """\
version: 1
tiers:
  - {name: small, model: small-1}
  - {name: twin, model: small-1}
  - {name: large, model: large-1}
default_tier: large
tasks:
  t:
    tier: TIER
    output: {format: json, confidence: /c}
    escalate: ESCALATE
"""


@pytest.mark.parametrize(
    ("tier", "escalate", "told"),
    [
        ("small", "{to: huge}", "tasks.t.escalate.to: unknown tier 'huge'"),
        ("large", "{to: small}", "tasks.t.escalate: 'small' is not dearer than 'large', which answers first"),
        ("large", "{to: large}", "tasks.t.escalate: 'large' is not dearer than 'large', which answers first"),
        ("small", "{to: twin}", "tasks.t.escalate: 'twin' and 'small' are one model"),
        ("small", "{below: 0.5}", "tasks.t.escalate: the key 'to' is missing"),
        ("small", "{to: large, below: 70}", "tasks.t.escalate.below: 70 is out of range"),
        ("small", "{to: large, above: 0.7}", "tasks.t.escalate: unknown key 'above'"),
        ("small", "large", 'tasks.t.escalate: "large" has the wrong type'),
    ],
)
def test_an_escalation_that_makes_no_sense_is_refused_where_it_stands(
    tmp_path: Path, tier: str, escalate: str, told: str
) -> None:
    with pytest.raises(InputError) as caught:
        load(tmp_path, REGISTRY.replace("TIER", tier).replace("ESCALATE", escalate))
    assert caught.value.what == told
    assert str(caught.value).startswith("modelroute.yaml:1")


def test_a_confidence_limit_needs_a_confidence(tmp_path: Path) -> None:
    text = REGISTRY.replace("TIER", "small").replace(", confidence: /c", "")
    with pytest.raises(InputError, match="'below' needs a confidence, and the task's output has none"):
        load(tmp_path, text.replace("ESCALATE", "{to: large, below: 0.7}"))
    escalation = load(tmp_path, text.replace("ESCALATE", "{to: large}")).tasks["t"].escalation
    assert escalation == Escalation("large", None, Place("modelroute.yaml", 11))


@pytest.mark.parametrize(
    ("below", "kind", "confidence", "trigger"),
    [
        (0.7, None, 0.7, None),
        (0.7, None, 0.6999, Trigger.LOW_CONFIDENCE),
        (0.7, None, None, Trigger.NO_CONFIDENCE),
        (0.7, WrongKind.MISMATCH, 0.9, None),  # nobody knows that in production
        (0.7, WrongKind.MISMATCH, 0.1, Trigger.LOW_CONFIDENCE),
        (0.0, None, 0.0, None),
        (0.0, None, None, Trigger.NO_CONFIDENCE),
        (1.0, None, 1.0, None),
        (None, None, None, None),
        (None, WrongKind.MISMATCH, None, None),
        *((below, kind, 0.99, Trigger(kind.value)) for below in (0.7, None) for kind in list(WrongKind)[:-1]),
    ],
)
def test_an_answer_escalates_by_its_form_or_its_confidence(
    below: float | None, kind: WrongKind | None, confidence: float | None, trigger: Trigger | None
) -> None:
    assert trigger_of(Escalation("large", below, Place("r", 1)), kind, confidence) is trigger


FULL = Price(3.0, 15.0, "2026-11-21", cache_read=0.3, cache_write=3.75, batch_input=1.5, batch_output=7.5)


@pytest.mark.parametrize(
    ("usage", "price", "usd"),
    [
        (Usage(1_000_000, 0), FULL, 3.0),
        (Usage(1_000_000, 0, 1_000_000), FULL, 0.3),
        (Usage(1_000_000, 0, 0, 1_000_000), FULL, 3.75),
        (Usage(3_000_000, 1_000_000, 1_000_000, 1_000_000), FULL, 3 + 0.3 + 3.75 + 15),
        (Usage(1_000_000, 0, 1_000_000), Price(3.0, 15.0, None), 3.0),  # never less than it costs
        (Usage(1_000_000, 0, 0, 1), Price(3.0, 15.0, None), None),  # it would be
        (None, FULL, None),
    ],
)
def test_cached_input_has_prices_of_its_own(usage: Usage | None, price: Price, usd: float | None) -> None:
    assert cost_in_usd(usage, price) == (None if usd is None else pytest.approx(usd))


def test_what_is_not_known_of_one_call_is_not_known_of_all() -> None:
    assert total_usd([0.5, 0.25]) == 0.75
    assert total_usd([0.5, None]) is None
    assert total_usd([]) is None
    assert usd_per_1000([0.5, 0.25]) == 375
    assert usd_per_1000([]) is None
    assert batch_price(FULL) == Price(1.5, 7.5, "2026-11-21")
    assert batch_price(Price(3.0, 15.0, None)) is None
    assert batch_price(None) is None
