"""The registry's earlier state, read from git at the merge base."""

from __future__ import annotations

import contextlib
import io
import os
import posixpath
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import BinaryIO

from ..errors import InputError
from .files import WorkingTree, refuse_lfs_pointer, too_large

__all__ = ["Commit", "CommitFiles", "merge_base"]

LINK = "120000"  # git's mode of a symbolic link
MOST_LINKS = 40  # followed for one path, as Linux does


@dataclass(frozen=True, slots=True)
class Commit:
    """A base: the ref as the user or the CI gave it, and the merge base of it and HEAD."""

    ref: str
    commit: str


class _GitFault(InputError):
    """Git says no: most callers know a better word for it."""


def _git(rootdir: Path, *arguments: str) -> bytes:
    # Its messages are looked into; nothing is fetched in a partial clone, nothing asked for, nothing locked.
    quiet = {"LC_ALL": "C", "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
    environment = {**os.environ, **quiet}
    try:
        command = ["git", "-C", str(rootdir), *arguments]
        done = subprocess.run(command, capture_output=True, check=False, env=environment)
    except OSError:
        raise InputError("git is not installed", valid="git on the PATH, or a run without a base") from None
    if done.returncode:
        message = done.stderr.decode(errors="replace").strip()
        if "dubious ownership" in message:
            named = re.search("repository at '(.*)'", message)
            raise InputError(
                f"git does not trust the repository of {rootdir}: it belongs to another user",
                fix=f"git config --global --add safe.directory {named[1] if named else rootdir}",
            )
        if "not a git repository" in message:
            raise InputError(f"{rootdir} is not in a git repository", valid="a base only inside a repository")
        raise _GitFault(f"git {arguments[0]} failed in {rootdir}: " + "; ".join(message.splitlines()))
    return done.stdout


def _paths(output: bytes) -> str:
    return output.decode("utf-8", "surrogateescape")


def merge_base(rootdir: Path, refs: Sequence[str], named_by: Mapping[str, str] = MappingProxyType({})) -> Commit:
    """The commit where HEAD left the first of `refs` that git knows; `named_by` has the variables that gave them.

    Raises InputError where it knows none, or where the history is too shallow to tell.
    """

    def told(ref: str, problem: str) -> str:
        return f"{named_by[ref]} names the base: {problem}" if ref in named_by else f"--modelroute-base: {problem}"

    def shallow() -> bool:
        return _git(rootdir, "rev-parse", "--is-shallow-repository").strip() == b"true"

    deepen = "git fetch --unshallow (in GitHub Actions: actions/checkout with fetch-depth: 0; in GitLab: GIT_DEPTH: 0)"
    for ref in refs:
        with contextlib.suppress(_GitFault):
            commit = _git(rootdir, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
            break
    else:
        fix = deepen if shallow() else f"git fetch origin {refs[-1].removeprefix('origin/')}"
        what = told(refs[-1], f"git knows no commit '{refs[-1]}'")
        raise InputError(what, valid="a branch, tag or commit", fix=fix)
    try:
        ancestor = _git(rootdir, "merge-base", commit.decode().strip(), "HEAD")
    except _GitFault:
        if shallow():
            what = told(ref, f"the clone is too shallow to find where HEAD left '{ref}'")
            raise InputError(what, fix=deepen) from None
        what = told(ref, f"'{ref}' and HEAD have no common ancestor")
        raise InputError(what, valid="a ref that HEAD comes from") from None
    return Commit(ref, ancestor.decode().strip())


class CommitFiles:
    """The files of one commit, as a checkout would write them (line endings, filters), seen from rootdir."""

    def __init__(self, rootdir: Path, commit: str) -> None:
        self._rootdir = rootdir
        self._commit = commit
        self._prefix = _paths(_git(rootdir, "rev-parse", "--show-prefix")).removesuffix("\n")
        self._objects: dict[str, str] = {}
        self._links: dict[str, str] = {}
        for entry in filter(None, _paths(_git(rootdir, "ls-tree", "-r", "-z", "--full-tree", commit)).split("\0")):
            meta, name = entry.split("\t", 1)
            mode, kind, number = meta.split()
            if kind == "blob":
                (self._links if mode == LINK else self._objects)[name] = number
        # `diff.relative` may be set, and would leave out the folder or all that is outside it.
        changed = _git(rootdir, "diff", "--name-only", "-z", "--no-renames", "--no-relative", commit)
        self._changed = frozenset(_paths(changed).split("\0"))
        self._working_tree = WorkingTree(rootdir)

    @property
    def changes(self) -> frozenset[PurePosixPath]:
        """The files below rootdir that the commit or the working tree has otherwise, or not at all."""
        below = (name.removeprefix(self._prefix) for name in self._changed if name.startswith(self._prefix))
        return frozenset(PurePosixPath(name) for name in below if name)

    def changed(self, path: PurePosixPath) -> bool:
        """Whether the working tree may have another file at `path` than the commit; through a link it always may."""
        name = self._prefix + str(path)
        return name in self._changed or name not in self._objects

    def read(self, path: PurePosixPath, limit: int | None = None) -> bytes:
        name = self._followed(self._prefix + str(path))
        if name not in self._objects:
            raise FileNotFoundError(f"{path} is not in {self._commit}")
        data = self._content(name)
        refuse_lfs_pointer(self.label(path), data)
        if limit is not None and len(data) > limit:
            raise too_large(self.label(path), len(data), limit)
        return data

    def _followed(self, name: str) -> str:
        """`name` with the commit's own links followed: what they point at may have changed where they have not."""
        for _ in range(MOST_LINKS):
            parts = name.split("/")
            ends = (end for end in range(1, len(parts) + 1) if "/".join(parts[:end]) in self._links)
            end = next(ends, None)
            if end is None:
                return name
            target = _paths(_git(self._rootdir, "cat-file", "blob", self._links["/".join(parts[:end])]))
            name = posixpath.normpath(posixpath.join(*parts[: end - 1], target, *parts[end:]))
        raise FileNotFoundError(f"{name} is a link to itself")

    def _content(self, name: str) -> bytes:
        if name not in self._changed and name.startswith(self._prefix):
            try:  # the same as on disk, and reading that starts no process
                with self._working_tree.open(PurePosixPath(name.removeprefix(self._prefix))) as file:
                    return file.read()
            except OSError:
                pass
        return _git(self._rootdir, "cat-file", "--filters", f"--path={name}", self._objects[name])

    def open(self, path: PurePosixPath) -> BinaryIO:
        return io.BytesIO(self.read(path))

    def label(self, path: PurePosixPath) -> str:
        return f"{self._commit[:10]}:{path}"

    def renamed_from(self, path: PurePosixPath) -> PurePosixPath | None:
        """The name in this commit of a file that was moved to `path` since; None where git sees no move."""
        found = ("--name-status", "-z", "--diff-filter=R", "-M", "--no-relative")
        parts = _paths(_git(self._rootdir, "diff", *found, self._commit)).split("\0")
        for old, new in zip(parts[1::3], parts[2::3], strict=False):
            if new == self._prefix + str(path) and old.startswith(self._prefix):
                return PurePosixPath(old.removeprefix(self._prefix))
        return None
