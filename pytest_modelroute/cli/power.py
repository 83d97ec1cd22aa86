"""`modelroute power`: what a rule does on so many cases, before anything is recorded."""

from __future__ import annotations

import argparse
from dataclasses import replace

from ..errors import InputError
from ..judgement.operating import assumed_rates, operation
from ..judgement.power import MOST_CASES, cases_to_certify
from ..registry.model import Rule, Task
from ..reporting.power import Power, power_json, power_lines
from .main import ExitStatus
from .opening import Opened, gated_task, known_task, open_project
from .shares import share_below_one

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> ExitStatus:
    """Print the table, or JSON. Raises InputError for broken input, and for names and numbers that cannot be."""
    with open_project(arguments.registry, arguments.rootdir) as opened:
        return _run(arguments, opened)


def _run(arguments: argparse.Namespace, opened: Opened) -> ExitStatus:
    task = known_task(opened, arguments.task)
    sizes = _own_cases(opened, task) if arguments.cases is None else _sizes(arguments.cases)
    threshold = (
        task.gate.max_error if arguments.threshold is None else share_below_one(arguments.threshold, "--threshold")
    )
    rules = tuple(Rule) if arguments.rule is None else (Rule(arguments.rule),)
    rates = assumed_rates(threshold)
    policies = [replace(task.gate, max_error=threshold, rule=rule) for rule in rules]
    power = Power(
        task=task,
        threshold=threshold,
        rates=rates,
        operations={policy.rule: tuple(operation(policy, cases, rates) for cases in sizes) for policy in policies},
        needed=tuple(cases_to_certify(rate, threshold) for rate in rates),
    )
    if arguments.json:
        print(power_json(power))
    else:
        for line in power_lines(power):
            print(line)
    return ExitStatus.FINE


def _own_cases(opened: Opened, task: Task) -> list[int]:
    """The number of the task's cases, as the gate counts them: identical requests are one."""
    if not task.gated:
        what = f"task '{task.name}' has no cases: it is not gated"
        raise InputError(what, place=task.place, fix=f"modelroute power {task.name} --cases 100,200")
    material = gated_task(opened, task.name)
    tier = opened.project.registry.tier(task.tier)
    return [len({material.asker.key(case, tier) for case in material.cases})]


def _sizes(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and part.strip("0") for part in parts):
        raise InputError(f"--cases: '{text}' is no list of numbers of cases", valid="100, or 50,100,200")
    if any(len(part) > len(str(MOST_CASES)) or int(part) > MOST_CASES for part in parts):
        raise InputError(f"--cases: '{text}' is more than anybody collects", valid=f"at most {MOST_CASES}")
    return sorted({int(part) for part in parts})
