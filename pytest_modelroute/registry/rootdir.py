"""The folder that a project lies in, found without pytest."""

from __future__ import annotations

from pathlib import Path

__all__ = ["rootdir_of"]

MARKS = ("pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg", ".git")


def rootdir_of(folder: Path) -> Path:
    """The nearest folder from `folder` upward that holds what marks a project; `folder` itself where none does."""
    for candidate in (folder, *folder.parents):
        if any((candidate / mark).exists() for mark in MARKS):
            return candidate
    return folder
