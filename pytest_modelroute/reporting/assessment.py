"""From a loaded project to its report: evaluates, compares and judges each task once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import ErrorKind, InputError
from ..evaluation.asking import Play
from ..evaluation.evaluate import CaseResult, Evaluation, Outcome
from ..evaluation.project import Baseline, Project
from ..judgement.gate import Counts, Decision, FindingKind, Verdict, judge
from ..registry.asked import OwnCall
from ..registry.base import Commit
from ..registry.changes import TIER_CHANGES, Change, ChangeKind
from ..registry.model import ScorerKind, Task, Tier
from .auditing import audited_counts, grader_report, refused_comparison
from .commands import Invocation
from .model import PairedReport, RunReport, TaskReport, TierChange
from .pairing import paired_report
from .wording import reason, spread

__all__ = ["Assessment", "Comparison"]


@dataclass(frozen=True)
class Comparison:
    """What the head is held against: a base, moves to try, or nothing.

    `tried` maps a task to the tier that the registry itself assigns, where another one is tried.
    """

    commit: Commit | None
    baseline: Baseline | None
    changes: tuple[Change, ...]
    strict: frozenset[str]
    tried: Mapping[str, str]
    warnings: tuple[str, ...] = ()


class Assessment:
    """All that a session finds out about a project."""

    def __init__(self, project: Project, comparison: Comparison, play: Play | None, invocation: Invocation) -> None:
        self.project = project
        self.comparison = comparison
        self._invocation = invocation
        self._play = play
        self._reports: dict[str, TaskReport] = {}
        self._warnings: list[str] = []
        # Built now, so that a prompt that cannot be rendered is told before anything runs.
        self.evaluations = {
            name: self._evaluation(name, project.registry.tier(project.registry.tasks[name].tier))
            for name in project.materials
        }

    def close(self) -> None:
        """Close the cassettes."""
        self.project.recordings.close()

    def runs_own_code(self, name: str) -> bool:
        """Whether the task is answered or scored by a function of the team's."""
        task = self.project.registry.tasks[name]
        return task.score.kind is ScorerKind.PYTHON or isinstance(task.prompt, OwnCall)

    def gates(self) -> list[str]:
        """The tasks that have a gate: all gated ones, and an ungated one that moves to a tier that may be worse."""
        return [name for name in self.project.registry.tasks if name in self.evaluations or self._ungated_move(name)]

    def judged(self, name: str) -> TaskReport:
        """The task's report with its verdict."""
        if name not in self._reports:
            self._reports[name] = self._judge(name)
        return self._reports[name]

    def unjudged(self, name: str) -> TaskReport:
        """The task's report without one: its gate did not run, or it has none."""
        task = self.project.registry.tasks[name]
        if task.gated or self._ungated_move(name):
            return self._report(task, Verdict.NOT_EVALUATED, (self._not_run(name),), None, None)
        missing = " and ".join(
            what for what, there in (("golden dataset", task.golden), ("prompt", task.prompt)) if not there
        )
        return self._report(task, Verdict.UNGATED, (f"no {missing}",), None, ())

    def _not_run(self, name: str) -> str:
        if name in self.comparison.tried:
            tier = self.project.registry.tasks[name].tier
            return f"{tier} is tried for it and its gate did not run: the session fails"
        if self.must_run(name):
            return "its assignment changes against the base and its gate did not run: the session fails"
        return "its gate did not run"

    def must_run(self, name: str) -> bool:
        """Whether a session that leaves this task's gate out fails: that of every strict task, so of each tried one."""
        return name in self.comparison.strict

    def run_report(self, reports: Mapping[str, TaskReport]) -> RunReport:
        """The whole run; tasks that are not in `reports` stand as not judged."""
        registry = self.project.registry
        return RunReport(
            registry=str(registry.path),
            base=self.comparison.commit,
            changes=self.comparison.changes,
            tasks=tuple(reports.get(name) or self.unjudged(name) for name in registry.tasks),
            warnings=(
                *registry.warnings,
                *self.comparison.warnings,
                *self._warnings,
                *(
                    f"{task.task}: {task.tier} asks for {task.model}, and {', '.join(task.other_models)} answered"
                    for task in reports.values()
                    if task.other_models
                ),
                *self.project.recordings.warnings(),
            ),
        )

    def record_command(self, name: str, tier: Tier) -> str:
        """The command that records what a task lacks on a tier."""
        assigned = self.comparison.tried.get(name, self.project.registry.tasks[name].tier)
        return self._invocation.recording(name, beside=None if assigned == tier.name else tier.name)

    def _evaluation(self, name: str, tier: Tier) -> Evaluation:
        material = self.project.materials[name]
        return Evaluation(material, tier, self.project.recordings, self.record_command(name, tier), self._play)

    def _ungated_move(self, name: str) -> bool:
        worse = (ChangeKind.DOWNGRADE, ChangeKind.MODEL_SWAP)
        moved = any(change.task == name and change.kind in worse for change in self.comparison.changes)
        return moved and not self.project.registry.tasks[name].gated

    def _tier_change(self, name: str) -> Change | None:
        """The task's move: one that is tried counts before one that the base shows."""
        moves = [change for change in self.comparison.changes if change.task == name and change.kind in TIER_CHANGES]
        return moves[-1] if moves else None

    def _judge(self, name: str) -> TaskReport:
        task = self.project.registry.tasks[name]
        change = self._tier_change(name)
        if name not in self.evaluations:
            assert change is not None
            swapped = f"{task.tier} swapped" if change.kind is ChangeKind.MODEL_SWAP else "moved"
            untold = "no golden dataset with a prompt tells whether it works"
            what = f"{swapped} from {change.old} to {change.new}, and {untold}"
            way_out = f"{self._taking_back(task, change)}, or add `golden:` and `prompt:`"
            return self._report(task, Verdict.FAIL, (what,), way_out, ())
        evaluation = self.evaluations[name]
        results = evaluation.results()
        distinct = audited_counts(evaluation, evaluation.keys, results)
        decision = judge(distinct, task.gate, self._base_counts(name, evaluation, results))
        reasons = [reason(finding) for finding in decision.findings]
        cases = len(evaluation.keys)
        if distinct.cases < cases:
            repeated = cases - distinct.cases
            verbs = "repeats another's request and counts" if repeated == 1 else "repeat another's request and count"
            reasons.append(f"{repeated} of {cases} cases {verbs} once")
        if distinct.samples is not None and decision.verdict is not Verdict.ERROR:
            reasons.append(spread(distinct.samples))
        if decision.verdict is Verdict.ERROR:
            first = next(result for result in results if result.outcome is Outcome.ERROR)
            reasons.append(f"first: {first.case}: {first.detail}")
        grader = grader_report(evaluation, self._invocation)
        if grader is not None and decision.verdict is not Verdict.ERROR:
            reasons.append(grader.told)
        refused = self._refused_margin(task)
        if refused is not None:
            other = f"another grader at {task.score.place}, `self_grading: allow` there, or no `max_regression`"
            return self._report(task, Verdict.ERROR, (refused, *reasons), other, results, distinct)
        return self._report(
            task, decision.verdict, tuple(reasons), self._way_out(task, decision, change, results), results, distinct
        )

    def _refused_margin(self, task: Task) -> str | None:
        """Why the gate's margin to the baseline means nothing, where it has one and that is so."""
        if task.gate.max_regression is None or task.name not in self.comparison.strict:
            return None
        return refused_comparison(self._baseline_evaluation(task))

    def _base_counts(self, name: str, evaluation: Evaluation, results: tuple[CaseResult, ...]) -> Counts | None:
        """The outcomes on the cases that the base has too, where the task's assignment changes against it."""
        baseline = self.comparison.baseline
        if baseline is None or name not in baseline.shared or name not in self.comparison.strict:
            return None
        shared = baseline.shared[name]
        cases = evaluation.material.cases
        keys = [key for key, case in zip(evaluation.keys, cases, strict=True) if case.id in shared]
        return audited_counts(evaluation, keys, [result for result in results if result.case in shared])

    def _way_out(
        self, task: Task, decision: Decision, change: Change | None, results: tuple[CaseResult, ...]
    ) -> str | None:
        if decision.verdict is Verdict.PASS:
            return None
        if decision.verdict is Verdict.ERROR:
            return self._mending(task, results)
        if any(finding.kind is FindingKind.UNAUDITED for finding in decision.findings):
            return self._invocation.auditing(task.name)
        if change is not None and (task.name in self.comparison.tried or change.kind is not ChangeKind.UPGRADE):
            return self._taking_back(task, change)
        if decision.verdict is Verdict.INCONCLUSIVE:
            return f"add golden cases to {task.golden}"
        dearer = self._dearer(task)
        return f"`tier: {dearer.name}` at {task.tier_place}, or a better prompt" if dearer else "a better prompt"

    def _taking_back(self, task: Task, change: Change) -> str:
        """The edit that undoes a change, or leaves out one that is only tried."""
        tried = self.comparison.tried.get(task.name)
        return change.undoing if tried is None else f"keep `tier: {tried}` at {task.tier_place}"

    def _mending(self, task: Task, results: tuple[CaseResult, ...]) -> str:
        """What gives the cases in error an answer."""
        tier = self.project.registry.tier(task.tier)
        if {result.kind for result in results if result.outcome is Outcome.ERROR} == {ErrorKind.SCORER}:
            return f"mend the scorer or the schema of {task.name} ({task.score.place})"
        if {result.kind for result in results if result.outcome is Outcome.ERROR} == {ErrorKind.GRADER}:
            return f"mend the rubric of {task.name} ({task.score.place}), and record its grades"
        cassette = self.project.recordings.cassette(task.name, tier.model)
        if cassette.fault:
            return f"restore {cassette.label} from git, or delete it and record"
        return self.record_command(task.name, tier)

    def _dearer(self, task: Task) -> Tier | None:
        registry = self.project.registry
        rank = registry.rank(task.tier)
        assert rank is not None
        return registry.tiers[rank + 1] if rank + 1 < len(registry.tiers) else None

    def _report(
        self,
        task: Task,
        verdict: Verdict,
        reasons: tuple[str, ...],
        way_out: str | None,
        results: tuple[CaseResult, ...] | None,
        judged: Counts | None = None,
    ) -> TaskReport:
        tier = self.project.registry.tier(task.tier)
        change = self._tier_change(task.name)
        material = self.project.materials.get(task.name)
        return TaskReport(
            task=task.name,
            tier=tier.name,
            model=tier.model,
            change=TierChange(change.kind.value, change.old, change.new) if change else None,
            strict=task.name in self.comparison.strict,
            cases=len(material.cases) if material else 0,
            policy=task.gate,
            verdict=verdict,
            reasons=reasons,
            way_out=way_out,
            paired=self._paired(task, results) if results else None,
            price=tier.price,
            results=results,
            judged=judged,
            grader=grader_report(self.evaluations[task.name], self._invocation) if results else None,
        )

    def _paired(self, task: Task, results: tuple[CaseResult, ...]) -> PairedReport | None:
        """The comparison with what served the task before; without a base, with the next dearer tier."""
        try:
            evaluation = self._baseline_evaluation(task)
        except InputError as error:  # the other side's prompt or request: this one is judged all the same
            self._warnings.append(f"{task.name}: nothing to compare with: {error.what}")
            return None
        if evaluation is None or not evaluation.recorded():
            return None
        return paired_report(evaluation, self.evaluations[task.name].keys, results)

    def _baseline_evaluation(self, task: Task) -> Evaluation | None:
        registry, baseline = self.project.registry, self.comparison.baseline
        if task.name in self.comparison.tried:
            return self._evaluation(task.name, registry.tier(self.comparison.tried[task.name]))
        if baseline is not None:
            material = baseline.materials.get(task.name)
            if material is not None:
                tier = baseline.registry.tier(material.task.tier)
                return Evaluation(material, tier, baseline.recordings, "", self._play)
        dearer = self._dearer(task)
        return self._evaluation(task.name, dearer) if dearer else None
