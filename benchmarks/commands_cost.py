"""What the commands that read recordings cost: `python -m benchmarks.commands_cost`."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from pathlib import Path

from .measuring import measured_command
from .project import write_project

ROUNDS = int(os.environ.get("ROUNDS", "5"))
CASES = 10_000
COMMANDS = (("advise",),)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_project(folder, CASES, ("small", "large"))
        for command in COMMANDS:
            runs = [
                measured_command(folder, sys.executable, "-m", "pytest_modelroute", *command) for _ in range(ROUNDS)
            ]
            cpu, memory = statistics.median(run[0] for run in runs), max(run[1] for run in runs)
            told = f"{CASES} cases recorded on two tiers, start-up included"
            print(f"modelroute {' '.join(command)}: {cpu:.2f} s of CPU, {memory / 1024:.0f} MB ({told})")


if __name__ == "__main__":
    main()
