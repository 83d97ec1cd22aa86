"""The command `modelroute`: its arguments and its exit statuses."""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys
from collections.abc import Sequence
from enum import IntEnum
from typing import NoReturn

from .. import __version__
from ..errors import ModelrouteError
from ..judgement.audit import LEAST_PASSED
from ..judgement.worth import WORK_USD
from ..registry.rootdir import DEFAULT_REGISTRY
from ..reporting.text import printable

__all__ = ["ExitStatus", "main"]


class ExitStatus(IntEnum):
    """0 and 4 as pytest's; the last two as a shell tells of signals."""

    FINE = 0
    FOUND = 1
    BROKEN_INPUT = 4
    INTERRUPTED = 130
    BROKEN_PIPE = 141


STATUSES = "Exit status: 0 fine; 1 found by --check or selfcheck; 4 broken input, with file and line."


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Leave with the status of broken input: argparse's own, 2, is an interrupted session to pytest."""
        self.print_usage(sys.stderr)
        self.exit(ExitStatus.BROKEN_INPUT, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    for stream in (sys.stdout, sys.stderr):  # a terminal's encoding may lack what a case holds
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    parsed = _parser().parse_args(arguments)
    collects = gc.isenabled()
    gc.disable()  # nearly all that a command loads it needs until its end, which is soon
    try:
        # Loaded here: each command needs other modules, and --help none.
        status = int(importlib.import_module(f".{parsed.module}", __package__).run(parsed))
        if sys.stdout is not None:
            sys.stdout.flush()
    except ModelrouteError as error:
        return _refused(parsed.prog, str(error))
    except KeyboardInterrupt:
        return ExitStatus.INTERRUPTED
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitStatus.BROKEN_PIPE
    except OSError as error:
        return _refused(parsed.prog, ": ".join(filter(None, (error.filename, error.strerror or str(error)))))
    finally:
        if collects:
            gc.enable()
    return status


def _refused(program: str, text: str) -> int:
    print(f"{program}: " + "\n".join(map(printable, text.splitlines())), file=sys.stderr)
    return ExitStatus.BROKEN_INPUT


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="modelroute",
        description="Look after what `pytest --modelroute` judges by: recordings, rules and scorers.",
        epilog=STATUSES,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    groups = parser.add_subparsers(metavar="COMMAND", required=True)
    cassettes = groups.add_parser("cassettes", help="list, show, prune and format recorded answers", epilog=STATUSES)
    _cassettes(cassettes.add_subparsers(metavar="COMMAND", required=True))
    _audit(groups)
    _power(groups)
    _selfcheck(groups)
    _compare(groups)
    _escalation(groups)
    _cost(groups)
    _advise(groups)
    return parser


def _audit(groups: argparse._SubParsersAction[_Parser]) -> None:
    audit = _command(groups, "audit", "label answers that a grader judged, one by one, and say how far it is right")
    audit.add_argument("task", metavar="TASK")
    audit.add_argument("--tier", metavar="NAME", help="the answers of this tier (default: the assigned one)")
    what = f"how many of the answers that it passed are to be labelled (default: {LEAST_PASSED})"
    audit.add_argument("--passed", metavar="M", default=str(LEAST_PASSED), help=what)
    audit.add_argument("--by", metavar="NAME", help="who labels (default: the name of your account)")
    audit.add_argument("--summary", action="store_true", help="label nothing, and say what the labels so far show")
    audit.add_argument("--json", action="store_true", help="the same as JSON, with null for what is not known")
    audit.set_defaults(module="audit")


def _power(groups: argparse._SubParsersAction[_Parser]) -> None:
    power = _command(groups, "power", "say how likely a task's gate passes, fails or decides nothing, by rule")
    power.add_argument("task", metavar="TASK")
    what = "numbers of cases to tell of, instead of the golden dataset's"
    power.add_argument("--cases", metavar="N[,N...]", help=what)
    power.add_argument("--threshold", metavar="SHARE", help="instead of the task's max_error: 0.08 is 8 %%")
    power.add_argument("--rule", choices=("observed", "certified"), help="tell of this rule alone")
    power.add_argument("--json", action="store_true", help="print JSON, with all digits")
    power.set_defaults(module="power")


def _selfcheck(groups: argparse._SubParsersAction[_Parser]) -> None:
    check = _command(groups, "selfcheck", "spoil correct recorded answers and say what the scorers let pass")
    check.add_argument("tasks", metavar="TASK", nargs="*", help="only these tasks")
    check.add_argument("--json", action="store_true", help="print JSON, with every answer that was let pass")
    check.set_defaults(module="selfcheck")


def _compare(groups: argparse._SubParsersAction[_Parser]) -> None:
    compare = _command(groups, "compare", "hold two tiers' answers to the same inputs side by side")
    compare.add_argument("task", metavar="TASK")
    what = "these two (default: the assigned one and the next dearer with recordings, else the next cheaper)"
    compare.add_argument("--tiers", metavar="TIER,TIER", help=what)
    what = "a decision log with shadows, instead of the recordings"
    compare.add_argument("--log", metavar="PATH", help=what)
    what = "print JSON, with every input on which they differ, and null for what is not known"
    compare.add_argument("--json", action="store_true", help=what)
    compare.set_defaults(module="compare")


def _escalation(groups: argparse._SubParsersAction[_Parser]) -> None:
    escalation = _command(groups, "escalation", "say which confidence threshold keeps a limit, and what it costs")
    escalation.add_argument("task", metavar="TASK")
    what = "the tier that answers first (default: as the task has it, else the assigned one)"
    escalation.add_argument("--from", metavar="TIER", dest="first", help=what)
    what = "the tier that answers instead (default: as the task has it, else the next dearer)"
    escalation.add_argument("--to", metavar="TIER", help=what)
    what = "the most that may be wrong, instead of the task's max_error: 0.08 is 8 %%"
    escalation.add_argument("--limit", metavar="SHARE", help=what)
    what = "choose on one half of the cases, and show what comes of it on the other"
    escalation.add_argument("--holdout", action="store_true", help=what)
    escalation.add_argument("--json", action="store_true", help="print JSON, with all digits and the whole grid")
    escalation.set_defaults(module="escalation")


def _cost(groups: argparse._SubParsersAction[_Parser]) -> None:
    cost = _command(groups, "cost", "say what routing costs a month, and what it would cost on one tier alone")
    _calls(cost)
    cost.add_argument("--batch", action="store_true", help="at the prices of what is asked in a batch")
    cost.add_argument("--json", action="store_true", help="print JSON, with null for what is not known")
    cost.set_defaults(module="cost")


def _advise(groups: argparse._SubParsersAction[_Parser]) -> None:
    advise = _command(groups, "advise", "say which task to move to which tier, by the gate's verdict and what it saves")
    advise.add_argument("tasks", metavar="TASK", nargs="*", help="only these tasks")
    _calls(advise)
    what = f"what moving one task costs in work, held against a year's saving (default: {WORK_USD:g})"
    advise.add_argument("--work-usd", metavar="N", default=str(WORK_USD), help=what)
    shown = advise.add_mutually_exclusive_group()
    shown.add_argument("--all", action="store_true", help="show the patch of every change, also of those not advised")
    shown.add_argument("--json", action="store_true", help="print JSON, with every patch")
    what = "change the registry as advised for this task, and say what takes it back"
    shown.add_argument("--apply", metavar="TASK", help=what)
    advise.set_defaults(module="advise")


def _calls(command: _Parser) -> None:
    what = "how many calls a task gets, as N/month or N/day (a month has 30 days); without: 1,000 calls of each task"
    command.add_argument("--calls", metavar="TASK=N/month", action="extend", nargs="+", default=[], help=what)


def _cassettes(commands: argparse._SubParsersAction[_Parser]) -> None:
    listing = _command(commands, "list", "say of each task and tier what is recorded, missing, stale and not needed")
    _tasks(listing)
    listing.add_argument("--json", action="store_true", help="print JSON, with null for what is not known")
    what = "exit 1 if an answer is missing or stale on an assigned tier, or on another that has a cassette"
    listing.add_argument("--check", action="store_true", help=what)

    show = _command(commands, "show", "show one case: the request, what is expected and what each tier answered")
    show.add_argument("task", metavar="TASK")
    show.add_argument("case", metavar="CASE", help="the case's id in the golden dataset")
    show.add_argument("--tier", metavar="NAME", help="show this tier alone")

    prune = _command(commands, "prune", "remove recordings that no case, prompt and tier of the working tree needs")
    _tasks(prune)
    prune.add_argument("--dry-run", action="store_true", help="say what would be removed, and change nothing")
    what = "keep what the merge base of REF and HEAD needs too (repeatable); else what only another branch needs goes"
    prune.add_argument("--base", metavar="REF", action="append", default=[], help=what)

    form = _command(commands, "format", "write cassettes as recording does: one line each, in order, none twice")
    _tasks(form)
    form.add_argument("--check", action="store_true", help="change nothing, and exit 1 if a file would change")
    form.add_argument("--drop-damaged", action="store_true", help="drop lines that hold no recording any more")


def _command(commands: argparse._SubParsersAction[_Parser], name: str, told: str) -> _Parser:
    command = commands.add_parser(name, help=told, description=f"{told[0].upper()}{told[1:]}.", epilog=STATUSES)
    what = f"the registry (default: {DEFAULT_REGISTRY} in the current folder)"
    command.add_argument("--registry", metavar="PATH", default=DEFAULT_REGISTRY, help=what)
    what = (
        "the folder that the project lies in (default: the nearest from the registry upward with pytest.ini,"
        " pyproject.toml, tox.ini, setup.cfg or .git)"
    )
    command.add_argument("--rootdir", metavar="DIR", help=what)
    command.set_defaults(module=f"cassettes_{name}", prog=command.prog)
    return command


def _tasks(command: _Parser) -> None:
    command.add_argument("tasks", metavar="TASK", nargs="*", help="only the cassettes of these tasks")
