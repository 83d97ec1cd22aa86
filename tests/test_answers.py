"""From a recorded message to an output, or to the first fault that makes it wrong."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modelroute.errors import ErrorKind, UnobtainedAnswer
from pytest_modelroute.evaluation.answers import Answer, AnswerReader, Usage, WrongKind
from pytest_modelroute.evaluation.costs import cost_in_usd
from pytest_modelroute.registry.files import WorkingTree
from pytest_modelroute.registry.model import (
    AnswerSource,
    Fences,
    OutputFormat,
    OutputPolicy,
    Price,
    SchemaDocument,
)

NO_FILES = WorkingTree(Path("/nonexistent"))
SCHEMA = SchemaDocument(
    PurePosixPath("s.json"),
    {"type": "object", "required": ["label"], "properties": {"label": {"enum": ["a", "b"]}}},
)


def reader(
    form: str = "json",
    source: str = "text",
    fenced: str = "reject",
    confidence: str | None = None,
    schema: SchemaDocument | None = None,
) -> AnswerReader:
    policy = OutputPolicy(OutputFormat(form), AnswerSource(source), Fences(fenced), confidence, schema)
    return AnswerReader(policy, NO_FILES)


def message(*content: Any, stop_reason: Any = "end_turn", **more: Any) -> dict[str, Any]:
    """A message; texts stand for text blocks."""
    blocks = [{"type": "text", "text": block} if isinstance(block, str) else block for block in content]
    return {"content": blocks, "stop_reason": stop_reason, **more}


def wrong(output: Any, kind: WrongKind, detail: str) -> Answer:
    return Answer(output, None, None, kind, detail)


def right(output: Any) -> Answer:
    return Answer(output, None, None, None, "")


BAD = '{"label": "c"'  # neither JSON nor what the schema allows
INVALID = '{"label": "c"}'
PRECEDENCE = {
    "a refusal before all else": (
        message(BAD, stop_reason="refusal"),
        wrong(BAD, WrongKind.REFUSAL, "the model refused"),
    ),
    "a refusal with a perfect answer": (
        message('{"label": "a"}', stop_reason="refusal"),
        wrong('{"label": "a"}', WrongKind.REFUSAL, "the model refused"),
    ),
    "cut off before broken": (
        message(BAD, stop_reason="max_tokens"),
        wrong(BAD, WrongKind.TRUNCATED, "cut off at max_tokens"),
    ),
    "cut off though complete": (
        message('{"label": "a"}', stop_reason="max_tokens"),
        wrong('{"label": "a"}', WrongKind.TRUNCATED, "cut off at max_tokens"),
    ),
    "cut off at the context window": (
        message("", stop_reason="model_context_window_exceeded"),
        wrong("", WrongKind.TRUNCATED, "cut off at the context window"),
    ),
    "paused": (
        message("", stop_reason="pause_turn"),
        wrong("", WrongKind.TRUNCATED, "paused before the end of its turn"),
    ),
    "broken before the schema": (
        message(BAD),
        wrong(BAD, WrongKind.NOT_JSON, "Expecting ',' delimiter: line 1 column 14 (char 13)"),
    ),
    "against the schema": (
        message(INVALID),
        wrong({"label": "c"}, WrongKind.SCHEMA, "$.label: 'c' is not one of ['a', 'b']"),
    ),
    "right": (message('{"label": "a"}'), right({"label": "a"})),
    "right at a stop sequence": (message('{"label": "a"}', stop_reason="stop_sequence"), right({"label": "a"})),
}


@pytest.mark.parametrize(("given_", "answer"), PRECEDENCE.values(), ids=PRECEDENCE)
def test_the_first_fault_counts_in_the_order_refusal_truncated_not_json_schema(
    given_: dict[str, Any], answer: Answer
) -> None:
    assert reader(schema=SCHEMA).read(given_) == answer


FENCE = "the JSON stands in a ``` fence, and `fenced` is 'reject'"
TEXTS = {
    "JSON": ('{"a": [1, 2.5, null, true]}', {"a": [1, 2.5, None, True]}, {"a": [1, 2.5, None, True]}),
    "spaces around": (' \n\t{"a": 1}\r\n', {"a": 1}, {"a": 1}),
    "a scalar": ('"a"', "a", "a"),
    "null": ("null", None, None),
    "the last of two keys": ('{"a": 1, "a": 2}', {"a": 2}, {"a": 2}),
    "a fence": ('```json\n{"a": 1}\n```', FENCE, {"a": 1}),
    "a fence without its language": ('```\n{"a": 1}\n```', FENCE, {"a": 1}),
    "a fence in capitals with line breaks": ('\n```JSON \r\n{"a": 1}\r\n```\n', FENCE, {"a": 1}),
    "a fence with words around": ('Here:\n```json\n{"a": 1}\n```', "Expecting value", "Expecting value"),
    "words after a fence": ('```json\n{"a": 1}\n```\nDone.', FENCE, "Expecting value"),
    "a fence that is not closed": ('```json\n{"a": 1}', FENCE, "Expecting value"),
    "a fence in one line": ('```json {"a": 1}```', FENCE, "Expecting value"),
    "words before": ('Sure! {"a": 1}', "Expecting value", "Expecting value"),
    "words after": ('{"a": 1} Done.', "Extra data", "Extra data"),
    "nothing": ("", "Expecting value", "Expecting value"),
    "NaN": ('{"a": NaN}', "NaN is not JSON", "NaN is not JSON"),
    "infinity": ("-Infinity", "-Infinity is not JSON", "-Infinity is not JSON"),
    "too large": ('{"a": 1e999}', "1e999 is too large for a number", "1e999 is too large for a number"),
    "too many digits": ("9" * 5000, "Exceeds the limit", "Exceeds the limit"),
    "a thousand levels": ("[" * 1000 + "]" * 1000, "nested too deeply", "nested too deeply"),
    "more levels than Python's stack": ("[" * 100_000, "nested too deeply", "nested too deeply"),
    "more levels than a scorer can take": ("[" * 150 + "]" * 150, "nested too deeply", "nested too deeply"),
    "Python": ("{'a': True}", "Expecting property name enclosed in double quotes", "Expecting property name"),
}


@pytest.mark.parametrize("fenced", ["reject", "allow"])
@pytest.mark.parametrize(("text", "rejecting", "allowing"), TEXTS.values(), ids=TEXTS)
def test_a_text_is_json_or_not_and_fences_are_explicit(text: str, rejecting: Any, allowing: Any, fenced: str) -> None:
    wanted = rejecting if fenced == "reject" else allowing
    found = reader(fenced=fenced).read(message(text))
    if found.fault is None:
        assert found == right(wanted)
    else:
        assert (found.output, found.fault) == (text, WrongKind.NOT_JSON)
        assert found.detail.startswith(wanted)


def test_text_blocks_are_joined_and_thinking_and_tools_are_not_looked_at() -> None:
    blocks = (
        {"type": "thinking", "thinking": "no {", "signature": "x"},
        '{"a": ',
        {"type": "redacted_thinking", "data": "x"},
        {"type": "tool_use", "id": "t", "name": "n", "input": {"b": 2}},
        "1}",
        {"type": "something_new", "text": "x"},
    )
    assert reader().read(message(*blocks)) == right({"a": 1})
    assert reader("text").read(message(*blocks)) == right('{"a": 1}')


def test_text_is_the_output_as_it_is() -> None:
    assert reader("text").read(message(" ```json\n{} ")) == right(" ```json\n{} ")
    assert reader("text").read(message()) == right("")


def test_a_schema_may_also_judge_text() -> None:
    schema = SchemaDocument(PurePosixPath("s.json"), {"maxLength": 2})
    found = reader("text", schema=schema).read(message("abc"))
    assert found == wrong("abc", WrongKind.SCHEMA, "$: 'abc' is too long")


def test_what_is_known_of_answers_may_be_forgotten_by_another_thread_at_any_time() -> None:
    class Forgetful(dict[str, str | None]):
        def __contains__(self, key: object) -> bool:
            found = super().__contains__(key)
            self.clear()
            return found

        def __setitem__(self, key: str, value: str | None) -> None:
            self.clear()

    text = '{"label": "a"}'
    reading = reader(schema=SCHEMA)
    reading._known = Forgetful({text: None})
    assert [reading.read(message(text)) for _ in range(2)] == [right({"label": "a"})] * 2


def tool(value: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": "t", "name": "n", "input": value}


TOOLS = {
    "the first call": (message("Well.", tool({"label": "a"}), tool({"label": "b"})), right({"label": "a"})),
    "no call": (message('{"label": "a"}'), wrong('{"label": "a"}', WrongKind.NOT_JSON, "the answer calls no tool")),
    "against the schema": (
        message(tool({})),
        wrong({}, WrongKind.SCHEMA, "$: 'label' is a required property"),
    ),
    "no input": (
        message({"type": "tool_use"}),
        wrong(None, WrongKind.SCHEMA, "$: None is not of type 'object'"),
    ),
    "cut off": (
        message(tool({"label": "a"}), stop_reason="max_tokens"),
        wrong("", WrongKind.TRUNCATED, "cut off at max_tokens"),
    ),
    "refused": (message("No.", stop_reason="refusal"), wrong("No.", WrongKind.REFUSAL, "the model refused")),
    "deep": (
        message(tool(json.loads("[" * 150 + "]" * 150))),
        wrong("", WrongKind.NOT_JSON, "nested too deeply"),
    ),
}


@pytest.mark.parametrize(("given_", "answer"), TOOLS.values(), ids=TOOLS)
def test_a_tools_input_may_be_the_output(given_: dict[str, Any], answer: Answer) -> None:
    assert reader(source="tool_use", schema=SCHEMA).read(given_) == answer


@pytest.mark.parametrize(
    ("output", "confidence"),
    [
        ({"confidence": 0.85}, 0.85),
        ({"confidence": 0}, 0.0),
        ({"confidence": 1}, 1.0),
        ({"confidence": 1.01}, None),
        ({"confidence": -0.1}, None),
        ({"confidence": 10**400}, None),
        ({"confidence": True}, None),
        ({"confidence": "0.9"}, None),
        ({"confidence": None}, None),
        ({}, None),
        ([0.5], None),
        ("text", None),
        (None, None),
    ],
)
def test_a_confidence_is_a_number_from_0_to_1_or_unknown(output: Any, confidence: float | None) -> None:
    found = reader(confidence="/confidence").read(message(json.dumps(output)))
    assert (found.confidence, found.fault) == (confidence, None)


def test_a_confidence_is_told_also_where_the_schema_is_not_met() -> None:
    found = reader(confidence="/a/0", schema=SCHEMA).read(message('{"a": [0.5]}'))
    assert (found.confidence, found.fault) == (0.5, WrongKind.SCHEMA)


NO_MESSAGE = "the answer is not a message: it has no content blocks"
NO_REASON = "the answer has no stop_reason"
UNREADABLE = [
    ({}, NO_MESSAGE),
    ({"content": None}, NO_MESSAGE),
    ({"content": "text", "stop_reason": "end_turn"}, NO_MESSAGE),
    ({"content": ["text"], "stop_reason": "end_turn"}, NO_MESSAGE),
    ({"type": "error", "error": {"type": "overloaded_error"}}, NO_MESSAGE),
    ({"content": []}, NO_REASON),
    ({"content": [], "stop_reason": None}, NO_REASON),
    ({"content": [], "stop_reason": ["max_tokens"]}, NO_REASON),
    ({"content": [], "stop_reason": {}}, NO_REASON),
]


@pytest.mark.parametrize(("given_", "detail"), UNREADABLE)
def test_what_is_no_message_is_an_error_and_never_a_wrong_answer(given_: dict[str, Any], detail: str) -> None:
    with pytest.raises(UnobtainedAnswer) as caught:
        reader().read(given_)
    assert (caught.value.kind, caught.value.detail) == (ErrorKind.UNREADABLE, detail)


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        ({"input_tokens": 10, "output_tokens": 5}, Usage(10, 5)),
        (
            {
                "input_tokens": 1,
                "cache_read_input_tokens": 20,
                "cache_creation_input_tokens": 300,
                "output_tokens": 5,
                "service_tier": "standard",
            },
            Usage(321, 5, 20, 300),
        ),
        ({"input_tokens": 10, "cache_read_input_tokens": None, "output_tokens": 0}, Usage(10, 0)),
        ({"input_tokens": 10}, None),
        ({"output_tokens": 10}, None),
        ({"input_tokens": "10", "output_tokens": 5}, None),
        ({}, None),
        (None, None),
        ([], None),
    ],
)
def test_usage_counts_cached_tokens_as_input_and_unknown_is_not_zero(usage: Any, counted: Usage | None) -> None:
    for stop_reason in ("end_turn", "refusal", "max_tokens"):
        assert reader("text").read(message("x", stop_reason=stop_reason, usage=usage)).usage == counted


@pytest.mark.parametrize(
    ("price", "usd"),
    [
        (Price(3.0, 15.0, "2026-11-21"), 18.0),
        (Price(0, 0, None), 0.0),
        (Price(3.0, None, None), None),
        (Price(None, 15.0, None), None),
        (None, None),
    ],
)
def test_a_cost_is_known_only_where_both_prices_are(price: Price | None, usd: float | None) -> None:
    assert cost_in_usd(Usage(400_000, 600_000) + Usage(600_000, 400_000), price) == usd


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.text(st.sampled_from('{}[]":,`json\n 019.eE+-ntrueNaN\\u\ud800é'), max_size=30), st.booleans())
def test_any_text_is_an_output_or_not_json(text: str, fences: bool) -> None:
    found = reader(fenced="allow" if fences else "reject").read(message(text))
    assert found.fault in (None, WrongKind.NOT_JSON)
    assert (found.fault is None) == (found.detail == "")
