"""`modelroute cost`, as it is typed."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from datetime import date
from typing import Any
from unittest import mock

import pytest

from .projects import Project
from .retold import bodies, sure
from .test_cli_cassettes import fine, refused, run_here

PRICE = "price: {input: 2.0, output: 8.0, as_of: 2026-11-21}"  # of small
CALLS = ("--calls", "classify=30000/month", "reply=1000/day")


@pytest.fixture(autouse=True)
def today() -> Iterator[None]:
    """The day of the template's prices."""
    with mock.patch("pytest_modelroute.cli.cost.date", wraps=date) as calendar:
        calendar.today.return_value = date(2026, 11, 21)
        yield


def cost(project: Project, *arguments: str) -> str:
    return fine(run_here(project, "cost", *arguments))


def rows(output: str) -> dict[str, list[str]]:
    """The table's rows by their first cell."""
    table = output.split("\n\n")[1]
    return {cells[0]: cells[1:] for cells in (re.split(r"  +", line) for line in table.splitlines())}


def read_json(project: Project, *arguments: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(cost(project, "--json", *arguments))
    assert read["format"] == 1
    return read


def test_a_month_by_the_recorded_tokens(project: Project) -> None:
    """10 tokens in and 5 out: 30, 60 and 120 USD for a million calls of nano, small and large."""
    output = cost(project, *CALLS)
    assert output.startswith("USD a month of 30 days, by the mean tokens of the recorded answers\n\n")
    assert rows(output) == {
        "task": ["tier", "calls", "all nano", "all large", "as routed", "with escalation"],
        "classify": ["large", "30,000", "0.900", "3.60", "3.60", "3.60"],
        "reply": ["small", "30,000", "0.900", "3.60", "1.80", "1.80"],
        "draft_email": ["large", "-", "-", "-", "-", "-"],
        "2 tasks known in all": ["1.80", "7.20", "5.40", "5.40"],
    }
    assert "\ndraft_email: it is not gated, and nothing is recorded: `golden:` and `prompt:` at modelroute" in output
    prices = "nano 1.00/4.00, small 2.00/8.00, large 4.00/16.00, as of 2026-11-21"
    assert output.endswith(f"\nUSD per million tokens in/out: {prices}\n")


def test_without_volumes_a_thousand_calls_of_each(project: Project) -> None:
    output = cost(project)
    assert output.startswith(
        "USD for 1,000 calls of each task, by the mean tokens of the recorded answers (a month: --"
    )
    assert rows(output)["reply"] == ["small", "1,000", "0.0300", "0.120", "0.0600", "0.0600"]
    assert rows(output)["draft_email"][1] == "1,000"


def test_a_task_without_a_volume_beside_others_is_not_summed(project: Project) -> None:
    output = cost(project, "--calls", "reply=0/day")
    assert rows(output)["classify"] == ["large", "-", "-", "-", "-", "-"]
    assert rows(output)["1 task known in all"] == ["0.00", "0.00", "0.00", "0.00"]
    assert "\nclassify: its calls are not told (--calls classify=N/month)\n" in output


def test_both_calls_of_an_escalated_case_are_paid(project: Project) -> None:
    project.move("classify", "small")
    project.replace("    tier: small\n", "    tier: small\n    escalate: {to: large, below: 0.5}\n")
    sure(project, "small", lambda number: 0.4 if number % 10 == 0 else 0.9)
    output = cost(project, "--calls", "classify=1000000/month")
    # 60 USD, and 120 for a tenth of them.
    assert rows(output)["classify"] == ["small, then large", "1,000,000", "30.00", "120.00", "60.00", "72.00"]
    assert "\nclassify: 10 % of 120 answers escalated, and both calls are paid\n" in output
    (task, *_) = read_json(project, "--calls", "classify=1000000/month")["tasks"]
    assert task["usd"] == pytest.approx({"cheapest": 30, "dearest": 120, "routed": 60, "escalated": 72})
    assert (task["tier"], task["escalates_to"], task["call"]["escalated"]["escalated"]) == ("small", "large", 0.1)
    # One in ten is asked of large too, which is a tenth more tokens.
    assert (task["call"]["escalated"]["input_tokens"], task["call"]["routed"]["input_tokens"]) == (11, 10)


def test_without_the_dear_answers_an_escalation_has_no_cost(project: Project) -> None:
    project.move("classify", "small")
    project.replace("    tier: small\n", "    tier: small\n    escalate: {to: large, below: 1.0}\n")
    bodies(project, "large", lambda number, body: None if number == 7 else body)
    output = cost(project)
    assert rows(output)["classify"] == ["small, then large", "1,000", "0.0300", "0.120", "0.0600", "-"]
    assert "\nclassify: 1 of 120 cases lack an answer of small or large: pytest --modelroute --modelroute-rec" in output
    assert "\nclassify on large: the mean of 119 of 120 answers\n" in output


def test_batch_prices_where_they_are_told(project: Project) -> None:
    project.replace(PRICE, PRICE.replace("8.0,", "8.0, batch_input: 1.0, batch_output: 4.0,"))
    output = cost(project, "--batch")
    assert ", at batch prices (a month" in output
    assert rows(output)["reply"] == ["small", "1,000", "-", "-", "0.0300", "0.0300"]
    assert "\nreply: nano has no batch price: `batch_input` and `batch_output` for the tier at modelroute" in output
    assert output.endswith("in/out: nano -/-, small 1.00/4.00, large -/-, as of 2026-11-21\n")


UNKNOWN = {
    "nothing recorded": (
        lambda project: shutil.rmtree(project.folder / "cassettes/reply"),
        "reply: small has no answer that can be scored: pytest --modelroute --modelroute-record=new_episodes"
        ' "modelroute.yaml::reply"',
    ),
    "no price": (
        lambda project: project.replace(f", {PRICE}", ""),
        "reply: small has no price: `price: {input, output, as_of}` for the tier at modelroute.yaml:4",
    ),
    "half a price": (
        lambda project: project.replace("output: 8.0, ", ""),
        "reply: small has no price: `price: {input, output, as_of}` for the tier at modelroute.yaml:4",
    ),
    "no tokens": (
        lambda project: bodies(project, "small", lambda number, body: {**body, "usage": None}, "reply"),
        "reply: some answers of small do not tell their tokens",
    ),
    "a cache that is written to": (
        lambda project: bodies(
            project,
            "small",
            lambda number, body: {**body, "usage": {**body["usage"], "cache_creation_input_tokens": 7}},
            "reply",
        ),
        "reply: it writes to a cache, and small has no price for that: `cache_write` in the price of the tier at mod",
    ),
}


@pytest.mark.parametrize(("edit", "told"), UNKNOWN.values(), ids=UNKNOWN)
def test_what_is_not_known_is_a_dash_with_the_reason(project: Project, edit: Any, told: str) -> None:
    edit(project)
    output = cost(project, *CALLS)
    assert f"\n{told}" in output
    assert rows(output)["reply"][4:] == ["-", "-"]
    read = read_json(project, *CALLS)
    reply = next(task for task in read["tasks"] if task["task"] == "reply")
    assert reply["usd"]["routed"] is None
    assert reply["call"]["routed"]["unknown"] is not None
    assert read["total"]["tasks"] == ["classify"]


def test_a_cache_costs_what_the_registry_says(project: Project) -> None:
    project.replace(PRICE, PRICE.replace("8.0,", "8.0, cache_read: 0.2, cache_write: 2.5,"))
    usage = {"input_tokens": 10, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 40, "output_tokens": 5}
    bodies(project, "small", lambda number, body: {**body, "usage": usage}, "reply")
    # 10 x 2 + 100 x 0.2 + 40 x 2.5 + 5 x 8
    assert rows(cost(project, "--calls", "reply=1000000/month"))["reply"][4] == "180.00"


def test_the_age_of_prices(project: Project) -> None:
    project.replace("as_of: 2026-11-21", "as_of: 2026-08-01")
    done = run_here(project, "cost")
    assert "nano 1.00/4.00 (as of 2026-08-01), small 2.00/8.00 (as of 2026-11-21)" in done.stdout
    assert done.stdout.endswith("; they are of different days\n")
    told = "modelroute.yaml:3: the price of nano is 112 days old (as of 2026-08-01): look it up again"
    assert done.stderr == f"warning: {told}\n"
    prices = json.loads(run_here(project, "cost", "--json").stdout)["prices"]
    assert [price["age_days"] for price in prices] == [112, 0, 0]
    project.replace(", as_of: 2026-11-21", "")
    project.replace(", as_of: 2026-11-21", "")
    assert "large 4.00/16.00 (as of no day); they are" in run_here(project, "cost").stdout
    project.replace(", as_of: 2026-08-01", "")
    assert cost(project).endswith("large 4.00/16.00, of no known day\n")


@pytest.mark.parametrize(
    ("calls", "told"),
    [
        (["classify"], "--calls: 'classify' is no number of calls\n  valid: TASK=30000/month or TASK=1000/day"),
        (["classify=30000"], "is no number of calls"),
        (["classify=-1/day"], "is no number of calls"),
        (["classify=1.5/day"], "is no number of calls"),
        (["classify=1000/week"], "is no number of calls"),
        (["classify=\u0665/day"], "is no number of calls"),
        (["classify=" + "9" * 5000 + "/day"], "is no number of calls"),
        (["clasify=1/day"], "--calls: unknown task 'clasify'\n  valid: did you mean 'classify'?"),
        (["classify=1/day", "classify=31/month"], "--calls: two numbers of calls for the task 'classify'"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else "",
)
def test_calls_that_are_none(project: Project, calls: list[str], told: str) -> None:
    assert told in refused(run_here(project, "cost", "--calls", *calls))


def test_help_tells_of_every_option(project: Project) -> None:
    output = cost(project, "--help")
    for word in ("--calls", "--batch", "--json", "--registry", "--rootdir", "4 broken input"):
        assert word in output
