"""Numbers as a reader sees them: what the text says about a limit is what the gate decided."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modelroute.judgement.gate import Counts, Finding, FindingKind, Scope, judge
from pytest_modelroute.registry.model import GatePolicy, Rule
from pytest_modelroute.reporting.numbers import interval, percent, points, usd
from pytest_modelroute.reporting.wording import reason


@pytest.mark.parametrize(
    ("share", "limit", "text"),
    [
        (0.05, 0.08, "5 %"),
        (0.0804, 0.08, "8.04 %"),
        (0.0796, 0.08, "7.96 %"),
        (0.08, 0.08, "8 %"),
        (12 / 150, 0.08, "8 %"),
        (1 / 12, 0.0833, "8.333 %"),
        (1 / 3, 0.08, "33.3 %"),
        (1 / 3, 0.3333, "33.333 %"),
        (0.0, 0.08, "0 %"),
        (1.0, 0.08, "100 %"),
        (0.0004, 0.08, "0.04 %"),
        (1 / 20_000, 0.08, "0.005 %"),
        (19_999 / 20_000, 0.08, "99.995 %"),
        (1 / 1_000_000_000, 0.08, "0.0000001 %"),
        (0.08000000001, 0.08, "8.000000001 %"),
        (0.0001, 0.0, "0.01 %"),
        (0.05, 0, "5 %"),
    ],
)
def test_a_share_beside_a_limit(share: float, limit: float, text: str) -> None:
    assert percent(share, limit) == text


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        (0.08, "8 %"),
        (0.075, "7.5 %"),
        (0.0833, "8.33 %"),
        (0.0, "0 %"),
        (0, "0 %"),
        (0.1 + 0.2, "30.000000000000004 %"),
    ],
)
def test_a_limit_is_shown_as_it_was_written(limit: float, text: str) -> None:
    assert percent(limit) == text


def read(text: str) -> Decimal:
    return Decimal(text.removesuffix(" %")) / 100


def sign(value: Decimal) -> int:
    return (value > 0) - (value < 0)


limits = st.one_of(
    st.integers(0, 10**4 - 1).map(lambda k: k / 10**4),
    st.integers(0, 10**9 - 1).map(lambda k: float(f"0.{k:09d}")),
    st.floats(0, 1, exclude_max=True),
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(limits, st.integers(1, 10**6), st.data())
def test_no_number_is_rounded_across_its_limit_or_to_none_or_all(limit: float, n: int, data: st.DataObject) -> None:
    near = round(limit * n)
    x = data.draw(st.one_of(st.integers(0, n), st.integers(max(0, near - 1), min(n, near + 1))))
    share, shown = x / n, read(percent(x / n, limit))
    assert sign(shown - read(percent(limit))) == (share > limit) - (share < limit)
    assert (shown == 0, shown == 1) == (x == 0, x == n)
    assert abs(shown - Decimal(share)) <= Decimal("0.00051")


def test_an_interval_s_ends_keep_to_their_sides_of_the_limit() -> None:
    assert interval((0.021996, 0.096296), 0.08) == "2.2-9.6 %"
    assert interval((0.0, 0.079847), 0.08) == "0-7.98 %"
    assert interval((0.0800004, 1.0), 0.08) == "8.00004-100 %"


@pytest.mark.parametrize(
    ("difference", "text"),
    [
        (0.02, "+2.0"),
        (-0.013, "-1.3"),
        (0.0, "+0.0"),
        (-0.0, "+0.0"),
        (-0.0004, "-0.04"),
        (1 / 20_000, "+0.005"),
        (-1e-9, "+0.0"),
        (1.0, "+100.0"),
        (-1.0, "-100.0"),
    ],
)
def test_a_difference_in_points(difference: float, text: str) -> None:
    assert points(difference) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (None, "-"),
        (0, "0.00"),
        (0.0, "0.00"),
        (3, "3.00"),
        (1234567.891, "1234567.89"),
        (0.9996, "1.00"),
        (0.123456, "0.123"),
        (0.0996, "0.0996"),
        (0.001234, "0.00123"),
        (0.0000012345, "0.00000123"),
    ],
)
def test_an_amount_of_money(amount: float | None, text: str) -> None:
    assert usd(amount) == text


def finding(kind: FindingKind, wrong: int, cases: int, policy: GatePolicy, scope: Scope = Scope.ALL) -> Finding:
    """The finding of that kind that the gate itself comes to."""
    own, base = Counts(cases - wrong, wrong, 0), None
    if scope is Scope.BASE:
        own, base = Counts(1000, 0, 0), own
    found = judge(own, policy, base).findings[-1]
    assert (found.kind, found.scope) == (kind, scope)
    return found


OBSERVED = GatePolicy(0.08, Rule.OBSERVED, 100)
CERTIFIED = GatePolicy(0.08, Rule.CERTIFIED, 100)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (finding(FindingKind.WITHIN, 6, 120, OBSERVED), "6 wrong of 120: 5 % (2.2-9.6 %), at most 8 % allowed"),
        (
            finding(FindingKind.ABOVE, 21, 261, OBSERVED),
            "21 wrong of 261: 8.05 % (5.5-11.4 %), at most 8 % allowed",
        ),
        (
            finding(FindingKind.WITHIN, 10, 121, GatePolicy(0.0833, Rule.OBSERVED, 100)),
            "10 wrong of 121: 8.3 % (4.6-13.6 %), at most 8.33 % allowed",
        ),
        (
            finding(FindingKind.TOO_FEW, 1, 20, OBSERVED),
            "1 wrong of 20: 5 % (0.3-21.6 %), but 100 cases are needed: 80 more",
        ),
        (
            finding(FindingKind.CERTIFIED, 0, 36, CERTIFIED),
            "0 wrong of 36: between 0 and 7.98 %: certified to be at most 8 %",
        ),
        (
            finding(FindingKind.REFUTED, 24, 200, CERTIFIED),
            "24 wrong of 200: between 8.4 and 16.5 %: certainly more than the 8 % allowed",
        ),
        (
            finding(FindingKind.UNDECIDED, 6, 120, CERTIFIED),
            "6 wrong of 120: between 2.2 and 9.6 %: not certified to be at most 8 %;"
            " 355 more cases would decide it with 80 % power if the rate stays",
        ),
        (
            finding(FindingKind.UNDECIDED, 0, 35, CERTIFIED),
            "0 wrong of 35: between 0 and 8.2 %: not certified to be at most 8 %;"
            " 1 more case would decide it with 80 % power if the rate stays",
        ),
        (
            finding(FindingKind.UNDECIDED, 79, 1000, CERTIFIED),
            "79 wrong of 1000: between 6.5 and 9.4 %: not certified to be at most 8 %;"
            " if the rate stays, not even 20,000 cases would decide it",
        ),
        (
            finding(FindingKind.UNDECIDED, 12, 100, CERTIFIED),
            "12 wrong of 100: between 7.1 and 18.7 %: not certified to be at most 8 %;"
            " more cases will not help, as 12 % were wrong",
        ),
        (finding(FindingKind.NO_CASES, 0, 0, OBSERVED), "no case to judge by"),
        (
            finding(FindingKind.NO_CASES, 0, 0, OBSERVED, Scope.BASE),
            "none of the base's golden cases is left to judge by",
        ),
        (
            finding(FindingKind.ABOVE, 3, 20, OBSERVED, Scope.BASE),
            "on the base's own cases: 3 wrong of 20: 15 % (4.2-34.4 %), at most 8 % allowed",
        ),
        (
            judge(Counts(90, 6, 4), OBSERVED).findings[0],
            "4 of 100 cases have no answer that could be scored",
        ),
        (
            judge(Counts(0, 0, 1), OBSERVED).findings[0],
            "1 of 1 case has no answer that could be scored",
        ),
    ],
    ids=lambda value: value.kind.value if isinstance(value, Finding) else "",
)
def test_a_finding_in_words(found: Finding, words: str) -> None:
    assert reason(found) == words
