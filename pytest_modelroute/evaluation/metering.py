"""What one recorded call took, and whether a model took it: the team's own function may ask other hosts too."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from urllib.parse import urlsplit

from .. import strict_json
from ..cassettes.lines import Interaction
from .answers import Usage, usage_of

__all__ = ["Metered", "metered"]


@dataclass(frozen=True, slots=True)
class Metered:
    """`priced` is whether the tier's price is that of the call; `usage` and `model` are None where it does not tell."""

    priced: bool
    usage: Usage | None = None
    model: str | None = None


def metered(interaction: Interaction, hosts: Container[str]) -> Metered:
    """Read a recorded answer; `hosts` are those that the function calls beside the tier's endpoint."""
    address = urlsplit(interaction.uri)
    if address.hostname in hosts:
        return Metered(priced=False)
    try:
        body = strict_json.parse(interaction.response_body)
    except ValueError:
        return Metered(priced=address.path.endswith("/messages") or _is_stream(interaction))
    if not isinstance(body, dict) or not ("usage" in body or isinstance(body.get("content"), list)):
        return Metered(priced=False)
    model = body.get("model")
    return Metered(True, usage_of(body.get("usage")), model if isinstance(model, str) else None)


def _is_stream(interaction: Interaction) -> bool:
    """Whether it is an answer in pieces, whose tokens are not read."""
    headers = interaction.response_headers.items()
    types = [text for name, texts in headers if name.lower() == "content-type" for text in texts]
    return any(text.startswith("text/event-stream") for text in types)
