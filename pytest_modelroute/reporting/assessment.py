"""From a loaded project to its report: evaluates, compares and judges each task once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..errors import ErrorKind
from ..evaluation.asking import Play
from ..evaluation.evaluate import CaseResult, Evaluation, Outcome
from ..evaluation.project import Project
from ..judgement.demands import Demand, demands
from ..judgement.gate import Counts, Decision, Verdict, judge, worst_verdict
from ..registry.changes import Change, ChangeKind
from ..registry.model import OwnCall, ScorerKind, Task, Tier
from .commands import Invocation
from .comparison import Comparison, Evidence, Rivals
from .family import Family
from .model import PairedReport, RunReport, TaskReport, TierChange
from .pairing import distinct_counts
from .wording import demand_reason, meeting, reason, regression_reason, spread

__all__ = ["Assessment"]


class Assessment:
    """All that a session finds out about a project."""

    def __init__(self, project: Project, comparison: Comparison, play: Play | None, invocation: Invocation) -> None:
        self.project = project
        self.comparison = comparison
        self._invocation = invocation
        self._play = play
        self._reports: dict[str, TaskReport] = {}
        self._gathered: dict[str, Evidence] = {}
        self._rivals = Rivals(project, comparison, self._evaluation, play)
        gated = {name: task for name, task in project.registry.tasks.items() if name in project.materials}
        self._family = Family(gated, comparison.strict, self._evidence, self._rivals)
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
                *self._rivals.warnings,
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

    def _judge(self, name: str) -> TaskReport:
        task = self.project.registry.tasks[name]
        change = self.comparison.tier_change(name)
        if name not in self.evaluations:
            assert change is not None
            swapped = f"{task.tier} swapped" if change.kind is ChangeKind.MODEL_SWAP else "moved"
            untold = "no golden dataset with a prompt tells whether it works"
            what = f"{swapped} from {change.old} to {change.new}, and {untold}"
            undoing = f"{self._taking_back(task, change)}, or add `golden:` and `prompt:`"
            return self._report(task, Verdict.FAIL, (what,), undoing, ())
        evidence = self._evidence(name)
        decision = judge(evidence.counts, task.gate, evidence.base_counts)
        regression = self._rivals.regression(task, evidence.paired, evidence.counts.cases)
        wanting = self._demands(task, change)
        verdict = worst_verdict(
            decision.verdict, *(regression[:1] if regression else ()), *(Verdict.FAIL for _ in wanting)
        )
        reasons = [reason(finding) for finding in decision.findings]
        if regression is not None:
            reasons.append(regression_reason(regression[1], self._rivals.name(task)))
        reasons += [demand_reason(demand) for demand in wanting]
        held_back = self._family.holds_back(name) if verdict is Verdict.PASS else None
        if held_back is not None:
            verdict = Verdict.INCONCLUSIVE
            reasons.append(held_back)
        reasons += self._asides(evidence, decision.verdict)
        way_out = self._way_out(task, verdict, decision, change, evidence.results)
        if decision.verdict is not Verdict.ERROR and verdict is Verdict.ERROR:
            way_out = self._rivals.way_to_answers(task, self.record_command)
        elif (
            change is not None
            and wanting
            and worst_verdict(decision.verdict, *(regression[:1] if regression else ())) is Verdict.PASS
        ):
            way_out = f"{way_out}, or {meeting(wanting, change)}"
        return self._report(task, verdict, tuple(reasons), way_out, evidence.results, evidence.counts, evidence.paired)

    def _demands(self, task: Task, change: Change | None) -> tuple[Demand, ...]:
        """What a downgrade lacks by the task's traits; one that is only tried needs no acknowledgement yet."""
        if change is None or change.kind is not ChangeKind.DOWNGRADE:
            return ()
        tried = task.name in self.comparison.tried
        return demands(self.project.registry, task, tried or change.acknowledged is not None)

    def _asides(self, evidence: Evidence, verdict: Verdict) -> Iterator[str]:
        """What else belongs to the counts: repeated requests, spread of samples, the first error."""
        cases, distinct = len(evidence.keys), evidence.counts
        if distinct.cases < cases:
            repeated = cases - distinct.cases
            verbs = "repeats another's request and counts" if repeated == 1 else "repeat another's request and count"
            yield f"{repeated} of {cases} cases {verbs} once"
        if distinct.samples is not None and verdict is not Verdict.ERROR:
            yield spread(distinct.samples)
        if verdict is Verdict.ERROR:
            first = next(result for result in evidence.results if result.outcome is Outcome.ERROR)
            yield f"first: {first.case}: {first.detail}"

    def _evidence(self, name: str) -> Evidence:
        """What a task is judged by, gathered once: with a correction, the gates of other tasks ask for it too."""
        if name not in self._gathered:
            evaluation = self.evaluations[name]
            results = evaluation.results()
            self._gathered[name] = Evidence(
                keys=tuple(evaluation.keys),
                results=results,
                counts=distinct_counts(evaluation.keys, results),
                base_counts=self._base_counts(name, evaluation, results),
                paired=self._rivals.paired(evaluation.material.task, evaluation.keys, results),
            )
        return self._gathered[name]

    def _base_counts(self, name: str, evaluation: Evaluation, results: tuple[CaseResult, ...]) -> Counts | None:
        """The outcomes on the cases that the base has too, where the task's assignment changes against it."""
        baseline = self.comparison.baseline
        if baseline is None or name not in baseline.shared or name not in self.comparison.strict:
            return None
        shared = baseline.shared[name]
        cases = evaluation.material.cases
        keys = [key for key, case in zip(evaluation.keys, cases, strict=True) if case.id in shared]
        return distinct_counts(keys, [result for result in results if result.case in shared])

    def _way_out(
        self, task: Task, verdict: Verdict, decision: Decision, change: Change | None, results: tuple[CaseResult, ...]
    ) -> str | None:
        if verdict is Verdict.PASS:
            return None
        if decision.verdict is Verdict.ERROR:
            return self._mending(task, results)
        if change is not None and (task.name in self.comparison.tried or change.kind is not ChangeKind.UPGRADE):
            return self._taking_back(task, change)
        if verdict is Verdict.INCONCLUSIVE:
            return f"add golden cases to {task.golden}"
        dearer = self._rivals.dearer(task)
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
        cassette = self.project.recordings.cassette(task.name, tier.model)
        if cassette.fault:
            return f"restore {cassette.label} from git, or delete it and record"
        return self.record_command(task.name, tier)

    def _report(
        self,
        task: Task,
        verdict: Verdict,
        reasons: tuple[str, ...],
        way_out: str | None,
        results: tuple[CaseResult, ...] | None,
        judged: Counts | None = None,
        paired: PairedReport | None = None,
    ) -> TaskReport:
        tier = self.project.registry.tier(task.tier)
        change = self.comparison.tier_change(task.name)
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
            paired=paired,
            price=tier.price,
            results=results,
            judged=judged,
        )
