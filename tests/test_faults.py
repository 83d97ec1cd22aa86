"""What goes wrong on the way to an answer: overloads, refusals, failing networks, and answers that are none."""

from __future__ import annotations

import datetime
import email.utils
import json
import re
import signal
import time
import urllib.error
from collections import Counter
from collections.abc import Callable
from email.message import Message
from pathlib import Path
from typing import Any

import httpx2
import pytest

from pytest_modelroute.cassettes.calls import Call
from pytest_modelroute.cassettes.endpoints import (
    IDENTICAL_FAULTS,
    MOST_FAILURES,
    MOST_OVERLOADS,
    Endpoint,
    Job,
)
from pytest_modelroute.cassettes.faults import Fault, FaultKind, fault_of, malformed

from .live import Forks, interactions, live_project, report, results, until
from .messages_server import MessagesServer, Reply, message, overloaded, refused
from .projects import answer

ONE_TASK = "modelroute.yaml::classify"
JSON = "--modelroute-json=report.json"


def case_of(body: dict[str, Any]) -> str:
    return f"message-{int(re.findall(r'[0-9]+', body['messages'][-1]['content'])[-1]):03}"


def turned_away(seconds: str = "0") -> Reply:
    return refused(529, "Overloaded", retry_after=seconds)


# Faults and endpoints by themselves.


def failure(status: int, **headers: str) -> Exception:
    request = httpx2.Request("POST", "http://127.0.0.1/v1/messages")
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.HTTPStatusError("no", request=request, response=httpx2.Response(status, headers=told))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, FaultKind.REFUSED),
        (401, FaultKind.FATAL),
        (402, FaultKind.FATAL),
        (403, FaultKind.FATAL),
        (404, FaultKind.FATAL),
        (408, FaultKind.TRANSIENT),
        (409, FaultKind.TRANSIENT),
        (413, FaultKind.REFUSED),
        (422, FaultKind.REFUSED),
        (429, FaultKind.OVERLOADED),
        (500, FaultKind.OVERLOADED),
        (503, FaultKind.OVERLOADED),
        (529, FaultKind.OVERLOADED),
    ],
)
def test_a_status_decides_what_a_fault_means_whatever_the_client(status: int, kind: FaultKind) -> None:
    assert fault_of(failure(status)).kind is kind
    error = urllib.error.HTTPError("http://127.0.0.1", status, "no", Message(), None)
    assert fault_of(error).kind is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx2.ReadTimeout("slow"), FaultKind.TRANSIENT),
        (httpx2.RemoteProtocolError("cut"), FaultKind.TRANSIENT),
        (ConnectionResetError("reset"), FaultKind.TRANSIENT),
        (TimeoutError("slow"), FaultKind.TRANSIENT),
        (urllib.error.URLError("refused"), FaultKind.TRANSIENT),
        (json.JSONDecodeError("none", "x", 0), FaultKind.TRANSIENT),
        (EOFError("gzip ends early"), FaultKind.TRANSIENT),
        (ValueError("the function's own"), FaultKind.LOCAL),
        (SystemExit(529), FaultKind.LOCAL),
    ],
)
def test_an_error_without_a_status_is_the_network_s_or_the_function_s(error: BaseException, kind: FaultKind) -> None:
    assert fault_of(error).kind is kind


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("2", 2.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("1e9", 300.0),
        ("inf", 300.0),
        ("nan", None),
        ("soon", None),
        ("", None),
        ("Wed, 99 Foo 2026", None),
        ("Sun, 22 Nov 2020 00:00:00 GMT", 0.0),
        ("Sun, 22 Nov 2099 00:00:00 GMT", 300.0),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header: str, seconds: float | None) -> None:
    assert fault_of(failure(429, retry_after=header)).retry_after == seconds


def test_retry_after_as_a_date_is_the_time_until_then() -> None:
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=100)
    for text in (email.utils.format_datetime(until, usegmt=True), until.strftime("%a, %d %b %Y %H:%M:%S -0000")):
        seconds = fault_of(failure(503, retry_after=text)).retry_after
        assert seconds is not None
        assert 60 < seconds <= 100


MALFORMED = {
    "empty": b"",
    "half": b'{"content": [',
    "html": b"<html>200, says the proxy</html>",
    "no message": b'{"ok": true}',
    "list": b"[]",
    "null": b"null",
    "content is text": b'{"content": "yes"}',
    "NaN": b'{"content": [], "n": NaN}',
    "an error as 200": b'{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}',
    "not UTF-8": b'{"content": [{"type": "text", "text": "\xff"}]}',
}


@pytest.mark.parametrize("body", [body for name, body in MALFORMED.items() if name != "not UTF-8"])
def test_a_body_that_is_no_message_is_a_fault(body: bytes) -> None:
    fault = malformed(body.decode())
    assert fault is not None
    assert fault.kind is FaultKind.TRANSIENT
    assert malformed(message("yes").body.decode()) is None


def jobs(number: int) -> list[Job]:
    return [Job(Call("task", f"case {n}", 0, f"key {n}", {}), "tier") for n in range(number)]


def overload(retry_after: float | None = None) -> Fault:
    return Fault(FaultKind.OVERLOADED, "529", retry_after)


def test_an_overload_halves_once_for_all_calls_of_one_window_and_answers_give_it_back() -> None:
    endpoint = Endpoint("e", jobs(200), 8)
    window = [endpoint.take(0.0) for _ in range(8)]
    assert endpoint.ready_at() is None, "eight are on their way"
    for job in window:
        assert endpoint.failed(job, overload(0.0), 1.0)
    assert endpoint.limit == 4
    late = [endpoint.take(2.0) for _ in range(4)]
    assert endpoint.ready_at() is None
    for job in late:
        endpoint.failed(job, overload(0.0), 3.0)
    assert endpoint.limit == 2
    answered = 0
    while endpoint.limit < 8:
        endpoint.take(4.0)
        endpoint.succeeded()
        answered += 1
    assert endpoint.limit == 8
    assert 20 <= answered <= 40, "slower than it fell"


def test_the_limit_never_falls_below_one() -> None:
    endpoint = Endpoint("e", jobs(3), 4)
    for second in range(6):
        endpoint.failed(endpoint.take(second), overload(0.0), second + 0.5)
    assert endpoint.limit == 1
    assert endpoint.ready_at() is not None


def test_an_endpoint_is_left_alone_for_as_long_as_it_asks() -> None:
    endpoint = Endpoint("e", jobs(3), 4)
    first, second = endpoint.take(0.0), endpoint.take(0.0)
    endpoint.failed(first, overload(5.0), 1.0)
    endpoint.failed(second, overload(2.0), 1.0)
    assert endpoint.ready_at() == 6.0, "the longer of two pauses"


def test_without_a_word_from_the_endpoint_pauses_grow_and_an_answer_ends_that() -> None:
    endpoint = Endpoint("e", jobs(3), 4)
    pauses = []
    for second in range(0, 1000, 100):
        endpoint.failed(endpoint.take(second), overload(), second)
        pauses.append((endpoint.ready_at() or 0.0) - second)
    assert all(0.5 * 2**n <= pause <= 2**n for n, pause in enumerate(pauses[:6]))
    assert max(pauses) <= 60
    endpoint.take(2000.0)
    endpoint.succeeded()
    endpoint.failed(endpoint.take(3000.0), overload(), 3000.0)
    assert (endpoint.ready_at() or 0.0) - 3000 <= 1


@pytest.mark.parametrize(
    ("kind", "attempts"),
    [
        (FaultKind.OVERLOADED, MOST_OVERLOADS),
        (FaultKind.TRANSIENT, MOST_FAILURES),
        (FaultKind.REFUSED, 1),
        (FaultKind.LOCAL, 1),
        (FaultKind.FATAL, 1),
    ],
)
def test_how_often_a_call_is_tried(kind: FaultKind, attempts: int) -> None:
    endpoint = Endpoint("e", jobs(1), 4)
    made = 1
    while endpoint.failed(endpoint.take(0.0), Fault(kind, "no", 0.0), 0.0):
        made += 1
    assert made == attempts
    assert (endpoint.in_flight, endpoint.open) == (0, False)
    assert (endpoint.stopped is not None) is (kind is FaultKind.FATAL)


def test_one_cut_connection_is_no_reason_to_wait_and_several_in_a_row_are() -> None:
    endpoint = Endpoint("e", jobs(4), 4)
    cut = Fault(FaultKind.TRANSIENT, "reset")
    endpoint.failed(endpoint.take(10.0), cut, 10.0)
    assert endpoint.ready_at() == 0.0
    endpoint.failed(endpoint.take(10.0), cut, 10.0)
    assert endpoint.ready_at() == 11.0
    assert endpoint.limit == 4


def test_the_same_refusal_of_call_after_call_stops_an_endpoint() -> None:
    def refuse(endpoint: Endpoint, details: list[str], kind: FaultKind = FaultKind.REFUSED) -> str | None:
        for detail in details:
            endpoint.failed(endpoint.take(0.0), Fault(kind, detail), 0.0)
        return endpoint.stopped

    same = ["400: no credit"] * IDENTICAL_FAULTS
    assert refuse(Endpoint("e", jobs(9), 1), same) == "400: no credit"
    assert refuse(Endpoint("e", jobs(9), 1), same[1:]) is None
    assert refuse(Endpoint("e", jobs(9), 1), [f"400: too long by {n}" for n in range(9)]) is None
    assert refuse(Endpoint("e", jobs(9), 1), same, FaultKind.LOCAL) is None, "not the endpoint's doing"
    endpoint = Endpoint("e", jobs(12), 1)
    refuse(endpoint, same[1:])
    endpoint.take(0.0)
    endpoint.succeeded()
    assert refuse(endpoint, same[1:]) is None


def test_a_call_that_comes_back_after_its_endpoint_stopped_is_not_tried_again() -> None:
    endpoint = Endpoint("e", jobs(3), 4)
    first, second = endpoint.take(0.0), endpoint.take(0.0)
    endpoint.failed(first, Fault(FaultKind.FATAL, "401"), 0.0)
    assert [job.call.case for job in endpoint.drop()] == ["case 2"]
    assert not endpoint.failed(second, overload(0.0), 0.0)


# End to end.


def test_an_endpoint_that_turns_every_seventh_call_away_is_slowed_down_for_and_recorded_whole(
    forks: Forks, tmp_path: Path
) -> None:
    def respond(body: dict[str, Any], number: int) -> Reply:
        reply = turned_away("0.05") if number % 7 == 0 and number < 60 else answer(body, number)
        reply.delay = 0.1 if number < 7 or number > 90 else 0.01  # long enough to be seen at the same time
        return reply

    with MessagesServer(respond) as server:
        project = live_project(tmp_path, server, 120, only="classify")
        done = forks.record(project, JSON)
    assert done.returncode == 0, done.output
    assert {each.status for each in interactions(project)} == {200}
    assert len(interactions(project)) == 120
    assert report(project)["classify"]["errors"] == 0
    assert Counter(case_of(body) for body in server.requests)["message-001"] >= 1
    told = re.search(r"classify on large \(large-1\): 120 of 120, 8 retries, down to (\d) calls? at once", done.stdout)
    assert told, done.stdout
    assert int(told[1]) < 4
    flights = [each.in_flight for each in server.arrivals]
    assert max(flights) <= 8
    assert max(flights[:7]) > 4
    assert max(flights[30:56]) < 8, "it fell"
    assert max(flights[-40:]) > int(told[1]), "and recovered"


def test_a_burst_of_429s_is_waited_out_and_slows_no_other_endpoint(forks: Forks, tmp_path: Path) -> None:
    burst: list[float] = []

    def respond(body: dict[str, Any], number: int) -> Reply:
        if body["model"] == "large-1" and len(burst) < 4:
            burst.append(time.monotonic())
            return refused(429, "Rate limited", retry_after="2")
        reply = answer(body, number)
        reply.delay = 0.02
        return reply

    with MessagesServer(respond) as server:
        project = live_project(tmp_path, server, 20)
        done = forks.record(project)
    assert done.returncode == 0, done.output
    assert len(interactions(project)) == 40
    large = [each.at for each in server.arrivals if each.model == "large-1"]
    others = [each.at for each in server.arrivals if each.model != "large-1"]
    after = [at for at in large if at > burst[-1] + 0.2]
    assert min(after) - burst[0] >= 1.9, "left alone for two seconds"
    assert max(others) < min(after), "the other endpoint was done by then"


def bad_once(kind: str) -> Callable[[dict[str, Any], int], Reply]:
    seen: set[str] = set()
    replies = {
        "500": lambda body: refused(500, "Internal", retry_after="0"),
        "503": lambda body: refused(503, "Down", retry_after="0"),
        "reset": lambda body: Reply(b"", reset=True),
        "cut": lambda body: Reply(message("x" * 500).body, cut=True),
        "stall": lambda body: Reply(b"{}", delay=3.0),
        "gzip that is none": lambda body: Reply(b"not gzip", headers={"content-encoding": "gzip"}),
    }

    def respond(body: dict[str, Any], number: int) -> Reply:
        case = case_of(body)
        if case in ("message-002", "message-004") and case not in seen:
            seen.add(case)
            return replies[kind](body) if kind in replies else Reply(MALFORMED[kind])
        return answer(body, number)

    return respond


@pytest.mark.parametrize("kind", ["500", "503", "reset", "cut", "stall", "gzip that is none", *MALFORMED])
def test_what_fails_once_is_tried_again_and_recorded(forks: Forks, tmp_path: Path, kind: str) -> None:
    with MessagesServer(bad_once(kind)) as server:
        project = live_project(tmp_path, server, only="classify")
        done = forks.record(project, "--modelroute-timeout=0.5" if kind == "stall" else "--modelroute-timeout=30")
    assert done.returncode == 0, done.output
    assert len(server.requests) == 7
    assert len(interactions(project)) == 5
    assert "5 of 5, 2 retries" in done.stdout
    assert done.returncode == 0
    for each in interactions(project):
        assert malformed(each.response_body) is None


@pytest.mark.parametrize(
    ("kind", "attempts", "told"),
    [
        ("529", MOST_OVERLOADS, "Overloaded"),
        ("reset", MOST_FAILURES, "Connection"),
        ("html", MOST_FAILURES, ""),
    ],
)
def test_what_fails_always_is_that_case_s_error_and_nothing_of_it_is_kept(
    forks: Forks, tmp_path: Path, kind: str, attempts: int, told: str
) -> None:
    def respond(body: dict[str, Any], number: int) -> Reply:
        if case_of(body) != "message-003":
            return answer(body, number)
        return {"529": turned_away(), "reset": Reply(b"", reset=True), "html": Reply(MALFORMED["html"])}[kind]

    with MessagesServer(respond) as server:
        project = live_project(tmp_path, server, only="classify")
        done = forks.record(project, JSON)
    assert done.returncode == 1, done.output
    assert Counter(map(case_of, server.requests))["message-003"] == attempts
    found = results(project)
    assert [found[f"message-00{n}"]["kind"] for n in range(1, 6)] == [None, None, "transport", None, None]
    assert told in found["message-003"]["detail"]
    assert sorted(each.case for each in interactions(project)) == [f"message-00{n}" for n in (1, 2, 4, 5)]


def test_a_refusal_of_one_prompt_is_that_case_s_alone(forks: Forks, tmp_path: Path) -> None:
    def respond(body: dict[str, Any], number: int) -> Reply:
        if case_of(body) == "message-002":
            return refused(400, "prompt is too long: 210000 tokens > 200000 maximum")
        return answer(body, number)

    with MessagesServer(respond) as server:
        project = live_project(tmp_path, server, 8, only="classify")
        done = forks.record(project, JSON)
    assert done.returncode == 1
    assert len(server.requests) == 8, "a refusal is not tried again"
    assert len(interactions(project)) == 7
    found = results(project)["message-002"]
    assert (found["kind"], "prompt is too long: 210000 tokens" in found["detail"]) == ("transport", True)
    assert "req_" not in done.output


@pytest.mark.parametrize(("status", "most"), [(401, 2), (403, 2), (404, 2), (400, 6)])
def test_an_endpoint_that_refuses_everything_is_left_at_once_and_others_go_on(
    forks: Forks, tmp_path: Path, status: int, most: int
) -> None:
    def respond(body: dict[str, Any], number: int) -> Reply:
        return refused(status, "the account is no good") if body["model"] == "large-1" else answer(body, number)

    with MessagesServer(respond) as server:
        project = live_project(tmp_path, server, 12)
        done = forks.record(project, JSON, "--modelroute-concurrency=2")
    assert done.returncode == 1
    asked = Counter(body["model"] for body in server.requests)
    assert asked["large-1"] <= most
    assert asked["small-1"] == 12
    assert len(interactions(project)) == 12
    assert report(project)["reply"]["errors"] == 0
    details = [result["detail"] for result in results(project).values()]
    assert len(details) == 12
    assert all("the account is no good" in detail for detail in details)
    assert f"not called: {server.url} for large answers every call so" in details[-1]


def test_ctrl_c_keeps_what_arrived_and_the_next_run_goes_on(forks: Forks, tmp_path: Path) -> None:
    def respond(body: dict[str, Any], number: int) -> Reply:
        reply = answer(body, number)
        reply.delay = 0.05
        return reply

    with MessagesServer(respond) as server:
        project = live_project(tmp_path, server, 120, only="classify")
        run = forks.start(project, "--modelroute-record=new_episodes")
        until(lambda: len(server.answered) >= 20)
        run.signal(signal.SIGINT)
        done = run.wait()
        assert done.returncode == 2, done.output
        assert "give the same command again to record the rest" in done.stdout
        kept = {each.case for each in interactions(project)}
        assert kept == {case_of(body) for _, body in server.answered}, "those on their way were waited for"
        assert 20 <= len(kept) < 100
        before = len(server.requests)
        again = forks.record(project)
    assert again.returncode == 0, again.output
    assert {case_of(body) for body in server.requests[before:]} == {f"message-{n:03}" for n in range(1, 121)} - kept
    assert len(server.requests) == 120


def test_overloads_without_an_end_do_not_outlive_ctrl_c(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(lambda body, number: overloaded() if number < 3 else turned_away("100")) as server:
        project = live_project(tmp_path, server, only="classify")
        run = forks.start(project, "--modelroute-record=new_episodes")
        until(lambda: len(server.answered) >= 3)
        time.sleep(0.1)
        run.signal(signal.SIGINT)
        assert run.wait().returncode == 2
