"""The base that a CI system names: GitHub pull requests and merge queues, GitLab merge requests and trains."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from ..errors import InputError, Place

__all__ = ["base_from_ci"]


def base_from_ci(environment: Mapping[str, str]) -> str | None:
    """The ref to compare with, or None where no change is under review. Raises InputError for a broken event file."""
    if environment.get("GITHUB_ACTIONS") == "true":
        return _github(environment)
    if environment.get("GITLAB_CI") == "true":
        return _gitlab(environment)
    return None


def _github(environment: Mapping[str, str]) -> str | None:
    name = environment.get("GITHUB_EVENT_NAME")
    if name not in ("pull_request", "merge_group"):
        return None
    if environment.get("GITHUB_REF", "").endswith("/merge"):
        # The checkout is GitHub's own merge commit: its first parent is the target branch as it was merged with, where
        # `pull_request.base.sha` may be older and would show other people's changes as this one's.
        return "HEAD^1"
    path = environment.get("GITHUB_EVENT_PATH")
    if path:
        event = _event(Path(path))
        found = event.get("merge_group", {}).get("base_sha") or event.get("pull_request", {}).get("base", {}).get("sha")
        if found:
            return str(found)
    branch = environment.get("GITHUB_BASE_REF")
    return f"origin/{branch}" if branch else None


def _event(path: Path) -> dict[str, dict[str, dict[str, str]]]:
    try:
        event = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"GITHUB_EVENT_PATH cannot be read: {error}", place=Place(str(path))) from None
    if not isinstance(event, dict):
        raise InputError("the GitHub event is not a JSON object", place=Place(str(path)))
    return event


def _gitlab(environment: Mapping[str, str]) -> str | None:
    if not environment.get("CI_MERGE_REQUEST_IID"):
        return None
    # Set in merged-results pipelines and merge trains, where HEAD is a merge with the target's tip.
    target = environment.get("CI_MERGE_REQUEST_TARGET_BRANCH_SHA")
    if target:
        return target
    branch = environment.get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME")
    return environment.get("CI_MERGE_REQUEST_DIFF_BASE_SHA") or (f"origin/{branch}" if branch else None)
