"""Scorers of text: contains and regex, with every option, and what a mismatch says."""

from __future__ import annotations

import warnings
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from pytest_modelroute.errors import InputError
from pytest_modelroute.evaluation.golden import ABSENT
from pytest_modelroute.evaluation.importing import Importer
from pytest_modelroute.evaluation.scorer import Score
from pytest_modelroute.evaluation.scoring import make_scorer

from .trees import policy

IMPORTER = Importer(Path("/nonexistent"), PurePosixPath())


def score(text: str, output: Any, expected: Any) -> Score:
    scorer = make_scorer(policy(text), IMPORTER)
    assert scorer.objection(expected) is None
    return scorer.score(output, expected, {})


CONTAINS = [
    ("{kind: contains}", "We refund you.", "refund", ""),
    ("{kind: contains}", "We refund you.", "Refund", 'does not contain "Refund"'),
    ("{kind: contains, ignore_case: true}", "WE REFUND YOU.", ["refund", "we"], ""),
    ("{kind: contains}", "a b", ["a", "c", "d"], 'does not contain "c", "d"'),
    ("{kind: contains}", "a", {"all": ["a"], "any": ["x", "a"], "none": ["b"]}, ""),
    ("{kind: contains}", "a", {"any": ["x", "y"]}, 'contains none of "x", "y"'),
    ("{kind: contains}", "a b", {"none": ["b", "c"]}, 'contains "b"'),
    ("{kind: contains, all: [a]}", "a", ABSENT, ""),
    ("{kind: contains, all: [a]}", "b", ABSENT, 'does not contain "a"'),
    ("{kind: contains, any: [a, b]}", "b", ABSENT, ""),
    ("{kind: contains, any: [a, b]}", "c", ABSENT, 'contains none of "a", "b"'),
    ("{kind: contains, none: [sorry]}", "sorry", ABSENT, 'contains "sorry"'),
    ("{kind: contains, none: [sorry]}", "yes", "yes", ""),
    ("{kind: contains, none: [sorry]}", "yes, sorry", "yes", 'contains "sorry"'),
    ("{kind: contains, all: [a]}", "b", "b", 'does not contain "a"'),
    ("{kind: contains, all: [a]}", "a", {}, ""),
    ("{kind: contains, field: text}", {"text": "José"}, "José", ""),
    ("{kind: contains, field: text}", {"other": "x"}, "x", "the output has no 'text'"),
    ("{kind: contains, field: /a/0}", {"a": ["x"]}, "x", ""),
    ("{kind: contains}", {"name": "José", "n": 5.0}, ['"name":"José"', '"n":5'], ""),
    ("{kind: contains}", 42, "4", ""),
    ("{kind: contains}", None, "null", ""),
]


@pytest.mark.parametrize(("options", "output", "expected", "detail"), CONTAINS)
def test_contains_looks_for_words_that_must_may_and_must_not_be_there(
    options: str, output: Any, expected: Any, detail: str
) -> None:
    assert score(options, output, expected) == Score(not detail, detail)


REGEX = [
    ("{kind: regex}", "order K-20918 is late", "K-[0-9]{5}", ""),
    ("{kind: regex}", "order k-20918", "K-[0-9]{5}", '"order k-20918" does not match "K-[0-9]{5}"'),
    ("{kind: regex, ignore_case: true}", "order k-20918", "K-[0-9]{5}", ""),
    ("{kind: regex, match: full}", " K-20918\n", "K-[0-9]{5}", ""),
    ("{kind: regex, match: full}", "K-209181", "K-[0-9]{5}", '"K-209181" does not match "K-[0-9]{5}"'),
    ("{kind: regex, pattern: '^yes'}", "yes, ok", ABSENT, ""),
    ("{kind: regex, pattern: '^yes'}", "no", ABSENT, '"no" does not match "^yes"'),
    ("{kind: regex, pattern: '^yes'}", "yes, ok", "ok$", ""),
    ("{kind: regex, pattern: '^yes'}", "yes", "ok$", '"yes" does not match "ok$"'),
    ("{kind: regex, pattern: '^yes'}", "no ok", "ok$", '"no ok" does not match "^yes"'),
    ("{kind: regex, field: id}", {"id": "a1"}, "[a-z][0-9]", ""),
    ("{kind: regex, field: id}", {"id": 5}, "5", "expected text, got 5"),
    ("{kind: regex, field: id}", {}, "5", "expected text, got nothing"),
    ("{kind: regex}", {"a": 1}, "a", 'expected text, got {"a": 1}'),
    ("{kind: regex}", "a\nb", "(?s)a.b", ""),
]


@pytest.mark.parametrize(("options", "output", "expected", "detail"), REGEX)
def test_regex_matches_the_tasks_pattern_and_the_cases_own(
    options: str, output: Any, expected: Any, detail: str
) -> None:
    assert score(options, output, expected) == Score(not detail, detail)


PLACE = "modelroute.yaml:9: "
OPTIONS = {
    "{kind: regex, pattern: '('}": 'the pattern "(" is not a regular expression: '
    "missing ), unterminated subpattern at position 0",
    "{kind: regex, pattern: 'a{99999999999}'}": 'the pattern "a{99999999999}" is not a regular expression: '
    "the repetition number is too large",
    "{kind: regex, minimum: 1}": "the scorer 'regex' has no option 'minimum'\n"
    "  valid: one of field, ignore_case, pattern, match",
    "{kind: contains, pattern: a}": "the scorer 'contains' has no option 'pattern'\n"
    "  valid: one of field, ignore_case, all, any, none",
}


@pytest.mark.parametrize(("text", "told"), OPTIONS.items(), ids=OPTIONS)
def test_a_pattern_or_option_that_is_none_is_an_error_at_the_scorers_line(text: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        make_scorer(policy(text), IMPORTER)
    assert str(caught.value) == PLACE + told


def test_a_pattern_that_python_only_doubts_is_taken_even_where_warnings_are_errors() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert score("{kind: regex, pattern: '[[a]'}", "[", ABSENT) == Score(True)
