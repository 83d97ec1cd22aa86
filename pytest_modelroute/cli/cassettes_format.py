"""`modelroute cassettes format`: cassettes as recording would have written them."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Sequence

from ..evaluation.inventory import cassette_paths, read_contents
from ..evaluation.upkeep import Rewrite, apply, exclusive, formatted, refuse_broken
from ..reporting.text import printable
from ..reporting.wording import counted
from .main import ExitStatus
from .opening import Opened, check_tasks, open_project

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> ExitStatus:
    """Write the files anew that need it, or name them. Raises InputError where recordings would be lost."""
    with open_project(arguments.registry, arguments.rootdir) as opened:
        return _run(arguments, opened)


def _run(arguments: argparse.Namespace, opened: Opened) -> ExitStatus:
    check_tasks(opened, arguments.tasks)
    folder = opened.project.registry.cassettes
    locked = not arguments.check and cassette_paths(opened.rootdir, folder)
    with exclusive(opened.rootdir, folder) if locked else contextlib.nullcontext():
        rewrites = _rewrites(opened, arguments.tasks, drop_damaged=arguments.drop_damaged)
        if not arguments.check:
            for rewrite in rewrites:
                apply(rewrite, opened.files)
    for rewrite in rewrites:
        print(f"{printable(str(rewrite.contents.path))}: {'; '.join(rewrite.reasons)}")
    done = "would be formatted" if arguments.check else "formatted"
    print(f"{counted(len(rewrites), 'file')} {done}" if rewrites else "nothing to format")
    return ExitStatus.FOUND if arguments.check and rewrites else ExitStatus.FINE


def _rewrites(opened: Opened, tasks: Sequence[str], *, drop_damaged: bool) -> list[Rewrite]:
    registry, files = opened.project.registry, opened.files
    found = []
    for path in cassette_paths(opened.rootdir, registry.cassettes):
        if tasks and path.parent.name not in tasks:
            continue
        contents = read_contents(files, path)
        if contents.blank and path.parent.name not in registry.tasks:
            print(f"note: {printable(str(path))} is left alone: it holds no recording of modelroute's")
        else:
            found.append(contents)
    dropping = "modelroute cassettes format --drop-damaged"
    refuse_broken(found, verb="formatted", damaged_too=not drop_damaged, dropping=dropping)
    rewrites = []
    for contents in found:
        with files.open(contents.path) as file:
            rewrite = formatted(contents, file.read())
        if rewrite is not None:
            rewrites.append(rewrite)
    return rewrites
