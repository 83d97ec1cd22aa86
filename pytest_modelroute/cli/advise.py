"""`modelroute advise`: which line of the registry to change next, by the gate's own verdict and with money attached."""

from __future__ import annotations

import argparse
import math
from pathlib import Path, PurePosixPath

from ..errors import InputError
from ..registry.changes import compare
from ..registry.edits import RegistryText
from ..registry.loading import load_registry
from ..reporting.advice import Advisor
from ..reporting.advice_json import advice_json
from ..reporting.advice_text import Advised, advice_lines
from ..reporting.alternatives import assignment
from ..reporting.text import printable
from ..writing import write_atomically
from .main import ExitStatus
from .opening import Opened, gated_task, invocation, open_project, own_code_aside, record_command
from .volumes import read_volumes

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> ExitStatus:
    """Print the advice, or follow it. Raises InputError for broken input, and where there is nothing to follow."""
    work = _usd(arguments.work_usd)
    with open_project(arguments.registry, arguments.rootdir) as opened:
        beside = [name for name in arguments.tasks if arguments.apply not in (None, name)]
        if beside:
            raise InputError(f"--apply {arguments.apply}: '{beside[0]}' is typed beside it", valid="one task at a time")
        typed = arguments.tasks if arguments.apply is None else [arguments.apply]
        names = [gated_task(opened, name).task.name for name in dict.fromkeys(typed)] or list(opened.project.materials)
        advised = _advised(opened, arguments, names, work)
        if arguments.apply is not None:
            _apply(opened, advised)
        elif arguments.json:
            print(advice_json(advised))
        else:
            for line in advice_lines(advised, every=arguments.all):
                print(line)
    return ExitStatus.FINE


def _advised(opened: Opened, arguments: argparse.Namespace, names: list[str], work: float) -> Advised:
    registry = opened.project.registry
    calls = read_volumes(arguments.calls, registry.tasks)
    known = invocation(opened)
    with own_code_aside():
        advisor = Advisor(
            opened.project, known, lambda name, tier: record_command(opened, name, tier.name), calls, work
        )
        tasks = [advisor.advice(name) for name in names]
    ungated = [name for name in registry.tasks if name not in opened.project.materials and not arguments.tasks]
    text = opened.files.read(registry.path).decode()
    path = _from_repository(opened.rootdir / registry.path)
    return Advised(
        registry.label, RegistryText(text, registry.label, path), tasks, ungated, calls, work, known.applying
    )


def _from_repository(path: Path) -> PurePosixPath:
    """The path as git names it; below a folder that is in no repository, its name alone."""
    root = next((folder for folder in path.parents if (folder / ".git").exists()), path.parent)
    return PurePosixPath(path.relative_to(root).as_posix())


def _apply(opened: Opened, advised: Advised) -> None:
    """Make the best change of the one task, whole or not at all, and say what takes it back."""
    (task,) = advised.tasks
    best = task.best
    if best is None:
        told = "; ".join(f"{each.alternative.told}: {each.recommendation.value}" for each in task.advice)
        what = f"--apply: nothing is advised for {task.report.task}" + (f" ({told})" if told else "")
        raise InputError(what, fix=f"{advised.apply.removesuffix(' --apply')} says why")
    registry = opened.project.registry
    write_atomically(opened.rootdir / registry.path, advised.text.assigned(best.new).encode())
    changes = compare(registry, load_registry(opened.files, registry.path))
    print(printable(f"{best.old.name}: {assignment(best.old)} -> {best.alternative.told} in {advised.registry}"))
    print(printable(f"  {best.why}"))
    print(printable("  revert: " + " and ".join(change.undoing for change in changes)))


def _usd(text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = math.nan
    if not 0 <= amount < math.inf:
        raise InputError(f"--work-usd: '{text}' is no amount", valid="USD, from 0")
    return amount
