"""`modelroute escalation`: which confidence threshold keeps a limit, and what it costs."""

from __future__ import annotations

import argparse

from ..errors import InputError
from ..evaluation.evaluate import TaskMaterial
from ..evaluation.grading import grader_of
from ..registry.cascades import dearer_tiers
from ..registry.model import Tier
from ..registry.serving import Escalation
from ..reporting.thresholds import Escalating, escalation_json, escalation_lines
from ..routing.escalations import escalations, holdout
from .main import ExitStatus
from .opening import Opened, gated_task, open_project
from .shares import share_below_one
from .two_tiers import answered_questions, known_tier, nearest_recorded

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> ExitStatus:
    """Print the table, or JSON. Raises InputError for broken input, unknown names and answers that are not there."""
    with open_project(arguments.registry, arguments.rootdir) as opened:
        return _run(arguments, opened)


def _run(arguments: argparse.Namespace, opened: Opened) -> ExitStatus:
    material = gated_task(opened, arguments.task)
    task = material.task
    limit = task.gate.max_error if arguments.limit is None else share_below_one(arguments.limit, "--limit")
    cheap, dear = _tiers(arguments, opened, material)
    by_confidence = task.output.confidence is not None
    if arguments.holdout and not by_confidence:
        what = f"--holdout: the output of '{task.name}' has no confidence, so no threshold is chosen"
        raise InputError(what, place=task.place, fix="output: {confidence: /confidence}, asked for in the prompt")
    found = answered_questions(opened, material, cheap, dear)
    to = Escalation(dear.name, 0.0 if by_confidence else None, task.place)
    escalating = Escalating(
        task=task.name,
        cheap=cheap.name,
        dear=dear.name,
        limit=limit,
        graded=grader_of(material) is not None,
        found=escalations(found, to, limit),
        holdout=holdout(found, to, limit) if arguments.holdout else None,
    )
    if arguments.holdout and escalating.holdout is None:
        raise InputError(f"--holdout: '{task.name}' has too few cases for two halves", valid="at least 2, better 200")
    if arguments.json:
        print(escalation_json(escalating))
    else:
        for line in escalation_lines(escalating):
            print(line)
    return ExitStatus.FINE


def _tiers(arguments: argparse.Namespace, opened: Opened, material: TaskMaterial) -> tuple[Tier, Tier]:
    """The tier that answers first and the one that answers instead: as asked for, as the task has it, or neighbours."""
    task, registry = material.task, opened.project.registry
    tiers, assigned = registry.tiers, registry.tier(task.tier)
    first = None if arguments.first is None else known_tier(opened, arguments.first, "--from")
    second = None if arguments.to is None else known_tier(opened, arguments.to, "--to")
    if first is None and second is None:
        if task.escalation is not None:
            return assigned, registry.tier(task.escalation.to)
        first, second = (None, assigned) if assigned is tiers[-1] else (assigned, None)
    # What is left open is the assigned tier where that is on the right side, else the nearest.
    if first is None:
        assert second is not None
        below = tiers[: tiers.index(second)]
        if not below:
            raise InputError(f"no tier is cheaper than '{second.name}', to answer first", place=registry.tiers_place)
        first = assigned if assigned in below else nearest_recorded(opened, material, below[::-1])
    if second is None:
        above = tiers[tiers.index(first) + 1 :]
        if not above:
            raise InputError(f"no tier is dearer than '{first.name}', to escalate to", place=registry.tiers_place)
        second = assigned if assigned in above else nearest_recorded(opened, material, above)
    dearer = dearer_tiers(registry, first.name)
    if second.name not in dearer:
        what = f"--to: '{second.name}' is not dearer than '{first.name}', which answers first"
        raise InputError(what, valid=f"one of {', '.join(dearer)}" if dearer else "another --from: it is the dearest")
    if first.served_by == second.served_by:
        raise InputError(f"--to: '{second.name}' and '{first.name}' are one model", valid="a tier with another model")
    return first, second
