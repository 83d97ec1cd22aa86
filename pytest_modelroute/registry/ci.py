"""The base that a CI system names: GitHub pull requests and merge queues, GitLab merge requests and trains."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import strict_json
from ..errors import InputError, Place

__all__ = ["base_from_ci"]


def base_from_ci(environment: Mapping[str, str]) -> dict[str, str]:
    """The refs to compare with, the best one first, each with the variable that names it; none without a review.

    The first that the clone has is the base. Raises InputError for a broken event file.
    """
    if environment.get("GITHUB_ACTIONS") == "true":
        named = _github(environment)
    else:
        named = _gitlab(environment) if environment.get("GITLAB_CI") == "true" else []
    refs: dict[str, str] = {}
    for variable, ref in named:
        if ref:
            refs.setdefault(ref, variable)
    return refs


def _github(environment: Mapping[str, str]) -> list[tuple[str, str | None]]:
    name = environment.get("GITHUB_EVENT_NAME")
    if name not in ("pull_request", "merge_group"):
        return []
    refs: list[tuple[str, str | None]] = []
    merged = environment.get("GITHUB_SHA")
    if merged and environment.get("GITHUB_REF", "").endswith("/merge"):
        # GitHub's own merge commit: its first parent is the target branch as it was merged with, where
        # `pull_request.base.sha` may be older and would show other people's changes as this one's. Named by its hash,
        # since a workflow may have checked out something else, which then may not have this commit.
        refs.append(("GITHUB_SHA", f"{merged}^1"))
    path = environment.get("GITHUB_EVENT_PATH")
    if path:
        event = _event(Path(path))
        for names in (("merge_group", "base_sha"), ("pull_request", "base", "sha")):
            refs.append(("GITHUB_EVENT_PATH", _text(event, *names)))
    branch = environment.get("GITHUB_BASE_REF")
    return [*refs, ("GITHUB_BASE_REF", f"origin/{branch}" if branch else None)]


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


def _gitlab(environment: Mapping[str, str]) -> list[tuple[str, str | None]]:
    if not environment.get("CI_MERGE_REQUEST_IID"):
        return []
    # The first is set in merged-results pipelines and merge trains, where HEAD is a merge with the target's tip.
    hashes = ("CI_MERGE_REQUEST_TARGET_BRANCH_SHA", "CI_MERGE_REQUEST_DIFF_BASE_SHA")
    branch = environment.get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME")
    return [
        *((variable, environment.get(variable)) for variable in hashes),
        ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", f"origin/{branch}" if branch else None),
    ]
