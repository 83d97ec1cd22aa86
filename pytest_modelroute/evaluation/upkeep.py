"""Cassettes cleared of what nobody needs, and brought back into the form that recording writes."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..cassettes.journal import Journal
from ..cassettes.lines import Interaction, cassette_text
from ..cassettes.lock import RecordingLock
from ..cassettes.replay import Recordings, cassette_path
from ..errors import InputError
from ..registry.base import CommitFiles
from ..registry.files import WorkingTree
from ..registry.model import Registry
from ..writing import write_atomically
from .evaluate import TaskMaterial
from .golden import load_golden
from .grading import Grader, grader_of, make_grader, wanted_grades
from .inventory import Contents, waiting
from .planning import wanted_keys
from .project import Project, load_baseline

__all__ = [
    "Rewrite",
    "Side",
    "apply",
    "base_side",
    "exclusive",
    "formatted",
    "head_side",
    "pruned",
    "refuse_broken",
    "refuse_waiting",
]


@dataclass(frozen=True)
class Side:
    """A registry whose cases and tiers need recordings.

    `graders` judge its `recordings`. `whole` are tasks of which it cannot be told what they need, so that all of
    theirs is needed.
    """

    registry: Registry
    materials: Mapping[str, TaskMaterial]
    recordings: Recordings
    graders: Mapping[str, tuple[Grader, ...]]
    whole: frozenset[str] = frozenset()

    def reads(self, contents: Contents) -> bool:
        """Whether it has a task and a model, or a grader of that model, of which this is the file."""
        task = contents.task.partition("@")[0]
        if contents.task == task:
            return task in self.registry.tasks and contents.model in {tier.model for tier in self.registry.tiers}
        return task in self.whole or any(each.tier.model == contents.model for each in self.graders.get(task, ()))

    def keys(self, contents: Contents) -> frozenset[str] | None:
        """What it needs of a file; None for all of it."""
        task = contents.task.partition("@")[0]
        if task in self.whole:
            return None
        if task not in self.materials:
            return frozenset()
        material = self.materials[task]
        if contents.task == task:
            return wanted_keys([(self.registry, material)], contents.model, contents.cassette, frozenset())
        found: frozenset[str] = frozenset()
        for grader in self.graders.get(task, ()):
            if grader.tier.model == contents.model:
                found |= wanted_grades(grader, material, self.registry.tiers, self.recordings)
        return found


@dataclass(frozen=True)
class Rewrite:
    """What becomes of one file: `text` is its new content, None where it is removed; `reasons` say why it changes."""

    contents: Contents
    text: str | None
    removed: tuple[Interaction, ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def saved(self) -> int:
        """Bytes."""
        return self.contents.size - (len(self.text.encode()) if self.text is not None else 0)


def head_side(project: Project) -> Side:
    graders = {name: tuple(filter(None, [grader_of(each)])) for name, each in project.materials.items()}
    return Side(project.registry, project.materials, project.recordings, graders)


def base_side(files: CommitFiles, registry: Registry, head: Project, rootdir: Path) -> tuple[Side, tuple[str, ...]]:
    """All that the base needs, also for cases that head has no more; and warnings, in words."""
    gated = {name: task for name, task in registry.tasks.items() if task.gated}
    materials = {}
    for name, material in head.materials.items():
        golden = gated[name].golden if name in gated else None
        if golden is not None:
            # The baseline that a gate compares with leaves these out; a checkout of the base does not.
            known = {(case.id, case.content) for case in material.cases}
            before = load_golden(files, golden, lambda _: None)
            lost = (case for case in before if (case.id, case.content) not in known)
            materials[name] = dataclasses.replace(material, cases=(*material.cases, *lost))
    widened = dataclasses.replace(head, materials=materials)
    baseline = load_baseline(files, registry, widened, rootdir)
    graders: dict[str, tuple[Grader, ...]] = {}
    whole = set(gated) - set(baseline.materials)
    for name, material in baseline.materials.items():
        try:
            # Its own, which a checkout of the base asks, and head's, by which a gate compares.
            own = (
                [make_grader(material.task, registry, files, baseline.recordings)] if material.task.score.grader else []
            )
        except InputError:
            whole.add(name)
            continue
        graders[name] = (*own, *filter(None, [grader_of(material)]))
    return Side(registry, baseline.materials, baseline.recordings, graders, frozenset(whole)), baseline.warnings


def pruned(contents: Contents, sides: Sequence[Side], folder: PurePosixPath) -> Rewrite | None:
    """The file without what no side needs; None where it stays as it is."""
    readers = _readers(contents, sides, folder)
    needed = _needed(contents, readers)
    if not contents.interactions and not readers:
        return Rewrite(contents, None)
    removed = tuple(each for each in contents.interactions if needed is not None and each.key not in needed)
    if not removed or needed is None:
        return None
    kept = [each for each in contents.interactions if each.key in needed]
    twins = contents.cassette.twins.intersection(each.key for each in kept)
    return Rewrite(contents, cassette_text(kept) if kept else None, removed, (_repeated(twins),) if twins else ())


def _readers(contents: Contents, sides: Sequence[Side], folder: PurePosixPath) -> list[Side]:
    """The sides with a task and a model of which this is the file."""
    if cassette_path(folder, contents.task, contents.model) != contents.path:
        return []  # nothing is ever read from a file of that name
    return [side for side in sides if side.reads(contents)]


def _needed(contents: Contents, readers: Sequence[Side]) -> frozenset[str] | None:
    """The keys that any side needs of a file; None for all of them."""
    found: frozenset[str] = frozenset()
    for side in readers:
        wanted = side.keys(contents)
        if wanted is None:
            return None
        found |= wanted
    return found


def formatted(contents: Contents, data: bytes) -> Rewrite | None:
    """The file as recording would have written it; None where it is so already. `data` is what it holds now."""
    text = cassette_text(contents.interactions)
    if text.encode() == data:
        return None
    reasons = []
    if contents.interactions and not contents.in_lines:
        reasons.append("block YAML becomes lines")
    orders = [each.order for each in contents.interactions]
    if orders != sorted(orders):
        reasons.append("order restored")
    if contents.cassette.twins:
        reasons.append(_repeated(contents.cassette.twins))
    if contents.damaged:
        reasons.append(f"damaged lines dropped: {_numbers(contents.damaged)}")
    if contents.comments:
        reasons.append(f"comments dropped: {contents.comments}")
    return Rewrite(contents, text, reasons=tuple(reasons) or ("layout restored",))


def refuse_broken(found: Iterable[Contents], *, verb: str, damaged_too: bool, dropping: str) -> None:
    """Raise InputError where a file cannot be read, or has damaged lines: a new one would lose what they held.

    `dropping` is the command that drops damaged lines all the same.
    """
    lines = []
    for contents in found:
        if contents.fault is not None:
            lines.append(f"{contents.path}: not {verb}: {contents.fault}")
        elif contents.damaged and damaged_too:
            lines.append(f"{contents.path}: not {verb}: damaged in line {_numbers(contents.damaged)}")
    if lines:
        fix = "restore it from git, or move it away"
        if any("damaged in line" in line for line in lines):
            fix = f"restore it from git, or drop what is damaged: {dropping}"
        raise InputError("\n".join(lines), fix=fix)


def _repeated(twins: Collection[str]) -> str:
    return f"{len(twins)} recorded more than once: the latest recording stays"


def _numbers(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


def refuse_waiting(rootdir: Path, folder: PurePosixPath) -> None:
    """Raise InputError where an interrupted recording waits: what it recorded may need other recordings."""
    found = waiting(rootdir, folder)
    if found is not None:
        what = f"a recording was interrupted: {found.answers} of its answers wait in {found.folder}"
        raise InputError(what, fix="run the recording again, which merges them into the cassettes")


@contextlib.contextmanager
def exclusive(rootdir: Path, folder: PurePosixPath) -> Iterator[None]:
    """Hold the cassettes as a recorder does. Raises InputError where another process holds them."""
    journal = Journal(rootdir / folder)
    journal.open()
    with RecordingLock(journal.folder / "lock"):
        try:
            yield
        finally:
            if waiting(rootdir, folder) is None:
                journal.clear()


def apply(rewrite: Rewrite, files: WorkingTree) -> None:
    """Write or remove one file. Raises InputError where that fails."""
    path = files.rootdir / rewrite.contents.path
    if rewrite.text is not None:
        write_atomically(path, rewrite.text.encode())
        return
    try:
        path.unlink()
    except OSError as error:
        raise InputError(f"{rewrite.contents.path} cannot be removed: {error.strerror}") from None
    with contextlib.suppress(OSError):  # other cassettes of the task stand there
        path.parent.rmdir()
