"""The folder that a project lies in, found without pytest, and what its registry is called there."""

from __future__ import annotations

from pathlib import Path

__all__ = ["DEFAULT_REGISTRY", "rootdir_of"]

DEFAULT_REGISTRY = "modelroute.yaml"  # where nobody names another; the hooks, which import nothing, say it too

MARKS = ("pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg", ".git")


def rootdir_of(folder: Path) -> Path:
    """The nearest folder from `folder` upward that holds what marks a project; `folder` itself where none does."""
    for candidate in (folder, *folder.parents):
        if any((candidate / mark).exists() for mark in MARKS):
            return candidate
    return folder
