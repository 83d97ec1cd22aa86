"""What judging costs beyond the replay that it rests on: `python -m benchmarks.judging_cost`."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import Any
from unittest import mock

from pytest_modelroute.evaluation.evaluate import Evaluation
from pytest_modelroute.evaluation.project import load_project
from pytest_modelroute.registry.changes import reassigned
from pytest_modelroute.registry.files import WorkingTree
from pytest_modelroute.registry.loading import load_registry
from pytest_modelroute.reporting.assessment import Assessment
from pytest_modelroute.reporting.commands import Invocation
from pytest_modelroute.reporting.comparison import Comparison

from .project import write_project

ROUNDS = int(os.environ.get("ROUNDS", "7"))
CASES = 10_000
GATES = (
    "rule: observed",
    "rule: certified, max_regression: 0.03",
    "rule: certified, max_regression: 0.03, correction: holm",
)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_project(folder, CASES, ("small", "large"))
        registry = (folder / "modelroute.yaml").read_text()
        for gate in GATES:
            (folder / "modelroute.yaml").write_text(f"{registry}    gate: {{{gate}}}\n")
            replays, judgements = zip(*(timed(folder) for _ in range(ROUNDS)), strict=True)
            replay, judging = statistics.median(replays), statistics.median(judgements)
            print(f"{CASES} cases, {gate}: judging {judging:.3f} s beyond {replay:.2f} s of replay of both tiers")


def timed(folder: Path) -> tuple[float, float]:
    """CPU seconds of replaying both tiers, and of all else in judging the move from one to the other."""
    files = WorkingTree(folder)
    registry = load_registry(files, PurePosixPath("modelroute.yaml"))
    tried, moves = reassigned(registry, {"classify": "small"})
    project = load_project(files, tried, folder)
    comparison = Comparison(None, None, moves, frozenset({"classify"}), dict(registry.tasks))
    with replay_timed() as spent:
        start = time.process_time()
        assessment = Assessment(project, comparison, None, Invocation("modelroute.yaml", None))
        assert assessment.judged("classify").verdict.value == "pass"
        whole = time.process_time() - start
    assessment.close()
    replay = sum(spent)
    return replay, whole - replay


@contextmanager
def replay_timed() -> Iterator[list[float]]:
    """CPU seconds of each piece of replay meanwhile: judging asks for the answers of both tiers by itself."""
    spent: list[float] = []

    def measured(method: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            start = time.process_time()
            try:
                return method(*arguments)
            finally:
                spent.append(time.process_time() - start)

        return run

    with ExitStack() as stack:
        for name in ("__init__", "results"):
            stack.enter_context(mock.patch.object(Evaluation, name, measured(getattr(Evaluation, name))))
        yield spent


if __name__ == "__main__":
    main()
