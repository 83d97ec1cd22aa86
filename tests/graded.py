"""A project whose replies a model grades: small answers, large grades, and a server plays both."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from .live import live_project
from .messages_server import MessagesServer, Reply, message
from .projects import Project

__all__ = ["RUBRIC", "Models", "graded_project", "verdict", "write_labels"]

RUBRIC = """\
system: 'Judge the reply. Answer with {"reasons": "...", "verdict": "right" or "wrong"}.'
messages:
  - {role: user, content: "Grade the reply to: {{ input.text }}\\nReply: {{ output }}\\nIt should name: {{ expected }}"}
max_tokens: 200
"""


def verdict(right: bool, reasons: str = "I read it.", **changes: Any) -> Reply:
    """A grade."""
    return message(json.dumps({"reasons": reasons, "verdict": "right" if right else "wrong"}), **changes)


class Models:
    """Answers `wrong` cases wrongly. The grader flags `flagged`, which need not be the same; `odd` grades as given."""

    def __init__(self, wrong: Iterable[int] = (), flagged: Iterable[int] = ()) -> None:
        self.wrong = frozenset(wrong)
        self.flagged = frozenset(flagged)
        self.odd: dict[int, Callable[[], Reply]] = {}

    def __call__(self, body: dict[str, Any], number: int) -> Reply:
        text = body["messages"][-1]["content"]
        case = int(re.findall(r"message (\d+)", text)[0])
        if text.startswith("Grade"):
            if case in self.odd:
                return self.odd[case]()
            return verdict(case not in self.flagged, f"I read reply {case}.", model=body["model"])
        return message("No idea." if case in self.wrong else f"Received {case}, {body['model']}.", model=body["model"])


def graded_project(folder: Path, server: MessagesServer, cases: int = 6, gate: str = "") -> Project:
    """Nothing is recorded yet. `gate` are further keys of the gate."""
    project = live_project(folder, server, cases, only="reply")
    (project.folder / "prompts/rubric.yaml").write_text(RUBRIC)
    project.replace(
        "    score: {kind: contains, ignore_case: true}\n",
        "    score: {kind: grader, tier: large, rubric: prompts/rubric.yaml}\n"
        + (f"    gate: {{{gate}}}\n" if gate else ""),
    )
    return project


def write_labels(project: Project, labels: Iterable[dict[str, Any]], about: str = "by hand") -> None:
    path = project.folder / "audits/reply.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in ({"about": about}, *labels)))
