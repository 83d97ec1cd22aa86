"""From a message to an output: refused, cut off, unreadable, or a value that the schema allows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from .. import strict_json
from ..errors import ErrorKind, UnobtainedAnswer
from ..registry.files import Files
from ..registry.model import AnswerSource, Fences, OutputFormat, OutputPolicy
from .nesting import nested_too_deeply
from .schemas import schema_check
from .templates import resolve_pointer

__all__ = ["Answer", "AnswerReader", "Usage", "WrongKind", "usage_of"]


class WrongKind(Enum):
    """How an answer is wrong, in order of precedence."""

    REFUSAL = "refusal"
    TRUNCATED = "truncated"
    NOT_JSON = "not_json"
    SCHEMA = "schema"
    MISMATCH = "mismatch"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one or many calls; those read from and written to a cache are part of the input."""

    input_tokens: int
    output_tokens: int
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cache_read_tokens + other.cache_read_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What a message says: an output, or the fault that makes it wrong before any scoring."""

    output: Any
    confidence: float | None
    usage: Usage | None
    fault: WrongKind | None
    detail: str


UNFINISHED = {
    "max_tokens": "cut off at max_tokens",
    "model_context_window_exceeded": "cut off at the context window",
    "pause_turn": "paused before the end of its turn",
}

LONGEST_KNOWN = 200  # characters of an answer whose check is worth keeping
MOST_KNOWN = 1_000  # such answers

_FENCE = re.compile(r"\A\s*```[ \t]*(?:json)?[ \t]*\r?\n(.*?)\r?\n?```\s*\Z", re.DOTALL | re.IGNORECASE)


class AnswerReader:
    """Reads the messages of one task by its output policy. Raises InputError for a broken schema."""

    def __init__(self, policy: OutputPolicy, files: Files) -> None:
        self._policy = policy
        self._problem = schema_check(policy.schema, files) if policy.schema is not None else None
        self._known: dict[str, str | None] = {}  # what the schema says of answers: a classifier's are few and short

    def read(self, message: Mapping[str, Any]) -> Answer:
        """Read one message. Raises UnobtainedAnswer where it is not a message at all."""
        content = message.get("content")
        if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
            raise UnobtainedAnswer(ErrorKind.UNREADABLE, "the answer is not a message: it has no content blocks")
        usage = usage_of(message.get("usage"))
        stop_reason = message.get("stop_reason")
        text = "".join(str(block.get("text", "")) for block in content if block.get("type") == "text")
        if not isinstance(stop_reason, str):
            raise UnobtainedAnswer(ErrorKind.UNREADABLE, "the answer has no stop_reason")
        if stop_reason == "refusal":
            return Answer(text, None, usage, WrongKind.REFUSAL, "the model refused")
        if stop_reason in UNFINISHED:
            return Answer(text, None, usage, WrongKind.TRUNCATED, UNFINISHED[stop_reason])
        if self._policy.source is AnswerSource.TOOL_USE:
            calls = [block for block in content if block.get("type") == "tool_use"]
            if not calls:
                return Answer(text, None, usage, WrongKind.NOT_JSON, "the answer calls no tool")
            output = calls[0].get("input")
            if nested_too_deeply(output):
                return Answer(text, None, usage, WrongKind.NOT_JSON, "nested too deeply")
        elif self._policy.format is OutputFormat.TEXT:
            output = text
        else:
            return self._parsed(text, usage)
        return self._checked(output, usage)

    def read_value(self, value: Any) -> Answer:
        """Read what the team's own function returned: text, or a JSON value."""
        if self._policy.format is OutputFormat.TEXT:
            if isinstance(value, str):
                return Answer(value, None, None, None, "")
            what = f"the task's function returned {type(value).__name__}, and its output format is text"
            raise UnobtainedAnswer(ErrorKind.CALL, what)
        if isinstance(value, str):
            return self._parsed(value, None)
        return self._checked(value, None)

    def _parsed(self, text: str, usage: Usage | None) -> Answer:
        try:
            output = self._json(text)
        except ValueError as error:
            return Answer(text, None, usage, WrongKind.NOT_JSON, str(error))
        return self._checked(output, usage, text)

    def _checked(self, output: Any, usage: Usage | None, text: str | None = None) -> Answer:
        confidence = self._confidence(output)
        problem = self._objection(output, text)
        if problem is not None:
            return Answer(output, confidence, usage, WrongKind.SCHEMA, problem)
        return Answer(output, confidence, usage, None, "")

    def _objection(self, output: Any, text: str | None) -> str | None:
        if self._problem is None:
            return None
        if text is None or len(text) > LONGEST_KNOWN:
            return self._problem(output)
        try:
            return self._known[text]  # one step: another thread may forget all in between
        except KeyError:
            pass
        problem = self._problem(output)
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[text] = problem
        return problem

    def _json(self, text: str) -> Any:
        if self._policy.fences is Fences.ALLOW:
            fenced = _FENCE.match(text)
            if fenced is not None:
                text = fenced[1]
        elif text.lstrip().startswith("```"):
            raise ValueError("the JSON stands in a ``` fence, and `fenced` is 'reject'")
        value = strict_json.parse(text.strip())
        if nested_too_deeply(value):
            raise ValueError("nested too deeply")
        return value

    def _confidence(self, output: Any) -> float | None:
        if self._policy.confidence is None:
            return None
        try:
            value = resolve_pointer(output, self._policy.confidence)
        except LookupError:
            return None
        is_share = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1
        return float(value) if is_share else None


def usage_of(raw: object) -> Usage | None:
    """The tokens that a message tells of; None where it does not: unknown is not zero.

    Servers differ in how they split the input.
    """
    if not isinstance(raw, dict):
        return None
    plain, output = raw.get("input_tokens"), raw.get("output_tokens")
    if not isinstance(plain, int) or not isinstance(output, int):
        return None
    cached = [raw.get(name) for name in ("cache_read_input_tokens", "cache_creation_input_tokens")]
    read, written = (count if isinstance(count, int) else 0 for count in cached)
    return Usage(plain + read + written, output, read, written)
