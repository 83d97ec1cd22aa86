"""Broken registries: each gives one error with file, line, what is wrong and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from .trees import TIERS, load, load_error

TASK = TIERS + "tasks:\n  intent:\n    tier: haiku\n"  # what follows stands in line 9
NAME = "letters, digits, '_', '.' and '-'"
KEYS_OF_A_TASK = (
    "tier, kind, traits, golden, prompt, call, hosts, samples, escalate, shadow, request, output, score, gate"
)
KEYS_OF_A_TIER = "name, model, provider, price, base_url, api_key_env, concurrency, request"
KINDS = "exact, fields, contains, regex, number, set_f1, python, grader"


def tier(text: str) -> str:
    """A registry whose first tier, in line 3, is `text`."""
    return TIERS.replace("{name: haiku, model: haiku-1}", text)


BROKEN = {
    "an unknown key at the top": (
        TIERS + "task:\n  a: {tier: haiku}\n",
        "6: the registry: unknown key 'task'\n  valid: did you mean 'tasks'? "
        "one of version, cassettes, tiers, default_tier, defaults, tasks, log, acknowledged",
    ),
    "an unknown key of a task": (
        TASK + "    goldn: x\n",
        f"9: tasks.intent: unknown key 'goldn'\n  valid: did you mean 'golden'? one of {KEYS_OF_A_TASK}",
    ),
    "an unknown key unlike any other": (
        TASK + "    zzz: x\n",
        f"9: tasks.intent: unknown key 'zzz'\n  valid: one of {KEYS_OF_A_TASK}",
    ),
    "an unknown key of a tier": (
        tier("{name: haiku, modle: x}"),
        f"3: tiers.0: unknown key 'modle'\n  valid: did you mean 'model'? one of {KEYS_OF_A_TIER}",
    ),
    "an unknown key of a gate": (
        TASK + "    gate:\n      max_eror: 0.1\n",
        "10: tasks.intent.gate: unknown key 'max_eror'\n  valid: did you mean 'max_error'? "
        "one of max_error, rule, min_cases, max_regression, correction",
    ),
    "a correction of what is no test": (
        TASK + "    gate: {correction: holm}\n",
        "9: tasks.intent.gate: 'correction: holm' corrects a test, and 'rule: observed' is none\n"
        "  valid: rule: certified",
    ),
    "some of the traits without a kind": (
        TASK + "    traits: {output: long}\n",
        "9: the trait 'failure' is missing, and no kind fills it in\n"
        "  valid: traits: {output: short|long, failure: cheap|costly, reasoning: single|multi}, or a kind beside it",
    ),
    "the first of several faults": (
        TASK + "    goldn: x\n    gate: {max_error: 2}\n",
        f"9: tasks.intent: unknown key 'goldn'\n  valid: did you mean 'golden'? one of {KEYS_OF_A_TASK}",
    ),
    "a misspelt key that is also missing": (
        TIERS + "tasks:\n  intent: {teir: haiku}\n",
        f"7: tasks.intent: unknown key 'teir'\n  valid: did you mean 'tier'? one of {KEYS_OF_A_TASK}",
    ),
    "an unknown tier": (
        TIERS + "tasks:\n  intent:\n    tier: hiku\n",
        "8: tasks.intent.tier: unknown tier 'hiku'\n  valid: did you mean 'haiku'? one of haiku, sonnet",
    ),
    "an unknown default tier": (
        TIERS.replace("default_tier: sonnet", "default_tier: opus"),
        "5: default_tier: unknown tier 'opus'\n  valid: one of haiku, sonnet",
    ),
    "two tiers of one name": (
        TIERS.replace("name: sonnet", "name: haiku"),
        "4: two tiers are called 'haiku'\n  valid: a name of its own for each tier",
    ),
    "no tiers": (
        "version: 1\ntiers: []\ndefault_tier: a\n",
        "2: tiers: the list is empty\n  valid: at least one entry",
    ),
    "no version": (TIERS.replace("version: 1\n", ""), "1: the registry: the key 'version' is missing"),
    "another version": (TIERS.replace("version: 1", "version: 2"), "1: version: 2 is not valid\n  valid: 1"),
    "a version in words": (TIERS.replace("version: 1", "version: '1'"), '1: version: "1" is not valid\n  valid: 1'),
    "a task without tier": (
        TIERS + "tasks:\n  intent: {golden: a}\n",
        "7: tasks.intent: the key 'tier' is missing",
    ),
    "an empty task": (
        TIERS + "tasks:\n  intent:\n",
        "7: tasks.intent: null has the wrong type\n  valid: object",
    ),
    "tasks as a list": (
        TIERS + "tasks:\n  - {tier: haiku}\n",
        '6: tasks: [{"tier": "haiku"}] has the wrong type\n  valid: object',
    ),
    "an empty key": (TIERS + "tasks:\n", "6: tasks: null has the wrong type\n  valid: object"),
    "a word that YAML reads as false": (
        TIERS + "tasks:\n  intent:\n    tier: no\n",
        "8: tasks.intent.tier: false has the wrong type\n  valid: string",
    ),
    "a long value of the wrong type": (
        TIERS.replace("default_tier: sonnet", f"default_tier: [{'a' * 99}]"),
        f'5: default_tier: ["{"a" * 55}... has the wrong type\n  valid: string',
    ),
    "a task with a space": (
        TIERS + "tasks:\n  a: {tier: haiku}\n  b c: {tier: haiku}\n",
        f'8: tasks: "b c" is not valid\n  valid: {NAME}',
    ),
    "a task that ends in a line break": (
        TIERS + 'tasks:\n  "a\\n": {tier: haiku}\n',
        f'7: tasks: "a\\n" is not valid\n  valid: {NAME}',
    ),
    "a task that is a path": (
        TIERS + "tasks:\n  ../a: {tier: haiku}\n",
        f'7: tasks: "../a" is not valid\n  valid: {NAME}',
    ),
    "a task named ..": (TIERS + "tasks:\n  ..: {tier: haiku}\n", "7: a task cannot be called '..'"),
    "a task named .": (TIERS + "tasks:\n  '.': {tier: haiku}\n", "7: a task cannot be called '.'"),
    "a tier that ends in a line break": (
        tier('{name: "haiku\\n", model: a}'),
        f'3: tiers.0.name: "haiku\\n" is not valid\n  valid: {NAME}',
    ),
    "an empty model": (tier('{name: haiku, model: ""}'), '3: tiers.0.model: "" is too short\n  valid: some text'),
    "another provider": (
        tier("{name: haiku, model: a, provider: antropic}"),
        "3: tiers.0.provider: \"antropic\" is not valid\n  valid: did you mean 'anthropic'? one of anthropic",
    ),
    "a negative price": (
        tier("{name: haiku, model: a, price: {input: -1}}"),
        "3: tiers.0.price.input: -1 is out of range\n  valid: at least 0",
    ),
    "a price in words": (
        tier("{name: haiku, model: a, price: {input: $1}}"),
        '3: tiers.0.price.input: "$1" has the wrong type\n  valid: number',
    ),
    "a date that is none": (
        tier("{name: haiku, model: a, price: {as_of: today}}"),
        '3: tiers.0.price.as_of: "today" is not a date\n  valid: YYYY-MM-DD',
    ),
    "a remote endpoint without a key of its own": (
        tier("{name: haiku, model: a, base_url: https://example.com}"),
        "3: tiers.0: https://example.com is not on this machine, and no key is named for it\n"
        "  valid: `api_key_env: NAME` beside it: a key never goes to another host by default",
    ),
    "an address without a scheme": (
        tier("{name: haiku, model: a, base_url: 'localhost:80'}"),
        '3: tiers.0.base_url: "localhost:80" is not valid\n  valid: http://HOST:PORT or https://HOST',
    ),
    "an address that is none": (
        tier("{name: haiku, model: a, base_url: 'http://[::1'}"),
        "3: tiers.0.base_url: 'http://[::1' is not an address\n  valid: http://HOST:PORT or https://HOST",
    ),
    "a port that is none": (
        tier("{name: haiku, model: a, base_url: 'http://127.0.0.1:99999'}"),
        "3: tiers.0.base_url: 'http://127.0.0.1:99999' is not an address\n  valid: http://HOST:PORT or https://HOST",
    ),
    "an address with the path that the SDK appends": (
        tier("{name: haiku, model: a, base_url: 'http://127.0.0.1:8091/v1/'}"),
        "3: tiers.0.base_url: 'http://127.0.0.1:8091/v1/' ends in /v1, which the SDK appends itself\n"
        "  valid: the address without it\n  fix: base_url: http://127.0.0.1:8091",
    ),
    "the address of the call itself": (
        tier("{name: haiku, model: a, api_key_env: KEY, base_url: 'https://example.com/proxy/v1/messages'}"),
        "3: tiers.0.base_url: 'https://example.com/proxy/v1/messages' ends in /v1/messages, "
        "which the SDK appends itself\n"
        "  valid: the address without it\n  fix: base_url: https://example.com/proxy",
    ),
    "the name of a key with a dollar": (
        tier("{name: haiku, model: a, api_key_env: $KEY}"),
        '3: tiers.0.api_key_env: "$KEY" is not valid\n  valid: MY_GATEWAY_KEY',
    ),
    "a threshold in per cent": (
        TASK + "    gate: {max_error: 8}\n",
        "9: tasks.intent.gate.max_error: 8 is out of range\n  valid: at least 0 and less than 1: 8 % is 0.08",
    ),
    "a rule that is none": (
        TASK + "    gate: {rule: certifed}\n",
        "9: tasks.intent.gate.rule: \"certifed\" is not valid\n  valid: did you mean 'certified'? "
        "one of observed, certified",
    ),
    "half a case": (
        TASK + "    gate: {min_cases: 0.5}\n",
        "9: tasks.intent.gate.min_cases: 0.5 has the wrong type\n  valid: integer",
    ),
    "no cases": (
        TASK + "    gate: {min_cases: 0}\n",
        "9: tasks.intent.gate.min_cases: 0 is out of range\n  valid: at least 1",
    ),
    "the model under request": (
        TASK + "    request: {model: other}\n",
        "9: tasks.intent.request.model: not accepted: the tier decides the model",
    ),
    "the model under extra_body": (
        TASK + "    request:\n      extra_body:\n        model: other\n",
        "11: tasks.intent.request.extra_body.model: not accepted: the tier decides the model",
    ),
    "streaming": (
        TIERS + "defaults:\n  request: {stream: true}\n",
        "7: defaults.request.stream: not accepted: not part of what is asked",
    ),
    "temperature, which the SDK does not take": (
        TASK + "    request: {temperature: 0}\n",
        "9: tasks.intent.request.temperature: not accepted: messages.create has no such argument; "
        "put it under extra_body",
    ),
    "max_tokens in words": (
        TASK + "    request: {max_tokens: many}\n",
        '9: tasks.intent.request.max_tokens: "many" has the wrong type\n  valid: integer',
    ),
    "a confidence that is no pointer": (
        TASK + "    output: {format: json, confidence: confidence}\n",
        '9: tasks.intent.output.confidence: "confidence" is not valid\n  valid: /confidence',
    ),
    "a confidence in text": (
        TASK + "    output: {confidence: /confidence}\n",
        "9: tasks.intent.output: 'confidence' needs 'format: json'",
    ),
    "a tool's input as text": (
        TASK + "    output: {from: tool_use}\n",
        "9: tasks.intent.output: 'from: tool_use' needs 'format: json'",
    ),
    "fences around text": (
        TASK + "    output: {fenced: allow}\n",
        "9: tasks.intent.output: 'fenced: allow' needs 'format: json'",
    ),
    "a scorer that is none": (
        TASK + "    score: {kind: f1}\n",
        f'9: tasks.intent.score.kind: "f1" is not valid\n  valid: one of {KINDS}',
    ),
    "fields of the wrong type": (
        TASK + "    score: {kind: fields, fields: label}\n",
        '9: tasks.intent.score.fields: "label" has the wrong type\n  valid: array or object',
    ),
    "no fields": (
        TASK + "    score: {kind: fields, fields: {}}\n",
        "9: tasks.intent.score.fields: the mapping is empty\n  valid: at least one entry",
    ),
    "a field twice": (
        TASK + "    score: {kind: fields, fields: [a, a]}\n",
        "9: tasks.intent.score.fields: an entry stands twice\n  valid: each entry once",
    ),
    "an option of a field": (
        TASK + "    score: {kind: fields, fields: {a: {compare: exakt}}}\n",
        "9: tasks.intent.score.fields.a.compare: \"exakt\" is not valid\n  valid: did you mean 'exact'? "
        "one of exact, number, date",
    ),
    "a prompt that is a list": (
        TASK + "    prompt: [a]\n",
        '9: tasks.intent.prompt: ["a"] has the wrong type\n  valid: string or object',
    ),
    "a prompt in another language": (
        TASK + "    prompt: {pyton: a}\n",
        "9: tasks.intent.prompt: unknown key 'pyton'\n  valid: did you mean 'python'? one of python",
    ),
    "a builder without a function": (
        TASK + "    prompt: {python: prompts.build}\n",
        '9: tasks.intent.prompt.python: "prompts.build" is not valid\n  valid: module:function',
    ),
    "an acknowledgement without a reason": (
        TIERS + "acknowledged:\n  - {kind: downgrade}\n",
        "7: acknowledged.0: the key 'reason' is missing",
    ),
}


@pytest.mark.parametrize(("registry", "error"), BROKEN.values(), ids=BROKEN)
def test_a_broken_registry_says_where_it_is_wrong_and_what_would_be_right(
    tmp_path: Path, registry: str, error: str
) -> None:
    assert load_error(tmp_path, registry) == "modelroute.yaml:" + error


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8091", "http://localhost", "https://[::1]:1/v2", "http://api.localhost:80/", "http://127.9.9.9"],
)
def test_an_endpoint_on_this_machine_needs_no_key(tmp_path: Path, url: str) -> None:
    assert load(tmp_path, tier(f"{{name: haiku, model: a, base_url: '{url}'}}")).tier("haiku").base_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost@example.com",
        "http://127.0.0.1@example.com:80",
        "http://example.com#.localhost",
        "http://example.com/?.localhost",
        "http://localhost.example.com",
        "http://0.0.0.0:1",
        "http://10.0.0.1",
        "http://example.com?x=@localhost",
    ],
)
def test_an_address_that_only_looks_like_this_machine_needs_a_key(tmp_path: Path, url: str) -> None:
    error = load_error(tmp_path, tier(f"{{name: haiku, model: a, base_url: '{url}'}}"))
    assert error.startswith(f"modelroute.yaml:3: tiers.0: {url} is not on this machine")
    named = load(tmp_path, tier(f"{{name: haiku, model: a, base_url: '{url}', api_key_env: KEY}}"))
    assert named.tier("haiku").api_key_env == "KEY"
