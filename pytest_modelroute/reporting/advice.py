"""Which line of the registry to change next: the gate's own verdict on every other assignment, and what it saves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from ..errors import InputError
from ..evaluation.evaluate import Evaluation
from ..evaluation.outlay import Outlay, outlay
from ..evaluation.project import Project
from ..evaluation.replays import Replays
from ..evaluation.spending import untold
from ..judgement.demands import DemandKind, demands
from ..judgement.gate import Verdict
from ..judgement.intervals import upper_bound
from ..judgement.stricter import stricter
from ..judgement.worth import Worth
from ..registry.cascades import check_escalation
from ..registry.changes import Change, compare
from ..registry.graders import refuse_self_grading
from ..registry.model import Registry, Rule, Task, Tier
from .advised import Advice, Recommendation, TaskAdvice, doubted, hindrance, outlay_told, risk, strictness
from .alternatives import Alternative, alone, assignment, cascade, cheaper, dearer
from .assessment import Assessment
from .commands import Invocation
from .comparison import Comparison
from .model import TaskReport
from .wording import meeting

__all__ = ["Advisor"]


class Advisor:
    """Gives advice on the tasks of a project.

    `command` records a task on a tier; `calls` are those a month, by task; `work` is what a move costs, in USD.
    """

    def __init__(
        self,
        project: Project,
        invocation: Invocation,
        command: Callable[[str, Tier], str],
        calls: Mapping[str, int],
        work: float,
    ) -> None:
        self._project = project
        self._registry = project.registry
        self._invocation = invocation
        self._command = command
        self._calls = calls
        self._work = work
        self._replays = Replays()

    def advice(self, name: str) -> TaskAdvice:
        """All advice on a gated task. Raises InputError where a request cannot be built."""
        task = self._registry.tasks[name]
        today = self._judged(task)
        found = list(self._cheaper(task, today))
        found += [self._weighed(task, alternative, today) for alternative in alone(task)]
        notes = []
        if today.verdict is Verdict.ERROR:
            notes.append(f"no verdict on {assignment(task)} today: {today.way_out}")
        elif today.verdict is Verdict.FAIL:
            ups = list(self._dearer(task, today))
            found = [each for each in found if each.new not in [up.new for up in ups]] + ups
            notes.append(f"fails on {assignment(task)} today: {risk(today)}")
            if not any(each.recommendation is Recommendation.UPGRADE for each in ups):
                notes.append("no dearer tier is known to pass: a better prompt, or a limit that a person answers for")
        cases = today.judged.cases if today.judged is not None else 0
        if cases and _unprovable(task, cases):
            notes.append(strictness(task.gate.max_error, cases))
        return TaskAdvice(today, tuple(sorted(found, key=lambda each: each.rank)), tuple(notes))

    def _cheaper(self, task: Task, today: TaskReport) -> Iterator[Advice]:
        for alternative in cheaper(self._registry, task):
            alone = self._weighed(task, alternative, today)
            yield alone
            if alone.report is not None and task.escalation is None:
                first = self._registry.tier(alternative.task.tier)
                behind = cascade(task, first, self._alone(task, first.name), self._alone(task, task.tier))
                cascading = self._weighed(task, behind, today)
                if cascading.verdict is Verdict.ERROR or _escalates(cascading.report):
                    yield cascading

    def _dearer(self, task: Task, today: TaskReport) -> Iterator[Advice]:
        """Up to the first that passes."""
        for alternative in dearer(self._registry, task):
            advice = self._weighed(task, alternative, today, up=True)
            yield advice
            if advice.recommendation is Recommendation.UPGRADE:
                return

    def _alone(self, task: Task, tier: str) -> Evaluation:
        material = replace(self._project.materials[task.name], task=replace(task, escalation=None))
        command, recordings = partial(self._command, task.name), self._project.recordings
        return self._replays.evaluation_of(material, self._registry, self._registry.tier(tier), recordings, command)

    def _tried(self, task: Task) -> tuple[Registry, tuple[Change, ...]]:
        """The registry with this task alone, and what that changes."""
        own = replace(self._registry, tasks={task.name: self._registry.tasks[task.name]})
        tried = replace(self._registry, tasks={task.name: task})
        return tried, compare(own, tried)

    def _judged(self, task: Task) -> TaskReport:
        """The gate's report on a task as the registry has it or, as `--modelroute-try` does, otherwise assigned."""
        tried, changes = self._tried(task)
        moved = {task.name: self._registry.tasks[task.name]} if changes else {}
        material = replace(self._project.materials[task.name], task=task)
        project = Project(tried, {task.name: material}, self._project.recordings)
        comparison = Comparison(None, None, changes, frozenset(moved), moved)
        return Assessment(project, comparison, None, self._invocation, self._replays.evaluation_of).judged(task.name)

    def _weighed(self, task: Task, alternative: Alternative, today: TaskReport, *, up: bool = False) -> Advice:
        """The advice; `up` is for a way out of a gate that fails today, which need not save anything."""
        new = alternative.task
        unknown = Advice(task, alternative, Recommendation.DO_NOT, Verdict.NOT_EVALUATED, self._worth(new, None), "")
        tried, changes = self._tried(new)
        try:
            check_escalation(tried, new)
            refuse_self_grading(tried, new, assignment(new))
        except InputError as error:
            return replace(unknown, why=error.what)
        if not self._alone(task, new.tier).recorded():
            return self._unrecorded(unknown, today, up=up)
        report = self._judged(new)
        now, then = today.usd_per_1000_calls, report.usd_per_1000_calls
        worth = self._worth(new, None if now is None or then is None else now - then)
        advice = replace(unknown, verdict=report.verdict, worth=worth, report=report, why=risk(report))
        if report.verdict is Verdict.ERROR:
            return self._lacking(advice, new, report)
        lowering = [change for change in changes if change.lowers]
        lacks = demands(tried, new, acknowledged=False) if lowering else ()
        measured = report
        if any(demand.kind is DemandKind.CERTIFIED_RULE for demand in lacks):  # by the rule that policy asks for
            certified = stricter(new.gate, replace(new.gate, rule=Rule.CERTIFIED))
            measured = self._judged(replace(new, gate=certified))
        if lacks:
            advice = replace(advice, verdict=Verdict.FAIL)
        if measured.verdict is Verdict.FAIL:
            return replace(advice, report=measured)
        if measured.verdict is not Verdict.PASS:
            why, way_out = doubted(measured.reasons[0], measured), f"add golden cases to {task.golden}"
            if measured.way_out == self._invocation.auditing(task.name):
                way_out = self._audit(advice, measured) or way_out
            return replace(advice, recommendation=Recommendation.UNDECIDED, report=measured, why=why, way_out=way_out)
        if up:
            return replace(advice, recommendation=Recommendation.UPGRADE)
        if measured.judged is not None and _unprovable(new, measured.judged.cases):
            why = doubted(strictness(new.gate.max_error, measured.judged.cases), measured)
            return replace(advice, recommendation=Recommendation.UNPROVABLE, why=why)
        if worth.obstacle is not None:
            why = f"{hindrance(worth.obstacle, worth)}; {advice.why}"
            return replace(advice, recommendation=Recommendation.NOT_WORTH, why=why)
        if worth.per_1000 is None:
            return self._unpriced(advice, report, today)
        if lacks:  # under the certified rule, which no unaudited grader passes
            needs, traits = meeting(lacks, lowering), " and ".join(lacks[0].objections)
            why = f"{advice.why}; {traits}: policy asks for more than a measurement"
            return replace(advice, recommendation=Recommendation.NEEDS, why=why, needs=needs)
        audit = self._audit(advice, report)
        if audit is not None:
            return replace(advice, recommendation=Recommendation.NEEDS, needs=audit)
        why = f"{advice.why}; few calls a month, but dear ones" if worth.few and worth.pays else advice.why
        return replace(advice, recommendation=Recommendation.MOVE, why=why)

    def _unrecorded(self, advice: Advice, today: TaskReport, *, up: bool) -> Advice:
        """What recording would cost, unless what it could save is not worth it."""
        task, tier = advice.old, self._registry.tier(advice.new.tier)
        cost = outlay(self._project, self._project.materials[task.name], tier)
        assert cost is not None, "none of its answers is recorded"
        now, then = today.usd_per_1000_calls, cost.usd_per_1000_calls
        worth = self._worth(task, None if now is None or then is None else now - then)
        if worth.obstacle is not None and not up:
            why = f"{hindrance(worth.obstacle, worth)}; not recorded"
            return replace(advice, recommendation=Recommendation.NOT_WORTH, worth=worth, why=why, outlay=cost)
        return self._to_record(replace(advice, worth=worth), cost)

    def _lacking(self, advice: Advice, task: Task, report: TaskReport) -> Advice:
        """What gives the task's cases in error an answer."""
        for name in task.answering:
            cost = outlay(self._project, self._project.materials[advice.old.name], self._registry.tier(name))
            if cost is not None:
                return self._to_record(advice, cost)
        return replace(advice, recommendation=Recommendation.UNJUDGED, way_out=report.way_out)

    def _unpriced(self, advice: Advice, report: TaskReport, today: TaskReport) -> Advice:
        """What would tell the saving: that a tier comes first says that it is cheaper, and not that a move pays."""
        if not today.answered:
            return self._lacking(advice, advice.old, today)
        reasons: dict[str, str | None] = {}
        for task, each in ((advice.new, report), (advice.old, today)):
            if each.usd_per_1000_calls is None:
                escalates = each.escalation is not None and each.escalation.number > 0
                asked = task.answering if escalates else (task.tier,)
                why, fix = untold(each.answered, [self._registry.tier(name) for name in asked])
                reasons[why] = fix
        why = f"{' and '.join(reasons)}, so what it saves is not known; {advice.why}"
        way_out = " and ".join(filter(None, reasons.values())) or None
        return replace(advice, recommendation=Recommendation.PRICE, why=why, way_out=way_out)

    def _to_record(self, advice: Advice, cost: Outlay) -> Advice:
        command = self._command(advice.old.name, cost.plan.tier)
        why = "; ".join(filter(None, (f"{cost.plan.tier.name}: {outlay_told(cost)}", advice.why)))
        return replace(advice, recommendation=Recommendation.RECORD, why=why, way_out=command, outlay=cost)

    def _audit(self, advice: Advice, report: TaskReport) -> str | None:
        """What tells how good the grader of these answers is; None where that is known, or no model grades."""
        if report.grader is None or report.grader.shortcoming is None:
            return None
        old, new = advice.old, advice.new
        if report.grader.command is None:
            return f"`samples: 1` at {old.place}: an audit takes one sample a case"
        if old.escalation != new.escalation:  # an audit is of answers as the registry routes them
            return f"make the change, then {self._invocation.auditing(new.name)}"
        return self._invocation.auditing(new.name, None if new.tier == old.tier else new.tier)

    def _worth(self, task: Task, per_1000: float | None) -> Worth:
        return Worth(per_1000, self._calls.get(task.name), self._work)


def _escalates(report: TaskReport | None) -> bool:
    """Whether any answer does: else a cascade is its first tier alone."""
    return report is None or report.escalation is None or report.escalation.number > 0


def _unprovable(task: Task, cases: int) -> bool:
    """Whether the limit is so strict that no result on so many cases could certify it."""
    return upper_bound(0, cases) > task.gate.max_error
