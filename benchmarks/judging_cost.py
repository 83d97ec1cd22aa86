"""What judging costs beyond the replay that it rests on: `python -m benchmarks.judging_cost`."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path, PurePosixPath

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
    """CPU seconds of replaying both tiers, and of judging the move from one to the other when that is done."""
    files = WorkingTree(folder)
    registry = load_registry(files, PurePosixPath("modelroute.yaml"))
    tried, moves = reassigned(registry, {"classify": "small"})
    project = load_project(files, tried, folder)
    comparison = Comparison(None, None, moves, frozenset({"classify"}), dict(registry.tasks))
    assessment = Assessment(project, comparison, None, Invocation("modelroute.yaml", None))
    clock = time.process_time
    start = clock()
    Evaluation(project.materials["classify"], tried.tier("large"), project.recordings, "").results()
    middle = clock()
    assessment.evaluations["classify"].results()
    replayed = clock()
    assert assessment.judged("classify").verdict.value == "pass"
    judged = clock()
    assessment.close()
    return replayed - start, (judged - replayed) - (middle - start)  # judging replays the other tier once more


if __name__ == "__main__":
    main()
