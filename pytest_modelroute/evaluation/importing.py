"""`module:function` references of a registry, imported with its folder and rootdir on the path."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import types
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import InputError, Place
from ..registry.base import CommitFiles
from ..registry.checkout import Checkout
from ..registry.files import WorkingTree
from ..registry.modules import find_module

__all__ = ["BaseImporter", "Importer", "parameters_taken"]


class Importer:
    """Imports functions; the folders are put on the path at the first import only."""

    def __init__(self, rootdir: Path, folder: PurePosixPath) -> None:
        self._rootdir = rootdir
        self._folder = folder
        self._folders = [str(rootdir / folder), str(rootdir)]

    def add_folders(self) -> None:
        """Put the folders on the path, the registry's first."""
        for folder in reversed(self._folders):
            if folder not in sys.path:
                sys.path.insert(0, folder)

    def function(self, reference: str, place: Place, key: str = "python") -> Callable[..., Any]:
        """The callable that `reference` names under `key`. Raises InputError, whatever the import raises."""
        module_name, _, name = reference.partition(":")
        self.add_folders()
        try:
            module = importlib.import_module(module_name)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a module may also call sys.exit() or pytest.skip() as it is imported
            what = f"{key}: '{reference}' cannot be imported: {type(error).__name__}: {error}"
            raise InputError(
                what, place=place, valid="module:function, found from the registry's folder or rootdir"
            ) from None
        self._check_file(module, reference, place, key)
        function = getattr(module, name, None)
        if not callable(function):
            raise InputError(f"{key}: {module_name} has no function '{name}'", place=place)
        found: Callable[..., Any] = function
        return found

    def _check_file(self, module: types.ModuleType, reference: str, place: Place, key: str) -> None:
        """Raise InputError where another file was imported than the one whose changes are looked at."""
        found = find_module(WorkingTree(self._rootdir), module.__name__, self._folder)
        file = getattr(module, "__file__", None)
        if found is None or (file is not None and os.path.realpath(file) == os.path.realpath(self._rootdir / found[0])):
            return
        what = f"{key}: '{reference}' is {found[0]}, and Python imported {file or 'another module'} by that name"
        raise InputError(what, place=place, fix="rename one of them, or take the other's folder off the path")


class BaseImporter(Importer):
    """Imports functions as the base had them; a module from outside the project is the environment's."""

    def __init__(self, rootdir: Path, folder: PurePosixPath, files: CommitFiles) -> None:
        super().__init__(rootdir, folder)
        self._files = files
        self._checkout = Checkout(files, rootdir)

    def close(self) -> None:
        """Take back what was laid out on disk; its functions may need that until then."""
        self._checkout.close()

    def function(self, reference: str, place: Place, key: str = "python") -> Callable[..., Any]:
        module_name, _, name = reference.partition(":")
        found = find_module(self._files, module_name, self._folder)
        if found is None:
            return super().function(reference, place, key)
        self.add_folders()
        path, source = found
        module = types.ModuleType(module_name)
        label = self._files.label(path)
        file = str(self._checkout.path(path))  # it may read files beside itself
        module.__dict__.update(__file__=file, __package__=module_name.rpartition(".")[0])
        try:
            exec(compile(source, label, "exec"), module.__dict__)  # noqa: S102  # the base's own code, as trusted as head's
            function: Callable[..., Any] = getattr(module, name)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a module may also call sys.exit() or pytest.skip() as it is imported
            what = f"{key}: '{reference}' of the base cannot be imported: {type(error).__name__}: {error}"
            raise InputError(what, place=place) from None
        return function


def parameters_taken(
    function: Callable[..., Any], offered: Sequence[str], reference: str, place: Place, key: str = "python"
) -> tuple[str, ...]:
    """Those of the `offered` arguments that a function takes by name. Raises InputError where it needs others."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        raise InputError(f"{key}: {reference} has no signature to read", place=place) from None
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    plain = [each for each in parameters if each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)]
    for parameter in plain:
        strange = parameter.name not in offered and parameter.default is parameter.empty
        if strange or parameter.kind is parameter.POSITIONAL_ONLY:
            what = f"{key}: {reference} cannot be called: parameter '{parameter.name}'"
            raise InputError(what, place=place, valid=f"def function({', '.join(offered)}): ... or some of these names")
    names = {parameter.name for parameter in plain}
    return tuple(name for name in offered if takes_any or name in names)
