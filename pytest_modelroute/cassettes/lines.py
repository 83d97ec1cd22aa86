"""The cassette format: stock vcrpy's YAML with one line of JSON per interaction.

A reader finds an interaction by scanning for its key and parses that line alone; stock vcrpy reads the same file as
YAML. Each line is valid YAML only with the separators and escapes used here.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .. import strict_json

__all__ = [
    "HEADER",
    "KEY_IN_LINE",
    "LINE_START",
    "Interaction",
    "answer_content",
    "cassette_text",
    "parse_line",
    "same_content",
]

HEADER = "version: 1\ninteractions:\n"
LINE_START = b"- {"

# Inside a JSON string the quotes are escaped, so no recorded text can look like this header.
KEY_IN_LINE = re.compile(rb'"x-modelroute-key": \["(v1:[0-9a-f]{64})"\]')
_KEY = re.compile("v1:[0-9a-f]{64}")

# YAML allows none of these unescaped, JSON all of them. Half a surrogate pair libyaml refuses even as an escape; text
# that came over HTTP holds none.
_NOT_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")

_OWN = "x-modelroute-"


@dataclass(frozen=True, slots=True)
class Interaction:
    """One recorded call: who asked (task, case, sample, key), what was sent, what came back.

    `latency_ms` is None where unknown; `recordings` counts how often another answer was recorded for this key;
    `recorded_at` is an ISO 8601 time in UTC, so that text order is time order.
    """

    task: str
    case: str
    sample: int
    key: str
    recorded_at: str
    latency_ms: int | None
    recordings: int
    digest: str
    method: str
    uri: str
    request_headers: Mapping[str, list[str]]
    request_body: str
    status: int
    reason: str
    response_headers: Mapping[str, list[str]]
    response_body: str

    @property
    def order(self) -> tuple[str, int, str]:
        """Where the line stands in its file."""
        return (self.case, self.sample, self.key)

    def expected_digest(self, message: Mapping[str, Any] | None = None) -> str:
        """The digest that belongs here: of what was asked, of whom, and of what the answer says.

        The answer to another call, whole as it may be, has another one. `message` is the answer, where it is parsed.
        """
        says = answer_content(self.response_body) if message is None else _said(message)
        return _digest([self.key, self.method, self.uri, self.request_body, says])

    def sealed(self) -> Interaction:
        """The interaction with the digest that belongs to it, as the recorder leaves it."""
        return dataclasses.replace(self, digest=self.expected_digest())

    def to_wire(self) -> dict[str, Any]:
        """The interaction as vcrpy's serializer lays it out."""
        identity = {"task": self.task, "case": self.case, "sample": str(self.sample), "key": self.key}
        story = {
            "recorded-at": self.recorded_at,
            "latency-ms": "" if self.latency_ms is None else str(self.latency_ms),
            "recordings": str(self.recordings),
            "digest": self.digest,
        }
        return {
            "request": {
                "headers": {**{_OWN + name: [text] for name, text in identity.items()}, **self.request_headers},
                "method": self.method,
                "uri": self.uri,
                "body": self.request_body,
            },
            "response": {
                "status": {"code": self.status, "message": self.reason},
                "headers": {**{_OWN + name: [text] for name, text in story.items()}, **self.response_headers},
                "body": {"string": self.response_body},
            },
        }

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Interaction:
        """Read what `to_wire` wrote, or what stock vcrpy made of it. Raises ValueError."""
        try:
            request, response = wire["request"], wire["response"]
            identity, request_headers = _split(request["headers"])
            story, response_headers = _split(response["headers"])
            latency = story.get("latency-ms", "")
            status = response["status"]["code"]
            if type(status) is not int:
                raise ValueError("the status is not a number")
            if not _KEY.fullmatch(identity["key"]):
                raise ValueError("x-modelroute-key is not a key")
            return cls(
                task=identity["task"],
                case=identity["case"],
                sample=_number(identity["sample"]),
                key=identity["key"],
                recorded_at=story["recorded-at"],
                latency_ms=_number(latency) if latency else None,
                recordings=_number(story["recordings"]),
                digest=story["digest"],
                method=_text(request["method"]),
                uri=_text(request["uri"]),
                request_headers=request_headers,
                request_body=_text(request["body"]),
                status=status,
                reason=_text(response["status"].get("message")),
                response_headers=response_headers,
                response_body=_text(response["body"]["string"]),
            )
        except KeyError as error:
            raise ValueError(f"{error} is missing") from None
        except (TypeError, AttributeError, IndexError):
            raise ValueError("not a recorded interaction") from None


def _split(headers: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, list[str]]]:
    own: dict[str, str] = {}
    others: dict[str, list[str]] = {}
    for name, values in headers.items():
        texts = [values] if isinstance(values, str) else values
        if type(texts) is not list:
            raise ValueError(f"the header {name} is not text")
        for text in texts:  # every line of a cassette comes by here: a loop is twice as fast as all()
            if type(text) is not str:
                raise ValueError(f"the header {name} is not text")
        if name[: len(_OWN)].lower() == _OWN:
            own[name[len(_OWN) :].lower()] = texts[0]
        else:
            others[name] = texts
    return own, others


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{text[:20]!r} is not a whole number") from None


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    raise ValueError(f"{type(value).__name__} stands where text should")


def format_line(interaction: Interaction) -> str:
    text = json.dumps(interaction.to_wire(), ensure_ascii=False, separators=(", ", ": "))
    return "- " + _NOT_YAML.sub(_escaped, text) + "\n"


def _escaped(match: re.Match[str]) -> str:
    return "\ufffd" if "\ud800" <= match[0] <= "\udfff" else f"\\u{ord(match[0]):04x}"


def parse_line(line: bytes) -> Interaction:
    """Read one `- {...}` line. Raises ValueError."""
    wire = strict_json.parse(line[2:].decode("utf-8"))
    if not isinstance(wire, dict):
        raise ValueError("not a recorded interaction")
    return Interaction.from_wire(wire)


def cassette_text(interactions: Iterable[Interaction]) -> str:
    """A whole cassette file, in its order."""
    lines = [format_line(interaction) for interaction in sorted(interactions, key=lambda each: each.order)]
    return HEADER + "".join(lines) if lines else "version: 1\ninteractions: []\n"


def same_content(one: str | bytes | None, other: str | bytes | None) -> bool:
    """Whether two bodies say the same: another release of an SDK may order or space its JSON differently."""
    return one == other or _content(one) == _content(other)


def _content(body: str | bytes | None) -> object:
    try:
        return json.loads(body or b"")
    except ValueError:
        return body.encode() if isinstance(body, str) else body or b""


def answer_content(body: str) -> object:
    """What an answer says: content, stop reason and model; ids and counters change with each call."""
    try:
        return _said(strict_json.parse(body))
    except (ValueError, AttributeError):
        return body


def _said(message: Mapping[str, Any]) -> dict[str, Any]:
    return {name: message.get(name) for name in ("content", "stop_reason", "stop_sequence", "model")}


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))  # json.dumps would make one a call


def _digest(content: object) -> str:
    return "v2:" + hashlib.sha256(_ENCODER.encode(content).encode()).hexdigest()
