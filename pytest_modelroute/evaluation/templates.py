"""Prompt templates: sandboxed, strict Jinja2 in every string, and two directives for structure."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

from ..errors import InputError, ModelrouteError, Place
from ..registry.files import Files, inside
from ..registry.model import PromptTemplate
from ..registry.prompts import is_directive

__all__ = ["TemplateFault", "compile_prompt", "resolve_pointer"]

Render = Callable[[Mapping[str, Any]], Any]


class TemplateFault(ModelrouteError):
    """A template that cannot be rendered for one input; the caller knows the case."""


def compile_prompt(prompt: PromptTemplate, files: Files, folder: PurePosixPath) -> Render:
    """Turn a prompt file into a function from a case's input to arguments of messages.create.

    The function raises TemplateFault naming the place in the prompt. Raises InputError for a broken template.
    """
    return _Compiler(files, folder, files.label(prompt.path)).compile(prompt.content, "")


class _Compiler:
    def __init__(self, files: Files, folder: PurePosixPath, label: str) -> None:
        self._files = files
        self._folder = folder
        self._label = label
        self._environment: Any = None

    def compile(self, value: Any, where: str) -> Render:
        if is_directive(value):
            return self._directive(value, where)
        if isinstance(value, dict):
            parts = {key: self.compile(child, f"{where}.{key}" if where else key) for key, child in value.items()}
            return lambda data: {key: render(data) for key, render in parts.items()}
        if isinstance(value, list):
            items = [self.compile(child, f"{where}[{index}]") for index, child in enumerate(value)]
            return lambda data: [render(data) for render in items]
        if isinstance(value, str) and "{" in value:
            return self._template(value, where)
        return lambda data: value

    def _template(self, text: str, where: str) -> Render:
        import jinja2

        try:
            template = self._jinja().from_string(text)
        except jinja2.TemplateSyntaxError as error:
            raise InputError(f"{where}: broken template: {error.message}", place=Place(self._label)) from None

        def render(data: Mapping[str, Any]) -> str:
            try:
                rendered: str = template.render(input=data)
            except Exception as error:  # a template may raise anything
                raise TemplateFault(f"{self._label}: {where}: {error}") from None
            return rendered

        return render

    def _jinja(self) -> Any:
        if self._environment is None:
            import jinja2.sandbox

            self._environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
                undefined=jinja2.StrictUndefined, keep_trailing_newline=True
            )
            # One input must always give one request.
            del self._environment.globals["lipsum"], self._environment.filters["random"]
        return self._environment

    def _directive(self, value: Mapping[str, str], where: str) -> Render:
        ((name, argument),) = value.items()
        if name == "$input":

            def point(data: Mapping[str, Any]) -> Any:
                try:
                    return resolve_pointer(data, argument)
                except LookupError:
                    raise TemplateFault(f"{self._label}: {where}: the input has no {argument}") from None

            return point
        path = self.compile(argument, where)
        cache: dict[str, str] = {}

        def include(data: Mapping[str, Any]) -> str:
            name = path(data)
            if name not in cache:
                cache[name] = self._include(name, where)
            return cache[name]

        return include

    def _include(self, name: str, where: str) -> str:
        """A file's text, or base64 where it is not text."""
        try:
            content = self._files.read(inside(self._folder, name))
        except FileNotFoundError:
            raise TemplateFault(f"{self._label}: {where}: $file: {name} does not exist") from None
        except ValueError as error:
            raise TemplateFault(f"{self._label}: {where}: $file: {name} {error}") from None
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            return base64.b64encode(content).decode("ascii")
        return base64.b64encode(content).decode("ascii") if "\0" in text else text


def resolve_pointer(value: Any, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) points at. Raises LookupError."""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping):
            value = value[name]
        elif isinstance(value, list):
            if not name.isascii() or not name.isdigit() or (len(name) > 1 and name.startswith("0")):
                raise LookupError(pointer)
            value = value[int(name)]
        else:
            raise LookupError(pointer)
    return value
