"""From what was recorded to the cassette's new text."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence, Set

from ..errors import InputError
from .index import Cassette
from .lines import Interaction, answer_content, cassette_text, same_content

__all__ = ["not_outdated", "rewritten"]


def not_outdated(before: Cassette, recorded: Sequence[Interaction]) -> tuple[Interaction, ...]:
    """What of a recording is no older than the cassette: it may have waited in a journal while others recorded.

    A run of several calls stays or goes as a whole.
    """
    times = {interaction.key: interaction.recorded_at for interaction in before.interactions()}
    older = {(each.case, each.sample) for each in recorded if each.recorded_at < times.get(each.key, "")}
    return tuple(each for each in recorded if (each.case, each.sample) not in older)


def rewritten(before: Cassette, recorded: Iterable[Interaction], needed: Mapping[str, Set[str]]) -> str:
    """The cassette's text after a recording.

    `needed` has, for each case that was recorded, the keys that are still wanted; its other interactions are dropped.
    An answer that came out the same as before keeps its times and its count, and with them its line as it was. Raises
    InputError where the file could not be read: its recordings would be lost.
    """
    if before.fault:
        what = f"{before.label} cannot be written anew: {before.fault}"
        raise InputError(what, fix="restore the file from git, or move it away")
    kept = {
        interaction.key: interaction
        for interaction in before.interactions()
        if interaction.case not in needed or interaction.key in needed[interaction.case]
    }
    for interaction in recorded:
        earlier = kept.get(interaction.key)
        if earlier is None:
            kept[interaction.key] = interaction
        elif _says_the_same(earlier, interaction):
            kept[interaction.key] = _asked_anew(earlier, interaction)
        else:
            kept[interaction.key] = dataclasses.replace(interaction, recordings=earlier.recordings + 1)
    return cassette_text(kept.values())


def _says_the_same(earlier: Interaction, interaction: Interaction) -> bool:
    # By its body, not its header: an answer that was edited by hand is not the one that was recorded.
    contents = [answer_content(each.response_body) for each in (earlier, interaction)]
    return earlier.status == interaction.status and contents[0] == contents[1]


def _asked_anew(earlier: Interaction, interaction: Interaction) -> Interaction:
    """The earlier answer to the later question: a case may be renamed, an address moved, a function changed."""
    body = interaction.request_body
    if same_content(earlier.request_body, body):
        body = earlier.request_body
    asked = dataclasses.replace(
        earlier,
        task=interaction.task,
        case=interaction.case,
        method=interaction.method,
        uri=interaction.uri,
        request_body=body,
    )
    return asked.sealed()
