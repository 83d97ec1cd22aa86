"""What is told of two tiers side by side, however it is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..evaluation.costs import usd_per_1000
from ..registry.model import Task
from ..routing.comparing import SideBySide
from ..routing.logged import Shadowed
from .model import percentile

__all__ = ["Compared", "Hide", "Source", "latency_spread", "price", "token_spread"]

Hide = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Source:
    """A decision log: its path as it was typed, the lines that could not be read, and what the rest says."""

    path: str
    skipped: int
    shadowed: Shadowed


@dataclass(frozen=True, slots=True)
class Compared:
    """Two tiers' answers of a task to `inputs` different inputs; `graded` is whether a model says which are right.

    `log` is where they come from, unless from recordings.
    """

    task: Task
    found: SideBySide
    inputs: int
    graded: bool = False
    log: Source | None = None

    @property
    def words(self) -> tuple[str, str]:
        """What confidence is held against: a log does not know what is right, but whether the other tier agrees."""
        return ("right", "wrong") if self.log is None else ("agreeing", "differing")


def token_spread(found: SideBySide, side: int) -> dict[str, int | None]:
    """The output tokens of a tier's answers."""
    return _spread(found.numbers(side, lambda given: given.output_tokens))


def latency_spread(found: SideBySide, side: int) -> dict[str, int | None]:
    """How long a tier's answers took, in milliseconds."""
    return _spread(found.numbers(side, lambda given: given.latency_ms))


def _spread(known: list[int]) -> dict[str, int | None]:
    return {"p50": percentile(known, 0.5), "p95": percentile(known, 0.95)}


def price(found: SideBySide, side: int) -> float | None:
    """USD for a thousand answers of a tier; None where that is not known."""
    return usd_per_1000([given.usd for given in found.given(side) if given.obtained])
