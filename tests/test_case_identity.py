"""Which golden cases of base and head are the same: what they ask tells, and no id hides what a change broke."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_modelroute.evaluation.golden import ABSENT, GoldenCase
from pytest_modelroute.evaluation.identity import known_before, one_key_a_question

from .guarded import DISGUISES, Edit, acknowledge, both, entries, golden, is_hard, lenient
from .projects import Project, git
from .test_cli_cassettes import cassettes
from .test_gate import report, task
from .test_paired_gate import declare

BASE = "--modelroute-base=main"


@pytest.mark.parametrize("name", DISGUISES)
def test_a_downgrade_is_held_to_its_margin_whatever_the_ids_are(repository: Project, name: str) -> None:
    declare(repository, "gate: {max_error: 0.5, max_regression: 0.03}")
    repository.move("classify", "nano")
    DISGUISES[name](repository)
    found = task(report(repository, BASE, status=1), "classify")
    assert found["verdict"] == "fail"
    paired = found["paired"]
    assert (paired["cases"], paired["wrong"], len(paired["broke"]), paired["fixed"]) == (120, 3, 27, [])
    assert found["reasons"][-1].startswith("against large on 120 cases: +22.5 points")
    assert found["reasons"][-1].endswith(", at most 3 points allowed")


@pytest.mark.parametrize("name", DISGUISES)
def test_a_good_downgrade_passes_whatever_the_ids_are(repository: Project, name: str) -> None:
    declare(repository, "gate: {max_regression: 0.03}")
    repository.move("classify", "small")
    DISGUISES[name](repository)
    found = task(report(repository, BASE, status=0), "classify")
    assert (found["verdict"], found["paired"]["cases"], len(found["paired"]["broke"])) == ("pass", 120, 3)


def test_a_case_that_asks_the_same_and_expects_less_hides_nothing_that_broke(repository: Project) -> None:
    declare(repository, "gate: {max_error: 0.5, max_regression: 0.03}")
    repository.move("classify", "nano")
    golden(lenient)(repository)
    found = task(report(repository, BASE, status=1), "classify")
    assert (found["paired"]["cases"], len(found["paired"]["broke"]), found["paired"]["fixed"]) == (120, 27, [])


@pytest.mark.parametrize(("new", "told"), [(1, "1 new case is not compared"), (7, "7 new cases are not compared")])
def test_new_cases_are_told_of_as_not_compared(repository: Project, new: int, told: str) -> None:
    declare(repository, "gate: {max_regression: 0.03}")
    cases = repository.golden("classify")
    repository.write_golden("classify", cases[new:])
    git(repository.folder, "commit", "-qam", "fewer")
    git(repository.folder, "branch", "-f", "main")
    repository.move("classify", "small")
    repository.write_golden("classify", cases)
    read = report(repository, BASE, status=0)
    found = task(read, "classify")
    assert found["reasons"][-1].endswith(f", at most 3 points allowed; {told}")
    assert (found["paired"]["cases"], found["paired"]["unpaired"]) == (120 - new, new)
    assert task(report(repository, BASE, "-n2", status=0), "classify") == found


def test_a_dataset_of_nothing_but_new_cases_is_compared_with_nothing(repository: Project) -> None:
    declare(repository, "gate: {max_regression: 0.03}")
    cases = repository.golden("classify")
    repository.write_golden("classify", cases[:60])
    git(repository.folder, "commit", "-qam", "fewer")
    git(repository.folder, "branch", "-f", "main")
    repository.move("classify", "small")
    repository.write_golden("classify", cases[60:])
    found = task(report(repository, BASE, status=1), "classify")
    assert (found["verdict"], found["paired"]) == ("error", None)
    assert "60 cases have no answer of large to compare with" in found["reasons"]


def test_a_relabelled_case_is_compared_by_what_it_expects_now_under_whatever_id(repository: Project) -> None:
    declare(repository, "gate: {max_error: 0.5, max_regression: 0.5}")
    repository.move("classify", "small")
    for name in ("message-020", "again"):  # large says so too: 20 is right for it, and wrong for small
        cases = repository.golden("classify")
        cases[19] = {**cases[19], "id": name, "expected": {"label": "refund"}}
        repository.write_golden("classify", cases)
        paired = task(report(repository, BASE, status=1), "classify")["paired"]
        assert (paired["cases"], paired["unpaired"]) == (120, 0)
        assert (paired["broke"], paired["fixed"]) == (["message-060", "message-100"], [name])


def test_edited_cases_are_not_left_out_of_the_comparison_acknowledged_or_not(repository: Project) -> None:
    declare(repository, "gate: {max_error: 0.5, max_regression: 0.03}")
    repository.move("classify", "nano")
    cases = repository.golden("classify")
    hard = [{**case, "input": {"text": case["input"]["text"].title()}} if is_hard(case) else case for case in cases]
    repository.write_golden("classify", hard)
    assert repository.record_more() == 30
    done = repository.pytest("--modelroute", BASE)
    acknowledge(repository, entries(done.stdout))
    found = task(report(repository, BASE, status=1), "classify")
    assert (found["verdict"], found["paired"]["cases"], found["paired"]["unanswered"]) == ("error", 90, 30)
    assert "30 cases have no answer of large to compare with" in found["reasons"]
    assert found["way_out"].startswith(
        "pytest --modelroute --modelroute-record=new_episodes --modelroute-record-tiers=large"
    )
    assert repository.record_more("--modelroute-record-tiers=large") == 30
    found = task(report(repository, BASE, status=1), "classify")
    assert (found["paired"]["cases"], len(found["paired"]["broke"])) == (120, 27)
    assert any(
        each.startswith("against large on 120 cases: +22.5 points") and each.endswith("at most 3 points allowed")
        for each in found["reasons"]
    )


def easy_or_hard(project: Project, number: int) -> None:
    """A base of so many cases, 30 of which nano gets wrong, whose limit is 30 %."""
    declare(project, "gate: {max_error: 0.3}")
    cases = sorted(project.golden("classify"), key=lambda case: not is_hard(case))
    project.write_golden("classify", cases[:number])
    git(project.folder, "commit", "-qam", "fewer")
    git(project.folder, "branch", "-f", "main")
    project.move("classify", "nano")
    project.write_golden("classify", cases)


def easy_first(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first 60, which the base has, under new ids, and the others under theirs."""
    ids = [case["id"] for case in cases]
    return [
        {**case, "id": name}
        for case, name in zip(cases, [*(f"new {each}" for each in ids[:60]), *ids[:60]], strict=True)
    ]


DILUTIONS: dict[str, Edit] = {
    "under ids of their own": both(),
    "under the ids of the base's": golden(easy_first),
}


@pytest.mark.parametrize("name", DILUTIONS)
def test_easy_new_cases_do_not_count_as_the_base_s_own(repository: Project, name: str) -> None:
    easy_or_hard(repository, 60)
    DILUTIONS[name](repository)
    read = report(repository, BASE, status=1)
    assert [change["kind"] for change in read["changes"]] == ["downgrade"]
    found = task(read, "classify")
    assert found["reasons"][0].startswith("30 wrong of 120: 25 %")
    assert found["reasons"][1].startswith("on the base's own cases: 30 wrong of 60: 50 %")


def test_an_edited_case_still_counts_as_the_base_s_own(repository: Project) -> None:
    repository.move("classify", "small")
    cases = repository.golden("classify")
    repository.write_golden("classify", [*cases[:-1], {**cases[-1], "input": {"text": "another message 120"}}])
    assert repository.record_more() == 1
    read = report(repository, BASE, status=1)
    assert [change["kind"] for change in read["changes"]] == ["downgrade", "golden_changed"]
    assert any(each.startswith("on the base's own cases: 6 wrong of 120") for each in task(read, "classify")["reasons"])


def test_one_question_in_another_spelling_counts_once(repository: Project) -> None:
    """A prompt renders `1` and `1.0` as different requests."""
    repository.replace("{{ input.text }}", "{{ input.n }} {{ input.text }}", "prompts/classify.yaml")
    cases = [{**case, "input": {"n": 1, **case["input"]}} for case in repository.golden("classify")]
    cases = sorted(cases, key=lambda case: not is_hard(case))[:60]
    repository.write_golden("classify", cases)
    repository.record_more("--modelroute-record-tiers=all")
    git(repository.folder, "add", "-A")
    declare(repository, "gate: {max_error: 0.4, max_regression: 0.42}")
    repository.move("classify", "nano")
    again = [
        {**case, "id": f"{case['id']} again", "input": {**case["input"], "n": 1.0}}
        for case in cases
        if not is_hard(case)
    ]
    repository.write_golden("classify", [*cases, *again])
    assert repository.record_more() == 30
    found = task(report(repository, BASE, status=1), "classify")
    assert found["reasons"][0].startswith("30 wrong of 90")
    assert found["reasons"][1].startswith("on the base's own cases: 30 wrong of 60: 50 %")
    assert (found["paired"]["cases"], len(found["paired"]["broke"])) == (60, 27)


def test_prune_keeps_what_the_base_asks_whatever_the_ids_are(repository: Project) -> None:
    DISGUISES["ids that rotate"](repository)
    cases = repository.golden("classify")
    repository.write_golden("classify", [{**cases[0], "input": {"text": "another message"}}, *cases[2:]])
    assert cassettes(repository, "prune", "--dry-run", "--base", "main").stdout == "nothing to prune\n"
    assert "2 of 120 interactions would be removed" in cassettes(repository, "prune", "--dry-run").stdout


def case(name: str, asked: object, expected: object = ABSENT) -> GoldenCase:
    return GoldenCase(name, {"asked": asked}, expected, (), 1)


def test_content_is_canonical_and_an_expectation_of_null_is_one() -> None:
    assert case("a", 1, "x").content == case("b", 1.0, "x").content
    assert len({each.content for each in (case("a", 1), case("a", 1, None), case("a", True), case("a", "1"))}) == 4
    assert case("a", 1).question == case("b", 1.0, "y").question
    assert json.loads(case("a", 1).question) == {"asked": 1}


def test_of_several_that_ask_the_same_the_one_of_the_same_id_answers() -> None:
    base = (case("a", 1, "x"), case("b", 1.0, "y"), case("c", 2, "z"))
    head = (case("b", 1, "y"), case("c", 3, "z"), case("d", 1, "new"), case("e", 4, "z"))
    assert [(each.id, repr(each.input["asked"]), each.expected) for each in known_before(base, head)] == [
        ("b", "1.0", "y"),
        ("c", "3", "z"),  # edited
        ("d", "1", "new"),
    ]


def test_what_the_base_knows_is_what_it_asks_and_what_was_edited() -> None:
    base = (case("a", 1, "x"), case("b", 2, "y"), case("c", 3, "z"))
    head = (case("new", 1, "x"), case("a", 8, "easy"), case("b", 9, "y"), case("other", 3, "looser"))
    assert [each.id for each in known_before(base, head)] == ["new", "b", "other"]


def test_cases_that_ask_the_same_have_one_key() -> None:
    cases = (case("a", 1), case("b", 2), case("c", 1.0))
    assert one_key_a_question(["k1", "k2", "k3"], cases) == ["k1", "k2", "k1"]
