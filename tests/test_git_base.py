"""The base commit, found with real git: the merge base, and what each repository that has none says."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

import pytest

from pytest_modelroute.errors import InputError
from pytest_modelroute.registry.base import Commit, CommitFiles, merge_base

from .projects import git

DEEPEN = "git fetch --unshallow (in GitHub Actions: actions/checkout with fetch-depth: 0; in GitLab: GIT_DEPTH: 0)"


@pytest.fixture(autouse=True)
def own_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


def commit(folder: Path, **files: str) -> str:
    """Write the files (`a_txt` is a.txt) and commit all that is there."""
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_text(content)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", "x")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """`main` and `change` have both gone on since they parted."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    commit(folder, a_txt="first")
    commit(folder, a_txt="parted")
    git(folder, "checkout", "-q", "-b", "change")
    commit(folder, a_txt="changed")
    git(folder, "checkout", "-q", "main")
    commit(folder, a_txt="went on")
    git(folder, "checkout", "-q", "change")
    return folder


def error(folder: Path, ref: str = "main") -> str:
    with pytest.raises(InputError) as caught:
        merge_base(folder, [ref])
    return str(caught.value)


def test_the_base_is_where_the_branches_parted_and_not_the_tip(repository: Path) -> None:
    parted = git(repository, "rev-parse", "change~1")
    assert merge_base(repository, ["main"]) == Commit("main", parted)
    assert CommitFiles(repository, parted).read(PurePosixPath("a.txt")) == b"parted"


@pytest.mark.parametrize("ref", ["change~1", "tag", "HEAD^1", "main~1"])
def test_a_base_may_be_any_name_of_a_commit(repository: Path, ref: str) -> None:
    parted = git(repository, "rev-parse", "change~1")
    git(repository, "tag", "-a", "-m", "x", "tag", parted)
    assert merge_base(repository, [ref]) == Commit(ref, parted)
    assert merge_base(repository, [parted]) == Commit(parted, parted)


def test_uncommitted_work_is_compared_with_the_branchs_own_commit(repository: Path) -> None:
    (repository / "a.txt").write_text("not committed")
    files = CommitFiles(repository, merge_base(repository, ["HEAD"]).commit)
    assert files.read(PurePosixPath("a.txt")) == b"changed"


def test_in_a_clone_of_depth_2_the_merge_commits_first_parent_is_the_base(repository: Path, tmp_path: Path) -> None:
    git(repository, "checkout", "-q", "--detach", "main")
    git(repository, "merge", "-q", "-s", "ours", "--no-ff", "-m", "merge", "change")
    git(repository, "checkout", "-q", "-b", "merged")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--depth=2", "--branch=merged", repository.as_uri(), str(clone))
    main = git(repository, "rev-parse", "main")
    assert merge_base(clone, ["HEAD^1"]) == Commit("HEAD^1", main)
    assert CommitFiles(clone, main).read(PurePosixPath("a.txt")) == b"went on"


def test_a_shallow_clone_without_the_base_says_how_to_deepen_it(repository: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--depth=1", "--branch=change", repository.as_uri(), str(clone))
    assert error(clone, "origin/main") == (
        f"--modelroute-base: git knows no commit 'origin/main'\n  valid: a branch, tag or commit\n  fix: {DEEPEN}"
    )
    assert error(clone, "HEAD^1").endswith(f"fix: {DEEPEN}")


def test_a_shallow_clone_that_hides_where_the_branches_parted_says_so(repository: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    url = repository.as_uri()
    git(tmp_path, "clone", "-q", "--depth=1", "--no-single-branch", "--branch=change", url, str(clone))
    assert error(clone, "origin/main") == (
        f"--modelroute-base: the clone is too shallow to find where HEAD left 'origin/main'\n  fix: {DEEPEN}"
    )


@pytest.mark.parametrize(
    ("ref", "branch"),
    [("origin/mian", "mian"), ("mian", "mian"), ("", ""), ("--all", "--all"), ("main:a.txt", "main:a.txt")],
)
def test_an_unknown_ref_says_how_to_fetch_it(repository: Path, ref: str, branch: str) -> None:
    assert error(repository, ref) == (
        f"--modelroute-base: git knows no commit '{ref}'\n"
        f"  valid: a branch, tag or commit\n  fix: git fetch origin {branch}"
    )


def test_a_ref_that_the_ci_named_is_told_as_the_ci_s(repository: Path) -> None:
    with pytest.raises(InputError) as caught:
        merge_base(repository, ["origin/main"], {"origin/main": "GITHUB_BASE_REF"})
    assert str(caught.value) == (
        "GITHUB_BASE_REF names the base: git knows no commit 'origin/main'\n"
        "  valid: a branch, tag or commit\n  fix: git fetch origin main"
    )


def test_a_history_of_its_own_is_no_base(repository: Path) -> None:
    git(repository, "checkout", "-q", "--orphan", "other")
    commit(repository, a_txt="other")
    assert error(repository) == (
        "--modelroute-base: 'main' and HEAD have no common ancestor\n  valid: a ref that HEAD comes from"
    )


def test_a_repository_without_a_commit_has_no_base(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    assert error(tmp_path, "HEAD").splitlines()[0] == "--modelroute-base: git knows no commit 'HEAD'"


def test_a_folder_outside_any_repository_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    told = f"{tmp_path} is not in a git repository\n  valid: a base only inside a repository"
    assert error(tmp_path) == told


def test_git_in_another_language_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Translations are seldom installed where tests run: this git has one.
    script = tmp_path / "git"
    script.write_text(
        '#!/bin/sh\nif [ "$LC_ALL" = C ]; then echo "fatal: not a git repository"; '
        'else echo "Schwerwiegend: Kein Git-Repository"; fi >&2\nexit 128\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert error(tmp_path).splitlines()[0] == f"{tmp_path} is not in a git repository"


def test_a_machine_without_git_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert error(tmp_path) == "git is not installed\n  valid: git on the PATH, or a run without a base"


@pytest.mark.parametrize("subfolder", ["", "project/inner"])
def test_a_repository_of_another_user_says_how_to_trust_it(
    repository: Path, monkeypatch: pytest.MonkeyPatch, subfolder: str
) -> None:
    rootdir = repository / subfolder
    rootdir.mkdir(parents=True, exist_ok=True)
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert error(rootdir) == (
        f"git does not trust the repository of {rootdir}: it belongs to another user\n"
        # What git wants to be told is the repository, also where rootdir is a folder in it.
        f"  fix: git config --global --add safe.directory {repository}"
    )


def test_whatever_else_git_refuses_is_an_input_error_in_its_words(repository: Path) -> None:
    (repository / ".git/config").write_text("[broken\n")
    assert re.fullmatch(r"git rev-parse failed in .*repository: fatal: bad config line 1 in file .*", error(repository))


def test_a_bare_repository_has_no_working_tree_to_compare(repository: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    git(tmp_path, "clone", "-q", "--bare", str(repository), str(bare))
    with pytest.raises(InputError, match=r"^git diff failed in .*: fatal: this operation must be run in a"):
        CommitFiles(bare, merge_base(bare, ["main"]).commit)
