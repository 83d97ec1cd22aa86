"""The cassette format: whatever was recorded, one line of JSON that every YAML loader and stock vcrpy read."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from vcr.persisters.filesystem import FilesystemPersister
from vcr.serialize import deserialize, serialize
from vcr.serializers import yamlserializer

from pytest_modelroute.cassettes.lines import (
    HEADER,
    KEY_IN_LINE,
    Interaction,
    cassette_text,
    format_line,
    parse_line,
)

from .interactions import cassette, interaction, key, message

LOADERS: list[Any] = [yaml.SafeLoader, yaml.CSafeLoader]

# Everything that JSON and YAML disagree about, and what looks like the format itself.
HOSTILE = [
    "",
    *map(chr, range(0x20)),
    *map(chr, range(0x7F, 0xA1)),
    "\u00ad\u200b\u202e\u2028\u2029\ufeff\ufffe\uffff\ufdd0\ue000",
    "\ufeff at the start",
    "😀\U0001fffe\U0010ffff",
    '\\u2028 \\ " \' \\\\" \\x41',
    "- {",
    "}\n- {",
    ": # & * ! | > % @ ` , [ ] { } ? - --- ...",
    "yes no null ~ 1 1.5 2026-11-21 0x1f 1:30 <<",
    f'"x-modelroute-key": ["{key(9)}"]',
    f'\\"x-modelroute-key\\": [\\"{key(9)}\\"]',
    "x" * 5000,
    "version: 1\ninteractions:\n",
    "<<<<<<< HEAD",
    "{{ template }} {% raw %}",
]

hostile_text = st.one_of(
    st.sampled_from(HOSTILE), st.text(max_size=40), st.lists(st.sampled_from(HOSTILE[:-8]), max_size=4).map("".join)
)


@st.composite
def interactions(draw: st.DrawFn, number: int | None = None) -> Interaction:
    names = st.text(max_size=12).filter(lambda name: not name.lower().startswith("x-modelroute-"))
    values = st.lists(hostile_text, min_size=1, max_size=2)
    headers = st.dictionaries(names, values, max_size=2).map(lambda found: dict(sorted(found.items())))
    return interaction(
        draw(hostile_text),
        draw(st.integers(0, 2**256 - 1)) if number is None else number,
        draw(hostile_text),
        task=draw(hostile_text),
        sample=draw(st.integers(0, 9)),
        recorded_at=draw(hostile_text),
        latency_ms=draw(st.none() | st.integers(0, 10**6)),
        recordings=draw(st.integers(1, 99)),
        digest=draw(hostile_text),
        uri=draw(hostile_text),
        reason=draw(hostile_text),
        status=draw(st.integers(100, 599)),
        request_headers=draw(headers),
        request_body=draw(hostile_text),
        response_headers=draw(headers),
    )


@settings(max_examples=150, deadline=None, derandomize=True)
@given(interactions())
def test_any_recording_is_one_line_that_comes_back_as_it_was(recorded: Interaction) -> None:
    line = format_line(recorded).encode()
    assert line.splitlines() == [line.removesuffix(b"\n")]
    assert parse_line(line) == recorded
    assert KEY_IN_LINE.findall(line) == [recorded.key.encode()]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(interactions(), min_size=1, max_size=2))
def test_both_yaml_loaders_read_what_json_reads(recorded: list[Interaction]) -> None:
    text = cassette_text(recorded)
    wires = [json.loads(line[2:]) for line in text.removeprefix(HEADER).split("\n")[:-1]]
    for loader in LOADERS:
        assert yaml.load(text, Loader=loader) == {"version": 1, "interactions": wires}


@pytest.mark.parametrize("loader", LOADERS)
def test_each_character_below_the_astral_planes_survives_yaml(loader: Any) -> None:
    characters = [chr(code) for code in range(0x10000) if not 0xD800 <= code <= 0xDFFF]
    recorded = [
        interaction(" ".join(characters[start : start + 4096]), start) for start in range(0, len(characters), 4096)
    ]
    wires = yaml.load(cassette_text(recorded), Loader=loader)["interactions"]
    read = {each.key: each.case for each in map(Interaction.from_wire, wires)}
    assert read == {each.key: each.case for each in recorded}


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\ud83d\ude00", "\udc80\ufeff"], ids=ascii)
def test_half_a_surrogate_pair_cannot_make_a_file_unreadable(loader: Any, text: str) -> None:
    written = cassette_text([interaction(text, 1, text), interaction("next", 2)])
    shown = "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text)
    read = [Interaction.from_wire(wire) for wire in yaml.load(written, Loader=loader)["interactions"]]
    assert {(each.case, each.response_body) for each in read} == {(shown, shown), ("next", message("yes"))}
    assert cassette(written).find(key(2)) == interaction("next", 2)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.data())
def test_stock_vcrpy_reads_the_file_and_what_it_saves_again_is_read_here(data: st.DataObject) -> None:
    # vcrpy keeps one value a request header, and its names without case.
    recorded = [
        dataclasses.replace(data.draw(interactions(number)), request_headers={"content-type": ["application/json"]})
        for number in range(2)
    ]
    text = cassette_text(recorded)
    requests, responses = deserialize(text, yamlserializer)
    assert [request.body.decode() for request in requests] == [each.request_body for each in ordered(recorded)]
    assert [response["body"]["string"].decode() for response in responses] == [
        each.response_body for each in ordered(recorded)
    ]
    saved = serialize({"requests": requests, "responses": responses}, yamlserializer)
    again = cassette(saved)
    assert (again.fault, again.damaged, again.twins) == (None, [], set())
    assert ordered(again.interactions()) == ordered(recorded)
    assert cassette_text(again.interactions()) == text


def ordered(recorded: list[Interaction]) -> list[Interaction]:
    return sorted(recorded, key=lambda each: each.order)


def test_stock_vcrpy_s_own_files_on_disk_are_read(tmp_path: Path) -> None:
    recorded = [interaction(f"case {number}", number, message(f"answer {number} 😀\u2028")) for number in range(20)]
    path = tmp_path / "small.yaml"
    path.write_text(cassette_text(recorded), encoding="utf-8")
    requests, responses = FilesystemPersister.load_cassette(path, yamlserializer)
    FilesystemPersister.save_cassette(path, {"requests": requests, "responses": responses}, yamlserializer)
    content = path.read_bytes()
    assert b"- {" not in content
    assert ordered(cassette(content).interactions()) == ordered(recorded)


def test_lines_stand_in_the_order_of_case_sample_and_key() -> None:
    recorded = [interaction("b", 1), interaction("a", 3), interaction("a", 2), interaction("a", 0, sample=1)]
    shuffled = cassette_text(recorded)
    assert shuffled == cassette_text(recorded[::-1])
    assert [parse_line(line.encode()).key for line in shuffled.removeprefix(HEADER).splitlines()] == [
        key(2),
        key(3),
        key(0),
        key(1),
    ]


def test_a_file_without_interactions_is_a_cassette_too() -> None:
    text = cassette_text([])
    assert text == "version: 1\ninteractions: []\n"
    assert deserialize(text, yamlserializer) == ([], [])
    assert cassette(text).interactions() == []


def wire_with(path: list[str], value: object) -> dict[str, Any]:
    wire: dict[str, Any] = json.loads(format_line(interaction())[2:])
    inner: Any = wire
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return wire


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["request"], None, "not a recorded interaction"),
        (["request"], "text", "not a recorded interaction"),
        (["request", "headers"], [], "not a recorded interaction"),
        (["request", "headers", "x-modelroute-case"], [5], "the header x-modelroute-case is not text"),
        (["request", "headers", "x-modelroute-case"], [None], "the header x-modelroute-case is not text"),
        (["request", "headers", "x-modelroute-case"], [], "not a recorded interaction"),
        (["request", "headers"], {"x-modelroute-case": ["a"]}, "'key' is missing"),
        (["request", "headers", "x-modelroute-key"], ["v1:12"], "x-modelroute-key is not a key"),
        (["request", "headers", "x-modelroute-key"], [key(1) + "0"], "x-modelroute-key is not a key"),
        (["request", "headers", "x-modelroute-sample"], ["one"], "'one' is not a whole number"),
        (["request", "headers", "x-modelroute-sample"], ["9" * 5000], f"'{'9' * 20}' is not a whole number"),
        (["request", "headers", "other"], {"a": 1}, "the header other is not text"),
        (["request", "uri"], ["http://x"], "list stands where text should"),
        (["request", "body"], {"a": 1}, "dict stands where text should"),
        (
            ["response", "headers", "x-modelroute-recorded-at"],
            [20261121],
            "the header x-modelroute-recorded-at is not text",
        ),
        (["response", "headers", "x-modelroute-recordings"], [""], "'' is not a whole number"),
        (["response", "status"], 200, "not a recorded interaction"),
        (["response", "status", "code"], "200", "the status is not a number"),
        (["response", "status", "code"], True, "the status is not a number"),
        (["response", "status", "code"], float("inf"), "the status is not a number"),
        (["response", "status", "message"], 5, "int stands where text should"),
        (["response", "body"], None, "not a recorded interaction"),
        (
            ["response", "body", "string"],
            b"\xff",
            "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
        ),
        (["response", "body"], {}, "'string' is missing"),
    ],
)
def test_an_interaction_that_is_none_is_refused_with_the_reason(path: list[str], value: object, message: str) -> None:
    with pytest.raises(ValueError, match=rf"\A{re.escape(message)}\Z"):
        Interaction.from_wire(wire_with(path, value))


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(max_size=4),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3),
    max_leaves=6,
)
SPOTS = [
    [],
    ["request"],
    ["request", "headers"],
    ["request", "headers", "x-modelroute-case"],
    ["request", "headers", "x-modelroute-sample"],
    ["response"],
    ["response", "status"],
    ["response", "status", "code"],
    ["response", "headers", "x-modelroute-latency-ms"],
    ["response", "body"],
    ["response", "body", "string"],
]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.sampled_from(SPOTS), json_like)
def test_any_damage_to_an_interaction_is_a_value_error_or_a_sound_interaction(path: list[str], value: Any) -> None:
    wire = wire_with(path, value) if path else value
    try:
        read = Interaction.from_wire(wire)
    except ValueError:
        return
    assert parse_line(format_line(read).encode()) == read


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (
            message("yes", id="msg_1", usage={"output_tokens": 3}),
            message("yes", id="msg_2", usage={"output_tokens": 4}),
            True,
        ),
        (message("yes"), message("no"), False),
        (message("yes"), message("yes", model="other"), False),
        (message("yes"), message("yes", stop_reason="max_tokens"), False),
        (message("yes"), json.dumps(json.loads(message("yes")), indent=2), True),
        ("not JSON", "not JSON", True),
        ("not JSON", "not JSON either", False),
        ("[1]", "[2]", False),
        ("[" * 5000, "[" * 5001, False),
    ],
    ids=range(9),
)
def test_a_digest_is_that_of_what_an_answer_says(one: str, other: str, same: bool) -> None:
    digests = [interaction("a", 1, body).digest for body in (one, other)]
    assert (digests[0] == digests[1]) is same
    assert [re.fullmatch("v2:[0-9a-f]{64}", digest) is not None for digest in digests] == [True, True]


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"key": key(2)}, False),
        ({"method": "PUT"}, False),
        ({"uri": "https://elsewhere.example.com/v1/messages"}, False),
        ({"request_body": '{"max_tokens": 16, "model": "large"}'}, False),
        ({"case": "renamed", "task": "renamed", "recorded_at": "2026-12-01T00:00:00Z", "recordings": 2}, True),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_digest_is_that_of_what_was_asked_of_whom(change: dict[str, Any], same: bool) -> None:
    recorded = interaction("a", 1)
    assert (dataclasses.replace(recorded, **change).expected_digest() == recorded.digest) is same
