"""The JSON report, format 1, and a task's part of it there and back again."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import ErrorKind
from ..evaluation.answers import Usage, WrongKind
from ..evaluation.escalation import Trigger
from ..evaluation.golden import ABSENT
from ..evaluation.results import CaseResult, Escalated, Outcome
from ..judgement.clusters import Samples
from ..judgement.gate import Counts, Verdict
from ..judgement.paired import mcnemar_p
from ..registry.changes import Change
from ..registry.model import Correction, GatePolicy, Price, Rule
from ..writing import write_atomically
from .escalated import EscalationReport
from .grader import grader_from_wire, grader_to_wire
from .model import PairedReport, RunReport, TaskReport, TierChange

__all__ = ["errors_from_wire", "errors_to_wire", "report_to_wire", "task_from_wire", "task_to_wire", "write_json"]

FORMAT = 1
CONFIDENCE = 0.95


def report_to_wire(report: RunReport) -> dict[str, Any]:
    """The whole report as JSON-like data."""
    base = report.base
    return {
        "format": FORMAT,
        "registry": report.registry,
        "base": {"ref": base.ref, "commit": base.commit} if base else None,
        "changes": [_change_to_wire(change) for change in report.changes],
        "tasks": [task_to_wire(task) for task in report.tasks],
    }


def write_json(report: RunReport, path: Path) -> None:
    """Write the report, whole or not at all. Raises InputError where that fails."""
    text = json.dumps(report_to_wire(report), ensure_ascii=False, indent=1) + "\n"
    # A lone surrogate, which a model can answer with, is kept as the escape that JSON has for it.
    write_atomically(path, text.encode("utf-8", "backslashreplace"))


def _change_to_wire(change: Change) -> dict[str, Any]:
    entry = change.acknowledged
    return {
        "kind": change.kind.value,
        "task": change.task,
        "from": change.old,
        "to": change.new,
        "where": str(change.place),
        "acknowledged": {"reason": entry.reason, "where": str(entry.place)} if entry else None,
    }


def task_to_wire(task: TaskReport) -> dict[str, Any]:
    """One entry of `tasks`. What is not known is null."""
    counts, judged, usage = task.counts, task.judged, task.usage
    bounds = judged.bounds if judged else None
    return {
        "task": task.task,
        "tier": task.tier,
        "model": task.model,
        "change": {"kind": task.change.kind, "from": task.change.old, "to": task.change.new} if task.change else None,
        "strict": task.strict,
        "cases": task.cases,
        "correct": counts.correct if counts else None,
        "wrong": counts.wrong if counts else None,
        "errors": counts.errors if counts else None,
        "error_rate": judged.error_rate if judged else None,
        "kinds": dict(task.kinds),
        "judged": ({"correct": judged.correct, "wrong": judged.wrong, "errors": judged.errors} if judged else None),
        "samples": _samples_to_wire(judged.samples, task.flaky) if judged and judged.samples else None,
        "interval": (
            {"lower": bounds[0], "upper": bounds[1], "confidence": CONFIDENCE, "sided": "one"} if bounds else None
        ),
        "threshold": task.policy.max_error,
        "rule": task.policy.rule.value,
        "min_cases": task.policy.min_cases,
        "max_regression": task.policy.max_regression,
        "correction": task.policy.correction.value,
        "verdict": task.verdict.value,
        "reasons": list(task.reasons),
        "grader": grader_to_wire(task.grader) if task.grader else None,
        "way_out": task.way_out,
        "paired": _paired_to_wire(task.paired) if task.paired else None,
        "escalation": task.escalation.to_wire() if task.escalation else None,
        "price": (dataclasses.asdict(task.price) if task.price else None),
        "usage": {
            "input_tokens": usage.input_tokens if usage else None,
            "output_tokens": usage.output_tokens if usage else None,
        },
        "cost": {"usd": task.usd, "usd_per_1000_calls": task.usd_per_1000_calls},
        "latency_ms": {"p50": task.latency_ms(0.5), "p95": task.latency_ms(0.95)},
        "results": None if task.results is None else [_result_to_wire(result) for result in task.results],
    }


def _samples_to_wire(samples: Samples, flaky: tuple[str, ...]) -> dict[str, Any]:
    return {
        "each": samples.each,
        "wrong": list(samples.wrong),
        "errors": list(samples.errors),
        "flaky": list(flaky),
        "flake_rate": samples.flaky / samples.cases,
        "all_right": samples.all_right(samples.each),
        "standard_error": samples.standard_error,
        "effective_cases": samples.effective_cases,
    }


def _samples_from_wire(wire: Mapping[str, Any] | None) -> Samples | None:
    return Samples(tuple(wire["wrong"]), tuple(wire["errors"]), wire["each"]) if wire else None


def _paired_to_wire(paired: PairedReport) -> dict[str, Any]:
    lower, upper = paired.interval
    return {
        "tier": paired.tier,
        "cases": paired.cases,
        "wrong": paired.wrong,
        "broke": list(paired.broke),
        "fixed": list(paired.fixed),
        "difference": paired.discordance.difference,
        "lower": lower,
        "upper": upper,
        "mcnemar_p": mcnemar_p(paired.discordance),
        "unanswered": paired.unanswered,
        "unpaired": paired.unpaired,
        "usd_per_1000_calls": paired.usd_per_1000_calls,
        "self_graded": paired.self_graded,
    }


def _result_to_wire(result: CaseResult) -> dict[str, Any]:
    escalated = result.escalated
    return {
        "case": result.case,
        "sample": result.sample,
        "outcome": result.outcome.value,
        "kind": result.kind.value if result.kind else None,
        "output": result.output,
        "expected": None if result.expected is ABSENT else result.expected,
        "confidence": result.confidence,
        "detail": result.detail,
        "latency_ms": result.latency_ms,
        "recordings": result.recordings,
        "models": list(result.models),
        "usage": dataclasses.asdict(result.usage) if result.usage else None,
        "usd": result.usd,
        "escalated": (
            {"to": escalated.to, "trigger": escalated.trigger.value, "first": _result_to_wire(escalated.first)}
            if escalated
            else None
        ),
    }


def errors_to_wire(errors: Sequence[CaseResult]) -> list[dict[str, Any]]:
    """Results in error as they are sent to another process, with more than the report tells of them."""
    return [{**_result_to_wire(error), "lasting": error.lasting, "cassette": error.cassette} for error in errors]


def errors_from_wire(wire: Sequence[Mapping[str, Any]]) -> list[CaseResult]:
    """Read what `errors_to_wire` wrote."""
    more = ("lasting", "cassette")
    return [dataclasses.replace(_result_from_wire(each), **{name: each[name] for name in more}) for each in wire]


def task_from_wire(wire: Mapping[str, Any]) -> TaskReport:
    """Read what `task_to_wire` wrote: a gate that ran in another process sends its report this way."""
    change, paired, price, judged = wire["change"], wire["paired"], wire["price"], wire["judged"]
    grader = grader_from_wire(wire["grader"])
    return TaskReport(
        task=wire["task"],
        tier=wire["tier"],
        model=wire["model"],
        change=TierChange(change["kind"], change["from"], change["to"]) if change else None,
        strict=wire["strict"],
        cases=wire["cases"],
        policy=GatePolicy(
            wire["threshold"],
            Rule(wire["rule"]),
            wire["min_cases"],
            wire["max_regression"],
            Correction(wire["correction"]),
        ),
        verdict=Verdict(wire["verdict"]),
        reasons=tuple(wire["reasons"]),
        way_out=wire["way_out"],
        paired=(
            PairedReport(
                paired["tier"],
                paired["cases"],
                paired["wrong"],
                tuple(paired["broke"]),
                tuple(paired["fixed"]),
                paired["usd_per_1000_calls"],
                paired["unanswered"],
                paired["self_graded"],
                paired["unpaired"],
            )
            if paired
            else None
        ),
        price=Price(**price) if price else None,
        results=None if wire["results"] is None else tuple(_result_from_wire(result) for result in wire["results"]),
        judged=(
            Counts(
                judged["correct"],
                judged["wrong"],
                judged["errors"],
                _samples_from_wire(wire["samples"]),
                grader.audit if grader else None,
            )
            if judged
            else None
        ),
        grader=grader,
        escalation=EscalationReport.from_wire(wire["escalation"]) if wire["escalation"] else None,
    )


def _result_from_wire(wire: Mapping[str, Any]) -> CaseResult:
    kinds: dict[str | None, WrongKind | ErrorKind | None] = {None: None}
    kinds.update((kind.value, kind) for kind in (*WrongKind, *ErrorKind))
    usage, escalated = wire["usage"], wire["escalated"]
    return CaseResult(
        case=wire["case"],
        sample=wire["sample"],
        outcome=Outcome(wire["outcome"]),
        kind=kinds[wire["kind"]],
        output=wire["output"],
        expected=wire["expected"],
        confidence=wire["confidence"],
        detail=wire["detail"],
        usage=Usage(**usage) if usage else None,
        latency_ms=wire["latency_ms"],
        recordings=wire["recordings"],
        models=tuple(wire["models"]),
        usd=wire["usd"],
        escalated=(
            Escalated(escalated["to"], Trigger(escalated["trigger"]), _result_from_wire(escalated["first"]))
            if escalated
            else None
        ),
    )
