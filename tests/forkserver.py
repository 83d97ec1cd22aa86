"""Runs pytest in a fork of a process that has imported everything: a process of its own, at a tenth of its start.

Reads one JSON request a line, and answers each with one line: {"run": ...} with a process id, {"ended": pid} with the
exit status, or null while it runs.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import traceback
from typing import Any

MODULES = (
    "anthropic",
    "anthropic.resources.beta.messages",
    "anthropic.resources.messages",
    "hypothesis",
    "jinja2",
    "jsonschema",
    "pytest",
    "rich.progress",
    "urllib.request",
    "vcr",
    "vcr.patch",
    "vcr.stubs.httpx_stubs",
    "yaml",
    "pytest_modelroute.cassettes.crosscheck",
    "pytest_modelroute.evaluation.recording",
    "pytest_modelroute.plugin.activation",
    "pytest_modelroute.plugin.recording",
)


def run(request: dict[str, Any]) -> None:
    """Become that pytest run."""
    for number, path in enumerate((os.devnull, request["stdout"], request["stderr"])):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin, sys.stdout, sys.stderr = (open(number, mode, closefd=False) for number, mode in enumerate("rww"))  # noqa: SIM115
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.path[0] = request["folder"]
    importlib.invalidate_caches()
    exec(request["before"], {})
    import pytest

    status = int(pytest.main(request["arguments"]))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def serve() -> None:
    for name in MODULES:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        request = json.loads(line)
        told: int | None
        if "ended" in request:
            pid, status = os.waitpid(request["ended"], os.WNOHANG)
            told = os.waitstatus_to_exitcode(status) if pid else None
        else:
            told = os.fork()
            if told == 0:
                try:
                    run(request)
                except BaseException:
                    traceback.print_exc()
                finally:
                    os._exit(3)
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    serve()
