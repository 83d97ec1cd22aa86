"""Scorers of text: words that must or must not stand in it, and patterns."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from typing import Any

from ..errors import InputError
from ..registry.model import ScorePolicy
from .comparing import canonical, shown
from .golden import ABSENT
from .scorer import RIGHT, BuiltIn, Score, told

__all__ = ["Contains", "Regex"]


class Contains(BuiltIn):
    """Words that must all, at least one of which must, and none of which may stand in the text."""

    options = ("field", "ignore_case", "all", "any", "none")
    lists = ("all", "any", "none")

    def __init__(self, policy: ScorePolicy) -> None:
        super().__init__(policy)
        self._fixed = {name: list(policy.options.get(name, ())) for name in self.lists}

    def objection(self, expected: Any) -> str | None:
        if expected is ABSENT:
            return None if any(self._fixed.values()) else "'expected' is missing"
        wanted = self._wanted(expected)
        if wanted is None:
            return "'expected' is not a text, a list of texts, or an object with lists 'all', 'any' and 'none'"
        return None if any([*self._fixed.values(), *wanted.values()]) else "'expected' names no words"

    def _wanted(self, expected: Any) -> dict[str, list[str]] | None:
        if isinstance(expected, str):
            expected = [expected]
        if isinstance(expected, list):
            expected = {"all": expected}
        if not isinstance(expected, dict) or not set(expected) <= set(self.lists):
            return None
        for words in expected.values():
            if not isinstance(words, list) or not all(isinstance(word, str) and word for word in words):
                return None
        return expected

    def score(self, output: Any, expected: Any, given: Mapping[str, Any]) -> Score:
        got = self._part(output)
        if got is ABSENT:
            return Score(False, f"the output has no '{self._field}'")
        text = got if isinstance(got, str) else canonical(got)
        own = {} if expected is ABSENT else self._wanted(expected) or {}
        must, may, never = (self._fixed[name] + own.get(name, []) for name in self.lists)
        missing = [word for word in must if not self._in(word, text)]
        if missing:
            return Score(False, f"does not contain {', '.join(map(shown, missing))}")
        if may and not any(self._in(word, text) for word in may):
            return Score(False, f"contains none of {', '.join(map(shown, may))}")
        unwanted = [word for word in never if self._in(word, text)]
        return Score(False, f"contains {', '.join(map(shown, unwanted))}") if unwanted else RIGHT

    def _in(self, word: str, text: str) -> bool:
        return word.casefold() in text.casefold() if self._ignore_case else word in text


class Regex(BuiltIn):
    """The text matches a pattern: the task's, or each case's own."""

    options = ("field", "ignore_case", "pattern", "match")

    def __init__(self, policy: ScorePolicy) -> None:
        super().__init__(policy)
        self._full = policy.options.get("match", "search") == "full"
        self._compiled: dict[str, re.Pattern[str]] = {}
        self._pattern: str | None = policy.options.get("pattern")
        if self._pattern is not None:
            problem = self._compile(self._pattern)
            if problem:
                raise InputError(f"the pattern {shown(self._pattern)} {problem}", place=policy.place)

    def _compile(self, pattern: str) -> str | None:
        try:
            with warnings.catch_warnings(action="ignore"):  # of doubtful patterns; `-W error` is meant for the tests
                self._compiled[pattern] = re.compile(pattern, re.IGNORECASE if self._ignore_case else 0)
        except (re.error, OverflowError, RecursionError) as error:
            return f"is not a regular expression: {error}"
        return None

    def objection(self, expected: Any) -> str | None:
        if expected is ABSENT:
            return None if self._pattern is not None else "'expected' is missing"
        if self._lacks_field(expected):
            return self._lacks_field(expected)
        expected = self._expectation(expected)
        if not isinstance(expected, str):
            return "'expected' is not a regular expression"
        problem = self._compile(expected)
        return f"'expected' {problem}" if problem else None

    def score(self, output: Any, expected: Any, given: Mapping[str, Any]) -> Score:
        got = self._part(output)
        if not isinstance(got, str):
            return Score(False, f"expected text, got {told(got)}")
        text = got.strip()
        expected = self._expectation(expected)
        for pattern in (self._pattern, None if expected is ABSENT else expected):
            if pattern is None:
                continue
            compiled = self._compiled[pattern]
            if not (compiled.fullmatch(text) if self._full else compiled.search(text)):
                return Score(False, f"{shown(text)} does not match {shown(pattern)}")
        return RIGHT
