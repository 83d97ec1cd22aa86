"""`modelroute audit`: a person labels what a grader judged, without sight of its verdicts."""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import getpass
import json
from collections.abc import Callable, Iterator, Sequence

from ..cassettes.redaction import credential_scan
from ..errors import InputError, did_you_mean
from ..evaluation.audits import Judged, Judgements, Label, add_lines, audit_path, load_labels
from ..evaluation.evaluate import Evaluation, TaskMaterial, evaluation_of
from ..evaluation.grading import Grader, grader_of
from ..evaluation.results import Outcome
from ..registry.model import Tier
from ..reporting.auditing import grader_report, judgements
from ..reporting.exchange import judged_lines
from ..reporting.grader import audit_lines, grader_to_wire
from ..reporting.text import printable
from ..reporting.wording import counted
from .main import ExitStatus
from .opening import Opened, gated_task, invocation, open_project, own_code_aside, record_command

__all__ = ["run"]

WORDS = {"r": "right", "w": "wrong", "s": "skip", "q": "quit"}
KEYS = ", ".join(f"{key} is {word}" for key, word in WORDS.items())
ASKED = "right, wrong, skip or quit? [r/w/s/q, with a note if you like] "


def run(arguments: argparse.Namespace) -> ExitStatus:
    """Walk through what is to be labelled, then print the result. Raises InputError for broken input."""
    with open_project(arguments.registry, arguments.rootdir) as opened:
        return _run(arguments, opened)


def _run(arguments: argparse.Namespace, opened: Opened) -> ExitStatus:
    passed = _count(arguments.passed)
    material, grader = _graded_task(opened, arguments.task)
    tier = _tier(opened, material, arguments.tier)
    command = record_command(opened, material.task.name, tier.name)

    def evaluated(material: TaskMaterial) -> Evaluation:
        return evaluation_of(
            material,
            opened.project.registry,
            tier,
            opened.project.recordings,
            lambda asked: record_command(opened, material.task.name, asked.name),
        )

    evaluation = evaluated(material)
    with own_code_aside():
        found = _judged(evaluation, command)
    to_label = found.to_label(passed)
    labels = not (arguments.summary or arguments.json)
    if labels and to_label:
        walk = _Walk(opened, material, tier, arguments.by or _account())
        left = len(to_label) - walk.label(to_label)
        if left:
            # Half a result would tell of the verdicts on what is still to be labelled.
            print(
                f"{counted(left, 'answer')} still to label: the same command goes on; --summary tells of those so far"
            )
            return ExitStatus.FINE
    written = load_labels(opened.files, audit_path(opened.project.registry.folder, material.task.name))
    labelled = dataclasses.replace(material, scorer=grader.labelled(written))
    now = evaluated(labelled)
    with own_code_aside():
        report = grader_report(now, invocation(opened).auditing)
    assert report is not None
    if arguments.json:
        told = {"format": 1, "task": material.task.name, "answers_of": tier.name, "grader": grader_to_wire(report)}
        print(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        for line in audit_lines(report, material.task.gate.max_error):
            print(line)
    return ExitStatus.FINE


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may have no account for its user
        raise InputError("who labels cannot be told from the account", fix="--by NAME") from None


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise InputError(f"--passed: '{text}' is not valid", valid="a whole number from 1")
    return int(text)


def _graded_task(opened: Opened, name: str) -> tuple[TaskMaterial, Grader]:
    material = gated_task(opened, name)
    grader = grader_of(material)
    place = material.task.score.place
    if grader is None:
        raise InputError(f"task '{name}' has no grader to audit", place=place, valid="a task with `kind: grader`")
    if material.task.samples > 1:
        what = f"task '{name}' has {material.task.samples} samples a case, and an audit takes one"
        raise InputError(what, place=material.task.place, valid="samples: 1")
    return material, grader


def _tier(opened: Opened, material: TaskMaterial, name: str | None) -> Tier:
    tiers = {tier.name: tier for tier in opened.project.registry.tiers}
    if name is not None and name not in tiers:
        raise InputError(f"--tier: unknown tier '{name}'", valid=did_you_mean(name, tiers))
    return tiers[name or material.task.tier]


def _judged(evaluation: Evaluation, command: str) -> Judgements:
    """The verdicts. Raises InputError where an answer or a grade is not there: whose audit that is cannot be told."""
    results = evaluation.results()
    errors = [result for result in results if result.outcome is Outcome.ERROR]
    if errors:
        have = "has" if len(errors) == 1 else "have"
        first = errors[0].detail.removesuffix(f": {command}")
        what = f"{counted(len(errors), 'case')} {have} no graded answer on {evaluation.tier.name}"
        raise InputError(f"{what}; first: {errors[0].case}: {first}", fix=command)
    found = judgements(evaluation.material, evaluation.keys, results)
    assert found is not None
    return found


class _Walk:
    """One person in front of a terminal, or of a pipe."""

    def __init__(self, opened: Opened, material: TaskMaterial, tier: Tier, person: str) -> None:
        self._material = material
        self._tier = tier
        self._person = person
        self._path = opened.rootdir / audit_path(opened.project.registry.folder, material.task.name)
        self._hidden: Callable[[str], str] = credential_scan(opened.project.registry).hidden

    def label(self, answers: Sequence[Judged]) -> int:
        """Ask for each answer, and write each label down at once; gives how many were labelled."""
        done = 0
        for number, judged in enumerate(answers, start=1):
            print(f"\n{number} of {len(answers)}")
            for line in judged_lines(judged, self._hidden):
                print(line)
            word, note = self._word()
            if word == "quit":
                break
            if word != "skip":
                self._keep(judged, word == "right", note)
                done += 1
        print()
        return done

    def _word(self) -> tuple[str, str]:
        while True:
            try:
                first, _, note = input(ASKED).strip().partition(" ")
            except (EOFError, KeyboardInterrupt):
                return "quit", ""
            word = WORDS.get(first.lower(), first.lower())
            if word in WORDS.values():
                return word, note.strip()
            print(f"'{printable(first)}' is none of them: {KEYS}")

    def _keep(self, judged: Judged, correct: bool, note: str) -> None:
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        label = Label(judged.case.id, judged.answer, self._tier.name, correct, self._person, now, note)
        add_lines(self._path, *self._about(), label.to_wire())

    def _about(self) -> Iterator[dict[str, str]]:
        if not self._path.exists():
            how = "one answer at a time, in mixed order, without sight of the grader's verdict"
            yield {"about": f"labelled with `modelroute audit {self._material.task.name}`: {how}"}
