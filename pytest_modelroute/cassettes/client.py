"""The provider's SDK, one client an endpoint: keys go only where the registry sends them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..errors import InputError
from ..registry.model import Tier

if TYPE_CHECKING:
    import anthropic

__all__ = ["create_message", "endpoint_host", "live_client", "offline_client"]

SECONDS_TO_ANSWER = 600.0


def endpoint_host(tier: Tier) -> str:
    """The only host that the tier's calls may go to."""
    return urlsplit(tier.endpoint).hostname or ""


def live_client(tier: Tier, on_send: Callable[[], None]) -> anthropic.Anthropic:
    """A client for recording; `on_send` is called as each attempt leaves. Raises InputError where a key is not set."""
    import anthropic

    key: str | None = None
    if tier.api_key_env is not None:
        key = os.environ.get(tier.api_key_env)
        if not key:
            raise InputError(
                f"tier '{tier.name}' needs a key in {tier.api_key_env}, which is not set",
                fix=f"export {tier.api_key_env}=...",
            )
    elif tier.base_url is not None:
        key = "none"  # an endpoint on this machine that asks for no key: the provider's is not for it
    # The SDK adds these to every client; they often carry a credential, and are meant for the provider.
    foreign = _custom_header_names() if tier.base_url is not None else ()

    def before_sending(request: Any) -> None:
        for name in foreign:
            request.headers.pop(name, None)
        on_send()

    transport = anthropic.DefaultHttpxClient(follow_redirects=False, event_hooks={"request": [before_sending]})
    # An explicit address, or the SDK would follow ANTHROPIC_BASE_URL.
    return anthropic.Anthropic(
        api_key=key,
        base_url=tier.endpoint,
        max_retries=4,
        timeout=SECONDS_TO_ANSWER,
        http_client=transport,
    )


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
    messages: Any = client.beta.messages if "betas" in arguments else client.messages
    raw = messages.with_raw_response.create(model=model, **arguments)
    raw.parse()
    text: str = raw.text()
    return text
