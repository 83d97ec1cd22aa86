"""`modelroute compare`, as it is typed: on recordings, and on the decision log of a router with a shadow."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest

from pytest_modelroute.evaluation.answers import Usage
from pytest_modelroute.evaluation.escalation import Trigger
from pytest_modelroute.routing.agreement import digest
from pytest_modelroute.routing.decisions import CallOutcome, Decision, Excerpt, FirstDecision, decision_line

from .live import live_project
from .messages_server import MessagesServer, Reply, message
from .projects import LABELS, Project
from .test_cli_cassettes import drop, fine, refused, run_here
from .two_tiers import answer, differing, rewrite

RECORDED = """\
classify: small and large on 120 cases

                             small      large
wrong                    24 (20 %)    6 (5 %)
  between                14.2-27 %  2.2-9.6 %
  refusal                        0          1
  not_json                       2          0
  schema                         1          0
calibration error           12.2 %      5.8 %
output tokens (p50/p95)        5/5        5/5
latency, ms (p50/p95)       60/114    120/228
USD/1000                    0.0596      0.120

agree in 92 of 120 (76.7 %)
differ in 28: small alone right in 5, large alone right in 23
  small alone right: message-007, message-024, message-048, message-072, message-096
  large alone right: message-005, message-010, message-015, message-020, message-025, message-030, ... and 17 more
error rate of small less large's: +15.0 points (95 % bounds +8.2 to +22.3)
small gave an output that is accepted where large did not (1): message-007
large gave an output that is accepted where small did not (3): message-030, message-060, message-090
confidence of small tells right answers from wrong ones
  AUC 0.97 (0.89 to 0.99; 0.5 is chance), 96 right and 21 wrong
confidence of large does not tell right answers from wrong ones
  AUC 0.50 (0.27 to 0.73; 0.5 is chance), 114 right and 5 wrong
"""

LOGGED = """\
classify: small and its shadow large on 7 of 10 calls in LOG

                           small    large
  refusal                      0        1
  not_json                     1        0
  failed                       1        0
output tokens (p50/p95)      5/5      5/5
latency, ms (p50/p95)      30/60  400/700
USD/1000                 0.00500   0.0500

agree in 2 of 6 (33.3 %)
differ in 4:
  00000003  asked: {"text": "where is 3?"}  small: {"label": "refund"}  large: {"label": "shipping"}
  00000004  asked: {"text": "where is 4?"}  small: not_json  large: {"label": "shipping"}
  00000005  asked: {"text": "where is 5?"}  small: {"label": "refund"}  large: {"label": "shipping"}
  00000006  asked: {"text": "where is 6?"}  small: {"label": "shipping"}  large: refusal
small gave an output that is accepted where large did not (1): 00000006
large gave an output that is accepted where small did not (1): 00000004
confidence of small is not seen to tell agreeing answers from differing ones
  AUC 1.00 (0.39 to 1.00; 0.5 is chance), 2 agreeing and 2 differing
confidence of large does not tell agreeing answers from differing ones
  AUC 0.50 (0.11 to 0.89; 0.5 is chance), 2 agreeing and 2 differing
2 of them escalated (1 low confidence, 1 not json): what small answered first is compared;
  what callers got instead agrees with large in 2 of 2
1 call with a shadow between other tiers: --tiers names them
1 shadow without the call that it stood beside
2 lines skipped: cut off by a crash, or of another format
"""


def compare(project: Project, *arguments: str) -> str:
    return fine(run_here(project, "compare", *arguments))


def read(project: Project, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(compare(project, *arguments, "--json"))
    return found


# ---- from recordings


def test_two_tiers_side_by_side(project: Project) -> None:
    differing(project)
    project.move("classify", "small")
    assert compare(project, "classify") == RECORDED
    assert compare(project, "classify", "--tiers", "small, large") == RECORDED


def test_json_has_every_case_on_which_they_differ(project: Project) -> None:
    differing(project)
    found = read(project, "classify", "--tiers", "large,small")
    assert (found["source"], found["inputs"], found["agree"], found["log"]) == ("recordings", 120, 92, None)
    large, small = found["tiers"]
    assert (large["tier"], large["wrong"], large["outcomes"]["refusal"], large["handled_alone"]) == (
        "large",
        6,
        1,
        ["message-030", "message-060", "message-090"],
    )
    assert small["confidence"]["auc"]["estimate"] == pytest.approx(0.97, abs=0.01)
    assert sum(each["answers"] for each in small["confidence"]["bins"]) == 117
    assert found["difference"]["estimate"] == pytest.approx(-0.15)
    assert len(found["differing"]) == 28
    assert found["differing"][2] == {
        "case": "message-010",
        "sample": 0,
        "answers": [
            {
                "outcome": "answered",
                "right": True,
                "confidence": 0.9,
                "output": '{"label": "shipping", "confidence": 0.9}',
            },
            {
                "outcome": "answered",
                "right": False,
                "confidence": 0.4,
                "output": '{"label": "other", "confidence": 0.4}',
            },
        ],
    }


def test_the_error_rates_are_those_of_the_gate(project: Project) -> None:
    """Of each tier by itself, identical requests counted once."""
    cases = project.golden("classify")
    cases[1]["input"] = cases[0]["input"]
    project.write_golden("classify", cases)
    differing(project)
    found = read(project, "classify", "--tiers", "small,large")
    for tier in found["tiers"]:
        project.pytest("--modelroute", f"--modelroute-try=classify={tier['tier']}", "--modelroute-json=report.json")
        report = json.loads((project.folder / "report.json").read_text())
        judged = next(task for task in report["tasks"] if task["task"] == "classify")
        assert tier["wrong"] == judged["judged"]["wrong"]
        assert (tier["error_rate"], tier["lower"], tier["upper"]) == (
            judged["error_rate"],
            judged["interval"]["lower"],
            judged["interval"]["upper"],
        )


def test_without_being_told_the_next_dearer_tier_with_recordings_and_else_the_next_cheaper(project: Project) -> None:
    assert compare(project, "classify").startswith("classify: large and small on 120 cases\n")
    project.cassette("classify", "small").unlink()
    assert compare(project, "classify").startswith("classify: large and nano on 120 cases\n")
    project.move("classify", "nano")
    assert compare(project, "classify").startswith("classify: nano and large on 120 cases\n")
    for tier in ("large", "nano"):
        project.cassette("classify", tier).unlink()
    told = refused(run_here(project, "compare", "classify"))
    assert "120 of 120 cases of 'classify' have no answer of nano\n" in told
    assert "120 of 120 cases of 'classify' have no answer of small\n" in told
    assert 'fix: pytest --modelroute --modelroute-record=new_episodes "modelroute.yaml::classify", then' in told


def test_what_nobody_states_is_not_told(project: Project) -> None:
    told = compare(project, "reply", "--tiers", "small,large")
    assert told.endswith("no answer states a confidence\n")
    assert "calibration" not in told
    assert "differ in 3: large alone right in 3\n  large alone right: reply 20, reply 60, reply 100\n" in told
    project.replace("small-1, base_url", "small-1, request: {}, base_url")
    project.replace(", price: {input: 2.0, output: 8.0, as_of: 2026-11-21}", "")
    found = read(project, "reply", "--tiers", "small,large")
    assert [tier["usd_per_1000_calls"] is None for tier in found["tiers"]] == [True, False]
    assert found["tiers"][0]["confidence"]["calibration_error"] is None


def test_a_difference_that_no_score_sees_is_one_all_the_same(project: Project) -> None:
    """Agreement is of what is scored, or of the whole text; a different confidence alone is none."""
    rewrite(project, "small", lambda case: answer(case, confidence=0.5))
    rewrite(project, "large", lambda case: answer(case, confidence=0.9))
    assert "agree in 120 of 120 (100 %)\nerror rate of" in compare(project, "classify", "--tiers", "small,large")
    project.replace("kind: fields, fields: [label]", "kind: exact, field: label")
    assert "agree in 120 of 120" in compare(project, "classify", "--tiers", "small,large")


def test_an_answer_that_lacks_is_an_error(project: Project) -> None:
    drop(project.cassette("classify", "small"), "message-003")
    told = refused(run_here(project, "compare", "classify"))
    assert told == (
        "modelroute compare: modelroute.yaml:10: 1 of 120 cases of 'classify' has no answer of small\n"
        "  missing: message-003: not recorded\n"
        "  fix: pytest --modelroute --modelroute-record=new_episodes --modelroute-record-tiers=small"
        ' "modelroute.yaml::classify"\n'
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("clasify",), "unknown task 'clasify'"),
        (("draft_email",), "task 'draft_email' has no cases: it is not gated"),
        (("classify", "--tiers", "small"), "--tiers: 'small' does not name two tiers"),
        (("classify", "--tiers", "small,small"), "--tiers: 'small,small' does not name two tiers"),
        (("classify", "--tiers", "small,large,nano"), "does not name two tiers\n  valid: two of the registry, as in"),
        (("classify", "--tiers", "small,big"), "--tiers: unknown tier 'big'"),
        (("classify", "--log", "nowhere.jsonl"), "the decision log nowhere.jsonl cannot be read"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else "",
)
def test_what_cannot_be_is_refused(project: Project, arguments: tuple[str, ...], told: str) -> None:
    assert told in refused(run_here(project, "compare", *arguments))


def test_one_tier_has_nothing_beside_it(project: Project) -> None:
    text = project.registry.read_text()
    project.registry.write_text(re.sub(r"  - \{name: (nano|small).*\n", "", text).replace("tier: small", "tier: large"))
    assert "there is one tier, and nothing to compare it with" in refused(run_here(project, "compare", "classify"))


# ---- from a decision log


def excerpt(value: Any, counted: Any = None) -> Excerpt:
    return Excerpt(digest(value if counted is None else counted), full=value)


def output(label: str, confidence: float = 0.9) -> Excerpt:
    return excerpt({"label": label, "confidence": confidence}, {"label": label})


def decision(call: int, *, shadow: bool = False, **changes: Any) -> Decision:
    """An answer of small, or of its shadow large."""
    made = Decision(
        time="2026-11-22T08:00:00.000Z",
        call=f"{call:08}" + "0" * 24,
        shadow=shadow,
        task="classify",
        known=True,
        tier="large" if shadow else "small",
        model="large-1" if shadow else "small-1",
        escalated_from=None,
        trigger=None,
        confidence=0.9,
        outcome=CallOutcome.ANSWERED,
        error=None,
        usage=Usage(10, 5),
        usd=0.00005 if shadow else 0.000005,
        latency_ms=call * (100 if shadow else 10),
        key="v1:0",
        input=excerpt({"text": f"where is {call}?"}),
        output=output("shipping"),
        first=None,
    )
    return dataclasses.replace(made, **changes)


def escalated(call: int, trigger: Trigger, outcome: CallOutcome, confidence: float | None, given: Excerpt) -> Decision:
    """Small's answer did not stand, and large's is logged with what both calls took."""
    first = FirstDecision(
        "small", "small-1", outcome, confidence, Usage(10, 5), 0.000005, call * 10, f"v1:{call}", given
    )
    changes: dict[str, Any] = {
        "tier": "large",
        "escalated_from": "small",
        "trigger": trigger,
        "usd": 0.5,
        "latency_ms": 9_999,
    }
    return decision(call, first=first, **changes)


def failed(call: int) -> Decision:
    return decision(
        call, outcome=CallOutcome.FAILED, error="no answer", output=None, confidence=None, usage=None, usd=None
    )


def write_log(project: Project, *lines: str | Decision) -> str:
    path = project.folder / "decisions.jsonl"
    path.write_text("".join(line if isinstance(line, str) else decision_line(line) for line in lines))
    return path.name


def everything(project: Project) -> str:
    """A log in which every kind of thing happened once."""
    return write_log(
        project,
        *(each for call in (1, 2) for each in (decision(call), decision(call, shadow=True))),
        decision(3, output=output("refund", 0.8), confidence=0.8),
        decision(3, shadow=True),
        escalated(4, Trigger.NOT_JSON, CallOutcome.NOT_JSON, None, excerpt("Sorry?")),
        decision(4, shadow=True),
        escalated(5, Trigger.LOW_CONFIDENCE, CallOutcome.ANSWERED, 0.3, output("refund", 0.3)),
        decision(5, shadow=True),
        decision(6, shadow=True, outcome=CallOutcome.REFUSAL, output=excerpt("I cannot."), confidence=None),
        decision(6, confidence=0.7),  # a shadow may be faster
        failed(7),
        decision(7, shadow=True),
        decision(8),
        decision(9, tier="nano"),
        decision(9, shadow=True),
        decision(10),
        decision(11, shadow=True),
        decision(12, task="reply"),
        decision_line(decision(13))[:80] + "\n",
        '{"format": 2}\n',
        "\n",
    )


def test_a_log_with_shadows_side_by_side(project: Project) -> None:
    log = everything(project)
    assert compare(project, "classify", "--log", log) == LOGGED.replace("LOG", log)
    assert compare(project, "classify", "--log", log, "--tiers", "large,small") == LOGGED.replace("LOG", log)
    told = compare(project, "classify", "--log", log, "--tiers", "nano,large")
    assert told.startswith("classify: nano and its shadow large on 1 of 10 calls in decisions.jsonl\n")
    assert "agree in 1 of 1 (100 %)\n" in told


def test_json_of_a_log_has_every_call_on_which_they_differ(project: Project) -> None:
    found = read(project, "classify", "--log", everything(project))
    assert (found["source"], found["inputs"], found["answered_by_both"], found["agree"]) == ("log", 7, 6, 2)
    assert found["differing"][1] == {
        "call": "00000004" + "0" * 24,
        "asked": '{"text": "where is 4?"}',
        "answers": [
            {"outcome": "not_json", "right": None, "confidence": None, "output": "Sorry?"},
            {
                "outcome": "answered",
                "right": None,
                "confidence": 0.9,
                "output": '{"label": "shipping", "confidence": 0.9}',
            },
        ],
    }
    assert found["log"] == {
        "path": "decisions.jsonl",
        "skipped_lines": 2,
        "calls": 10,
        "other_pairs": 1,
        "unpaired_shadows": 1,
        "escalated": {"low_confidence": 1, "not_json": 1},
        "served": 2,
        "served_alike": 2,
    }
    assert [tier["wrong"] for tier in found["tiers"]] == [None, None]
    assert found["difference"] is None


def test_a_log_of_digests_says_how_to_keep_more(project: Project) -> None:
    kept: dict[str, Any] = {"input": Excerpt(digest({"text": "a"})), "output": Excerpt(digest({"label": "refund"}))}
    shadow = decision(1, shadow=True, **{**kept, "output": Excerpt(digest({"label": "other"}))})
    told = compare(project, "classify", "--log", write_log(project, decision(1, **kept), shadow))
    assert re.search(
        r"  00000001  asked: sha256:[0-9a-f]{8}  small: sha256:[0-9a-f]{8}  large: sha256:[0-9a-f]{8}\n", told
    )
    assert "  the log keeps digests alone: log: {inputs: prefix} or {inputs: full} keeps what was asked" in told


def test_many_calls_are_shown_in_part_and_cut_to_a_line(project: Project) -> None:
    lines: list[Decision] = []
    for call in range(1, 16):
        asked = excerpt({"text": f"where is {call}? " + "please \x1b[31m" * 40})
        lines += decision(call, input=asked, output=output("refund")), decision(call, shadow=True)
    told = compare(project, "classify", "--log", write_log(project, *lines))
    shown = [line for line in told.splitlines() if "asked: " in line]
    assert len(shown) == 10
    assert all(len(line) <= 120 and line.endswith('large: {"label": "shipping"}') for line in shown)
    assert "\x1b" not in told
    assert "  ... and 5 more (--json has all)\n" in told
    assert len(read(project, "classify", "--log", "decisions.jsonl")["differing"]) == 15


def test_nothing_that_both_answered_is_no_agreement(project: Project) -> None:
    log = write_log(project, failed(1), decision(1, shadow=True))
    told = compare(project, "classify", "--log", log)
    assert "no input has an answer of both\nno answer states a confidence\n" in told
    assert "USD/1000" in told


def test_a_log_without_shadows_says_how_to_get_one(project: Project) -> None:
    log = write_log(
        project, decision(1), decision(2), decision(3, task="reply"), decision(3, task="reply", shadow=True)
    )
    told = refused(run_here(project, "compare", "classify", "--log", log))
    assert told == (
        "modelroute compare: modelroute.yaml:10: decisions.jsonl: none of the 2 calls of 'classify' has a shadow: there"
        " is nothing to compare\n  fix: shadow: {tier: NAME, rate: 0.05}\n"
    )
    told = refused(run_here(project, "compare", "reply", "--log", log, "--tiers", "nano,large"))
    assert "--tiers: decisions.jsonl has no call that both tiers answered\n  valid: small,large\n" in told


def test_the_log_of_a_router_at_work(tmp_path: Path) -> None:
    def respond(body: dict[str, Any], number: int) -> Reply:
        case = int(body["messages"][-1]["content"].rpartition(" ")[2])
        small = body["model"] == "small-1"
        if small and case % 7 == 0:
            return message("Sorry?")
        label = LABELS[(case + (small and case % 5 == 0)) % 3]
        return message(json.dumps({"label": label, "confidence": 0.5 if small and case % 10 == 0 else 0.9}))

    from pytest_modelroute.routing.router import Router

    with MessagesServer(respond) as server:
        live = live_project(tmp_path, server)
        live.move("classify", "small")
        serving = "    escalate: {to: large, below: 0.7}\n    shadow: {tier: large, rate: 1.0}\n"
        live.replace("    tier: small\n", f"    tier: small\n{serving}")
        live.replace("default_tier", "log: {path: logs/decisions.jsonl, inputs: full}\ndefault_tier")
        with Router.from_file(live.registry) as router:
            for number in range(1, 41):
                router.call("classify", text=f"message {number}")
    told = compare(live, "classify", "--log", "logs/decisions.jsonl")
    assert told.startswith("classify: small and its shadow large on 40 of 40 calls in logs/decisions.jsonl\n")
    assert "agree in 28 of 40 (70 %)\ndiffer in 12:\n" in told
    assert "9 of them escalated (4 low confidence, 5 not json): what small answered first is compared;\n" in told
    assert told.endswith("  what callers got instead agrees with large in 9 of 9\n")
