"""From a loaded project to its report: evaluates, compares and judges each task once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..evaluation.asking import Play
from ..evaluation.evaluate import Evaluation, TaskMaterial, evaluation_of
from ..evaluation.project import Project
from ..evaluation.results import CaseResult
from ..judgement.gate import Counts, Verdict
from ..registry.asked import OwnCall
from ..registry.changes import ChangeKind
from ..registry.model import ScorerKind, Task, Tier
from .commands import Invocation
from .comparison import Comparison, Rivals
from .escalated import escalation_report
from .grader import GraderReport
from .judging import Judge
from .mending import unanswered
from .model import PairedReport, RunReport, TaskReport, TierChange
from .weakened import Weakened
from .wording import counted

__all__ = ["Assessment"]


class Assessment:
    """All that a session finds out about a project; `evaluate` evaluates a task on a tier, as `evaluation_of` does."""

    def __init__(
        self,
        project: Project,
        comparison: Comparison,
        play: Play | None,
        invocation: Invocation,
        evaluate: Callable[..., Evaluation] = evaluation_of,
    ) -> None:
        self.project = project
        self.comparison = comparison
        self._invocation = invocation
        self._play = play
        self._evaluate = evaluate
        self._reports: dict[str, TaskReport] = {}
        # Built now, so that a prompt that cannot be rendered is told before anything runs.
        self.evaluations = {
            name: self._evaluation(material, project.registry.tier(material.task.tier))
            for name, material in project.materials.items()
        }
        self._rivals = Rivals(project, comparison, self._evaluation, play)
        self._judge = Judge(
            project, comparison, self.evaluations, self._rivals, self.record_command, invocation.auditing
        )
        self._weakened = Weakened(project, comparison.baseline, comparison.changes, play, self.record_command)
        self.registry_gate = self._weakened.registry_gate(self.gates())

    def close(self) -> None:
        """Close the cassettes, and take back what of the base was put on disk."""
        self.project.recordings.close()
        if self.comparison.baseline is not None:
            self.comparison.baseline.importer.close()

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
            self._reports[name] = self._weakened.applied(self._judged(name))
        return self._reports[name]

    def unjudged(self, name: str, errors: Sequence[CaseResult] = ()) -> TaskReport:
        """The task's report without one: its gate did not run, or it has none.

        `errors` are the results in error of the cases that did run.
        """
        task = self.project.registry.tasks[name]
        if errors:
            without = counted(len({error.case for error in errors}), "case")
            reasons = (
                self._not_run(name),
                f"{without} without an answer that could be scored: the session fails",
                *unanswered(errors, numbered=task.samples > 1),
            )
            return self._report(task, Verdict.NOT_EVALUATED, reasons, self._judge.mending(task, errors), None)
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
        if name in self._weakened:
            return "its gate is loosened against the base and did not run: the session fails"
        if self.must_run(name):
            return "its assignment changes against the base and its gate did not run: the session fails"
        return "its gate did not run"

    def must_run(self, name: str) -> bool:
        """Whether a session that leaves this task's gate out fails: that of every strict task, so of each tried one."""
        return name in self.comparison.strict

    def run_report(self, reports: Mapping[str, TaskReport], errors: Mapping[str, Sequence[CaseResult]]) -> RunReport:
        """The whole run; tasks that are not in `reports` stand as not judged, with the `errors` of their cases."""
        registry = self.project.registry
        return RunReport(
            registry=str(registry.path),
            base=self.comparison.commit,
            changes=self.comparison.changes,
            tasks=tuple(reports.get(name) or self.unjudged(name, errors.get(name, ())) for name in registry.tasks),
            warnings=(
                *registry.warnings,
                *self.comparison.warnings,
                *self._rivals.warnings,
                *(
                    f"{task.task}: {task.tier} asks for {task.model}, and {', '.join(task.other_models)} answered"
                    for task in reports.values()
                    if task.other_models
                ),
                *(
                    f"{task.task}: its grader {by.tier} asks for {by.model}, and {', '.join(by.other_models)} answered"
                    for task in reports.values()
                    if (by := task.grader) is not None and by.other_models
                ),
                *self.project.recordings.warnings(),
            ),
            gate=self.registry_gate,
        )

    def record_command(self, name: str, tier: Tier) -> str:
        """The command that records what a task lacks on a tier."""
        assigned = self.comparison.tried.get(name, self.project.registry.tasks[name])
        return self._invocation.recording(name, beside=None if tier.name in assigned.answering else tier.name)

    def _evaluation(self, material: TaskMaterial, tier: Tier) -> Evaluation:
        project, name = self.project, material.task.name
        return self._evaluate(
            material,
            project.registry,
            tier,
            project.recordings,
            lambda asked: self.record_command(name, asked),
            self._play,
        )

    def _ungated_move(self, name: str) -> bool:
        worse = (ChangeKind.DOWNGRADE, ChangeKind.MODEL_SWAP)
        moved = any(change.task == name and change.kind in worse for change in self.comparison.changes)
        return moved and not self.project.registry.tasks[name].gated

    def _judged(self, name: str) -> TaskReport:
        task = self.project.registry.tasks[name]
        change = self.comparison.tier_change(name)
        if name not in self.evaluations:
            assert change is not None
            swapped = f"{task.tier} swapped" if change.kind is ChangeKind.MODEL_SWAP else "moved"
            untold = "no golden dataset with a prompt tells whether it works"
            what = f"{swapped} from {change.old} to {change.new}, and {untold}"
            undoing = f"{self._judge.taking_back(task, change)}, or add `golden:` and `prompt:`"
            return self._report(task, Verdict.FAIL, (what,), undoing, ())
        opinion = self._judge.judged(task)
        evidence = self._judge.evidence(name)
        return self._report(
            task,
            opinion.verdict,
            opinion.reasons,
            opinion.way_out,
            evidence.results,
            evidence.counts,
            evidence.paired,
            evidence.grader,
        )

    def _report(
        self,
        task: Task,
        verdict: Verdict,
        reasons: tuple[str, ...],
        way_out: str | None,
        results: tuple[CaseResult, ...] | None,
        judged: Counts | None = None,
        paired: PairedReport | None = None,
        grader: GraderReport | None = None,
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
            grader=grader,
            escalation=escalation_report(task, self.project.registry, results) if results else None,
        )
