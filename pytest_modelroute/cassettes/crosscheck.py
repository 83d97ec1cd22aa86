"""Replay through vcrpy and the real SDK: slower than reading the recording, and bound to give the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .. import strict_json
from ..errors import ErrorKind, UnobtainedAnswer
from ..registry.model import Tier
from .client import create_message, offline_client
from .lines import Interaction
from .playback import Playback

if TYPE_CHECKING:
    import anthropic

__all__ = ["VcrPlayer"]


class VcrPlayer:
    """Serves one interaction at a time to the SDK; whatever else it tries to send is blocked by vcrpy."""

    def __init__(self) -> None:
        self._playback = Playback(exact=False)
        self._clients: dict[str, anthropic.Anthropic] = {}

    def play(self, interaction: Interaction, tier: Tier, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """The answer's body as the SDK received it. Raises UnobtainedAnswer."""
        if tier.name not in self._clients:
            self._clients[tier.name] = offline_client(tier)
        client = self._clients[tier.name]
        text = self._playback.run([interaction], lambda: create_message(client, tier.model, arguments), "")
        try:
            body = strict_json.parse(text)
        except ValueError as error:
            raise UnobtainedAnswer(ErrorKind.TRANSPORT, f"replay through vcrpy: {error}") from None
        if not isinstance(body, dict):
            raise UnobtainedAnswer(ErrorKind.UNREADABLE, "the recorded answer is not a JSON object")
        return body
