"""Fixtures shared by the end-to-end tests."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from .live import Forks, warm_forks
from .projects import Project, branched, record_template

pytest_plugins = ["pytester"]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The recorded project; tests copy it. One worker records it for all."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / "template"
    with (shared / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return Project(folder) if folder.exists() else record_template(folder)


@pytest.fixture(scope="session")
def forks() -> Forks:
    """Runs of pytest that start quickly, for tests that need many, or to stop them."""
    return warm_forks()


@pytest.fixture
def project(template: Project, tmp_path: Path) -> Project:
    """A fresh copy of the recorded project."""
    return template.copied(tmp_path / "project")


@pytest.fixture(scope="session")
def committed(template: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The recorded project in a git repository; tests copy it."""
    return branched(template.copied(tmp_path_factory.mktemp("committed") / "project"))


@pytest.fixture
def repository(committed: Project, tmp_path: Path) -> Project:
    """The project in a git repository, its first commit on `main`, with a branch `change` checked out."""
    return committed.copied(tmp_path / "project")
