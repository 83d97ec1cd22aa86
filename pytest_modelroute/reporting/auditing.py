"""From a task's results to its grader's audit: by labels of exactly the answers that are judged."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from ..evaluation.audits import Judged, Judgements
from ..evaluation.evaluate import Evaluation, TaskMaterial
from ..evaluation.grading import grader_of
from ..evaluation.metering import others_than
from ..evaluation.results import CaseResult
from ..judgement.audit import LEAST_PASSED, Audit
from ..judgement.gate import Counts
from .grader import GraderReport
from .pairing import distinct_counts

__all__ = ["audited_counts", "grader_report", "judgements"]


def judgements(material: TaskMaterial, keys: Sequence[str], results: Sequence[CaseResult]) -> Judgements | None:
    """The grader's verdicts on these results, whose cases' `keys` are given; None where no grader judges them."""
    grader = grader_of(material)
    if grader is None or material.task.samples > 1:
        return None
    cases = {case.id: case for case in material.cases}
    told = [cases[result.case] for result in results]
    return Judgements.of(material.task.name, told, keys, results, grader.labels)


def audited_counts(evaluation: Evaluation, keys: Sequence[str], results: Sequence[CaseResult]) -> Counts:
    """Outcomes of cases, identical requests counted once, with the grader's audit where one grades.

    `results` may be those of some of the evaluation's cases: the audit of all of them holds for these too.
    """
    counts, material = distinct_counts(keys, results), evaluation.material
    if grader_of(material) is None:
        return counts
    whole = judgements(material, evaluation.keys, evaluation.results())
    part = judgements(material, keys, results)
    if whole is None or part is None:  # an audit takes one sample a case
        return dataclasses.replace(counts, audit=Audit(0, 0, max(counts.cases, 1)))
    least = 1 if _audit(whole).complete and len(results) < len(evaluation.results()) else LEAST_PASSED
    return dataclasses.replace(counts, audit=_audit(part, least))


def grader_report(evaluation: Evaluation, auditing: Callable[[str], str]) -> GraderReport | None:
    """What is told of the grader; None where no model grades. `auditing` gives the command that labels a task."""
    material = evaluation.material
    grader = grader_of(material)
    if grader is None:
        return None
    name, model = grader.tier.name, grader.tier.model
    others = tuple(others_than(model, {result.graded_by for result in evaluation.results()} - {""}))
    found = judgements(material, evaluation.keys, evaluation.results())
    if found is None:
        audit = Audit(0, 0, len(material.cases))
        return GraderReport(name, model, audit, (), (), audit.required, None, others)
    counted = [each.label for each in (*found.flagged, *found.checked) if each.label is not None]
    people = tuple(dict.fromkeys(label.by for label in counted))
    command = auditing(material.task.name)
    audit, about = _audit(found), grader.labels.about
    left = sum(each.label is None for each in found.passed[: audit.required])
    return GraderReport(name, model, audit, about, people, left, command, others)


def _audit(found: Judgements, least: int = LEAST_PASSED) -> Audit:
    flagged = [each for each in found.flagged if each.label is not None]
    return Audit(
        faulty=found.faulty,
        flagged=len(found.flagged),
        passed=len(found.passed),
        flagged_checked=len(flagged),
        flagged_wrong=_wrong(flagged),
        passed_checked=len(found.checked),
        passed_wrong=_wrong(found.checked),
        least=least,
    )


def _wrong(labelled: Sequence[Judged]) -> int:
    return sum(each.label is not None and not each.label.correct for each in labelled)
