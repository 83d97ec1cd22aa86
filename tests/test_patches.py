"""Unified diffs, held against `git apply` itself."""

from __future__ import annotations

import subprocess
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_modelroute.registry.patches import unified_diff

from .projects import git

OLD = "".join(f"line {number}\n" for number in range(1, 21))


def apply(folder: Path, path: str, old: str, new: str) -> None:
    """Have git make `new` of `old`."""
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(old.encode())
    patch = unified_diff(PurePosixPath(path), old, new)
    command = ["git", "apply", "--whitespace=nowarn", "-"]
    done = subprocess.run(command, cwd=folder, input=patch.encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode() + patch
    assert file.read_bytes() == new.encode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("patched")
    git(folder, "init", "-q")
    return folder


def test_one_line_has_three_around_it() -> None:
    assert unified_diff(PurePosixPath("a/b.yaml"), OLD, OLD.replace("line 10\n", "LINE 10\nmore\n")) == (
        "--- a/a/b.yaml\n+++ b/a/b.yaml\n@@ -7,7 +7,8 @@\n"
        " line 7\n line 8\n line 9\n-line 10\n+LINE 10\n+more\n line 11\n line 12\n line 13\n"
    )
    assert unified_diff(PurePosixPath("b.yaml"), OLD, OLD) == ""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("one", "two"),
        ("one\n", "one"),
        ("one", "one\n"),
        ("a\r\nb\r\nc", "a\r\nB\r\nc"),
        ("a\r\nb\r\nc", "a\r\nb\r\nc\r\nd"),
        ("a\u2028b\x85c\rd\n", "a\u2028b\x85C\rd\n"),
        ("\ufeffa\nb\n", "\ufeffA\nb\n"),
        ("a\nb\n", "a\n"),
        ("a\na\na\n", "a\na\n"),
        ("", "a\n"),
    ],
    ids=repr,
)
def test_lines_keep_their_ends(folder: Path, old: str, new: str) -> None:
    apply(folder, "ends.yaml", old, new)


@pytest.mark.parametrize("name", ["a b.yaml", "é/日本.yaml", 'a"b.yaml', "a\\b.yaml", "a\tb.yaml", "-a.yaml", "a' b.y"])
def test_odd_names_are_written_as_git_does(folder: Path, name: str) -> None:
    apply(folder, name, OLD, OLD.replace("line 1\n", "LINE 1\n"))


lines = st.lists(st.sampled_from(["a", "b", "tier: x", "", " ", "\\ No newline", "--- a", "@@", "c\r"]), max_size=12)
texts = st.builds(lambda found, end: "\n".join(found) + end, lines, st.sampled_from(["", "\n"]))


@given(texts, texts)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_git_makes_any_text_of_any_other(folder: Path, old: str, new: str) -> None:
    if old and new and old != new:  # a file that is there, and stays
        apply(folder, "any.yaml", old, new)
