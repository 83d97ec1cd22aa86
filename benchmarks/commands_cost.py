"""What commands cost on recorded cases, each in a process of its own: `python -m benchmarks.commands_cost`."""

from __future__ import annotations

import os
import statistics
import tempfile
from pathlib import Path

from .measuring import measured_module
from .project import write_project

ROUNDS = int(os.environ.get("ROUNDS", "5"))
CASES = 10_000
TIERS = ("small", "large")
COMMANDS = (
    ("compare", "classify", "--tiers", "small,large"),
    ("escalation", "classify", "--from", "small", "--to", "large"),
    ("escalation", "classify", "--from", "small", "--to", "large", "--holdout"),
    ("advise",),
)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_project(folder, CASES, TIERS)
        print(f"{CASES} cases, recorded on {len(TIERS)} tiers: median of {ROUNDS} runs, with start and loading")
        for command in COMMANDS:
            runs = [measured_module(folder, "pytest_modelroute", *command) for _ in range(ROUNDS)]
            cpu, memory = (statistics.median(each) for each in zip(*runs, strict=True))
            print(f"{' '.join(command)}: {cpu:.2f} s CPU, {memory / 1024:.0f} MB")


if __name__ == "__main__":
    main()
