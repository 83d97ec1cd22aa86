"""The index of a cassette: any order, twins, damage and foreign files, and never a crash."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modelroute.cassettes.index import Cassette, open_cassette
from pytest_modelroute.cassettes.lines import HEADER, Interaction, cassette_text, format_line
from pytest_modelroute.errors import ErrorKind, UnobtainedAnswer
from pytest_modelroute.registry.files import WorkingTree

from .interactions import OneFile, cassette, interaction, key, message

EARLY, LATE = "2026-11-20T10:00:00Z", "2026-11-21T09:00:00Z"


def block_yaml(interactions: list[Interaction]) -> str:
    """The file as a YAML dumper writes it, in the order given."""
    wires = [json.loads(format_line(each)[2:]) for each in interactions]
    return yaml.dump({"version": 1, "interactions": wires}, Dumper=yaml.CSafeDumper, allow_unicode=True)


def lines(interactions: list[Interaction]) -> str:
    """The file in the order given."""
    return HEADER + "".join(map(format_line, interactions))


BOTH_FORMS = pytest.mark.parametrize("written", [lines, block_yaml])


@BOTH_FORMS
def test_lines_are_found_in_any_order(written: Callable[[list[Interaction]], str]) -> None:
    recorded = [interaction(f"case {number}", number, message(f"answer {number}")) for number in range(60)]
    random.Random(1).shuffle(recorded)
    opened = cassette(written(recorded))
    assert all(opened.find(each.key) == each for each in recorded)
    assert opened.interactions() == recorded
    assert opened.of_case("case 7") == [each for each in recorded if each.case == "case 7"]
    assert key(7) in opened
    assert (key(60) in opened, opened.find(key(60)), opened.of_case("case 60")) == (False, None, [])
    assert (opened.exists, opened.fault, opened.damaged, opened.twins) == (True, None, [], set())


@BOTH_FORMS
@pytest.mark.parametrize(
    ("first", "second", "winner"), [(EARLY, LATE, "second"), (LATE, EARLY, "first"), (LATE, LATE, "second")]
)
def test_of_twins_the_latest_recording_wins_and_both_are_told_of(
    written: Callable[[list[Interaction]], str], first: str, second: str, winner: str
) -> None:
    twins = [
        interaction("a", 1, message("first"), recorded_at=first),
        interaction("b", 2),
        interaction("a", 1, message("second"), recorded_at=second),
    ]
    opened = cassette(written(twins))
    found = opened.find(key(1))
    assert found is not None
    assert found.response_body == message(winner)
    assert opened.twins == {key(1)}
    assert len(opened.interactions()) == 2
    assert opened.of_case("a") == [found]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), max_size=12), st.booleans())
def test_however_often_a_key_stands_there_its_latest_recording_wins(
    stamps: list[tuple[int, int]], as_block: bool
) -> None:
    recorded = [
        interaction("case", number, message(str(position)), recorded_at=f"2026-11-2{day}T00:00:00Z")
        for position, (number, day) in enumerate(stamps)
    ]
    opened = cassette((block_yaml if as_block else lines)(recorded))
    latest: dict[str, Interaction] = {}
    for each in recorded:
        if each.key not in latest or each.recorded_at >= latest[each.key].recorded_at:
            latest[each.key] = each
    assert {each.key: each for each in opened.interactions()} == latest
    counted = [number for number, _ in stamps]
    assert opened.twins == {key(number) for number in counted if counted.count(number) > 1}


GOOD = interaction("good", 1)
GOOD_LINE = format_line(GOOD)
OTHER_LINE = format_line(interaction("other", 2))


@pytest.mark.parametrize(
    ("content", "damaged"),
    [
        (HEADER + GOOD_LINE, []),
        ((HEADER + GOOD_LINE).replace("\n", "\r\n"), []),
        ("\ufeff" + HEADER + GOOD_LINE, []),
        ("---\n" + HEADER + GOOD_LINE + "...\n", []),
        ("# written by pytest --modelroute\n" + HEADER + "\n" + GOOD_LINE + "\n", []),
        ("version: 1  \ninteractions:\t\n" + GOOD_LINE, []),
        ("interactions:\n" + GOOD_LINE + "version: 1\n", []),
        (HEADER + HEADER + GOOD_LINE, []),
        (GOOD_LINE.rstrip("\n"), []),
        (GOOD_LINE, []),
        (HEADER + GOOD_LINE + "metadata: {}\n", [4]),
        (HEADER + "<<<<<<< HEAD\n" + GOOD_LINE + "=======\n" + OTHER_LINE + ">>>>>>> change\n", [3, 5, 7]),
        (HEADER + GOOD_LINE + OTHER_LINE[:60] + "\n", [4]),
        (HEADER + OTHER_LINE.replace("v1:", "v2:") + GOOD_LINE, [3]),
        (HEADER + OTHER_LINE.replace('": ', '":') + GOOD_LINE, [3]),
        (HEADER + "  " + OTHER_LINE + GOOD_LINE, [3]),
        (HEADER + "- {}\n" + GOOD_LINE, [3]),
        (HEADER + "- {" * 100_000 + "\n" + GOOD_LINE, [3]),
        (HEADER + "\0\n" + GOOD_LINE, [3]),
    ],
    ids=range(19),
)
def test_what_can_be_read_is_read_and_damaged_lines_are_named(content: str, damaged: list[int]) -> None:
    opened = cassette(content)
    assert opened.find(GOOD.key) == GOOD
    assert (opened.fault, opened.damaged) == (None, damaged)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (GOOD_LINE[:-200], "Unterminated string starting at: line 1 column 627 (char 626)"),
        (GOOD_LINE.rstrip("\n") + OTHER_LINE, "Extra data: line 1 column 849 (char 848)"),
        (GOOD_LINE.replace('"code": 200', '"code": NaN'), "NaN is not JSON"),
        (GOOD_LINE.replace('"code": 200', '"code": ' + "[" * 5000 + "]" * 5000), "nested too deeply"),
        (GOOD_LINE.replace('["good"]', "[7]"), "the header x-modelroute-case is not text"),
        (GOOD_LINE.replace("x-modelroute-case", "x-modelroute-cases"), "'case' is missing"),
        (GOOD_LINE.replace("x-modelroute-digest", "x-digest"), "'digest' is missing"),
        (f'- {{"x-modelroute-key": ["{GOOD.key}"]}}\n', "'request' is missing"),
    ],
    ids=range(8),
)
def test_a_line_whose_key_can_be_seen_and_no_more_is_unreadable_and_not_missing(line: str, problem: str) -> None:
    opened = cassette(HEADER + "\n" + line)
    with pytest.raises(UnobtainedAnswer) as caught:
        opened.find(GOOD.key)
    assert caught.value.kind is ErrorKind.UNREADABLE
    named = "cassettes/classify/small.yaml"
    told = f"{named}:4: the recording cannot be read: {problem}; restore it from git"
    assert (caught.value.detail, caught.value.cassette) == (told, named)
    assert opened.interactions() == opened.of_case("good") == []


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    "broken", [GOOD_LINE[:-200] + "\n", GOOD_LINE.replace('["2026-11-21T10:00:00Z"]', "[9]")], ids=["cut", "no time"]
)
def test_a_readable_twin_wins_over_a_broken_one(broken: str, order: int) -> None:
    opened = cassette(HEADER + "".join([GOOD_LINE, broken][::order]))
    assert opened.find(GOOD.key) == GOOD
    assert opened.twins == {GOOD.key}


def wire_yaml(change: str, into: str) -> str:
    text = block_yaml([GOOD])
    assert change in text
    return text.replace(change, into)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("[" * 100_000, "it is not a cassette: nested too deeply (line 1)"),
        ("{a: " * 100_000, "it is not a cassette: nested too deeply (line 1)"),
        (HEADER + "- " * 100_000 + "a", "it is not a cassette: nested too deeply (line 3)"),
        ("".join(" " * depth + "a:\n" for depth in range(500)), "it is not a cassette: nested too deeply (line 65)"),
        (
            "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
            "it is a Git LFS pointer, not the recordings: run `git lfs pull`",
        ),
        ("hello", "it is not a cassette: it has no list of interactions"),
        ("version: 1\na: ]\n", "it is not a cassette: did not find expected node content (line 2)"),
        ("interactions: null\nversion: 2\n", "it is not a cassette: it has no list of interactions"),
        ("interactions: 5\n", "it is not a cassette: it has no list of interactions"),
        ("interactions: {a: 1}\n", "it is not a cassette: it has no list of interactions"),
        ("- a\n- b\n", "it is not a cassette: it has no list of interactions"),
        ("interactions: [a]\n", "it is not a cassette: not a recorded interaction"),
        ("interactions: &a [*a]\n", "it is not a cassette: not a recorded interaction"),
        ("a: 1\n---\nb: 1\n", "it is not a cassette: but found another document (line 2)"),
        (
            "a: !!python/object/apply:os.abort []\n",
            "it is not a cassette: could not determine a constructor for the tag"
            " 'tag:yaml.org,2002:python/object/apply:os.abort' (line 1)",
        ),
        ("a: 2026-99-99\n", "it is not a cassette: month must be in 1..12"),
        ("a\0b", "it is not a cassette: unacceptable character #x0000: control characters are not allowed"),
        (
            b"\xff\xfe\x00",
            "it is not a cassette: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
        ),
        (wire_yaml("code: 200", "code: .inf"), "it is not a cassette: the status is not a number"),
        (
            wire_yaml("'2026-11-21T10:00:00Z'", "2026-11-21T10:00:00Z"),
            "it is not a cassette: the header x-modelroute-recorded-at is not text",
        ),
        (wire_yaml("x-modelroute-task", "x-other"), "it is not a cassette: 'task' is missing"),
    ],
    ids=range(21),
)
def test_a_file_that_is_no_cassette_is_a_fault_and_never_a_crash(content: str | bytes, fault: str) -> None:
    opened = cassette(content)
    assert opened.fault == fault
    assert (opened.exists, opened.interactions(), opened.find(key(1))) == (True, [], None)


@pytest.mark.parametrize(
    "content", ["", "\n", "\ufeff", "---\n", "# nothing yet\n", HEADER, "version: 1\ninteractions: []\n"]
)
def test_an_empty_file_is_an_empty_cassette(content: str) -> None:
    opened = cassette(content)
    assert (opened.exists, opened.fault, opened.damaged, opened.interactions()) == (True, None, [], [])


@pytest.mark.parametrize("change", [('key": [', 'key":['), ("- {", "- { "), ("- {", "- {\n    "), ("- {", "-   {")])
def test_what_a_yaml_formatter_makes_of_the_lines_is_read(change: tuple[str, str]) -> None:
    opened = cassette((HEADER + GOOD_LINE + OTHER_LINE).replace(*change))
    assert ordered(opened) == [GOOD, interaction("other", 2)]
    assert (opened.fault, opened.damaged) == (None, [])


def ordered(opened: Cassette) -> list[Interaction]:
    return sorted(opened.interactions(), key=lambda each: each.order)


def test_the_rest_of_a_file_in_lines_is_damaged_and_may_be_recorded_over() -> None:
    opened = cassette(HEADER + OTHER_LINE[:60] + "\n=======\n")
    assert (opened.fault, opened.damaged, opened.interactions()) == (None, [3, 4], [])


@pytest.mark.parametrize("indent", [None, 1])
def test_a_file_that_is_one_json_document_is_read_as_the_yaml_it_is(indent: int | None) -> None:
    wire = json.loads(GOOD_LINE[2:])
    assert cassette(json.dumps({"version": 1, "interactions": [wire]}, indent=indent)).find(GOOD.key) == GOOD


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_any_damage_makes_answers_unreadable_and_never_ends_in_a_crash(data: st.DataObject) -> None:
    recorded = [interaction(f"case {number}", number, message(f"answer {number}")) for number in range(3)]
    content = bytearray((block_yaml if data.draw(st.booleans()) else lines)(recorded).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content)))
        cut = data.draw(st.integers(0, 80))
        content[start : start + cut] = data.draw(
            st.binary(max_size=3) | st.sampled_from([b"\n", b"- {", b"\r\n", b'"'])
        )
    opened = cassette(bytes(content))
    by_key = {each.key: each for each in recorded}
    for name in by_key:
        with contextlib.suppress(UnobtainedAnswer):
            found = opened.find(name)
            assert found is None or found.key == name
    assert cassette(cassette_text(opened.interactions())).damaged == []


def test_a_file_that_cannot_be_opened_is_absent_or_a_fault(tmp_path: Path) -> None:
    tree = WorkingTree(tmp_path)
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    for absent in ("none.yaml", "none/none.yaml", "folder.yaml", "file/under.yaml"):
        opened = open_cassette(tree, PurePosixPath(absent))
        assert (opened.exists, opened.fault, opened.interactions()) == (False, None, [])
    for faulty, fault in (
        (f"{'x' * 300}.yaml", "File name too long"),
        ("loop.yaml", "Too many levels of symbolic links"),
    ):
        opened = open_cassette(tree, PurePosixPath(faulty))
        assert (opened.exists, opened.fault) == (True, fault)


def test_a_cassette_is_named_as_its_tree_names_it() -> None:
    opened: Cassette = open_cassette(OneFile(b"- {"), PurePosixPath("a/b.yaml"))
    assert (opened.label, opened.damaged) == ("a/b.yaml", [1])
    opened.close()
    open_cassette(OneFile(None), PurePosixPath("a/b.yaml")).close()
