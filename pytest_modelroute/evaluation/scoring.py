"""The scorer of a task: a built-in one, or the team's own function."""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

from ..errors import ErrorKind, InputError, UnobtainedAnswer, did_you_mean
from ..registry.model import ScorePolicy, ScorerKind
from .golden import ABSENT
from .importing import Importer
from .scorer import RIGHT, BuiltIn, Score, Scorer
from .text_scorers import Contains, Regex
from .value_scorers import Exact, Fields, Number, SetF1

__all__ = ["make_scorer"]

ROUNDING = 1e-9  # what sums and products of floats may be beside 0 and 1


def make_scorer(policy: ScorePolicy, importer: Importer) -> Scorer:
    """The scorer that a policy names. Raises InputError for options it does not take, or a function not found."""
    built_in: dict[ScorerKind, type[BuiltIn]] = {
        ScorerKind.EXACT: Exact,
        ScorerKind.FIELDS: Fields,
        ScorerKind.CONTAINS: Contains,
        ScorerKind.REGEX: Regex,
        ScorerKind.NUMBER: Number,
        ScorerKind.SET_F1: SetF1,
    }
    options = PythonScorer.options if policy.kind is ScorerKind.PYTHON else built_in[policy.kind].options
    for name in policy.options:
        if name not in options:
            what = f"the scorer '{policy.kind.value}' has no option '{name}'"
            raise InputError(what, place=policy.place, valid=did_you_mean(name, options))
    if policy.kind is ScorerKind.PYTHON:
        return PythonScorer(policy, importer)
    return built_in[policy.kind](policy)


class PythonScorer(Scorer):
    """A function of the team's: called with those of `output`, `expected` and `input` that it names.

    It returns a bool, or a score in [0, 1] that must reach `minimum`, or a pair of either and a reason. Whatever it
    raises is an error of the case, never a wrong answer.
    """

    options = ("function", "minimum")
    offered = ("output", "expected", "input")

    def __init__(self, policy: ScorePolicy, importer: Importer) -> None:
        reference = policy.options.get("function")
        if reference is None:
            what = "the scorer 'python' needs the option 'function'"
            raise InputError(what, place=policy.place, valid="function: module:function")
        self._reference: str = reference
        self._minimum = float(policy.options.get("minimum", 1))
        self._function = importer.function(reference, policy.place)
        try:
            parameters = inspect.signature(self._function).parameters.values()
        except (TypeError, ValueError):
            raise InputError(f"python: {reference} has no signature to read", place=policy.place) from None
        takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
        plain = [
            parameter
            for parameter in parameters
            if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        ]
        strange = [
            parameter.name
            for parameter in plain
            if parameter.kind is parameter.POSITIONAL_ONLY
            or (parameter.name not in self.offered and parameter.default is parameter.empty)
        ]
        if strange or inspect.iscoroutinefunction(self._function):
            what = f"python: {reference} cannot be called as a scorer" + (
                f": parameter '{strange[0]}'" if strange else ": it is async"
            )
            raise InputError(
                what, place=policy.place, valid="def score(output, expected, input): ... or some of these names"
            )
        names = {parameter.name for parameter in plain}
        self._needs_expected = any(each.name == "expected" and each.default is each.empty for each in plain)
        self._wanted = tuple(name for name in self.offered if takes_any or name in names)
        if "output" not in self._wanted:
            what = f"python: {reference} cannot be called as a scorer: it takes no 'output'"
            raise InputError(what, place=policy.place, valid="def score(output, expected, input): ...")

    def objection(self, expected: Any) -> str | None:
        return "'expected' is missing" if expected is ABSENT and self._needs_expected else None

    def score(self, output: Any, expected: Any, given: Mapping[str, Any]) -> Score:
        values = {"output": output, "expected": None if expected is ABSENT else expected, "input": given}
        try:
            # Copies: what a scorer does to its arguments must not reach the report or another tier's cases.
            result = self._function(**{name: copy.deepcopy(values[name]) for name in self._wanted})
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a scorer may also call sys.exit() or pytest.skip()
            what = f"the scorer {self._reference} raised {type(error).__name__}: {error}"
            raise UnobtainedAnswer(ErrorKind.SCORER, what) from None
        return self._verdict(result)

    def _verdict(self, result: Any) -> Score:
        reason = ""
        if isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], str):
            result, reason = result
        if isinstance(result, bool):
            return RIGHT if result else Score(False, reason or "the scorer said no")
        score = float(result) if isinstance(result, Real) else math.nan
        if -ROUNDING <= score <= 1 + ROUNDING:
            if score >= self._minimum:
                return RIGHT
            return Score(False, reason or f"score {score:g} is below {self._minimum:g}")
        if inspect.iscoroutine(result):
            result.close()
        what = f"the scorer {self._reference} returned {result!r}"[:200] + ", neither bool nor a score from 0 to 1"
        raise UnobtainedAnswer(ErrorKind.SCORER, what)
