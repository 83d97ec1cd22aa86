"""A project of any size for the benchmarks: its recordings are made up, since only their handling is timed."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath

from pytest_modelroute.cassettes.lines import Interaction, cassette_text
from pytest_modelroute.cassettes.replay import cassette_path
from pytest_modelroute.evaluation.evaluate import TaskMaterial
from pytest_modelroute.evaluation.project import load_project
from pytest_modelroute.evaluation.requests import wire_body
from pytest_modelroute.registry.files import WorkingTree
from pytest_modelroute.registry.loading import load_registry
from pytest_modelroute.registry.model import Tier

__all__ = ["cassette_of", "message", "write_parametrized", "write_project"]

REGISTRY = """\
version: 1
tiers:
TIERSdefault_tier: small
defaults:
  request: {max_tokens: 64, extra_body: {temperature: 0}}
tasks:
  classify:
    tier: ASSIGNED
    golden: golden.jsonl
    prompt: prompt.yaml
    output: {format: json, schema: schema.json, confidence: /confidence}
    score: {kind: fields, fields: [label]}
"""

PROMPT = """\
system: Classify the message of a customer. Answer with JSON.
messages:
  - {role: user, content: "Where is my parcel?"}
  - {role: assistant, content: '{"label": "shipping", "confidence": 0.9}'}
  - {role: user, content: "{{ input.text }}"}
"""

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["label", "confidence"],
    "properties": {"label": {"enum": ["refund", "shipping", "other"]}, "confidence": {"type": "number"}},
}

LABELS = ("refund", "shipping", "other")


def write_project(folder: Path, cases: int, tiers: tuple[str, ...] = ("small",)) -> None:
    """A registry with one task of `cases` golden cases, recorded on each of `tiers`, cheapest first.

    One answer in fifty of the first tier is wrong, and one in a hundred of the second.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pytest.ini").write_text("[pytest]\n")
    tier_lines = "".join(
        f"  - {{name: {name}, model: bench-{name}, base_url: http://127.0.0.1:9, price: {{input: 1.0, output: 5.0}}}}\n"
        for name in tiers
    )
    (folder / "modelroute.yaml").write_text(REGISTRY.replace("TIERS", tier_lines).replace("ASSIGNED", tiers[-1]))
    (folder / "prompt.yaml").write_text(PROMPT)
    (folder / "schema.json").write_text(json.dumps(SCHEMA))
    lines = [
        json.dumps(
            {
                "id": f"case-{number:06}",
                "input": {"text": f"My order {number} has not arrived and I would like to know what happens now."},
                "expected": {"label": LABELS[number % 3]},
            }
        )
        for number in range(cases)
    ]
    (folder / "golden.jsonl").write_text("\n".join(lines) + "\n")
    files = WorkingTree(folder)
    project = load_project(files, load_registry(files, PurePosixPath("modelroute.yaml")), folder)
    material = project.materials["classify"]
    for rank, tier in enumerate(project.registry.tiers):
        _record(folder, material, tier, 50 * (rank + 1))


def _record(folder: Path, material: TaskMaterial, tier: Tier, every: int) -> None:
    """Write the cassette of one tier: one answer in so many is wrong."""
    interactions = []
    for number, case in enumerate(material.cases):
        label = LABELS[(number + (number % every == 0)) % 3]
        body = message(tier.model, label, number)
        arguments = material.asker.call(case, tier).arguments
        interactions.append(
            Interaction(
                task="classify",
                case=case.id,
                sample=0,
                key=material.asker.key(case, tier),
                recorded_at="2026-11-21T12:00:00Z",
                latency_ms=200,
                recordings=1,
                digest="",
                method="POST",
                uri="http://127.0.0.1:9/v1/messages",
                request_headers={"content-type": ["application/json"]},
                request_body=json.dumps(wire_body(tier, arguments)),
                status=200,
                reason="OK",
                response_headers={"content-type": ["application/json"]},
                response_body=body,
            ).sealed()
        )
    cassette = folder / cassette_path(PurePosixPath("cassettes"), "classify", tier.model)
    cassette.parent.mkdir(parents=True, exist_ok=True)
    cassette.write_text(cassette_text(interactions), encoding="utf-8")


def message(model: str = "bench-small", label: str = "refund", number: int = 1) -> str:
    """An answer's body as a server sends it."""
    return json.dumps(
        {
            "id": f"msg_{number}",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [{"type": "text", "text": json.dumps({"label": label, "confidence": 0.9})}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 80, "output_tokens": 12},
        }
    )


def cassette_of(task: str) -> PurePosixPath:
    return cassette_path(PurePosixPath("cassettes"), task, "bench-small")


def write_parametrized(folder: Path, cases: int) -> None:
    """As many empty parametrized tests."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_empty.py").write_text(
        f"import pytest\n\n\n@pytest.mark.parametrize('case', range({cases}))\ndef test_empty(case):\n    pass\n"
    )
