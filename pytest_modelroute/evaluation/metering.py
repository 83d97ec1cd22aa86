"""What one recorded call took, and whether a model took it: the team's own function may ask other hosts too."""

from __future__ import annotations

import re
from collections.abc import Collection, Container, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from .. import strict_json
from ..cassettes.lines import Interaction
from ..errors import ErrorKind, UnobtainedAnswer
from ..registry.model import Tier
from .answers import Usage, usage_of

__all__ = ["Metered", "metered", "others_than", "refuse_other_tier", "refuse_stand_in"]


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


def _is_dated(answered: str, asked: str) -> bool:
    """Whether the one is the dated model that the other, an alias, stands for."""
    return re.fullmatch(re.escape(asked) + r"-\d{8}", answered) is not None


def others_than(asked: str, answered: Collection[str]) -> list[str]:
    """The models that answered and are not the one asked for; an alias is answered by one dated model."""
    others = set(answered) - {asked}
    dated = {model for model in others if _is_dated(model, asked)}
    return sorted(others if len(dated) > 1 else others - dated)


def refuse_other_tier(answered: Collection[str], tier: Tier, tiers: Iterable[Tier]) -> None:
    """Raise UnobtainedAnswer where a team's own function asked other tiers' models and never the one that it is given.

    It may ask others beside it.
    """
    if any(model == tier.model or _is_dated(model, tier.model) for model in answered):
        return
    for model in answered:
        refuse_stand_in(model, tier.model, tiers, "have the function ask the `model` that it is given")


def refuse_stand_in(
    answered: object, asked: object, tiers: Iterable[Tier], way_out: str = "see what the endpoint serves"
) -> None:
    """Raise UnobtainedAnswer where another model than the one asked for answered, and a tier of the registry has it.

    What any other name means only the endpoint knows: that is warned about.
    """
    if not isinstance(answered, str) or not isinstance(asked, str) or answered == asked or _is_dated(answered, asked):
        return
    others = [tier.name for tier in tiers if tier.model == answered]
    if others:
        whose = f"{answered} answered, the model of tier {others[0]}, where {asked} was asked for"
        raise UnobtainedAnswer(ErrorKind.UNREADABLE, f"{whose}: {way_out}, and record again")
