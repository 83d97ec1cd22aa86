"""The router at run time: what it imports, and that it needs neither pytest nor vcr."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .routed import decisions, labelled, served

CALL = """
import asyncio, sys
from pytest_modelroute import Router
with Router.from_file(sys.argv[1]) as router:
    print(router.call("classify", text="message 4").output["label"])
async def main():
    async with Router.from_file(sys.argv[1]) as router:
        print((await router.acall("classify", text="message 4")).output["label"])
asyncio.run(main())
"""
TELL = """
print(*sorted(sys.modules))
"""
FORBID = """
import sys
class Forbidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("pytest", "_pytest", "pluggy", "vcr"):
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
sys.meta_path.insert(0, Forbidden())
"""


def run(code: str, *arguments: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent.parent,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_a_service_imports_neither_pytest_nor_vcr_nor_the_plugin(tmp_path: Path) -> None:
    with served(tmp_path, lambda body, number: labelled()) as (project, _):
        project.replace("  classify:\n", "  classify:\n    shadow: {tier: small, rate: 1}\n")
        first, second, *loaded = run(CALL + TELL, str(project.registry))
    assert (first, second) == ("refund", "refund")
    tops = {name.partition(".")[0] for name in loaded}
    assert "anthropic" in tops
    assert not tops & {"pytest", "_pytest", "pluggy", "vcr", "rich", "scipy"}
    wings = {name.split(".")[1] for name in loaded if name.startswith("pytest_modelroute.")}
    assert not wings & {"plugin", "cli", "reporting", "judgement"}


def test_a_service_works_where_pytest_and_vcr_are_not_installed(tmp_path: Path) -> None:
    with served(tmp_path, lambda body, number: labelled()) as (project, _):
        project.replace("  classify:\n", "  classify:\n    shadow: {tier: small, rate: 1}\n")
        assert run(FORBID + CALL, str(project.registry)) == ["refund", "refund"]
    assert [line.outcome.value for line in decisions(project)] == ["answered"] * 4


def test_asking_for_a_model_loads_no_sdk(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pytest_modelroute import Router\nprint(Router.from_file(sys.argv[1]).model_for('classify'))"
    )
    with served(tmp_path, lambda body, number: labelled()) as (project, _):
        model, *loaded = run(code + TELL, str(project.registry))
    assert model == "nano-1"
    assert not {"anthropic", "httpx2", "pydantic"} & set(loaded)
