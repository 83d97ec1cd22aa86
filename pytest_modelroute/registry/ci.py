"""The base that a CI system names: GitHub pull requests and merge queues, GitLab merge requests and trains."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import strict_json
from ..errors import InputError, Place

__all__ = ["base_from_ci"]


def base_from_ci(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The refs to compare with, the best one first; empty where no change is under review.

    The first that the clone has is the base. Raises InputError for a broken event file.
    """
    if environment.get("GITHUB_ACTIONS") == "true":
        return _github(environment)
    if environment.get("GITLAB_CI") == "true":
        return _gitlab(environment)
    return ()


def _github(environment: Mapping[str, str]) -> tuple[str, ...]:
    name = environment.get("GITHUB_EVENT_NAME")
    if name not in ("pull_request", "merge_group"):
        return ()
    refs: list[str | None] = []
    merged = environment.get("GITHUB_SHA")
    if merged and environment.get("GITHUB_REF", "").endswith("/merge"):
        # GitHub's own merge commit: its first parent is the target branch as it was merged with, where
        # `pull_request.base.sha` may be older and would show other people's changes as this one's. Named by its hash,
        # since a workflow may have checked out something else, which then may not have this commit.
        refs.append(f"{merged}^1")
    path = environment.get("GITHUB_EVENT_PATH")
    if path:
        event = _event(Path(path))
        refs += [_text(event, "merge_group", "base_sha"), _text(event, "pull_request", "base", "sha")]
    branch = environment.get("GITHUB_BASE_REF")
    refs.append(f"origin/{branch}" if branch else None)
    return tuple(ref for ref in refs if ref)


def _event(path: Path) -> dict[str, Any]:
    try:
        event = strict_json.parse(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise InputError(f"GITHUB_EVENT_PATH cannot be read: {error}", place=Place(str(path))) from None
    if not isinstance(event, dict):
        raise InputError("the GitHub event is not a JSON object", place=Place(str(path)))
    return event


def _text(value: Any, *names: str) -> str | None:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) and value.isalnum() else None


def _gitlab(environment: Mapping[str, str]) -> tuple[str, ...]:
    if not environment.get("CI_MERGE_REQUEST_IID"):
        return ()
    branch = environment.get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME")
    refs = (
        # Set in merged-results pipelines and merge trains, where HEAD is a merge with the target's tip.
        environment.get("CI_MERGE_REQUEST_TARGET_BRANCH_SHA"),
        environment.get("CI_MERGE_REQUEST_DIFF_BASE_SHA"),
        f"origin/{branch}" if branch else None,
    )
    return tuple(ref for ref in refs if ref)
