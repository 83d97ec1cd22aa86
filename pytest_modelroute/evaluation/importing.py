"""`module:function` references of a registry, imported with its folder and rootdir on the path."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import InputError, Place

__all__ = ["Importer"]


class Importer:
    """Imports functions; the folders are put on the path at the first import only."""

    def __init__(self, rootdir: Path, folder: PurePosixPath) -> None:
        self._folders = [str(rootdir / folder), str(rootdir)]

    def add_folders(self) -> None:
        """Put the folders on the path, the registry's first."""
        for folder in reversed(self._folders):
            if folder not in sys.path:
                sys.path.insert(0, folder)

    def function(self, reference: str, place: Place) -> Callable[..., Any]:
        """The callable that `reference` names. Raises InputError, whatever the import raises."""
        module_name, _, name = reference.partition(":")
        self.add_folders()
        try:
            module = importlib.import_module(module_name)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a module may also call sys.exit() or pytest.skip() as it is imported
            what = f"python: '{reference}' cannot be imported: {type(error).__name__}: {error}"
            raise InputError(
                what, place=place, valid="module:function, found from the registry's folder or rootdir"
            ) from None
        function = getattr(module, name, None)
        if not callable(function):
            raise InputError(f"python: {module_name} has no function '{name}'", place=place)
        found: Callable[..., Any] = function
        return found
