"""The base that each CI system names, from its environment and its event file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_modelroute.errors import InputError
from pytest_modelroute.registry.ci import base_from_ci

SHA = "ffac537e6cbbf934b08745a378932722df287a53"
GITHUB = {"GITHUB_ACTIONS": "true"}
GITLAB = {"GITLAB_CI": "true"}
REQUEST = {**GITHUB, "GITHUB_EVENT_NAME": "pull_request"}
QUEUE = {**GITHUB, "GITHUB_EVENT_NAME": "merge_group"}

CASES: dict[str, tuple[dict[str, str], Any, tuple[str, ...]]] = {
    "no CI": ({}, None, ()),
    "another CI": ({"CI": "true", "CI_MERGE_REQUEST_IID": "1"}, None, ()),
    "GitHub's names elsewhere": ({"GITHUB_EVENT_NAME": "pull_request", "GITHUB_BASE_REF": "main"}, None, ()),
    "GitHub: pull request, merged": (
        {**REQUEST, "GITHUB_SHA": "f" * 40, "GITHUB_REF": "refs/pull/7/merge", "GITHUB_BASE_REF": "main"},
        {"pull_request": {"base": {"sha": SHA}}},
        ("f" * 40 + "^1", SHA, "origin/main"),
    ),
    "GitHub: pull request, its own head": (
        {**REQUEST, "GITHUB_REF": "refs/heads/topic", "GITHUB_BASE_REF": "main"},
        {"pull_request": {"base": {"sha": SHA, "ref": "main"}}},
        (SHA, "origin/main"),
    ),
    "GitHub: pull request without an event": ({**REQUEST, "GITHUB_BASE_REF": "main"}, None, ("origin/main",)),
    "GitHub: pull request to a branch with a slash": (
        {**REQUEST, "GITHUB_BASE_REF": "release/1.x"},
        {},
        ("origin/release/1.x",),
    ),
    "GitHub: pull request without anything": (REQUEST, {}, ()),
    "GitHub: merge queue": (
        {**QUEUE, "GITHUB_REF": "refs/heads/gh-readonly-queue/main/pr-7-abc"},
        {"merge_group": {"base_sha": SHA, "base_ref": "refs/heads/main"}},
        (SHA,),
    ),
    "GitHub: push": ({**GITHUB, "GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/main"}, {"before": SHA}, ()),
    "GitHub: a pull request's target": (
        {**GITHUB, "GITHUB_EVENT_NAME": "pull_request_target", "GITHUB_BASE_REF": "main"},
        {"pull_request": {"base": {"sha": SHA}}},
        (),
    ),
    "GitHub: schedule": ({**GITHUB, "GITHUB_EVENT_NAME": "schedule"}, {}, ()),
    "GitHub: no event": (GITHUB, None, ()),
    "GitHub: an event of nulls": (
        {**REQUEST, "GITHUB_BASE_REF": "main"},
        {"merge_group": None, "pull_request": {"base": None}},
        ("origin/main",),
    ),
    "GitHub: an event of other things": (
        {**REQUEST, "GITHUB_BASE_REF": "main"},
        {"merge_group": [1], "pull_request": "x"},
        ("origin/main",),
    ),
    "GitHub: a commit that is none": (
        {**REQUEST, "GITHUB_BASE_REF": "main"},
        {"pull_request": {"base": {"sha": "--output=x\0"}}},
        ("origin/main",),
    ),
    "GitLab: merge request": (
        {**GITLAB, "CI_MERGE_REQUEST_IID": "7", "CI_MERGE_REQUEST_DIFF_BASE_SHA": SHA},
        None,
        (SHA,),
    ),
    "GitLab: merge request without the commit": (
        {**GITLAB, "CI_MERGE_REQUEST_IID": "7", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main"},
        None,
        ("origin/main",),
    ),
    "GitLab: merged results and merge train": (
        {
            **GITLAB,
            "CI_MERGE_REQUEST_IID": "7",
            "CI_MERGE_REQUEST_EVENT_TYPE": "merge_train",
            "CI_MERGE_REQUEST_TARGET_BRANCH_SHA": SHA,
            "CI_MERGE_REQUEST_DIFF_BASE_SHA": "0" * 40,
        },
        None,
        (SHA, "0" * 40),
    ),
    "GitLab: merge request without anything": ({**GITLAB, "CI_MERGE_REQUEST_IID": "7"}, None, ()),
    "GitLab: branch": ({**GITLAB, "CI_COMMIT_BRANCH": "main"}, None, ()),
}


@pytest.mark.parametrize(("environment", "event", "base"), CASES.values(), ids=CASES)
def test_the_base_is_the_one_that_the_ci_system_names(
    tmp_path: Path, environment: dict[str, str], event: Any, base: tuple[str, ...]
) -> None:
    if event is not None:
        path = tmp_path / "event.json"
        path.write_text(json.dumps(event))
        environment = {**environment, "GITHUB_EVENT_PATH": str(path)}
    assert tuple(base_from_ci(environment)) == base


def test_each_ref_comes_with_the_variable_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "event.json"
    path.write_text(json.dumps({"pull_request": {"base": {"sha": SHA}}}))
    merged = {"GITHUB_SHA": "f" * 40, "GITHUB_REF": "refs/pull/7/merge", "GITHUB_EVENT_PATH": str(path)}
    assert base_from_ci({**REQUEST, **merged, "GITHUB_BASE_REF": "main"}) == {
        "f" * 40 + "^1": "GITHUB_SHA",
        SHA: "GITHUB_EVENT_PATH",
        "origin/main": "GITHUB_BASE_REF",
    }
    request = {"CI_MERGE_REQUEST_IID": "7", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main"}
    assert base_from_ci({**GITLAB, **request, "CI_MERGE_REQUEST_DIFF_BASE_SHA": SHA}) == {
        SHA: "CI_MERGE_REQUEST_DIFF_BASE_SHA",
        "origin/main": "CI_MERGE_REQUEST_TARGET_BRANCH_NAME",
    }


BROKEN = {
    "missing": (None, "GITHUB_EVENT_PATH cannot be read: [Errno 2] No such file or directory: '{path}'"),
    "empty": (b"", "GITHUB_EVENT_PATH cannot be read: Expecting value: line 1 column 1 (char 0)"),
    "not JSON": (
        b"{",
        "GITHUB_EVENT_PATH cannot be read: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
    ),
    "deep": (b"[" * 100_000, "GITHUB_EVENT_PATH cannot be read: nested too deeply"),
    "not UTF-8": (
        b"\xff\xfe",
        "GITHUB_EVENT_PATH cannot be read: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
    ),
    "a list": (b"[]", "the GitHub event is not a JSON object"),
    "null": (b"null", "the GitHub event is not a JSON object"),
}


@pytest.mark.parametrize(("content", "told"), BROKEN.values(), ids=BROKEN)
def test_a_broken_event_file_is_an_error_and_never_no_base(tmp_path: Path, content: bytes | None, told: str) -> None:
    path = tmp_path / "event.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        base_from_ci({**REQUEST, "GITHUB_EVENT_PATH": str(path), "GITHUB_BASE_REF": "main"})
    assert str(caught.value) == f"{path}: {told.format(path=path)}"
