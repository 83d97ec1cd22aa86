"""What policy asks of a move before anything is measured: of which tasks, below which tier, and what satisfies it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_modelroute.judgement.demands import Demand, DemandKind, demands
from pytest_modelroute.registry.catalogue import Level

from .trees import load

TIERS = """\
version: 1
tiers:
  - {name: small, model: s-1}
  - {name: middle, model: m-1}
  - {name: large, model: l-1}
default_tier: large
"""

BOTH = (DemandKind.CERTIFIED_RULE, DemandKind.ACKNOWLEDGEMENT)
EASY = "traits: {output: short, failure: cheap, reasoning: single}"
LONG = "traits: {output: long, failure: cheap, reasoning: single}"
HARD = "traits: {output: long, failure: costly, reasoning: multi}"
CERTIFIED = "gate: {rule: certified}"


@pytest.mark.parametrize(
    ("task", "acknowledged", "missing"),
    [
        ("{tier: small}", False, ()),  # nothing is known of it
        (f"{{tier: small, {EASY}}}", False, ()),
        ("{tier: small, kind: intent_classification}", False, ()),
        (f"{{tier: small, {LONG}}}", False, BOTH),
        (f"{{tier: small, {LONG}}}", True, (DemandKind.CERTIFIED_RULE,)),
        (f"{{tier: small, {LONG}, {CERTIFIED}}}", False, (DemandKind.ACKNOWLEDGEMENT,)),
        (f"{{tier: small, {LONG}, {CERTIFIED}}}", True, ()),
        (f"{{tier: middle, {LONG}}}", False, ()),
        (f"{{tier: large, {LONG}}}", False, ()),
        (f"{{tier: middle, {HARD}}}", False, BOTH),
        (f"{{tier: large, {HARD}}}", False, ()),
        ("{tier: middle, kind: code_generation}", False, ()),  # as hard, and known to do well there
        ("{tier: small, kind: code_generation}", False, BOTH),
    ],
)
def test_a_move_below_the_recommended_tier_lacks(
    tmp_path: Path, task: str, acknowledged: bool, missing: tuple[DemandKind, ...]
) -> None:
    registry = load(tmp_path, f"{TIERS}tasks: {{a: {task}}}\n")
    assert tuple(each.kind for each in demands(registry, registry.tasks["a"], acknowledged)) == missing


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (f"{{tier: small, {LONG}}}", (("output: long",), Level.MIDDLE, "middle")),
        (f"{{tier: small, {HARD}}}", (("output: long", "failure: costly", "reasoning: multi"), Level.DEAREST, "large")),
    ],
)
def test_a_demand_names_the_traits_that_ask_and_the_tier_that_they_recommend(
    tmp_path: Path, task: str, expected: tuple[tuple[str, ...], Level, str]
) -> None:
    registry = load(tmp_path, f"{TIERS}tasks: {{a: {task}}}\n")
    assert demands(registry, registry.tasks["a"], False) == tuple(Demand(kind, *expected) for kind in BOTH)


def test_a_tier_that_the_registry_does_not_know_has_no_place_below_another(tmp_path: Path) -> None:
    registry = load(tmp_path, f"{TIERS}tasks: {{a: {{tier: small, {LONG}}}}}\n")
    assert demands(registry, replace(registry.tasks["a"], tier="gone"), False) == ()
