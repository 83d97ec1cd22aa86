"""What stands in the cassettes' folder, held against what the registry's cases and tiers want of it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..cassettes.client import endpoint_host
from ..cassettes.index import Cassette, open_cassette
from ..cassettes.journal import FOLDER, Journal
from ..cassettes.lines import KEY_IN_LINE, LINE_START, Interaction, parse_line
from ..cassettes.replay import cassette_path, filed_as
from ..errors import ErrorKind, InputError, UnobtainedAnswer
from ..registry.asked import OwnCall
from ..registry.files import WorkingTree
from ..registry.model import Registry, Task, Tier
from .answers import Usage
from .costs import cost_in_usd, total_usage
from .evaluate import TaskMaterial
from .grading import Grader, count_grades, grader_of, wanted_grades
from .metering import metered
from .planning import wanted_keys
from .project import Project

__all__ = [
    "CassetteFile",
    "Contents",
    "TierTally",
    "Waiting",
    "cassette_paths",
    "inventory",
    "read_contents",
    "waiting",
]


@dataclass(frozen=True)
class Contents:
    """One file of the folder, read whole; `task` and `model` are what its name says, of grades as `grades_of` has it.

    `interactions` stand in file order, one a key; `damaged` are the lines that hold none, also those whose key can be
    told. `in_lines` is whether the file has one line an interaction, as recording writes it.
    """

    path: PurePosixPath
    task: str
    model: str
    size: int
    cassette: Cassette
    interactions: tuple[Interaction, ...]
    damaged: tuple[int, ...]
    in_lines: bool
    comments: int = 0

    @property
    def fault(self) -> str | None:
        """Why nothing of the file can be read, where that is so."""
        return self.cassette.fault and self.cassette.fault.splitlines()[0]

    @property
    def blank(self) -> bool:
        """Whether nothing in it shows that it was recorded by this plugin: the folder may be shared."""
        return not self.interactions and not self.damaged


@dataclass(frozen=True, slots=True)
class TierTally:
    """A task's cases on one tier: each counts as the worst of its samples."""

    tier: str
    assigned: bool
    answered: int
    missing: int
    stale: int

    @property
    def cases(self) -> int:
        return self.answered + self.missing + self.stale


@dataclass(frozen=True)
class CassetteFile:
    """A cassette with what it says of each tier that reads it; without `tiers` no task and model of the registry do.

    `contents` is None where nothing is recorded; `unreferenced` counts the interactions that no case and tier want.
    `grades` is whether it holds a grader's verdicts on the task's answers: its only tier is the grader's then.
    """

    path: PurePosixPath
    task: str
    model: str
    tiers: tuple[TierTally, ...]
    contents: Contents | None
    unreferenced: int = 0
    usd: float | None = None
    most_recordings: int | None = None
    grades: bool = False

    @property
    def recorded(self) -> tuple[str, str] | None:
        """When the oldest and the newest of its interactions were recorded."""
        times = [each.recorded_at for each in self.contents.interactions] if self.contents else []
        return (min(times), max(times)) if times else None


@dataclass(frozen=True, slots=True)
class Waiting:
    """The journal of an interrupted recording, or of one that is at work, and how many answers it holds."""

    folder: PurePosixPath
    answers: int


def cassette_paths(rootdir: Path, folder: PurePosixPath) -> list[PurePosixPath]:
    """All files that may be cassettes, below the folder and relative to rootdir, in alphabetical order.

    Raises InputError where the folder is none.
    """
    if (rootdir / folder).exists() and not (rootdir / folder).is_dir():
        raise InputError(f"{folder} is not a folder", fix="move it away, or mend the registry's `cassettes`")
    found = sorted(path for path in (rootdir / folder).glob("*/*.yaml") if path.is_file())
    return [folder / path.parent.name / path.name for path in found if path.parent.name != FOLDER]


def read_contents(files: WorkingTree, path: PurePosixPath) -> Contents:
    """Read one file; what is wrong with it is told in the result."""
    cassette = open_cassette(files, path)
    damaged = set(cassette.damaged)
    in_lines, comments = False, 0
    try:
        if cassette.fault is None:
            with files.open(path) as file:
                for number, line in enumerate(file, start=1):
                    comments += line.startswith(b"#")
                    if line.startswith(LINE_START) and KEY_IN_LINE.search(line):
                        in_lines = True
                        try:
                            parse_line(line)
                        except ValueError:
                            damaged.add(number)
        interactions = tuple(cassette.interactions())
    finally:
        cassette.close()
    task, model = filed_as(path)
    return Contents(
        path=path,
        task=task,
        model=model,
        size=(files.rootdir / path).stat().st_size,
        cassette=cassette,
        interactions=interactions,
        damaged=tuple(sorted(damaged)),
        in_lines=in_lines,
        comments=comments,
    )


def waiting(rootdir: Path, folder: PurePosixPath) -> Waiting | None:
    """What an interrupted recording left, where it left anything. Nothing is written."""
    answers = sum(len(leftover.interactions) for leftover in Journal(rootdir / folder).leftovers())
    return Waiting(folder / FOLDER, answers) if answers else None


def inventory(project: Project, rootdir: Path, tasks: Sequence[str] = ()) -> Iterator[CassetteFile]:
    """All cassettes of the tasks (of all, unless given), in the registry's order, then those of no task and model.

    An answer counts where replay would take it: of a task with its own call path, the team's function is run for that,
    offline.
    """
    registry, files = project.registry, WorkingTree(rootdir)
    there = set(cassette_paths(rootdir, registry.cassettes))
    for name, task in registry.tasks.items():
        if tasks and name not in tasks:
            continue
        for model in dict.fromkeys(tier.model for tier in registry.tiers):
            path = cassette_path(registry.cassettes, name, model)
            contents = read_contents(files, path) if path in there else None
            there.discard(path)
            if contents is not None or name in project.materials:
                yield _of_task(project, task, model, path, contents)
        grader = grader_of(project.materials[name]) if name in project.materials else None
        if grader is not None:
            path = cassette_path(registry.cassettes, grader.shelf, grader.tier.model)
            contents = read_contents(files, path) if path in there else None
            there.discard(path)
            yield _of_grader(project, project.materials[name], grader, path, contents)
    for path in sorted(there):
        if not tasks or path.parent.name in tasks:
            yield _of_nobody(registry, read_contents(files, path))


def _of_task(project: Project, task: Task, model: str, path: PurePosixPath, contents: Contents | None) -> CassetteFile:
    tiers = [tier for tier in project.registry.tiers if tier.model == model]
    material = project.materials.get(task.name)
    wanted: frozenset[str] = frozenset()
    if material is not None and contents is not None:
        wanted = wanted_keys([(project.registry, material)], model, contents.cassette, frozenset())
    tallies = [_tally(project, material, task, tier) for tier in tiers]
    priced = next((tier.price for tier in tiers if tier.price is not None), None)
    interactions = contents.interactions if contents is not None else ()
    ours = {endpoint_host(tier) for tier in tiers}
    own = task.prompt if isinstance(task.prompt, OwnCall) else None
    others = [host for host in own.hosts if host not in ours] if own is not None else []
    usages = _usages(interactions, own=own is not None, hosts=others)
    return CassetteFile(
        path=path,
        task=task.name,
        model=model,
        tiers=tuple(tallies),
        contents=contents,
        unreferenced=sum(each.key not in wanted for each in interactions),
        usd=cost_in_usd(total_usage(usages), priced),
        most_recordings=_most(interactions),
    )


def _of_grader(
    project: Project, material: TaskMaterial, grader: Grader, path: PurePosixPath, contents: Contents | None
) -> CassetteFile:
    """Its tally counts answers, of all tiers: of one case they may be the same, or as many as there are tiers."""
    registry, recordings = project.registry, project.recordings
    wanted = wanted_grades(grader, material, registry.tiers, recordings)
    interactions = contents.interactions if contents is not None else ()
    return CassetteFile(
        path=path,
        task=material.task.name,
        model=grader.tier.model,
        tiers=(TierTally(grader.tier.name, False, *count_grades(grader, material, registry.tiers, recordings)),),
        contents=contents,
        unreferenced=sum(each.key not in wanted for each in interactions),
        usd=cost_in_usd(total_usage(_usages(interactions, own=False)), grader.tier.price),
        most_recordings=_most(interactions),
        grades=True,
    )


def _of_nobody(registry: Registry, contents: Contents) -> CassetteFile:
    prices = [tier.price for tier in registry.tiers if tier.model == contents.model and tier.price is not None]
    return CassetteFile(
        path=contents.path,
        task=contents.task,
        model=contents.model,
        tiers=(),
        contents=contents,
        unreferenced=len(contents.interactions),
        # What else the function of a task that is gone may have called cannot be told from an answer without usage.
        usd=cost_in_usd(total_usage(_usages(contents.interactions, own=False)), prices[0] if prices else None),
        most_recordings=_most(contents.interactions),
    )


def _tally(project: Project, material: TaskMaterial | None, task: Task, tier: Tier) -> TierTally:
    worst: dict[str, int] = {}
    if material is not None:
        for trial in material.trials(tier):
            try:
                material.asker.obtain(trial, tier, project.recordings, "", None)
                state = 0
            except UnobtainedAnswer as error:
                state = 1 if error.kind is ErrorKind.MISSING else 2
            worst[trial.case.id] = max(worst.get(trial.case.id, 0), state)
    states = list(worst.values())
    return TierTally(tier.name, tier.name in task.answering, states.count(0), states.count(1), states.count(2))


def _most(interactions: Iterable[Interaction]) -> int | None:
    return max((each.recordings for each in interactions), default=None)


def _usages(interactions: Iterable[Interaction], *, own: bool, hosts: Container[str] = ()) -> list[Usage | None]:
    """The tokens of each interaction; `own` is whether calls that are no messages, as those to `hosts`, stand here."""
    took = [metered(each, hosts) for each in interactions]
    return [each.usage for each in took if each.priced or not own]
