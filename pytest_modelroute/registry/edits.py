"""Edits of a registry's text: one task's tier and escalation, and not a byte beside them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any

import yaml

from ..errors import InputError, Place
from .document import parse_yaml
from .model import Task
from .patches import unified_diff

__all__ = ["RegistryText", "reassigned_text"]

BREAK = re.compile(r"\r\n|[\r\n\x85\u2028\u2029]")  # as YAML 1.1 has it
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")

Splice = tuple[int, int, str]  # characters from, to, and what stands there instead
Entry = tuple[yaml.Node, yaml.Node]


@dataclass(frozen=True)
class RegistryText:
    """A registry's file as it stands: `label` names it in messages, `path` is from the root of its repository."""

    text: str
    label: str
    path: PurePosixPath

    def assigned(self, task: Task) -> str:
        """The text that has the task on its tier and with its escalation. Raises InputError where it is not safe."""
        escalate = None if task.escalation is None else task.escalation.stated
        return reassigned_text(self.text, self.label, task.name, task.tier, escalate)

    def patch(self, task: Task) -> str:
        """That change as a diff. Raises InputError where it cannot be made safely."""
        return unified_diff(self.path, self.text, self.assigned(task))


def reassigned_text(text: str, label: str, task: str, tier: str, escalate: Mapping[str, Any] | None) -> str:
    """The text of a valid registry with a task on `tier`, escalating as stated (`to`, and perhaps `below`), or not.

    Comments, layout, quotes and line ends stay. Raises InputError where that cannot be done safely, as where the value
    comes from an anchor, or other tasks take it from here.
    """
    registry = parse_yaml(text.encode(), label).value
    before = registry["tasks"][task]
    after = {key: value for key, value in before.items() if key != "escalate"} | {"tier": tier}
    if escalate is not None:
        after["escalate"] = dict(escalate)
    wanted = {**registry, "tasks": {**registry["tasks"], task: after}}
    try:
        edited = _spliced(text, list(_Editor(text, label, task).splices(before, after)))
        same = _says(edited, wanted)
    except yaml.YAMLError:  # what the fast loader takes, and the slow one does not
        same = False
    if not same:
        raise InputError(f"{label}: as it is written there, {task} cannot be changed alone", fix="edit it by hand")
    return edited


def _says(text: str, wanted: Any) -> bool:
    try:
        return _canonical(parse_yaml(text.encode(), "").value) == _canonical(wanted)
    except InputError:
        return False


def _canonical(value: Any) -> str:
    """Types count too: 1, 1.0 and true are three things."""
    return json.dumps(value, sort_keys=True)


def _spliced(text: str, splices: list[Splice]) -> str:
    for start, end, new in sorted(splices, reverse=True):
        text = text[:start] + new + text[end:]
    return text


class _Editor:
    """Finds a task's values in the text by the positions of its YAML nodes.

    They come from PyYAML's slow loader: libyaml's marks have lines and columns alone.
    """

    def __init__(self, text: str, label: str, task: str) -> None:
        self._text = text
        self._label = label
        self._told = f"tasks.{task}"
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        tasks = self._entry(root, "tasks", "tasks")
        self._mapping = self._entry(tasks[1], task, self._told)[1]

    def splices(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Splice]:
        """What makes the task say `after` that says `before`: they differ in `tier` and `escalate` at most."""
        own = self._mapping
        tier = self._entry(own, "tier", f"{self._told}.tier")
        if before["tier"] != after["tier"]:
            yield self._replaced(tier[1], after["tier"])
        old, new = before.get("escalate"), after.get("escalate")
        if old == new:
            return
        told = f"{self._told}.escalate"
        if old is None:
            yield self._added(own, tier, "escalate", new)
            return
        entry = self._entry(own, "escalate", told)
        if new is None:
            yield self._removed(own, entry)
            return
        to = self._entry(entry[1], "to", f"{told}.to")
        if old["to"] != new["to"]:
            yield self._replaced(to[1], new["to"])
        if old.get("below") == new.get("below"):
            return
        if "below" not in old:
            yield self._added(entry[1], to, "below", new["below"])
            return
        below = self._entry(entry[1], "below", f"{told}.below")
        yield self._replaced(below[1], new["below"]) if "below" in new else self._removed(entry[1], below)

    def _entry(self, mapping: yaml.Node | None, key: str, told: str) -> Entry:
        """A key and its value as they stand in the mapping itself. Raises InputError where they do not."""
        assert isinstance(mapping, yaml.MappingNode)
        for name, value in mapping.value:
            if isinstance(name, yaml.ScalarNode) and name.value == key:
                if name.start_mark.index < mapping.start_mark.index:
                    raise self._refusal(mapping, f"{told} has a key that comes from an anchor (`*`)")
                if value.start_mark.index < name.end_mark.index:
                    raise self._refusal(name, f"{told} comes from an anchor (`*`)")
                return name, value
        raise self._refusal(mapping, f"{told} comes from an anchor (`<<`)")

    def _refusal(self, node: yaml.Node, what: str) -> InputError:
        return InputError(what, place=Place(self._label, node.start_mark.line + 1), fix="edit it by hand")

    def _replaced(self, node: yaml.Node, value: Any) -> Splice:
        """Another scalar for this one, in its quotes."""
        start, end = node.start_mark.index, node.end_mark.index
        assert isinstance(node, yaml.ScalarNode)
        first = self._text[start:end][:1]
        if first in ("&", "!", "|", ">", ""):
            raise self._refusal(node, "a value with an anchor, a tag or several lines is not edited")
        return (
            start,
            end,
            f"{first}{value}{first}" if first in ("'", '"') and isinstance(value, str) else _scalar(value),
        )

    def _added(self, mapping: yaml.Node, after: Entry, key: str, value: Any) -> Splice:
        """An entry behind another of the mapping."""
        assert isinstance(mapping, yaml.MappingNode)
        name, node = after
        quoted = isinstance(name, yaml.ScalarNode) and name.style == '"'  # as JSON has it
        new = f"{json.dumps(key) if quoted else key}: {_flow(value, quoted=quoted)}"
        end = node.end_mark.index
        if mapping.flow_style:
            return end, end, f", {new}"
        indent = " " * name.start_mark.column
        line_break = BREAK.search(self._text, end)
        if line_break is None:  # the last line has none
            first = BREAK.search(self._text)
            return len(self._text), len(self._text), f"{first[0] if first else chr(10)}{indent}{new}"
        return line_break.end(), line_break.end(), f"{indent}{new}{line_break[0]}"

    def _removed(self, mapping: yaml.Node, entry: Entry) -> Splice:
        """Nothing in the entry's place: in block style its lines, with what is said behind them."""
        assert isinstance(mapping, yaml.MappingNode)
        start, end = entry[0].start_mark.index, _end(entry[1])
        if mapping.flow_style:
            number = [name for name, _ in mapping.value].index(entry[0])
            if number:
                before = _end(mapping.value[number - 1][1])
                if not re.fullmatch(r"\s*,\s*", self._text[before:start]):
                    raise self._refusal(entry[0], "what stands before it cannot be told from it")
                return before, end, ""
            following = mapping.value[number + 1][0].start_mark.index
            return start, following, ""
        line = start - entry[0].start_mark.column
        if self._text[line:start].strip(" "):
            raise self._refusal(entry[0], "it does not stand in a line of its own")
        line_break = BREAK.search(self._text, end)
        if line_break is None:  # the last line stays one without an end
            return len(self._text[:line].rstrip("\r\n")), len(self._text), ""
        return line, line_break.end(), ""


def _end(node: yaml.Node) -> int:
    """Where a node's own text ends: the mark of a block's end stands behind the comments that follow."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def _scalar(value: Any) -> str:
    """Plain where that is read as the same value, else in quotes."""
    if isinstance(value, str):
        plain = PLAIN.fullmatch(value) is not None and yaml.safe_load(value) == value
        return value if plain else json.dumps(value)
    return format(Decimal(repr(value)), "f")


def _flow(value: Any, *, quoted: bool) -> str:
    if not isinstance(value, Mapping):
        return _scalar(value)
    entries = (
        f"{json.dumps(key) if quoted else key}: {json.dumps(each) if quoted else _scalar(each)}"
        for key, each in value.items()
    )
    return "{" + ", ".join(entries) + "}"
