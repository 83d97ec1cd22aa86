"""`modelroute selfcheck`: whether a task's schema and scorer notice wrong answers."""

from __future__ import annotations

import argparse

from ..cassettes.redaction import credential_scan
from ..errors import InputError
from ..evaluation.evaluate import Evaluation
from ..evaluation.grading import grader_of
from ..evaluation.selfcheck import TaskCheck, check_task
from ..reporting.selfcheck import selfcheck_json, selfcheck_lines
from .main import ExitStatus
from .opening import Opened, gated_task, invocation, open_project, record_command

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> ExitStatus:
    """Print the table, or JSON; FOUND where a task is weak. Raises InputError for broken input and unknown tasks."""
    with open_project(arguments.registry, arguments.rootdir) as opened:
        return _run(arguments, opened)


def _run(arguments: argparse.Namespace, opened: Opened) -> ExitStatus:
    materials = opened.project.materials
    scored = [name for name, material in materials.items() if grader_of(material) is None]
    names = list(dict.fromkeys(arguments.tasks)) or scored
    for name in names:  # all of them, before the first takes its time
        place = gated_task(opened, name).task.score.place
        if name not in scored:
            what = f"task '{name}' is graded by a model, which no spoiled answer can be shown to offline"
            raise InputError(what, place=place, fix=invocation(opened).auditing(name))
    checks = [_checked(opened, name) for name in names]
    hidden = credential_scan(opened.project.registry).hidden
    if arguments.json:
        print(selfcheck_json(checks, hidden))
    else:
        for line in selfcheck_lines(checks, hidden):
            print(line)
    return ExitStatus.FOUND if any(check.weak for check in checks) else ExitStatus.FINE


def _checked(opened: Opened, name: str) -> TaskCheck:
    material = gated_task(opened, name)
    tier = opened.project.registry.tier(material.task.tier)
    command = record_command(opened, name, tier.name, material.cases[0].id)
    return check_task(material, Evaluation(material, tier, opened.project.recordings, command), opened.files)
