"""The arithmetic of what routing costs: the examples that everybody gives, and what is not known."""

from __future__ import annotations

import pytest

from pytest_modelroute.evaluation.answers import Usage
from pytest_modelroute.evaluation.costs import DAYS_A_MONTH, cost_in_usd, usd_of_calls
from pytest_modelroute.registry.model import Price

SMALL, LARGE = Price(0.80, 4.0, None), Price(3.0, 15.0, None)
A_MONTH = 1_000 * DAYS_A_MONTH


def test_a_thousand_calls_a_day_of_500_tokens_in_and_200_out() -> None:
    cheap, dear = (cost_in_usd(Usage(500, 200), price) for price in (SMALL, LARGE))
    assert usd_of_calls([(A_MONTH, cheap)]) == pytest.approx(36)
    assert usd_of_calls([(A_MONTH, dear)]) == pytest.approx(135)
    assert usd_of_calls([(0.7 * A_MONTH, cheap), (0.3 * A_MONTH, dear)]) == pytest.approx(65.70)


def test_a_million_calls_of_200_tokens_of_which_5_percent_escalate() -> None:
    cheap, dear = (cost_in_usd(Usage(200, 0), price) for price in (SMALL, LARGE))
    million = 1_000_000
    assert usd_of_calls([(million, dear)]) == pytest.approx(600)
    assert usd_of_calls([(0.95 * million, cheap), (0.05 * million, dear)]) == pytest.approx(182), "as it is often told"
    assert usd_of_calls([(million, cheap), (0.05 * million, dear)]) == pytest.approx(190), "the first call is paid too"


def test_what_is_not_known_is_not_zero() -> None:
    assert usd_of_calls([(1_000, 0.001), (1, None)]) is None
    assert usd_of_calls([(1_000, 0.001), (0, None)]) == pytest.approx(1.0), "a call that nobody makes costs nothing"
    assert usd_of_calls([]) is None
