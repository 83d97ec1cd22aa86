"""What a prompt promises, as plain data: a parsed file with its includes, or a Python builder's source."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from ..errors import InputError, Place
from .asked import Prompt, PromptBuilder, PromptTemplate
from .document import parse_yaml
from .files import Files, inside
from .modules import find_module, parsed, syntax

__all__ = ["is_directive", "prompt_content", "prompt_name", "read_builder", "read_template"]


def read_template(files: Files, path: PurePosixPath, folder: PurePosixPath) -> PromptTemplate:
    """Parse a prompt file. `folder` is the registry's: `$file` paths are relative to it. Raises InputError."""
    document = parse_yaml(files.read(path), files.label(path))
    if not isinstance(document.value, dict):
        raise InputError(
            "the prompt file is not a mapping", place=document.place(), valid="keys such as 'system' and 'messages'"
        )
    for value, where in _walk(document.value, ()):
        if is_directive(value) and not _is_pointer(value.get("$input", "")):
            raise InputError(
                f"$input: '{value['$input']}' is not a JSON pointer",
                place=document.place(*where),
                valid=f"'/{value['$input']}', or '' for the whole input",
            )
        if isinstance(value, dict) and any(key.startswith("$") for key in value) and not is_directive(value):
            raise InputError(
                f"unknown directive {{{', '.join(value)}}}",
                place=document.place(*where),
                valid="{$input: /pointer} or {$file: path}, alone in its mapping",
            )
    included: dict[str, str] = {}
    for value, where in _walk(document.value, ()):
        if is_directive(value) and "$file" in value and "{" not in value["$file"]:
            place = document.place(*where)
            included[value["$file"]] = hashlib.sha256(_read_include(files, folder, value["$file"], place)).hexdigest()
    return PromptTemplate(path, document.value, included, document.lines)


def _read_include(files: Files, folder: PurePosixPath, text: str, place: Place) -> bytes:
    try:
        return files.read(inside(folder, text))
    except OSError:
        raise InputError(f"$file: {text} does not exist", place=place, valid="a readable file") from None
    except ValueError as error:
        valid = "a path relative to the registry, inside pytest's rootdir"
        raise InputError(f"$file: '{text}' {error}", place=place, valid=valid) from None
    except InputError as error:
        raise InputError(f"$file: {error.what}", place=place, valid=error.valid, fix=error.fix) from None


def _is_pointer(text: str) -> bool:
    return not text or text.startswith("/")


def is_directive(value: object) -> bool:
    """Whether `value` is `{$input: ...}` or `{$file: ...}`."""
    return (
        isinstance(value, dict)
        and len(value) == 1
        and next(iter(value)) in ("$input", "$file")
        and all(isinstance(argument, str) for argument in value.values())
    )


def _walk(value: Any, where: tuple[str | int, ...]) -> Iterator[tuple[Any, tuple[str | int, ...]]]:
    yield value, where
    if isinstance(value, dict):
        for key, child in value.items():
            yield from _walk(child, (*where, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _walk(child, (*where, index))


def read_builder(files: Files, reference: str, folder: PurePosixPath) -> PromptBuilder:
    """Note a Python builder's source, as its syntax tree: comments and layout are no change of the prompt."""
    found = find_module(files, reference.partition(":")[0], folder)
    if found is None:
        return PromptBuilder(reference, None, None)
    path, source = found
    tree = parsed(source, files.label(path))
    code = syntax(tree, files.label(path))
    name = reference.partition(":")[2]
    functions = (node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))
    return PromptBuilder(reference, path, code, next((node.lineno for node in functions if node.name == name), None))


def prompt_content(prompt: Prompt | None) -> object:
    """What a prompt asks, JSON-like where it is a file, with the files it includes by their digests."""
    if prompt is None:
        return None
    if isinstance(prompt, PromptTemplate):
        return _with_digests(prompt.content, prompt.files)
    return (prompt.reference, prompt.code)


def _with_digests(value: Any, digests: Mapping[str, str]) -> Any:
    """A prompt's content with fixed files by what they hold: where they lie is no part of what is asked."""
    if is_directive(value):
        name = value.get("$file")
        return {"$digest": digests[name]} if name in digests else value
    if isinstance(value, Mapping):
        return {key: _with_digests(child, digests) for key, child in value.items()}
    if isinstance(value, list):
        return [_with_digests(child, digests) for child in value]
    return value


def prompt_name(prompt: Prompt | None) -> str | None:
    """What the registry calls a prompt."""
    if prompt is None:
        return None
    return str(prompt.path) if isinstance(prompt, PromptTemplate) else prompt.reference
