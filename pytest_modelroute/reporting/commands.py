"""Commands to paste where this one was given."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from ..registry.rootdir import DEFAULT_REGISTRY

__all__ = ["Invocation"]


@dataclass(frozen=True, slots=True)
class Invocation:
    """How a command was started: `path` is the registry's from where that was.

    `option` is the registry as `--modelroute-registry` takes it; None where the command does without.
    """

    path: str
    option: str | None

    def recording(self, *names: str, beside: str | None) -> str:
        """The command that records a task, or one case of it, on its tier, and on one `beside` that."""
        named = "" if self.option is None else f" --modelroute-registry={shlex.quote(self.option)}"
        tiers = "" if beside is None else f" --modelroute-record-tiers={beside}"
        node = _quoted("::".join((self.path, *names)))
        return f"pytest --modelroute{named} --modelroute-record=new_episodes{tiers} {node}"

    def auditing(self, task: str, tier: str | None = None) -> str:
        """The command that labels a task's answers, or those of another tier, for the audit of its grader."""
        of_tier = "" if tier is None else f" --tier {tier}"
        return f"modelroute audit {task}{of_tier}{self._named}"

    @property
    def applying(self) -> str:
        """The command that follows advice, but for the task."""
        return f"modelroute advise{self._named} --apply"

    @property
    def _named(self) -> str:
        return "" if self.path == DEFAULT_REGISTRY else f" --registry={shlex.quote(self.path)}"


def _quoted(text: str) -> str:
    """Always in quotes, and in double ones where these will do, which every shell knows."""
    return shlex.quote(text) if re.search(r'["$`\\!]', text) else f'"{text}"'
