"""What becomes of a task's verdict where a change loosens its gate: the stricter of base and head decides."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection

from ..errors import InputError
from ..evaluation.asking import Play
from ..evaluation.evaluate import Evaluation, TaskMaterial, evaluation_of
from ..evaluation.project import Baseline, Project
from ..evaluation.results import Outcome
from ..evaluation.weakening import former_material, formerly_labelled
from ..judgement.gate import Verdict, judge, worst_verdict
from ..judgement.stricter import stricter
from ..registry.changes import Change, ChangeKind, doubly_judged
from ..registry.model import Registry, Task, Tier
from .auditing import audited_counts
from .model import TaskReport
from .pairing import distinct_counts
from .registry_gate import RegistryGate, loosening_reason, taking_responsibility
from .wording import reason

__all__ = ["Weakened", "hardened"]

# What the base's cases, as they were and by the base's rules, may judge otherwise.
IN_CASES_OR_RULES = frozenset(
    {
        ChangeKind.GOLDEN_REMOVED,
        ChangeKind.GOLDEN_CHANGED,
        ChangeKind.SCHEMA_CHANGED,
        ChangeKind.OUTPUT_CHANGED,
        ChangeKind.SCORER_CHANGED,
        ChangeKind.SAMPLES_LOWERED,
    }
)


def hardened(project: Project, base: Registry, tasks: Collection[str]) -> Project:
    """The project in which the named tasks ask as much as they do or as they did in the base, whichever is more.

    Of a task whose gate nothing loosens, that is the number of cases where `certified` takes the place of `observed`.
    """
    registry = project.registry
    harder = {
        name: _harder(base.tasks[name], task)
        for name, task in registry.tasks.items()
        if name in tasks and name in base.tasks and base.tasks[name].gated
    }
    materials = {
        name: dataclasses.replace(material, task=harder.get(name, material.task))
        for name, material in project.materials.items()
    }
    registry = dataclasses.replace(registry, tasks={**registry.tasks, **harder})
    return dataclasses.replace(project, registry=registry, materials=materials)


def _harder(before: Task, after: Task) -> Task:
    traits = before.traits
    if traits is not None and after.traits is not None:
        traits = traits.joined(after.traits)
    kind = after.kind if traits is None or traits == after.traits else before.kind
    return dataclasses.replace(
        after, gate=stricter(before.gate, after.gate), kind=kind, traits=traits if traits is not None else after.traits
    )


class Weakened:
    """The changes that loosen, by task, and what they make of its report.

    `command` gives the command that records what a task lacks on a tier.
    """

    def __init__(
        self,
        project: Project,
        baseline: Baseline | None,
        changes: Collection[Change],
        play: Play | None,
        command: Callable[[str, Tier], str],
    ) -> None:
        self._project = project
        self._baseline = baseline
        self._changes = [change for change in changes if change.loosens]
        self._doubly_judged = doubly_judged(changes)
        self._play = play
        self._command = command

    def __contains__(self, task: object) -> bool:
        return task in self._doubly_judged

    def registry_gate(self, gates: Collection[str]) -> RegistryGate | None:
        """The gate of all that none of these tasks' `gates` tells of; None where that is nothing."""
        changes = tuple(change for change in self._changes if change.task not in gates)
        return RegistryGate(str(self._project.registry.path), changes) if changes else None

    def applied(self, report: TaskReport) -> TaskReport:
        """The report as it stands with what the change loosens."""
        if report.task not in self._doubly_judged:
            return report
        changes = [change for change in self._changes if change.task == report.task]
        unacknowledged = [change for change in changes if change.acknowledged is None]
        former, told = Verdict.PASS, list[str]()
        if report.results and any(change.kind in IN_CASES_OR_RULES for change in changes):
            former, told = self._formerly(report, changes)
        if report.results and any(change.kind is ChangeKind.AUDIT_CHANGED for change in changes):
            by_labels, also = self._as_labelled(report)
            former, told = worst_verdict(former, by_labels), [*told, *also]
        reasons = [loosening_reason(change) for change in unacknowledged] + [*report.reasons, *told]
        if not unacknowledged and any(change.kind is ChangeKind.RECORDING_EDITED for change in changes):
            former = worst_verdict(former, Verdict.FAIL)
            reasons.append("recordings were edited by hand while its assignment changes: no edit proves that it works")
        if not unacknowledged:
            reasons.append("its gate is loosened while its assignment changes: the stricter of base and head counts")
        ways_out = [report.way_out] if report.way_out else []
        if unacknowledged:
            ways_out.append(taking_responsibility(unacknowledged, str(self._project.registry.path)))
        elif former is not Verdict.PASS:
            ways_out.append("; ".join(change.undoing for change in changes) + ", or make two changes of it")
        return dataclasses.replace(
            report,
            verdict=worst_verdict(report.verdict, former, Verdict.FAIL if unacknowledged else Verdict.PASS),
            reasons=tuple(reasons),
            way_out="; ".join(ways_out) or None,
        )

    def _formerly(self, report: TaskReport, changes: Collection[Change]) -> tuple[Verdict, list[str]]:
        """Head's answers to the base's cases, by the base's expectations, schema and scorer."""
        assert self._baseline is not None
        rescored = any(change.kind is ChangeKind.SCORER_CHANGED for change in changes)
        try:
            material = former_material(
                self._baseline, self._project.materials[report.task], self._project.recordings, rescored
            )
            evaluation = self._evaluation(material)
        except InputError as error:
            return Verdict.ERROR, [f"the base's cases as they were cannot be judged: {error.what}"]
        results = evaluation.results()
        # However many cases the base has, they are all of them.
        policy = dataclasses.replace(report.policy, min_cases=1, floor=0)
        decision = judge(distinct_counts(evaluation.keys, results), policy)
        told = [f"on the base's cases as they were: {reason(finding)}" for finding in decision.findings]
        if decision.verdict is Verdict.ERROR:
            first = next(result for result in results if result.outcome is Outcome.ERROR)
            told.append(f"first: {first.case}: {first.detail}")
        return decision.verdict, told

    def _as_labelled(self, report: TaskReport) -> tuple[Verdict, list[str]]:
        """Head's answers with the labels that the base gave them; of those that it does not know, with head's."""
        assert self._baseline is not None
        material = formerly_labelled(self._baseline, self._project.materials[report.task])
        if material is None:
            return Verdict.PASS, []
        evaluation = self._evaluation(material)
        decision = judge(audited_counts(evaluation, evaluation.keys, evaluation.results()), report.policy)
        return decision.verdict, [f"by the base's labels: {reason(finding)}" for finding in decision.findings]

    def _evaluation(self, material: TaskMaterial) -> Evaluation:
        """Head's answers, by whatever they are to be judged."""
        registry, task = self._project.registry, material.task
        return evaluation_of(
            material,
            registry,
            registry.tier(task.tier),
            self._project.recordings,
            lambda asked: self._command(task.name, asked),
            self._play,
        )
