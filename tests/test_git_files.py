"""The base's files, read with real git: as a checkout would write them, wherever rootdir is."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest

from pytest_modelroute.errors import InputError
from pytest_modelroute.registry.base import CommitFiles
from pytest_modelroute.registry.changes import compare
from pytest_modelroute.registry.files import WorkingTree
from pytest_modelroute.registry.loading import load_registry

from .projects import git
from .test_git_base import commit
from .trees import TIERS, tree

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
TASK = TIERS + "tasks:\n  a:\n    tier: sonnet\n    prompt: p.yaml\n"
FILES: dict[str, str | bytes] = {"modelroute.yaml": TASK, "p.yaml": "system: Hello.\nmessages: []\n"}


@pytest.fixture(autouse=True)
def own_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


def committed(folder: Path, files: dict[str, str | bytes]) -> str:
    tree(folder, files)
    git(folder, "init", "-q", "-b", "main")
    return commit(folder)


def test_files_are_the_commits_whatever_became_of_them_since(tmp_path: Path) -> None:
    names = ("same", "edited", "staged", "deleted", "removed", "untracked", "ä b\n")
    base = committed(tmp_path, dict.fromkeys(names, "old"))
    for name in ("edited", "staged", "ä b\n"):
        (tmp_path / name).write_text("new")
    git(tmp_path, "add", "staged")
    (tmp_path / "deleted").unlink()
    git(tmp_path, "rm", "-q", "removed")
    git(tmp_path, "rm", "-q", "--cached", "untracked")
    (tmp_path / "untracked").write_text("new")
    (tmp_path / "added").write_text("new")
    files = CommitFiles(tmp_path, base)
    assert {files.read(PurePosixPath(name)) for name in names} == {b"old"}
    for name in ("added", "folder/none", "same/none", ".."):
        with pytest.raises(FileNotFoundError):
            files.read(PurePosixPath(name))
    assert [name for name in (*names, "added") if not files.changed(PurePosixPath(name))] == ["same"]


def test_a_path_is_labelled_with_its_commit_also_in_errors(tmp_path: Path) -> None:
    base = committed(tmp_path, {"modelroute.yaml": TIERS + "task: {}\n"})
    with pytest.raises(InputError) as caught:
        load_registry(CommitFiles(tmp_path, base), PurePosixPath("modelroute.yaml"))
    assert str(caught.value).startswith(f"{base[:10]}:modelroute.yaml:6: the registry: unknown key 'task'")


def test_a_file_of_the_base_may_be_too_large(tmp_path: Path) -> None:
    base = committed(tmp_path, {"a": "12345"})
    assert CommitFiles(tmp_path, base).read(PurePosixPath("a"), 5) == b"12345"
    with pytest.raises(InputError) as caught:
        CommitFiles(tmp_path, base).read(PurePosixPath("a"), 4)
    assert str(caught.value) == f"{base[:10]}:a: the file has 5 bytes\n  valid: at most 4 bytes"


@pytest.mark.parametrize("edited", [False, True])
def test_a_pointer_of_git_lfs_is_named_as_what_it_is(tmp_path: Path, edited: bool) -> None:
    base = committed(tmp_path, {"a": POINTER})
    if edited:
        (tmp_path / "a").write_text("new")
    with pytest.raises(InputError) as caught:
        CommitFiles(tmp_path, base).open(PurePosixPath("a"))
    assert str(caught.value) == (
        f"{base[:10]}:a: this is a Git LFS pointer, not the file\n"
        "  fix: git lfs install && git lfs fetch --all && git lfs checkout, or keep the file out of LFS"
    )


@pytest.mark.parametrize("attributes", ["* text eol=lf\n", "* text eol=crlf\n", "* text=auto\n", "* -text\n"])
def test_line_endings_of_the_working_tree_are_no_change(tmp_path: Path, attributes: str) -> None:
    base = committed(tmp_path, {".gitattributes": attributes, **FILES})
    for name in FILES:
        path = tmp_path / name
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    (tmp_path / "p.yaml").write_bytes((tmp_path / "p.yaml").read_bytes() + b"# comment\r\n")
    head = load_registry(WorkingTree(tmp_path), PurePosixPath("modelroute.yaml"))
    assert compare(load_registry(CommitFiles(tmp_path, base), PurePosixPath("modelroute.yaml")), head) == ()


def test_files_come_as_a_checkout_would_write_them(tmp_path: Path) -> None:
    base = committed(tmp_path, {".gitattributes": "a text eol=crlf\nb text eol=lf\n", "a": "1\n2\n", "b": "1\n2\n"})
    (tmp_path / "a").write_text("new")
    (tmp_path / "b").write_text("new")
    files = CommitFiles(tmp_path, base)
    assert (files.read(PurePosixPath("a")), files.read(PurePosixPath("b"))) == (b"1\r\n2\r\n", b"1\n2\n")


def test_a_filter_that_fails_is_an_input_error(tmp_path: Path) -> None:
    base = committed(tmp_path, {".gitattributes": "a filter=broken\n", "a": "old"})
    (tmp_path / "a").write_text("new")
    git(tmp_path, "config", "filter.broken.clean", "cat")
    git(tmp_path, "config", "filter.broken.smudge", "false")
    git(tmp_path, "config", "filter.broken.required", "true")
    with pytest.raises(InputError, match=r"^git cat-file failed in .*smudge filter broken failed"):
        CommitFiles(tmp_path, base).read(PurePosixPath("a"))


@pytest.mark.parametrize("relative", ["true", "false"])
def test_rootdir_may_be_a_folder_of_the_repository(tmp_path: Path, relative: str) -> None:
    rootdir = tmp_path / "ünder ground"
    base = committed(tmp_path, {"ünder ground/a": "old", "ünder ground/b/c": "old", "a": "outside", "x": "outside"})
    git(tmp_path, "config", "diff.relative", relative)
    tree(tmp_path, {"ünder ground/a": "new", "ünder ground/b/c": "new", "a": "new"})
    files = CommitFiles(rootdir, base)
    assert (files.read(PurePosixPath("a")), files.read(PurePosixPath("b/c"))) == (b"old", b"old")
    with pytest.raises(FileNotFoundError):
        files.read(PurePosixPath("x"))


MOVES = [
    ("modelroute.yaml", "conf/routes.yaml", "modelroute.yaml"),
    ("ä b.yaml", "modelroute.yaml", "ä b.yaml"),
    ("inner/old.yaml", "inner/modelroute.yaml", "inner/old.yaml"),
]


@pytest.mark.parametrize(("old", "new", "found"), MOVES)
def test_a_registry_that_was_moved_is_found_under_its_old_name(tmp_path: Path, old: str, new: str, found: str) -> None:
    base = committed(tmp_path, {old: TASK, "other": "x" * 500})
    (tmp_path / new).parent.mkdir(exist_ok=True)
    git(tmp_path, "mv", old, new)
    (tmp_path / new).write_text(TASK + "# edited\n")
    assert CommitFiles(tmp_path, base).renamed_from(PurePosixPath(new)) == PurePosixPath(found)
    assert CommitFiles(tmp_path, base).renamed_from(PurePosixPath("other")) is None


def test_a_registry_that_came_from_outside_rootdir_is_new(tmp_path: Path) -> None:
    base = committed(tmp_path, {"conf/a.yaml": TASK, "inner/b.yaml": "x" * 500, "inner/c": "x"})
    git(tmp_path, "mv", "conf/a.yaml", "inner/a.yaml")
    git(tmp_path, "mv", "inner/b.yaml", "inner/d.yaml")
    files = CommitFiles(tmp_path / "inner", base)
    assert files.renamed_from(PurePosixPath("a.yaml")) is None
    assert files.renamed_from(PurePosixPath("d.yaml")) == PurePosixPath("b.yaml")


def test_a_link_that_is_the_same_leads_to_what_it_led_to_in_the_base(tmp_path: Path) -> None:
    # Else the base's registry would be head's: no change would ever be seen.
    tree(tmp_path, {"conf/routes.yaml": TASK, "shared/p.yaml": "system: Old.\n"})
    (tmp_path / "modelroute.yaml").symlink_to("conf/routes.yaml")
    (tmp_path / "prompts").symlink_to("shared")
    (tmp_path / "conf/up.yaml").symlink_to("../prompts/p.yaml")
    base = committed(tmp_path, {"p.yaml": "a: 1\n"})
    tree(
        tmp_path, {"conf/routes.yaml": TASK.replace("sonnet\n    p", "haiku\n    p"), "shared/p.yaml": "system: New.\n"}
    )
    files = CommitFiles(tmp_path, base)
    assert files.read(PurePosixPath("modelroute.yaml")) == TASK.encode()
    assert files.read(PurePosixPath("prompts/p.yaml")) == b"system: Old.\n"
    assert files.read(PurePosixPath("conf/up.yaml")) == b"system: Old.\n"
    registries = [load_registry(each, PurePosixPath("modelroute.yaml")) for each in (files, WorkingTree(tmp_path))]
    assert [change.kind.value for change in compare(*registries)] == ["downgrade"]


@pytest.mark.parametrize("target", ["a", "../outside", "/etc/passwd", "gone"])
def test_a_link_to_nothing_in_the_repository_does_not_exist(tmp_path: Path, target: str) -> None:
    (tmp_path / "a").symlink_to(target)
    base = committed(tmp_path, {"b": "x"})
    with pytest.raises(FileNotFoundError):
        CommitFiles(tmp_path, base).read(PurePosixPath("a"))
