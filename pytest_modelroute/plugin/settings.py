"""The options, read once into a frozen value."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import TypeVar

import pytest

from ..errors import InputError, did_you_mean, one_of
from ..evaluation.planning import RecordMode
from ..registry.ci import base_from_ci
from .ini import names_registry, values_of

__all__ = ["SETTINGS", "ReplayMode", "Settings", "read_settings"]


class ReplayMode(Enum):
    DIRECT = "direct"
    VCR = "vcr"


@dataclass(frozen=True, slots=True)
class Settings:
    """What this session is asked to do.

    `registry` is relative to `rootdir`, `json` absolute; `registry_typed` says that no ini file named the registry,
    `tries_typed` that none named a try. Of the refs in `base` the first that git knows counts; `base_named_by` has the
    CI's variable for each that came from one.
    `max_usd` is None without a cap, `timeout` in seconds for each attempt, or run of a task's own function, `verify`
    the number of cases to call again and `verify_changed` the share of them that may come out otherwise.
    """

    rootdir: Path
    registry: PurePosixPath
    registry_typed: bool
    base: tuple[str, ...]
    base_named_by: Mapping[str, str]
    record: RecordMode
    record_tiers: tuple[str, ...]
    concurrency: int
    timeout: float
    max_usd: float | None
    dry_run: bool
    verify: int
    verify_changed: float
    tries: Mapping[str, str]
    tries_typed: bool
    replay: ReplayMode
    json: Path | None


# Options of pytest with which no test runs, and how they are typed.
IDLE = {
    "collectonly": ("--collect-only", "--co", "--collectonly"),
    "showfixtures": ("--fixtures", "--funcargs"),
    "show_fixtures_per_test": ("--fixtures-per-test",),
    "markers": ("--markers",),
    "cacheshow": ("--cache-show",),
    "version": ("--version", "-V", "-VV"),
}

SETTINGS = pytest.StashKey[Settings]()

Mode = TypeVar("Mode", bound=Enum)


def read_settings(config: pytest.Config) -> Settings:
    """Read the command line, then the ini file. Raises InputError for a value that is not valid."""

    def value(name: str) -> str:
        typed = getattr(config.option, f"modelroute_{name}")
        return str(config.getini(f"modelroute_{name}") or "") if typed is None else str(typed)

    json = value("json")
    base, named_by = _base(config)
    if base:
        _refuse_idle(config)
    return Settings(
        rootdir=config.rootpath,
        registry=_below_rootdir(config, value("registry"), typed=config.option.modelroute_registry is not None),
        registry_typed=names_registry(_typed(config)) is not None,
        base=base,
        base_named_by=named_by,
        record=_record_mode(value("record")),
        record_tiers=tuple(name.strip() for name in value("record_tiers").split(",") if name.strip()),
        concurrency=int(_number("--modelroute-concurrency", value("concurrency"), "a whole number from 1", 1)),
        timeout=_number("--modelroute-timeout", value("timeout"), "seconds, more than 0", 0.001),
        max_usd=_number("--modelroute-max-usd", cap, "USD, from 0", 0) if (cap := value("max_usd")) else None,
        dry_run=bool(config.option.modelroute_dry_run or config.getini("modelroute_dry_run")),
        verify=int(_number("--modelroute-verify", value("verify"), "a whole number from 0", 0)),
        verify_changed=_number("--modelroute-verify-changed", value("verify_changed"), "a share from 0 to 1", 0, 1),
        tries=_tries(tries := config.option.modelroute_try or config.getini("modelroute_try")),
        tries_typed=set(tries) <= set(values_of(_typed(config), "--modelroute-try")),
        replay=_mode(ReplayMode, "--modelroute-replay", value("replay")),
        json=config.invocation_params.dir / json if json else None,
    )


def _base(config: pytest.Config) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """The refs to compare with, and the variables that named them: as typed, else the CI's, else the ini file's.

    The ini file, `addopts` in it too, is part of the change under review: it can name a base where nothing else does.
    """
    option = "--modelroute-base"
    written: str | None = config.option.modelroute_base
    if written is not None and values_of(_typed(config), option):
        return tuple(filter(None, [written])), {}
    named_by = base_from_ci(os.environ)
    return tuple(named_by) or tuple(filter(None, [written or config.getini("modelroute_base")])), named_by


def _refuse_idle(config: pytest.Config) -> None:
    """Raise InputError where the ini file alone says that nothing is to run: it is part of the change under review."""
    typed = _typed(config)
    for option, flags in IDLE.items():
        if getattr(config.option, option, None) and not any(each.partition("=")[0] in flags for each in typed):
            what = f"{flags[0]} stands in `addopts`, and with a base the gates have to run"
            raise InputError(what, fix=f"take it out, or type {flags[0]}")
    dry = "--modelroute-dry-run"
    if (config.option.modelroute_dry_run or config.getini("modelroute_dry_run")) and dry not in typed:
        what = "`modelroute_dry_run` stands in the ini file, and with a base the gates have to run"
        raise InputError(what, fix=f"take it out, or type {dry}")


def _typed(config: pytest.Config) -> list[str]:
    """What no file of the project can say: the command line, and the environment's part of it."""
    return [*map(str, config.invocation_params.args), *shlex.split(os.environ.get("PYTEST_ADDOPTS", ""))]


def _below_rootdir(config: pytest.Config, text: str, *, typed: bool) -> PurePosixPath:
    """A typed path may be meant from where the user stands; otherwise it is from rootdir."""
    candidates = [config.rootpath / text]
    if typed:
        candidates.append(config.invocation_params.dir / text)
    path = next((candidate for candidate in candidates if candidate.is_file()), candidates[0])
    absolute = Path(os.path.normpath(path))
    if not absolute.is_relative_to(config.rootpath):
        what = f"--modelroute-registry: {text} is outside pytest's rootdir {config.rootpath}"
        raise InputError(what, valid="a path inside it", fix="--rootdir=FOLDER")
    return PurePosixPath(absolute.relative_to(config.rootpath).as_posix())


def _record_mode(text: str) -> RecordMode:
    if not text:
        modes = one_of(mode.value for mode in RecordMode)
        what = "--modelroute-record needs a mode"
        raise InputError(what, valid=modes, fix="--modelroute-record=new_episodes records what is missing or stale")
    return _mode(RecordMode, "--modelroute-record", text)


def _mode(kind: type[Mode], option: str, text: str) -> Mode:
    try:
        return kind(text)
    except ValueError:
        valid = did_you_mean(text, [mode.value for mode in kind])
        raise InputError(f"{option}: unknown mode '{text}'", valid=valid) from None


def _number(option: str, text: str, valid: str, least: float, most: float = math.inf) -> float:
    whole = valid.startswith("a whole")
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not least <= number <= most or math.isinf(number) or (whole and number != int(number)):
        raise InputError(f"{option}: '{text}' is not valid", valid=valid)
    return number


def _tries(texts: list[str]) -> dict[str, str]:
    tries: dict[str, str] = {}
    for text in texts:
        task, separator, tier = text.partition("=")
        if not separator or not task or not tier:
            raise InputError(f"--modelroute-try: '{text}' is not an assignment", valid="TASK=TIER")
        if tries.setdefault(task, tier) != tier:
            raise InputError(f"--modelroute-try: two tiers for the task '{task}'", valid="one TASK=TIER for each task")
    return tries
