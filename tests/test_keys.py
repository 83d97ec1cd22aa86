"""The key of an interaction: reference vectors, what it does not depend on, and what it does."""

from __future__ import annotations

import hashlib
import json
import math
import re
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pytest_modelroute.evaluation.requests import canonical_key, wire_body
from pytest_modelroute.registry.model import Tier

from .trees import HAIKU


def tier(model: str, **changes: Any) -> Tier:
    values: dict[str, Any] = {
        "name": "any",
        "model": model,
        "provider": "anthropic",
        "price": None,
        "base_url": None,
        "api_key_env": None,
        "request": {},
    }
    return Tier(**{**values, **changes})


# The canonical JSON is written out by hand, and its digest as it was on the day the format was fixed: a change of
# either makes every recording of every user stale.
VECTORS = {
    "the smallest": (
        tier("claude-haiku-4-5-20251001"),
        {"max_tokens": 16, "messages": [{"role": "user", "content": "Hi"}]},
        0,
        '{"arguments":{"max_tokens":16,"messages":[{"content":"Hi","role":"user"}]},"betas":[],'
        '"model":"claude-haiku-4-5-20251001","provider":"anthropic","sample":0}',
        "0db9f2e89858a986b39398a366ff1e2db14e74e3005afa35d038f87a5945c48e",
    ),
    "numbers and text": (
        tier("modèle/é", base_url="http://127.0.0.1:1", api_key_env="KEY"),
        {
            "system": 'Ünïcode \u2028 \U0001f600 "quoted" \\ \x7f\n',
            "messages": [],
            "max_tokens": 16.0,
            "extra_body": {"temperature": 0.0, "top_p": 0.1, "big": 1e22, "tiny": 5e-324, "minus": -0.0, "flag": True},
        },
        0,
        '{"arguments":{"extra_body":{"big":10000000000000000000000,"flag":true,"minus":0,"temperature":0,'
        '"tiny":5e-324,"top_p":0.1},"max_tokens":16,"messages":[],'
        '"system":"Ünïcode \u2028 \U0001f600 \\"quoted\\" \\\\ \x7f\\n"},'
        '"betas":[],"model":"modèle/é","provider":"anthropic","sample":0}',
        "4b8eed3f949d540fbad10499c30ff641ce4393be60d3956a3f48a0335809c6e0",
    ),
    "betas and a sample": (
        tier("claude-sonnet-4-6"),
        {
            "betas": ["files-api-2025-04-14", "a"],
            "tools": [{"name": "t", "input_schema": {"type": "object", "properties": {}}}],
            "stop_sequences": None,
            "messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}],
        },
        3,
        '{"arguments":{"messages":[{"content":[{"text":"","type":"text"}],"role":"user"}],"stop_sequences":null,'
        '"tools":[{"input_schema":{"properties":{},"type":"object"},"name":"t"}]},'
        '"betas":["files-api-2025-04-14","a"],"model":"claude-sonnet-4-6","provider":"anthropic","sample":3}',
        "fb4a32961590eadfadeef4376b4266e1883f1a4d35e89a9aa8c4fbd28af0979e",
    ),
}


@pytest.mark.parametrize(("tier", "arguments", "sample", "text", "digest"), VECTORS.values(), ids=VECTORS)
def test_the_key_is_that_of_the_reference_vector(
    tier: Tier, arguments: dict[str, Any], sample: int, text: str, digest: str
) -> None:
    assert hashlib.sha256(text.encode("utf-8")).hexdigest() == digest
    assert canonical_key(tier, arguments, sample) == f"v1:{digest}"


def test_a_tiers_name_price_address_and_key_are_no_part_of_the_key() -> None:
    arguments = {"messages": [], "max_tokens": 1}
    other = tier("m", name="other", base_url="http://127.0.0.1", api_key_env="K", request={"a": 1})
    assert canonical_key(tier("m"), arguments) == canonical_key(other, arguments)


@pytest.mark.parametrize(
    "changed",
    [
        lambda: canonical_key(tier("other"), {"messages": []}),
        lambda: canonical_key(tier("m", provider="other"), {"messages": []}),
        lambda: canonical_key(tier("m"), {"messages": []}, 1),
        lambda: canonical_key(tier("m"), {"messages": [], "betas": ["a"]}),
        lambda: canonical_key(tier("m"), {"messages": [], "extra_body": {"betas": ["a"]}}),
        lambda: canonical_key(tier("m"), {"messages": None}),
        lambda: canonical_key(tier("m"), {"messages": [], "system": None}),
        lambda: canonical_key(tier("m"), {"messages": [], "system": ""}),
    ],
)
def test_whatever_changes_what_is_asked_changes_the_key(changed: Any) -> None:
    assert changed() != canonical_key(tier("m"), {"messages": []})


def test_the_order_of_betas_and_of_messages_counts() -> None:
    for name in ("betas", "messages"):
        assert canonical_key(HAIKU, {name: ["a", "b"]}) != canonical_key(HAIKU, {name: ["b", "a"]})


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (math.nan, "Out of range float values are not JSON compliant"),
        (math.inf, "Out of range float values are not JSON compliant"),
        ({1: 2}, "the key 1 is not a text"),
        (b"x", "bytes is not JSON (text, number, true, false, null, list, mapping)"),
        ({1, 2}, "set is not JSON (text, number, true, false, null, list, mapping)"),
        (object, "type is not JSON (text, number, true, false, null, list, mapping)"),
        ("\ud800", "'utf-8' codec can't encode character '\\ud800' in position 24: surrogates not allowed"),
    ],
    ids=["NaN", "infinity", "a key", "bytes", "a set", "a class", "half a surrogate"],
)
def test_what_is_not_json_is_refused(value: Any, told: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(told)):
        canonical_key(HAIKU, {"system": value})


def test_a_value_that_holds_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(ValueError, match=r"^nested too deeply$"):
        canonical_key(HAIKU, {"messages": loop})


SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=6)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS | FLOATS,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=4), children, max_size=4),
    max_leaves=10,
)
ARGUMENTS = st.dictionaries(
    st.sampled_from(["system", "messages", "tools", "extra_body", "metadata"]), VALUES, max_size=4
)


def respelt(value: Any) -> Any:
    """The same request, written otherwise: keys the other way round, whole numbers as floats, tuples for lists."""
    if isinstance(value, dict):
        return {key: respelt(value[key]) for key in reversed(list(value))}
    if isinstance(value, list):
        return tuple(respelt(child) for child in value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= 2**53:
        return float(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


@settings(derandomize=True, deadline=None, max_examples=100)
@given(ARGUMENTS)
def test_the_key_does_not_depend_on_order_or_on_how_a_number_is_spelt(arguments: dict[str, Any]) -> None:
    assert canonical_key(HAIKU, arguments) == canonical_key(HAIKU, respelt(arguments))
    assert canonical_key(HAIKU, arguments) == canonical_key(HAIKU, json.loads(json.dumps(arguments)))


@settings(derandomize=True, deadline=None, max_examples=100)
@given(VALUES, VALUES)
def test_one_different_value_makes_another_key(one: Any, other: Any) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assume(same or one != other)  # 1 and 1.0 are one number in two spellings
    assert (canonical_key(HAIKU, {"system": one}) == canonical_key(HAIKU, {"system": other})) == same


def test_values_that_look_alike_have_keys_of_their_own() -> None:
    alike: list[Any] = [None, False, True, 0, 1, "", "0", "1", "null", [], {}, [0], [False], [[]], [{}], {"": None}]
    alike += [{"a": 0}, {"a": "0"}, [0, 1], [1, 0], [[0], 1], 0.5, "0.5", 2**53, 2**53 + 1, "é", "e\u0301", "\\u00e9"]
    assert len({canonical_key(HAIKU, {"system": value}) for value in alike}) == len(alike)


def test_the_body_on_the_wire_has_the_model_and_what_only_the_wire_knows_and_no_betas() -> None:
    arguments = {"max_tokens": 1, "messages": [], "betas": ["a"], "extra_body": {"temperature": 0}}
    assert wire_body(tier("m"), arguments) == {"max_tokens": 1, "messages": [], "model": "m", "temperature": 0}
    assert wire_body(tier("m"), {"messages": []}) == {"messages": [], "model": "m"}
