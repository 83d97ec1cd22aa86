"""A team's own scorer: what it may return, and that its faults are errors and never wrong answers."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from pytest_modelroute.errors import ErrorKind, InputError, UnobtainedAnswer
from pytest_modelroute.evaluation.golden import ABSENT
from pytest_modelroute.evaluation.importing import Importer
from pytest_modelroute.evaluation.scorer import Score, Scorer
from pytest_modelroute.evaluation.scoring import make_scorer

from .projects import Project, git
from .trees import policy, tree

NUMBERS = itertools.count()
Make = Callable[..., Scorer]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """A scorer from a module of its own, whose name is MODULE in what is raised."""
    monkeypatch.setattr(sys, "path", list(sys.path))

    def scorer(source: str, options: str = "", name: str = "score") -> Scorer:
        module = f"scorer_{next(NUMBERS)}"
        tree(tmp_path, {f"conf/{module}.py": source})
        text = f"{{kind: python, function: '{module}:{name}'{options}}}"
        try:
            return make_scorer(policy(text), Importer(tmp_path, PurePosixPath("conf")))
        except InputError as error:
            raise InputError(str(error).replace(module, "MODULE")) from None

    return scorer


RETURNED = {
    "True": ("True", "", Score(True)),
    "False": ("False", "", Score(False, "the scorer said no")),
    "False with a reason": ("False, 'too short'", "", Score(False, "too short")),
    "True with a reason": ("True, 'fine'", "", Score(True)),
    "False without a reason": ("False, ''", "", Score(False, "the scorer said no")),
    "1": ("1", "", Score(True)),
    "0": ("0", "", Score(False, "score 0 is below 1")),
    "a score that reaches the minimum": ("0.7", ", minimum: 0.7", Score(True)),
    "a score that does not": ("0.69", ", minimum: 0.7", Score(False, "score 0.69 is below 0.7")),
    "a score with a reason": ("0.5, 'half of it'", ", minimum: 0.7", Score(False, "half of it")),
    "a minimum of nothing": ("0.0", ", minimum: 0", Score(True)),
    "a fraction": ("Fraction(1, 2)", ", minimum: 0.5", Score(True)),
    "a whisker above 1": ("sum([0.7, 0.2, 0.1, 1e-16]) + 2e-16", "", Score(True)),
}


@pytest.mark.parametrize(("value", "options", "score"), RETURNED.values(), ids=RETURNED)
def test_a_scorer_returns_a_truth_value_or_a_score_and_maybe_a_reason(
    make: Make, value: str, options: str, score: Score
) -> None:
    source = f"from fractions import Fraction\ndef score(output): return {value}"
    assert make(source, options).score("x", ABSENT, {}) == score


NEITHER = ", neither bool nor a score from 0 to 1"
FAULTS = {
    "nothing": ("return None", "returned None" + NEITHER),
    "a text": ("return 'yes'", "returned 'yes'" + NEITHER),
    "a percentage": ("return 40", "returned 40" + NEITHER),
    "a negative score": ("return -0.1", "returned -0.1" + NEITHER),
    "NaN": ("return float('nan')", "returned nan" + NEITHER),
    "infinity": ("return float('inf')", "returned inf" + NEITHER),
    "a triple": ("return True, 'a', 'b'", "returned (True, 'a', 'b')" + NEITHER),
    "a pair without a text": ("return True, 5", "returned (True, 5)" + NEITHER),
    "a dict": ("return {'score': 1}", "returned {'score': 1}" + NEITHER),
    "an exception": ("return output['x']", "raised TypeError: string indices must be integers, not 'str'"),
    "a failed assertion": ("assert output == 'y'", "raised AssertionError: "),
    "sys.exit": ("import sys; sys.exit(2)", "raised SystemExit: 2"),
    "pytest.skip": ("import pytest; pytest.skip('later')", "raised Skipped: later"),
    "pytest.fail": ("import pytest; pytest.fail('no')", "raised Failed: no"),
    "pytest.exit": ("import pytest; pytest.exit('stop')", "raised Exit: stop"),
    "endless recursion": ("return score(output)", "raised RecursionError: maximum recursion depth exceeded"),
}


@pytest.mark.parametrize(("body", "told"), FAULTS.values(), ids=FAULTS)
def test_a_scorer_that_fails_is_an_error_and_never_a_wrong_answer(make: Make, body: str, told: str) -> None:
    scorer = make(f"def score(output):\n    {body}")
    with pytest.raises(UnobtainedAnswer) as caught:
        scorer.score("x", "y", {})
    assert caught.value.kind is ErrorKind.SCORER
    module = scorer._reference  # type: ignore[attr-defined]
    where = f" ({module.partition(':')[0]}.py:2)" if told.startswith("raised") else ""
    assert caught.value.detail == f"the scorer {module} {told}{where}"


def test_a_scorer_that_raises_is_told_with_the_innermost_line_of_its_own_file(make: Make) -> None:
    source = (
        "import json\ndef read(text):\n    return json.loads(text)\nclass Score:\n    def __call__(self, output):\n"
    )
    scorer = make(source + "        return read(output)\nscore = Score()")
    with pytest.raises(UnobtainedAnswer, match=r"raised JSONDecodeError: .+ \(\w+\.py:3\)$"):
        scorer.score("x", "y", {})


def test_a_scorer_that_returns_a_coroutine_is_an_error_that_leaves_nothing_behind(make: Make) -> None:
    scorer = make("async def later(): return True\ndef score(output): return later()")
    with pytest.raises(UnobtainedAnswer, match="returned <coroutine object later"):
        scorer.score("x", "y", {})


def test_ctrl_c_in_a_scorer_is_ctrl_c(make: Make) -> None:
    with pytest.raises(KeyboardInterrupt):
        make("def score(output): raise KeyboardInterrupt").score("x", "y", {})
    with pytest.raises(KeyboardInterrupt):
        make("raise KeyboardInterrupt")


SIGNATURES = [
    "def score(output): return output == 'o'",
    "def score(output, expected): return (output, expected) == ('o', 'e')",
    "def score(input, output, expected): return (output, expected, input) == ('o', 'e', {'i': 1})",
    "def score(*, expected, output): return (output, expected) == ('o', 'e')",
    "def score(**given): return given == {'output': 'o', 'expected': 'e', 'input': {'i': 1}}",
    "def score(output, *rest, strict=True, **given): return given == {'expected': 'e', 'input': {'i': 1}} and strict",
    "class Score:\n    def __call__(self, output): return output == 'o'\nscore = Score()",
    "import functools\ndef s(a, output): return (a, output) == (1, 'o')\nscore = functools.partial(s, 1)",
    "score = lambda output: output == 'o'",
]


@pytest.mark.parametrize("source", SIGNATURES)
def test_a_scorer_gets_those_arguments_that_it_names(make: Make, source: str) -> None:
    assert make(source).score("o", "e", {"i": 1}) == Score(True)


def test_an_absent_expectation_is_refused_by_a_scorer_that_needs_one_and_none_for_others(make: Make) -> None:
    assert make("def score(output, expected): return True").objection(ABSENT) == "'expected' is missing"
    scorer = make("def score(output, expected=1): return expected is None")
    assert scorer.objection(ABSENT) is None
    assert scorer.score("o", ABSENT, {}) == Score(True)


def test_a_scorer_that_changes_its_arguments_changes_no_one_elses(make: Make) -> None:
    output, expected, given = {"a": [1]}, [3, 1], {"turns": [1]}
    source = (
        "def score(output, expected, input):\n    output['a'].pop(); expected.sort(); input.clear()\n    return True"
    )
    assert make(source).score(output, expected, given) == Score(True)
    assert (output, expected, given) == ({"a": [1]}, [3, 1], {"turns": [1]})


NAMES = "  valid: def function(output, expected, input): ... or some of these names"
PARAMETER = "modelroute.yaml:9: python: MODULE:score cannot be called: parameter"
CANNOT = "modelroute.yaml:9: python: MODULE:score cannot be called as a scorer"
IMPORT = "  valid: module:function, found from the registry's folder or rootdir"
UNUSABLE = {
    "another name": ("def score(answer): ...", f"{PARAMETER} 'answer'\n{NAMES}"),
    "one name too many": ("def score(output, expected, case): ...", f"{PARAMETER} 'case'\n{NAMES}"),
    "positions only": ("def score(output, /): ...", f"{PARAMETER} 'output'\n{NAMES}"),
    "async": (
        "async def score(output): ...",
        f"{CANNOT}: it is async\n  valid: def score(output, expected, input): ...",
    ),
    "blind": (
        "def score(expected): return True",
        f"{CANNOT}: it takes no 'output'\n  valid: def score(output, expected, input): ...",
    ),
    "without arguments": (
        "def score(): return True",
        f"{CANNOT}: it takes no 'output'\n  valid: def score(output, expected, input): ...",
    ),
    "positions of any number": (
        "def score(*all): return True",
        f"{CANNOT}: it takes no 'output'\n  valid: def score(output, expected, input): ...",
    ),
    "without a signature": (
        "def score(output): ...\nscore.__signature__ = 5",
        "modelroute.yaml:9: python: MODULE:score has no signature to read",
    ),
    "no function": ("score = 5", "modelroute.yaml:9: python: MODULE has no function 'score'"),
    "missing": ("", "modelroute.yaml:9: python: MODULE has no function 'score'"),
    "broken": (
        "def score(",
        "modelroute.yaml:9: python: 'MODULE:score' cannot be imported: SyntaxError: '(' was never closed "
        f"(MODULE.py, line 1)\n{IMPORT}",
    ),
    "exits": (
        "raise SystemExit(0)",
        f"modelroute.yaml:9: python: 'MODULE:score' cannot be imported: SystemExit: 0\n{IMPORT}",
    ),
    "skips": (
        "import pytest\npytest.importorskip('nonexistent_package')",
        "modelroute.yaml:9: python: 'MODULE:score' cannot be imported: Skipped: could not import "
        f"'nonexistent_package': No module named 'nonexistent_package'\n{IMPORT}",
    ),
}


@pytest.mark.parametrize(("source", "told"), UNUSABLE.values(), ids=UNUSABLE)
def test_a_scorer_that_cannot_be_used_is_an_error_before_anything_is_scored(make: Make, source: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        make(source)
    assert str(caught.value) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "{kind: python}",
            "the scorer 'python' needs the option 'function'\n  valid: function: module:function",
        ),
        (
            "{kind: python, functon: 'a:b'}",
            "the scorer 'python' has no option 'functon'\n  valid: did you mean 'function'? one of function, minimum",
        ),
        (
            "{kind: python, function: 'nonexistent_package.x:f'}",
            "python: 'nonexistent_package.x:f' cannot be imported: ModuleNotFoundError: "
            f"No module named 'nonexistent_package'\n{IMPORT}",
        ),
    ],
)
def test_a_python_scorer_needs_a_function_that_is_there(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        make_scorer(policy(text), Importer(tmp_path, PurePosixPath()))
    assert str(caught.value) == f"modelroute.yaml:9: {told}"


SHADOWS = {
    "a package of that name": ("pkg/own_scorers/__init__.py", "pythonpath = pkg ."),
    "a module of that name": ("alt/own_scorers.py", "pythonpath = alt ."),
}


@pytest.mark.parametrize("shadow", SHADOWS)
def test_another_module_by_the_scorer_s_name_is_refused(shadow: str, project: Project) -> None:
    """The file whose changes are looked at is the one that scores."""
    project.replace(
        "score: {kind: contains, ignore_case: true}", "score: {kind: python, function: 'own_scorers:score'}"
    )
    (project.folder / "own_scorers.py").write_text("def score(output, expected):\n    return expected in output\n")
    assert project.pytest("--modelroute").returncode == 0
    path, line = SHADOWS[shadow]
    (project.folder / path).parent.mkdir(parents=True)
    (project.folder / path).write_text("def score(output, expected):\n    return True\n")
    project.replace("[pytest]", f"[pytest]\n{line}", "pytest.ini")
    done = project.pytest("--modelroute")
    assert done.returncode == 4
    assert "'own_scorers:score' is own_scorers.py, and Python imported " in done.stderr
    assert f"{path} by that name" in done.stderr


def test_a_package_beside_the_scorer_s_module_is_another_scorer(repository: Project) -> None:
    repository.replace(
        "score: {kind: contains, ignore_case: true}", "score: {kind: python, function: 'own_scorers:score'}"
    )
    (repository.folder / "own_scorers.py").write_text("def score(output, expected):\n    return expected in output\n")
    git(repository.folder, "add", ".")
    git(repository.folder, "commit", "-q", "-m", "a scorer")
    git(repository.folder, "branch", "-f", "main")
    (repository.folder / "own_scorers").mkdir()
    (repository.folder / "own_scorers/__init__.py").write_text("def score(output, expected):\n    return True\n")
    done = repository.pytest("--modelroute", "--modelroute-base=main")
    assert (done.returncode, "scorer changed" in done.stdout) == (1, True)
