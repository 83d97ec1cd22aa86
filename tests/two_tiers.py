"""Recorded answers of two tiers that differ in every way that counts, for the commands that compare them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

from pytest_modelroute.cassettes.lines import cassette_text

from .interactions import answered, message, read_back
from .projects import LABELS, Project

__all__ = ["answer", "differing", "rewrite"]


def answer(case: int, *, wrong: bool = False, confidence: float | None = 0.9, **changes: Any) -> str:
    """The body of an answer to a case of `classify`."""
    label: dict[str, Any] = {"label": LABELS[(case + wrong) % 3]}
    if confidence is not None:
        label["confidence"] = confidence
    return message(json.dumps(label), usage={"input_tokens": 10, "output_tokens": 5}, model="test-model", **changes)


def rewrite(
    project: Project, tier: str, body: Callable[[int], str], latency: Callable[[int], int] = lambda n: n
) -> None:
    """Let a tier have answered each case of `classify`, by its number from 1, with `body` in `latency` ms."""
    path = project.cassette("classify", tier)
    changed = []
    for each in read_back(path):
        number = int(each.case.removeprefix("message-"))
        changed.append(dataclasses.replace(answered(each, body(number)), latency_ms=latency(number)))
    path.write_text(cassette_text(changed))


def differing(project: Project) -> None:
    """Of 120 cases small is wrong in 24, mostly with low confidence, and large in 6; some answers are unusable."""
    rewrite(project, "small", _small)
    rewrite(project, "large", _large, lambda number: 2 * number)


def _small(case: int) -> str:
    if case in (30, 60):
        return message("Sorry?", usage={"input_tokens": 10, "output_tokens": 2}, model="test-model")
    if case == 90:
        return answer(case, confidence=None)
    if case % 5 == 0:
        return answer(case, wrong=True, confidence=0.9 if case % 25 == 0 else 0.4)
    return answer(case, confidence=0.5 if case % 7 == 0 else 0.95)


def _large(case: int) -> str:
    if case == 7:
        return answer(case, stop_reason="refusal")
    return answer(case, wrong=case % 24 == 0)
