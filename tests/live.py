"""Recording end to end: small projects, pytest in processes that can be stopped, and what they leave on disk."""

from __future__ import annotations

import atexit
import fcntl
import functools
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from pytest_modelroute.cassettes.lines import Interaction

from .interactions import read_back
from .messages_server import MessagesServer
from .projects import Project, clean_environment, write_project

__all__ = ["Done", "Forks", "Run", "interactions", "journaled", "live_project", "report", "results", "until"]

LONGEST = 240.0  # seconds; a guard against hangs on a busy machine


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        return self.stdout + self.stderr


def until(reached: Callable[[], bool]) -> None:
    """Wait for something that happens in another thread or process."""
    deadline = time.monotonic() + LONGEST
    while not reached():
        assert time.monotonic() < deadline, "it never happens"
        time.sleep(0.002)


class Run:
    """A pytest run under way."""

    def __init__(self, forks: Forks, pid: int, stdout: Path, stderr: Path) -> None:
        self.pid = pid
        self._forks = forks
        self._files = (stdout, stderr)

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def wait(self) -> Done:
        self._forks.tell({"wait": self.pid})
        hangs = not self._forks.answers_within(LONGEST)
        if hangs:
            os.kill(self.pid, signal.SIGKILL)
        status = self._forks.told()
        out, err = (path.read_text(encoding="utf-8", errors="replace") for path in self._files)
        assert not hangs, "the run hangs: " + out + err
        return Done(status, out, err)


def _address() -> Path:
    """Where the workers of this test run find its warm process."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    return Path(tempfile.gettempdir()) / f"forks-{run}.socket"


class Forks:
    """Starts pytest in forks of a warm process, which the workers of a test run share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0
        self._server: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self._answers: TextIO

    def _connect(self) -> socket.socket:
        address = _address()
        connection = socket.socket(socket.AF_UNIX)
        with address.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                connection.connect(str(address))
            except (FileNotFoundError, ConnectionRefusedError):
                address.unlink(missing_ok=True)
                with socket.socket(socket.AF_UNIX) as listener:
                    listener.bind(str(address))
                    listener.listen()
                    number = listener.fileno()
                    command = [sys.executable, str(Path(__file__).with_name("forkserver.py")), str(number)]
                    self._server = subprocess.Popen(
                        command, stdin=subprocess.PIPE, env=clean_environment(), pass_fds=[number]
                    )
                connection.connect(str(address))
        return connection

    def tell(self, request: dict[str, Any]) -> None:
        if self._connection is None:
            self._connection = self._connect()
            self._answers = self._connection.makefile(encoding="utf-8")
        self._connection.sendall(f"{json.dumps(request)}\n".encode())

    def answers_within(self, seconds: float) -> bool:
        assert self._connection is not None
        return bool(select.select([self._connection], [], [], seconds)[0])

    def told(self) -> int:
        """The answer to what it was told last."""
        return int(self._answers.readline())

    def start(self, project: Project, *arguments: str, before: str = "", **environment: str) -> Run:
        """`before` is Python that the process runs first."""
        fixed = {"COLUMNS": "120", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        command = ["-ppytest_modelroute.plugin.hooks", "-pno:cacheprovider", "--modelroute", *arguments]
        return self.start_plain(project.folder, command, {**clean_environment(), **fixed, **environment}, before)

    def start_plain(
        self,
        folder: Path,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        before: str = "",
        *,
        program: str = "pytest",
    ) -> Run:
        """`pytest` or `modelroute` with these arguments, and no others."""
        self._number += 1
        out, err = (self._folder / f"{self._number}.{name}" for name in ("out", "err"))
        workers = re.search(r" -n *(\d+)", " ".join(["", *arguments]))
        request = {
            "program": program,
            "arguments": list(arguments),
            "folder": str(folder),
            "environment": dict(environment),
            "stdout": str(out),
            "stderr": str(err),
            "before": before,
            "workers": int(workers[1]) if workers else 0,
        }
        self.tell(request)
        return Run(self, self.told(), out, err)

    def run(self, project: Project, *arguments: str, before: str = "", **environment: str) -> Done:
        return self.start(project, *arguments, before=before, **environment).wait()

    def record(self, project: Project, *arguments: str, before: str = "", **environment: str) -> Done:
        """Record what is missing or stale."""
        mode = () if any("-record=" in argument for argument in arguments) else ("--modelroute-record=new_episodes",)
        return self.run(project, *mode, *arguments, before=before, **environment)

    def close(self) -> None:
        if self._connection is not None:
            self._answers.close()
            self._connection.close()
        if self._server is not None:
            assert self._server.stdin is not None
            self._server.stdin.close()
            self._server.wait()
            for suffix in (".socket", ".lock"):
                _address().with_suffix(suffix).unlink(missing_ok=True)


def live_project(folder: Path, server: MessagesServer, cases: int = 5, *, only: str = "") -> Project:
    """The usual project with few cases and nothing recorded; `only` leaves one of its tasks."""
    project = write_project(folder / "project", server.url)
    for task in ("classify", "reply"):
        project.write_golden(task, project.golden(task)[:cases])
    project.replace("  request: {max_tokens: 64", "  gate: {min_cases: 1, max_error: 0.99}\n  request: {max_tokens: 64")
    text = project.registry.read_text()
    for task in ("classify", "reply"):
        if only and task != only:
            text = re.sub(rf"  {task}:\n(    .*\n)+", "", text)
    project.registry.write_text(text)
    return project


def interactions(project: Project) -> list[Interaction]:
    """All that the cassettes hold."""
    found = []
    for path in sorted((project.folder / "cassettes").glob("*/*.yaml")):
        if path.parent.name != ".recording":
            found += read_back(path)
    return found


def journaled(project: Project) -> list[Path]:
    return sorted((project.folder / "cassettes/.recording").rglob("*.yaml"))


def report(project: Project) -> dict[str, Any]:
    """The tasks of report.json, by name."""
    read = json.loads((project.folder / "report.json").read_text())
    return {task["task"]: task for task in read["tasks"]}


def results(project: Project, task: str = "classify") -> dict[str, dict[str, Any]]:
    """The results of report.json, by case."""
    return {result["case"]: result for result in report(project)[task]["results"]}


@functools.cache
def warm_forks() -> Forks:
    """One warm process for all tests of this one."""
    folder = tempfile.TemporaryDirectory(prefix="forks-")
    forks = Forks(Path(folder.name))
    atexit.register(folder.cleanup)
    atexit.register(forks.close)
    return forks
