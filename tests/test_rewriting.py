"""A cassette after a recording: what changed, and nothing else; written whole or not at all; merged by git."""

from __future__ import annotations

import dataclasses
import json
import stat
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modelroute.cassettes.lines import Interaction, cassette_text, format_line
from pytest_modelroute.cassettes.merging import rewritten
from pytest_modelroute.errors import InputError
from pytest_modelroute.writing import write_atomically

from .interactions import cassette, interaction, key, message, read_back
from .projects import git

NOW = "2026-11-30T08:00:00Z"


def recorded_now(case: str, number: int, text: str) -> Interaction:
    """What a recording of today gives: with an id, a usage and a latency of its own."""
    body = message(text, id=f"msg_{case}_now", usage={"input_tokens": 9, "output_tokens": 3})
    return interaction(case, number, body, recorded_at=NOW, latency_ms=999)


def wanted(*numbers: int) -> frozenset[str]:
    return frozenset(map(key, numbers))


BEFORE = [interaction("a", 1), interaction("b", 2), interaction("c", 3, recordings=4)]


def test_an_answer_that_came_out_the_same_leaves_the_file_as_it_was() -> None:
    text = cassette_text(BEFORE)
    again = [recorded_now(each.case, number, "yes") for number, each in enumerate(BEFORE, start=1)]
    needed = {"a": wanted(1), "b": wanted(2), "c": wanted(3)}
    assert rewritten(cassette(text), again, needed) == text


def test_another_answer_replaces_its_line_alone_and_is_counted() -> None:
    text = cassette_text(BEFORE)
    new = recorded_now("c", 3, "no")
    lines = text.splitlines(keepends=True)
    lines[-1] = format_line(dataclasses.replace(new, recordings=5))
    assert rewritten(cassette(text), [new], {"c": wanted(3)}) == "".join(lines)


def test_recording_again_and_again_counts_each_other_answer() -> None:
    text = rewritten(cassette(""), [recorded_now("a", 1, "no")], {"a": wanted(1)})
    for answer in ("yes", "yes", "no", "no", "yes"):
        text = rewritten(cassette(text), [recorded_now("a", 1, answer)], {"a": wanted(1)})
    assert [(each.recordings, each.response_body[:60]) for each in cassette(text).interactions()] == [
        (4, recorded_now("a", 1, "yes").response_body[:60])
    ]


def test_what_no_tier_prompt_or_base_needs_is_dropped_for_the_recorded_cases_only() -> None:
    before = [interaction("a", number) for number in (1, 2, 3)] + [interaction("b", number) for number in (4, 5)]
    text = rewritten(cassette(before), [recorded_now("a", 6, "yes")], {"a": wanted(2, 6)})
    assert {each.key for each in cassette(text).interactions()} == {key(2), key(6), key(4), key(5)}


def test_an_answer_that_was_edited_by_hand_does_not_survive_a_recording() -> None:
    honest = interaction("a", 1, message("wrong"))
    edited = dataclasses.replace(honest, response_body=message("right"))
    text = rewritten(cassette([edited]), [recorded_now("a", 1, "wrong")], {"a": wanted(1)})
    assert json.loads(cassette(text).interactions()[0].response_body)["content"][0]["text"] == "wrong"


def test_a_recorded_error_does_not_survive_a_recording() -> None:
    overloaded = interaction("a", 1, message("yes"), status=529)
    text = rewritten(cassette([overloaded]), [recorded_now("a", 1, "yes")], {"a": wanted(1)})
    assert cassette(text).interactions()[0].status == 200


def test_a_case_with_a_new_name_keeps_its_answer_and_its_count() -> None:
    text = rewritten(cassette(BEFORE), [recorded_now("renamed", 3, "yes")], {"renamed": wanted(3)})
    assert text == cassette_text([*BEFORE[:2], dataclasses.replace(BEFORE[2], case="renamed")])


def test_an_unreadable_line_is_replaced_and_the_readable_ones_stay() -> None:
    lines = cassette_text(BEFORE).splitlines(keepends=True)
    damaged = "".join([*lines[:2], lines[2][:-90] + "\n", "- {\n", *lines[3:]])
    new = recorded_now("a", 1, "yes")
    assert rewritten(cassette(damaged), [new], {"a": wanted(1)}) == cassette_text([new, *BEFORE[1:]])


def test_twins_become_one_line() -> None:
    later = recorded_now("a", 1, "no")
    merged = cassette_text([*BEFORE, later])
    assert rewritten(cassette(merged), [], {}) == cassette_text([later, *BEFORE[1:]])


def test_a_file_that_stock_vcrpy_saved_is_written_in_lines_again() -> None:
    text = cassette_text(BEFORE)
    block = yaml.safe_dump(yaml.safe_load(text))
    assert rewritten(cassette(block), [], {}) == text
    assert rewritten(cassette(text.replace("\n", "\r\n")), [], {}) == text


def test_a_file_that_cannot_be_read_is_not_written_over() -> None:
    with pytest.raises(InputError) as caught:
        rewritten(cassette("version: 2\nfoo: bar\n"), BEFORE, {})
    assert str(caught.value) == (
        "cassettes/classify/small.yaml cannot be written anew: it is not a cassette: it has no list of interactions\n"
        "  fix: restore the file from git, or move it away"
    )


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.dictionaries(st.integers(0, 9), st.sampled_from(["yes", "no"])),
    st.dictionaries(st.integers(0, 9), st.sampled_from(["yes", "no"])),
)
def test_a_recording_changes_the_lines_of_other_answers_and_no_others(
    before: dict[int, str], now: dict[int, str]
) -> None:
    text = cassette_text([interaction(f"case {number}", number, message(said)) for number, said in before.items()])
    new = [recorded_now(f"case {number}", number, said) for number, said in now.items()]
    after = rewritten(cassette(text), new, {each.case: frozenset({each.key}) for each in new})
    changed = {number for number, said in now.items() if before.get(number) != said}
    kept = [line for line in text.splitlines()[2:] if not any(key(number) in line for number in changed)]
    lines = after.splitlines()[2:]
    assert [line for line in lines if line in kept] == kept
    assert len(lines) == len(before.keys() | now.keys())
    assert {each.key: each.recordings for each in cassette(after).interactions()} == {
        key(number): 2 if number in before and number in changed else 1 for number in before.keys() | now.keys()
    }


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "folder" / "small.yaml"
    write_atomically(path, b"one\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    path.chmod(0o600)
    write_atomically(path, "zwei \u2028 😀\n".encode())
    assert path.read_bytes() == "zwei \u2028 😀\n".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["small.yaml"]


def test_a_file_that_would_not_change_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    write_atomically(path, b"one\n")
    before = path.stat()
    write_atomically(path, b"one\n")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("folder", "Is a directory"),
        ("file/small.yaml", "FOLDER/file is not a folder"),
        ("file/deep/small.yaml", "Not a directory"),
        ("x" * 300, "File name too long"),
    ],
    ids=["a folder", "below a file", "far below a file", "too long"],
)
def test_a_file_that_cannot_be_written_is_told_of_and_leaves_nothing(tmp_path: Path, name: str, problem: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError) as caught:
        write_atomically(tmp_path / name, b"one\n")
    assert str(caught.value) == f"{tmp_path / name} cannot be written: {problem.replace('FOLDER', str(tmp_path))}"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "folder"]


ATTRIBUTES = "* text=auto eol=lf\ncassettes/** text eol=lf merge=union linguist-generated\n"


@pytest.mark.parametrize("ours", [[0, 2, 4], [3], [0, 1, 2, 3, 4]], ids=str)
@pytest.mark.parametrize("theirs", [[1, 3, 5], [2], [4, 5]], ids=str)
def test_branches_that_recorded_other_cases_merge_and_the_latest_of_each_counts(
    tmp_path: Path, ours: list[int], theirs: list[int]
) -> None:
    path = tmp_path / "cassettes" / "classify" / "small.yaml"
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / ".gitattributes").write_text(ATTRIBUTES)

    def commit(recorded: list[Interaction]) -> None:
        before = cassette(path.read_bytes() if path.exists() else "")
        needed = {each.case: frozenset({each.key}) for each in recorded}
        write_atomically(path, rewritten(before, recorded, needed).encode())
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "-q", "-m", "recorded")

    def answers(numbers: list[int], day: int) -> list[Interaction]:
        return [
            interaction(f"case {number}", number, message(f"day {day}"), recorded_at=f"2026-11-{day}T00:00:00Z")
            for number in numbers
        ]

    commit(answers(list(range(6)), 20))
    git(tmp_path, "checkout", "-q", "-b", "theirs")
    commit(answers([*theirs, 7], 22))
    git(tmp_path, "checkout", "-q", "main")
    commit(answers([*ours, 6], 21))
    git(tmp_path, "merge", "-q", "--no-edit", "theirs")
    expected = [22 if number in theirs else 21 if number in ours else 20 for number in range(6)] + [21, 22]
    assert cassette(path.read_bytes()).damaged == []
    assert [each.response_body for each in read_back(path)] == [message(f"day {day}") for day in expected]
    # And the next recording leaves one line a case.
    text = rewritten(cassette(path.read_bytes()), [], {})
    assert len(text.splitlines()) == 2 + 8
    assert cassette(text).twins == set()
