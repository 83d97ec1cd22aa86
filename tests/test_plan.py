"""What a recording tells before it pays, and where it stops: plans, prices, caps, and how many calls at once."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_modelroute.cassettes.calls import Call, OwnRun
from pytest_modelroute.evaluation.planning import Basis, Need, PlannedCall, estimate

from . import interactions as recorded
from .interactions import interaction
from .live import Forks, interactions, live_project
from .messages_server import MessagesServer, Reply, message
from .projects import Project, answer

NEW = "--modelroute-record=new_episodes"
DRY = "--modelroute-dry-run"


def metered(body: dict[str, Any], number: int) -> Reply:
    """Answers whose usage varies with the case, from 1000 in and 100 out."""
    case = int(re.findall(r"\d+", body["messages"][-1]["content"])[-1])
    reply = answer(body, number)
    usage = {"input_tokens": 1000 + 100 * case, "output_tokens": 100 + 30 * case}
    reply.body = json.dumps({**json.loads(reply.body), "usage": usage}).encode()
    return reply


def plan(text: str, task: str = "classify") -> dict[str, str]:
    """The parts of a task's plan."""
    found = re.search(
        rf"  {task} on (?P<tier>\w+) \((?P<model>[\w.-]+)\): (?P<calls>\d+) calls? \((?P<needs>.*?)\) to (?P<host>\S+),"
        r" (?P<tokens>.*?), (?:[\d.]+ USD|price unknown|cost unknown), (?P<time>.*)\n.*estimated from (?P<basis>.*)\n",
        text,
    )
    assert found, text
    return found.groupdict()


def spent(text: str) -> tuple[float, float]:
    """What was spent, and what was planned."""
    found = re.search(r"answers for ([\d.]+) USD, planned ([\d.]+),", text)
    assert found, text
    return float(found[1]), float(found[2])


def folder_state(project: Project) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in project.folder.rglob("*") if path.is_file()}


# Estimates by themselves.


def planned(case: str = "case", *, own: bool = False, text: str = "x" * 400, most: int = 64) -> PlannedCall:
    run = OwnRun(lambda: None, lambda turn: f"key {turn}", ()) if own else None
    arguments = {} if own else {"max_tokens": most, "messages": [{"role": "user", "content": text}]}
    return PlannedCall(Call("task", case, 0, "key", arguments, run), Need.MISSING)


def used(case: str, number: int, tokens: int, latency: int | None = 100, sample: int = 0) -> Any:
    body = recorded.message("yes", usage={"input_tokens": tokens, "output_tokens": tokens // 10})
    return interaction(case, number, body, latency_ms=latency, sample=sample)


def test_answers_of_the_same_tier_tell_most() -> None:
    cassette = recorded.cassette([used("a", 1, 100), used("b", 2, 300, 300)])
    other = recorded.cassette([used("a", 1, 9000)])
    found = estimate([planned()], cassette, [other], lambda arguments: 1)
    assert (found.input_tokens, found.output_tokens, found.latency_ms, found.basis) == (200, 20, 200, Basis.RECORDED)


def test_two_prompts_of_one_case_are_two_answers_and_two_calls_of_a_function_are_one() -> None:
    """A cassette keeps what the base needs beside what the head needs."""
    cassette = recorded.cassette([used("a", 1, 100), used("a", 2, 300)])
    assert estimate([planned()], cassette, [], lambda arguments: 1).input_tokens == 200
    assert estimate([planned(own=True)], cassette, [], lambda arguments: 1).input_tokens == 400
    samples = recorded.cassette([used("a", 1, 100), used("a", 2, 300, sample=1)])
    assert estimate([planned(own=True)], samples, [], lambda arguments: 1).input_tokens == 200


def test_another_tier_tells_tokens_and_no_times() -> None:
    nothing = recorded.cassette([interaction("a", 1, recorded.message("no usage"))])
    others = [recorded.cassette([]), recorded.cassette([used("a", 1, 100)])]
    found = estimate([planned()], nothing, others, lambda arguments: 1)
    assert (found.input_tokens, found.latency_ms, found.basis) == (100, None, Basis.OTHER_TIER)


def test_without_recordings_tokens_are_counted_or_guessed_and_output_is_what_is_allowed() -> None:
    empty = recorded.cassette([])
    calls = [planned(most=most) for most in (10, 20, 30)]
    counted = estimate(calls, empty, [], lambda arguments: 77)
    assert (counted.input_tokens, counted.output_tokens, counted.basis) == (77, 20, Basis.COUNTED)
    guessed = estimate(calls, empty, [], lambda arguments: None)
    assert guessed.basis is Basis.LENGTH
    assert guessed.input_tokens is not None
    assert 100 <= guessed.input_tokens <= 130
    unknown = estimate([planned(own=True)], empty, [], lambda arguments: 77)
    assert (unknown.input_tokens, unknown.output_tokens, unknown.basis) == (None, None, Basis.UNKNOWN)


def test_few_requests_are_counted_of_many() -> None:
    asked: list[object] = []

    def counted(arguments: object) -> int:
        asked.append(arguments)
        return 5

    estimate([planned() for _ in range(1000)], recorded.cassette([]), [], counted)
    assert len(asked) <= 5


# End to end.


def test_the_plan_of_a_new_recording_and_of_one_that_is_repeated(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(metered) as server:
        project = live_project(tmp_path, server, 10, only="classify")
        before = folder_state(project)
        dry = forks.run(project, NEW, DRY, "-W", "error")  # not even a socket is left open
        assert dry.returncode == 0, dry.output
        assert (server.requests, len(server.counted)) == ([], 5)
        assert folder_state(project) == before
        first = plan(dry.stdout)
        assert (first["tier"], first["model"], first["calls"], first["needs"]) == (
            "large",
            "large-1",
            "10",
            "10 missing",
        )
        assert first["host"] == server.url.removeprefix("http://")
        assert first["basis"] == "counted tokens, output at most max_tokens"
        assert first["tokens"].endswith("640 out")

        assert forks.record(project).returncode == 0
        again = forks.record(project, "--modelroute-record=all")
        assert again.returncode == 0, again.output
        told = plan(again.stdout)
        assert (told["needs"], told["basis"]) == ("10 again", "recorded answers")
        assert told["tokens"] == "15,500 tokens in, 2,650 out"
        real, expected = spent(again.stdout)
        assert real == pytest.approx(0.1044, abs=0.001)
        assert expected == pytest.approx(real, rel=0.2)

        project.write_golden("classify", [*project.golden("classify"), *project.golden("classify")[:0]])
        cases = project.golden("classify")
        cases[0]["input"] = {"text": "message 30"}
        cases[0]["expected"] = {"label": "refund"}
        project.write_golden("classify", [*cases, {**cases[1], "id": "new", "input": {"text": "message 31"}}])
        mixed = plan(forks.run(project, NEW, DRY).stdout)
        assert mixed["needs"] == "1 missing, 1 stale"
        project.move("classify", "small")
        other = plan(forks.run(project, NEW, DRY).stdout)
        assert (other["tier"], other["basis"]) == ("small", "recorded answers of another tier")


def test_a_part_of_the_cases_foretells_the_rest(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(metered) as server:
        project = live_project(tmp_path, server, 10, only="classify")
        assert forks.record(project, "-k", "message-004 or message-007").returncode == 0
        real, expected = spent(forks.record(project).stdout)
    assert expected == pytest.approx(real, rel=0.2)


def test_without_an_endpoint_that_counts_the_length_tells(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(answer) as server:
        project = live_project(tmp_path, server, only="classify")
    dry = forks.run(project, NEW, DRY)
    assert dry.returncode == 0, dry.output
    assert plan(dry.stdout)["basis"] == "length of the text, output at most max_tokens"


def test_an_unknown_price_is_said_and_no_cap_is_kept_without_one(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(answer) as server:
        project = live_project(tmp_path, server, only="classify")
        project.replace(", price: {input: 4.0, output: 16.0, as_of: 2026-11-21}", "")
        dry = forks.run(project, NEW, DRY)
        assert "price unknown" in dry.stdout
        assert "at least 0.00 USD (a price or a token count is missing)" in dry.stdout
        capped = forks.record(project, "--modelroute-max-usd=100")
        assert capped.returncode == 4
        assert "is not known" in capped.output
        assert server.requests == []
        assert forks.record(project).returncode == 0


def test_a_plan_above_the_cap_is_refused(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(answer) as server:
        project = live_project(tmp_path, server, only="classify")
        done = forks.record(project, "--modelroute-max-usd=0.001")
        assert done.returncode == 4, done.output
        assert "would cost about" in done.output
        assert "above 0.001" in done.output
        assert server.requests == []
        assert interactions(project) == []


def test_a_recording_that_has_spent_its_cap_stops_and_the_next_goes_on(forks: Forks, tmp_path: Path) -> None:
    def dear(body: dict[str, Any], number: int) -> Reply:
        reply = answer(body, number)
        usage = {"input_tokens": 50_000, "output_tokens": 0}  # 0.2 USD
        reply.body = json.dumps({**json.loads(reply.body), "usage": usage}).encode()
        return reply

    with MessagesServer(dear) as server:
        project = live_project(tmp_path, server, 20, only="classify")
        done = forks.record(project, "--modelroute-max-usd=1", "--modelroute-concurrency=2")
        assert done.returncode == 1, done.output
        assert "stopped: --modelroute-max-usd=1.00 is reached" in done.stdout
        kept = len(interactions(project))
        assert 5 <= kept <= 7
        assert len(server.requests) == kept
        assert forks.record(project).returncode == 0
        assert len(server.requests) == 20
        enough = forks.record(project, "--modelroute-record=all", "--modelroute-max-usd=4")
        assert enough.returncode == 0, "the last answer reaches the cap, and nothing is left to stop"


def test_what_is_free_is_under_any_cap(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(answer) as server:
        project = live_project(tmp_path, server, only="classify")
        project.replace("price: {input: 4.0, output: 16.0,", "price: {input: 0, output: 0,")
        done = forks.record(project, "--modelroute-max-usd=0")
        assert done.returncode == 0, done.output
        assert len(interactions(project)) == 5


def test_a_model_that_is_retired_is_warned_about_and_one_that_another_answers_for(forks: Forks, tmp_path: Path) -> None:
    from anthropic.resources.messages.messages import DEPRECATED_MODELS

    model, date = next(iter(DEPRECATED_MODELS.items()))
    with MessagesServer(lambda body, number: message("message 1 2 3", model="other-2")) as server:
        project = live_project(tmp_path, server, 3, only="reply")
        project.replace("model: small-1", f"model: {model}")
        done = forks.record(project)
    assert f"warning: {model} is deprecated; its provider retires it on {date}" in done.stdout
    assert f"warning: small asks for {model}, and other-2 answered" in done.stdout
    assert done.returncode == 0, done.output


def slow(body: dict[str, Any], number: int) -> Reply:
    reply = answer(body, number)
    reply.delay = 0.03
    return reply


def most(server: MessagesServer, chosen: Callable[[str], bool]) -> int:
    return max(each.in_flight for each in server.arrivals if chosen(each.model))


def test_no_more_calls_are_made_at_once_than_asked_for(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(slow) as server:
        project = live_project(tmp_path, server, 20)
        project.replace("model: small-1,", "model: small-1, concurrency: 1,")
        started = time.monotonic()
        assert forks.record(project, "--modelroute-concurrency=3").returncode == 0
        assert time.monotonic() - started < 30
    assert most(server, lambda model: model == "small-1") == 1
    assert most(server, lambda model: model == "large-1") in (2, 3)


def test_a_dry_run_judges_nothing(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(answer) as server:
        project = live_project(tmp_path, server, only="classify")
        done = forks.run(project, NEW, DRY, "--modelroute-try=classify=nano", "--modelroute-record-tiers=all")
        assert done.returncode == 0, done.output
        assert server.requests == []
        assert forks.run(project, "--modelroute-record=all", DRY).returncode == 0
        assert not (project.folder / "cassettes").exists()
    assert "plan: 5 calls" in forks.run(project, NEW, DRY).stdout
