"""One task's judgement: what was measured, what is asked of a change, and the way out of it all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..evaluation.evaluate import Evaluation
from ..evaluation.identity import one_key_a_question
from ..evaluation.project import Project
from ..evaluation.results import CaseResult, Outcome
from ..judgement.demands import demands
from ..judgement.gate import Counts, FindingKind, Verdict, judge, worst_verdict
from ..judgement.regression import RegressionKind
from ..registry.changes import Change, ChangeKind
from ..registry.model import Task, Tier
from .auditing import audited_counts, grader_report
from .comparison import Comparison, Evidence, Rivals
from .family import Family
from .mending import sample_label, way_out
from .wording import demand_reason, meeting, reason, regression_reason, spread

__all__ = ["Judge", "Opinion"]


@dataclass(frozen=True, slots=True)
class Opinion:
    """One view of a task: of several the worst verdict counts, with the way out of the first that comes to it."""

    verdict: Verdict
    reasons: tuple[str, ...]
    way_out: str | None = None


class Judge:
    """Judges the gated tasks of a project; `command` records a task on a tier, `auditing` labels one's answers."""

    def __init__(
        self,
        project: Project,
        comparison: Comparison,
        evaluations: Mapping[str, Evaluation],
        rivals: Rivals,
        command: Callable[[str, Tier], str],
        auditing: Callable[[str], str],
    ) -> None:
        self._project = project
        self._comparison = comparison
        self._evaluations = evaluations
        self._rivals = rivals
        self._command = command
        self._auditing = auditing
        self._gathered: dict[str, Evidence] = {}
        gated = {name: task for name, task in project.registry.tasks.items() if name in project.materials}
        self._family = Family(gated, comparison.strict, self.evidence, rivals)

    def judged(self, task: Task) -> Opinion:
        """All opinions on a task as one."""
        opinions = list(self._opinions(task))
        verdict = worst_verdict(*(opinion.verdict for opinion in opinions))
        if verdict is Verdict.PASS:
            held_back = self._family.holds_back(task.name)
            if held_back is not None:
                verdict = Verdict.INCONCLUSIVE
                opinions.append(Opinion(verdict, (held_back,), self._undoing(task, verdict)))
        reasons = tuple(reason for opinion in opinions for reason in opinion.reasons)
        return Opinion(verdict, reasons, next(each.way_out for each in opinions if each.verdict is verdict))

    def evidence(self, name: str) -> Evidence:
        """What a task is judged by, gathered once: with a correction, the gates of other tasks ask for it too."""
        if name not in self._gathered:
            evaluation = self._evaluations[name]
            results = evaluation.results()
            # Beside the base, a question that is asked again in another spelling must not count again.
            questions = one_key_a_question(evaluation.keys, evaluation.material.cases)
            self._gathered[name] = Evidence(
                keys=tuple(evaluation.keys),
                results=results,
                counts=audited_counts(evaluation, evaluation.keys, results),
                base_counts=self._base_counts(name, evaluation, questions, results),
                paired=self._rivals.paired(evaluation.material.task, questions, results),
                grader=grader_report(evaluation, self._auditing),
            )
        return self._gathered[name]

    def taking_back(self, task: Task, change: Change) -> str:
        """The edit that undoes a change, or leaves out one that is only tried."""
        tried = self._comparison.tried.get(task.name)
        return change.undoing if tried is None else f"keep `tier: {tried.tier}` at {task.tier_place}"

    def mending(self, task: Task, errors: Sequence[CaseResult]) -> str:
        """What gives the cases in error an answer."""
        tier = self._project.registry.tier(task.tier)
        cassette = self._project.recordings.cassette(task.name, tier.model)
        unreadable = cassette.label if cassette.fault else None
        return way_out(self._project.materials[task.name], errors, unreadable, self._command(task.name, tier))

    def _opinions(self, task: Task) -> Iterator[Opinion]:
        evidence = self.evidence(task.name)
        measured = self._measured(task, evidence)
        yield measured
        if measured.verdict is Verdict.INCONCLUSIVE:
            yield from self._failing_before(task, evidence)
        regression = self._rivals.regression(task, evidence.paired, evidence.counts.cases)
        if regression is not None:
            verdict, finding = regression
            lacking = verdict is Verdict.ERROR
            way = self._rivals.way_to_answers(task, self._command) if lacking else self._undoing(task, verdict)
            if finding.kind is RegressionKind.SELF_GRADED:
                way = f"another grader at {task.score.place}, `self_grading: allow` there, or no `max_regression`"
            unpaired = evidence.paired.unpaired if evidence.paired else 0
            yield Opinion(verdict, (regression_reason(finding, self._rivals.name(task), unpaired),), way)
        lowering = self._comparison.lowering(task.name)
        if lowering:
            yield from self._by_policy(task, lowering)

    def _failing_before(self, task: Task, evidence: Evidence) -> Iterator[Opinion]:
        """What fails by the base's gate does not become undecided by another: `certified` fails later as well."""
        baseline = self._comparison.baseline
        before = None if baseline is None else baseline.registry.tasks.get(task.name)
        if before is not None and before.gated and before.gate != task.gate:
            was = judge(evidence.counts, before.gate)
            if was.verdict is Verdict.FAIL:
                told = tuple(f"by the base's gate: {reason(finding)}" for finding in was.findings)
                yield Opinion(was.verdict, told, self._undoing(task, was.verdict))

    def _by_policy(self, task: Task, lowering: Sequence[Change]) -> Iterator[Opinion]:
        """What the task's traits ask of the changes that lower what answers it."""
        # What is only tried needs no acknowledgement yet.
        unacknowledged = [
            change for change in lowering if change.acknowledged is None and not self._comparison.is_tried(change)
        ]
        baseline = self._comparison.baseline
        base = None if baseline is None else baseline.registry
        lacks = demands(self._project.registry, task, not unacknowledged, base)
        if lacks:
            undoing = " and ".join(self.taking_back(task, change) for change in lowering)
            reasons = tuple(demand_reason(demand, unacknowledged or lowering) for demand in lacks)
            yield Opinion(Verdict.FAIL, reasons, f"{undoing}, or {meeting(lacks, unacknowledged)}")

    def _measured(self, task: Task, evidence: Evidence) -> Opinion:
        decision = judge(evidence.counts, task.gate, evidence.base_counts)
        reasons = [*map(reason, decision.findings), *self._asides(evidence, decision.verdict)]
        if decision.verdict is Verdict.ERROR:
            errors = [result for result in evidence.results if result.outcome is Outcome.ERROR]
            reasons.append(f"first: {sample_label(errors[0], numbered=task.samples > 1)}: {errors[0].detail}")
            return Opinion(decision.verdict, tuple(reasons), self.mending(task, errors))
        if any(finding.kind is FindingKind.UNAUDITED for finding in decision.findings):
            return Opinion(decision.verdict, tuple(reasons), self._auditing(task.name))
        return Opinion(decision.verdict, tuple(reasons), self._undoing(task, decision.verdict))

    @staticmethod
    def _asides(evidence: Evidence, verdict: Verdict) -> Iterator[str]:
        """What else belongs to the counts: requests that repeat another's, how much samples differ, who graded."""
        cases, distinct = len(evidence.keys), evidence.counts
        if distinct.cases < cases:
            repeated = cases - distinct.cases
            verbs = "repeats another's request and counts" if repeated == 1 else "repeat another's request and count"
            yield f"{repeated} of {cases} cases {verbs} once"
        if distinct.samples is not None and verdict is not Verdict.ERROR:
            yield spread(distinct.samples)
        if evidence.grader is not None and verdict is not Verdict.ERROR:
            yield evidence.grader.told

    def _base_counts(
        self, name: str, evaluation: Evaluation, questions: Sequence[str], results: Sequence[CaseResult]
    ) -> Counts | None:
        """The outcomes on the cases that the base has too, where the task's assignment changes against it."""
        baseline = self._comparison.baseline
        if baseline is None or name not in baseline.shared or name not in self._comparison.strict:
            return None
        shared = baseline.shared[name]
        cases = evaluation.material.cases
        keys = [key for key, case in zip(questions, cases, strict=True) if case.id in shared]
        return audited_counts(evaluation, keys, [result for result in results if result.case in shared])

    def _undoing(self, task: Task, verdict: Verdict) -> str | None:
        """The way out of what was measured: back to what was there, or on to something better."""
        if verdict is Verdict.PASS:
            return None
        change = self._comparison.reassignment(task.name)
        if change is not None and (task.name in self._comparison.tried or change.kind is not ChangeKind.UPGRADE):
            return self.taking_back(task, change)
        if verdict is Verdict.INCONCLUSIVE:
            return f"add golden cases to {task.golden}"
        dearer = self._rivals.dearer(task)
        return f"`tier: {dearer.name}` at {task.tier_place}, or a better prompt" if dearer else "a better prompt"
