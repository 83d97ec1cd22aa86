"""What policy asks of a move before anything is measured: of which tasks, below which tier, and what satisfies it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_modelroute.judgement.demands import Demand, DemandKind, demands
from pytest_modelroute.registry.catalogue import Level
from pytest_modelroute.registry.model import Registry

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


ORDERS = {
    "another order of the base's": ("small, large, middle", "a: {tier: middle, HARD}", "large"),
    "a recommended tier that was swapped": ("small, middle, other", "a: {tier: large, HARD}", "large"),
    "another model beside what is recommended": ("small, middle, other", "a: {tier: large, LONG}", "middle"),
    "what neither order knows": ("small, middle, large", "a: {tier: newest, HARD}", "large"),
    "the same models under other names": ("small, middle, large", "a: {tier: dear, HARD}", None),
    "a new one above": ("small, middle", "a: {tier: large, LONG}", None),
}


@pytest.mark.parametrize(("base", "task", "wanted"), ORDERS.values(), ids=ORDERS)
def test_the_base_s_order_counts_beside_head_s(tmp_path: Path, base: str, task: str, wanted: str | None) -> None:
    def read(folder: str, models: str, tasks: str) -> Registry:
        known = {"other": ("large", "o-1"), "dear": ("dear", "l-1")}
        named = [known.get(name, (name, f"{name[0]}-1")) for name in models.split(", ")]
        tiers = "".join(f"  - {{name: {name}, model: {model}}}\n" for name, model in named)
        text = f"version: 1\ntiers:\n{tiers}default_tier: small\ntasks: {{{tasks}}}\n"
        return load(tmp_path / folder, text.replace("HARD", HARD).replace("LONG", LONG))

    top = task.split("tier: ")[1].partition(",")[0]
    head = read("head", f"small, middle, {'large' if top == 'middle' else top}", task)
    found = demands(head, head.tasks["a"], False, read("base", base, ""))
    assert [each.tier for each in found] == ([] if wanted is None else [wanted] * 2)


def test_a_tier_that_the_registry_does_not_know_has_no_place_below_another(tmp_path: Path) -> None:
    registry = load(tmp_path, f"{TIERS}tasks: {{a: {{tier: small, {LONG}}}}}\n")
    assert demands(registry, replace(registry.tasks["a"], tier="gone"), False) == ()
