"""`modelroute cassettes show`: one case, as it was asked and answered."""

from __future__ import annotations

import argparse
import dataclasses
import difflib

from ..cassettes.lines import Interaction
from ..cassettes.redaction import credential_scan
from ..errors import InputError, UnobtainedAnswer, did_you_mean
from ..evaluation.answers import WrongKind
from ..evaluation.evaluate import Evaluation, TaskMaterial
from ..evaluation.golden import GoldenCase
from ..evaluation.grading import grader_of
from ..evaluation.results import CaseResult
from ..registry.model import Tier
from ..reporting.exchange import Asked, Exchange, Given, exchange_lines
from .main import ExitStatus
from .opening import Opened, gated_task, open_project, own_code_aside, record_command

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> ExitStatus:
    """Print the case. Raises InputError for broken input, and for names that are not known."""
    with open_project(arguments.registry, arguments.rootdir) as opened:
        return _run(arguments, opened)


def _run(arguments: argparse.Namespace, opened: Opened) -> ExitStatus:
    registry = opened.project.registry
    material = gated_task(opened, arguments.task)
    case = _case(material, arguments.case)
    tiers = {tier.name: tier for tier in registry.tiers}
    if arguments.tier is not None and arguments.tier not in tiers:
        raise InputError(f"--tier: unknown tier '{arguments.tier}'", valid=did_you_mean(arguments.tier, tiers))
    # The assigned tier first: its request is the one to read.
    order = sorted(registry.tiers, key=lambda tier: tier.name != material.task.tier)
    shown = order if arguments.tier is None else [tiers[arguments.tier]]
    with own_code_aside():
        exchange = Exchange(material, case, tuple(_asked(opened, material, case, tier) for tier in shown))
    for line in exchange_lines(exchange, credential_scan(registry).hidden):
        print(line)
    return ExitStatus.FINE


def _case(material: TaskMaterial, name: str) -> GoldenCase:
    cases = {case.id: case for case in material.cases}
    if name not in cases:
        close = difflib.get_close_matches(name, cases, n=3)
        likely = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
        what = f"task '{material.task.name}' has no case '{name}'"
        raise InputError(what, valid=f"{likely}one of the {len(cases)} ids in {material.golden_label}")
    return cases[name]


def _asked(opened: Opened, material: TaskMaterial, case: GoldenCase, tier: Tier) -> Asked:
    recordings = opened.project.recordings
    command = record_command(opened, material.task.name, tier.name, case.id)
    evaluation = Evaluation(dataclasses.replace(material, cases=(case,)), tier, recordings, command)
    given = tuple(
        Given(result, tuple(_interactions(opened, material, case, tier, result.sample)), _grade(material, case, result))
        for result in evaluation.results()
    )
    return Asked(tier, material.asker.call(case, tier).arguments, given)


def _grade(material: TaskMaterial, case: GoldenCase, result: CaseResult) -> Interaction | None:
    grader = grader_of(material)
    if grader is None or result.kind not in (None, WrongKind.MISMATCH):
        return None
    return grader.interaction(case, result.output)


def _interactions(
    opened: Opened, material: TaskMaterial, case: GoldenCase, tier: Tier, sample: int
) -> list[Interaction]:
    cassette = opened.project.recordings.cassette(material.task.name, tier.model)
    found = []
    for key in material.asker.keys(case, tier, sample, cassette):
        try:
            interaction = cassette.find(key)
        except UnobtainedAnswer:  # the result tells of it
            continue
        if interaction is not None:
            found.append(interaction)
    return found
