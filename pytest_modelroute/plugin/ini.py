"""What names the registry: the command line, or the ini file, which is part of the change under review."""

from __future__ import annotations

import posixpath
import shlex
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from pathlib import PurePosixPath
from typing import Any

import iniconfig

from ..registry.files import Files
from ..registry.rootdir import DEFAULT_REGISTRY

__all__ = ["names_registry", "registry_of_ini"]

OPTION = "--modelroute-registry"
INI = "modelroute_registry"
OVERRIDES = ("-o", "--override-ini")
# In pytest's order: https://docs.pytest.org/en/stable/reference/customize.html
FILES = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")


def names_registry(arguments: Sequence[str]) -> str | None:
    """The registry that arguments of pytest name, as an option or in place of the ini file's value; None without."""
    named = {OPTION: None, INI: None} | dict(_settings(arguments))
    return named[OPTION] or named[INI]


def _settings(arguments: Sequence[str]) -> Iterable[tuple[str, str]]:
    for argument, after in zip_longest(arguments, arguments[1:], fillvalue=""):
        option, separator, value = argument.partition("=")
        if option == OPTION:
            yield OPTION, value if separator else after
        elif option in OVERRIDES:
            name, _, value = (value if separator else after).partition("=")
            yield name, value
        elif argument.startswith("-o"):
            name, _, value = argument.removeprefix("-o").partition("=")
            yield name, value


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
