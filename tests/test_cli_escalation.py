"""`modelroute escalation`, as it is typed: the table, the certified threshold beside the naive, what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_modelroute.judgement.thresholds import GRID

from .graded import Models, graded_project
from .live import Forks, live_project
from .messages_server import MessagesServer, Reply, message
from .projects import Project
from .test_cli_cassettes import drop, fine, refused, run_here
from .two_tiers import answer, differing, rewrite

TABLE = """\
classify: small answers, and large what escalates: 120 cases, at most 12 % wrong

below          escalated        wrong   bound  by lot  USD/1000
1.00         120 (100 %)      6 (5 %)   9.6 %     5 %     0.180
0.95         38 (31.7 %)    2 (1.7 %)   5.2 %  13.8 %    0.0976
0.90-0.55    34 (28.3 %)      6 (5 %)   9.6 %  14.2 %    0.0936
0.50-0.45    20 (16.7 %)    5 (4.2 %)   8.6 %  15.7 %    0.0796
0.40-0.00      3 (2.5 %)  21 (17.5 %)  24.2 %  17.5 %    0.0626
small alone                 24 (20 %)    27 %            0.0596
large alone                   6 (5 %)   9.6 %             0.120

bound: 95 % sure to be at most; by lot: wrong on average if as many escalated by lot;
USD/1000: a thousand calls, with both calls of what escalates
certified: 0.45: 16.7 % escalated, 4.2 % wrong (at most 8.6 %)
  escalate: {to: large, below: 0.45}
naive: the same
confidence of small tells right answers from wrong ones
  AUC 0.97 (0.89 to 0.99; 0.5 is chance), 96 right and 21 wrong
120 cases: a threshold should be chosen by 200 at least
"""

HELD_OUT = """
held out: thresholds chosen on 67 cases, and held against the other 53 (halves by a hash of the case's id)
  certified: none
  naive: 0.45: 16.4 % escalated, 3 % wrong (at most 9.1 %)
    on the other half 17 % escalated, 5.7 % wrong (at most 14 %): holds
"""

NOT_CERTIFIED = """\
certified: none; at 1.00 5 % wrong (at most 9.6 %)
naive: 0.45: 16.7 % escalated, 4.2 % wrong (at most 8.6 %)
  not to be trusted: the cases that it was picked by flatter it; simulated, the true error rate was above the limit
  in 44, 34 and 22 % of such picks on 100, 200 and 500 cases, and in about 1 % of certified ones
"""

BY_FORM = """\
reply: nano answers, and small what escalates: 120 cases, at most 8 % wrong

below        escalated      wrong   bound  by lot  USD/1000
by form        0 (0 %)  30 (25 %)  32.3 %            0.0300
nano alone              30 (25 %)  32.3 %            0.0300
small alone               6 (5 %)   9.6 %            0.0600

bound: 95 % sure to be at most; by lot: wrong on average if as many escalated by lot;
USD/1000: a thousand calls, with both calls of what escalates
the output has no confidence: only answers that its policy does not accept escalate to small
  way out: ask for one in the prompt, and name it: output: {confidence: /confidence}
120 cases: a threshold should be chosen by 200 at least
"""


def escalation(project: Project, *arguments: str) -> str:
    return fine(run_here(project, "escalation", *arguments))


def read(project: Project, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(escalation(project, *arguments, "--json"))
    return found


@pytest.fixture
def routed(project: Project) -> Project:
    """`classify` is on small, whose confidence says much."""
    differing(project)
    project.move("classify", "small")
    return project


def test_the_whole_grid_and_the_threshold_that_is_certified(routed: Project) -> None:
    assert escalation(routed, "classify", "--limit", "0.12") == TABLE
    assert escalation(routed, "classify", "--limit", "0.12", "--holdout") == TABLE + HELD_OUT


def test_what_is_not_certified_is_told_beside_the_naive_pick(routed: Project) -> None:
    assert NOT_CERTIFIED in escalation(routed, "classify")
    told = escalation(routed, "classify", "--limit", "0.01")
    assert "certified: none; at 1.00 5 % wrong (at most 9.6 %)\nnaive: none: no threshold was even observed" in told


def test_without_a_confidence_only_the_form_escalates(project: Project) -> None:
    assert escalation(project, "reply", "--from", "nano") == BY_FORM
    found = read(project, "reply", "--from", "nano")
    assert (found["certified"], found["naive"], found["confidence"], found["holdout"]) == (None,) * 4
    assert [row["below"] for row in found["grid"]] == [None]


def test_each_row_is_what_the_gate_measures_with_that_threshold(routed: Project) -> None:
    """On all cases, and with both calls paid."""
    rows = {row["below"]: row for row in read(routed, "classify")["grid"]}
    assert list(rows) == list(GRID)
    routed.replace("  classify:\n", "  classify:\n    escalate: {to: large, below: 0.0}\n")
    for before, below in (("0.0", "0.45"), ("0.45", "0.95")):
        routed.replace(f"below: {before}", f"below: {below}")
        routed.pytest("--modelroute", "--modelroute-json=report.json")
        report = json.loads((routed.folder / "report.json").read_text())
        task = next(task for task in report["tasks"] if task["task"] == "classify")
        row = rows[float(below)]
        assert task["wrong"] == row["wrong"]
        assert sum(task["escalation"]["escalated"].values()) == row["escalated"]
        assert task["cost"]["usd_per_1000_calls"] == pytest.approx(row["usd_per_1000_calls"])
        assert task["interval"]["upper"] == row["upper"]


@pytest.mark.parametrize(
    ("change", "arguments", "tiers"),
    [
        ("", (), ("small", "large")),
        ("", ("--from", "nano"), ("nano", "small")),
        ("", ("--to", "small"), ("nano", "small")),
        ("", ("--from", "nano", "--to", "large"), ("nano", "large")),
        ("tier: large\n", (), ("small", "large")),
        ("tier: large\n", ("--from", "nano"), ("nano", "large")),
        ("tier: nano\n    escalate: {to: large, below: 0.5}\n", (), ("nano", "large")),
        ("tier: nano\n    escalate: {to: large, below: 0.5}\n", ("--from", "small"), ("small", "large")),
    ],
)
def test_which_tiers_are_meant(
    routed: Project, change: str, arguments: tuple[str, ...], tiers: tuple[str, str]
) -> None:
    if change:
        routed.replace("tier: small\n", change)
    found = read(routed, "classify", *arguments)
    assert (found["from"], found["to"]) == tiers


def test_confidence_that_does_not_help_is_told(routed: Project) -> None:
    rewrite(routed, "small", lambda case: answer(case, wrong=case % 5 == 0))
    told = escalation(routed, "classify")
    assert "confidence does not help here: it does not tell right answers from wrong ones\n  AUC 0.50" in told
    # It tells right from wrong, but large is wrong where small is.
    rewrite(routed, "small", lambda case: answer(case, wrong=case % 12 == 0, confidence=0.4 if case % 12 == 0 else 0.9))
    rewrite(routed, "large", lambda case: answer(case, wrong=case % 12 == 0))
    told = escalation(routed, "classify", "--limit", "0.14")
    assert "confidence of small tells right answers from wrong ones\n" in told
    found = read(routed, "classify", "--limit", "0.14")
    assert found["certified"] == 0.0  # nothing escalates: a lot is not asked
    assert "a lot would do as well" not in told
    rewrite(routed, "small", lambda case: answer(case, wrong=case % 12 == 0, confidence=None if case < 30 else 0.9))
    routed.replace('["label", "confidence"]', '["label"]', "schemas/classify.json")
    told = escalation(routed, "classify", "--limit", "0.14")
    assert "confidence does not help here: at 0.00 a lot would do as well\n" in told


def test_a_threshold_that_saves_nothing_is_not_advised(routed: Project) -> None:
    rewrite(routed, "small", lambda case: answer(case, wrong=True))
    rewrite(routed, "large", answer)
    told = escalation(routed, "classify")
    assert "certified: 0.95: 100 % escalated, 0 % wrong (at most 2.5 %)\n" in told
    assert "  but large alone costs less: 0.120 instead of 0.180 USD\n" in told
    routed.replace("large-1, base_url", "large-1, request: {}, base_url")
    routed.replace(", price: {input: 4.0, output: 16.0, as_of: 2026-11-21}", "")
    told = escalation(routed, "classify")
    assert "  escalate: {to: large, below: 0.95}\n" in told
    assert read(routed, "classify")["alone"]["to"]["usd_per_1000_calls"] is None


def test_identical_requests_count_once_and_as_the_worst_of_theirs(routed: Project) -> None:
    cases = routed.golden("classify")
    cases[1]["input"] = cases[0]["input"]  # the same question, and another expectation: one of them is wrong
    routed.write_golden("classify", cases)
    found = read(routed, "classify")
    assert (found["cases"], found["alone"]["from"]["wrong"]) == (119, 25)
    assert found["alone"]["to"]["wrong"] == 7


def test_answers_that_lack_are_an_error_with_the_command_that_records_them(routed: Project) -> None:
    drop(routed.cassette("classify", "large"), "message-003", "message-004")
    told = refused(run_here(routed, "escalation", "classify"))
    assert told == (
        "modelroute escalation: modelroute.yaml:10: 2 of 120 cases of 'classify' have no answer of large\n"
        "  missing: message-003, message-004: not recorded\n"
        "  fix: pytest --modelroute --modelroute-record=new_episodes --modelroute-record-tiers=large"
        ' "modelroute.yaml::classify"\n'
    )
    routed.cassette("classify", "small").unlink()
    told = refused(run_here(routed, "escalation", "classify"))
    assert "120 of 120 cases of 'classify' have no answer of small\n" in told
    assert "2 of 120 cases of 'classify' have no answer of large\n" in told
    assert ', then pytest --modelroute --modelroute-record=new_episodes --modelroute-record-tiers=large "' in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("clasify",), "unknown task 'clasify'\n  valid: did you mean 'classify'?"),
        (("draft_email",), "task 'draft_email' has no cases: it is not gated"),
        (("classify", "--from", "big"), "--from: unknown tier 'big'\n  valid: "),
        (("classify", "--to", "lage"), "--to: unknown tier 'lage'\n  valid: did you mean 'large'?"),
        (("classify", "--from", "large"), "no tier is dearer than 'large', to escalate to"),
        (("classify", "--to", "nano"), "no tier is cheaper than 'nano', to answer first"),
        (("classify", "--from", "small", "--to", "nano"), "'nano' is not dearer than 'small'"),
        (("classify", "--limit", "8"), "--limit: '8' is no share\n  valid: from 0 to below 1; 8 % is 0.08"),
        (("classify", "--limit", "nan"), "--limit: 'nan' is no share"),
        (("reply", "--from", "nano", "--holdout"), "--holdout: the output of 'reply' has no confidence"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else "",
)
def test_what_cannot_be_is_refused(project: Project, arguments: tuple[str, ...], told: str) -> None:
    assert told in refused(run_here(project, "escalation", *arguments))


def test_one_model_under_two_names_is_refused(project: Project) -> None:
    project.replace("model: small-1", "model: large-1")
    told = refused(run_here(project, "escalation", "classify", "--from", "small", "--to", "large"))
    assert "--to: 'large' and 'small' are one model" in told


def test_one_case_has_no_halves(routed: Project) -> None:
    routed.write_golden("classify", routed.golden("classify")[:1])
    told = refused(run_here(routed, "escalation", "classify", "--holdout"))
    assert "--holdout: 'classify' has too few cases for two halves" in told
    assert escalation(routed, "classify").startswith("classify: small answers, and large what escalates: 1 case, ")


def test_the_samples_of_a_case_are_all_counted(tmp_path: Any, forks: Forks) -> None:
    def respond(body: dict[str, Any], number: int) -> Reply:
        """Small is wrong in every second answer that it gives."""
        wrong = body["model"] == "small-1" and number % 2 == 0
        case = int(body["messages"][-1]["content"].rpartition(" ")[2])
        return message(json.dumps({"label": ("refund", "shipping", "other")[(case + wrong) % 3], "confidence": 0.9}))

    with MessagesServer(respond) as server:
        live = live_project(tmp_path, server, 4, only="classify")
        live.move("classify", "small")
        live.replace("  classify:\n", "  classify:\n    samples: 2\n")
        arguments = ("--modelroute-record-tiers=small,large", "--modelroute-concurrency=1")
        assert forks.record(live, *arguments).returncode == 0
    found = read(live, "classify")
    assert (found["cases"], found["alone"]["from"]["answers"]) == (4, 8)
    assert found["alone"]["from"]["wrong"] == 4
    assert found["alone"]["from"]["upper"] > 0.75
    assert "4 cases x 2 answers, at most 99 % wrong" in escalation(live, "classify")


def test_answers_that_are_repeated_say_no_more_of_a_confidence(tmp_path: Any, forks: Forks) -> None:
    """Three times the same answers to each case are no three cases."""

    def respond(body: dict[str, Any], number: int) -> Reply:
        """Every fourth answer of small is wrong, and somewhat less sure."""
        case = int(body["messages"][-1]["content"].rpartition(" ")[2])
        wrong = body["model"] == "small-1" and case % 4 == 0
        confidence = (0.5, 0.7, 0.9)[case % 3] + (0.0 if wrong else 0.05)
        return message(
            json.dumps({"label": ("refund", "shipping", "other")[(case + wrong) % 3], "confidence": confidence})
        )

    with MessagesServer(respond) as server:
        live = live_project(tmp_path, server, 40, only="classify")
        live.move("classify", "small")
        live.replace("  classify:\n", "  classify:\n    samples: 3\n")
        assert forks.record(live, "--modelroute-record-tiers=small,large").returncode == 0
    three = read(live, "classify")["confidence"]
    compared = json.loads(fine(run_here(live, "compare", "classify", "--json")))
    assert (three["right"], three["wrong"]) == (90, 30)
    assert three["auc"]["effective_answers"] == pytest.approx(40)
    told = escalation(live, "classify")
    assert "whether confidence helps here is open: it is not seen to tell right answers from wrong ones\n" in told
    assert "90 right and 30 wrong, worth 40.0 independent answers\n" in told
    assert compared["tiers"][0]["confidence"] == three
    assert ", worth 40.0 independent answers\n" in fine(run_here(live, "compare", "classify"))
    live.replace("    samples: 3\n", "")
    one = read(live, "classify")["confidence"]
    assert (one["right"], one["wrong"], one["auc"]["effective_answers"]) == (30, 10, 40)
    assert three["auc"]["estimate"] == pytest.approx(one["auc"]["estimate"])
    assert (three["auc"]["lower"], three["auc"]["upper"]) == pytest.approx((one["auc"]["lower"], one["auc"]["upper"]))
    assert "independent" not in escalation(live, "classify")


def test_a_grader_s_verdicts_certify_nothing(tmp_path: Any, forks: Forks) -> None:
    models = Models(wrong=(2,), flagged=(2,))

    def respond(body: dict[str, Any], number: int) -> Reply:
        """As JSON with a confidence, unless it is a grade."""
        if "Grade" in body["messages"][-1]["content"]:
            return models(body, number)
        return message('{"reply": "message ' + body["messages"][-1]["content"][-1] + '", "confidence": 0.9}')

    with MessagesServer(respond) as server:
        live = graded_project(tmp_path, server, 40)
        live.replace(
            "    score: {kind: grader", "    output: {format: json, confidence: /confidence}\n    score: {kind: grader"
        )
        assert forks.record(live, "--modelroute-record-tiers=nano,small").returncode == 0
    told = escalation(live, "reply", "--from", "nano", "--to", "small", "--limit", "0.5")
    assert "what is right is what the grader says: nothing is certified by that\n" in told
    found = read(live, "reply", "--from", "nano", "--to", "small", "--limit", "0.5")
    assert found["grid"][-1]["upper"] < 0.5
    assert (found["certified"], found["naive"], found["graded"]) == (None, 0.0, True)
