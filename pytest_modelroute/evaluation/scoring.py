"""The scorer of a task: a built-in one, or the team's own function."""

from __future__ import annotations

import copy
import inspect
import math
import sys
import traceback
from collections.abc import Mapping
from numbers import Real
from pathlib import Path
from typing import Any

from ..errors import ErrorKind, InputError, UnobtainedAnswer, did_you_mean
from ..registry.model import OutputFormat, ScorePolicy, ScorerKind
from .golden import ABSENT
from .importing import Importer, parameters_taken
from .scorer import RIGHT, BuiltIn, Score, Scorer
from .text_scorers import Contains, Regex
from .value_scorers import Exact, Fields, Number, SetF1

__all__ = ["check_output", "make_scorer"]

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


def check_output(policy: ScorePolicy, form: OutputFormat) -> None:
    """Raise InputError for a scorer that needs what a text does not have: every case would be wrong for ever."""
    if form is OutputFormat.JSON:
        return
    kind = policy.kind.value
    needs = {
        ScorerKind.FIELDS: "'kind: fields' scores fields",
        ScorerKind.SET_F1: "'kind: set_f1' scores a list",
    }.get(policy.kind)
    if "field" in policy.options:
        needs = f"'kind: {kind}' scores the field '{policy.options['field']}'"
    if needs is not None:
        what = f"{needs}, and the output is a text, which has none"
        raise InputError(what, place=policy.place, fix="output: {format: json}")


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
        self._wanted = parameters_taken(self._function, self.offered, reference, policy.place)
        if "output" not in self._wanted or inspect.iscoroutinefunction(self._function):
            problem = "it is async" if "output" in self._wanted else "it takes no 'output'"
            what = f"python: {reference} cannot be called as a scorer: {problem}"
            raise InputError(what, place=policy.place, valid="def score(output, expected, input): ...")
        expected = inspect.signature(self._function).parameters.get("expected")
        self._needs_expected = expected is not None and expected.default is expected.empty

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
            what = f"the scorer {self._reference} raised {type(error).__name__}: {error}{self._where(error)}"
            raise UnobtainedAnswer(ErrorKind.SCORER, what) from None
        return self._verdict(result)

    def _where(self, error: BaseException) -> str:
        """The innermost line of the scorer's own file that the error came through."""
        code = getattr(inspect.unwrap(self._function), "__code__", None)
        module = sys.modules.get(self._reference.partition(":")[0])
        file = code.co_filename if code is not None else getattr(module, "__file__", None)
        frames = traceback.walk_tb(error.__traceback__)
        lines = [line for frame, line in frames if frame.f_code.co_filename == file]
        return f" ({Path(str(file)).name}:{lines[-1]})" if lines else ""

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
