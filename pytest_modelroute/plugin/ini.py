"""What names the registry: the command line, or the ini file, which is part of the change under review."""

from __future__ import annotations

import posixpath
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import PurePosixPath
from typing import Any

import iniconfig

from ..registry.files import Files
from ..registry.rootdir import DEFAULT_REGISTRY

__all__ = ["names_registry", "registry_of_ini", "values_of"]

OPTION = "--modelroute-registry"
INI = "modelroute_registry"
OVERRIDES = ("-o", "--override-ini")
# In pytest's order: https://docs.pytest.org/en/stable/reference/customize.html
FILES = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")


def names_registry(arguments: Sequence[str]) -> str | None:
    """The registry that arguments of pytest name, as an option or in place of the ini file's value; None without."""
    overrides = [each for option in OVERRIDES for each in values_of(arguments, option)]
    overrides += [each.removeprefix("-o") for each in arguments if each.startswith("-o") and each != "-o"]
    named = [value for name, _, value in (each.partition("=") for each in overrides) if name == INI]
    return next(reversed([*named, *values_of(arguments, OPTION)]), None)


def values_of(arguments: Sequence[str], option: str) -> list[str]:
    """The values that arguments give to an option, in their order: `--option=value`, or in two words."""
    found = []
    for argument, after in zip_longest(arguments, arguments[1:], fillvalue=""):
        name, separator, value = argument.partition("=")
        if name == option:
            found.append(value if separator else after)
    return found


def registry_of_ini(files: Files, inipath: PurePosixPath | None) -> PurePosixPath:
    """The registry that a commit's own ini file names, or leaves to be the default.

    `inipath` is the ini file in use today: what stands in its folder is searched as pytest does, unless it bears a
    name that pytest does not look for, since then it was typed.
    """
    folder = PurePosixPath() if inipath is None else inipath.parent
    names = FILES if inipath is None or inipath.name in FILES else (inipath.name,)
    for name in names:
        try:
            found = _section(name, files.read(folder / name).decode("utf-8"))
            if found is not None:
                added = found.get("addopts", "")
                arguments = shlex.split(added) if isinstance(added, str) else [str(each) for each in added]
                named = names_registry(arguments) or found.get(INI) or DEFAULT_REGISTRY
                return PurePosixPath(posixpath.normpath(str(named)))
        except (FileNotFoundError, ValueError, iniconfig.ParseError):  # pytest would have refused a broken one
            continue
    return PurePosixPath(DEFAULT_REGISTRY)


def _section(name: str, text: str) -> Mapping[str, Any] | None:
    """pytest's part of an ini file; None where it has none, and pytest would look further."""
    if name.endswith(".toml"):
        document = tomllib.loads(text)
        if name != "pyproject.toml" and "pytest" in document:
            own: Mapping[str, Any] = document["pytest"]
            return own
        tool: Mapping[str, Any] | None = document.get("tool", {}).get("pytest")
        if tool is not None:
            inner: Mapping[str, Any] = tool.get("ini_options", tool)
            return inner
        return None if name == "pyproject.toml" else {}
    sections = iniconfig.IniConfig(name, data=text).sections
    for section in ("tool:pytest",) if name.endswith(".cfg") else ("pytest",):
        if section in sections:
            return sections[section]
    return {} if name in ("pytest.ini", ".pytest.ini") else None
