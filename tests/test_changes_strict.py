"""What is no change, which changes are strict, what an acknowledgement names, and assignments on trial."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_modelroute.errors import InputError, Place
from pytest_modelroute.registry.acknowledging import acknowledge, entry_text
from pytest_modelroute.registry.changes import Change, ChangeKind, compare, reassigned, strict_tasks
from pytest_modelroute.registry.document import parse_yaml
from pytest_modelroute.registry.loading import load_registry
from pytest_modelroute.registry.model import Registry
from pytest_modelroute.strict_json import canonical

from .test_changes import BASE, FILES, changes, edited, told
from .trees import load, tree

SAME = {
    "nothing": BASE,
    "comments and blank lines": "# new\n\n" + edited(("default_tier: opus", "default_tier: opus  # dear")),
    "line endings": BASE.replace("\n", "\r\n"),
    "a byte order mark": "\ufeff" + BASE,
    "another style": edited(("  reply:\n    tier: haiku\n", "  reply: {'tier': \"haiku\"}\n")),
    "another order of tasks": edited(
        ("  reply:\n    tier: haiku\n", ""), ("tasks:\n", "tasks:\n  reply:\n    tier: haiku\n")
    ),
    "another order of keys": edited(("version: 1\n", "")) + "version: 1\n",
    "an alias": edited(("tier: haiku\n", "tier: *t\n"), ("{name: haiku", "{name: &t haiku")),
    "a number in another spelling": edited(("max_tokens: 64", "max_tokens: 64.0")),
    "a default that is spelt out": edited(("model: h", "model: h, provider: anthropic")),
    "a price": edited(("model: h", "model: h, price: {input: 1}")),
    "a key's name": edited(("model: h", "model: h, api_key_env: KEY")),
    "an unused tier": edited(("default_tier", "  - {name: new, model: n}\ndefault_tier")),
    "an unused tier that is gone": edited(
        ("  - {name: opus, model: o}\n", ""), ("default_tier: opus", "default_tier: sonnet")
    ),
    "a default instead of a task's own": edited(
        ("max_tokens: 64", "max_tokens: 1"),
        ("    prompt: p.yaml", "    prompt: p.yaml\n    request: {max_tokens: 64}"),
        ("    tier: haiku", "    tier: haiku\n    request: {max_tokens: 64}"),
    ),
}


@pytest.mark.parametrize("head", SAME.values(), ids=SAME)
def test_what_asks_nothing_else_of_any_model_is_no_change_of_a_task(tmp_path: Path, head: str) -> None:
    assert [change for change in told(changes(tmp_path, head)) if change[1] is not None] == []


def test_a_registry_in_another_folder_is_no_change(tmp_path: Path) -> None:
    before = load(tmp_path / "base", BASE, FILES)
    moved = tree(
        tmp_path / "head", {"conf/routes.yaml": BASE, **{f"conf/{name}": data for name, data in FILES.items()}}
    )
    assert compare(before, load_registry(moved, PurePosixPath("conf/routes.yaml"))) == ()


GATED = "    golden: g.jsonl\n    prompt: p.yaml\n"
STRICT = {
    "a downgrade": (edited(("    tier: sonnet", "    tier: haiku")), {"intent"}),
    "an upgrade": (edited(("    tier: sonnet", "    tier: opus")), set()),
    "a model swap": (edited(("model: h", "model: x")), {"reply"}),
    "a request": (edited(("max_tokens: 64", "max_tokens: 1")), {"intent", "reply"}),
    "a prompt that is gone": (edited(("    prompt: p.yaml\n", "")), {"intent"}),
    "a task with a golden set": (BASE + "  new:\n    tier: haiku\n" + GATED, {"new"}),
    "a task without": (BASE + "  new: {tier: haiku}\n", set()),
    "a task that is gone": (edited(("  reply:\n    tier: haiku\n", "")), set()),
    "the default tier": (edited(("default_tier: opus", "default_tier: haiku")), set()),
}


@pytest.mark.parametrize(("head", "tasks"), STRICT.values(), ids=STRICT)
def test_a_change_that_may_make_answers_worse_is_strict(tmp_path: Path, head: str, tasks: set[str]) -> None:
    found = changes(tmp_path, head)
    assert strict_tasks(found, load(tmp_path / "head", head, FILES)) == tasks


DOWN = edited(("    tier: sonnet", "    tier: haiku"))
ENTRY = "  - {kind: downgrade, task: intent, from: sonnet, to: haiku, reason: agreed with us}\n"
AGAIN = ENTRY.replace("agreed", "again agreed")


def acknowledged(folder: Path, head: str, base: str = BASE) -> list[str | None]:
    """The reason of each change's entry."""
    before, after = load(folder / "base", base, FILES), load(folder / "head", head, FILES)
    found = acknowledge(compare(before, after), before, after)
    return [change.acknowledged.reason if change.acknowledged else None for change in found]


def test_an_acknowledgement_counts_for_the_change_that_it_names(tmp_path: Path) -> None:
    assert acknowledged(tmp_path, DOWN) == [None]
    assert acknowledged(tmp_path, f"{DOWN}acknowledged:\n{ENTRY}") == ["agreed with us"]
    assert acknowledged(tmp_path, f"{DOWN}acknowledged:\n{ENTRY}{AGAIN}") == ["agreed with us"]


@pytest.mark.parametrize(
    "entry",
    [
        ENTRY.replace("intent", "reply"),
        ENTRY.replace("downgrade", "upgrade"),
        ENTRY.replace("to: haiku", "to: opus"),
        ENTRY.replace("from: sonnet", "from: opus"),
        "  - {kind: downgrade, reason: all of them}\n",
    ],
    ids=["another task", "another kind", "another target", "another source", "nothing but the kind"],
)
def test_an_entry_that_names_no_change_is_an_error(tmp_path: Path, entry: str) -> None:
    with pytest.raises(InputError, match="nothing changes against the base as this entry says") as caught:
        acknowledged(tmp_path, f"{DOWN}acknowledged:\n{ENTRY}{entry}")
    assert str(caught.value.place) == "modelroute.yaml:18"


@pytest.mark.parametrize(
    "entry",
    [ENTRY, ENTRY.replace("kind: downgrade, task: intent,", "task: intent, kind: downgrade,"), ENTRY + "  # later\n"],
    ids=["as it was", "in another order", "with a comment"],
)
def test_an_acknowledgement_that_the_base_has_already_does_not_count_again(tmp_path: Path, entry: str) -> None:
    base = f"{BASE}acknowledged:\n{ENTRY}"
    assert acknowledged(tmp_path, f"{DOWN}acknowledged:\n{entry}", base) == [None]
    assert acknowledged(tmp_path, f"{DOWN}acknowledged:\n{entry}{ENTRY}", base) == ["agreed with us"]  # once more


def test_an_acknowledged_request_may_spell_its_mappings_in_any_order(tmp_path: Path) -> None:
    head = edited(("max_tokens: 64", "max_tokens: 1, system: s"), ("  reply:\n    tier: haiku\n", ""))
    old, new = "{system: null, max_tokens: 64}", "{system: s, max_tokens: 1.0}"
    entry = f"  - {{kind: request_changed, task: intent, from: {old}, to: {new}, reason: the desk agreed}}\n"
    assert acknowledged(tmp_path, f"{head}acknowledged:\n{entry}") == [None, "the desk agreed"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=5,
)


@given(old=VALUES, new=VALUES)
@example(old=4e-16, new="\ud7fc")  # in YAML 1.1 no number without a point
@example(old={"a\nb": [1e300]}, new={"": "\u2028", "é": "\x85"})
def test_the_entry_that_is_printed_names_the_change_whatever_its_values(old: Any, new: Any) -> None:
    text = entry_text(Change(ChangeKind.GOLDEN_CHANGED, "intent", old, new, Place("g.jsonl")))
    assert text.isprintable()
    (read,) = parse_yaml(text.encode(), "modelroute.yaml").value
    assert list(read) == ["kind", "task", "from", "to", "reason"]
    assert canonical([read["from"], read["to"]]) == canonical([old, new])


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return load(tmp_path, BASE, FILES)


@pytest.mark.parametrize(
    ("tries", "kinds"),
    [
        ({"intent": "haiku"}, [(ChangeKind.DOWNGRADE, "intent", "sonnet", "haiku")]),
        ({"reply": "opus"}, [(ChangeKind.UPGRADE, "reply", "haiku", "opus")]),
        ({"reply": "haiku"}, []),
        ({}, []),
        (
            {"reply": "opus", "intent": "haiku"},
            [(ChangeKind.UPGRADE, "reply", "haiku", "opus"), (ChangeKind.DOWNGRADE, "intent", "sonnet", "haiku")],
        ),
    ],
)
def test_a_trial_moves_tasks_without_touching_the_registry(
    registry: Registry, tries: dict[str, str], kinds: list[tuple[Any, ...]]
) -> None:
    tried, moves = reassigned(registry, tries)
    assert [(move.kind, move.task, move.old, move.new) for move in moves] == kinds
    assert {name: task.tier for name, task in tried.tasks.items()} == {"intent": "sonnet", "reply": "haiku"} | tries
    assert {name: task.tier for name, task in registry.tasks.items()} == {"intent": "sonnet", "reply": "haiku"}


@pytest.mark.parametrize(
    ("tries", "error"),
    [
        (
            {"intnt": "haiku"},
            "--modelroute-try: unknown task 'intnt'\n  valid: did you mean 'intent'? one of intent, reply",
        ),
        (
            {"intent": "hiku"},
            "--modelroute-try: unknown tier 'hiku'\n  valid: did you mean 'haiku'? one of haiku, sonnet, opus",
        ),
    ],
)
def test_a_trial_of_an_unknown_name_is_an_error(registry: Registry, tries: dict[str, str], error: str) -> None:
    with pytest.raises(InputError) as caught:
        reassigned(registry, tries)
    assert str(caught.value) == error
