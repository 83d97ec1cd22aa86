"""Changes that loosen what the base verified, in words; and the gate of those that no task's gate can tell of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .. import strict_json
from ..registry.acknowledging import entry_text
from ..registry.changes import Change, ChangeKind

__all__ = ["RegistryGate", "loosening_reason", "taking_responsibility"]

LONGEST_VALUE = 60  # characters


@dataclass(frozen=True)
class RegistryGate:
    """What loosens in the whole registry, and in tasks that are gone or have no gate; `registry` is the path."""

    registry: str
    changes: tuple[Change, ...]

    @property
    def fails_build(self) -> bool:
        return bool(self._unacknowledged)

    @property
    def reasons(self) -> tuple[str, ...]:
        return tuple(
            loosening_reason(change) if change.task is None else f"{change.task}: {loosening_reason(change)}"
            for change in self._unacknowledged
        )

    @property
    def way_out(self) -> str:
        return taking_responsibility(self._unacknowledged, self.registry)

    @property
    def _unacknowledged(self) -> list[Change]:
        return [change for change in self.changes if change.acknowledged is None]


def loosening_reason(change: Change) -> str:
    """What a change loosens, which nobody acknowledged, without a full stop."""
    told = change.kind.value.replace("_", " ")
    if change.kind is ChangeKind.TASK_REMOVED:
        told += f", from {change.old} it falls to {change.new}"
    elif change.old is None:
        told += f": new: {_shown(change.new)}"
    elif change.new is None:
        told += f": {_shown(change.old)}"
    else:
        told += f" from {_shown(change.old)} to {_shown(change.new)}"
    return f"{told} ({change.place}), and nobody acknowledged it"


def taking_responsibility(changes: Sequence[Change], registry: str) -> str:
    """The two ways out: the edits that take the changes back, or the entries to paste, one a line."""
    undoing = "; ".join(change.undoing for change in changes)
    entries = "\n".join(f"  {entry_text(change)}" for change in changes)
    return f"{undoing}; or put under `acknowledged:` in {registry}, with a reason:\n{entries}"


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else strict_json.compact(value)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 3] + "..."
