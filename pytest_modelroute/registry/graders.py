"""What a registry says of a grader, and which tier may not be one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import InputError, Place, did_you_mean
from .model import Registry, SelfGrading, Task

__all__ = ["GraderOptions", "read_grader", "refuse_self_grading"]

OPTIONS = ("tier", "rubric", "self_grading")


@dataclass(frozen=True, slots=True)
class GraderOptions:
    """The options as written: `rubric` is a path from the registry."""

    tier: str
    rubric: str
    self_grading: SelfGrading


def read_grader(options: Mapping[str, Any], place: Place) -> GraderOptions:
    """Read the options of `kind: grader`. Raises InputError for one that is unknown or missing."""
    for name in options:
        if name not in OPTIONS:
            what = f"the scorer 'grader' has no option '{name}'"
            raise InputError(what, place=place, valid=did_you_mean(name, OPTIONS))
    for name, example in (("tier", "the name of a tier"), ("rubric", "prompts/RUBRIC.yaml")):
        if name not in options:
            raise InputError(f"the scorer 'grader' needs the option '{name}'", place=place, valid=f"{name}: {example}")
    return GraderOptions(options["tier"], options["rubric"], SelfGrading(options.get("self_grading", "reject")))


def refuse_self_grading(registry: Registry, task: Task, told: str) -> None:
    """Raise InputError where the tier of a gated task grades it; `told` begins what is said then."""
    grader = task.score.grader
    if grader is None or not task.gated:
        return
    grading = registry.tier(grader.tier)
    for name in task.answering:
        if grader.self_grading is SelfGrading.ALLOW or grading.served_by != registry.tier(name).served_by:
            continue
        same = "" if grader.tier == name else f", the same model as '{grader.tier}'"  # by another name too
        what = f"{told}: '{name}'{same} would grade its own answers"
        raise InputError(what, place=task.score.place, valid="another tier as grader, or self_grading: allow")
