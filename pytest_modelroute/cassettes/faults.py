"""Why a call gave no answer, and what that means for the calls after it."""

from __future__ import annotations

import datetime
import email.utils
import json
import re
import urllib.error
from dataclasses import dataclass
from enum import Enum
from typing import Any

from .. import strict_json

__all__ = ["Fault", "FaultKind", "NoMessage", "bare_detail", "fault_of", "malformed", "parsed_message"]

LONGEST_WAIT = 300.0  # seconds; an endpoint that asks for more is asked again then

# Packages whose exceptions mean that the network failed, not the caller.
NETWORK = frozenset(
    {"aiohttp", "anthropic", "httpcore", "httpcore2", "httpx", "httpx2", "openai", "requests", "urllib3", "zlib"}
)

_ERROR_TYPE = re.compile("[a-z0-9_]{1,40}")  # as providers name their errors: a word, and no sentence


class NoMessage(ValueError):
    """A 200 that holds no message."""


class FaultKind(Enum):
    """OVERLOADED and TRANSIENT are tried again, REFUSED is this call's alone, FATAL is the endpoint's.

    LOCAL is this call's alone too, and not the endpoint's doing; AGAIN is nobody's: it is made again, and not counted.
    """

    OVERLOADED = "overloaded"
    TRANSIENT = "transient"
    REFUSED = "refused"
    FATAL = "fatal"
    LOCAL = "local"
    AGAIN = "again"


@dataclass(frozen=True, slots=True)
class Fault:
    """`retry_after` are the seconds that the endpoint asks to be left alone, where it says so."""

    kind: FaultKind
    detail: str
    retry_after: float | None = None


def fault_of(error: BaseException, key_variable: str | None = None) -> Fault:
    """What an exception means, of whatever client: by its HTTP status where it has one.

    `key_variable` is the environment variable that the call's key came from.
    """
    answered, status = _answered(error)
    if isinstance(status, int) and status != 200:
        key = f" (the key is that in {key_variable})" if status in (401, 403) and key_variable is not None else ""
        return Fault(_kind_of(status), _detail(error) + key, _retry_after(getattr(answered, "headers", None)))
    package = type(error).__module__.partition(".")[0]
    if package in NETWORK or isinstance(error, (OSError, EOFError, json.JSONDecodeError)):
        return Fault(FaultKind.TRANSIENT, _detail(error))
    return Fault(FaultKind.LOCAL, _detail(error))


def bare_detail(error: BaseException) -> str:
    """What an exception means, without a word that may quote what was sent: the provider's name for it at most."""
    _, status = _answered(error)
    name = _told(error).get("type")
    told = [str(status)] if isinstance(status, int) else []
    if isinstance(name, str) and _ERROR_TYPE.fullmatch(name):
        told.append(name)
    cause = error.__cause__
    kinds = type(error).__name__ + ("" if cause is None else f" ({type(cause).__name__})")
    return ": ".join((kinds, " ".join(told))) if told else kinds


def _answered(error: BaseException) -> tuple[Any, Any]:
    """What has the answer's headers, and the HTTP status; each None where there is none."""
    answered = error if isinstance(error, urllib.error.HTTPError) else getattr(error, "response", None)
    status = getattr(error, "status_code", None) or getattr(answered, "status_code", getattr(answered, "code", None))
    return answered, status


def _told(error: BaseException) -> dict[str, Any]:
    """What the provider says of an error in its own shape; empty where it does not."""
    body = getattr(error, "body", None)
    told = body.get("error") if isinstance(body, dict) else None
    return told if isinstance(told, dict) else {}


def _detail(error: BaseException) -> str:
    """The provider's own words where there are any, without the request's id: the same fault reads the same."""
    told = _told(error)
    if isinstance(told.get("message"), str):
        status = getattr(error, "status_code", "")
        return f"{type(error).__name__}: {status} {told.get('type') or ''}: {told['message']}"
    cause = error.__cause__
    return f"{type(error).__name__}: {error}" + (f" ({type(cause).__name__}: {cause})" if cause is not None else "")


def malformed(body: str) -> Fault | None:
    """Why a 200 is no answer, if it is none."""
    try:
        parsed_message(body)
    except NoMessage as error:
        return Fault(FaultKind.TRANSIENT, str(error))
    return None


def parsed_message(body: str) -> dict[str, Any]:
    """The message that a 200 holds. Raises NoMessage: the SDK takes many bodies for a message that are none."""
    try:
        message = strict_json.parse(body)
    except ValueError as error:
        raise NoMessage(f"the endpoint answered 200 with a body that is not JSON: {error}") from None
    if not isinstance(message, dict) or not isinstance(message.get("content"), list):
        raise NoMessage("the endpoint answered 200 with something that is not a message")
    return message


def _kind_of(status: int) -> FaultKind:
    if status == 429 or status >= 500:
        return FaultKind.OVERLOADED
    if status in (408, 409):
        return FaultKind.TRANSIENT
    # Wrong key, unpaid, forbidden, no such model or address: no call of this endpoint will fare better.
    return FaultKind.FATAL if status in (401, 402, 403, 404) else FaultKind.REFUSED


def _retry_after(headers: Any) -> float | None:
    """The header in seconds: a number, or an HTTP date."""
    text = headers.get("retry-after") if headers is not None else None
    if not isinstance(text, str):
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            until = email.utils.parsedate_to_datetime(text)
        except ValueError:
            return None
        if until.tzinfo is None:
            until = until.replace(tzinfo=datetime.UTC)
        seconds = (until - datetime.datetime.now(datetime.UTC)).total_seconds()
    return min(max(seconds, 0.0), LONGEST_WAIT) if seconds == seconds else None
