"""Edits of a registry's text: the value that is meant, and not a byte beside it."""

from __future__ import annotations

import difflib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modelroute.errors import InputError
from pytest_modelroute.registry.document import parse_yaml
from pytest_modelroute.registry.edits import reassigned_text

UP = {"to": "large", "below": 0.7}
BLOCK = "tasks:\n  classify:\n    tier: large  # for now\n    golden: g.jsonl\n  reply:\n    tier: small\n"


def edited(text: str, tier: str = "small", escalate: dict[str, Any] | None = None, task: str = "classify") -> str:
    return reassigned_text(text, "modelroute.yaml", task, tier, escalate)


# Each with what it turns into for `tier: small`, with and without UP.
TIERS = {
    "block": (
        BLOCK,
        BLOCK.replace("large", "small"),
        BLOCK.replace("large  # for now\n", "small  # for now\n    escalate: {to: large, below: 0.7}\n"),
    ),
    "flow": (
        "tasks: {classify: {tier: large, golden: g}, reply: {tier: large}}\n",
        "tasks: {classify: {tier: small, golden: g}, reply: {tier: large}}\n",
        "tasks: {classify: {tier: small, escalate: {to: large, below: 0.7}, golden: g}, reply: {tier: large}}\n",
    ),
    "flow in a block": (
        "tasks:\n  classify: {tier: large}\n",
        "tasks:\n  classify: {tier: small}\n",
        "tasks:\n  classify: {tier: small, escalate: {to: large, below: 0.7}}\n",
    ),
    "flow over lines, with comments": (
        "tasks:\n  classify: {golden: g,  # first\n    tier: large  # second\n  }\n",
        "tasks:\n  classify: {golden: g,  # first\n    tier: small  # second\n  }\n",
        "tasks:\n  classify: {golden: g,  # first\n    tier: small, escalate: {to: large, below: 0.7}  # second\n  }\n",
    ),
    "JSON": (
        '{"tasks": {"classify": {"tier": "large"}}}',
        '{"tasks": {"classify": {"tier": "small"}}}',
        '{"tasks": {"classify": {"tier": "small", "escalate": {"to": "large", "below": 0.7}}}}',
    ),
    "double quotes": (
        'tasks:\n  classify:\n    tier: "large"\n',
        'tasks:\n  classify:\n    tier: "small"\n',
        'tasks:\n  classify:\n    tier: "small"\n    escalate: {to: large, below: 0.7}\n',
    ),
    "single quotes": (
        "tasks:\n  'classify':\n    'tier': 'large'\n",
        "tasks:\n  'classify':\n    'tier': 'small'\n",
        "tasks:\n  'classify':\n    'tier': 'small'\n    escalate: {to: large, below: 0.7}\n",
    ),
    "CRLF": (
        BLOCK.replace("\n", "\r\n"),
        BLOCK.replace("large", "small").replace("\n", "\r\n"),
        BLOCK.replace("large  # for now\n", "small  # for now\n    escalate: {to: large, below: 0.7}\n").replace(
            "\n", "\r\n"
        ),
    ),
    "no line end behind the last line": (
        "# é\r\ntasks:\r\n  classify:\r\n    tier: large",
        "# é\r\ntasks:\r\n  classify:\r\n    tier: small",
        "# é\r\ntasks:\r\n  classify:\r\n    tier: small\r\n    escalate: {to: large, below: 0.7}",
    ),
    "a byte order mark": (
        "\ufeff" + BLOCK,
        "\ufeff" + BLOCK.replace("large", "small"),
        "\ufeff" + BLOCK.replace("large  # for now\n", "small  # for now\n    escalate: {to: large, below: 0.7}\n"),
    ),
    "a value in a line of its own": (
        "tasks:\n  classify:\n    tier:\n      large\n    golden: g\n",
        "tasks:\n  classify:\n    tier:\n      small\n    golden: g\n",
        "tasks:\n  classify:\n    tier:\n      small\n    escalate: {to: large, below: 0.7}\n    golden: g\n",
    ),
    "wide characters and an anchor that is used for something else": (
        "a: &a 1  # 😀 日本\nb: *a\ntasks:\n  日本: {tier: 😀}\n  classify: {tier: large}\n",
        "a: &a 1  # 😀 日本\nb: *a\ntasks:\n  日本: {tier: 😀}\n  classify: {tier: small}\n",
        "a: &a 1  # 😀 日本\nb: *a\ntasks:\n  日本: {tier: 😀}\n"
        "  classify: {tier: small, escalate: {to: large, below: 0.7}}\n",
    ),
}


@pytest.mark.parametrize(("text", "moved", "cascade"), TIERS.values(), ids=TIERS)
def test_a_task_is_moved_and_escalates(text: str, moved: str, cascade: str) -> None:
    assert edited(text) == moved
    assert edited(text, escalate=UP) == cascade
    assert edited(cascade, "large") == text, "and back"
    assert edited(text, "large") == text, "nothing to do"


ESCALATE = "tasks:\n  classify:\n    tier: small\n    # why\n    ESCALATE  # how\n    golden: g\n"
CHANGES = [
    ("escalate: {to: large, below: 0.7}", {"to": "large", "below": 0.55}, "escalate: {to: large, below: 0.55}"),
    ("escalate: {to: large}", {"to": "large", "below": 0.5}, "escalate: {to: large, below: 0.5}"),
    ("escalate: {to: large, below: 0.7}", {"to": "huge"}, "escalate: {to: huge}"),
    ("escalate: {below: 0.70, to: 'large'}", {"to": "huge", "below": 0.7}, "escalate: {below: 0.70, to: 'huge'}"),
    ("escalate: {below: 0.7, to: large}", {"to": "large"}, "escalate: {to: large}"),
    (
        "escalate:\n      to: large  # dear\n      below: 1",
        {"to": "large", "below": 0.5},
        "escalate:\n      to: large  # dear\n      below: 0.5",
    ),
    (
        "escalate:\n      to: large",
        {"to": "large", "below": 0.00001},
        "escalate:\n      to: large  # how\n      below: 0.00001",
    ),
]


@pytest.mark.parametrize(("old", "escalate", "new"), CHANGES, ids=[new for _, _, new in CHANGES])
def test_an_escalation_is_changed_where_it_stands(old: str, escalate: dict[str, Any], new: str) -> None:
    comment = "" if new.count("# how") else "  # how"
    expected = ESCALATE.replace("ESCALATE  # how", new + comment)
    assert edited(ESCALATE.replace("ESCALATE", old), "small", escalate) == expected


@pytest.mark.parametrize(
    "old", ["escalate: {to: large, below: 0.7}", "escalate:\n      to: large  # dear\n      below: 1"], ids=str
)
def test_an_escalation_is_taken_out_with_its_lines(old: str) -> None:
    text = ESCALATE.replace("ESCALATE", old)
    assert edited(text, "small") == ESCALATE.replace("    ESCALATE  # how\n", "")
    end = "tasks:\n  classify:\n    tier: small"
    assert edited(f"{end}\n    {old}", "small") == end


@pytest.mark.parametrize(
    ("flow", "left"),
    [
        ("{escalate: {to: large}, tier: small}", "{tier: small}"),
        ("{tier: small, escalate: {to: large}}", "{tier: small}"),
        ("{tier: small\n  , escalate: {to: large} , golden: g}", "{tier: small , golden: g}"),
    ],
)
def test_an_escalation_is_taken_out_of_a_line(flow: str, left: str) -> None:
    assert edited(f"tasks: {{classify: {flow}}}", "small") == f"tasks: {{classify: {left}}}"


# Names that YAML would read as something else.
@pytest.mark.parametrize("name", ["1", "0x1f", "1.5", "true", "no", "null", ".", "-", "2026-11-21", "1e3", "---"])
def test_a_name_that_is_no_text_by_itself_gets_quotes(name: str) -> None:
    assert edited(BLOCK, name, {"to": name}) == BLOCK.replace(
        "large  # for now\n", f'"{name}"  # for now\n    escalate: {{to: "{name}"}}\n'
    )


REFUSED = {
    "the tier is an alias": ("x: &t large\ntasks:\n  classify:\n    tier: *t\n", "4: tasks.classify.tier comes from"),
    "the tier has an anchor": ("tasks:\n  classify: {tier: &t large}\n  b: {tier: *t}\n", "a value with an anchor, a"),
    "the tier has a tag": ("tasks:\n  classify: {tier: !!str large}\n", "a value with an anchor, a tag"),
    "the tier has lines": ("tasks:\n  classify:\n    tier: |-\n      large\n", "or several lines is not edited"),
    "the task is an alias": ("tasks:\n  a: &a {tier: large}\n  classify: *a\n", "3: tasks.classify comes from an"),
    "the task has aliases": ("tasks:\n  classify: &a {tier: large}\n  b: *a\n", "classify cannot be changed alone"),
    "the task is merged": (
        "x: &a {tier: large}\ntasks:\n  classify:\n    <<: *a\n",
        "tier comes from an anchor (`<<`)",
    ),
    "others merge the task": (
        "tasks:\n  classify: &a {tier: large}\n  b:\n    <<: *a\n",
        "as it is written there, classify cannot be changed alone",
    ),
    "all tasks are an alias": ("x: &x\n  classify: {tier: large}\ntasks: *x\n", "tasks comes from an anchor (`*`)"),
    "the key is an alias": ("x: &k tier\ntasks:\n  classify:\n    *k : large\n", "tier has a key that comes from"),
    "the key has a question mark": ("tasks:\n  classify:\n    ? tier\n    : large\n", "cannot be changed alone"),
}


@pytest.mark.parametrize(("text", "told"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_edited_safely_is_refused_with_the_reason(text: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        edited(text, escalate=UP)
    assert told in str(caught.value)
    assert "fix: edit it by hand" in str(caught.value)


def test_an_escalation_from_elsewhere_is_refused() -> None:
    merged = "x: &a {escalate: {to: large}}\ntasks:\n  classify:\n    <<: *a\n    tier: small\n"
    for escalate in (None, {"to": "huge"}):
        with pytest.raises(InputError, match="escalate comes from an anchor"):
            edited(merged, "small", escalate)
    with pytest.raises(InputError, match="escalate comes from an anchor"):
        edited("x: &e {to: large}\ntasks:\n  classify: {tier: small, escalate: *e}\n", "small", UP)
    with pytest.raises(InputError, match="what stands before it cannot be told from it"):
        edited("tasks:\n  classify: {tier: small,  # why\n    escalate: {to: large}}\n", "small")


# Text that may stand anywhere between the lines of a task, whatever its style.
noise = st.sampled_from(["", "# tier: large\n", "\n", "  # é 😀\n", "    # {[\n"])
scalars = st.sampled_from(["large", "'large'", '"large"', '"l\\x61rge"', "large # x", "'large'  # tier: huge"])
names = st.from_regex(r"[A-Za-z0-9_.-]{1,8}", fullmatch=True)
others = st.sampled_from(
    ["golden: g.jsonl", "gate: {max_error: 0.1}", "request:\n      max_tokens: 5", "output: {confidence: /tier}"]
)


@st.composite
def registries(draw: st.DrawFn) -> str:
    tier, extra = f"tier: {draw(scalars)}", draw(st.lists(others, unique=True, max_size=3))
    lines = draw(st.permutations([tier, *extra]))
    name = draw(st.sampled_from(["classify", "'classify'", '"classify"']))
    if draw(st.booleans()):
        body = "".join(f"    {line}\n{draw(noise)}" for line in lines)
        task = f"  {name}:\n{draw(noise)}{body}"
    else:
        flat = [line.partition(" #")[0].replace(":\n      ", ": {") + "}" * ("\n" in line) for line in lines]
        task = f"  {name}: {{{', '.join(flat)}}}\n"
    other = draw(st.sampled_from(["", "  zz:\n    tier: large\n", "  b: {tier: large}\n", "  tier: {tier: large}\n"]))
    parts = draw(st.permutations([task, other]))
    text = f"{draw(noise)}version: 1\ntiers: [{{name: large}}]\n{draw(noise)}tasks:\n{''.join(parts)}{draw(noise)}"
    if draw(st.booleans()):
        text = text.removesuffix("\n")
    return text.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))


escalations = st.none() | st.fixed_dictionaries(
    {"to": names}, optional={"below": st.integers(0, 100).map(lambda percent: percent / 100)}
)


@settings(deadline=None)  # the first example loads what the others use
@given(registries(), names, escalations, escalations)
def test_whatever_the_registry_looks_like(
    text: str, tier: str, escalate: dict[str, Any] | None, other: dict[str, Any] | None
) -> None:
    before = parse_yaml(text.encode(), "r").value
    moved = edited(text, tier, escalate)
    expected = {key: value for key, value in before["tasks"]["classify"].items() if key != "tier"} | {"tier": tier}
    after = parse_yaml(moved.encode(), "r").value
    assert after["tasks"].pop("classify") == expected | ({"escalate": escalate} if escalate else {})
    assert {**after, "tasks": {**after["tasks"], "classify": 0}} == {
        **before,
        "tasks": {**before["tasks"], "classify": 0},
    }
    old, new = text.splitlines(keepends=True), moved.splitlines(keepends=True)
    changed = [line for line in difflib.ndiff(old, new) if line[0] in "+-"]
    assert len(changed) <= 4, "the line of the tier, and one more"
    changed_again = edited(moved, tier, other)
    assert parse_yaml(changed_again.encode(), "r").value["tasks"]["classify"].get("escalate") == other
    assert edited(changed_again, tier) == edited(text, tier), "without an escalation nothing of it is left"
