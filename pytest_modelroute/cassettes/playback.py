"""Replay through vcrpy: a function runs, and whatever it sends is answered from recordings or blocked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ..errors import ErrorKind, UnobtainedAnswer
from .lines import Interaction, same_content

__all__ = ["Nowhere", "Playback"]

Result = TypeVar("Result")


class _NotRecorded(BaseException):
    """No Exception: an SDK would retry for seconds, and an agent would go on without its answer."""


class Playback:
    """Serves recorded interactions to any HTTP client that vcrpy intercepts, each once, in their order.

    With `exact` a request must equal the recorded one (method, address, JSON of the body), and all of them must be
    made; otherwise its path is enough.
    """

    def __init__(self, *, exact: bool) -> None:
        import vcr

        self._exact = exact
        self._vcr = vcr.VCR(record_mode="none", match_on=("modelroute",))
        self._vcr.register_matcher("modelroute", _same if exact else _same_path)

    def run(self, interactions: Sequence[Interaction], function: Callable[[], Result], advice: str) -> Result:
        """What `function` returns. Raises UnobtainedAnswer where it asks for what was not recorded, or raises."""
        missed: list[str] = []
        playing: list[Any] = []  # empty while vcrpy passes the recorded requests through the same hook

        def known(request: Any) -> Any:
            if not self._exact or not playing:
                return request
            cassette = playing[0]
            unplayed = (index for index in range(len(cassette.requests)) if not cassette.play_counts[index])
            if not any(_same(request, cassette.requests[index]) for index in unplayed):
                missed.append(f"{request.method} {request.uri}")
                raise _NotRecorded
            return request

        persister = _Recorded(interactions)
        try:
            with self._vcr.use_cassette("replay", persister=persister, before_record_request=known) as cassette:
                playing.append(cassette)
                result = function()
                unplayed = len(cassette.requests) - cassette.play_count
        except KeyboardInterrupt:
            raise
        except _NotRecorded:
            raise _stale(missed[0], advice) from None
        except BaseException as error:  # whatever the SDK or the team's function raises, sys.exit() included
            if missed:
                raise _stale(missed[0], advice) from None
            cause = error.__cause__ or error
            what = f"{type(cause).__name__}: {cause}"
            if self._exact:
                raise UnobtainedAnswer(ErrorKind.CALL, what) from None
            raise UnobtainedAnswer(ErrorKind.TRANSPORT, f"replay through vcrpy: {what}") from None
        if missed:  # the function swallowed it
            raise _stale(missed[0], advice)
        if self._exact and unplayed:
            what = f"recorded with {len(interactions)} calls, and {unplayed} of them are not made any more: {advice}"
            raise UnobtainedAnswer(ErrorKind.STALE, what)
        return result


def _stale(request: str, advice: str) -> UnobtainedAnswer:
    return UnobtainedAnswer(
        ErrorKind.STALE, f"its function sends another request than was recorded ({request}): {advice}"
    )


def _same(one: Any, other: Any) -> bool:
    return (one.method, one.uri) == (other.method, other.uri) and same_content(one.body, other.body)


def _same_path(one: Any, other: Any) -> bool:
    return bool((one.method, one.path) == (other.method, other.path))


class _Recorded:
    """A vcrpy persister that holds the given interactions."""

    def __init__(self, interactions: Sequence[Interaction]) -> None:
        self._wires = [interaction.to_wire() for interaction in interactions]

    def load_cassette(self, cassette_path: str, serializer: object) -> tuple[list[Any], list[Any]]:
        from vcr.serialize import deserialize

        requests, responses = deserialize({"interactions": self._wires}, _AlreadyParsed)[:2]
        return requests, responses

    def save_cassette(self, cassette_path: str, cassette_dict: object, serializer: object) -> None:
        """Nothing is recorded here."""


class _AlreadyParsed:
    """A vcrpy serializer for what is parsed already."""

    @staticmethod
    def deserialize(document: dict[str, Any]) -> dict[str, Any]:
        return document


class Nowhere:
    """A vcrpy persister: what arrives is kept by the capture, as it arrives."""

    def load_cassette(self, cassette_path: str, serializer: object) -> tuple[list[Any], list[Any]]:
        from vcr.persisters.filesystem import CassetteNotFoundError

        raise CassetteNotFoundError

    def save_cassette(self, cassette_path: str, cassette_dict: object, serializer: object) -> None:
        """Nothing is left to save."""
