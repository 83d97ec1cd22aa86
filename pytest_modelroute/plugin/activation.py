"""Turning the plugin on: settings and every input are read and checked before anything is collected."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from ..cassettes.journal import FOLDER, Journal
from ..errors import InputError, ModelrouteError, did_you_mean
from ..evaluation.asking import Play
from ..evaluation.planning import RecordMode
from ..evaluation.project import load_baseline, load_project
from ..evaluation.weakening import all_changes
from ..registry.base import Commit, CommitFiles, merge_base
from ..registry.changes import TIER_CHANGES, ChangeKind, compare, doubly_judged, reassigned, strict_tasks
from ..registry.files import WorkingTree
from ..registry.graders import refuse_self_grading
from ..registry.loading import load_registry
from ..registry.model import Registry
from ..registry.rootdir import DEFAULT_REGISTRY
from ..reporting.assessment import Assessment
from ..reporting.commands import Invocation
from ..reporting.comparison import Comparison
from ..reporting.weakened import hardened
from .collection import Collector
from .ini import registry_of_ini
from .session import SessionReport
from .settings import SETTINGS, ReplayMode, Settings, read_settings

__all__ = ["activate"]
HIDDEN_BY_TRIES = frozenset((*TIER_CHANGES, ChangeKind.ESCALATION_CHANGED))


def activate(config: pytest.Config) -> None:
    """Load the project and register the hooks. Raises pytest.UsageError (exit status 4) for broken input."""
    try:
        settings = read_settings(config)
        _check_recording(config, settings)
        assessment = _assess(settings, _invocation(config, settings), _inipath(config))
    except ModelrouteError as error:
        raise pytest.UsageError(f"modelroute: {error}") from None
    except OSError as error:
        raise pytest.UsageError(f"modelroute: {error.filename or ''}: {error.strerror}") from None
    config.stash[SETTINGS] = settings
    _collect_registry(config, settings)
    config.pluginmanager.register(Collector(config, settings, assessment), "modelroute-collection")
    config.pluginmanager.register(SessionReport(config, settings, assessment), "modelroute-session")
    if settings.record is not RecordMode.NONE:
        from .recording import Recording

        config.pluginmanager.register(Recording(settings, assessment), "modelroute-recording")
    elif settings.verify:
        from .verification import Verifying

        config.pluginmanager.register(Verifying(settings, assessment), "modelroute-verification")
    config.add_cleanup(assessment.close)


def _check_recording(config: pytest.Config, settings: Settings) -> None:
    if settings.record is RecordMode.NONE:
        # In the ini file it may stand for good, for the sessions that do record.
        if config.option.modelroute_record_tiers is not None:
            what = "--modelroute-record-tiers is given without --modelroute-record, and nothing would be recorded"
            raise InputError(what, fix="add --modelroute-record=new_episodes")
        if config.option.modelroute_dry_run and not settings.verify:
            what = "--modelroute-dry-run is given, and there is nothing to plan"
            raise InputError(what, fix="add --modelroute-record=new_episodes")
        if config.option.modelroute_max_usd is not None and not settings.verify:
            what = "--modelroute-max-usd is given without --modelroute-record or --modelroute-verify: nothing is called"
            raise InputError(what, fix="add --modelroute-record=new_episodes")
        if not settings.verify:
            return
    elif settings.verify:
        raise InputError("--modelroute-verify writes nothing; it cannot be combined with --modelroute-record")
    asked = "--modelroute-verify" if settings.verify else "--modelroute-record"
    parallel = getattr(config.option, "numprocesses", None) or getattr(config.option, "dist", "no") != "no"
    if parallel or hasattr(config, "workerinput"):
        raise InputError(f"{asked} runs in one process, with several calls at once", fix="add -n 0")
    if settings.replay is ReplayMode.VCR:
        raise InputError(f"--modelroute-replay=vcr checks recordings; it cannot be combined with {asked}")


def _invocation(config: pytest.Config, settings: Settings) -> Invocation:
    """What a command needs to find this registry from where pytest was started, which need not be rootdir."""
    path = os.path.relpath(settings.rootdir / settings.registry, config.invocation_params.dir)
    default = config.option.modelroute_registry is None and str(settings.registry) == DEFAULT_REGISTRY
    return Invocation(path=Path(path).as_posix(), option=None if default else str(settings.registry))


def _inipath(config: pytest.Config) -> PurePosixPath | None:
    """Where the ini file lies below rootdir, if there is one."""
    path = config.inipath
    return PurePosixPath(path.relative_to(root)) if path and path.is_relative_to(root := config.rootpath) else None


def _assess(settings: Settings, invocation: Invocation, inipath: PurePosixPath | None) -> Assessment:
    files = WorkingTree(settings.rootdir)
    try:
        registry = load_registry(files, settings.registry)
    except FileNotFoundError:
        what = f"no registry at {settings.registry} (from rootdir {settings.rootdir})"
        options = "--modelroute-registry=PATH, or `modelroute_registry` in pytest's ini file"
        raise InputError(what, fix=f"write {settings.registry} (README: five minutes), or {options}") from None
    _check_names(settings, registry)
    if settings.base and settings.tries and not settings.tries_typed:
        what = "a try is named in the ini file, and with a base it would keep the registry's own tier from being judged"
        raise InputError(what, fix="take `modelroute_try` out of it, or type --modelroute-try=TASK=TIER")
    commit = merge_base(settings.rootdir, settings.base, settings.base_named_by) if settings.base else None
    tried, moves = reassigned(registry, settings.tries)
    for name, tier in settings.tries.items():
        refuse_self_grading(tried, tried.tasks[name], f"--modelroute-try={name}={tier}")
    project = load_project(files, tried, settings.rootdir)
    baseline, changes, strict = None, moves, frozenset(settings.tries)
    warnings: list[str] = []
    if commit is not None:
        with _mending(commit):
            before = _base_registry(settings, commit, inipath)
            if before is not None:
                baseline = load_baseline(*before, project, settings.rootdir)
        if before is not None and baseline is not None:
            if baseline.registry.path != registry.path:
                warnings.append(f"the registry was {baseline.registry.path} in {commit.ref}: compared with that")
            own = all_changes(before[0], baseline, files, registry, project)
        else:
            warnings.append(f"{commit.ref} has no registry at {settings.registry}: every task counts as new")
            own = compare(_empty(registry), registry)
        for change in own:
            if change.kind in HIDDEN_BY_TRIES and change.task in settings.tries:
                what = f"--modelroute-try: {change.task} changes its tier against the base, which a try would hide"
                raise InputError(what, place=change.place, fix="judge one of the two at a time")
        changes, strict = (*own, *moves), strict | strict_tasks(own, registry)
        if baseline is not None:
            loosened = doubly_judged(changes) & frozenset(project.materials)
            strict |= loosened
            project = hardened(project, baseline.registry, strict & frozenset(project.materials))
    if settings.record is RecordMode.NONE and Journal(settings.rootdir / registry.cassettes).waits:
        warnings.append(
            f"an interrupted recording left answers in {registry.cassettes / FOLDER}: record again to keep them"
        )
    comparison = Comparison(
        commit=commit,
        baseline=baseline,
        changes=changes,
        strict=strict,
        tried={name: registry.tasks[name] for name in settings.tries},
        warnings=(*warnings, *(baseline.warnings if baseline else ())),
    )
    return Assessment(project, comparison, _player(settings), invocation)


@contextlib.contextmanager
def _mending(commit: Commit) -> Iterator[None]:
    """Around what reads the base: a base that is broken itself is mended by a change that nothing can be held to."""
    try:
        yield
    except InputError as error:
        fix = (
            f"{commit.ref} is broken itself: gate the change that mends it once with --modelroute-base=, without a base"
        )
        raise InputError(error.what, place=error.place, valid=error.valid, fix=fix) from None


def _check_names(settings: Settings, registry: Registry) -> None:
    names = [tier.name for tier in registry.tiers]
    for name in settings.record_tiers:
        if name != "all" and name not in names:
            what = f"--modelroute-record-tiers: unknown tier '{name}'"
            raise InputError(what, valid=did_you_mean(name, [*names, "all"]))


def _base_registry(
    settings: Settings, commit: Commit, inipath: PurePosixPath | None
) -> tuple[CommitFiles, Registry] | None:
    """The registry that the base was gated with, under its earlier name if it was moved; None where it has none.

    An ini file that names another one is part of the change: where no path was typed, the base's own ini file counts.
    """
    files = CommitFiles(settings.rootdir, commit.commit)
    if not settings.registry_typed:
        with contextlib.suppress(FileNotFoundError):
            return files, load_registry(files, registry_of_ini(files, inipath))
    try:
        return files, load_registry(files, settings.registry)
    except FileNotFoundError:
        path = files.renamed_from(settings.registry)
    return None if path is None else (files, load_registry(files, path))


def _empty(registry: Registry) -> Registry:
    """A base without a registry: every task is new."""
    return dataclasses.replace(registry, tasks={}, acknowledged=())


def _player(settings: Settings) -> Play | None:
    if settings.replay is ReplayMode.DIRECT:
        return None
    from ..cassettes.crosscheck import VcrPlayer

    return VcrPlayer().play


def _collect_registry(config: pytest.Config, settings: Settings) -> None:
    """See to it that the registry is collected: alone, where the switch was typed and no paths were; else beside them.

    Runs in xdist's workers too, which parse the command line anew.
    """
    path = settings.rootdir / settings.registry
    typed = "--modelroute" in map(str, config.invocation_params.args)
    if typed and config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args = [str(path)]
        return
    for argument in config.args:
        start = Path(os.path.normpath(config.invocation_params.dir / argument.partition("::")[0]))
        if start == path or (start.is_dir() and path.is_relative_to(start)):
            return
    config.args = [*config.args, str(path)]
