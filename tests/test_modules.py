"""The project's modules that a module imports, told from its text."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from pytest_modelroute.registry.files import WorkingTree
from pytest_modelroute.registry.modules import find_module, imported_sources

TREE = {
    "conf/main.py": "import json, helpers.deep\nfrom package import name, inner\n",
    "conf/helpers/__init__.py": "",
    "conf/helpers/deep.py": "def late():\n    from ..helpers import beside\n    from . import other as o\n",
    "conf/helpers/beside.py": "import main\n",
    "conf/helpers/other.py": "import broken\n",
    "package/__init__.py": "from .exported import thing as name\nfrom ..outside import everything\n",
    "package/exported.py": "thing = 1\n",
    "package/inner.py": "if True:\n    import package.unused.not_there\n",
    "package/untouched.py": "import conf\n",
    "broken.py": "def\nimport package.untouched\n",
    "json.json": "no module",
}


@pytest.fixture
def files(tmp_path: Path) -> WorkingTree:
    for name, text in TREE.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return WorkingTree(tmp_path)


def test_all_that_is_imported_is_found_wherever_the_statement_stands(files: WorkingTree) -> None:
    found = imported_sources(files, "main", PurePosixPath("conf"))
    assert {str(path) for path in found} == set(TREE) - {"package/untouched.py", "json.json"}
    assert {path: source.decode() for path, source in found.items()} == {path: TREE[str(path)] for path in found}


def test_what_lies_elsewhere_is_no_module_of_the_project(files: WorkingTree) -> None:
    assert imported_sources(files, "json", PurePosixPath("conf")) == {}
    assert imported_sources(files, "", PurePosixPath("conf")) == {}
    assert find_module(files, "package.none", PurePosixPath("conf")) is None
