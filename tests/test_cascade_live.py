"""The gate's cascade from recordings, and the router on the same cases live: one and the same, case by case."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest

from pytest_modelroute import RoutedAnswer, Router, UnusableAnswer
from pytest_modelroute.routing.decision_log import read_decisions

from .live import Forks, interactions, live_project, report
from .messages_server import MessagesServer, Reply, message
from .projects import LABELS, Project

# What the cheap tier says to the cases, in turn, and whether that stands.
FIRST: list[tuple[str, dict[str, Any]]] = [
    ('{"label": "LABEL", "confidence": 0.9}', {}),
    ('{"label": "LABEL", "confidence": 0.7}', {}),
    ('{"label": "LABEL", "confidence": 0.69}', {}),
    ('{"label": "LABEL", "confidence": 1.5}', {}),
    ('{"label": "LABEL", "confidence": 1}', {}),
    ('{"label": "LABEL"}', {}),
    ('{"label": "none of them", "confidence": 1.0}', {}),
    ("I would say LABEL.", {}),
    ('```json\n{"label": "LABEL", "confidence": 0.9}\n```', {}),
    ("I cannot help with that.", {"stop_reason": "refusal"}),
    ('{"label": "LABEL", "confi', {"stop_reason": "max_tokens"}),
    ('{"label": "LABEL", "confidence": 0.2}', {"usage": {"input_tokens": 7, "output_tokens": 3}}),
    ('{"label": "LABEL", "confidence": 0.1}', {"usage": {}}),
]
# The dear tier's own answers are not perfect either.
SECOND: list[tuple[str, dict[str, Any]]] = [
    ('{"label": "LABEL", "confidence": 0.95}', {"usage": {"input_tokens": 11, "output_tokens": 9}}),
    ('{"label": "LABEL", "confidence": 0.3}', {}),
    ("No.", {}),
    ("I cannot help with that.", {"stop_reason": "refusal"}),
    (
        '{"label": "LABEL", "confidence": 0.5}',
        {"usage": {"input_tokens": 5, "output_tokens": 9, "cache_read_input_tokens": 20}},
    ),
]
CASES = len(FIRST) * len(SECOND)


def said(body: dict[str, Any], number: int) -> Reply:
    text = body["messages"][-1]["content"]
    case = int(re.findall(r"\d+", text)[-1])
    cheap = body["model"] == "nano-1"
    words, changes = FIRST[case % len(FIRST)] if cheap else SECOND[case % len(SECOND)]
    label = LABELS[(case + cheap * (case % 4 == 0)) % 3]
    return message(words.replace("LABEL", label), model=body["model"], **changes)


def cascaded(
    folder: Path, server: MessagesServer, forks: Forks, escalate: str, cases: int = CASES
) -> tuple[Project, dict[str, Any]]:
    """The project recorded on all tiers that answer, and the gate's report, from those recordings."""
    project = live_project(folder, server, cases)
    project.write_golden("reply", project.golden("reply")[:6])
    project.move("classify", "nano")
    project.move("reply", "nano")
    project.replace("  classify:\n", f"  classify:\n    escalate: {escalate}\n")
    project.replace("  reply:\n", "  reply:\n    escalate: {to: large}\n")
    project.replace("tasks:\n", "log: {path: log/calls.jsonl, inputs: full}\ntasks:\n")
    forks.record(project)
    server.requests.clear()
    forks.run(project, "--modelroute-json=report.json")
    assert server.requests == []
    return project, report(project)


def answered(router: Router, task: str, case: dict[str, Any]) -> RoutedAnswer | UnusableAnswer:
    try:
        return router.call(task, case["input"])
    except UnusableAnswer as error:
        return error


async def all_answered(project: Project, cases: list[tuple[str, dict[str, Any]]]) -> list[Any]:
    async with Router.from_file(project.registry) as router:
        calls = (router.acall(task, **case["input"]) for task, case in cases)
        return await asyncio.gather(*calls, return_exceptions=True)


@pytest.mark.parametrize("escalate", ["{to: large, below: 0.7}", "{to: large}"])
def test_a_cascade_from_recordings_is_the_live_one_case_by_case(tmp_path: Path, forks: Forks, escalate: str) -> None:
    with MessagesServer(said) as server:
        project, gate = cascaded(tmp_path, server, forks, escalate)
        cases = [(task, case) for task in ("classify", "reply") for case in project.golden(task)]
        with Router.from_file(project.registry) as router:
            found: list[Any] = [answered(router, task, case) for task, case in cases]
        compare(project, gate, cases, found, escalate)
        (project.folder / "log/calls.jsonl").unlink()
        compare(project, gate, cases, asyncio.run(all_answered(project, cases)), escalate)


def compare(
    project: Project, gate: dict[str, Any], cases: list[tuple[str, dict[str, Any]]], found: list[Any], escalate: str
) -> None:
    """What callers got, and what was logged of it, against the gate's results."""
    logged, skipped = read_decisions(project.folder / "log/calls.jsonl")
    assert (len(logged), skipped) == (len(cases), 0)
    lines = {(line.task, json.dumps(line.input.full)): line for line in logged}
    results = {(task, each["case"]): each for task in gate for each in gate[task]["results"] or ()}
    triggers = set()
    for (task, case), live in zip(cases, found, strict=True):
        told, line = results[task, case["id"]], lines[task, json.dumps(case["input"])]
        assert isinstance(live, (RoutedAnswer, UnusableAnswer)), live
        escalated = told["escalated"]
        form = None if told["kind"] == "mismatch" else told["kind"]
        # The caller's answer, or what is wrong with it.
        assert live.tier == ("large" if escalated else "nano")
        assert (live.first is None) == (escalated is None)
        assert (isinstance(live, UnusableAnswer) and live.kind and live.kind.value) == (form or False)
        if isinstance(live, RoutedAnswer):
            assert live.output == told["output"]
            assert live.confidence == told["confidence"]
            assert (live.usage and dataclasses.asdict(live.usage)) == told["usage"]
            assert live.usd == told["usd"]
            assert (live.trigger and live.trigger.value) == (escalated and escalated["trigger"])
        if live.first is not None:
            first = escalated["first"]
            assert live.first.tier == "nano"
            assert live.first.output == first["output"]
            assert live.first.confidence == first["confidence"]
            assert live.first.usd == first["usd"]
            assert (live.first.usage and dataclasses.asdict(live.first.usage)) == first["usage"]
        # The line in the log, also of the calls that raised.
        assert line.outcome.value == (form or "answered")
        assert (line.output and line.output.full) == told["output"]
        assert line.confidence == told["confidence"]
        assert (line.usage and dataclasses.asdict(line.usage)) == told["usage"]
        assert line.usd == told["usd"]
        assert (line.trigger and line.trigger.value) == (escalated and escalated["trigger"])
        triggers.add(line.trigger and line.trigger.value)
    expected = {None, "refusal", "truncated", "not_json", "schema", "low_confidence", "no_confidence"}
    assert triggers == (expected if "below" in escalate else expected - {"low_confidence", "no_confidence"})


def test_a_live_call_asks_the_very_request_that_was_recorded(tmp_path: Path, forks: Forks) -> None:
    """Its key is the recording's, and its body over the wire is the recorded one, on both tiers."""
    with MessagesServer(said) as server:
        project, _ = cascaded(tmp_path, server, forks, "{to: large, below: 0.7}", len(FIRST))
        recorded = {(each.case, json.loads(str(each.request_body))["model"]): each for each in interactions(project)}
        with Router.from_file(project.registry) as router:
            for case in project.golden("classify"):
                server.requests.clear()
                live = answered(router, "classify", case)
                asked = [recorded[case["id"], body["model"]] for body in server.requests]
                assert [json.loads(str(each.request_body)) for each in asked] == server.requests
                assert len(asked) == (2 if live.first else 1)
                if live.first is not None:
                    assert live.first.key == asked[0].key
                if isinstance(live, RoutedAnswer):
                    assert live.key == asked[-1].key
