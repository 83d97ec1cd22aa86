"""The house's rules: imports point one way, loading is light, modules stay small."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pytest_modelroute
from pytest_modelroute.registry.rootdir import DEFAULT_REGISTRY

from .projects import Project

PACKAGE = Path(pytest_modelroute.__file__).parent
WINGS = ("reporting", "routing", "judgement", "evaluation", "cassettes", "registry")  # top to bottom
TOPS = ("plugin", "cli")  # above them, side by side
HEAVY = ("anthropic", "vcr", "httpx2", "jsonschema", "yaml", "jinja2", "rich", "scipy", "referencing")
MODULES = sorted(PACKAGE.rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """The absolute names of all modules that a file imports, TYPE_CHECKING blocks left out."""
    package = path.relative_to(PACKAGE.parent).with_suffix("").parts[:-1]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            yield ".".join([*base, *([node.module] if node.module else [])])


@pytest.fixture(scope="module")
def imports() -> dict[Path, list[str]]:
    return {path: list(imported(path)) for path in MODULES}


def test_imports_point_down(imports: dict[Path, list[str]]) -> None:
    for path, names in imports.items():
        parts = path.relative_to(PACKAGE).parts
        own = "cli" if parts == ("__main__.py",) else parts[0] if len(parts) > 1 else None
        above = WINGS[: WINGS.index(own)] if own in WINGS else WINGS if own is None else ()
        forbidden = {*above, *(top for top in TOPS if top != own)}
        for name in names:
            if name.startswith("pytest_modelroute."):
                assert name.split(".")[1] not in forbidden, f"{path} imports {name}, which lies above or beside it"


def test_the_default_registry_s_name_is_written_once_and_in_the_hooks() -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in MODULES}
    writing = {str(path.relative_to(PACKAGE)) for path, text in texts.items() if f'"{DEFAULT_REGISTRY}"' in text}
    assert writing == {"registry/rootdir.py", "plugin/hooks.py"}


def test_every_folder_is_a_wing() -> None:
    assert {path.relative_to(PACKAGE).parts[0] for path in MODULES if path.parent != PACKAGE} == {*WINGS, *TOPS}


def test_each_import_stands_where_it_may(imports: dict[Path, list[str]]) -> None:
    for path in MODULES:
        wing = path.relative_to(PACKAGE).parts[0]
        names = {name.split(".")[0] for name in imports[path]}
        if wing != "plugin":
            assert not names & {"pytest", "_pytest"}, path
        if path.name not in ("recorder.py", "client.py", "playback.py"):
            assert not names & {"anthropic", "vcr", "httpx2"}, path
        if wing == "judgement":
            own = {name for name in imports[path] if name.startswith("pytest_modelroute")}
            assert own <= {
                "pytest_modelroute.registry.catalogue",
                "pytest_modelroute.registry.model",
                *(f"pytest_modelroute.judgement.{p.stem}" for p in path.parent.glob("*.py")),
            }, path
            assert names - {"pytest_modelroute"} <= sys.stdlib_module_names, path
            assert not names & {"os", "io", "pathlib", "time", "datetime", "random", "socket"}, path


def test_a_module_has_one_responsibility_s_length() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert [path for path, lines in lengths.items() if lines > 280] == []


def loaded_modules(code: str, folder: Path) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sorted(sys.modules), sep='\\n')"],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
    )
    return set(done.stdout.split())


def test_loading_the_plugin_imports_the_standard_library_and_pytest_only(tmp_path: Path) -> None:
    before = loaded_modules("import pytest", tmp_path)
    after = loaded_modules("import pytest, pytest_modelroute.plugin.hooks", tmp_path)
    assert sorted(after - before) == [
        "pytest_modelroute",
        "pytest_modelroute.plugin",
        "pytest_modelroute.plugin.hooks",
    ]


def test_a_session_without_the_switch_leaves_nothing_heavy_behind(project: Project) -> None:
    (project.folder / "test_own.py").write_text("def test_own():\n    pass\n")
    (project.folder / "guard.py").write_text(
        "import sys\ndef pytest_unconfigure(config):\n    print('LOADED', *sorted(sys.modules), file=sys.__stderr__)\n"
    )
    done = project.pytest_afresh("-p", "guard")
    assert done.returncode == 0, done.stdout + done.stderr
    loaded = set(done.stderr.partition("LOADED ")[2].split())
    assert {name for name in loaded if name.startswith("pytest_modelroute")} == {
        "pytest_modelroute",
        "pytest_modelroute.plugin",
        "pytest_modelroute.plugin.hooks",
    }
    assert not loaded & set(HEAVY)
