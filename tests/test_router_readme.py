"""What the README says of production, run as it says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from pytest_modelroute.routing.decision_log import read_decisions

from .messages_server import MessagesServer, Reply, message
from .projects import clean_environment

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def says(body: dict[str, Any], number: int) -> Reply:
    """The dear tier is sure of the first, and says nothing of use to the second."""
    text = body["messages"][-1]["content"]
    if text == "Hi":
        return message("Hello.")
    if "haiku" in body["model"]:
        return message(json.dumps({"label": "refund", "confidence": 0.4}))
    return message("Who knows?" if text == "Whatever" else json.dumps({"label": "refund", "confidence": 0.95}))


def test_the_readme_s_router_answers_escalates_and_logs(tmp_path: Path) -> None:
    (marked,) = re.findall(r"<!-- file of the router: modelroute.yaml -->\n```yaml\n(.*?)```", README, re.DOTALL)
    (code,) = re.findall(r"<!-- run: the router -->\n```python\n(.*?)```", README, re.DOTALL)
    files = dict(re.findall(r"<!-- file: (.+?) -->\n```\w+\n(.*?)```", README, re.DOTALL))
    with MessagesServer(says) as server:
        registry = {**yaml.safe_load(files.pop("modelroute.yaml")), **yaml.safe_load(marked)}
        for tier in registry["tiers"]:
            tier.update(base_url=server.url, price={"input": tier["price"]["input"], "output": tier["price"]["output"]})
        for name, content in {"modelroute.yaml": json.dumps(registry), **files}.items():
            if not name.startswith("golden/"):
                (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / name).write_text(content)
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env={**clean_environment(), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.stdout.splitlines() == [
        f"refund sonnet True {(10 * 1 + 5 * 5) / 1e6 + (10 * 3 + 5 * 15) / 1e6}",
        "WrongKind.NOT_JSON Who knows?",
        "False sonnet",
        "claude-sonnet-4-6",
    ], done.stderr
    decisions, skipped = read_decisions(tmp_path / "log/calls.jsonl")
    assert skipped == 0
    assert [(line.task, line.outcome.value, line.known) for line in decisions if not line.shadow] == [
        ("classify_intent", "answered", True),
        ("classify_intent", "not_json", True),
        ("new_task", "answered", False),
    ]
