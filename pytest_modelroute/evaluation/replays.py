"""Many assignments of the same tasks held against each other: what a tier answered is worked out once."""

from __future__ import annotations

from collections.abc import Callable

from ..cassettes.replay import Recordings
from ..registry.model import Registry, Tier
from .asking import Play
from .evaluate import Evaluation, TaskMaterial

__all__ = ["Replays"]


class Replays:
    """The evaluations of one project's tasks on its tiers, kept."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Evaluation] = {}

    def evaluation_of(
        self,
        material: TaskMaterial,
        registry: Registry,
        tier: Tier,
        recordings: Recordings,
        command: Callable[[Tier], str],
        play: Play | None = None,
    ) -> Evaluation:
        """As `evaluate.evaluation_of`, for a material that differs from others of its task in the assignment alone."""

        def own(asked: Tier) -> Evaluation:
            known = self._kept.get((material.task.name, asked.name))
            if known is None:
                known = Evaluation(material, asked, recordings, command(asked), play)
                self._kept[material.task.name, asked.name] = known
            return known

        escalation = material.task.escalation
        escalates = escalation is not None and tier.name == material.task.tier
        dearer = own(registry.tier(escalation.to)) if escalation is not None and escalates else None
        return own(tier).reassigned(material, dearer)
