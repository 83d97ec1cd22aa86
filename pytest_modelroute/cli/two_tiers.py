"""Two tiers' recorded answers to a task, all of them there, for the commands that hold one against the other."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import InputError, did_you_mean
from ..evaluation.evaluate import Evaluation, TaskMaterial
from ..evaluation.questions import Question, questions
from ..evaluation.results import Outcome
from ..registry.model import Tier
from ..reporting.mending import unanswered, way_out
from ..reporting.wording import counted
from .opening import Opened, own_code_aside, record_command

__all__ = ["answered_questions", "known_tier", "nearest_recorded"]


def known_tier(opened: Opened, name: str, option: str) -> Tier:
    """The tier that an option names. Raises InputError where the registry has none of that name."""
    tiers = {tier.name: tier for tier in opened.project.registry.tiers}
    if name not in tiers:
        raise InputError(f"{option}: unknown tier '{name}'", valid=did_you_mean(name, tiers))
    return tiers[name]


def nearest_recorded(opened: Opened, material: TaskMaterial, candidates: Sequence[Tier]) -> Tier:
    """The first of these tiers, one at least, that has recordings of the task, else the first of all."""
    with own_code_aside():
        recorded = (tier for tier in candidates if _evaluation(opened, material, tier).recorded())
        return next(recorded, candidates[0])


def answered_questions(opened: Opened, material: TaskMaterial, first: Tier, second: Tier) -> tuple[Question, ...]:
    """What both tiers answered, each by itself. Raises InputError where an answer lacks, with what records it."""
    evaluations = [_evaluation(opened, material, tier) for tier in (first, second)]
    with own_code_aside():
        faults = [fault for evaluation in evaluations if (fault := _unanswered(opened, evaluation)) is not None]
        if faults:
            told, fixes = zip(*faults, strict=True)
            raise InputError("\n".join(told), place=material.task.place, fix=", then ".join(dict.fromkeys(fixes)))
        return questions(*evaluations)


def _evaluation(opened: Opened, material: TaskMaterial, tier: Tier) -> Evaluation:
    command = record_command(opened, material.task.name, tier.name)
    return Evaluation(material, tier, opened.project.recordings, command)


def _unanswered(opened: Opened, evaluation: Evaluation) -> tuple[str, str] | None:
    """What lacks an answer of a tier and why, and the way to one; None where nothing does."""
    errors = [result for result in evaluation.results() if result.outcome is Outcome.ERROR]
    if not errors:
        return None
    material, tier = evaluation.material, evaluation.tier
    task = material.task
    cassette = opened.project.recordings.cassette(task.name, tier.model)
    number = len({error.case for error in errors})
    have = "has" if number == 1 else "have"
    head = f"{number} of {counted(len(material.cases), 'case')} of '{task.name}' {have} no answer of {tier.name}"
    told = "\n".join([head, *(f"  {line}" for line in unanswered(errors, numbered=task.samples > 1))])
    unreadable = cassette.label if cassette.fault else None
    return told, way_out(material, errors, unreadable, record_command(opened, task.name, tier.name))
