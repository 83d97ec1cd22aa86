"""`modelroute selfcheck`: whether a task's schema and scorer notice wrong answers."""

from __future__ import annotations

import argparse

from ..cassettes.redaction import credential_scan
from ..evaluation.evaluate import Evaluation
from ..evaluation.selfcheck import TaskCheck, check_task
from ..reporting.selfcheck import selfcheck_json, selfcheck_lines
from .main import ExitStatus
from .opening import Opened, gated_task, open_project, record_command

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> ExitStatus:
    """Print the table, or JSON; FOUND where a task is weak. Raises InputError for broken input and unknown tasks."""
    with open_project(arguments.registry, arguments.rootdir) as opened:
        return _run(arguments, opened)


def _run(arguments: argparse.Namespace, opened: Opened) -> ExitStatus:
    names = list(dict.fromkeys(arguments.tasks)) or list(opened.project.materials)
    for name in names:  # all of them, before the first takes its time
        gated_task(opened, name)
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
    command = record_command(opened, name, material.cases[0].id, tier.name)
    return check_task(material, Evaluation(material, tier, opened.project.recordings, command), opened.files)
