"""The router: where calls go, what callers get, and what they are told where there is no answer."""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import pytest_modelroute
from pytest_modelroute import (
    CallFailed,
    OwnCallTask,
    RequestNotBuilt,
    Route,
    Router,
    RoutingError,
    TierUnavailable,
    UnusableAnswer,
)
from pytest_modelroute.errors import InputError
from pytest_modelroute.evaluation.answers import Usage, WrongKind
from pytest_modelroute.evaluation.escalation import Trigger
from pytest_modelroute.registry.serving import Escalation

from .messages_server import Reply, message, overloaded, refused
from .routed import decisions, labelled, routed_project, served

GIVEN = {"text": "message 4"}
MESSAGES = [{"role": "user", "content": "Hi"}]


def test_the_package_gives_the_router_when_asked_and_nothing_unknown() -> None:
    assert all(getattr(pytest_modelroute, name) is not None for name in pytest_modelroute.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Ruoter'"):
        pytest_modelroute.Ruoter  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("keywords", [False, True])
def test_a_task_is_answered_by_its_tier_as_its_prompt_asks(tmp_path: Path, keywords: bool) -> None:
    with served(tmp_path, lambda body, number: labelled(model=body["model"])) as (project, server):
        with Router.from_file(project.registry) as router:
            found = router.call("classify", **GIVEN) if keywords else router.call("classify", GIVEN)
        assert server.requests == [
            {
                "model": "nano-1",
                "max_tokens": 64,
                "system": "Classify the message.",
                "messages": [{"role": "user", "content": "Classify: message 4"}],
                "temperature": 0,
            }
        ]
    assert (found.task, found.tier, found.model, found.known) == ("classify", "nano", "nano-1", True)
    assert (found.output, found.confidence) == ({"label": "refund", "confidence": 0.9}, 0.9)
    assert (found.usage, found.usd) == (Usage(10, 5), (10 * 1 + 5 * 4) / 1e6)
    assert (found.escalated, found.escalated_from, found.trigger, found.first) == (False, None, None, None)
    assert found.message["stop_reason"] == "end_turn"
    (line,) = decisions(project)
    assert (line.task, line.tier, line.outcome.value, line.known) == ("classify", "nano", "answered", True)
    assert (line.key, line.latency_ms, line.usd) == (found.key, found.latency_ms, found.usd)
    assert line.input.full == GIVEN
    assert line.output is not None
    assert line.output.full == found.output


def test_a_field_may_be_called_input_or_task(tmp_path: Path) -> None:
    with served(tmp_path, lambda body, number: message("Yes.")) as (project, server):
        project.replace("{{ input.text }}", "{{ input.input }} {{ input.task }}", "prompts/reply.yaml")
        with Router.from_file(project.registry) as router:
            router.call("reply", input="one", task="two")
        assert server.requests[0]["messages"][0]["content"] == "Reply: one two"


@pytest.mark.parametrize(
    ("given", "fields", "told"),
    [
        (GIVEN, GIVEN, "an input is a mapping or keywords, not both"),
        ("message 4", {}, "an input is a mapping or keywords, not str"),
    ],
)
def test_an_input_is_a_mapping_or_keywords(tmp_path: Path, given: Any, fields: dict[str, str], told: str) -> None:
    project = routed_project(tmp_path, "http://127.0.0.1:9")
    with Router.from_file(project.registry) as router, pytest.raises(TypeError, match=told):
        router.call("classify", given, **fields)


def test_an_unknown_task_goes_to_the_default_tier_and_is_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with served(tmp_path, lambda body, number: message("Hello.", model=body["model"])) as (project, server):
        project.replace("defaults:\n", "defaults:\n  output: {format: json}\n")  # no unlisted task inherits that
        with Router.from_file(project.registry) as router, caplog.at_level(logging.WARNING):
            found = router.call("clasify", messages=MESSAGES, max_tokens=7, extra_body={"top_p": 0.5})
            router.call("clasify", {"messages": MESSAGES})
            assert router.model_for("clasify") == "large-1"
        assert server.requests[0] == {
            "model": "large-1",
            "max_tokens": 7,
            "messages": MESSAGES,
            "temperature": 0,
            "top_p": 0.5,
        }
        assert server.requests[1]["max_tokens"] == 64
    assert (found.task, found.tier, found.output, found.known) == ("clasify", "large", "Hello.", False)
    told = "unknown task 'clasify' goes to the default tier 'large': did you mean 'classify'? one of classify, "
    assert caplog.messages == [told + "reply, draft_email"]
    assert [(line.task, line.known, line.tier) for line in decisions(project)] == [("clasify", False, "large")] * 2


def test_a_task_without_a_prompt_is_given_the_arguments(tmp_path: Path) -> None:
    with served(tmp_path, lambda body, number: labelled("none", 0.2, model=body["model"])) as (project, server):
        project.replace("  draft_email:\n    tier: large\n", PROMPTLESS)
        with Router.from_file(project.registry) as router:
            found = router.call("draft_email", messages=MESSAGES)
        assert [(body["model"], body["max_tokens"], body["stop_sequences"]) for body in server.requests] == [
            ("small-1", 9, ["x"]),
            ("large-1", 9, ["x"]),
        ]
    assert (found.output, found.known, found.trigger) == ({"label": "none", "confidence": 0.2}, True, LOW)


LOW = Trigger.LOW_CONFIDENCE
PROMPTLESS = """\
  draft_email:
    tier: small
    escalate: {to: large, below: 0.5}
    output: {format: json, confidence: /confidence}
    request: {max_tokens: 9, stop_sequences: [x]}
"""


def test_model_for_and_route_for_tell_teams_that_call_themselves(tmp_path: Path) -> None:
    project = routed_project(tmp_path, "http://127.0.0.1:9")
    project.replace("  classify:\n", "  classify:\n    escalate: {to: large, below: 0.7}\n")
    with Router.from_file(project.registry) as router:
        assert router.model_for("classify") == "nano-1"
        route = router.route_for("classify")
        assert isinstance(route.escalation, Escalation)
        expected = Route("classify", "nano", "nano-1", "http://127.0.0.1:9", True, route.escalation)
        assert route == expected
        assert route.escalation.stated == {"to": "large", "below": 0.7}
        assert router.route_for("reply").escalation is None


def test_a_task_of_the_teams_own_calls_is_refused_with_the_way_out(tmp_path: Path) -> None:
    project = routed_project(tmp_path, "http://127.0.0.1:9")
    project.replace("  draft_email:\n    tier: large\n", "  draft_email:\n    tier: large\n    call: mail:draft\n")
    with Router.from_file(project.registry) as router:
        told = r"task 'draft_email': its calls are made by mail:draft: call that with router.model_for\('draft_email'\)"
        with pytest.raises(OwnCallTask, match=told):
            router.call("draft_email", text="x")
        assert router.model_for("draft_email") == "large-1"


TRIGGERS: list[tuple[str, Reply, Trigger, WrongKind | None]] = [
    ("below", labelled("other", 0.69), Trigger.LOW_CONFIDENCE, None),
    ("no number", message('{"label": "other", "confidence": true}'), Trigger.SCHEMA, WrongKind.SCHEMA),
    ("above 1", labelled("other", 1.2), Trigger.NO_CONFIDENCE, None),
    ("below 0", labelled("other", -0.1), Trigger.NO_CONFIDENCE, None),
    ("not JSON", message("other"), Trigger.NOT_JSON, WrongKind.NOT_JSON),
    ("NaN", message('{"label": "other", "confidence": NaN}'), Trigger.NOT_JSON, WrongKind.NOT_JSON),
    ("schema", labelled("never heard of"), Trigger.SCHEMA, WrongKind.SCHEMA),
    ("refused", message("No.", stop_reason="refusal"), Trigger.REFUSAL, WrongKind.REFUSAL),
    ("cut off", message('{"lab', stop_reason="max_tokens"), Trigger.TRUNCATED, WrongKind.TRUNCATED),
]


@pytest.mark.parametrize(
    ("first", "trigger", "kind"), [case[1:] for case in TRIGGERS], ids=[case[0] for case in TRIGGERS]
)
def test_an_answer_that_cannot_stand_escalates(
    tmp_path: Path, first: Reply, trigger: Trigger, kind: WrongKind | None
) -> None:
    with served(tmp_path, lambda body, number: first if body["model"] == "nano-1" else labelled()) as (project, _):
        project.replace("  classify:\n", "  classify:\n    escalate: {to: large, below: 0.7}\n")
        with Router.from_file(project.registry) as router:
            found = router.call("classify", GIVEN)
    assert (found.tier, found.output["label"], found.escalated) == ("large", "refund", True)
    assert (found.escalated_from, found.trigger) == ("nano", trigger)
    assert found.first is not None
    assert (found.first.tier, found.first.kind, found.first.usd) == ("nano", kind, 30 / 1e6)
    assert (found.usage, found.usd) == (Usage(20, 10), 30 / 1e6 + 120 / 1e6)
    (line,) = decisions(project)
    assert (line.escalated_from, line.trigger, line.latency_ms) == ("nano", trigger, found.latency_ms)
    assert line.first is not None
    assert line.first.outcome.value == (kind.value if kind else "answered")


@pytest.mark.parametrize(
    ("reply", "kind", "told"),
    [
        (message("other"), WrongKind.NOT_JSON, "not_json: Expecting value: line 1 column 1 (char 0)"),
        (labelled("none of them"), WrongKind.SCHEMA, "schema: $.label: 'none of them' is not one of"),
        (message("I won't.", stop_reason="refusal"), WrongKind.REFUSAL, "refusal: the model refused"),
        (message('{"la', stop_reason="max_tokens"), WrongKind.TRUNCATED, "truncated: cut off at max_tokens"),
        (message('{"label": "other"}', stop_reason=None), None, "the answer has no stop_reason"),
    ],
)
@pytest.mark.parametrize("dear", [False, True], ids=["assigned tier", "dear tier"])
def test_an_answer_that_cannot_be_used_is_an_error_with_the_text(
    tmp_path: Path, reply: Reply, kind: WrongKind | None, told: str, dear: bool
) -> None:
    with served(tmp_path, lambda body, number: message("no") if dear and number == 1 else reply) as (project, server):
        if dear:
            project.replace("  classify:\n", "  classify:\n    escalate: {to: large}\n")
        with Router.from_file(project.registry) as router, pytest.raises(UnusableAnswer) as caught:
            router.call("classify", GIVEN)
        assert len(server.requests) == 1 + dear
    error, tier = caught.value, "large" if dear else "nano"
    assert str(error).startswith(f"task 'classify' on tier '{tier}': {told}")
    assert (error.task, error.tier, error.kind) == ("classify", tier, kind)
    assert error.raw == json.loads(reply.body)["content"][0]["text"]
    assert (error.first and (error.first.tier, error.first.output)) == (("nano", "no") if dear else None)
    (line,) = decisions(project)
    assert (line.outcome.value, line.tier) == (kind.value if kind else "failed", tier)
    assert line.escalated_from == ("nano" if dear else None)


FAILURES: list[tuple[str, Reply, str]] = [
    (
        "status 400",
        refused(400, "prompt is too long"),
        "BadRequestError: 400 invalid_request_error: prompt is too long",
    ),
    ("status 401", refused(401, "invalid x-api-key"), "AuthenticationError: 401 authentication_error"),
    ("status 529", overloaded(), "OverloadedError: 529 overloaded_error: Overloaded"),
    ("reset", Reply(b"", reset=True), "APIConnectionError: Connection error."),
    ("too slow", Reply(labelled().body, delay=60), "APITimeoutError: Request timed out"),
    ("cut", Reply(labelled().body, cut=True), ""),
    ("no JSON", Reply(b"<html>"), "the endpoint answered 200 with a body that is not JSON"),
    ("no message", Reply(b'{"content": "text"}'), "the endpoint answered 200 with something that is not a message"),
]


@pytest.mark.parametrize(("reply", "told"), [case[1:] for case in FAILURES], ids=[case[0] for case in FAILURES])
@pytest.mark.parametrize("dear", [False, True], ids=["assigned tier", "dear tier"])
def test_a_tier_that_gives_no_answer_is_named_with_the_cause(
    tmp_path: Path, reply: Reply, told: str, dear: bool
) -> None:
    with served(tmp_path, lambda body, number: message("no") if dear and number == 1 else reply) as (project, server):
        project.replace("  classify:\n", "  classify:\n    escalate: {to: large}\n")
        with (
            Router.from_file(project.registry, timeout=3 if reply.delay else 60, max_retries=0) as router,
            pytest.raises(CallFailed) as caught,
        ):
            router.call("classify", GIVEN)
        assert len(server.requests) == 1 + dear  # what failed does not escalate
    error, tier = caught.value, "large" if dear else "nano"
    assert str(error).startswith(f"task 'classify' on tier '{tier}': {told}")
    assert error.__cause__ is not None
    assert (error.first and error.first.tier) == ("nano" if dear else None)
    (line,) = decisions(project)
    assert (line.outcome.value, line.tier, line.output, line.usage, line.usd) == ("failed", tier, None, None, None)
    assert line.error == error.what
    assert (line.first is not None, line.escalated_from) == (dear, "nano" if dear else None)


def test_an_endpoint_that_is_down_is_named(tmp_path: Path) -> None:
    project = routed_project(tmp_path, "http://127.0.0.1:9")
    with Router.from_file(project.registry, max_retries=0) as router:
        with pytest.raises(CallFailed, match=r"^task 'reply' on tier 'small': APIConnectionError: ") as caught:
            router.call("reply", GIVEN)
        assert type(caught.value.__cause__).__name__ == "APIConnectionError"


def test_a_key_that_is_not_set_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GATEWAY_KEY", raising=False)
    project = routed_project(tmp_path, "http://127.0.0.1:9")
    project.replace('base_url: "http://127.0.0.1:9"', 'base_url: "http://127.0.0.1:9", api_key_env: GATEWAY_KEY')
    with Router.from_file(project.registry) as router:
        told = "^task 'classify' on tier 'nano': tier 'nano' needs a key in GATEWAY_KEY, which is not set"
        with pytest.raises(TierUnavailable, match=told) as caught:
            router.call("classify", GIVEN)
    assert isinstance(caught.value.__cause__, InputError)
    assert [line.outcome.value for line in decisions(project)] == ["failed"]


@pytest.mark.parametrize(
    ("task", "given", "told"),
    [
        ("classify", {"txt": "x"}, "the input: prompts/classify.yaml:3: messages[0].content: 'input' has no 'text'"),
        ("other", {"messages": MESSAGES, "model": "x"}, "the input: the call sets 'model'"),
        ("other", {"messages": MESSAGES, "temperature": 0}, "the input: the call sets 'temperature'"),
        ("other", {"mesages": MESSAGES}, "task 'other': the argument 'messages' is missing: the call has mesages"),
        ("other", {"messages": MESSAGES, "nonsense": 1}, "not sent: "),
        ("other", {"messages": {1}}, "the request is not JSON: set is not JSON"),
    ],
)
def test_an_input_that_gives_no_request_is_refused(tmp_path: Path, task: str, given: dict[str, Any], told: str) -> None:
    with served(tmp_path, lambda body, number: labelled()) as (project, server):
        with Router.from_file(project.registry) as router, pytest.raises(RequestNotBuilt) as caught:
            router.call(task, given)
        assert server.requests == []
    assert told in str(caught.value)
    assert caught.value.tier == ("large" if task == "other" else "nano")
    assert isinstance(caught.value, RoutingError)
    assert [line.outcome.value for line in decisions(project)] == ["failed"]


def test_a_registry_that_changed_is_picked_up_on_request_only(tmp_path: Path) -> None:
    with (
        served(tmp_path, lambda body, number: labelled(model=body["model"])) as (project, server),
        Router.from_file(project.registry) as router,
    ):
        project.move("classify", "small")
        project.replace("Classify: ", "Sort: ", "prompts/classify.yaml")
        assert router.call("classify", GIVEN).tier == "nano"
        text = project.registry.read_text()
        project.registry.write_text("version: 1\ntiers: [")
        with pytest.raises(InputError, match=r"modelroute\.yaml:3"):
            router.reload()
        assert router.call("classify", GIVEN).tier == "nano"
        project.registry.write_text(text)
        router.reload()
        found = router.call("classify", GIVEN)
        assert (found.tier, router.registry.tasks["classify"].tier) == ("small", "small")
        asked = [body["messages"][0]["content"] for body in server.requests]
        assert asked == ["Classify: message 4", "Classify: message 4", "Sort: message 4"]
    assert len(decisions(project)) == 3


def test_a_file_that_a_prompt_includes_is_loaded_with_it(tmp_path: Path) -> None:
    """One that the input names is read when it is first named, and anew after `reload`."""

    def written(version: str) -> None:
        for name in ("rules", "tone"):
            (project.folder / f"{name}.txt").write_text(f"{name} {version}")

    with served(tmp_path, lambda body, number: message("Yes.")) as (project, server):
        written("as gated")
        prompt = project.folder / "prompts/reply.yaml"
        prompt.write_text(
            prompt.read_text() + "system: {$file: rules.txt}\nstop_sequences: [{$file: '{{ input.tone }}.txt'}]\n"
        )
        with Router.from_file(project.registry) as router:
            written("edited")
            router.call("reply", text="x", tone="tone")
            written("edited again")
            router.call("reply", text="x", tone="tone")
            router.reload()
            router.call("reply", text="x", tone="tone")
        asked = [(body["system"], body["stop_sequences"]) for body in server.requests]
        assert asked == [
            ("rules as gated", ["tone edited"]),
            ("rules as gated", ["tone edited"]),
            ("rules edited again", ["tone edited again"]),
        ]


def test_python_code_is_imported_once_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    with served(tmp_path, lambda body, number: message("Yes.")) as (project, server):
        builder = project.folder / "builds_replies_once.py"
        builder.write_text(BUILDER)
        project.replace("prompt: prompts/reply.yaml", "prompt: {python: 'builds_replies_once:build'}")
        with Router.from_file(project.registry) as router:
            router.call("reply", GIVEN)
            builder.write_text(BUILDER.replace("as gated", "edited"))
            router.reload()
            router.call("reply", GIVEN)
        assert [body["messages"][0]["content"] for body in server.requests] == ["as gated"] * 2


BUILDER = """\
def build(input):
    return {"max_tokens": 1, "messages": [{"role": "user", "content": "as gated"}]}
"""


def test_a_tier_that_moved_gets_another_client_on_reload(tmp_path: Path) -> None:
    with (
        served(tmp_path / "old", lambda body, number: labelled()) as (project, old),
        served(tmp_path / "new", lambda body, number: labelled()) as (_, new),
        Router.from_file(project.registry) as router,
    ):
        router.call("classify", GIVEN)
        project.registry.write_text(project.registry.read_text().replace(old.url, new.url))
        router.call("classify", GIVEN)
        router.reload()
        router.call("classify", GIVEN)
        assert (len(old.requests), len(new.requests)) == (2, 1)


def test_production_needs_neither_golden_sets_nor_rubrics_nor_cassettes(tmp_path: Path) -> None:
    """Nor that their paths lead anywhere inside the folder that was deployed."""
    with served(tmp_path, lambda body, number: labelled()) as (project, _):
        project.replace("golden: golden/classify.jsonl", "golden: ../../elsewhere/classify.jsonl")
        project.replace("version: 1\n", "version: 1\ncassettes: ../../cassettes\n")
        project.replace(
            "score: {kind: contains, ignore_case: true}",
            "score: {kind: grader, tier: large, rubric: prompts/none.yaml}",
        )
        with Router.from_file(project.registry) as router:
            assert router.call("classify", GIVEN).output["label"] == "refund"
            assert router.call("reply", GIVEN).output


@pytest.mark.parametrize(
    ("path", "rootdir", "told"),
    [
        ("nowhere.yaml", None, r"no registry at .*nowhere\.yaml"),
        ("prompts", None, "no registry at .*prompts"),
        ("modelroute.yaml", "prompts", "modelroute.yaml is outside the rootdir"),
    ],
)
def test_a_registry_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, rootdir: str | None, told: str
) -> None:
    monkeypatch.chdir(routed_project(tmp_path, "http://127.0.0.1:9").folder)
    with pytest.raises(InputError, match=told):
        Router.from_file(path, rootdir=rootdir)


def test_the_default_registry_is_that_of_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = routed_project(tmp_path, "http://127.0.0.1:9")
    monkeypatch.chdir(project.folder)
    with Router.from_file() as router:
        monkeypatch.chdir("/")
        project.move("classify", "small")
        router.reload()
        assert router.model_for("classify") == "small-1"


@pytest.mark.parametrize("fault", ["  classify:\n    tier: giant\n", "  classify:\n    prompt: none.yaml\n"])
def test_a_broken_registry_is_told_at_the_start(tmp_path: Path, fault: str) -> None:
    project = routed_project(tmp_path, "http://127.0.0.1:9")
    text = project.registry.read_text()
    project.registry.write_text(text[: text.index("  classify:")] + fault)
    with pytest.raises(InputError, match=r"modelroute\.yaml:1[0-9]: "):
        Router.from_file(project.registry)


def test_a_closed_router_answers_no_more(tmp_path: Path) -> None:
    with served(tmp_path, lambda body, number: labelled()) as (project, _):
        router = Router.from_file(project.registry)
        router.call("classify", GIVEN)
        router.close()
        router.close()
        with pytest.raises(RoutingError, match=r"^task 'classify': the router is closed"):
            router.call("classify", GIVEN)


@pytest.mark.parametrize(
    ("inputs", "prefix", "full"), [("digest", False, False), ("prefix", True, False), ("full", False, True)]
)
def test_the_log_keeps_as_much_as_the_registry_says(tmp_path: Path, inputs: str, prefix: bool, full: bool) -> None:
    secret = "a word that only the customer knows " * 5
    with served(tmp_path, lambda body, number: labelled(secret, 0.5)) as (project, _):
        project.replace("inputs: full", f"inputs: {inputs}")
        with Router.from_file(project.registry) as router:
            with pytest.raises(UnusableAnswer, match="a word that only the customer knows"):
                router.call("classify", text=secret)
            with pytest.raises(RequestNotBuilt):
                router.call("classify", {"text2": secret})
    text = (project.folder / "log/calls.jsonl").read_text()
    assert ("a word that only" in text) == (prefix or full)
    wrong, unbuilt = decisions(project)
    assert (wrong.input.prefix, len(wrong.input.prefix or "")) == (
        ('{"text":"' + secret)[:80] if prefix else None,
        80 * prefix,
    )
    assert isinstance(wrong.input.full, dict) == full
    assert wrong.output is not None
    assert isinstance(wrong.output.full, dict) == full
    assert wrong.error is not None
    assert wrong.error.startswith("schema: $.label" if prefix or full else "schema")
    assert unbuilt.error


SECRET = "what-only-the-customer-knows"
QUOTING: list[tuple[str, Any, str]] = [
    ("status", refused(400, f"bad input: {SECRET}"), "BadRequestError: 400 invalid_request_error"),
    ("type", Reply(b'{"error": {"type": "bad: %s", "message": ""}}' % SECRET.encode(), 400), "BadRequestError: 400"),
    ("gateway", Reply(f"<p>{SECRET}</p>".encode(), status=502), "InternalServerError: 502"),
    ("no JSON", Reply(b'{"content": [7%s]}' % SECRET.encode()), "the endpoint answered 200 with no message"),
    ("no message", Reply(b'{"content": "text"}'), "the endpoint answered 200 with no message"),
    ("reset", Reply(b"", reset=True), "APIConnectionError (ReadError)"),
    ("schema", message(json.dumps({SECRET: 1})), "schema"),
    ("number", message('{"label": 1e999}'), "not_json"),
    ("no stop_reason", message(SECRET, stop_reason=None), "the answer cannot be judged"),
    ("refusal", message(SECRET, stop_reason="refusal"), "refusal"),
    ("own client", RuntimeError(f"cannot send {SECRET}"), "RuntimeError"),
    ("own message", ValueError(f"cannot send {SECRET}"), "ValueError"),
]


@pytest.mark.parametrize(("reply", "told"), [case[1:] for case in QUOTING], ids=[case[0] for case in QUOTING])
def test_a_log_of_digests_tells_of_an_error_what_cannot_quote_anything(tmp_path: Path, reply: Any, told: str) -> None:
    def create(**arguments: Any) -> Any:
        raise reply

    own = SimpleNamespace(messages=SimpleNamespace(create=create)) if isinstance(reply, Exception) else None
    with served(tmp_path, lambda body, number: reply) as (project, _):
        project.replace("inputs: full", "inputs: digest")
        schema = {"type": "object", "additionalProperties": {"type": "string"}}
        (project.folder / "schemas/classify.json").write_text(json.dumps(schema))
        with (
            Router.from_file(project.registry, max_retries=0, clients=own) as router,
            pytest.raises((CallFailed, UnusableAnswer)),
        ):
            router.call("classify", text=SECRET)
    (line,) = decisions(project)
    assert line.error == told
    assert SECRET not in (project.folder / "log/calls.jsonl").read_text()


@pytest.mark.parametrize("inputs", ["prefix", "full"])
def test_an_error_takes_no_more_of_the_log_than_300_characters(tmp_path: Path, inputs: str) -> None:
    with served(tmp_path, lambda body, number: refused(400, "x" * 1000)) as (project, _):
        project.replace("inputs: full", f"inputs: {inputs}")
        with Router.from_file(project.registry) as router, pytest.raises(CallFailed, match="x" * 1000):
            router.call("classify", GIVEN)
    (line,) = decisions(project)
    assert line.error is not None
    assert line.error.startswith("BadRequestError: 400 invalid_request_error: xxx")
    assert len(line.error) == 300


def test_the_log_may_lie_elsewhere_or_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(tmp_path, lambda body, number: labelled()) as (project, _):
        monkeypatch.chdir(tmp_path)
        with Router.from_file(project.registry, log="var/calls.jsonl") as router:
            router.call("classify", GIVEN)
        with Router.from_file(project.registry, log=None) as router:
            router.call("classify", GIVEN)
    assert (tmp_path / "var/calls.jsonl").read_text().count("\n") == 1
    assert '"full"' in (tmp_path / "var/calls.jsonl").read_text()
    assert not (project.folder / "log").exists()


@pytest.mark.parametrize(("sample", "least", "most"), [(0, 0, 0), (1, 300, 300), (0.5, 100, 200)])
def test_the_log_keeps_a_share_of_the_calls(tmp_path: Path, sample: float, least: int, most: int) -> None:
    project = routed_project(tmp_path, "http://127.0.0.1:9")
    project.replace("inputs: full", f"sample: {sample}")
    with Router.from_file(project.registry) as router:
        for _ in range(300):
            with pytest.raises(RequestNotBuilt):
                router.call("classify", {})
    path = project.folder / "log/calls.jsonl"
    assert least <= (len(decisions(project)) if path.exists() else 0) <= most


def test_a_log_that_cannot_be_written_breaks_no_call(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with served(tmp_path, lambda body, number: labelled()) as (project, _):
        (project.folder / "log").write_text("a file where a folder should be")
        with Router.from_file(project.registry) as router:
            for _ in range(3):
                assert router.call("classify", GIVEN).output["label"] == "refund"
            assert router.log_failures == 3
            project.replace("inputs: full", "inputs: digest")
            router.reload()
            router.call("classify", GIVEN)
            assert router.log_failures == 4
    assert [text.partition(" cannot")[0] for text in caplog.messages] == [
        f"the decision log {project.folder}{os.sep}log{os.sep}calls.jsonl"
    ] * 2


def test_an_input_that_the_log_cannot_take_breaks_no_call(tmp_path: Path) -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    with (
        served(tmp_path, lambda body, number: labelled()) as (project, _),
        Router.from_file(project.registry) as router,
    ):
        assert router.call("classify", text="x", deep=deep).output["label"] == "refund"
        assert router.log_failures == 1
        assert router.call("classify", text="x", odd={1, 2}, surrogate="\ud800").output["label"] == "refund"
        assert router.log_failures == 1
    assert len(decisions(project)) == 1
