"""Projects of a few files below a folder, read as the plugin reads them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from pytest_modelroute.errors import InputError, Place
from pytest_modelroute.registry.document import parse_yaml
from pytest_modelroute.registry.files import WorkingTree
from pytest_modelroute.registry.loading import load_registry
from pytest_modelroute.registry.model import Registry, ScorePolicy, ScorerKind, Tier

__all__ = ["HAIKU", "REGISTRY", "SONNET", "TIERS", "load", "load_error", "policy", "tree"]

REGISTRY = PurePosixPath("modelroute.yaml")

# Five lines; what a test adds begins in line 6.
TIERS = """\
version: 1
tiers:
  - {name: haiku, model: haiku-1}
  - {name: sonnet, model: sonnet-1}
default_tier: sonnet
"""

HAIKU = Tier("haiku", "haiku-1", "anthropic", None, None, None, {})
SONNET = Tier("sonnet", "sonnet-1", "anthropic", None, None, None, {})


def tree(folder: Path, files: Mapping[str, str | bytes]) -> WorkingTree:
    """Write the files, and give the tree that holds them."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return WorkingTree(folder)


def load(folder: Path, registry: str | bytes, files: Mapping[str, str | bytes] | None = None) -> Registry:
    return load_registry(tree(folder, {**(files or {}), str(REGISTRY): registry}), REGISTRY)


def load_error(folder: Path, registry: str | bytes, files: Mapping[str, str | bytes] | None = None) -> str:
    """The whole text of the error that a broken registry gives."""
    with pytest.raises(InputError) as caught:
        load(folder, registry, files)
    return str(caught.value)


def policy(text: str) -> ScorePolicy:
    """A `score` mapping of the registry, as it is written there."""
    options: dict[str, Any] = parse_yaml(text.encode(), "modelroute.yaml").value
    return ScorePolicy(ScorerKind(options.pop("kind", "exact")), options, Place("modelroute.yaml", 9))
