"""Whether a move is worth it, and how many cases a strict limit takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pytest_modelroute.judgement.worth import Obstacle, Worth, cases_without_error

CASES = [
    (Worth(-0.1, 10**9), Obstacle.SAVES_NOTHING, None),
    (Worth(0.0, None), Obstacle.SAVES_NOTHING, None),
    (Worth(1.0, None), None, None),
    (Worth(None, None), None, None),
    (Worth(None, 9_999), Obstacle.FEW_CALLS, None),
    (Worth(None, 10_000), None, None),
    (Worth(1.0, 9_999), Obstacle.FEW_CALLS, False),
    (Worth(1.0, 10_000), Obstacle.LESS_THAN_WORK, False),
    (Worth(10.0, 8_333), Obstacle.FEW_CALLS, False),
    (Worth(10.0, 8_334), None, True),
    (Worth(1.0, 1, work=0.0), None, True),
    (Worth(2.5, 40_000, work=1_200.0), None, True),  # to the cent
]


@pytest.mark.parametrize(("worth", "obstacle", "pays"), CASES)
def test_what_stands_against_a_move(worth: Worth, obstacle: Obstacle | None, pays: bool | None) -> None:
    assert worth.obstacle is obstacle
    if worth.monthly is not None and worth.monthly > 0:
        assert worth.pays is pays


@pytest.mark.parametrize("per_1000", [None, 0.0, -1.0])
def test_what_saves_nothing_never_pays(per_1000: float | None) -> None:
    assert Worth(per_1000, None).pays_from is None


@given(st.floats(0.001, 1000), st.floats(1, 10**5))
def test_it_pays_from_the_calls_that_are_told_and_not_before(per_1000: float, work: float) -> None:
    calls = Worth(per_1000, None, work).pays_from
    assert calls is not None
    assert Worth(per_1000, calls + 1, work).pays
    assert not Worth(per_1000, max(calls - 2, 0), work).pays


@pytest.mark.parametrize(
    ("threshold", "cases"), [(0.001, 2995), (0.01, 299), (0.08, 36), (0.95, 1), (1.0, 1), (0, None)]
)
def test_the_cases_that_prove_a_limit_when_none_is_wrong(threshold: float, cases: int | None) -> None:
    assert cases_without_error(threshold) == cases


@given(st.floats(1e-4, 0.9))
def test_they_are_the_fewest_by_clopper_and_pearson(threshold: float) -> None:
    cases = cases_without_error(threshold)
    assert cases is not None
    assert stats.beta.ppf(0.95, 1, cases) <= threshold * (1 + 1e-9)
    assert cases == 1 or stats.beta.ppf(0.95, 1, cases - 1) > threshold * (1 - 1e-9)
