"""One case to read: what is asked, what is expected, and what each tier answered."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import strict_json
from ..cassettes.lines import Interaction
from ..evaluation.audits import Judged
from ..evaluation.evaluate import TaskMaterial
from ..evaluation.golden import ABSENT, GoldenCase
from ..evaluation.results import CaseResult, Outcome
from ..registry.asked import OwnCall
from ..registry.model import Tier
from .text import printable
from .wording import counted

__all__ = ["Asked", "Exchange", "Given", "exchange_lines", "judged_lines"]

LONGEST_DATA = 200  # characters of an image or a document in a request


@dataclass(frozen=True)
class Given:
    """The result of one sample, with the recorded calls that it rests on; `grade` is a grader's verdict on it."""

    result: CaseResult
    interactions: tuple[Interaction, ...]
    grade: Interaction | None = None


@dataclass(frozen=True)
class Asked:
    """What one tier is asked, as arguments of messages.create, and what it gave; none for the team's own function."""

    tier: Tier
    arguments: Mapping[str, Any]
    given: tuple[Given, ...]


@dataclass(frozen=True)
class Exchange:
    """A case with all tiers that are to be shown; the request is told for the first of them."""

    material: TaskMaterial
    case: GoldenCase
    asked: tuple[Asked, ...]


def judged_lines(judged: Judged, hidden: Callable[[str], str]) -> Iterator[str]:
    """An answer with its case, to be judged by a person: nothing of what a grader said."""
    expected = judged.case.expected
    parts = [("input", judged.case.input), ("expected", "none is stated" if expected is ABSENT else expected)]
    for label, value in (*parts, ("answer", judged.output)):
        for line in (label, *_indented(hidden(_readable(value)))):
            yield printable(line)


def _readable(value: Any) -> str:
    """A text as it is, the texts of a mapping too; else JSON in several lines."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping) and all(isinstance(each, str) for each in value.values()):
        return "\n".join(f"{name}: {each}" for name, each in value.items())
    return json.dumps(value, ensure_ascii=False, indent=2)


def exchange_lines(exchange: Exchange, hidden: Callable[[str], str]) -> Iterator[str]:
    """The lines, safe for a terminal; `hidden` replaces the credentials in a text."""
    for line in _lines(exchange, hidden):
        yield printable(line)


def _lines(exchange: Exchange, hidden: Callable[[str], str]) -> Iterator[str]:
    task, case, first = exchange.material.task, exchange.case, exchange.asked[0]
    yield hidden(f"{task.name} {case.id} ({exchange.material.golden_label}:{case.line})")
    if case.tags:
        yield hidden(f"tags: {', '.join(case.tags)}")
    yield ""
    if isinstance(task.prompt, OwnCall):
        yield f"request: made by {task.prompt.reference}"
        yield from _indented(hidden(f"input: {strict_json.compact(case.input)}"))
    else:
        yield f"request to {first.tier.name}"
        yield from _request(first.arguments, hidden)
    yield ""
    expected = "none is stated" if case.expected is ABSENT else _value(case.expected)
    yield from _labelled("expected", hidden(expected), "")
    for asked in exchange.asked:
        yield ""
        assigned = ", the assigned tier" if asked.tier.name == task.tier else ""
        yield f"{asked.tier.name} ({asked.tier.model}){assigned}"
        for name, value in asked.arguments.items():
            if name not in first.arguments or first.arguments[name] != value:
                yield from _labelled(f"asked with {name}", hidden(_value(_shortened(value))))
        for name in first.arguments:
            if name not in asked.arguments:
                yield f"  asked without {name}"
        for given in asked.given:
            yield from _given(given, hidden, own=isinstance(task.prompt, OwnCall), numbered=len(asked.given) > 1)


def _request(arguments: Mapping[str, Any], hidden: Callable[[str], str]) -> Iterator[str]:
    if "system" in arguments:
        yield "  [system]"
        yield from _content(arguments["system"], hidden)
    messages = arguments.get("messages")
    for message in messages if isinstance(messages, Sequence) and not isinstance(messages, str) else [messages]:
        role = message.get("role") if isinstance(message, Mapping) else "message"
        yield f"  [{hidden(str(role))}]"
        yield from _content(message.get("content") if isinstance(message, Mapping) else message, hidden)
    for name, value in arguments.items():
        if name not in ("system", "messages"):
            yield from _indented(hidden(f"{name}: {strict_json.compact(_shortened(value))}"))


def _content(content: Any, hidden: Callable[[str], str]) -> Iterator[str]:
    """A message's text; what is no text as JSON."""
    for block in content if isinstance(content, (list, tuple)) else [content]:
        text = block
        if isinstance(block, Mapping):
            is_text = block.get("type") == "text" and isinstance(block.get("text"), str)
            text = block["text"] if is_text else strict_json.compact(_shortened(block))
            rest = {name: value for name, value in block.items() if name not in ("type", "text")}
            if is_text and rest:
                text += f"\n{strict_json.compact(_shortened(rest))}"
        yield from _indented(hidden(_value(text)), "    ")


def _given(given: Given, hidden: Callable[[str], str], *, own: bool, numbered: bool) -> Iterator[str]:
    result = given.result
    told = result.outcome.value
    if result.kind is not None:
        told += f", {result.kind.value}"
    if result.detail:
        told += f": {result.detail}"
    yield from _labelled(f"sample {result.sample + 1}" if numbered else "outcome", hidden(told))
    for interaction in given.interactions:
        if own:
            yield from _indented(hidden(f"call: {interaction.method} {interaction.uri}"))
        for label, text in _said(interaction):
            yield from _labelled(label, hidden(text))
    if own and result.outcome is not Outcome.ERROR:
        yield from _labelled("returned", hidden(_value(result.output)))
    if given.grade is not None:
        for _, text in _said(given.grade):
            yield from _labelled("graded", hidden(text))
    if given.interactions:
        yield from _indented(hidden(", ".join(_measured(given))))


def _said(interaction: Interaction) -> Iterator[tuple[str, str]]:
    """What an answer says, block by block; the body as it is where it is no message."""
    try:
        body = strict_json.parse(interaction.response_body)
    except ValueError:
        body = None
    blocks = body.get("content") if isinstance(body, dict) else None
    if interaction.status != 200 or not isinstance(blocks, list):
        yield f"answer (status {interaction.status})", interaction.response_body
        return
    for block in blocks:
        kind = block.get("type") if isinstance(block, dict) else None
        if kind == "text" and isinstance(block.get("text"), str):
            yield "answer", block["text"]
        elif kind == "tool_use":
            yield f"tool {block.get('name')}", strict_json.compact(block.get("input"))
        else:
            yield "block", strict_json.compact(_shortened(block))


def _measured(given: Given) -> Iterator[str]:
    result = given.result
    yield "no confidence" if result.confidence is None else f"confidence {result.confidence:g}"
    usage = result.usage
    yield "tokens unknown" if usage is None else f"{usage.input_tokens:,} tokens in, {usage.output_tokens:,} out"
    # Of an answer in error the result says nothing, and its recording is there all the same.
    latencies = [each.latency_ms for each in given.interactions if each.latency_ms is not None]
    complete = len(latencies) == len(given.interactions)
    yield f"{sum(latencies):,} ms" if complete else "latency unknown"
    times = max(each.recordings for each in given.interactions)
    latest = max(each.recorded_at for each in given.interactions)
    yield f"recorded {latest}, {counted(times, 'time')}"


def _labelled(label: str, text: str, indent: str = "  ") -> Iterator[str]:
    """`label: text`, or the label alone with several lines of text below it."""
    if "\n" not in text:
        yield f"{indent}{label}: {text}"
        return
    yield f"{indent}{label}:"
    yield from _indented(text, f"{indent}  ")


def _indented(text: str, indent: str = "  ") -> Iterator[str]:
    for line in text.split("\n"):
        yield f"{indent}{line}".rstrip(" ")


def _value(value: Any) -> str:
    return value if isinstance(value, str) else strict_json.compact(value)


def _shortened(value: Any) -> Any:
    """The value with the data of images and documents cut short."""
    if isinstance(value, Mapping):
        return {
            name: f"{each[:LONGEST_DATA]}... ({len(each):,} characters)"
            if name == "data" and isinstance(each, str) and len(each) > LONGEST_DATA
            else _shortened(each)
            for name, each in value.items()
        }
    return [_shortened(each) for each in value] if isinstance(value, (list, tuple)) else value
