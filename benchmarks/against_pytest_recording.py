"""The same cases through pytest-recording and the SDK, run in turn: `python -m benchmarks.against_pytest_recording`."""

from __future__ import annotations

import json
import os
import statistics
import tempfile
from pathlib import Path

from pytest_modelroute.cassettes.index import open_cassette
from pytest_modelroute.cassettes.lines import cassette_text
from pytest_modelroute.registry.files import WorkingTree

from .measuring import measured
from .project import cassette_of, write_project

ROUNDS = int(os.environ.get("ROUNDS", "5"))
CASES = 500

TEST = """
import json
import anthropic
import pytest

CASES = [json.loads(line) for line in open("golden.jsonl", encoding="utf-8")]
SHARED = anthropic.Anthropic(api_key="none", base_url="http://127.0.0.1:9", max_retries=0)

@pytest.mark.vcr
@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_case(case):
    client = CLIENT
    answer = client.messages.create(
        model="bench-small", max_tokens=64, extra_body={"temperature": 0},
        messages=[{"role": "user", "content": case["input"]["text"]}],
    )
    assert "label" in json.loads(answer.content[0].text)
"""
CLIENTS = {
    "shared client": "SHARED",
    "client per test": 'anthropic.Anthropic(api_key="none", base_url="http://127.0.0.1:9", max_retries=0)',
}


def write_recording(folder: Path, source: Path, client: str) -> None:
    """One cassette a test, as pytest-recording keeps them."""
    (folder / "cassettes" / "test_cases").mkdir(parents=True)
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_cases.py").write_text(TEST.replace("CLIENT", client, 1))
    (folder / "golden.jsonl").write_bytes((source / "golden.jsonl").read_bytes())
    for interaction in open_cassette(WorkingTree(source), cassette_of("classify")).interactions():
        path = folder / "cassettes" / "test_cases" / f"test_case[{interaction.case}].yaml"
        path.write_text(cassette_text([interaction]), encoding="utf-8")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        write_project(root / "ours", CASES)
        for kind, client in CLIENTS.items():
            write_recording(root / kind, root / "ours", client)
        runs: dict[str, list[float]] = {}
        for _ in range(ROUNDS):
            ours, _ = measured(root / "ours", "-p", "pytest_modelroute.plugin.hooks", "--modelroute")
            runs.setdefault("modelroute", []).append(ours)
            for kind in CLIENTS:
                theirs, _ = measured(root / kind, "-p", "pytest_recording.plugin", "--record-mode=none")
                runs.setdefault(kind, []).append(theirs)
    print(
        json.dumps({kind: round(statistics.median(cpu), 2) for kind, cpu in runs.items()}), "s CPU for", CASES, "cases"
    )
    for kind in CLIENTS:
        ratios = [theirs / ours for theirs, ours in zip(runs[kind], runs["modelroute"], strict=True)]
        spread = f"{min(ratios):.1f} to {max(ratios):.1f}"
        print(f"pytest-recording, {kind}: {statistics.median(ratios):.1f} times the CPU ({spread})")


if __name__ == "__main__":
    main()
