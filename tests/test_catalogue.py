"""Policy before measurement: traits, kinds of task, and the tier that they recommend."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from pytest_modelroute.registry.catalogue import CATALOGUE, Failure, Level, Output, Reasoning, TaskKind, Traits
from pytest_modelroute.registry.checking import registry_schema

from .trees import TIERS, load


def test_the_schema_and_the_catalogue_know_the_same_eight_kinds() -> None:
    assert set(CATALOGUE) == set(TaskKind)
    assert registry_schema()["$defs"]["task"]["properties"]["kind"]["enum"] == [kind.value for kind in TaskKind]
    assert len(CATALOGUE) == 8


@pytest.mark.parametrize("kind", TaskKind)
def test_a_kind_is_recommended_a_level_that_fits_its_traits(kind: TaskKind) -> None:
    entry = CATALOGUE[kind]
    assert (entry.recommended is Level.CHEAPEST) == (entry.traits.objections == ())
    assert entry.why
    assert entry.upgrade_when


def test_every_no_raises_the_recommendation_or_keeps_it() -> None:
    order = list(Level)
    for output, failure, reasoning in product(Output, Failure, Reasoning):
        traits = Traits(output, failure, reasoning)
        for worse in (
            Traits(Output.LONG, failure, reasoning),
            Traits(output, Failure.COSTLY, reasoning),
            Traits(output, failure, Reasoning.MULTI),
        ):
            assert order.index(worse.recommended) >= order.index(traits.recommended)


def test_a_level_is_a_position_in_a_registry_of_any_size() -> None:
    ranks = {size: [level.rank(size) for level in Level] for size in (1, 2, 3, 5)}
    assert ranks == {1: [0, 0, 0], 2: [0, 1, 1], 3: [0, 1, 2], 5: [0, 2, 4]}


def test_a_task_states_its_traits_over_those_of_its_kind(tmp_path: Path) -> None:
    tasks = (
        "tasks:\n  a: {tier: haiku, kind: code_review, traits: {failure: cheap}}\n  b: {tier: haiku}\n"
        "  c: {tier: haiku, traits: {output: long, failure: cheap, reasoning: single}}\n"
    )
    registry = load(tmp_path, TIERS + tasks)
    found = {name: task.traits.objections if task.traits else None for name, task in registry.tasks.items()}
    assert found == {"a": ("reasoning: multi",), "b": None, "c": ("output: long",)}
    assert registry.tasks["a"].kind is TaskKind.CODE_REVIEW


def test_the_readme_s_table_is_the_catalogue() -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    for kind, entry in CATALOGUE.items():
        traits = entry.traits
        answers = (traits.output.value, traits.failure.value, traits.reasoning.value, entry.recommended.value)
        assert f"| `{kind.value}` | {' | '.join(answers)} | {entry.why} | {entry.upgrade_when} |\n" in readme
