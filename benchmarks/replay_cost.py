"""CPU and memory of replayed cases against empty tests, run in turn: `python -m benchmarks.replay_cost`."""

from __future__ import annotations

import os
import statistics
import tempfile
from pathlib import Path

from .measuring import measured
from .project import write_parametrized, write_project

ROUNDS = int(os.environ.get("ROUNDS", "7"))
PLUGIN = ("-p", "pytest_modelroute.plugin.hooks")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        sizes = (0, 2_000, 20_000)
        for size in sizes[1:]:
            write_project(root / f"cases-{size}", size)
            write_parametrized(root / f"empty-{size}", size)
        write_project(root / "cases-0", 100)
        write_parametrized(root / "empty-0", 100)
        runs: dict[str, list[tuple[float, int]]] = {}
        for _ in range(ROUNDS):
            for size in sizes:
                runs.setdefault(f"cases-{size}", []).append(measured(root / f"cases-{size}", *PLUGIN, "--modelroute"))
                runs.setdefault(f"empty-{size}", []).append(measured(root / f"empty-{size}", *PLUGIN))
        report(runs)


def report(runs: dict[str, list[tuple[float, int]]]) -> None:
    ratios = [ours[0] / empty[0] for ours, empty in zip(runs["cases-2000"], runs["empty-2000"], strict=True)]
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    print(f"CPU of 2 000 cases / 2 000 empty tests: {statistics.median(ratios):.2f} ({spread})")
    for kind in ("cases", "empty"):
        for name in (f"{kind}-0", f"{kind}-2000", f"{kind}-20000"):
            cpu = statistics.median(run[0] for run in runs[name])
            memory = statistics.median(run[1] for run in runs[name])
            print(f"{name:>12}: {cpu:6.2f} s CPU, {memory / 1024:6.1f} MB")
    small = marginal(runs, "cases", 2_000)
    large = marginal(runs, "cases", 20_000)
    growth = f"{large / small - 1:+.0%}"
    print(f"marginal CPU a case: {small * 1000:.3f} ms at 2 000, {large * 1000:.3f} ms at 20 000 ({growth})")
    ours, empty = memory_a_case(runs, "cases"), memory_a_case(runs, "empty")
    print(f"memory a case: {ours:.2f} KB, an empty test {empty:.2f} KB: {ours - empty:+.2f} KB")


def marginal(runs: dict[str, list[tuple[float, int]]], kind: str, size: int) -> float:
    """CPU seconds a case beyond the first 100."""
    pairs = zip(runs[f"{kind}-{size}"], runs[f"{kind}-0"], strict=True)
    return statistics.median((large[0] - small[0]) / (size - 100) for large, small in pairs)


def memory_a_case(runs: dict[str, list[tuple[float, int]]], kind: str) -> float:
    """KB a case between 2 000 and 20 000."""
    pairs = zip(runs[f"{kind}-20000"], runs[f"{kind}-2000"], strict=True)
    return statistics.median((large[1] - small[1]) / 18_000 for large, small in pairs)


if __name__ == "__main__":
    main()
