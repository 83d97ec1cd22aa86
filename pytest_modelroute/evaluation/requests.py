"""From a case to the request that is sent for it, and the key that it is recorded under."""

from __future__ import annotations

import copy
import difflib
import hashlib
import inspect
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

from .. import strict_json
from ..errors import InputError, Place, one_of
from ..registry.asked import OwnCall, PromptTemplate
from ..registry.files import Files
from ..registry.model import Task, Tier, merged
from .golden import GoldenCase
from .templates import TemplateFault, compile_prompt

__all__ = ["RequestBuilder", "canonical_key", "wire_body"]

KEY_VERSION = "v1:"

# Decided by the tier, or no part of what is asked; an argument of the same name under extra_body would override it.
NOT_ACCEPTED = ("model", "timeout", "stream", "extra_headers", "extra_query")
NOT_IN_BODY = ("model", "stream")
ONLY_IN_BODY = ("temperature", "top_p", "top_k")


class RequestBuilder:
    """Builds the arguments of messages.create for one task: defaults < tier < task < prompt.

    A task without a prompt is given the arguments themselves instead of an input.
    """

    def __init__(
        self,
        task: Task,
        files: Files,
        folder: PurePosixPath,
        import_function: Callable[[str, Place], Callable[..., Any]],
        compiled: Callable[..., Callable[[Mapping[str, Any]], Any]] = compile_prompt,
    ) -> None:
        assert not isinstance(task.prompt, OwnCall)
        self._task = task
        self._golden_label = None if task.golden is None else files.label(task.golden)
        self._source = "the call" if task.prompt is None else "the prompt"
        if task.prompt is None:
            self._place = task.place
            self._prompt: Callable[[Mapping[str, Any]], Any] = lambda given: given
        elif isinstance(task.prompt, PromptTemplate):
            self._place = Place(files.label(task.prompt.path))
            self._prompt = compiled(task.prompt, files, folder)
        else:
            self._place = task.place
            build = import_function(task.prompt.reference, task.place)
            # A copy: a builder that changes its input must not change the case.
            self._prompt = lambda given: build(copy.deepcopy(given))
            if inspect.iscoroutinefunction(build):
                raise InputError(
                    f"python: {task.prompt.reference} is async", place=task.place, valid="a plain function"
                )
        self._layers: dict[str, dict[str, Any]] = {}

    def arguments(self, case: GoldenCase, tier: Tier) -> dict[str, Any]:
        """The arguments, without the model. Raises InputError naming the case and the place in the prompt."""
        place = None if self._golden_label is None else Place(self._golden_label, case.line)
        return self.arguments_for(case.input, tier, f"case '{case.id}'", place)

    def arguments_for(self, given: Mapping[str, Any], tier: Tier, told: str, place: Place | None) -> dict[str, Any]:
        """The arguments for any input; `told` begins what an InputError says, `place` is that of the input."""
        try:
            prompt = self._prompt(given)
        except TemplateFault as error:
            raise InputError(f"{told}: {error}", place=place) from None
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a builder may also call sys.exit() or pytest.skip()
            what = f"{told}: the prompt builder raised {type(error).__name__}: {error}"
            raise InputError(what, place=self._place) from None
        if not isinstance(prompt, Mapping):
            if inspect.iscoroutine(prompt):
                prompt.close()
            what = f"{told}: the prompt builder returned {type(prompt).__name__}"
            raise InputError(what, place=self._place, valid="a mapping of arguments of messages.create")
        return self.complete(prompt, tier, told)

    def complete(self, prompt: Mapping[str, Any], tier: Tier, told: str) -> dict[str, Any]:
        """What the prompt says over the registry's arguments, checked; `told` begins what an InputError says."""
        if tier.name not in self._layers:
            self._layers[tier.name] = self._task.arguments(tier)
        arguments = merged(self._layers[tier.name], prompt)
        self._check(arguments, told)
        if "messages" not in arguments:
            close = difflib.get_close_matches("messages", prompt, n=1)
            what = f"task '{self._task.name}': the argument 'messages' is missing: {self._source} has {one_of(prompt)}"
            fix = f"rename '{close[0]}' to 'messages'" if close else f"set messages in {self._source}"
            raise InputError(what, place=self._place, fix=fix)
        return arguments

    def _check(self, arguments: Mapping[str, Any], told: str) -> None:
        for name in NOT_ACCEPTED:
            if name in arguments:
                what = f"{told}: {self._source} sets '{name}'"
                raise InputError(what, place=self._place, valid="any other argument of messages.create")
        for name in ONLY_IN_BODY:
            if name in arguments:
                what = f"{told}: {self._source} sets '{name}', which messages.create does not take"
                raise InputError(what, place=self._place, fix=f"set {name} under extra_body")
        body = arguments.get("extra_body", {})
        if not isinstance(body, Mapping):
            what = f"{told}: extra_body is {type(body).__name__}"
            raise InputError(what, place=self._place, valid="a mapping")
        for name in NOT_IN_BODY:
            if name in body:
                what = f"{told}: {self._source} sets '{name}' under extra_body"
                raise InputError(what, place=self._place, valid="anything else that only the wire knows")
        if "max_tokens" not in arguments:
            what = f"task '{self._task.name}': the argument 'max_tokens' is missing"
            raise InputError(what, place=self._place, fix="set max_tokens in 'request' of the registry")


def canonical_key(tier: Tier, arguments: Mapping[str, Any], sample: int = 0) -> str:
    """`v1:` and the SHA-256 of what is asked of which model, as canonical JSON.

    Canonical: sorted keys, no spaces, UTF-8, and whole floats as integers, so that 0 and 0.0 are one. The object holds
    provider, model, arguments (without betas), betas and the sample number. Raises ValueError for what is not JSON.
    """
    asked = {
        "provider": tier.provider,
        "model": tier.model,
        "arguments": {name: value for name, value in arguments.items() if name != "betas"},
        "betas": arguments.get("betas", []),
        "sample": sample,
    }
    try:
        text = strict_json.canonical(asked)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return KEY_VERSION + hashlib.sha256(text.encode("utf-8")).hexdigest()


def wire_body(tier: Tier, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The request's body as it goes over the wire, to compare with a recorded one."""
    body = {name: value for name, value in arguments.items() if name not in ("extra_body", "betas")}
    return {**body, "model": tier.model, **arguments.get("extra_body", {})}
