"""Replay by key: found, or an error that says which of the ways it is missing and what records it."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from pytest_modelroute.cassettes.lines import Interaction, cassette_text
from pytest_modelroute.cassettes.redaction import ALLOWED_REQUEST_HEADERS, ALLOWED_RESPONSE_HEADERS, allowed
from pytest_modelroute.cassettes.replay import Query, Recordings, cassette_path, recorded_body
from pytest_modelroute.errors import ErrorKind, UnobtainedAnswer
from pytest_modelroute.registry.files import WorkingTree

from .interactions import OneFile, interaction, key, message

COMMAND = 'pytest --modelroute --modelroute-record=new_episodes "modelroute.yaml::classify"'
WANTED = {"model": "small", "max_tokens": 16}


def recordings(content: bytes | list[Interaction] | None) -> Recordings:
    data = cassette_text(content).encode() if isinstance(content, list) else content
    return Recordings(OneFile(data), PurePosixPath("cassettes"))


def query(number: int, case: str = "a", wanted: dict[str, Any] | None = None) -> Query:
    return Query("classify", case, "small", key(number), lambda: WANTED if wanted is None else wanted, COMMAND)


def refused(found: Recordings, asked: Query) -> tuple[ErrorKind, str]:
    with pytest.raises(UnobtainedAnswer) as caught:
        found.find(asked)
    return caught.value.kind, caught.value.detail


def test_a_recording_is_found_by_its_key_alone() -> None:
    recorded = [interaction("a", 1), interaction("b", 2)]
    assert recordings(recorded).find(query(2, case="renamed since")) == recorded[1]


@pytest.mark.parametrize("content", [None, b"", []], ids=["no file", "empty file", "no interactions"])
def test_what_was_never_recorded_is_missing_and_the_command_is_named(content: bytes | None) -> None:
    assert refused(recordings(content), query(1)) == (ErrorKind.MISSING, f"not recorded: {COMMAND}")


@pytest.mark.parametrize(
    ("recorded", "wanted", "difference"),
    [
        ({"max_tokens": 16}, {"max_tokens": 32}, "max_tokens: 16 -> 32"),
        ({"max_tokens": 16}, {}, "max_tokens: 16 -> null"),
        ({}, {"system": "Be brief."}, 'system: null -> "Be brief."'),
        ({"a": 1, "b": 1, "c": 1, "d": 1}, {}, "a: 1 -> null; b: 1 -> null; c: 1 -> null"),
        ({"messages": [{"content": "Hi"}]}, {"messages": [{"content": "Ho"}]}, 'messages[0].content: "Hi" -> "Ho"'),
        (
            {"messages": [{"content": "x" * 50 + "old"}]},
            {"messages": [{"content": "x" * 50 + "new"}]},
            'messages[0].content: ...xxxxxxxxxxxxold" -> ...xxxxxxxxxxxxnew"',
        ),
        ({"messages": [1]}, {"messages": [1, 2]}, "messages: [1] -> [1, 2]"),
        ({"stop": True}, {"stop": 1}, "stop: true -> 1"),
        ({"text": "a\nb\x1b[31m"}, {"text": "a"}, 'text: "a\\nb\\u001b[31m" -> "a"'),
        ({"temperature": 0.0}, {"temperature": 0}, "betas"),
    ],
    ids=range(10),
)
def test_a_stale_recording_says_which_argument_changed(
    recorded: object, wanted: dict[str, Any], difference: str
) -> None:
    found = recordings([interaction("a", 1, request_body=json.dumps(recorded))])
    detail = f"recorded for another request ({difference}): {COMMAND}"
    assert refused(found, query(2, wanted=wanted)) == (ErrorKind.STALE, detail)


@pytest.mark.parametrize("body", ["", "not JSON", "NaN", "[" * 100_000], ids=["empty", "text", "NaN", "deep"])
def test_a_stale_recording_of_an_unreadable_request_is_stale_all_the_same(body: str) -> None:
    detail = f"recorded for another request (the recorded request cannot be read): {COMMAND}"
    assert refused(recordings([interaction("a", 1, request_body=body)]), query(2)) == (ErrorKind.STALE, detail)


@pytest.mark.parametrize("depth", [*range(900, 1000, 3), 2_000, 5_000, 9_000, 50_000])
def test_no_depth_of_a_recorded_request_ends_in_a_recursion_error(depth: int) -> None:
    body = '{"messages": ' + "[" * depth + "]" * depth + "}"
    kind, _ = refused(recordings([interaction("a", 1, request_body=body)]), query(2))
    assert kind is ErrorKind.STALE


def test_the_latest_recording_of_a_case_explains_what_changed() -> None:
    stamps = ((1, "2026-11-20", 8), (2, "2026-11-22", 12), (3, "2026-11-21", 10))
    found = [
        interaction("a", number, recorded_at=day, request_body=json.dumps({**WANTED, "max_tokens": tokens}))
        for number, day, tokens in stamps
    ]
    _, detail = refused(recordings(found), query(9))
    assert detail == f"recorded for another request (max_tokens: 12 -> 16): {COMMAND}"


def test_the_wanted_request_is_built_only_to_explain() -> None:
    def never() -> dict[str, Any]:
        raise AssertionError("built without need")

    found = recordings([interaction("a", 1)])
    assert found.find(Query("classify", "a", "small", key(1), never, COMMAND)).case == "a"
    assert refused(found, Query("classify", "b", "small", key(2), never, COMMAND))[0] is ErrorKind.MISSING


def test_a_file_that_cannot_be_read_is_unreadable_for_every_case() -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 3\n"
    detail = (
        "cassettes/classify/small.yaml cannot be read: it is a Git LFS pointer, not the recordings: run `git lfs pull`"
    )
    assert refused(recordings(pointer), query(1)) == (ErrorKind.UNREADABLE, detail)


def test_damage_is_suspected_of_having_held_what_is_not_found() -> None:
    found = recordings((cassette_text([interaction("b", 1)]) + "- {\n" * 7).encode())
    assert refused(found, query(2)) == (
        ErrorKind.UNREADABLE,
        "not recorded, or in a damaged line (cassettes/classify/small.yaml: damaged in line 4, 5, 6, 7, 8 and 2 more):"
        f" {COMMAND}",
    )
    assert found.warnings() == ["cassettes/classify/small.yaml: damaged in line 4, 5, 6, 7, 8 and 2 more"]


def test_twins_are_told_of() -> None:
    twins = [interaction("a", 1), interaction("a", 1, message("no"), recorded_at="2027-01-01T00:00:00Z")]
    found = recordings(twins)
    assert found.warnings() == []  # nothing was opened yet
    assert found.find(query(1)).response_body == message("no")
    assert found.warnings() == ["cassettes/classify/small.yaml: 1 recorded twice; the latest recording counts"]


def test_a_call_that_failed_in_this_session_is_a_transport_error_even_where_an_older_answer_stands() -> None:
    found = recordings([interaction("a", 1)])
    for number in (1, 2):
        found.failed(key(number), UnobtainedAnswer(ErrorKind.TRANSPORT, "APIConnectionError: refused"))
    assert refused(found, query(1)) == (ErrorKind.TRANSPORT, "APIConnectionError: refused")
    assert refused(found, query(2)) == (ErrorKind.TRANSPORT, "APIConnectionError: refused")


def test_a_cassette_written_anew_is_read_anew(tmp_path: Path) -> None:
    found = Recordings(WorkingTree(tmp_path), PurePosixPath("cassettes"))
    path = tmp_path / cassette_path(PurePosixPath("cassettes"), "classify", "small")
    assert refused(found, query(1))[0] is ErrorKind.MISSING
    path.parent.mkdir(parents=True)
    path.write_text(cassette_text([interaction("a", 1)]))
    assert refused(found, query(1))[0] is ErrorKind.MISSING
    found.forget("classify", "small")
    assert found.find(query(1)).case == "a"
    found.close()
    assert found.warnings() == []


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("claude-haiku-4-5-20251001", "claude-haiku-4-5-20251001.yaml"),
        ("org/model:7b", "org%2Fmodel%3A7b.yaml"),
        ("../../etc/passwd", "..%2F..%2Fetc%2Fpasswd.yaml"),
        ("..", "...yaml"),
        ("a b\0é", "a%20b%00%C3%A9.yaml"),
    ],
)
def test_a_model_s_name_cannot_leave_the_cassettes_folder(model: str, name: str) -> None:
    assert cassette_path(PurePosixPath("cassettes"), "classify", model) == PurePosixPath("cassettes/classify") / name


@pytest.mark.parametrize(
    ("status", "body", "detail"),
    [
        (529, message("yes"), "the recording holds a status of 529, not an answer"),
        (200, "", "the recorded answer is not JSON: Expecting value: line 1 column 1 (char 0)"),
        (200, '{"content": NaN}', "the recorded answer is not JSON: NaN is not JSON"),
        (200, "[" * 100_000, "the recorded answer is not JSON: nested too deeply"),
        (200, "[]", "the recorded answer is not a JSON object"),
    ],
    ids=range(5),
)
def test_a_recording_that_holds_no_answer_is_unreadable(status: int, body: str, detail: str) -> None:
    with pytest.raises(UnobtainedAnswer) as caught:
        recorded_body(interaction("a", 1, body, status=status), "a.yaml")
    told = f"{detail}; restore a.yaml from git, or record again"
    assert (caught.value.kind, caught.value.detail, caught.value.cassette) == (ErrorKind.UNREADABLE, told, "a.yaml")


def test_an_answer_is_its_body() -> None:
    assert recorded_body(interaction("a", 1, message("yes")), "a.yaml") == json.loads(message("yes"))


@pytest.mark.parametrize(
    ("names", "kept"),
    [
        (ALLOWED_REQUEST_HEADERS, {"anthropic-version": ["2023-06-01"], "content-type": ["application/json"]}),
        (ALLOWED_RESPONSE_HEADERS, {"content-type": ["application/json"]}),
    ],
)
def test_only_named_headers_are_written_down(names: frozenset[str], kept: dict[str, list[str]]) -> None:
    headers = {
        "X-Api-Key": "sk-secret",
        "Authorization": "Bearer sk-secret",
        "Content-Type": b"application/json",
        "set-cookie": ["session=secret"],
        "anthropic-organization-id": "org-secret",
        "request-id": "req_secret",
        "Anthropic-Version": "2023-06-01",
        "x-content-type": "secret",
        "content-type-2": "secret",
    }
    found = allowed(headers, names)
    assert found == kept
    assert list(found) == sorted(found)


def test_a_header_with_several_values_keeps_them_all() -> None:
    assert allowed({"Anthropic-Beta": ("a", b"b\xe9")}, ALLOWED_REQUEST_HEADERS) == {"anthropic-beta": ["a", "bé"]}
