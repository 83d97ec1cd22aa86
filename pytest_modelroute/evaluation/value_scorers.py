"""Scorers of values: whole outputs, fields, numbers and sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import InputError
from ..registry.model import ScorePolicy
from .comparing import as_date, canonical, close, names_a_day, numbers_in, same, shown
from .golden import ABSENT
from .scorer import RIGHT, BuiltIn, Score, part_of, told

__all__ = ["Exact", "Fields", "Number", "SetF1"]


class Exact(BuiltIn):
    options = ("field", "ignore_case")

    def objection(self, expected: Any) -> str | None:
        return super().objection(expected) or self._lacks_field(expected)

    def score(self, output: Any, expected: Any, given: Mapping[str, Any]) -> Score:
        got, expected = self._part(output), self._expectation(expected)
        if got is not ABSENT and same(got, expected, ignore_case=self._ignore_case):
            return RIGHT
        return Score(False, f"expected {told(expected)}, got {told(got)}")


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    compare: str = "exact"
    ignore_case: bool = False
    tolerance: float = 0.0
    relative_tolerance: float = 0.0
    formats: tuple[str, ...] = ()
    optional: bool = False

    def matches(self, got: Any, expected: Any) -> bool:
        if self.optional:
            got, expected = (None if value is ABSENT else value for value in (got, expected))
        if got is ABSENT or got is None or expected is None:
            return got is expected
        if self.compare == "number":
            numbers = [got, expected]
            if any(isinstance(number, bool) or not isinstance(number, (int, float)) for number in numbers):
                return False
            return close(got, expected, self.tolerance, self.relative_tolerance)
        if self.compare == "date":
            day = as_date(got, self.formats)
            return day is not None and day == as_date(expected, self.formats)
        return same(got, expected, ignore_case=self.ignore_case)


class Fields(BuiltIn):
    """Every named field must match; others are not looked at."""

    options = ("fields", "ignore_case")

    def __init__(self, policy: ScorePolicy) -> None:
        super().__init__(policy)
        fields = policy.options.get("fields")
        if not fields:
            what = "the scorer 'fields' needs the option 'fields'"
            raise InputError(what, place=policy.place, valid="fields: [label], or fields: {amount: {compare: number}}")
        rules = fields if isinstance(fields, Mapping) else dict.fromkeys(fields)
        self._fields = tuple(self._rule(name, rule or {}, policy) for name, rule in rules.items())

    def _rule(self, name: str, rule: Mapping[str, Any], policy: ScorePolicy) -> _Field:
        compare = rule.get("compare", "exact")
        takes = {"exact": ("ignore_case",), "number": ("tolerance", "relative_tolerance"), "date": ("formats",)}[
            compare
        ]
        for option in rule:
            if option not in ("compare", "optional", *takes):
                what = f"field '{name}': '{option}' has no meaning for 'compare: {compare}'"
                raise InputError(what, place=policy.place, valid=", ".join(("compare", "optional", *takes)))
        for form in rule.get("formats", ()):
            if not names_a_day(form):
                what = f"field '{name}': the format '{form}' does not name a day"
                raise InputError(what, place=policy.place, valid="strptime's codes for year, month and day: %d/%m/%Y")
        return _Field(
            name=name,
            compare=compare,
            ignore_case=rule.get("ignore_case", self._ignore_case),
            tolerance=rule.get("tolerance", 0.0),
            relative_tolerance=rule.get("relative_tolerance", 0.0),
            formats=tuple(rule.get("formats", ())),
            optional=rule.get("optional", False),
        )

    def objection(self, expected: Any) -> str | None:
        if not isinstance(expected, dict):
            return (
                "'expected' is missing" if expected is ABSENT else "'expected' is not an object with the scored fields"
            )
        for field in self._fields:
            value = part_of(expected, field.name)
            if value is ABSENT and not field.optional:
                return f"'expected' lacks the field '{field.name}', which is scored"
            if value is None or value is ABSENT:
                continue
            if field.compare == "number" and (isinstance(value, bool) or not isinstance(value, (int, float))):
                return f"'expected' has {told(value)} for '{field.name}', which is compared as a number"
            if field.compare == "date" and as_date(value, field.formats) is None:
                return f"'expected' has {told(value)} for '{field.name}', which is compared as a date"
        return None

    def score(self, output: Any, expected: Any, given: Mapping[str, Any]) -> Score:
        faults = []
        for field in self._fields:
            got, wanted = part_of(output, field.name), part_of(expected, field.name)
            if not field.matches(got, wanted):
                faults.append(f"{field.name}: expected {told(wanted)}, got {told(got)}")
        return Score(False, "; ".join(faults)) if faults else RIGHT


class Number(BuiltIn):
    """A number, or the number that stands in a text."""

    options = ("field", "tolerance", "relative_tolerance", "pick")

    def __init__(self, policy: ScorePolicy) -> None:
        super().__init__(policy)
        self._tolerance = float(policy.options.get("tolerance", 0))
        self._relative_tolerance = float(policy.options.get("relative_tolerance", 0))
        self._pick = policy.options.get("pick", "only")

    def objection(self, expected: Any) -> str | None:
        if expected is ABSENT:
            return "'expected' is missing"
        if self._lacks_field(expected):
            return self._lacks_field(expected)
        expected = self._expectation(expected)
        is_number = isinstance(expected, (int, float)) and not isinstance(expected, bool)
        return None if is_number else "'expected' is not a number"

    def score(self, output: Any, expected: Any, given: Mapping[str, Any]) -> Score:
        got, expected = self._part(output), self._expectation(expected)
        if isinstance(got, str):
            found = numbers_in(got)
            if not found or (self._pick == "only" and len(found) > 1):
                return Score(False, f"{len(found) or 'no'} number{'s' * (len(found) != 1)} in {shown(got)}")
            got = found[-1 if self._pick == "last" else 0]
        if isinstance(got, bool) or not isinstance(got, (int, float)):
            return Score(False, f"expected a number, got {told(got)}")
        if close(got, expected, self._tolerance, self._relative_tolerance):
            return RIGHT
        return Score(False, f"expected {shown(expected)}, got {shown(got)}")


class SetF1(BuiltIn):
    """A list as a set: the F1 of its items against the expected ones must reach the minimum."""

    options = ("field", "ignore_case", "minimum")

    def __init__(self, policy: ScorePolicy) -> None:
        super().__init__(policy)
        self._minimum = float(policy.options.get("minimum", 1))

    def objection(self, expected: Any) -> str | None:
        if expected is ABSENT:
            return "'expected' is missing"
        if self._lacks_field(expected):
            return self._lacks_field(expected)
        return None if isinstance(self._expectation(expected), list) else "'expected' is not a list"

    def score(self, output: Any, expected: Any, given: Mapping[str, Any]) -> Score:
        got, expected = self._part(output), self._expectation(expected)
        if not isinstance(got, list):
            return Score(False, f"expected a list, got {told(got)}")
        found = {canonical(item, ignore_case=self._ignore_case) for item in got}
        wanted = {canonical(item, ignore_case=self._ignore_case) for item in expected}
        hits = len(found & wanted)
        # Two empty sets agree. A quotient, not a product, meets a minimum such as 0.56 exactly at 14 of 25.
        score = 2 * hits / (len(found) + len(wanted)) if found or wanted else 1.0
        if score >= self._minimum:
            return RIGHT
        return Score(
            False,
            f"F1 {score:.3f} is below {self._minimum:g}: {hits} of {len(wanted)} found, {len(found) - hits} too many",
        )
