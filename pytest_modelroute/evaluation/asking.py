"""How the cases of a task are asked: by its prompt, or by the team's own function."""

from __future__ import annotations

import copy
import inspect
import json
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .. import strict_json
from ..cassettes.calls import Call, OwnRun
from ..cassettes.client import endpoint_host
from ..cassettes.lines import Interaction
from ..cassettes.playback import Playback
from ..cassettes.replay import Query, Recordings, check_digest, recorded_body
from ..errors import ErrorKind, InputError, Place, UnobtainedAnswer
from ..registry.asked import OwnCall
from ..registry.model import Task, Tier
from .answers import Answer, AnswerReader, Usage
from .costs import total_usage
from .golden import GoldenCase
from .importing import parameters_taken
from .metering import metered, refuse_other_tier, refuse_stand_in
from .requests import RequestBuilder, canonical_key, wire_body

__all__ = ["Asker", "Obtained", "OwnAsker", "Play", "PromptAsker", "Trial"]

Play = Callable[[Interaction, Tier, Mapping[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Trial:
    """One answer of a case: its number among the case's samples, from 0, and the key it is filed under."""

    case: GoldenCase
    sample: int
    key: str


@dataclass(frozen=True, slots=True)
class Obtained:
    """An answer from recordings. `models` are those that answered; times and tokens are sums over its calls."""

    answer: Answer
    usage: Usage | None
    latency_ms: int | None
    recordings: int
    models: tuple[str, ...]


class Asker(Protocol):
    """How one task asks. Every method raises InputError where the request cannot be built."""

    def key(self, case: GoldenCase, tier: Tier, sample: int = 0) -> str:
        """What the case's recording is filed under; of several, the first."""
        ...

    def call(self, case: GoldenCase, tier: Tier, sample: int = 0) -> Call:
        """What is to be recorded."""
        ...

    def keys(self, case: GoldenCase, tier: Tier, sample: int, present: Container[str]) -> list[str]:
        """The keys of all recordings that the answer rests on, as far as they are `present`; one at least."""
        ...

    def reading(self, reader: AnswerReader) -> Asker:
        """The same questions, with their answers read in another way."""
        ...

    def obtain(self, trial: Trial, tier: Tier, recordings: Recordings, command: str, play: Play | None) -> Obtained:
        """The answer of a trial; `command` is what would record it. Raises UnobtainedAnswer."""
        ...


class PromptAsker:
    """Asks by a prompt: one call of messages.create a case. `tiers` are the registry's."""

    def __init__(
        self, task: Task, requests: RequestBuilder, reader: AnswerReader, golden_label: str, tiers: Sequence[Tier]
    ) -> None:
        self._tiers = tiers
        self._requests = requests
        self._task = task
        self._reader = reader
        self._golden_label = golden_label

    def key(self, case: GoldenCase, tier: Tier, sample: int = 0) -> str:
        return self._key(case, tier, self._requests.arguments(case, tier), sample)

    def _key(self, case: GoldenCase, tier: Tier, arguments: Mapping[str, Any], sample: int) -> str:
        try:
            return canonical_key(tier, arguments, sample)
        except ValueError as error:
            place = Place(self._golden_label, case.line)
            raise InputError(f"case '{case.id}': the request is not JSON: {error}", place=place) from None

    def call(self, case: GoldenCase, tier: Tier, sample: int = 0) -> Call:
        arguments = self._requests.arguments(case, tier)
        return Call(self._task.name, case.id, sample, self._key(case, tier, arguments, sample), arguments)

    def keys(self, case: GoldenCase, tier: Tier, sample: int, present: Container[str]) -> list[str]:
        return [self.key(case, tier, sample)]

    def reading(self, reader: AnswerReader) -> Asker:
        other = copy.copy(self)
        other._reader = reader
        return other

    def obtain(self, trial: Trial, tier: Tier, recordings: Recordings, command: str, play: Play | None) -> Obtained:
        query = Query(
            task=self._task.name,
            case=trial.case.id,
            model=tier.model,
            key=trial.key,
            wire=lambda: wire_body(tier, self._requests.arguments(trial.case, tier)),
            command=command,
            endpoint=tier.endpoint,
            sample=trial.sample,
        )
        interaction = recordings.find(query)
        message = recorded_body(interaction, recordings.cassette(self._task.name, tier.model).label)
        if play is not None:
            message = play(interaction, tier, self._requests.arguments(trial.case, tier))
        model = message.get("model")
        refuse_stand_in(model, tier.model, self._tiers)
        answer = self._reader.read(message)
        models = (model,) if isinstance(model, str) else ()
        return Obtained(answer, answer.usage, interaction.latency_ms, interaction.recordings, models)


class OwnAsker:
    """Asks through the team's own function, which may make several calls a case with any client it likes.

    `tiers` are the registry's.
    """

    OFFERED = ("input", "model", "base_url")

    def __init__(
        self,
        task: Task,
        call: OwnCall,
        importer: Callable[[str, Place, str], Any],
        reader: AnswerReader,
        tiers: Sequence[Tier],
    ) -> None:
        self._tiers = tiers
        self._task = task
        self._call = call
        self._reader = reader
        self._function = importer(call.reference, call.place, "call")
        self._taken = parameters_taken(self._function, self.OFFERED, call.reference, call.place, "call")
        self._playback: Playback | None = None

    def key(self, case: GoldenCase, tier: Tier, sample: int = 0) -> str:
        return self._key(case, tier, sample, 0)

    def _key(self, case: GoldenCase, tier: Tier, sample: int, turn: int) -> str:
        return canonical_key(tier, {"call": self._call.reference, "input": case.input, "turn": turn}, sample)

    def call(self, case: GoldenCase, tier: Tier, sample: int = 0) -> Call:
        own = OwnRun(
            run=lambda: self._value(case, tier),
            key=lambda turn: self._key(case, tier, sample, turn),
            hosts=self._other_hosts(tier),
        )
        return Call(self._task.name, case.id, sample, own.key(0), {}, own)

    def keys(self, case: GoldenCase, tier: Tier, sample: int, present: Container[str]) -> list[str]:
        keys = [self._key(case, tier, sample, 0)]
        while (following := self._key(case, tier, sample, len(keys))) in present:
            keys.append(following)
        return keys

    def reading(self, reader: AnswerReader) -> Asker:
        other = copy.copy(self)
        other._reader = reader
        return other

    def obtain(self, trial: Trial, tier: Tier, recordings: Recordings, command: str, play: Play | None) -> Obtained:
        case = trial.case
        recordings.find(Query(self._task.name, case.id, tier.model, trial.key, None, command, sample=trial.sample))
        cassette = recordings.cassette(self._task.name, tier.model)
        keys = self.keys(case, tier, trial.sample, cassette)
        interactions = [found for found in map(cassette.find, keys) if found is not None]
        hosts = self._other_hosts(tier)
        took = [metered(interaction, hosts) for interaction in interactions]
        for interaction, each in zip(interactions, took, strict=True):
            check_digest(interaction, cassette.label)
            if each.model != tier.model:  # the function may ask other models than the tier's, in their own name
                refuse_stand_in(each.model, _asked_for(interaction), self._tiers)
        asked = [each for each in took if each.priced]
        models = tuple(dict.fromkeys(each.model for each in asked if each.model is not None))
        refuse_other_tier(models, tier, self._tiers)
        if self._playback is None:
            self._playback = Playback(exact=True)
        value = self._playback.run(interactions, lambda: self._value(case, tier), command)
        latencies = [interaction.latency_ms for interaction in interactions]
        known = [latency for latency in latencies if latency is not None]
        return Obtained(
            answer=self._reader.read_value(_plain(value, self._call.reference)),
            usage=total_usage([each.usage for each in asked]),
            latency_ms=sum(known) if known and len(known) == len(latencies) else None,
            recordings=max(interaction.recordings for interaction in interactions),
            models=models,
        )

    def _other_hosts(self, tier: Tier) -> tuple[str, ...]:
        """Those that it may call beside the tier's own."""
        return tuple(host for host in self._call.hosts if host != endpoint_host(tier))

    def _value(self, case: GoldenCase, tier: Tier) -> Any:
        # A copy: a function that changes its input must not change the case.
        offered = {"input": copy.deepcopy(case.input), "model": tier.model, "base_url": tier.endpoint}
        result = self._function(**{name: offered[name] for name in self._taken})
        return _awaited(result) if inspect.isawaitable(result) else result


def _asked_for(interaction: Interaction) -> object:
    """The model that a request names."""
    try:
        body = strict_json.parse(interaction.request_body)
    except ValueError:
        return None
    return body.get("model") if isinstance(body, dict) else None


def _awaited(result: Awaitable[Any]) -> Any:
    import asyncio

    async def finished() -> Any:
        return await result

    return asyncio.run(finished())


def _plain(value: Any, reference: str) -> Any:
    try:
        return strict_json.parse(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        what = f"{reference} returned {type(value).__name__}, which is neither text nor a JSON value"
        raise UnobtainedAnswer(ErrorKind.CALL, what) from None
