"""The provider's SDK, one client a tier: keys go only where the registry sends them."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..errors import InputError
from ..registry.model import Tier

if TYPE_CHECKING:
    import anthropic

__all__ = [
    "async_message_text",
    "count_tokens",
    "create_message",
    "endpoint_host",
    "is_async",
    "key_variable",
    "live_async_client",
    "live_client",
    "message_text",
    "offline_client",
    "retirement",
    "unknown_argument",
]

COUNTED = ("messages", "system", "tools", "tool_choice", "thinking")  # what count_tokens takes of a request


def endpoint_host(tier: Tier) -> str:
    """The host that the tier's calls go to."""
    return urlsplit(tier.endpoint).hostname or ""


def key_variable(tier: Tier) -> str | None:
    """The environment variable that the tier's key is read from; None where none is sent."""
    if tier.api_key_env is not None or tier.base_url is not None:
        return tier.api_key_env
    names = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")  # in the SDK's order
    return next((name for name in names if os.environ.get(name)), names[0])


def live_client(tier: Tier, timeout: float, max_retries: int = 0) -> anthropic.Anthropic:
    """A client for a tier; it retries nothing by itself unless told. Raises InputError where a key is not set.

    `timeout` is in seconds, for each attempt.
    """
    import anthropic

    foreign = _foreign_headers(tier)

    def before_sending(request: Any) -> None:
        for name in foreign:
            request.headers.pop(name, None)

    transport = anthropic.DefaultHttpxClient(follow_redirects=False, event_hooks={"request": [before_sending]})
    # An explicit address, or the SDK would follow ANTHROPIC_BASE_URL.
    client = anthropic.Anthropic(
        api_key=_key(tier), base_url=tier.endpoint, max_retries=max_retries, timeout=timeout, http_client=transport
    )
    _check_key(client, tier)
    return client


def live_async_client(tier: Tier, timeout: float, max_retries: int = 0) -> anthropic.AsyncAnthropic:
    """The same for a running event loop, and for this one alone: its connections belong to it."""
    import anthropic

    foreign = _foreign_headers(tier)

    async def before_sending(request: Any) -> None:
        for name in foreign:
            request.headers.pop(name, None)

    transport = anthropic.DefaultAsyncHttpxClient(follow_redirects=False, event_hooks={"request": [before_sending]})
    client = anthropic.AsyncAnthropic(
        api_key=_key(tier), base_url=tier.endpoint, max_retries=max_retries, timeout=timeout, http_client=transport
    )
    _check_key(client, tier)
    return client


def _key(tier: Tier) -> str | None:
    """The key that goes to the tier's endpoint; None leaves the provider's own to the SDK."""
    if tier.api_key_env is None:
        # An endpoint on this machine asks for no key: the provider's is not for it.
        return None if tier.base_url is None else "none"
    key = os.environ.get(tier.api_key_env)
    if not key:
        what = f"tier '{tier.name}' needs a key in {tier.api_key_env}, which is not set"
        raise InputError(what, fix=f"export {tier.api_key_env}=...")
    return key


def _check_key(client: anthropic.Anthropic | anthropic.AsyncAnthropic, tier: Tier) -> None:
    if client.api_key is None and client.auth_token is None and client.credentials is None:
        what = f"tier '{tier.name}' goes to {tier.endpoint}, and no key for it is set"
        raise InputError(what, fix="export ANTHROPIC_API_KEY=...")


def _foreign_headers(tier: Tier) -> tuple[str, ...]:
    """Those that the SDK adds to every client; they often carry a credential, and are meant for the provider."""
    return () if tier.base_url is None else _custom_header_names()


def _custom_header_names() -> tuple[str, ...]:
    lines = os.environ.get("ANTHROPIC_CUSTOM_HEADERS", "").split("\n")
    return tuple(line.partition(":")[0].strip() for line in lines if line.partition(":")[0].strip())


def offline_client(tier: Tier) -> anthropic.Anthropic:
    """A client for replay through vcrpy: no key, and no retry that would hide a miss for seconds."""
    import anthropic

    return anthropic.Anthropic(api_key="replay", base_url=tier.endpoint, max_retries=0)


def create_message(client: anthropic.Anthropic, model: str, arguments: Mapping[str, Any]) -> str:
    """Call messages.create, or its beta twin where betas are asked for; returns the answer's body as text.

    The body is parsed by the SDK first. Raises what the SDK raises.
    """
    raw = _messages(client, arguments).with_raw_response.create(model=model, **arguments)
    raw.parse()
    text: str = raw.text()
    return text


def message_text(client: Any, model: str, arguments: Mapping[str, Any]) -> str:
    """The answer's body as text, from any client that has messages.create. Raises what the client raises."""
    messages = _messages(client, arguments)
    raw = getattr(messages, "with_raw_response", None)
    if raw is None:
        return _text(messages.create(model=model, **arguments))
    text: str = raw.create(model=model, **arguments).text()
    return text


async def async_message_text(client: Any, model: str, arguments: Mapping[str, Any]) -> str:
    """The same from an async client."""
    messages = _messages(client, arguments)
    raw = getattr(messages, "with_raw_response", None)
    if raw is None:
        return _text(await messages.create(model=model, **arguments))
    text: str = await (await raw.create(model=model, **arguments)).text()
    return text


def is_async(client: Any) -> bool:
    """Whether its calls are awaited."""
    return inspect.iscoroutinefunction(inspect.unwrap(client.messages.create))


def _text(message: Any) -> str:
    """The body of a message that a client gives without its text: a mapping, or a model of pydantic's."""
    return json.dumps(message if isinstance(message, Mapping) else message.model_dump(mode="json"))


def count_tokens(client: anthropic.Anthropic, model: str, arguments: Mapping[str, Any]) -> int:
    """How many tokens the provider counts in a request. Raises what the SDK raises."""
    asked: dict[str, Any] = {name: value for name, value in arguments.items() if name in COUNTED}
    count: int = client.messages.count_tokens(model=model, **asked).input_tokens
    return count


def unknown_argument(client: anthropic.Anthropic, arguments: Mapping[str, Any]) -> str | None:
    """The first argument that messages.create of this SDK does not take."""
    known = inspect.signature(_messages(client, arguments).create).parameters
    return next((name for name in arguments if name not in known), None)


def retirement(model: str) -> str | None:
    """The date on which the provider retires a model, in the SDK's words; None where it lists none."""
    from anthropic.resources.messages.messages import DEPRECATED_MODELS

    return DEPRECATED_MODELS.get(model)


def _messages(client: Any, arguments: Mapping[str, Any]) -> Any:
    """What has `create`: the beta twin where the arguments ask for betas."""
    return client.beta.messages if "betas" in arguments else client.messages
