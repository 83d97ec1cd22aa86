"""Where the project's files are read from: the working tree now, a commit in `base`."""

from __future__ import annotations

import errno
import os
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from ..errors import InputError, Place

__all__ = ["LFS_POINTER", "Files", "WorkingTree", "inside"]

LFS_POINTER = b"version https://git-lfs.github.com/spec/v1"


class Files(Protocol):
    """A tree of files. Every path is relative to pytest's rootdir and stays inside it."""

    def read(self, path: PurePosixPath, limit: int | None = None) -> bytes:
        """The file's bytes. Raises FileNotFoundError, or InputError where it is larger than `limit` bytes."""
        ...

    def open(self, path: PurePosixPath) -> BinaryIO:
        """The file, seekable. Raises FileNotFoundError."""
        ...

    def label(self, path: PurePosixPath) -> str:
        """The path as error messages name it."""
        ...


class WorkingTree:
    """The files on disk below rootdir."""

    def __init__(self, rootdir: Path) -> None:
        self.rootdir = rootdir
        self._real_rootdir = Path(os.path.realpath(rootdir))

    def read(self, path: PurePosixPath, limit: int | None = None) -> bytes:
        with self.open(path) as file:
            size = os.fstat(file.fileno()).st_size
            if limit is not None and size > limit:
                raise too_large(self.label(path), size, limit)
            data = file.read()
        refuse_lfs_pointer(self.label(path), data)
        return data

    def open(self, path: PurePosixPath) -> BinaryIO:
        absolute = self.rootdir / path
        if not Path(os.path.realpath(absolute)).is_relative_to(self._real_rootdir):
            raise InputError(f"{path} is a link that leaves {self.rootdir}", valid="a file inside pytest's rootdir")
        if absolute.exists() and not absolute.is_file():  # a pipe would be waited on for ever
            raise FileNotFoundError(errno.EISDIR, "not a file", str(path))
        return open(absolute, "rb")

    def label(self, path: PurePosixPath) -> str:
        return str(path)


def too_large(label: str, size: int, limit: int) -> InputError:
    return InputError(f"the file has {size:,} bytes", place=Place(label), valid=f"at most {limit:,} bytes")


def refuse_lfs_pointer(label: str, data: bytes) -> None:
    if data.startswith(LFS_POINTER):
        raise InputError(
            "this is a Git LFS pointer, not the file",
            place=Place(label),
            fix="git lfs install && git lfs fetch --all && git lfs checkout, or keep the file out of LFS",
        )


def inside(folder: PurePosixPath, text: str) -> PurePosixPath:
    """`text`, a path relative to `folder`, made relative to rootdir. Raises ValueError where it leaves rootdir."""
    if not text or "\0" in text or PurePosixPath(text).is_absolute() or Path(text).is_absolute():
        raise ValueError("is not a relative path")
    parts: list[str] = []
    for part in (folder / text).parts:
        if part == "..":
            if not parts:
                raise ValueError("leaves pytest's rootdir")
            parts.pop()
        else:
            parts.append(part)
    return PurePosixPath(*parts)
