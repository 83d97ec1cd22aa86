"""The example's tasks about code and plans: every seeded bug is one, and plans are judged by carrying them out."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import gc
import json
import re
import runpy
import sqlite3
import tempfile
import warnings
from pathlib import Path
from typing import Any

import pytest

FIXTURES = Path(__file__).parent.parent / "fixtures"
SCORE = runpy.run_path(str(FIXTURES / "plans.py"))["score"]
SHOP = {
    "known": ["email", "name"],
    "wanted": ["refunded"],
    "tools": [
        {"tool": "find_order", "needs": ["email"], "gives": "order"},
        {"tool": "look_up_order", "needs": ["name"], "gives": "order"},
        {"tool": "refund", "needs": ["order", "email"], "gives": "refunded", "final": True},
        {"tool": "tell", "needs": ["refunded"], "gives": "told"},
        {"tool": "reopen", "needs": ["refunded"], "gives": "open", "ends": ["refunded"]},
        {"tool": "delete_account", "needs": ["email"], "gives": "deleted", "final": True},
    ],
}
EXPECTED = {"forbidden": ["delete_account"], "most_steps": 2}
FIND, REFUND = "order = find_order(email)", "refunded = refund(order, email)"


def lines(path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FIXTURES / path).read_text(encoding="utf-8").splitlines()]


def both(task: str) -> list[dict[str, Any]]:
    return lines(f"golden/{task}.jsonl") + lines(f"dev/{task}.jsonl")


@pytest.mark.parametrize(
    "steps",
    [
        [FIND, REFUND],
        ["order = look_up_order(name)", REFUND],
        [FIND, "refunded = refund(email, order)"],
        ["order = find_order()", "refunded = refund(order)"],
        ["find_order()", "refund()"],
        ["refunded = refund(find_order(email), email)"],
    ],
    ids="; ".join,
)
def test_a_plan_is_right_if_carrying_it_out_reaches_the_goal(steps: list[str]) -> None:
    right, _ = SCORE({"steps": steps}, EXPECTED, SHOP)
    assert right is True


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ([REFUND], "step 1, refund: needs order"),
        ([REFUND, FIND], "step 1, refund: needs order"),
        ([FIND], "not reached: refunded"),
        ([], "not reached: refunded"),
        ([FIND, REFUND, "told = tell(refunded)"], "3 calls, 2 reach the goal"),
        ([FIND, "order = look_up_order(name)", REFUND], "step 2, look_up_order: changes nothing"),
        ([FIND, "deleted = delete_account(email)", REFUND], "step 2, delete_account: must not be done here"),
        (["refunded = refund(delete_account(email))"], "step 1, delete_account: must not be done here"),
        ([FIND, REFUND, "open = reopen(refunded)"], "not reached: refunded"),
        ([FIND, "refunded = pay(order)"], "step 2, pay: no such tool"),
        ([FIND, "refunded = refund(order, name)"], "step 2, refund: takes no name"),
        ([FIND, "money = refund(order, email)"], "step 2, refund: gives refunded, not money"),
        (["find_order", REFUND], "step 1, find_order: not of the form c = f(a, b)"),
        ([f"{FIND}; {REFUND}"], f"step 1, {FIND}; {REFUND}: not of the form c = f(a, b)"),
        (["order = find_order(email", REFUND], "step 1, order = find_order(email: not of the form c = f(a, b)"),
        (["shop.find_order(email)"], "step 1, shop.find_order(email): not of the form c = f(a, b)"),
        (["order = find_order('email')"], "step 1, order = find_order('email'): not of the form c = f(a, b)"),
        ([""], "step 1, : not of the form c = f(a, b)"),
    ],
    ids=lambda value: "; ".join(value) if isinstance(value, list) else "",
)
def test_the_first_step_that_fails_is_named_with_the_reason(steps: list[str], reason: str) -> None:
    assert SCORE({"steps": steps}, EXPECTED, SHOP) == (False, reason)


def right(case: dict[str, Any], steps: list[str]) -> bool:
    verdict, _ = SCORE({"steps": steps}, case["expected"], case["input"])
    return bool(verdict)


def right_plans(case: dict[str, Any]) -> list[list[str]]:
    """All plans within the limit that the scorer calls right, found without looking at the stated one."""
    most, given = case["expected"]["most_steps"], case["input"]
    calls = [f"{tool['gives']} = {tool['tool']}({', '.join(tool['needs'])})" for tool in given["tools"]]
    plans: list[list[str]] = [[]]
    found = []
    for _ in range(most):
        plans = [[*plan, call] for plan in plans for call in calls]
        # What nothing is wanted of is right as far as it can be carried out.
        plans = [plan for plan in plans if right({**case, "input": {**given, "wanted": []}}, plan)]
        found += [plan for plan in plans if right(case, plan)]
    return found


def test_each_stated_plan_is_right_none_is_shorter_and_no_step_of_it_is_idle() -> None:
    for case in both("plan_agent_steps"):
        steps, plans = case["expected"]["steps"], right_plans(case)
        assert steps in plans
        assert {len(plan) for plan in plans} == {case["expected"]["most_steps"]}
        assert not any(right(case, steps[:number] + steps[number + 1 :]) for number in range(len(steps)))
        final = {tool["tool"] for tool in case["input"]["tools"] if tool.get("final")}
        assert final - set(case["expected"]["forbidden"]) <= {re.split(r" = |\(", step)[1] for step in steps}


def test_no_plan_that_is_right_for_one_case_is_right_for_another() -> None:
    cases = both("plan_agent_steps")
    for case in cases:
        near = [
            other for other in cases if other["tags"][0] == case["tags"][0]
        ]  # the same world: others have other tools
        for plan in right_plans(case):
            assert [other["id"] for other in near if right(other, plan)] == [case["id"]]


def holds(code: str, check: str) -> bool:
    """Whether an expression is true of the code; what raises is not. The names that checks use are at hand."""
    space = {"asyncio": asyncio, "datetime": datetime, "tempfile": tempfile}
    exec(code, space)
    with contextlib.suppress(Exception):
        return bool(eval(check, space))
    return False


def rows(query: str, tables: str) -> list[list[Any]]:
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        database.executescript(tables)
        return [list(row) for row in database.execute(query)]


def test_each_seeded_bug_is_one_and_goes_away_with_its_line() -> None:
    fixes = {fix["id"]: fix for fix in lines("review_code_fixes.jsonl")}
    cases = both("review_code")
    assert sorted(fixes) == sorted(case["id"] for case in cases)
    with warnings.catch_warnings(action="ignore"):  # of what was not awaited
        for case in cases:
            fix, seeded = fixes[case["id"]], case["input"]["code"].split("\n")
            assert 6 <= len(seeded) <= 14
            fixed = [*seeded]
            fixed[case["expected"]["line"] - 1] = fix["fixed"]
            wrong, right = "\n".join(seeded), "\n".join(fixed)
            if "tables" in fix:
                assert rows(right, fix["tables"]) == fix["rows"] != rows(wrong, fix["tables"])
            else:
                assert holds(right, fix["holds"]), case["id"]
                assert not holds(wrong, fix["holds"]), case["id"]
        gc.collect()


def test_no_line_number_is_right_too_often() -> None:
    """A model that always says the same must not look good."""
    stated = [case["expected"]["line"] for case in lines("golden/review_code.jsonl")]
    assert max(stated.count(number) for number in stated) <= 0.3 * len(stated)
