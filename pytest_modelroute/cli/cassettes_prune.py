"""`modelroute cassettes prune`: recordings that nobody needs any more."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator, Sequence

from ..errors import InputError
from ..evaluation.inventory import cassette_paths, read_contents
from ..evaluation.upkeep import (
    Rewrite,
    Side,
    apply,
    base_side,
    exclusive,
    head_side,
    pruned,
    refuse_broken,
    refuse_waiting,
)
from ..registry.base import CommitFiles, merge_base
from ..registry.loading import load_registry
from ..reporting.cases import listed
from ..reporting.inventory import file_size
from ..reporting.text import printable
from ..reporting.wording import counted
from .main import ExitStatus
from .opening import Opened, check_tasks, open_project, own_code_aside

__all__ = ["run"]

WIDTH = 100
FORMAT = "modelroute cassettes format --drop-damaged"


def run(arguments: argparse.Namespace) -> ExitStatus:
    """Remove what is not needed. Raises InputError for broken input, and where something would be lost."""
    with open_project(arguments.registry, arguments.rootdir) as opened:
        return _run(arguments, opened)


def _run(arguments: argparse.Namespace, opened: Opened) -> ExitStatus:
    check_tasks(opened, arguments.tasks)
    sides = [head_side(opened.project), *_base_sides(opened, arguments.base)]
    folder = opened.project.registry.cassettes
    there = cassette_paths(opened.rootdir, folder)
    locked = not arguments.dry_run and there
    with exclusive(opened.rootdir, folder) if locked else contextlib.nullcontext():
        refuse_waiting(opened.rootdir, folder)
        rewrites = _rewrites(opened, sides, arguments.tasks)
        if not arguments.dry_run:
            for rewrite in rewrites:
                apply(rewrite, opened.files)
    for line in _told(rewrites, "would be removed" if arguments.dry_run else "removed", arguments.base):
        print(line)
    return ExitStatus.FINE


def _base_sides(opened: Opened, refs: Sequence[str]) -> Iterator[Side]:
    registry = opened.project.registry
    for ref in refs:
        if not ref:
            raise InputError("--base is empty", valid="a branch, tag or commit")
        commit = merge_base(opened.rootdir, [ref], {ref: "--base"})
        files = CommitFiles(opened.rootdir, commit.commit)
        try:
            before = load_registry(files, registry.path)
        except FileNotFoundError:
            path = files.renamed_from(registry.path)
            if path is None:
                print(f"note: {ref} has no registry at {registry.path}: it needs no recordings")
                continue
            before = load_registry(files, path)
        side, warnings = base_side(files, before, opened.project, opened.rootdir)
        for warning in warnings:
            print(f"note: {ref}: {printable(warning)}")
        for name in sorted(side.whole):
            print(f"note: {ref}: what it needs of {name} cannot be told here: all of it is kept")
        yield side


def _rewrites(opened: Opened, sides: Sequence[Side], tasks: Sequence[str]) -> list[Rewrite]:
    registry = opened.project.registry
    found = []
    for path in cassette_paths(opened.rootdir, registry.cassettes):
        if tasks and path.parent.name not in tasks:
            continue
        contents = read_contents(opened.files, path)
        if contents.blank and not any(path.parent.name in side.registry.tasks for side in sides):
            print(f"note: {printable(str(path))} is left alone: it holds no recording of modelroute's")
        else:
            found.append(contents)
    refuse_broken(found, verb="pruned", damaged_too=True, dropping=FORMAT)
    with own_code_aside():  # which grades are needed rests on what the team's function makes of its recordings
        planned = [pruned(contents, sides, registry.cassettes) for contents in found]
    return [rewrite for rewrite in planned if rewrite is not None]


def _told(rewrites: Sequence[Rewrite], removed: str, refs: Sequence[str]) -> Iterator[str]:
    if not rewrites:
        yield "nothing to prune"
        return
    for rewrite in rewrites:
        path, of = printable(str(rewrite.contents.path)), len(rewrite.contents.interactions)
        if rewrite.text is None:
            yield f"{path}: {removed}, with all of its {counted(of, 'interaction')}"
            continue
        yield f"{path}: {len(rewrite.removed)} of {counted(of, 'interaction')} {removed}"
        cases = list(dict.fromkeys(each.case for each in rewrite.removed))
        yield "  " + listed("cases", cases, WIDTH - 2)
        yield from (f"  {reason}" for reason in rewrite.reasons)
    interactions = sum(len(rewrite.removed) for rewrite in rewrites)
    files = sum(rewrite.text is None for rewrite in rewrites)
    size = file_size(max(sum(rewrite.saved for rewrite in rewrites), 0))
    yield f"{counted(interactions, 'interaction')} and {counted(files, 'file')} {removed}, {size}"
    if refs:
        yield f"kept: what the merge base with {' and with '.join(map(printable, refs))} needs"
    goes = "would go" if removed.startswith("would") else "are gone"
    keep = "" if refs else "; --base REF keeps what the merge base with REF needs"
    yield f"recordings that only another branch needs {goes} too{keep}"
