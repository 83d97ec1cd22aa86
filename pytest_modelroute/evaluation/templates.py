"""Prompt templates: sandboxed, strict Jinja2 in every string, and two directives for structure."""

from __future__ import annotations

import base64
import difflib
import functools
import json
import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

from ..errors import InputError, ModelrouteError, Place, did_you_mean
from ..registry.asked import PromptTemplate
from ..registry.files import Files, inside
from ..registry.prompts import is_directive

__all__ = ["TemplateFault", "compile_prompt", "compile_rubric", "pointer_part", "resolve_pointer"]

MARKS = ("{{", "{%", "{#")  # a lone brace, as in JSON, begins no template

MOST_INCLUDED = 64  # files whose names inputs give, kept for each place in a prompt

_INDEX = re.compile("0|[1-9][0-9]{0,17}")

Render = Callable[[Mapping[str, Any]], Any]
Where = tuple[str | int, ...]


class TemplateFault(ModelrouteError):
    """A template that cannot be rendered for one input; the caller knows the case."""


def compile_prompt(prompt: PromptTemplate, files: Files, folder: PurePosixPath) -> Render:
    """Turn a prompt file into a function from a case's input to arguments of messages.create.

    The function raises TemplateFault naming the place in the prompt. Raises InputError for a broken template.
    """
    render = _Compiler(files, folder, prompt, _sandbox).compile(prompt.content, ())
    return lambda given: render({"input": given})


def compile_rubric(rubric: PromptTemplate, files: Files, folder: PurePosixPath) -> Render:
    """The same for a grader's prompt, from the names `input`, `output` and `expected`.

    What is no text is printed as JSON, as the model that is graded wrote it.
    """

    def sandbox() -> Any:
        return _sandbox(_as_json)

    return _Compiler(files, folder, rubric, sandbox).compile(rubric.content, ())


def _as_json(value: Any) -> Any:
    if isinstance(value, (dict, list, tuple, bool)) or value is None:
        return json.dumps(value, ensure_ascii=False, indent=2)
    return value


def _sandbox(shown: Callable[[Any], Any] = lambda value: value) -> Any:
    """Jinja2 without escapes, and so that one input always gives one request; `shown` is how a value is printed."""
    import jinja2
    import jinja2.sandbox
    from jinja2.utils import missing

    class Sandbox(jinja2.sandbox.ImmutableSandboxedEnvironment):
        def getattr(self, obj: Any, attribute: str) -> Any:
            # `input.items` is the key where there is one, not the method that every mapping has.
            if isinstance(obj, (dict, Mapping)) and attribute in obj:
                return obj[attribute]
            return super().getattr(obj, attribute)

    def printable(value: Any) -> Any:
        if isinstance(value, (str, int, float, list, tuple, dict, jinja2.Undefined)) or value is None:
            return shown(value)
        # Its text would hold an address in memory, another one in each run.
        raise TypeError(f"a {type(value).__name__} cannot be printed; call it, or add `| list`")

    class LookedUp(jinja2.UndefinedError):
        def __init__(self, obj: Any, name: Any, message: str) -> None:
            super().__init__(message)
            self.looked_up = (name, *(() if obj is missing else (obj,)))

    class Unknown(jinja2.StrictUndefined):
        def __init__(self, hint: Any = None, obj: Any = missing, name: Any = None, exc: Any = None) -> None:
            kind: Any = exc or functools.partial(LookedUp, obj, name)
            super().__init__(hint, obj, name, kind)

    sandbox = Sandbox(undefined=Unknown, keep_trailing_newline=True, finalize=printable)
    del sandbox.globals["lipsum"], sandbox.filters["random"]
    return sandbox


def _told(where: Where) -> str:
    """`messages[0].content`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where).removeprefix(".")


def _undefined(error: Exception, names: Mapping[str, Any]) -> str | None:
    """What is there instead of a name that a template asked for in vain; None for any other error."""
    data = names["input"]
    match getattr(error, "looked_up", ()):
        case (str(name),):
            close = difflib.get_close_matches(name, data, n=1)
            return f"{error}: did you mean 'input.{close[0]}'?" if close else None
        case (str(name), Mapping() as owner):
            whose = next((f"'{known}'" for known, value in names.items() if owner is value), "the mapping")
            return f"{whose} has no '{name}': {did_you_mean(name, map(str, owner))}"
    return None


class _Compiler:
    def __init__(self, files: Files, folder: PurePosixPath, prompt: PromptTemplate, sandbox: Callable[[], Any]) -> None:
        self._files = files
        self._folder = folder
        self._prompt = prompt
        self._label = files.label(prompt.path)
        self._sandbox = sandbox
        self._environment: Any = None

    def _place(self, where: Where) -> Place:
        return Place(self._label, self._prompt.line(where))

    def _fault(self, where: Where, problem: object) -> TemplateFault:
        return TemplateFault(f"{self._place(where)}: {_told(where)}: {problem}")

    def compile(self, value: Any, where: Where) -> Render:
        if is_directive(value):
            return self._directive(value, where)
        if isinstance(value, dict):
            parts = {key: self.compile(child, (*where, key)) for key, child in value.items()}
            return lambda names: {key: render(names) for key, render in parts.items()}
        if isinstance(value, list):
            items = [self.compile(child, (*where, index)) for index, child in enumerate(value)]
            return lambda names: [render(names) for render in items]
        if isinstance(value, str) and any(mark in value for mark in MARKS):
            return self._template(value, where)
        return lambda names: value

    def _template(self, text: str, where: Where) -> Render:
        try:
            template = self._jinja().from_string(text)
        except Exception as error:  # beside syntax errors: numbers too long, parentheses too deep
            raise InputError(f"{_told(where)}: broken template: {error}", place=self._place(where)) from None

        def render(names: Mapping[str, Any]) -> str:
            try:
                rendered: str = template.render(names)
            except Exception as error:  # a template may raise anything
                raise self._fault(where, _undefined(error, names) or error) from None
            return rendered

        return render

    def _jinja(self) -> Any:
        if self._environment is None:
            self._environment = self._sandbox()
        return self._environment

    def _directive(self, value: Mapping[str, str], where: Where) -> Render:
        ((name, argument),) = value.items()
        if name == "$input":

            def point(names: Mapping[str, Any]) -> Any:
                try:
                    return resolve_pointer(names["input"], argument)
                except LookupError:
                    raise self._fault(where, f"the input has no {argument}") from None

            return point
        if not any(mark in argument for mark in MARKS):
            return self._fixed_file(argument, where)
        path = self._template(argument, where)
        read = functools.lru_cache(MOST_INCLUDED)(self._include)

        def include(names: Mapping[str, Any]) -> str:
            name = path(names)
            try:
                return read(name)
            except ValueError as problem:
                raise self._fault(where, problem) from None

        return include

    def _fixed_file(self, name: str, where: Where) -> Render:
        """A file whose name no input changes: it is a part of the prompt, as it is now."""
        try:
            text = self._include(name)
        except ValueError as problem:
            what = f"{_told(where)}: {problem}"
            raise InputError(what, place=self._place(where), valid="a readable file") from None
        return lambda names: text

    def _include(self, name: str) -> str:
        """A file's text, or base64 where it is not text. Raises ValueError where it cannot be had."""
        try:
            content = self._files.read(inside(self._folder, name))
        except OSError:
            raise ValueError(f"$file: {name} does not exist") from None
        except ValueError as error:
            raise ValueError(f"$file: '{name}' {error}") from None
        except InputError as error:
            raise ValueError(f"$file: {error.what}") from None
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            return base64.b64encode(content).decode("ascii")
        return base64.b64encode(content).decode("ascii") if "\0" in text else text


def resolve_pointer(value: Any, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) points at. Raises LookupError."""
    for name in _names(pointer):
        if isinstance(value, (dict, Mapping)):  # a dict by its type, at a fraction of the cost
            value = value[name]
        elif isinstance(value, list):
            if not _INDEX.fullmatch(name):
                raise LookupError(pointer)
            value = value[int(name)]
        else:
            raise LookupError(pointer)
    return value


@functools.lru_cache
def _names(pointer: str) -> tuple[str, ...]:
    if pointer and not pointer.startswith("/"):
        raise LookupError(pointer)
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])


def pointer_part(name: str) -> str:
    """A key as it stands in a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")
