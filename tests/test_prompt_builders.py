"""Requests of cases: Python builders and their faults, what merges over what, what no prompt may set."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from pytest_modelroute.errors import InputError
from pytest_modelroute.evaluation.golden import GoldenCase
from pytest_modelroute.evaluation.importing import Importer
from pytest_modelroute.evaluation.requests import RequestBuilder
from pytest_modelroute.registry.files import WorkingTree
from pytest_modelroute.registry.model import Registry

from .trees import TIERS, load

NUMBERS = itertools.count()
TASK = "tasks:\n  t:\n    tier: haiku\n    golden: g.jsonl\n"  # its place is line 7
FULL = "{'max_tokens': 1, 'messages': []}"


@pytest.fixture(autouse=True)
def own_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the importer adds to the path ends with the test."""
    monkeypatch.setattr(sys, "path", list(sys.path))


def built(folder: Path, registry: Registry, given: dict[str, Any], tier: str = "haiku") -> dict[str, Any]:
    importer = Importer(folder, PurePosixPath())
    builder = RequestBuilder(registry.tasks["t"], WorkingTree(folder), PurePosixPath(), importer.function)
    return builder.arguments(GoldenCase("c", given, 1, (), 3), registry.tier(tier))


def from_python(folder: Path, source: str, name: str = "build", given: dict[str, Any] | None = None) -> dict[str, Any]:
    """What a builder in a module of its own gives. `MODULE` in errors stands for the module's name."""
    module = f"builder_{next(NUMBERS)}"
    prompt = f"    prompt: {{python: '{module}:{name}'}}\n"
    registry = load(folder, TIERS + TASK + prompt, {"g.jsonl": "", f"{module}.py": source})
    try:
        return built(folder, registry, {"text": "hi"} if given is None else given)
    except InputError as error:
        raise InputError(str(error).replace(module, "MODULE")) from None


def from_file(folder: Path, prompt: str, registry: str = TIERS + TASK, **given: Any) -> dict[str, Any]:
    registry += "    prompt: p.yaml\n"
    return built(folder, load(folder, registry, {"g.jsonl": "", "p.yaml": prompt}), given)


def test_a_builder_gets_the_input_and_gives_the_arguments(tmp_path: Path) -> None:
    source = "def build(input): return {'max_tokens': 1, 'messages': [input['text'].upper()]}"
    assert from_python(tmp_path, source) == {"max_tokens": 1, "messages": ["HI"]}


def test_a_builder_may_import_from_the_project(tmp_path: Path) -> None:
    helper = f"helper_{next(NUMBERS)}"
    (tmp_path / f"{helper}.py").write_text("MESSAGES = ['from the project']")
    source = f"import {helper}\ndef build(input): return {{'max_tokens': 1, 'messages': {helper}.MESSAGES}}"
    assert from_python(tmp_path, source)["messages"] == ["from the project"]


def test_a_builder_that_changes_its_input_does_not_change_the_case(tmp_path: Path) -> None:
    given = {"text": "hi", "turns": [1]}
    source = f"def build(input):\n    input['turns'].append(input.pop('text'))\n    return {FULL}"
    from_python(tmp_path, source, given=given)
    assert given == {"text": "hi", "turns": [1]}


IMPORT = "found from the registry's folder or rootdir"
FAULTS = {
    "missing": (
        "",
        "modelroute.yaml:7: python: MODULE has no function 'build'",
    ),
    "no function": ("build = 5", "modelroute.yaml:7: python: MODULE has no function 'build'"),
    "fails to import": (
        "import nonexistent_package",
        "modelroute.yaml:7: python: 'MODULE:build' cannot be imported: ModuleNotFoundError: "
        f"No module named 'nonexistent_package'\n  valid: module:function, {IMPORT}",
    ),
    "exits as it is imported": (
        "import sys\nsys.exit(3)",
        "modelroute.yaml:7: python: 'MODULE:build' cannot be imported: SystemExit: 3\n"
        f"  valid: module:function, {IMPORT}",
    ),
    "skips as it is imported": (
        "import pytest\npytest.skip('not here', allow_module_level=True)",
        "modelroute.yaml:7: python: 'MODULE:build' cannot be imported: Skipped: not here\n"
        f"  valid: module:function, {IMPORT}",
    ),
    "async": (
        "async def build(input): return {}",
        "modelroute.yaml:7: python: MODULE:build is async\n  valid: a plain function",
    ),
    "returns a coroutine": (
        "async def later(): ...\ndef build(input): return later()",
        "modelroute.yaml:7: case 'c': the prompt builder returned coroutine\n"
        "  valid: a mapping of arguments of messages.create",
    ),
    "returns nothing": (
        "def build(input): ...",
        "modelroute.yaml:7: case 'c': the prompt builder returned NoneType\n"
        "  valid: a mapping of arguments of messages.create",
    ),
    "returns a text": (
        "def build(input): return 'hi'",
        "modelroute.yaml:7: case 'c': the prompt builder returned str\n"
        "  valid: a mapping of arguments of messages.create",
    ),
    "is a generator": (
        "def build(input): yield {}",
        "modelroute.yaml:7: case 'c': the prompt builder returned generator\n"
        "  valid: a mapping of arguments of messages.create",
    ),
    "raises": (
        "def build(input): return input['txet']",
        "modelroute.yaml:7: case 'c': the prompt builder raised KeyError: 'txet'",
    ),
    "exits": (
        "import sys\ndef build(input): sys.exit('enough')",
        "modelroute.yaml:7: case 'c': the prompt builder raised SystemExit: enough",
    ),
    "skips": (
        "import pytest\ndef build(input): pytest.skip('not today')",
        "modelroute.yaml:7: case 'c': the prompt builder raised Skipped: not today",
    ),
    "never ends": (
        "def build(input): return build(input)",
        "modelroute.yaml:7: case 'c': the prompt builder raised RecursionError: maximum recursion depth exceeded",
    ),
    "takes no input": (
        "def build(): return {}",
        "modelroute.yaml:7: case 'c': the prompt builder raised TypeError: "
        "build() takes 0 positional arguments but 1 was given",
    ),
    "forgets max_tokens": (
        "def build(input): return {'messages': []}",
        "modelroute.yaml:7: task 't': the argument 'max_tokens' is missing\n"
        "  fix: set max_tokens in 'request' of the registry",
    ),
    "forgets messages": (
        "def build(input): return {'max_tokens': 1}",
        "modelroute.yaml:7: task 't': the argument 'messages' is missing: the prompt has max_tokens\n"
        "  fix: set messages in the prompt",
    ),
    "misspells messages": (
        "def build(input): return {'max_tokens': 1, 'mesages': []}",
        "modelroute.yaml:7: task 't': the argument 'messages' is missing: the prompt has max_tokens, mesages\n"
        "  fix: rename 'mesages' to 'messages'",
    ),
    "gives a body that is none": (
        f"def build(input): return {{**{FULL}, 'extra_body': [1]}}",
        "modelroute.yaml:7: case 'c': extra_body is list\n  valid: a mapping",
    ),
}


@pytest.mark.parametrize(("source", "told"), FAULTS.values(), ids=FAULTS)
def test_a_builder_that_fails_is_an_input_error_with_the_task_or_the_case(
    tmp_path: Path, source: str, told: str
) -> None:
    with pytest.raises(InputError) as caught:
        from_python(tmp_path, source)
    assert str(caught.value) == told


def test_ctrl_c_in_a_builder_is_ctrl_c(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        from_python(tmp_path, "def build(input): raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        from_python(tmp_path, "raise KeyboardInterrupt")


OTHER = "any other argument of messages.create"
FORBIDDEN = {
    "model: other\n": f"the prompt sets 'model'\n  valid: {OTHER}",
    "stream: true\n": f"the prompt sets 'stream'\n  valid: {OTHER}",
    "timeout: 5\n": f"the prompt sets 'timeout'\n  valid: {OTHER}",
    "extra_headers: {a: b}\n": f"the prompt sets 'extra_headers'\n  valid: {OTHER}",
    "extra_query: {a: b}\n": f"the prompt sets 'extra_query'\n  valid: {OTHER}",
    "temperature: 0\n": "the prompt sets 'temperature', which messages.create does not take\n"
    "  fix: set temperature under extra_body",
    "top_k: 1\n": "the prompt sets 'top_k', which messages.create does not take\n  fix: set top_k under extra_body",
    "extra_body: {model: other}\n": "the prompt sets 'model' under extra_body\n"
    "  valid: anything else that only the wire knows",
    "extra_body: {stream: true}\n": "the prompt sets 'stream' under extra_body\n"
    "  valid: anything else that only the wire knows",
    "extra_body: hello\n": "extra_body is str\n  valid: a mapping",
}


@pytest.mark.parametrize(("line", "told"), FORBIDDEN.items(), ids=FORBIDDEN)
def test_a_prompt_cannot_change_the_model_or_what_is_not_asked(tmp_path: Path, line: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        from_file(tmp_path, "max_tokens: 1\nmessages: []\n" + line)
    assert str(caught.value) == f"p.yaml: case 'c': {told}"


def test_a_missing_variable_names_the_case_in_the_golden_set_and_the_place_in_the_prompt(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        from_file(tmp_path, "max_tokens: 1\nmessages: [{role: user, content: '{{ input.txet }}'}]\n", text="hi")
    assert str(caught.value) == (
        "g.jsonl:3: case 'c': p.yaml:2: messages[0].content: 'input' has no 'txet': did you mean 'text'? one of text"
    )


LAYERS = """\
version: 1
tiers:
  - {name: haiku, model: h, request: {b: tier, c: tier, d: tier, x: {b: tier, c: tier, d: tier}}}
  - {name: sonnet, model: s}
default_tier: sonnet
defaults:
  request: {max_tokens: 1, a: default, b: default, c: default, d: default, x: {a: 0, b: 0, c: 0, d: 0}}
tasks:
  t:
    tier: haiku
    golden: g.jsonl
    request: {c: task, d: task, x: {c: task, d: task}}
"""


def test_the_prompt_is_merged_over_the_task_over_the_tier_over_the_defaults(tmp_path: Path) -> None:
    prompt = "messages: ['{{ input.text }}']\nd: prompt\nx: {d: '{{ input.text }}', e: [1]}\n"
    assert from_file(tmp_path, prompt, LAYERS, text="T") == {
        "max_tokens": 1,
        "messages": ["T"],
        "a": "default",
        "b": "tier",
        "c": "task",
        "d": "prompt",
        "x": {"a": 0, "b": "tier", "c": "task", "d": "T", "e": [1]},
    }


def test_a_list_of_the_prompt_replaces_a_list_of_the_registry(tmp_path: Path) -> None:
    registry = LAYERS.replace("a: default,", "a: [1, 2], messages: [0],")
    given = from_file(tmp_path, "messages: [1]\na: [3]\n", registry)
    assert (given["messages"], given["a"]) == ([1], [3])


def test_another_tier_brings_its_own_arguments(tmp_path: Path) -> None:
    registry = load(tmp_path, LAYERS + "    prompt: p.yaml\n", {"g.jsonl": "", "p.yaml": "messages: []\n"})
    assert [built(tmp_path, registry, {}, tier)["b"] for tier in ("haiku", "sonnet")] == ["tier", "default"]


def test_two_cases_do_not_share_what_is_built_for_them(tmp_path: Path) -> None:
    registry = load(tmp_path, LAYERS + "    prompt: p.yaml\n", {"g.jsonl": "", "p.yaml": "messages: [a]\nx: {e: 1}\n"})
    builder = RequestBuilder(
        registry.tasks["t"], WorkingTree(tmp_path), PurePosixPath(), Importer(tmp_path, PurePosixPath()).function
    )
    case = GoldenCase("c", {}, 1, (), 1)
    first = builder.arguments(case, registry.tier("haiku"))
    first["messages"].append("b")
    first["x"]["e"] = 2
    assert builder.arguments(case, registry.tier("haiku"))["messages"] == ["a"]
    assert builder.arguments(case, registry.tier("haiku"))["x"]["e"] == 1
