"""Recorded interactions and cassettes for tests of the format, the index, replay and rewriting."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from pytest_modelroute.cassettes.index import Cassette, open_cassette
from pytest_modelroute.cassettes.lines import Interaction, cassette_text


def key(number: int) -> str:
    return f"v1:{number:064x}"


def message(text: str, **changes: Any) -> str:
    """The body of an answer."""
    return json.dumps({"content": [{"type": "text", "text": text}], "stop_reason": "end_turn", **changes})


def interaction(case: str = "case", number: int = 0, body: str | None = None, **changes: Any) -> Interaction:
    """An interaction as the recorder makes it: its key is that of `number`."""
    body = message("yes") if body is None else body
    fields: dict[str, Any] = {
        "task": "classify",
        "case": case,
        "sample": 0,
        "key": key(number),
        "recorded_at": "2026-11-21T10:00:00Z",
        "latency_ms": 420,
        "recordings": 1,
        "digest": "",
        "method": "POST",
        "uri": "https://api.anthropic.com/v1/messages",
        "request_headers": {"anthropic-version": ["2023-06-01"], "content-type": ["application/json"]},
        "request_body": '{"max_tokens": 16, "model": "small"}',
        "status": 200,
        "reason": "OK",
        "response_headers": {"content-type": ["application/json"]},
        "response_body": body,
    }
    made = Interaction(**{**fields, **changes})
    return made if "digest" in changes else made.sealed()


def answered(recorded: Interaction, body: str) -> Interaction:
    """The recording with another answer, as if that had been recorded."""
    return dataclasses.replace(recorded, response_body=body).sealed()


def cassette(content: str | bytes | list[Interaction]) -> Cassette:
    """A cassette of that content, without a file."""
    text = cassette_text(content) if isinstance(content, list) else content
    return Cassette("cassettes/classify/small.yaml", io.BytesIO(text.encode() if isinstance(text, str) else text))


class OneFile:
    """A tree of files in which every path is the same file, or none."""

    def __init__(self, content: bytes | None) -> None:
        self._content = content

    def read(self, path: PurePosixPath, limit: int | None = None) -> bytes:
        with self.open(path) as file:
            return file.read()

    def open(self, path: PurePosixPath) -> BinaryIO:
        if self._content is None:
            raise FileNotFoundError(path)
        return io.BytesIO(self._content)

    def label(self, path: PurePosixPath) -> str:
        return str(path)


def read_back(path: Path) -> list[Interaction]:
    """All interactions of a file on disk, by key."""
    opened = open_cassette(OneFile(path.read_bytes()), PurePosixPath(path.name))
    assert opened.fault is None
    return sorted(opened.interactions(), key=lambda each: each.key)
