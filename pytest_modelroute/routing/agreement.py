"""What the log keeps of inputs and outputs: digests by which two answers to one input can be told to agree."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from .. import strict_json
from ..evaluation.golden import ABSENT
from ..evaluation.scorer import part_of
from ..registry.model import ScorerKind, Task
from ..registry.serving import Inputs
from .decisions import Excerpt

__all__ = ["agreeing_part", "digest", "excerpt", "output_digest"]

PREFIX = 80  # characters


def agreeing_part(output: Any, task: Task) -> Any:
    """The part of an output that counts where two answers are compared, so that equal answers have equal parts.

    The fields that the task's scorer looks at, as a mapping, where it is of kind `fields`; else all but the model's
    confidence.
    """
    if task.score.kind is ScorerKind.FIELDS and isinstance(output, Mapping):
        parts = {name: part_of(output, name) for name in task.score.options.get("fields", ())}
        return {name: part for name, part in parts.items() if part is not ABSENT}
    return output if task.output.confidence is None else _without(output, task.output.confidence)


def output_digest(output: Any, task: Task) -> str:
    """The digest of an output as the decision log has it: of the part that counts for agreement."""
    return digest(agreeing_part(output, task))


def digest(value: Any) -> str:
    """`sha256:` and the hash of a value's canonical JSON; what is not JSON counts by its text."""
    return "sha256:" + hashlib.sha256(_canonical(value).encode("utf-8", "surrogatepass")).hexdigest()


def excerpt(value: Any, inputs: Inputs, counted: Any = ABSENT) -> Excerpt:
    """What is kept of a value, whose digest is that of its part `counted`, where it is given."""
    found = digest(value if counted is ABSENT else counted)
    if inputs is Inputs.DIGEST:
        return Excerpt(found)
    if inputs is Inputs.PREFIX:
        return Excerpt(found, prefix=(value if isinstance(value, str) else _canonical(value))[:PREFIX])
    return Excerpt(found, full=json.loads(_canonical(value)))


def _canonical(value: Any) -> str:
    try:
        return strict_json.canonical(value)
    except ValueError:
        return json.dumps(repr(value))


def _without(output: Any, pointer: str) -> Any:
    """The output without what a JSON pointer names, where it has that."""
    above, _, name = pointer.rpartition("/")
    if part_of(output, pointer) is ABSENT:
        return output
    changed = copy.deepcopy(output)
    holder = part_of(changed, above) if above else changed
    if isinstance(holder, list):
        del holder[int(name)]
    else:
        del holder[name.replace("~1", "/").replace("~0", "~")]
    return changed
