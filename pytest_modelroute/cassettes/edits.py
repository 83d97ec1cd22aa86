"""Recordings that a hand has changed: another answer under the stamp of the one that was recorded."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import Place
from ..registry.changes import Change, ChangeKind
from ..registry.fingerprints import fingerprint, named
from .index import Cassette
from .lines import Interaction, same_content

__all__ = ["edited_recordings"]


def edited_recordings(task: str, model: str, base: Cassette, head: Cassette) -> Sequence[Change]:
    """The change of one cassette, or none.

    A recorder gives another answer a later time. Whoever sets time, count and digest too leaves no trace here.
    """
    before = {interaction.key: interaction for interaction in base.interactions()}
    edited = [each for each in head.interactions() if _is_edited(before.get(each.key), each)]
    if not edited:
        return ()
    names = {each.key: f"{model} {each.case}" + (f" #{each.sample}" if each.sample else "") for each in edited}
    old: dict[str, list[object]] = {}
    new: dict[str, list[object]] = {}
    for each in edited:
        earlier = before.get(each.key)
        old.setdefault(names[each.key], []).append(None if earlier is None else _recorded(earlier))
        new.setdefault(names[each.key], []).append(_recorded(each))
    digests = [{name: fingerprint(parts) for name, parts in side.items()} for side in (old, new)]
    was, is_now = (named(side, "recordings") for side in digests)
    place = Place(head.label, head.line(edited[0].key))
    undoing = f"restore {head.label} from git, or record these cases again"
    return (Change(ChangeKind.RECORDING_EDITED, task, was, is_now, place, undoing=undoing, loosens=True),)


def _is_edited(before: Interaction | None, after: Interaction) -> bool:
    if before is not None:
        if before.recorded_at == after.recorded_at and not _is_same(before, after):
            return True
        if before.digest == after.digest and _is_same(before, after) and _asked(before) == _asked(after):
            return False
    return after.expected_digest() != after.digest


def _is_same(before: Interaction, after: Interaction) -> bool:
    """Whether all is the same that a recorder sets together with the time; what was asked, it may set anew."""
    return same_content(before.response_body, after.response_body) and _story(before) == _story(after)


def _asked(interaction: Interaction) -> list[str]:
    return [interaction.method, interaction.uri, interaction.request_body]


def _story(interaction: Interaction) -> list[object]:
    return [interaction.status, interaction.latency_ms, interaction.recordings]


def _recorded(interaction: Interaction) -> list[object]:
    return [*_story(interaction), interaction.response_body, interaction.digest]
