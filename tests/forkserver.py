"""Runs pytest or modelroute in a fork of a process that has imported everything, which takes a tenth of their start.

Started with the descriptor of a socket that listens, it serves each connection in a fork, until its own standard input
ends. A connection brings one JSON request a line, and each is answered with one line: a run with its process id,
{"wait": pid} with the exit status, once it has ended.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

import pytest
from execnet.gateway_base import Popen2IO
from execnet.gateway_io import Popen2IOMaster

if TYPE_CHECKING:
    from execnet.gateway_base import ExecModel

MODULES = (
    "anthropic",
    "anthropic.resources.beta.messages",
    "anthropic.resources.messages",
    "httpcore2",
    "hypothesis",
    "jinja2.sandbox",
    "jsonschema",
    "rich.progress",
    "urllib.request",
    "vcr",
    "vcr.patch",
    "vcr.stubs.httpx_stubs",
    "xdist.dsession",
    "xdist.remote",
    "xdist.scheduler",
    "xdist.workermanage",
    "yaml",
    "pytest_modelroute.cassettes.crosscheck",
    "pytest_modelroute.cli.main",
    "pytest_modelroute.evaluation.recording",
    "pytest_modelroute.plugin.activation",
    "pytest_modelroute.plugin.recording",
)


class Spare:
    """A fork that waits to become what execnet starts: a worker of xdist. To execnet it looks like a Popen."""

    def __init__(self) -> None:
        of_child = os.pipe()
        of_parent = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.dup2(of_child[0], 0)
            os.dup2(of_parent[1], 1)
            os.closerange(3, max(*of_child, *of_parent) + 1)
            try:
                sys.stdin, sys.stdout = open(0), open(1, "w")  # noqa: SIM115
                exec(eval(sys.stdin.readline()), {"__name__": "__main__"})
            finally:
                os._exit(0)
        os.close(of_child[0])
        os.close(of_parent[1])
        self.stdin, self.stdout = open(of_child[1], "wb"), open(of_parent[0], "rb")  # noqa: SIM115

    def wait(self) -> None:
        os.waitpid(self.pid, 0)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


def modelroute(arguments: list[str]) -> int:
    from pytest_modelroute.cli.main import main

    return main(arguments)


PROGRAMS: dict[str, Callable[[list[str]], int]] = {"pytest": pytest.main, "modelroute": modelroute}


def run(request: dict[str, Any]) -> None:
    """Become that run of a program."""
    for number, path in enumerate((os.devnull, request["stdout"], request["stderr"])):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(descriptor, number)
        os.close(descriptor)
    encoding = request["environment"].get("PYTHONIOENCODING")  # which Python reads when it starts
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, closefd=False, encoding=encoding)  # noqa: SIM115 - they are the process's own
        for number, mode in enumerate("rww")
    )
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.dont_write_bytecode = "PYTHONDONTWRITEBYTECODE" in os.environ  # which Python reads when it starts
    os.chdir(request["folder"])
    sys.path[0] = request["folder"]
    importlib.invalidate_caches()
    spares = [Spare() for _ in range(request["workers"])]

    def take(io: Popen2IOMaster, arguments: list[str], execmodel: ExecModel) -> None:
        io.popen = spares.pop()
        Popen2IO.__init__(io, io.popen.stdin, io.popen.stdout, execmodel=execmodel)

    Popen2IOMaster.__init__ = take  # type: ignore[assignment, method-assign]
    exec(request["before"], {})
    try:
        status = int(PROGRAMS[request["program"]](request["arguments"]))
    except SystemExit as left:
        status = int(left.code or 0)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def serve(connection: socket.socket) -> None:
    """Answer the requests of one client."""
    with connection, connection.makefile("rw", encoding="utf-8") as lines:
        for line in lines:
            request = json.loads(line)
            if "wait" in request:
                told = os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1])
            else:
                told = os.fork()
                if told == 0:
                    try:
                        run(request)
                    except BaseException:
                        traceback.print_exc()
                    finally:
                        os._exit(3)
            lines.write(f"{told}\n")
            lines.flush()


def main(listener: socket.socket) -> None:
    # A session imports much, the plugins that are installed among it; these it wants to import itself.
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        pytest.main(["--rootdir", folder, folder])
    for name in MODULES:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    clients: list[int] = []
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        if listener not in ready:
            break
        connection, _ = listener.accept()
        clients.append(os.fork())
        if clients[-1] == 0:
            listener.close()
            serve(connection)
            os._exit(0)
        connection.close()
    for client in clients:
        os.waitpid(client, 0)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
