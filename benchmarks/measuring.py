"""CPU and memory of a run, taken from the operating system when the process has ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

__all__ = ["measured", "measured_command"]

MEASURE = (
    "import resource, subprocess, sys, json; p = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL); "
    "u = resource.getrusage(resource.RUSAGE_CHILDREN); "
    "print(json.dumps([u.ru_utime + u.ru_stime, u.ru_maxrss, p.returncode]))"
)


def measured(folder: Path, *arguments: str) -> tuple[float, int]:
    """CPU seconds and peak memory (KB) of one pytest run with no plugins but those that `arguments` name."""
    return measured_command(folder, sys.executable, "-m", "pytest", "-q", *arguments)


def measured_command(folder: Path, *command: str) -> tuple[float, int]:
    """CPU seconds and peak memory (KB) of one command."""
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    cpu, memory, status = json.loads(done.stdout)
    if status != 0:
        raise SystemExit(f"{command} exited with {status} in {folder}")
    return cpu, memory
