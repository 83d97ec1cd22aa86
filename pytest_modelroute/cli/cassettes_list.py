"""`modelroute cassettes list`: what is recorded, and what is not."""

from __future__ import annotations

import argparse

from ..evaluation.inventory import CassetteFile, inventory, waiting
from ..reporting.inventory import inventory_json, inventory_lines
from .main import ExitStatus
from .opening import Opened, check_tasks, open_project, own_code_aside

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> ExitStatus:
    """Print the table, or JSON. Raises InputError for broken input."""
    with open_project(arguments.registry, arguments.rootdir) as opened:
        return _run(arguments, opened)


def _run(arguments: argparse.Namespace, opened: Opened) -> ExitStatus:
    check_tasks(opened, arguments.tasks)
    with own_code_aside():
        files = list(inventory(opened.project, opened.rootdir, arguments.tasks))
    waits = waiting(opened.rootdir, opened.project.registry.cassettes)
    if arguments.json:
        print(inventory_json(files, waits))
    else:
        for line in inventory_lines(files, waits):
            print(line)
    return ExitStatus.FOUND if arguments.check and any(map(_lacks, files)) else ExitStatus.FINE


def _lacks(file: CassetteFile) -> bool:
    """Whether an answer is missing or stale; a tier that was never recorded counts only where it is assigned.

    Of a grader's verdicts those on recorded answers are missed.
    """
    told = file.contents is not None or file.grades
    return any((tally.missing or tally.stale) and (tally.assigned or told) for tally in file.tiers)
