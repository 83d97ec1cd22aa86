"""What changed between two registries: every kind, and everything that is no change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_modelroute.registry.changes import Change, ChangeKind, compare

from .trees import load

BASE = """\
version: 1
tiers:
  - {name: haiku, model: h}
  - {name: sonnet, model: s, request: {extra_body: {effort: low}}}
  - {name: opus, model: o}
default_tier: opus
defaults:
  request: {max_tokens: 64}
tasks:
  intent:
    tier: sonnet
    golden: g.jsonl
    prompt: p.yaml
  reply:
    tier: haiku
"""

FILES: dict[str, str | bytes] = {
    "g.jsonl": "",
    "p.yaml": "system: Classify.\nmessages: [{role: user, content: '{{ input.text }}'}]\n",
    "rules.txt": "Be kind.\n",
}


def changes(
    folder: Path, head: str, head_files: dict[str, str | bytes] | None = None, base: str = BASE
) -> tuple[Change, ...]:
    before = load(folder / "base", base, FILES)
    after = load(folder / "head", head, FILES | (head_files or {}))
    return compare(before, after)


def told(found: tuple[Change, ...]) -> list[tuple[str, str | None, Any, Any, str]]:
    return [(each.kind.value, each.task, each.old, each.new, str(each.place)) for each in found]


def edited(*pairs: tuple[str, str], text: str = BASE) -> str:
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    return text


CHEAPEST = "  - {name: haiku"
SONNET = "  - {name: sonnet, model: s, request: {extra_body: {effort: low}}}\n"
LOW = {"extra_body": {"effort": "low"}}
INTENT = "    tier: sonnet\n    golden"
KINDS: dict[str, tuple[str, list[tuple[str, str | None, Any, Any, str]]]] = {
    "a step down": (
        edited((INTENT, "    tier: haiku\n    golden")),
        [("downgrade", "intent", "sonnet", "haiku", "modelroute.yaml:11")],
    ),
    "a step up": (
        edited(("    tier: haiku", "    tier: opus")),
        [("upgrade", "reply", "haiku", "opus", "modelroute.yaml:15")],
    ),
    "another model under the tier": (
        edited(("model: h", "model: tiny")),
        [("model_swap", "reply", "h", "tiny", "modelroute.yaml:3")],
    ),
    "another address under the tier": (
        edited(("model: h", "model: h, base_url: 'http://127.0.0.1:1'")),
        [("model_swap", "reply", None, "http://127.0.0.1:1", "modelroute.yaml:3")],
    ),
    "another argument of the task": (
        edited(("    prompt: p.yaml", "    prompt: p.yaml\n    request: {max_tokens: 8}")),
        [("request_changed", "intent", {"max_tokens": 64}, {"max_tokens": 8}, "modelroute.yaml:10")],
    ),
    "another argument of the tier": (
        edited(("effort: low", "effort: high")),
        [
            (
                "request_changed",
                "intent",
                LOW,
                {"extra_body": {"effort": "high"}},
                "modelroute.yaml:10",
            )
        ],
    ),
    "another argument of the defaults": (
        edited(("max_tokens: 64", "max_tokens: 63")),
        [
            ("request_changed", "intent", {"max_tokens": 64}, {"max_tokens": 63}, "modelroute.yaml:10"),
            ("request_changed", "reply", {"max_tokens": 64}, {"max_tokens": 63}, "modelroute.yaml:14"),
        ],
    ),
    "an argument that becomes null": (
        edited(("    prompt: p.yaml", "    prompt: p.yaml\n    request: {system: null}")),
        [("request_changed", "intent", {"system": None}, {"system": None}, "modelroute.yaml:10")],
    ),
    "a step down and another argument": (
        edited((INTENT, "    tier: haiku\n    request: {max_tokens: 8}\n    golden")),
        [
            ("downgrade", "intent", "sonnet", "haiku", "modelroute.yaml:11"),
            ("request_changed", "intent", {"max_tokens": 64}, {"max_tokens": 8}, "modelroute.yaml:10"),
        ],
    ),
    "a new task": (
        BASE + "  new:\n    tier: haiku\n",
        [("task_added", "new", None, "haiku", "modelroute.yaml:16")],
    ),
    "a task that is gone": (
        edited(("  reply:\n    tier: haiku\n", "")),
        [("task_removed", "reply", "haiku", "opus", "modelroute.yaml")],
    ),
    "a task under another name": (
        edited(("  reply:", "  answer:")),
        [
            ("task_removed", "reply", "haiku", "opus", "modelroute.yaml"),
            ("task_added", "answer", None, "haiku", "modelroute.yaml:14"),
        ],
    ),
    "another default tier": (
        edited(("default_tier: opus", "default_tier: haiku")),
        [("default_tier_changed", None, "opus", "haiku", "modelroute.yaml:6")],
    ),
    "another order": (
        edited((SONNET, ""), (CHEAPEST, SONNET + CHEAPEST)),
        [("tiers_reordered", None, ["haiku", "sonnet", "opus"], ["sonnet", "haiku", "opus"], "modelroute.yaml:2")],
    ),
    "a step down by the base's order": (
        edited(
            (SONNET, ""), ("  - {name: haiku", SONNET + "  - {name: haiku"), (INTENT, "    tier: haiku\n    golden")
        ),
        [
            ("tiers_reordered", None, ["haiku", "sonnet", "opus"], ["sonnet", "haiku", "opus"], "modelroute.yaml:2"),
            ("downgrade", "intent", "sonnet", "haiku", "modelroute.yaml:11"),
        ],
    ),
    "a step down by head's order": (
        edited(
            (SONNET, ""), ("  - {name: haiku", SONNET + "  - {name: haiku"), ("    tier: haiku", "    tier: sonnet")
        ),
        [
            ("tiers_reordered", None, ["haiku", "sonnet", "opus"], ["sonnet", "haiku", "opus"], "modelroute.yaml:2"),
            ("downgrade", "reply", "haiku", "sonnet", "modelroute.yaml:15"),
        ],
    ),
    "a tier under another name": (
        edited(("name: sonnet", "name: good"), (INTENT, "    tier: good\n    golden")),
        [],
    ),
    "a step down to a tier under another name": (
        edited(("name: haiku", "name: zippy"), ("tier: haiku", "tier: zippy"), (INTENT, "    tier: zippy\n    golden")),
        [("downgrade", "intent", "sonnet", "zippy", "modelroute.yaml:11")],
    ),
    "a step down hidden behind swapped names": (
        edited(("name: haiku", "name: X"), ("name: sonnet", "name: haiku"), ("name: X", "name: sonnet")),
        [
            ("tiers_reordered", None, ["haiku", "sonnet", "opus"], ["sonnet", "haiku", "opus"], "modelroute.yaml:2"),
            ("model_swap", "intent", "s", "h", "modelroute.yaml:3"),
            (
                "request_changed",
                "intent",
                LOW,
                {"extra_body": None},
                "modelroute.yaml:10",
            ),
            ("model_swap", "reply", "h", "s", "modelroute.yaml:4"),
            ("request_changed", "reply", {"extra_body": None}, LOW, "modelroute.yaml:14"),
        ],
    ),
    "a move to a tier that no order compares": (
        edited((SONNET, "  - {name: new, model: n}\n"), (INTENT, "    tier: new\n    golden")),
        [("downgrade", "intent", "sonnet", "new", "modelroute.yaml:11")],
    ),
    "a step up to a new tier": (
        edited(("default_tier", "  - {name: new, model: n}\ndefault_tier"), (INTENT, "    tier: new\n    golden")),
        [("upgrade", "intent", "sonnet", "new", "modelroute.yaml:12")],
    ),
    "a step down to a new tier": (
        edited(
            ("  - {name: haiku", "  - {name: new, model: n}\n  - {name: haiku"), (INTENT, "    tier: new\n    golden")
        ),
        [("downgrade", "intent", "sonnet", "new", "modelroute.yaml:12")],
    ),
    "the same model with less effort under another tier": (
        edited(
            (CHEAPEST, "  - {name: lazy, model: s, request: {extra_body: {effort: none}}}\n" + CHEAPEST),
            (INTENT, "    tier: lazy\n    golden"),
        ),
        [
            (
                "request_changed",
                "intent",
                LOW,
                {"extra_body": {"effort": "none"}},
                "modelroute.yaml:11",
            )
        ],
    ),
}


@pytest.mark.parametrize(("head", "wanted"), KINDS.values(), ids=KINDS)
def test_each_kind_of_change_is_found_with_its_place(
    tmp_path: Path, head: str, wanted: list[tuple[str, str | None, Any, Any, str]]
) -> None:
    assert told(changes(tmp_path, head)) == wanted


BLOCKS = BASE.replace(
    "  - {name: haiku, model: h}\n", "  - name: haiku\n    model: h\n    base_url: http://localhost:1\n"
)
UNDOING = {
    "a move": (INTENT, "    tier: haiku\n    golden", "put `tier: sonnet` back at modelroute.yaml:13"),
    "a model": ("model: h\n", "model: tiny\n", "put `model: h` back at modelroute.yaml:4"),
    "an address": ("localhost:1", "localhost:2", "put `base_url: http://localhost:1` back at modelroute.yaml:5"),
    "no address": (
        "    base_url: http://localhost:1\n",
        "",
        "put `base_url: http://localhost:1` back at modelroute.yaml:3",
    ),
    "both": (
        "model: h\n    base_url: http://localhost:1",
        "base_url: http://localhost:2\n    model: tiny",
        "put `model: h` back at modelroute.yaml:5 and put `base_url: http://localhost:1` back at modelroute.yaml:4",
    ),
    "a first address": (
        "model: s,",
        "model: s, base_url: 'http://[::1]',",
        "take `base_url: http://[::1]` out at modelroute.yaml:6",
    ),
}


@pytest.mark.parametrize(("old", "new", "undoing"), UNDOING.values(), ids=UNDOING)
def test_a_move_to_another_tier_or_model_says_which_edit_takes_it_back(
    tmp_path: Path, old: str, new: str, undoing: str
) -> None:
    (found,) = changes(tmp_path, edited((old, new), text=BLOCKS), base=BLOCKS)
    assert found.undoing == undoing


JSON = "    output: {format: json, confidence: /c}\n"
BELOW, FORM = "    escalate: {to: opus, below: 0.5}\n", "    escalate: {to: opus}\n"
WITH_SCHEMA = JSON.replace("/c", "/c, schema: s.json")
UNTIL = {"to": "opus", "below": 0.5}
# What a task that escalates, or does not, says of its output: before and after, then from, to and undoing.
READ: dict[str, tuple[str, str, tuple[Any, Any, str] | None]] = {
    "another confidence": (
        BELOW + JSON,
        BELOW + JSON.replace("/c", "/d"),
        (
            {**UNTIL, "confidence": "/c"},
            {**UNTIL, "confidence": "/d"},
            "put `confidence: /c` back at modelroute.yaml:10",
        ),
    ),
    "another confidence and a limit": (
        BELOW + JSON,
        BELOW.replace("0.5", "0.4") + JSON.replace("/c", "/d"),
        (
            {**UNTIL, "confidence": "/c"},
            {"to": "opus", "below": 0.4, "confidence": "/d"},
            "put `escalate: {to: opus, below: 0.5}` back at modelroute.yaml:14"
            " and put `confidence: /c` back at modelroute.yaml:10",
        ),
    ),
    "another confidence that nothing asks for": (FORM + JSON, FORM + JSON.replace("/c", "/d"), None),
    "another confidence without an escalation": (JSON, JSON.replace("/c", "/d"), None),
    "a confidence with the limit that needs it": (
        FORM + JSON.replace(", confidence: /c", ""),
        BELOW + JSON,
        ({"to": "opus"}, UNTIL, "put `escalate: {to: opus}` back at modelroute.yaml:14"),
    ),
    "a schema": (
        FORM + JSON,
        FORM + WITH_SCHEMA,
        (
            {"to": "opus", "schema": None},
            {"to": "opus", "schema": "s.json"},
            "take `schema: s.json` out at modelroute.yaml:10",
        ),
    ),
    "no schema, which is a change of the gate": (FORM + WITH_SCHEMA, FORM + JSON, None),
    "a schema without an escalation": (JSON, WITH_SCHEMA, None),
}


@pytest.mark.parametrize(("before", "after", "wanted"), READ.values(), ids=READ)
def test_what_decides_that_an_answer_escalates_is_part_of_the_escalation(
    tmp_path: Path, before: str, after: str, wanted: tuple[Any, Any, str] | None
) -> None:
    base, head = (edited(("    prompt: p.yaml\n", f"    prompt: p.yaml\n{each}")) for each in (before, after))
    files = {**FILES, "s.json": "{}"}
    found = compare(load(tmp_path / "base", base, files), load(tmp_path / "head", head, files))
    assert {change.kind for change in found} <= {ChangeKind.ESCALATION_CHANGED}
    assert [(change.old, change.new, change.undoing) for change in found] == ([wanted] if wanted else [])


def test_a_schema_that_goes_from_a_task_without_a_gate_is_a_change_of_its_escalation(tmp_path: Path) -> None:
    base, head = (f"{BASE}{FORM}{each}" for each in (WITH_SCHEMA, JSON))
    files = {**FILES, "s.json": "{}"}
    (found,) = compare(load(tmp_path / "base", base, files), load(tmp_path / "head", head, files))
    assert (found.old, found.new) == ({"to": "opus", "schema": "s.json"}, {"to": "opus", "schema": None})
    assert found.undoing == "put `schema: s.json` back at modelroute.yaml:14"


PROMPT = ("prompt_changed", "intent", "p.yaml", "p.yaml", "modelroute.yaml:10")
PROMPTS = {
    "another word": ({"p.yaml": "system: Sort.\nmessages: [{role: user, content: '{{ input.text }}'}]\n"}, [PROMPT]),
    "another order of messages": ({"p.yaml": "messages: []\nsystem: Classify.\n"}, [PROMPT]),
    "the same in another style": (
        {"p.yaml": "# new\r\nmessages:\r\n- {content: \"{{ input.text }}\", role: user}\r\nsystem: 'Classify.'\r\n"},
        [],
    ),
}


@pytest.mark.parametrize(("files", "wanted"), PROMPTS.values(), ids=PROMPTS)
def test_a_prompt_is_compared_by_its_content(
    tmp_path: Path, files: dict[str, str | bytes], wanted: list[tuple[str, str, str, str, str]]
) -> None:
    assert told(changes(tmp_path, BASE, files)) == wanted


INCLUDING = "system: {$file: rules.txt}\nmessages: []\n"


@pytest.mark.parametrize(
    ("files", "changed"),
    [
        ({"p.yaml": INCLUDING}, False),
        ({"p.yaml": INCLUDING, "rules.txt": "Be rude.\n"}, True),
        ({"p.yaml": "system: {$file: moved/rules.txt}\nmessages: []\n", "moved/rules.txt": "Be kind.\n"}, False),
        ({"p.yaml": "system: {$file: moved/rules.txt}\nmessages: []\n", "moved/rules.txt": "Be rude.\n"}, True),
        ({"p.yaml": "system: {$input: /rules}\nmessages: []\n"}, True),
    ],
    ids=["nothing", "its content", "its place", "both", "where it comes from"],
)
def test_an_included_file_is_compared_by_what_it_holds(
    tmp_path: Path, files: dict[str, str | bytes], changed: bool
) -> None:
    before = load(tmp_path / "base", BASE, {**FILES, "p.yaml": INCLUDING})
    after = load(tmp_path / "head", BASE, FILES | files)
    assert [change.kind for change in compare(before, after)] == [ChangeKind.PROMPT_CHANGED] * changed


BUILDER = "def build(input):\n    return {'messages': [input]}\n"
BUILDERS = {
    "a comment and the layout": (
        "# new\n\ndef build( input ):\n    return {\n        'messages': [ input ] }\n",
        False,
    ),
    "the code": (BUILDER.replace("[input]", "[input, input]"), True),
    "what stands beside it": (BUILDER + "OTHER = 1\n", True),
}


@pytest.mark.parametrize(("source", "changed"), BUILDERS.values(), ids=BUILDERS)
def test_a_python_prompt_is_compared_by_its_code(tmp_path: Path, source: str, changed: bool) -> None:
    registry = edited(("prompt: p.yaml", "prompt: {python: 'b:build'}"))
    before = load(tmp_path / "base", registry, {**FILES, "b.py": BUILDER})
    after = load(tmp_path / "head", registry, {**FILES, "b.py": source})
    assert [change.kind for change in compare(before, after)] == [ChangeKind.PROMPT_CHANGED] * changed


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ("prompt: p.yaml", "prompt: {python: 'b:build'}", ("p.yaml", "b:build")),
        ("    prompt: p.yaml\n", "", ("p.yaml", None)),
        ("prompt: p.yaml", "prompt: other.yaml", None),
    ],
    ids=["to Python", "to none", "to another file of the same content"],
)
def test_a_prompt_of_another_kind_is_a_change_and_a_moved_one_is_not(
    tmp_path: Path, old: str, new: str, names: tuple[str, str | None] | None
) -> None:
    found = changes(tmp_path, edited((old, new)), {"b.py": BUILDER, "other.yaml": FILES["p.yaml"]})
    assert [(change.old, change.new) for change in found if change.kind is ChangeKind.PROMPT_CHANGED] == (
        [names] if names else []
    )
