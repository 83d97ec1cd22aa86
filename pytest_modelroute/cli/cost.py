"""`modelroute cost`: what routing costs a month, and what it would on the cheapest and the dearest tier."""

from __future__ import annotations

import argparse
import sys
from datetime import date

from ..evaluation.spending import task_costs
from ..reporting.spending import Spending, price_warnings, spending_json, spending_lines
from ..reporting.text import printable
from .main import ExitStatus
from .opening import open_project, own_code_aside, record_command
from .volumes import read_volumes

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> ExitStatus:
    """Print the table, or JSON. Raises InputError for broken input, and for calls that are none."""
    with open_project(arguments.registry, arguments.rootdir) as opened:
        registry, today = opened.project.registry, date.today()
        volumes = read_volumes(arguments.calls, registry.tasks)
        with own_code_aside():
            costs = task_costs(
                opened.project, lambda name, tier: record_command(opened, name, tier.name), batch=arguments.batch
            )
            spending = Spending(registry.label, registry.tiers, tuple(costs), volumes, arguments.batch)
        if arguments.json:
            print(spending_json(spending, today))
        else:
            for line in spending_lines(spending):
                print(printable(line))
        for warning in price_warnings(registry.tiers, today):  # aside: what is printed is the same every day
            print(f"warning: {printable(warning)}", file=sys.stderr)
    return ExitStatus.FINE
