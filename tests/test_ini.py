"""The registry that an ini file names: read as pytest reads it, and never a way around the base's own."""

from __future__ import annotations

import json
import os
from pathlib import Path, PurePosixPath

import pytest

from pytest_modelroute.plugin.ini import names_registry, registry_of_ini
from pytest_modelroute.registry.files import WorkingTree
from pytest_modelroute.registry.rootdir import DEFAULT_REGISTRY

from .projects import Project, git
from .test_gate import report

INI_FILES = {
    "nothing": ({}, DEFAULT_REGISTRY),
    "an ini file": ({"pytest.ini": "[pytest]\nmodelroute_registry = a/b.yaml\n"}, "a/b.yaml"),
    "an ini file without its section": ({"pytest.ini": "", "tox.ini": "[pytest]\nmodelroute_registry=b\n"}, None),
    "a hidden one": ({".pytest.ini": "[pytest]\nmodelroute_registry: a.yaml\n"}, "a.yaml"),
    "a dot before": ({"pytest.ini": "[pytest]\nmodelroute_registry = ./x/../a.yaml\n"}, "a.yaml"),
    "an option": ({"pytest.ini": "[pytest]\naddopts = -q --modelroute-registry=a.yaml\n"}, "a.yaml"),
    "two words": ({"pytest.ini": "[pytest]\naddopts =\n  --modelroute-registry 'my a.yaml'\n"}, "my a.yaml"),
    "the last counts": (
        {"pytest.ini": "[pytest]\naddopts = --modelroute-registry=a --modelroute-registry=b\n"},
        "b",
    ),
    "an option before a value": (
        {"pytest.ini": "[pytest]\nmodelroute_registry = a\naddopts = --modelroute-registry=b\n"},
        "b",
    ),
    "an override": ({"pytest.ini": "[pytest]\naddopts = -o modelroute_registry=b\nmodelroute_registry = a\n"}, "b"),
    "an override in one": ({"pytest.ini": "[pytest]\naddopts = -omodelroute_registry=b\n"}, "b"),
    "a long override": ({"pytest.ini": "[pytest]\naddopts = --override-ini=modelroute_registry=b\n"}, "b"),
    "another override": ({"pytest.ini": "[pytest]\naddopts = -o testpaths=b\n"}, DEFAULT_REGISTRY),
    "tox": ({"tox.ini": "[tox]\n[pytest]\nmodelroute_registry = a.yaml\n"}, "a.yaml"),
    "setup.cfg": ({"setup.cfg": "[metadata]\n[tool:pytest]\nmodelroute_registry = a.yaml\n"}, "a.yaml"),
    "pyproject": ({"pyproject.toml": "[tool.pytest.ini_options]\nmodelroute_registry = 'a.yaml'\n"}, "a.yaml"),
    "pyproject's list": (
        {"pyproject.toml": "[tool.pytest.ini_options]\naddopts = ['-q', '--modelroute-registry', 'a.yaml']\n"},
        "a.yaml",
    ),
    "pyproject without pytest": (
        {"pyproject.toml": "[tool.ruff]\n", "tox.ini": "[pytest]\nmodelroute_registry = a.yaml\n"},
        "a.yaml",
    ),
    "an ini file before pyproject": (
        {
            "pyproject.toml": "[tool.pytest.ini_options]\nmodelroute_registry = 'a.yaml'\n",
            "pytest.ini": "[pytest]\nmodelroute_registry = b.yaml\n",
        },
        "b.yaml",
    ),
}


@pytest.mark.parametrize(("files", "expected"), INI_FILES.values(), ids=INI_FILES)
def test_the_registry_is_the_one_that_pytest_itself_reads(
    files: dict[str, str], expected: str | None, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    for name, text in files.items():
        (pytester.path / name).write_text(text)
    config = pytester.parseconfig()
    assert config.rootpath == pytester.path
    read = config.option.modelroute_registry or config.getini("modelroute_registry")
    inipath = None if config.inipath is None else PurePosixPath(config.inipath.name)
    found = registry_of_ini(WorkingTree(pytester.path), inipath)
    assert found == PurePosixPath(os.path.normpath(read))
    assert str(found) == (expected or DEFAULT_REGISTRY)


NATIVE = {
    "pytest.toml": "[pytest]\nmodelroute_registry = 'a.yaml'\n",
    ".pytest.toml": "[pytest]\naddopts = ['--modelroute-registry=a.yaml']\n",
    "pyproject.toml": "[tool.pytest]\nmodelroute_registry = 'a.yaml'\n",
    "own.ini": "[pytest]\nmodelroute_registry = a.yaml\n",
    "own.toml": "[tool.pytest.ini_options]\nmodelroute_registry = 'a.yaml'\n",
}


@pytest.mark.parametrize("name", NATIVE)
def test_files_that_only_newer_pytest_or_a_typed_name_finds(name: str, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / name).write_text(NATIVE[name])
    assert registry_of_ini(WorkingTree(tmp_path), PurePosixPath("sub") / name) == PurePosixPath("a.yaml")
    assert registry_of_ini(WorkingTree(tmp_path), PurePosixPath("pytest.ini")) == PurePosixPath(DEFAULT_REGISTRY)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pytest.ini", "no section = here"),
        ("pytest.ini", "[pytest]\naddopts = 'open\n"),
        ("pyproject.toml", "["),
        ("pytest.toml", ""),
    ],
)
def test_a_broken_ini_file_of_the_base_names_nothing(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    assert registry_of_ini(WorkingTree(tmp_path), None) == PurePosixPath(DEFAULT_REGISTRY)


def test_what_is_typed() -> None:
    assert names_registry(["--modelroute", "-o", "testpaths=x", "tests"]) is None
    assert names_registry(["--modelroute-registry-of-others=x"]) is None
    assert names_registry(["-o", "modelroute_registry=x", "-n", "2"]) == "x"


def lax(repository: Project, name: str = "lax.yaml") -> None:
    """Another registry beside the first, in which a bad tier is good enough."""
    text = repository.registry.read_text().replace("  classify:\n    tier: large", "  classify:\n    tier: nano")
    assert "tier: nano" in text
    (repository.folder / name).write_text(
        text.replace("fields: [label]}", "fields: [label]}\n    gate: {max_error: 0.9}")
    )


WAYS = {
    "modelroute_registry": lambda text: text.replace("[pytest]", "[pytest]\nmodelroute_registry = lax.yaml"),
    "addopts": lambda text: text.replace("addopts =", "addopts = --modelroute-registry=lax.yaml"),
    "addopts, as an override": lambda text: text.replace("addopts =", "addopts = -o modelroute_registry=lax.yaml"),
}


@pytest.mark.parametrize("way", WAYS)
def test_an_ini_file_that_names_another_registry_is_judged_against_the_one_before(
    way: str, repository: Project
) -> None:
    ini = repository.folder / "pytest.ini"
    ini.write_text(WAYS[way](ini.read_text()))
    lax(repository)
    for more in ((), ("-n", "2")):
        done = repository.pytest("--modelroute", "--modelroute-base=main", "--modelroute-json=report.json", *more)
        assert done.returncode == 1
        assert "the registry was modelroute.yaml in main: compared with that" in done.stdout
        read = json.loads((repository.folder / "report.json").read_text())
        assert read["registry"] == "lax.yaml"
        assert [(change["kind"], change["task"]) for change in read["changes"]] == [
            ("downgrade", "classify"),
            ("threshold_raised", "classify"),
        ]


def test_so_is_one_that_the_base_has_too_and_did_not_use(repository: Project) -> None:
    git(repository.folder, "checkout", "-q", "main")
    lax(repository)
    git(repository.folder, "add", "lax.yaml")
    git(repository.folder, "commit", "-q", "-m", "a registry for experiments")
    git(repository.folder, "checkout", "-q", "-b", "switch")
    repository.replace("[pytest]", "[pytest]\nmodelroute_registry = lax.yaml", "pytest.ini")
    read = report(repository, "--modelroute-base=main", status=1)
    assert [change["kind"] for change in read["changes"]] == ["downgrade", "threshold_raised"]
    # Who types it says which one is meant, and the base has that one as well.
    read = report(repository, "--modelroute-base=main", "--modelroute-registry=lax.yaml", status=0)
    assert read["changes"] == []


@pytest.mark.parametrize(
    "line",
    ["--co", "--collect-only", "--fixtures", "--fixtures-per-test", "--markers", "--version"],
)
def test_an_ini_file_does_not_keep_the_gates_from_running(line: str, repository: Project) -> None:
    repository.move("classify", "nano")
    ini = (repository.folder / "pytest.ini").read_text()
    (repository.folder / "pytest.ini").write_text(ini.replace("addopts =", f"addopts = {line}"))
    done = repository.pytest("--modelroute", "--modelroute-base=main")
    assert (done.returncode, " stands in `addopts`, and with a base the gates have to run" in done.stderr) == (4, True)
    (repository.folder / "pytest.ini").write_text(ini)
    assert repository.pytest("--modelroute", "--modelroute-base=main", line).returncode == 0  # who types it knows


def test_nor_does_one_that_asks_for_help(repository: Project) -> None:
    ini = (repository.folder / "pytest.ini").read_text()
    (repository.folder / "pytest.ini").write_text(ini.replace("addopts =", "addopts = -h"))
    done = repository.pytest("--modelroute")
    assert (done.returncode, "`addopts` asks for help instead" in done.stderr) == (4, True)
    assert repository.pytest("--modelroute", "-h").returncode == 0


@pytest.mark.parametrize("more", ["modelroute_record = new_episodes", "modelroute_verify = 1", ""])
def test_an_ini_file_makes_no_gate_a_dry_run(more: str, repository: Project) -> None:
    repository.move("classify", "nano")
    repository.replace("[pytest]", f"[pytest]\nmodelroute_dry_run = true\n{more}", "pytest.ini")
    done = repository.pytest("--modelroute", "--modelroute-base=main")
    assert done.returncode == 4
    assert "`modelroute_dry_run` stands in the ini file, and with a base the gates have to run" in done.stderr
    done = repository.pytest("--modelroute", "--modelroute-base=main", "--modelroute-dry-run")
    assert "`modelroute_dry_run` stands" not in done.stderr


def test_a_base_that_is_broken_itself_says_how_it_is_mended(repository: Project) -> None:
    git(repository.folder, "checkout", "-q", "main")
    good = repository.registry.read_text()
    repository.replace("tasks:", "tusks:")
    git(repository.folder, "commit", "-q", "-a", "-m", "broken")
    git(repository.folder, "checkout", "-q", "-b", "mended")
    repository.registry.write_text(good)
    done = repository.pytest("--modelroute", "--modelroute-base=main")
    assert done.returncode == 4
    assert "unknown key 'tusks'" in done.stderr
    told = "fix: main is broken itself: gate the change that mends it once with --modelroute-base=, without a base"
    assert told in done.stderr
    assert repository.pytest("--modelroute", "--modelroute-base=").returncode == 0


def test_an_ini_file_may_go_where_another_one_names_the_registry(repository: Project) -> None:
    git(repository.folder, "mv", "modelroute.yaml", "routes.yaml")
    repository.replace("[pytest]", "[pytest]\nmodelroute_registry = routes.yaml", "pytest.ini")
    git(repository.folder, "commit", "-q", "-a", "-m", "elsewhere")
    git(repository.folder, "branch", "-f", "main")
    (repository.folder / "routes.yaml").rename(repository.folder / "own.yaml")
    lines = '[tool.pytest.ini_options]\nmodelroute_registry = "own.yaml"\naddopts = "-p no:randomly -p no:shard"\n'
    (repository.folder / "pyproject.toml").write_text(lines)
    (repository.folder / "pytest.ini").unlink()
    read = report(repository, "--modelroute-base=main", status=0)
    assert (read["registry"], read["changes"]) == ("own.yaml", [])
