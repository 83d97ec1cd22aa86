"""Advice as JSON, with all digits and every patch."""

from __future__ import annotations

import json

from ..judgement.worth import MONTHS
from ..registry.model import Task
from .advice_text import Advised
from .advised import Advice
from .model import TaskReport

__all__ = ["advice_json"]


def advice_json(advised: Advised) -> str:
    """In the order of the table; null for what is not known, as for a patch that cannot be made safely."""
    best = {id(task.best) for task in advised.tasks}
    read = {
        "format": 1,
        "registry": advised.registry,
        "work_usd": advised.work,
        "months": MONTHS,
        "tasks": [
            {
                "task": task.report.task,
                "calls_a_month": advised.calls.get(task.report.task),
                "verdict": task.report.verdict.value,
                **_measured(task.report),
                "notes": list(task.notes),
            }
            for task in advised.tasks
        ],
        "ungated": list(advised.ungated),
        "advice": [_advice(advised, each, best=id(each) in best) for each in advised.sorted],
    }
    return json.dumps(read, indent=2)


def _advice(advised: Advised, advice: Advice, *, best: bool) -> dict[str, object]:
    report, worth, outlay = advice.report, advice.worth, advice.outlay
    paired = report.paired if report is not None else None
    patch, refused = advised.patch(advice)
    return {
        "task": advice.old.name,
        "advice": advice.recommendation.value,
        "best": best,
        "from": _assigned(advice.old),
        "to": _assigned(advice.new),
        "no_threshold_certified": advice.alternative.uncertified,
        "verdict": advice.verdict.value,
        "why": advice.why,
        "needs": advice.needs,
        "way_out": advice.way_out,
        **_measured(report),
        "reasons": list(report.reasons) if report is not None else [],
        "broke": list(paired.broke) if paired is not None else None,
        "fixed": list(paired.fixed) if paired is not None else None,
        "escalation": report.escalation.to_wire() if report is not None and report.escalation is not None else None,
        "saving": {
            "usd_per_1000_calls": worth.per_1000,
            "usd_a_month": worth.monthly,
            "pays": worth.pays,
            "pays_from_calls_a_month": worth.pays_from,
        },
        "recording": None
        if outlay is None
        else {
            "calls": len(outlay.plan.calls),
            "usd": outlay.usd,
            "basis": outlay.plan.estimate.basis.value,
            "usd_per_1000_calls": outlay.usd_per_1000_calls,
        },
        "patch": patch,
        "no_patch": refused,
    }


def _assigned(task: Task) -> dict[str, object]:
    return {"tier": task.tier, "escalate": None if task.escalation is None else task.escalation.stated}


def _measured(report: TaskReport | None) -> dict[str, object]:
    counts = report.judged if report is not None else None
    bounds = counts.bounds if counts is not None and not counts.errors else None
    return {
        "cases": counts.cases if counts is not None else None,
        "errors": counts.errors if counts is not None else None,
        "error_rate": counts.error_rate if counts is not None and bounds is not None else None,
        "lower": bounds[0] if bounds is not None else None,
        "upper": bounds[1] if bounds is not None else None,
        "limit": report.policy.max_error if report is not None else None,
        "usd_per_1000_calls": report.usd_per_1000_calls if report is not None else None,
    }
