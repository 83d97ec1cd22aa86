"""What a head is held against, and what answered there before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..errors import InputError
from ..evaluation.asking import Play
from ..evaluation.evaluate import Evaluation, TaskMaterial, evaluation_of
from ..evaluation.grading import grader_of
from ..evaluation.project import Baseline, Project
from ..evaluation.results import CaseResult, Outcome
from ..judgement.gate import Counts, Verdict
from ..judgement.paired import Discordance
from ..judgement.regression import Regression, RegressionKind, judge_regression
from ..registry.base import Commit
from ..registry.changes import TIER_CHANGES, Change, ChangeKind
from ..registry.model import SelfGrading, Task, Tier
from .grader import GraderReport
from .model import PairedReport
from .pairing import paired_report

__all__ = ["Comparison", "Evidence", "Rivals"]


@dataclass(frozen=True)
class Comparison:
    """What the head is held against: a base, moves to try, or nothing.

    `tried` has the tasks for which another tier is tried, as the registry itself has them.
    """

    commit: Commit | None
    baseline: Baseline | None
    changes: tuple[Change, ...]
    strict: frozenset[str]
    tried: Mapping[str, Task]
    warnings: tuple[str, ...] = ()

    def tier_change(self, task: str) -> Change | None:
        """The task's move: one that is tried counts before one that the base shows."""
        moves = [change for change in self.changes if change.task == task and change.kind in TIER_CHANGES]
        return moves[-1] if moves else None

    def reassignment(self, task: str) -> Change | None:
        """The task's move or, where it stays on its tier, what changes in its escalation."""
        kinds = (ChangeKind.ESCALATION_CHANGED,)
        escalations = [change for change in self.changes if change.task == task and change.kind in kinds]
        return self.tier_change(task) or (escalations[-1] if escalations else None)

    def lowering(self, task: str) -> list[Change]:
        """What may let a worse model answer the task."""
        return [change for change in self.changes if change.task == task and change.lowers]

    def is_tried(self, change: Change) -> bool:
        """Whether a change is none of head's own: against a base, only tiers are tried."""
        return change.task in self.tried and (self.baseline is None or change.kind in TIER_CHANGES)

    def replaces(self, task: str) -> bool:
        """Whether something else answered the task before this change."""
        added = any(change.task == task and change.kind is ChangeKind.TASK_ADDED for change in self.changes)
        return task in self.strict and not added


@dataclass(frozen=True)
class Evidence:
    """What a task is judged by: its results, counted once for identical requests, and what stands beside them.

    `base_counts` are those of the cases that the base has too, where they are judged by themselves.
    """

    keys: tuple[str, ...]
    results: tuple[CaseResult, ...]
    counts: Counts
    base_counts: Counts | None
    paired: PairedReport | None
    grader: GraderReport | None = None


class Rivals:
    """Sets each task beside what served it before or, where nothing changed, beside the next dearer tier."""

    def __init__(
        self,
        project: Project,
        comparison: Comparison,
        evaluation: Callable[[TaskMaterial, Tier], Evaluation],
        play: Play | None,
    ) -> None:
        self._project = project
        self._comparison = comparison
        self._evaluation = evaluation
        self._play = play
        self.warnings: list[str] = []
        self._found: dict[str, tuple[Evaluation | None, Evaluation | None]] = {}

    def paired(self, task: Task, keys: Sequence[str], results: Sequence[CaseResult]) -> PairedReport | None:
        """The comparison of `results` with the rival's; None where there is none, or it answered no case."""
        try:
            evaluation, spare = self._rival(task)
        except InputError as error:  # the other side's prompt or request: this one is judged all the same
            self.warnings.append(f"{task.name}: nothing to compare with: {error.what}")
            return None
        if evaluation is None or not (evaluation.recorded() or (spare is not None and spare.recorded())):
            return None
        answered = evaluation.results()
        if spare is not None and any(result.outcome is Outcome.ERROR for result in answered):
            answered = tuple(
                other if own.outcome is Outcome.ERROR else own
                for own, other in zip(answered, spare.results(), strict=True)
            )
        paired = paired_report(evaluation.tier, answered, keys, results)
        grader = grader_of(evaluation.material)
        if paired is None or grader is None:
            return paired
        return replace(paired, self_graded=grader.serves(evaluation.tier))

    def regression(self, task: Task, paired: PairedReport | None, cases: int) -> tuple[Verdict, Regression] | None:
        """The paired gate's judgement; None where the task has no margin, or nothing is replaced."""
        margin = task.gate.max_regression
        if margin is None or not self._comparison.replaces(task.name):
            return None
        grader = task.score.grader
        refused = grader is not None and grader.self_grading is SelfGrading.REJECT
        if paired is not None and paired.self_graded and refused:
            kind = RegressionKind.SELF_GRADED
            return Verdict.ERROR, Regression(kind, paired.discordance, paired.unanswered, task.gate, margin)
        if paired is None:
            return judge_regression(Discordance(0, 0, 0), cases, task.gate, margin)
        return judge_regression(paired.discordance, paired.unanswered, task.gate, margin)

    def name(self, task: Task) -> str:
        """The tier that the task is held against, or what stands for it in a sentence."""
        try:
            evaluation, _ = self._rival(task)
        except InputError:
            return "the base"
        return evaluation.tier.name if evaluation else "the base"

    def way_to_answers(self, task: Task, command: Callable[[str, Tier], str]) -> str:
        """How to come by the answers of what was replaced; `command` records a task on a tier of head's."""
        asked = (ChangeKind.PROMPT_CHANGED, ChangeKind.REQUEST_CHANGED)
        other_request = any(change.task == task.name and change.kind in asked for change in self._comparison.changes)
        registry, name = self._project.registry, self.name(task)
        if other_request or registry.rank(name) is None:
            commit = self._comparison.commit
            where = commit.commit[:10] if commit else "the base"
            return f"record {task.name} as it was: check out {where}, record there and merge it into the base"
        return command(task.name, registry.tier(name))

    def dearer(self, task: Task) -> Tier | None:
        """The next tier of the order, where there is one."""
        registry = self._project.registry
        rank = registry.rank(task.tier)
        assert rank is not None
        return registry.tiers[rank + 1] if rank + 1 < len(registry.tiers) else None

    def _rival(self, task: Task) -> tuple[Evaluation | None, Evaluation | None]:
        """What `_look_up` finds, kept: to build it, every request of the task is made."""
        if task.name not in self._found:
            self._found[task.name] = self._look_up(task)
        return self._found[task.name]

    def _look_up(self, task: Task) -> tuple[Evaluation | None, Evaluation | None]:
        """The rival, and one with head's recordings of the very same requests for cases that the base lacks."""
        registry, baseline = self._project.registry, self._comparison.baseline
        if task.name in self._comparison.tried:
            own = self._comparison.tried[task.name]
            material = replace(self._project.materials[task.name], task=own)
            return self._evaluation(material, registry.tier(own.tier)), None
        if baseline is not None and task.name in baseline.materials:
            material = baseline.materials[task.name]
            tier = baseline.registry.tier(material.task.tier)
            found, spare = (
                evaluation_of(material, baseline.registry, tier, recordings, lambda _: "", self._play)
                for recordings in (baseline.recordings, self._project.recordings)
            )
            return found, spare
        head = self._project.materials[task.name]
        change = self._comparison.tier_change(task.name)
        if change is not None and self._comparison.replaces(task.name):
            before = registry.rank(str(change.old))
            return (None if before is None else self._evaluation(head, registry.tiers[before])), None
        dearer = self.dearer(task)
        return (self._evaluation(head, dearer) if dearer else None), None
