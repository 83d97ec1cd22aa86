"""The registry's earlier state, read from git at the merge base."""

from __future__ import annotations

import io
import subprocess
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from ..errors import InputError, Place
from .files import LFS_POINTER, WorkingTree, too_large

__all__ = ["Commit", "CommitFiles", "merge_base"]


@dataclass(frozen=True, slots=True)
class Commit:
    """A base: the ref as the user or the CI gave it, and the merge base of it and HEAD."""

    ref: str
    commit: str


class _GitFault(Exception):
    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def _git(rootdir: Path, *arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", "-C", str(rootdir), *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        raise InputError("git is not installed", valid="git on the PATH, or a run without a base") from None
    if done.returncode:
        message = done.stderr.decode(errors="replace").strip()
        if "dubious ownership" in message:
            raise InputError(
                f"git does not trust the repository of {rootdir}: it belongs to another user",
                fix=f"git config --global --add safe.directory {rootdir}",
            )
        if "not a git repository" in message:
            raise InputError(f"{rootdir} is not in a git repository", valid="a base only inside a repository")
        raise _GitFault(message)
    return done.stdout


def merge_base(rootdir: Path, ref: str) -> Commit:
    """The commit where HEAD left `ref`. Raises InputError for an unknown ref or a history too shallow to tell."""
    shallow = _git(rootdir, "rev-parse", "--is-shallow-repository").strip() == b"true"
    deepen = "git fetch --unshallow (in GitHub Actions: actions/checkout with fetch-depth: 0; in GitLab: GIT_DEPTH: 0)"
    try:
        commit = _git(rootdir, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    except _GitFault:
        fix = deepen if shallow else f"git fetch origin {ref.removeprefix('origin/')}"
        raise InputError(
            f"--modelroute-base: git knows no commit '{ref}'", valid="a branch, tag or commit", fix=fix
        ) from None
    try:
        ancestor = _git(rootdir, "merge-base", commit.decode().strip(), "HEAD")
    except _GitFault:
        if shallow:
            raise InputError(
                f"--modelroute-base: the clone is too shallow to find where HEAD left '{ref}'", fix=deepen
            ) from None
        what = f"--modelroute-base: '{ref}' and HEAD have no common ancestor"
        raise InputError(what, valid="a ref that HEAD comes from") from None
    return Commit(ref, ancestor.decode().strip())


class CommitFiles:
    """The files of one commit, as a checkout would write them (line endings, filters), seen from rootdir."""

    def __init__(self, rootdir: Path, commit: str) -> None:
        self._rootdir = rootdir
        self._commit = commit
        self._prefix = _git(rootdir, "rev-parse", "--show-prefix").decode().strip()
        listing = _git(rootdir, "ls-tree", "-r", "-z", "--full-tree", commit).decode("utf-8", "surrogateescape")
        entries = (entry.split("\t", 1) for entry in listing.split("\0") if entry)
        self._objects = {path: meta.split()[2] for meta, path in entries if meta.split()[1] == "blob"}
        changed = _git(rootdir, "diff", "--name-only", "-z", "--no-renames", commit).decode("utf-8", "surrogateescape")
        self._changed = frozenset(changed.split("\0"))
        self._working_tree = WorkingTree(rootdir)

    def read(self, path: PurePosixPath, limit: int | None = None) -> bytes:
        name = self._prefix + str(path)
        if name not in self._objects:
            raise FileNotFoundError(f"{path} is not in {self._commit}")
        data = self._content(path, name)
        if data.startswith(LFS_POINTER):
            raise InputError(
                "this is a Git LFS pointer, not the file",
                place=Place(self.label(path)),
                fix="git lfs install && git lfs fetch --all, or keep the file out of LFS",
            )
        if limit is not None and len(data) > limit:
            raise too_large(self.label(path), len(data), limit)
        return data

    def _content(self, path: PurePosixPath, name: str) -> bytes:
        if name not in self._changed:  # the same as on disk, and reading that starts no process
            try:
                return self._working_tree.read(path)
            except OSError:
                pass
        return _git(self._rootdir, "cat-file", "--filters", f"--path={name}", self._objects[name])

    def open(self, path: PurePosixPath) -> BinaryIO:
        return io.BytesIO(self.read(path))

    def label(self, path: PurePosixPath) -> str:
        return f"{self._commit[:10]}:{path}"

    def renamed_from(self, path: PurePosixPath) -> PurePosixPath | None:
        """The name in this commit of a file that was moved to `path` since; None where git sees no move."""
        fields = _git(self._rootdir, "diff", "--name-status", "-z", "--diff-filter=R", "-M", self._commit).decode(
            "utf-8", "surrogateescape"
        )
        parts = fields.split("\0")
        for old, new in zip(parts[1::3], parts[2::3], strict=False):
            if new == self._prefix + str(path) and old.startswith(self._prefix):
                return PurePosixPath(old.removeprefix(self._prefix))
        return None
