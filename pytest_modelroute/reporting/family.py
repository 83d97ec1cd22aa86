"""Several changed tasks at once: Holm's method, where their gates ask for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet

from ..judgement.correction import adjusted, p_of_margin, p_of_threshold
from ..judgement.gate import Verdict
from ..judgement.intervals import ALPHA
from ..registry.model import Correction, Task
from .comparison import Evidence, Rivals
from .wording import correction_reason

__all__ = ["Family"]


class Family:
    """Those of the gated `tasks` that are strict and whose gates ask for the correction."""

    def __init__(
        self,
        tasks: Mapping[str, Task],
        strict: AbstractSet[str],
        evidence: Callable[[str], Evidence],
        rivals: Rivals,
    ) -> None:
        self._tasks = {
            name: task for name, task in tasks.items() if name in strict and task.gate.correction is Correction.HOLM
        }
        self._evidence = evidence
        self._rivals = rivals

    def holds_back(self, name: str) -> str | None:
        """Why a task that passes alone does not pass among all of them; None where it does, or is none of them."""
        if name not in self._tasks:
            return None
        p_values = dict(zip(self._tasks, adjusted([self._p_value(other) for other in self._tasks]), strict=True))
        return None if p_values[name] <= ALPHA else correction_reason(p_values[name], len(p_values))

    def _p_value(self, name: str) -> float:
        """Of "this task should not pass": the largest of those of all that its gate asks for."""
        task, evidence = self._tasks[name], self._evidence(name)
        judged = [counts for counts in (evidence.counts, evidence.base_counts) if counts is not None]
        found = [p_of_threshold(counts, task.gate.max_error) for counts in judged]
        regression = self._rivals.regression(task, evidence.paired, evidence.counts.cases)
        if regression is not None:
            verdict, finding = regression
            found.append(1.0 if verdict is Verdict.ERROR else p_of_margin(finding.discordance, finding.margin))
        return max(found)
