"""The project's Python modules, found and read without importing them."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from ..errors import InputError, Place
from .files import Files

__all__ = ["find_module", "imported_sources", "parsed", "syntax"]


def find_module(files: Files, module: str, folder: PurePosixPath) -> tuple[PurePosixPath, bytes] | None:
    """The file of a module below the registry's folder or rootdir, with its source; None if it lives elsewhere."""
    stem = PurePosixPath(*module.split("."))
    for root in (folder, PurePosixPath()):
        for candidate in (root / stem / "__init__.py", root / stem.with_suffix(".py")):  # as Python looks for it
            try:
                return candidate, files.read(candidate)
            except OSError:
                continue
    return None


def imported_sources(files: Files, module: str, folder: PurePosixPath) -> Mapping[PurePosixPath, bytes]:
    """The source of a module and of all modules of the project that it imports, and these in turn, by their files.

    By its import statements, wherever they stand: what is imported by name at run time is not seen.
    """
    found: dict[PurePosixPath, bytes] = {}
    waiting = [module]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        lies = find_module(files, name, folder) if name else None
        if lies is not None:
            path, found[path] = lies[0], lies[1]
            package = name if path.name == "__init__.py" else name.rpartition(".")[0]
            with contextlib.suppress(InputError):  # what does not parse imports nothing
                waiting += _imported(parsed(lies[1], files.label(path)), package)
    return found


def _imported(tree: ast.Module, package: str) -> Iterator[str]:
    """The absolute names of all modules that may be meant, and of the packages that they lie in."""
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".") if node.level else []
            parts = parts[: len(parts) - max(node.level - 1, 0)]
            base = ".".join(filter(None, [*parts, node.module]))
            names = [base, *(f"{base}.{alias.name}" if base else alias.name for alias in node.names)]
        for name in names:
            steps = name.split(".")
            yield from (".".join(steps[:end]) for end in range(1, len(steps) + 1))


def parsed(source: bytes, label: str) -> ast.Module:
    """The syntax tree of a module. Raises InputError."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError) as error:
        line, problem = getattr(error, "lineno", None) or None, getattr(error, "msg", error)
        raise InputError(f"the module does not parse: {problem}", place=Place(label, line)) from None
    except (RecursionError, MemoryError):  # Python's own words for expressions that are too deep
        raise InputError("the module does not parse: nested too deeply", place=Place(label)) from None


def syntax(tree: ast.Module, label: str) -> str:
    """What a module says: comments and layout are no part of it. Raises InputError."""
    try:
        return ast.dump(tree)
    except RecursionError:
        raise InputError("the module does not parse: nested too deeply", place=Place(label)) from None
