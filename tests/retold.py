"""Recorded answers of the template's `classify` that a test tells otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from pytest_modelroute.cassettes.lines import cassette_text

from .interactions import answered, read_back
from .projects import Project

__all__ = ["answers", "bodies", "sure"]

Body = dict[str, Any]


def bodies(project: Project, tier: str, told: Callable[[int, Body], Body | None], task: str = "classify") -> None:
    """Have a tier answer each case n as `told` changes its message; where that gives None, nothing is recorded."""
    path = project.cassette(task, tier)
    kept = []
    for each in read_back(path):
        body = told(int(each.case.replace(" ", "-").partition("-")[2]), json.loads(each.response_body))
        if body is not None:
            kept.append(answered(each, json.dumps(body)))
    path.write_text(cassette_text(kept))


def answers(project: Project, tier: str, told: Callable[[int, Any], Any]) -> None:
    """The same for the output: what is no text is told as JSON."""

    def changed(number: int, body: Body) -> Body:
        output = told(number, json.loads(body["content"][0]["text"]))
        text = output if isinstance(output, str) else json.dumps(output)
        return {**body, "content": [{"type": "text", "text": text}]}

    bodies(project, tier, changed)


def sure(project: Project, tier: str, confidence: Callable[[int], float]) -> None:
    """Have a tier be so confident of its answer to case n."""
    answers(project, tier, lambda number, output: {**output, "confidence": confidence(number)})
