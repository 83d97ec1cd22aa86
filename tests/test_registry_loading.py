"""What a valid registry means: inheritance, defaults, warnings, and the schema that ships."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import jsonschema
import pytest
import yaml

from pytest_modelroute.errors import Place
from pytest_modelroute.registry.asked import PromptBuilder
from pytest_modelroute.registry.checking import registry_schema
from pytest_modelroute.registry.loading import load_registry
from pytest_modelroute.registry.model import (
    Acknowledgement,
    AnswerSource,
    Fences,
    GatePolicy,
    OutputFormat,
    Price,
    Rule,
    ScorerKind,
)

from .trees import TIERS, load, load_error, tree

# The example of the design, with its comments.
EXAMPLE = """\
version: 1
cassettes: cassettes                     # default: `cassettes` beside the registry
tiers:                                   # a list, cheapest first: its order defines what a downgrade is
  - name: haiku
    model: claude-haiku-4-5-20251001
    provider: anthropic                  # the only value for now, and the default
    price: {input: 1.00, output: 5.00, as_of: 2026-11-21}     # USD per million tokens; absent = unknown, never zero
    base_url: http://127.0.0.1:8091      # optional
    request: {extra_body: {temperature: 0}}                   # optional, this tier's arguments
  - {name: sonnet, model: claude-sonnet-4-6, price: {input: 3.00, output: 15.00, as_of: 2026-11-21}}
default_tier: sonnet                     # serves task types that are not listed
defaults:                                # every task inherits, mapping by mapping, key by key
  request: {max_tokens: 256}
  gate: {max_error: 0.08, rule: observed, min_cases: 100}
tasks:
  classify_intent:
    tier: haiku
    golden: golden/classify_intent.jsonl
    prompt: prompts/classify_intent.yaml
    request: {max_tokens: 16}            # merged: defaults < tier < task < prompt
    output: {format: json, schema: schemas/classify_intent.json, confidence: /confidence, from: text, fenced: reject}
    score: {kind: fields, fields: [label]}
    gate: {max_error: 0.05}
acknowledged: []
"""

FILES = {
    "golden/classify_intent.jsonl": '{"id": "a", "input": {}, "expected": {"label": "b"}}\n',
    "prompts/classify_intent.yaml": "messages: [{role: user, content: '{{ input.text }}'}]\n",
    "schemas/classify_intent.json": '{"type": "object"}',
}


def test_the_shipped_schema_is_valid_2020_12_and_accepts_the_example() -> None:
    schema = registry_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)
    example = yaml.safe_load(EXAMPLE)
    for tier in example["tiers"]:
        tier["price"]["as_of"] = str(tier["price"]["as_of"])
    jsonschema.Draft202012Validator(schema).validate(example)


def test_the_example_of_the_design_is_read_as_it_is_meant(tmp_path: Path) -> None:
    registry = load(tmp_path, EXAMPLE, FILES)
    assert [tier.name for tier in registry.tiers] == ["haiku", "sonnet"]
    assert (registry.default_tier, registry.cassettes) == ("sonnet", PurePosixPath("cassettes"))
    assert (registry.warnings, registry.acknowledged) == ((), ())
    haiku = registry.tier("haiku")
    assert haiku.price == Price(1.0, 5.0, "2026-11-21")
    assert haiku.served_by == ("anthropic", "claude-haiku-4-5-20251001", "http://127.0.0.1:8091")
    task = registry.tasks["classify_intent"]
    assert task.gated
    assert task.arguments(haiku) == {"max_tokens": 16, "extra_body": {"temperature": 0}}
    assert task.gate == GatePolicy(0.05, Rule.OBSERVED, 100)
    assert (task.score.kind, task.score.options) == (ScorerKind.FIELDS, {"fields": ["label"]})
    assert (task.output.format, task.output.source, task.output.fences, task.output.confidence) == (
        OutputFormat.JSON,
        AnswerSource.TEXT,
        Fences.REJECT,
        "/confidence",
    )
    assert (task.place, task.tier_place) == (Place("modelroute.yaml", 16), Place("modelroute.yaml", 17))


@pytest.mark.parametrize("change", [lambda text: text.replace("\n", "\r\n"), lambda text: "\ufeff" + text])
def test_line_endings_and_a_byte_order_mark_change_nothing(tmp_path: Path, change: object) -> None:
    assert callable(change)
    assert load(tmp_path, change(EXAMPLE), FILES) == load(tmp_path, EXAMPLE, FILES)


def test_a_task_without_golden_set_or_prompt_is_not_gated(tmp_path: Path) -> None:
    tasks = "tasks:\n  a: {tier: haiku}\n  b: {tier: haiku, golden: g}\n  c: {tier: haiku, prompt: p}\n"
    registry = load(tmp_path, TIERS + tasks, {"g": "", "p": "a: 1"})
    assert [task.gated for task in registry.tasks.values()] == [False, False, False]


HALVES = {
    "a golden dataset alone": ("golden: g.jsonl", "a has a golden dataset without a prompt: the task is not gated"),
    "a prompt alone": ("prompt: p.yaml", "a has a prompt without a golden dataset: the task is not gated"),
    "a call alone": ("call: 'own:ask'", "a has a call without a golden dataset: the task is not gated"),
}


@pytest.mark.parametrize(("half", "warning"), HALVES.values(), ids=HALVES)
def test_a_task_that_only_lacks_its_other_half_is_a_warning(tmp_path: Path, half: str, warning: str) -> None:
    files: dict[str, str | bytes] = {"g.jsonl": '{"id": "a", "input": {}}\n', "p.yaml": "messages: []\n"}
    registry = TIERS + f"tasks:\n  a:\n    tier: haiku\n    {half}\n"
    assert load(tmp_path, registry, files).warnings == (f"modelroute.yaml:9: {warning}",)


def test_a_registry_may_have_no_tasks_at_all(tmp_path: Path) -> None:
    assert load(tmp_path, TIERS).tasks == {}


def test_without_defaults_a_task_has_the_documented_ones(tmp_path: Path) -> None:
    task = load(tmp_path, TIERS + "tasks:\n  a: {tier: haiku}\n").tasks["a"]
    assert task.gate == GatePolicy(0.08, Rule.OBSERVED, 100)
    assert (task.score.kind, task.score.options) == (ScorerKind.EXACT, {})
    assert (task.output.format, task.output.source, task.output.fences) == (
        OutputFormat.TEXT,
        AnswerSource.TEXT,
        Fences.REJECT,
    )
    assert (task.output.confidence, task.output.schema, task.default_request) == (None, None, {})


DEFAULTS = (
    TIERS
    + """\
defaults:
  request: {max_tokens: 64, system: s, extra_body: {a: 1, b: {c: 1, d: [1, 2]}}}
  output: {format: json, fenced: allow, confidence: /c}
  score: {kind: number, tolerance: 1, pick: last}
  gate: {max_error: 0.2, rule: certified, min_cases: 7}
tasks:
  a:
    tier: haiku
"""
)


@pytest.mark.parametrize(
    ("own", "request_"),
    [
        ("", {"max_tokens": 64, "system": "s", "extra_body": {"a": 1, "b": {"c": 1, "d": [1, 2]}}}),
        (
            "request: {max_tokens: 8, extra_body: {b: {d: [3]}}}",
            {"max_tokens": 8, "system": "s", "extra_body": {"a": 1, "b": {"c": 1, "d": [3]}}},
        ),
        (
            "request: {system: null}",
            {"max_tokens": 64, "system": None, "extra_body": {"a": 1, "b": {"c": 1, "d": [1, 2]}}},
        ),
        ("request: {extra_body: {b: 5}}", {"max_tokens": 64, "system": "s", "extra_body": {"a": 1, "b": 5}}),
    ],
    ids=["nothing of its own", "deep", "null", "a scalar for a mapping"],
)
def test_requests_are_inherited_mapping_by_mapping_key_by_key(
    tmp_path: Path, own: str, request_: dict[str, object]
) -> None:
    registry = load(tmp_path, DEFAULTS + f"    {own}\n")
    assert registry.tasks["a"].arguments(registry.tier("haiku")) == request_


def test_gates_outputs_and_scores_are_inherited_key_by_key(tmp_path: Path) -> None:
    own = "    gate: {max_error: 0.01}\n    output: {fenced: reject}\n    score: {tolerance: 0}\n"
    task = load(tmp_path, DEFAULTS + own).tasks["a"]
    assert task.gate == GatePolicy(0.01, Rule.CERTIFIED, 7)
    assert (task.output.format, task.output.fences, task.output.confidence) == (OutputFormat.JSON, Fences.REJECT, "/c")
    assert (task.score.kind, task.score.options) == (ScorerKind.NUMBER, {"tolerance": 0, "pick": "last"})


def test_a_scorer_of_another_kind_inherits_no_options(tmp_path: Path) -> None:
    task = load(tmp_path, DEFAULTS + "    score: {kind: exact, ignore_case: true}\n").tasks["a"]
    assert (task.score.kind, task.score.options) == (ScorerKind.EXACT, {"ignore_case": True})


def test_arguments_merge_in_the_order_defaults_tier_task(tmp_path: Path) -> None:
    registry = load(
        tmp_path,
        TIERS.replace("model: haiku-1", "model: haiku-1, request: {a: tier, b: tier, x: {t: 1}}")
        + "defaults: {request: {a: default, b: default, c: default, x: {d: 1, t: 0}}}\n"
        + "tasks:\n  t: {tier: haiku, request: {b: task, x: {k: 1}}}\n",
    )
    task = registry.tasks["t"]
    assert task.arguments(registry.tier("haiku")) == {
        "a": "tier",
        "b": "task",
        "c": "default",
        "x": {"d": 1, "t": 1, "k": 1},
    }
    assert task.arguments(registry.tier("sonnet")) == {
        "a": "default",
        "b": "task",
        "c": "default",
        "x": {"d": 1, "t": 0, "k": 1},
    }


@pytest.mark.parametrize(
    ("module", "source"),
    [("b", "conf/b.py"), ("c", "c.py"), ("pkg", "conf/pkg/__init__.py"), ("lib.deep", "lib/deep.py"), ("json", None)],
)
def test_a_builders_module_is_looked_for_in_the_registrys_folder_then_in_rootdir(
    tmp_path: Path, module: str, source: str | None
) -> None:
    tasks = f"tasks:\n  a: {{tier: haiku, prompt: {{python: '{module}:build'}}}}\n"
    modules = ("conf/b.py", "b.py", "c.py", "conf/pkg/__init__.py", "lib/deep.py")
    files = tree(tmp_path, {"conf/r.yaml": TIERS + tasks, **dict.fromkeys(modules, "def build(input): ...\n")})
    prompt = load_registry(files, PurePosixPath("conf/r.yaml")).tasks["a"].prompt
    assert isinstance(prompt, PromptBuilder)
    assert prompt.source == (None if source is None else PurePosixPath(source))
    assert (prompt.code is None) == (source is None)


def test_acknowledged_changes_are_read_with_their_place(tmp_path: Path) -> None:
    text = "acknowledged:\n  - {kind: upgrade, task: a, from: haiku, to: sonnet, reason: why}\n"
    assert load(tmp_path, TIERS + text).acknowledged == (
        Acknowledgement("upgrade", "a", "haiku", "sonnet", "why", Place("modelroute.yaml", 7)),
    )


def prices(*tiers: str) -> str:
    lines = [f"  - {{name: t{number}, model: m{number}{tier}}}\n" for number, tier in enumerate(tiers)]
    return f"version: 1\ntiers:\n{''.join(lines)}default_tier: t0\n"


DEARER = "tiers stand cheapest first, but 't{}' costs {} USD per million {} tokens and 't{}' before it {}"
PRICES = {
    "in order": (prices(", price: {input: 1, output: 2}", ", price: {input: 1, output: 9}"), []),
    "unknown": (prices("", "", ", price: {}"), []),
    "one side only": (prices(", price: {input: 5}", ", price: {output: 1}"), []),
    "free": (prices(", price: {input: 0}", ", price: {input: 0}"), []),
    "the wrong way round": (
        prices(", price: {input: 3, output: 15}", ", price: {input: 1, output: 5}"),
        ["4: " + DEARER.format(1, 1, "input", 0, 3), "4: " + DEARER.format(1, 5, "output", 0, 15)],
    ),
    "one side only the wrong way round": (
        prices(", price: {input: 1, output: 15}", ", price: {input: 2, output: 0.5}"),
        ["4: " + DEARER.format(1, 0.5, "output", 0, 15)],
    ),
    "with an unknown price between": (
        prices(", price: {input: 3}", "", ", price: {input: 1}"),
        ["5: " + DEARER.format(2, 1, "input", 0, 3)],
    ),
}


@pytest.mark.parametrize(("registry", "warnings"), PRICES.values(), ids=PRICES)
def test_prices_that_contradict_the_order_are_a_warning(tmp_path: Path, registry: str, warnings: list[str]) -> None:
    assert list(load(tmp_path, registry).warnings) == ["modelroute.yaml:" + warning for warning in warnings]


@pytest.mark.parametrize("text", ["", "- a\n", "just text\n", "7\n", "null\n", "# only a comment\n"])
def test_what_is_no_mapping_is_no_registry(tmp_path: Path, text: str) -> None:
    assert load_error(tmp_path, text) == (
        "modelroute.yaml:1: the registry is not a mapping\n  valid: version, tiers, tasks, ..."
    )
