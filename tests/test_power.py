"""How many cases a certified gate needs, against brute force with scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pytest_modelroute.judgement.power import MOST_CASES, cases_to_certify


@pytest.mark.parametrize(("rate", "cases"), [(0.02, 95), (0.03, 162), (0.04, 255), (0.05, 475), (0.06, 1101)])
def test_needed_cases_are_the_published_ones(rate: float, cases: int) -> None:
    assert cases_to_certify(rate, 0.08) == cases


def by_brute_force(rate: float, limit: float, most: int) -> int:
    """One more than the last size up to `most` whose power is below 80 %."""
    sizes = np.arange(1, most + 1)
    allowed = stats.binom.ppf(0.05, sizes, limit)
    allowed = np.where(stats.binom.cdf(allowed, sizes, limit) <= 0.05, allowed, allowed - 1)
    power = np.where(allowed >= 0, stats.binom.cdf(allowed, sizes, rate), 0.0)
    return int(np.flatnonzero(power < 0.8)[-1]) + 2


@pytest.mark.parametrize("limit", [0.0036, 0.01, 0.08, 0.5, 0.9])
@pytest.mark.parametrize("part", [0, 0.0466, 0.3, 0.6, 0.8])
def test_power_stays_from_the_needed_size_on_and_not_before(limit: float, part: float) -> None:
    expected = by_brute_force(limit * part, limit, MOST_CASES)
    assert cases_to_certify(limit * part, limit) == (expected if expected <= MOST_CASES else None)


@pytest.mark.parametrize(("rate", "limit"), [(0.45, 0.5), (0.78, 0.87), (0.82, 0.9), (0.87, 0.9), (0.79, 0.8)])
def test_sizes_with_enough_power_are_not_trusted_before_the_last_one_without(rate: float, limit: float) -> None:
    assert cases_to_certify(rate, limit) == by_brute_force(rate, limit, MOST_CASES)


@pytest.mark.parametrize(
    ("rate", "limit", "expected"),
    [
        (0.08, 0.08, None),
        (0.09, 0.08, None),
        (1.0, 0.08, None),
        (0.0, 0.0, None),
        (0.0799, 0.08, None),  # more than anybody will collect
        (0.499, 0.5, None),
        (0.0, 1e-5, None),
        (0.0, 1e-17, None),  # 1 - limit is 1
        (0.0, 1e-300, None),
        (0.0, 5e-324, None),
        (0.0, 0.00014978, 20_000),  # the most that are tried
        (0.0, 0.00014977, None),
        (0.0, 0.0002, 14_978),  # the second tooth begins beyond the range
        (0.0, 0.001, 2_995),
        (0.0, 0.9999, 1),
    ],
)
def test_extreme_limits_end_with_an_answer(rate: float, limit: float, expected: int | None) -> None:
    assert cases_to_certify(rate, limit) == expected
    assert expected is None or expected <= MOST_CASES
