"""A commit's code on disk, where it finds the files beside it; what did not change since is linked, not written."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import weakref
from pathlib import Path, PurePosixPath

from ..errors import InputError
from .base import CommitFiles

__all__ = ["Checkout"]


class Checkout:
    """Folders of a commit, each laid out below a temporary one when a file of it is asked for, until it is closed.

    `rootdir` is that of the working tree.
    """

    def __init__(self, files: CommitFiles, rootdir: Path) -> None:
        self._files = files
        self._rootdir = rootdir
        self._roots: list[weakref.finalize[..., Checkout]] = []

    def path(self, path: PurePosixPath) -> Path:
        """Where a file stands, with all that the commit has in its folder and below; further up it is as it is today.

        Raises FileNotFoundError where the commit has no such file.
        """
        root = Path(tempfile.mkdtemp(prefix="modelroute-base-"))
        self._roots.append(weakref.finalize(self, shutil.rmtree, root, ignore_errors=True))
        beside = {each for each in self._files.changes if each.is_relative_to(path.parent)} | {path}
        folders = {folder for each in beside for folder in each.parents}
        for folder in sorted(folders):
            (root / folder).mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(OSError):  # a folder that is gone since
                for entry in os.scandir(self._rootdir / folder):
                    name = folder / entry.name
                    if name not in folders and name not in beside and entry.name != ".git":
                        _link(Path(entry.path), root / name)
        for each in beside:
            with contextlib.suppress(FileNotFoundError, InputError):  # new since, or kept elsewhere by Git LFS
                (root / each).write_bytes(self._files.read(each))
        return root / path

    def close(self) -> None:
        for remove in self._roots:
            remove()


def _link(source: Path, target: Path) -> None:
    try:
        target.symlink_to(source.absolute(), target_is_directory=source.is_dir())
    except OSError:  # some systems reserve links to administrators
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
