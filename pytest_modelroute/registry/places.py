"""Where a registry's values stand, for a change that has to be shown."""

from __future__ import annotations

from functools import cached_property

from ..errors import Place
from .document import Document, parse_yaml
from .files import Files
from .model import Registry

__all__ = ["Places"]


class Places:
    """The lines of a registry's file, which is read again at the first question only."""

    def __init__(self, files: Files, registry: Registry) -> None:
        self._files = files
        self._registry = registry

    def of(self, task: str, *path: str) -> Place:
        """Where a value of a task stands: its own, else the defaults', else the nearest thing around it."""
        default = ("defaults", *path)
        is_inherited = ("tasks", task, *path) not in self._document.lines and default in self._document.lines
        return self._document.place(*default) if is_inherited else self._document.place("tasks", task, *path)

    @cached_property
    def _document(self) -> Document:
        return parse_yaml(self._files.read(self._registry.path), self._registry.label)
