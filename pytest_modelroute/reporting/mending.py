"""What gives cases in error an answer: the thing to mend, and the command that records."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from ..errors import ErrorKind
from ..evaluation.evaluate import TaskMaterial
from ..evaluation.results import CaseResult
from ..registry.asked import OwnCall, PromptTemplate

__all__ = ["sample_label", "unanswered", "way_out", "why"]

MOST_LINES = 3
SHOWN_CASES = 3
COMMAND = ": pytest --modelroute"  # begins the command that an error ends in, and that is the way out of all of them


def sample_label(result: CaseResult, *, numbered: bool, flaky: bool = False) -> str:
    """`refund-001`, or `refund-001 (sample 2, flaky)` where each case has several; counted from 1."""
    return f"{result.case} (sample {result.sample + 1}{', flaky' * flaky})" if numbered else result.case


def why(error: CaseResult) -> str:
    """Why a case has no answer, without the command that records one."""
    return error.detail.partition(COMMAND)[0]


def way_out(material: TaskMaterial, errors: Sequence[CaseResult], unreadable: str | None, command: str) -> str:
    """What to do about a task's cases in error; `unreadable` is its cassette, where nothing of it can be read."""
    task = material.task
    steps = []
    if any(error.kind is ErrorKind.SCORER for error in errors):
        steps.append(f"mend the scorer or the schema of {task.name} ({task.score.place})")
    if any(error.kind is ErrorKind.GRADER for error in errors) and task.score.grader is not None:
        steps.append(f"mend the rubric of {task.name} ({task.score.grader.rubric.path}, named at {task.score.place})")
    if unreadable is not None and any(error.kind is ErrorKind.UNREADABLE for error in errors):
        return ", then ".join([*steps, f"restore {unreadable} from git, or delete it and record"])
    failing = [error for error in errors if error.lasting or error.kind is ErrorKind.CALL]
    if failing:
        steps.append(f"mend {_asking(material, [error for error in failing if error.lasting])}")
    spoilt = dict.fromkeys(shlex.quote(error.cassette) for error in errors if error.cassette)
    if spoilt:
        names = " ".join(spoilt)
        steps.append(f"restore {names} from git (git checkout -- {names}), or record again: {command}")
    elif any(error.lasting or error.kind not in (ErrorKind.SCORER, ErrorKind.CALL) for error in errors):
        steps.append(command)
    return ", then ".join(steps)


def _asking(material: TaskMaterial, lasting: Sequence[CaseResult]) -> str:
    """What asks for the cases, with its places; the cases themselves too where no answer to them can be recorded."""
    task = material.task
    if isinstance(task.prompt, OwnCall):
        function = f"{task.prompt.function}, " if task.prompt.function is not None else ""
        things = [f"{task.prompt.reference} ({function}named at {task.prompt.place})"]
    elif isinstance(task.prompt, PromptTemplate):
        things = [f"the prompt ({task.prompt.path})", f"the request ({task.place})"]
    else:
        things = [f"the prompt ({task.place})"]
    failed = {error.case for error in lasting}
    lines = [str(case.line) for case in material.cases if case.id in failed]
    if lines:
        more = f" and {len(lines) - MOST_LINES} more" if len(lines) > MOST_LINES else ""
        noun = "case" if len(lines) == 1 else "cases"
        things.append(f"the {noun} ({material.golden_label}:{', '.join(lines[:MOST_LINES])}{more})")
    *first, last = things
    return f"{', '.join(first)} or {last}" if first else last


def unanswered(errors: Sequence[CaseResult], *, numbered: bool) -> Iterator[str]:
    """Which cases have no answer and why: two lines for each kind of error, however many cases have it."""
    for kind in dict.fromkeys(error.kind for error in errors):
        if kind is None:
            continue
        alike = [error for error in errors if error.kind is kind]
        names = [sample_label(error, numbered=numbered) for error in alike]
        more = f" and {len(names) - SHOWN_CASES} more" if len(names) > SHOWN_CASES else ""
        yield f"{kind.value}: {', '.join(names[:SHOWN_CASES])}{more}: {why(alike[0])}"
