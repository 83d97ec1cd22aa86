"""A small project outside the repository, recorded once through a real server, copied for each test."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .messages_server import MessagesServer, Reply, message

__all__ = ["LABELS", "Project", "branched", "clean_environment", "git", "record_template"]

LABELS = ("refund", "shipping", "other")
CASES = 120

REGISTRY = """\
version: 1
tiers:
  - {name: nano, model: nano-1, base_url: "URL", price: {input: 1.0, output: 4.0, as_of: 2026-11-21}}
  - {name: small, model: small-1, base_url: "URL", price: {input: 2.0, output: 8.0, as_of: 2026-11-21}}
  - {name: large, model: large-1, base_url: "URL", price: {input: 4.0, output: 16.0, as_of: 2026-11-21}}
default_tier: large
defaults:
  request: {max_tokens: 64, extra_body: {temperature: 0}}
tasks:
  classify:
    tier: large
    golden: golden/classify.jsonl
    prompt: prompts/classify.yaml
    output: {format: json, schema: schemas/classify.json, confidence: /confidence}
    score: {kind: fields, fields: [label]}
  reply:
    tier: small
    golden: golden/reply.jsonl
    prompt: prompts/reply.yaml
    score: {kind: contains, ignore_case: true}
  draft_email:
    tier: large
"""

PROMPTS = {
    "classify": "system: Classify the message.\nmessages:\n  - {role: user, content: 'Classify: {{ input.text }}'}\n",
    "reply": "messages:\n  - {role: user, content: 'Reply: {{ input.text }}'}\n",
}

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["label", "confidence"],
    "properties": {"label": {"enum": list(LABELS)}, "confidence": {"type": "number"}},
}

# One in so many answers is wrong: nano 25 %, small 5 %, large 2.5 %; large errs where small does, and nowhere else.
EVERY = {"nano-1": 4, "small-1": 20, "large-1": 40}


def answer(body: dict[str, Any], number: int) -> Reply:
    """What the template's models say: right but for every n-th case."""
    text = body["messages"][-1]["content"]
    case = int(re.findall(r"\d+", text)[-1])
    wrong = case % EVERY.get(body["model"], 10**9) == 0
    if text.startswith("Reply"):
        return message("No idea." if wrong else f"We have received message {case}.", model=body["model"])
    label = LABELS[(case + wrong) % 3]
    return message(json.dumps({"label": label, "confidence": 0.9}), model=body["model"])


def golden_lines(task: str) -> list[dict[str, Any]]:
    if task == "classify":
        return [
            {"id": f"message-{n:03}", "input": {"text": f"message {n}"}, "expected": {"label": LABELS[n % 3]}}
            for n in range(1, CASES + 1)
        ]
    return [
        {"id": f"reply {n}", "input": {"text": f"message {n}"}, "expected": f"message {n}"} for n in range(1, CASES + 1)
    ]


PLUGINS = {
    "-n": ("xdist.plugin",),
    "--num-shards": ("pytest_shard.pytest_shard",),
    "--html": ("pytest_metadata.plugin", "pytest_html.plugin"),
}


def clean_environment() -> dict[str, str]:
    """The environment without what a CI or an outer pytest put there."""
    foreign = ("GITHUB_", "GITLAB_", "CI", "PYTEST_", "SSL_CERT_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    # Each client of the SDK would read this machine's certificates, which takes longer than all that it is to say.
    # A file that is edited within the second, to the same length, is to Python the one that it compiled before.
    return {**kept, "SSL_CERT_DIR": os.devnull, "PYTHONDONTWRITEBYTECODE": "1"}


def with_plugins(arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The arguments of such a run, and its environment."""
    plugins = ["pytest_modelroute.plugin.hooks"]
    for option, names in PLUGINS.items():
        plugins += names if any(each.startswith(option) for each in arguments) else ()
    environment = {**clean_environment(), "COLUMNS": "120", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return [*(f"-p{plugin}" for plugin in plugins), *arguments], environment


class Project:
    """A project folder with a registry, and ways to change it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def copied(self, folder: Path) -> Project:
        """The same in another folder, which is not there yet."""
        shutil.copytree(self.folder, folder)
        return Project(folder)

    @property
    def registry(self) -> Path:
        return self.folder / "modelroute.yaml"

    def replace(self, old: str, new: str, path: str = "modelroute.yaml") -> None:
        """Edit a file; the text to replace must be there."""
        file = self.folder / path
        text = file.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {path}"
        file.write_text(text.replace(old, new, 1), encoding="utf-8")

    def move(self, task: str, tier: str) -> None:
        """The one-line change."""
        text = self.registry.read_text(encoding="utf-8")
        self.registry.write_text(re.sub(rf"(  {task}:\n    tier: )\w+", rf"\g<1>{tier}", text), encoding="utf-8")

    def golden(self, task: str) -> list[dict[str, Any]]:
        text = (self.folder / f"golden/{task}.jsonl").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def write_golden(self, task: str, cases: list[dict[str, Any]]) -> None:
        path = self.folder / f"golden/{task}.jsonl"
        path.write_text("".join(json.dumps(case) + "\n" for case in cases), encoding="utf-8")

    def cassette(self, task: str, tier: str) -> Path:
        return self.folder / f"cassettes/{task}/{tier}-1.yaml"

    def pytest(self, *arguments: str, folder: str = ".", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run pytest in a process of its own, without CI's variables, with this plugin and those the options need.

        Loading only these halves the time of a run, and a fork of a warm process takes a tenth of it; the captures of
        the README run as installed, with all plugins.
        """
        from .live import warm_forks

        command, variables = with_plugins(arguments)
        done = warm_forks().start_plain(self.folder / folder, command, {**variables, **environment}).wait()
        return subprocess.CompletedProcess(command, done.returncode, done.stdout, done.stderr)

    def record_more(self, *arguments: str) -> int:
        """Record what a change lacks where the template was recorded; returns the number of calls.

        Every copy of the template names that one address, so one test at a time serves it.
        """
        port = int(self.registry.read_text(encoding="utf-8").partition("127.0.0.1:")[2].partition('"')[0])
        with Path(__file__).open(encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with MessagesServer(answer, port=port) as server:
                done = self.pytest("--modelroute", "--modelroute-record=new_episodes", "-q", *arguments)
        assert done.returncode in (0, 1), done.stdout + done.stderr  # what was recorded may be red
        return len(server.requests)

    def pytest_afresh(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The same in a new interpreter, where what it imports counts, and in workers of xdist that are such too."""
        command, variables = with_plugins(arguments)
        return subprocess.run(
            [sys.executable, "-m", "pytest", *command],
            cwd=self.folder,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )


def write_project(folder: Path, url: str) -> Project:
    for name in ("golden", "prompts", "schemas"):
        (folder / name).mkdir(parents=True)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -p no:randomly -p no:shard\n")
    (folder / "modelroute.yaml").write_text(REGISTRY.replace("URL", url))
    (folder / "schemas/classify.json").write_text(json.dumps(SCHEMA))
    project = Project(folder)
    for task, prompt in PROMPTS.items():
        (folder / f"prompts/{task}.yaml").write_text(prompt)
        project.write_golden(task, golden_lines(task))
    return project


def record_template(folder: Path) -> Project:
    """Write the project and record all its tiers, through the plugin, the SDK, vcrpy and a real server."""
    with MessagesServer(answer) as server:
        project = write_project(folder, server.url)
        done = project.pytest("--modelroute", "--modelroute-record=new_episodes", "--modelroute-record-tiers=all", "-q")
        assert done.returncode == 0, done.stdout + done.stderr
    shutil.rmtree(folder / ".pytest_cache", ignore_errors=True)
    return project


def git(folder: Path, *arguments: str) -> str:
    """Run git as a committer of its own."""
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL
    )
    return done.stdout.strip()


def branched(project: Project) -> Project:
    """The project in a git repository, its first commit on `main`, with a branch `change` checked out."""
    git(project.folder, "init", "-q", "-b", "main", "--template=")  # without the hooks that nobody needs
    git(project.folder, "add", ".")
    git(project.folder, "commit", "-q", "-m", "base")
    git(project.folder, "checkout", "-q", "-b", "change")
    return project
