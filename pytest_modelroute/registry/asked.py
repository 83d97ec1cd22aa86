"""What is asked of a model, as frozen data: a prompt, or the team's own call path instead of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from ..errors import Place

__all__ = ["OwnCall", "Prompt", "PromptBuilder", "PromptTemplate"]


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """A prompt file's parsed content, and the digest of each fixed file that it includes.

    `lines` has the line of each value by its path, as a parsed YAML document does.
    """

    path: PurePosixPath
    content: Mapping[str, Any]
    files: Mapping[str, str]
    lines: Mapping[tuple[str | int, ...], int] = field(default_factory=dict, compare=False, repr=False)

    def line(self, path: tuple[str | int, ...]) -> int | None:
        """Where `path` stands, or its nearest ancestor that is written down."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)


@dataclass(frozen=True, slots=True)
class PromptBuilder:
    """A Python prompt: `reference` is `module:function`, `code` the module's syntax tree as text (None: not found).

    `line` is where the function stands in `source`, if it is defined there.
    """

    reference: str
    source: PurePosixPath | None
    code: str | None
    line: int | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class OwnCall:
    """The team's own call path instead of a prompt: `module:function`, with its syntax tree as a builder's.

    `hosts` are those that it may call beside the tier's endpoint. `place` is that of the registry's `call`, `function`
    that of the function, where it is the project's.
    """

    reference: str
    code: str | None
    hosts: tuple[str, ...]
    place: Place = field(compare=False, repr=False)
    function: Place | None = field(compare=False, repr=False)


Prompt = PromptTemplate | PromptBuilder | OwnCall
