"""`modelroute compare`: two tiers' answers to the same inputs, from recordings or from a decision log."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..cassettes.redaction import credential_scan
from ..errors import InputError
from ..evaluation.grading import grader_of
from ..registry.model import Task, Tier
from ..reporting.comparable import Compared, Source
from ..reporting.compared import compare_lines
from ..reporting.compared_json import compare_json
from ..routing.comparing import recorded_side_by_side
from ..routing.decision_log import read_decisions
from ..routing.logged import shadow_pairs, shadowed
from .main import ExitStatus
from .opening import Opened, gated_task, known_task, open_project
from .two_tiers import answered_questions, known_tier, nearest_recorded

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> ExitStatus:
    """Print the comparison, or JSON. Raises InputError for broken input and for answers that are not there."""
    with open_project(arguments.registry, arguments.rootdir) as opened:
        return _run(arguments, opened)


def _run(arguments: argparse.Namespace, opened: Opened) -> ExitStatus:
    task = known_task(opened, arguments.task)
    asked = None if arguments.tiers is None else _asked(opened, arguments.tiers)
    compared = _recorded(opened, task, asked) if arguments.log is None else _logged(arguments.log, task, asked)
    hidden = credential_scan(opened.project.registry).hidden
    if arguments.json:
        print(compare_json(compared, hidden))
    else:
        for line in compare_lines(compared, hidden):
            print(line)
    return ExitStatus.FINE


def _asked(opened: Opened, text: str) -> tuple[Tier, Tier]:
    names = [name.strip() for name in text.split(",")]
    tiers = [known_tier(opened, name, "--tiers") for name in names]
    if len(tiers) != 2 or tiers[0] is tiers[1]:
        raise InputError(f"--tiers: '{text}' does not name two tiers", valid="two of the registry, as in small,large")
    return tiers[0], tiers[1]


def _recorded(opened: Opened, task: Task, asked: tuple[Tier, Tier] | None) -> Compared:
    material = gated_task(opened, task.name)
    if asked is None:
        registry = opened.project.registry
        tiers, assigned = registry.tiers, registry.tier(task.tier)
        rank = tiers.index(assigned)
        others = (*tiers[rank + 1 :], *reversed(tiers[:rank]))
        if not others:
            raise InputError("there is one tier, and nothing to compare it with", place=registry.tiers_place)
        asked = assigned, nearest_recorded(opened, material, others)
    found = answered_questions(opened, material, *asked)
    first, second = asked
    side_by_side = recorded_side_by_side(task, (first.name, second.name), found)
    return Compared(task, side_by_side, len(found), graded=grader_of(material) is not None)


def _logged(log: str, task: Task, asked: tuple[Tier, Tier] | None) -> Compared:
    decisions, skipped = read_decisions(Path(log))
    pairs = shadow_pairs(decisions, task.name)
    if not pairs:
        calls = sum(decision.task == task.name and not decision.shadow for decision in decisions)
        what = f"{log}: none of the {calls} calls of '{task.name}' has a shadow: there is nothing to compare"
        raise InputError(what, place=task.place, fix="shadow: {tier: NAME, rate: 0.05}")
    tiers = max(pairs, key=lambda pair: pairs[pair])
    if asked is not None:
        names = asked[0].name, asked[1].name
        tiers = next((pair for pair in (names, names[::-1]) if pair in pairs), names)
        if tiers not in pairs:
            valid = ", ".join(f"{first},{second}" for first, second in pairs)
            raise InputError(f"--tiers: {log} has no call that both tiers answered", valid=valid)
    found = shadowed(decisions, task.name, tiers)
    return Compared(task, found.found, len(found.found.both), log=Source(log, skipped, found))
