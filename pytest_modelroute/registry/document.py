"""YAML as plain data that knows the line of each value: strict where PyYAML is silent."""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from ..errors import InputError, Place

__all__ = ["QUOTES", "Document", "SafeLoader", "check_depth", "parse_yaml"]

# The fast loader needs libyaml; wheels of PyYAML bring it.
SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

QUOTES = "put a text that holds , : # { or } in quotes: inside of { } these end it"
LARGEST_DOCUMENT = 2_000_000  # bytes
MOST_VALUES = 200_000  # after aliases are followed: stops an alias bomb
ValuePath: TypeAlias = tuple[str | int, ...]

DEEPEST_NESTING = 64  # libyaml's composer recurses in C and crashes the process far above this; aliases can add to it


@dataclass(frozen=True)
class Document:
    """A parsed YAML file: `value` is JSON-like data, `lines` maps the path of each value to its line."""

    label: str
    value: Any
    lines: dict[ValuePath, int] = field(repr=False)

    def place(self, *path: str | int) -> Place:
        """Where `path` stands, or its nearest ancestor that is written down."""
        while path and path not in self.lines:
            path = path[:-1]
        return Place(self.label, self.lines.get(path, 1))


def parse_yaml(data: bytes, label: str) -> Document:
    """Parse one YAML document of strings, numbers, booleans, nulls, lists and mappings with string keys.

    Keys are taken as written (`on:` is "on"), dates become ISO strings. Raises InputError with file and line
    for broken YAML, duplicate keys, tags, non-finite numbers, deep nesting, an alias bomb or a huge file.
    """
    if len(data) > LARGEST_DOCUMENT:
        raise InputError(
            f"the file has {len(data):,} bytes", place=Place(label), valid=f"at most {LARGEST_DOCUMENT:,} bytes"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError("the file is not UTF-8", place=Place(label, line), valid="UTF-8 text") from None
    try:
        check_depth(text, label)
        loader = SafeLoader(text)
        node = loader.get_single_node()
        builder = _Builder(loader, label)
        value = None if node is None else builder.build(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(label, mark.line + 1 if mark else None)
        problem = ", ".join(part for part in (error.context, error.problem) if part)
        in_braces = error.context == "while parsing a flow mapping"
        raise InputError(f"broken YAML: {problem}", place=place, fix=QUOTES if in_braces else None) from None
    except yaml.YAMLError as error:
        line = data.count(b"\n", 0, getattr(error, "position", 0)) + 1
        raise InputError(f"broken YAML: {str(error).splitlines()[0]}", place=Place(label, line)) from None
    return Document(label, value, builder.lines if node is not None else {})


def check_depth(text: str, label: str) -> None:
    """Refuse nesting that would crash libyaml, before it composes anything. Raises InputError."""
    depth = 0
    for event in yaml.parse(text, Loader=SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST_NESTING:
                place = Place(label, event.start_mark.line + 1 if event.start_mark else None)
                raise InputError("nested too deeply", place=place, valid=f"at most {DEEPEST_NESTING} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


class _Builder:
    """Turns YAML nodes into plain data and notes the line of each value."""

    def __init__(self, loader: Any, label: str) -> None:
        self._loader = loader
        self._label = label
        self._values = 0
        self.lines: dict[ValuePath, int] = {}

    def build(self, node: yaml.Node, path: ValuePath, depth: int = 0) -> Any:
        self._values += 1
        if self._values > MOST_VALUES:
            raise self._error(node, f"aliases unfold to more than {MOST_VALUES:,} values")
        if depth > DEEPEST_NESTING:
            raise self._error(node, "nested too deeply through aliases")
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            return [self.build(child, (*path, index), depth + 1) for index, child in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        raise self._error(node, f"the tag {node.tag} is not used here")

    def _mapping(self, node: yaml.MappingNode, path: ValuePath, depth: int) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        merged: list[yaml.Node] = []
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._error(key_node, "a key is a list or a mapping")
            if key_node.tag == "tag:yaml.org,2002:merge":
                merged.extend(value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node])
                continue
            key = key_node.value
            if key in mapping:
                first = self.lines[(*path, key)]
                raise self._error(key_node, f"the key '{key}' stands twice in one mapping (first in line {first})")
            self.lines.setdefault((*path, key), key_node.start_mark.line + 1)  # kept when `<<` brings it too
            mapping[key] = self.build(value_node, (*path, key), depth + 1)
        for source in merged:
            inherited = self.build(source, path, depth + 1)
            if not isinstance(inherited, dict):
                raise self._error(source, "'<<' merges mappings only")
            for key, value in inherited.items():
                mapping.setdefault(key, value)
        return mapping

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        try:
            value = self._loader.construct_object(node)
        except ValueError as error:
            raise self._error(node, f"'{node.value[:40]}' cannot be read: {error}") from None
        except (LookupError, AttributeError):  # what PyYAML trips over in `!!int ''` or `!!bool maybe`
            raise self._error(node, f"'{node.value[:40]}' does not fit the tag {node.tag}") from None
        if isinstance(value, datetime.date):
            return value.isoformat()
        if isinstance(value, float) and not math.isfinite(value):
            raise self._error(node, f"'{node.value}' is not a finite number")
        if isinstance(value, (str, int, float, bool)) or value is None:
            return value
        raise self._error(node, f"the tag {node.tag} is not used here")

    def _error(self, node: yaml.Node, what: str) -> InputError:
        return InputError(what, place=Place(self._label, node.start_mark.line + 1))
