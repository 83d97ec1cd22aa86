"""Replay through vcrpy and the real SDK: slower than reading the recording, and bound to give the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .. import strict_json
from ..errors import ErrorKind, UnobtainedAnswer
from ..registry.model import Tier
from .client import create_message, offline_client
from .lines import Interaction

if TYPE_CHECKING:
    import anthropic

__all__ = ["VcrPlayer"]


class VcrPlayer:
    """Serves one interaction at a time to the SDK; whatever else it tries to send is blocked by vcrpy."""

    def __init__(self) -> None:
        import vcr

        self._vcr = vcr.VCR(record_mode="none", match_on=("method", "path"))
        self._clients: dict[str, anthropic.Anthropic] = {}

    def play(self, interaction: Interaction, tier: Tier, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """The answer's body as the SDK received it. Raises UnobtainedAnswer."""
        if tier.name not in self._clients:
            self._clients[tier.name] = offline_client(tier)
        try:
            with self._vcr.use_cassette(interaction.key, persister=_OneInteraction(interaction)):
                body = strict_json.parse(create_message(self._clients[tier.name], tier.model, arguments))
        except Exception as error:  # whatever the SDK raises: its answer could not be obtained
            cause = error.__cause__ or error
            raise UnobtainedAnswer(
                ErrorKind.TRANSPORT, f"replay through vcrpy: {type(cause).__name__}: {cause}"
            ) from None
        if not isinstance(body, dict):
            raise UnobtainedAnswer(ErrorKind.UNREADABLE, "the recorded answer is not a JSON object")
        return body


class _OneInteraction:
    """A vcrpy persister that holds a single interaction."""

    def __init__(self, interaction: Interaction) -> None:
        self._interaction = interaction

    def load_cassette(self, cassette_path: str, serializer: object) -> tuple[list[Any], list[Any]]:
        from vcr.serialize import deserialize

        wire = self._interaction.to_wire()
        requests, responses = deserialize(wire, _AlreadyParsed)[:2]
        return requests, responses

    def save_cassette(self, cassette_path: str, cassette_dict: object, serializer: object) -> None:
        """Nothing is recorded here."""


class _AlreadyParsed:
    """A vcrpy serializer for an interaction that is parsed already."""

    @staticmethod
    def deserialize(wire: dict[str, Any]) -> dict[str, Any]:
        return {"interactions": [wire]}
