"""The stricter of two policies: it passes nothing that either would not, and a looser one never judges harder."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_modelroute.judgement.gate import SEVERITY, Counts, Verdict, judge
from pytest_modelroute.judgement.stricter import stricter
from pytest_modelroute.registry.model import Correction, GatePolicy, Rule

SHARES = st.floats(0, 0.99)


@st.composite
def policies(draw: st.DrawFn) -> GatePolicy:
    rule = draw(st.sampled_from(Rule))
    return GatePolicy(
        max_error=draw(SHARES),
        rule=rule,
        min_cases=draw(st.integers(1, 150)),
        max_regression=draw(st.none() | SHARES),
        correction=draw(st.sampled_from(Correction)) if rule is Rule.CERTIFIED else Correction.NONE,
    )


# Judging may have to find how many cases would decide.
slow = settings(max_examples=60, deadline=None)

COUNTS = st.builds(Counts, st.integers(0, 200), st.integers(0, 60), st.sampled_from([0, 0, 0, 1]))


@slow
@given(one=policies(), other=policies(), counts=COUNTS)
@example(  # 40 right ones certify 8 %, and are too few for the rule that this replaces
    one=GatePolicy(0.08, Rule.OBSERVED, 100), other=GatePolicy(0.08, Rule.CERTIFIED, 100), counts=Counts(40, 0, 0)
)
def test_it_passes_nothing_that_either_fails_or_leaves_undecided(
    one: GatePolicy, other: GatePolicy, counts: Counts
) -> None:
    if judge(counts, stricter(one, other)).verdict is Verdict.PASS:
        assert {judge(counts, policy).verdict for policy in (one, other)} == {Verdict.PASS}


@slow
@given(one=policies(), other=policies(), counts=COUNTS)
def test_under_one_rule_it_is_never_milder_than_either(one: GatePolicy, other: GatePolicy, counts: Counts) -> None:
    if one.rule is other.rule:
        both = SEVERITY.index(judge(counts, stricter(one, other)).verdict)
        assert both >= max(SEVERITY.index(judge(counts, policy).verdict) for policy in (one, other))


@settings(deadline=None)
@given(one=policies(), other=policies(), third=policies())
def test_it_is_the_same_in_any_order_and_with_itself(one: GatePolicy, other: GatePolicy, third: GatePolicy) -> None:
    assert stricter(one, one) == one
    assert stricter(one, other) == stricter(other, one)
    assert stricter(stricter(one, other), third) == stricter(one, stricter(other, third))


@settings(deadline=None)
@given(one=policies(), other=policies())
def test_it_asks_at_least_what_each_part_of_either_asks(one: GatePolicy, other: GatePolicy) -> None:
    both = stricter(one, other)
    for policy in (one, other):
        assert both.max_error <= policy.max_error
        assert both.min_cases >= policy.min_cases
        assert policy.rule is Rule.OBSERVED or both.rule is Rule.CERTIFIED
        assert policy.correction is Correction.NONE or both.correction is Correction.HOLM
        if policy.max_regression is not None:
            assert both.max_regression is not None
            assert both.max_regression <= policy.max_regression
