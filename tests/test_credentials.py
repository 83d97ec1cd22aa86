"""Credentials in text: each kind is found wherever it stands, what only looks like one or mentions one is not."""

from __future__ import annotations

import base64
import json
import random
import re
import string
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pytest_modelroute.cassettes.credentials import MASK, CredentialScan

ROOT = Path(__file__).parents[1]
ALPHANUMERIC = string.ascii_letters + string.digits
BASE64URL = ALPHANUMERIC + "-_"


def some(length: int, alphabet: str = ALPHANUMERIC, seed: int = 7) -> str:
    """Characters that are the same in each run; no scanner of a host finds a secret in this file."""
    return "".join(random.Random(seed).choices(alphabet, k=length))


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def block(label: str, *headers: str) -> str:
    body = [some(64, ALPHANUMERIC + "+/", seed) for seed in range(3)]
    edges = [f"-----{edge} {label}-----" for edge in ("BEGIN", "END")]
    return "\n".join([edges[0], *headers, *body, "u+8d==", edges[1]])


JWT = ".".join([base64_of('{"alg":"HS256"}').rstrip("="), base64_of('{"sub":"1234567890"}').rstrip("="), some(43)])
PASSWORD = "hunter" + "2-Tr0ub4dor"
KNOWN_VALUE = 'k/8 "ü+\\' + some(12, seed=9) + "\n=?"
KNOWN = {"MY_KEY": KNOWN_VALUE, "SHORT": "local", "A_PART": KNOWN_VALUE[8:18], "MASK": "credential"}
SCAN = CredentialScan({**KNOWN})
PURE = CredentialScan({})

# The kind, what stands before the secret and belongs to it, the secret, and what does so behind it.
PLANTED: list[tuple[str, str, str, str]] = [
    ("an Anthropic API key", "", "sk-" + "ant-api03-" + some(93, BASE64URL) + "AA", ""),
    ("an Anthropic API key", "", "sk-" + "ant-admin01-" + some(93, BASE64URL, 8) + "AA", ""),
    ("an Anthropic API key", "", "sk-" + "ant-" + some(24), ""),
    ("an OpenRouter API key", "", "sk-" + "or-v1-" + some(64, "0123456789abcdef"), ""),
    ("an OpenAI API key", "", "sk-" + some(20) + "T3Blbk" + "FJ" + some(20), ""),
    ("an OpenAI API key", "", "sk-" + some(32, "0123456789abcdef"), ""),
    ("an OpenAI API key", "", "sk-" + "proj-" + some(156, BASE64URL), ""),
    ("an OpenAI API key", "", "sk-" + "svcacct-" + some(156, BASE64URL), ""),
    ("a Google API key", "", "AI" + "za" + some(35, BASE64URL), ""),
    ("an AWS access key", "", "AK" + "IA" + some(16, string.ascii_uppercase + "234567"), ""),
    ("an AWS access key", "", "AS" + "IA" + some(16, string.ascii_uppercase), ""),
    ("an AWS secret access key", "aws_secret_access_key = ", some(40, ALPHANUMERIC + "+/"), ""),
    ("an AWS secret access key", "export AWS_SECRET_ACCESS_KEY='", some(40, ALPHANUMERIC + "+/"), "'"),
    ("an AWS secret access key", '{"SecretAccessKey": "', some(40, ALPHANUMERIC + "+/"), '"}'),
    *(("a GitHub token", "", f"gh{letter}_" + some(36), "") for letter in "pousr"),
    ("a GitHub token", "", "github" + "_pat_" + some(22) + "_" + some(59), ""),
    ("a GitLab token", "", "gl" + "pat-" + some(20, BASE64URL), ""),
    ("a GitLab token", "", "gl" + "pat-" + some(27, BASE64URL) + ".01." + some(9), ""),
    *(
        ("a Slack token", "", f"xox{letter}-123456789012-1234567890123-" + some(24), "")
        for letter in "abeoprs"  # one part of it is made here, so that no whole token stands in the file
    ),
    ("a Slack token", "", "xa" + "pp-1-A0123456789-1234567890123-" + some(64, "0123456789abcdef"), ""),
    ("a Stripe API key", "", "sk" + "_live_" + some(24), ""),
    ("a Stripe API key", "", "rk" + "_live_" + some(99), ""),
    ("a Hugging Face token", "", "h" + "f_" + some(34, string.ascii_letters), ""),
    ("an npm token", "", "np" + "m_" + some(36), ""),
    ("a PyPI token", "", "py" + "pi-AgEI" + some(150, BASE64URL), ""),
    ("a SendGrid API key", "", "S" + "G." + some(22, BASE64URL) + "." + some(43, BASE64URL), ""),
    ("an Azure storage key", "AccountName=a;AccountKey=", some(86, ALPHANUMERIC + "+/") + "==", ";Suffix=b"),
    ("a Google OAuth token", "", "ya" + "29." + some(120, BASE64URL), ""),
    ("a JSON web token", "", JWT, ""),
    ("a bearer token", "Authorization: Bearer ", some(15) + "7", ""),
    ("a bearer token", '"authorization": "bearer ', "550e8400-e29b-41d4-a716-446655440000", '"'),
    ("basic authentication", "Authorization: Basic ", base64_of(f"admin:{PASSWORD}"), ""),
    ("basic authentication", '{"authorization": ["Basic ', base64_of(f"a:{PASSWORD}"), '"]}'),
    ("an API key or token", "x-api-key: ", some(32), ""),
    ("an API key or token", '{\\"api_key\\": \\"', some(32, "0123456789abcdef"), '\\"}'),
    ("an API key or token", "client_secret=", some(40, BASE64URL), ""),
    ("a password in a URL", "https://", f"user:{PASSWORD}", "@db.internal/x"),
    ("a password in a URL", "redis://", f":{PASSWORD}", "@[::1]:6379"),
    ("a password in a URL", "postgres+x://", "u:p%40ss:w0rd", "@h"),
    *(
        ("a private key block", "", block(label), "")
        for label in ("PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY")
    ),
    (
        "a private key block",
        "",
        block("EC PRIVATE KEY", "Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-128-CBC,0A1B", ""),
        "",
    ),
    ("a private key block", "", block("PGP PRIVATE KEY BLOCK", "Version: GnuPG v2", ""), ""),
    ("a private key block", "", block("PRIVATE KEY").replace("\n", "\\n"), ""),
    ("a private key block", "", block("PRIVATE KEY").replace("\n", "\\\\r\\\\n"), ""),
    ("a private key block", "", block("PRIVATE KEY")[:150], ""),
    ("the value of MY_KEY", "", KNOWN_VALUE, ""),
    ("the value of A_PART", "", KNOWN["A_PART"], ""),
]
IDS = [f"{at}: {kind}" for at, (kind, *_) in enumerate(PLANTED)]

NEAR_MISSES = [
    "",
    "the header Authorization: Bearer <token>",
    "Authorization: Bearer $TOKEN, Bearer ${API_KEY_2024_PRODUCTION}, Bearer {token}",
    "Bearer YOUR_API_KEY_HERE, Bearer your-token-1234abcd5678efgh, Bearer xxxxxxxxxxxxxxxxxxxx1",
    "Bearer authentication-rfc6750 is not the same as bearer tokens/authentication; the bearer 4111111111111111",
    'WWW-Authenticate: Bearer realm="example", error="invalid_token"',
    "Authorization: Basic authentication; authorization: basic information; Basic Base64EncodedCredentials",
    "Authorization: Basic " + base64_of("user:password"),
    "Keys start with sk-ant-..., sk-ant-xxxx or sk-ant-api03-" + "x" * 95,
    "sk-ant-your-key-goes-right-here-123, sk-ant-api03-REDACTED-REDACTED-0123abcd",
    "sk-estimator-doc-link-3-fitted sk-container-id-1 sk-toggleable__content-2-fitted sk-learn-based-pipeline-v2",
    "sk-proj-management-2024-overview-of-everything, task-abcdefghijklmnopqrstuvwxyz0123456789",
    "desk-0123456789abcdef0123456789abcdef, sk-Internationalisierungsbeauftragte",
    "AKIA, ASIA, AKIAIOSFODNN7EXAMPLE, AKIAXXXXXXXXXXXXXXXX, ASIAN, AKIA0123456789ABCDEFGHIJ",
    "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "aws_secret_access_key = <40 characters>, AWS_SECRET_ACCESS_KEY=$SECRET",
    "AIza..., AIzaSyExample, ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx, ghp_..., github_pat_<...>, gho_token",
    "glpat-xxxxxxxxxxxxxxxxxxxx, glpat-this-is-where-the-token-goes, xoxb-your-token-goes-here, xoxb-...",
    "hf_transfer, hf_hub_download, npm_config_registry, npm_lifecycle_event_of_a_very_long_name_indeed",
    "sk_live_..., sk_live_xxxxxxxxxxxxxxxx, sk_test_" + some(24),
    "pypi-AgEI..., SG.xxx.yyy, ya29.xxxx, eyJ..., eyJhbGciOiJIUzI1NiJ9.eyJ..., AccountKey=<key>;",
    '{"api_key_env": "ANTHROPIC_API_KEY", "api_key": "$KEY", "max_tokens": 1234567890123456}',
    'api_key=os.environ["ANTHROPIC_API_KEY"], x-api-key: YOUR_API_KEY, client_secret: ${CLIENT_SECRET_VALUE_1}',
    '{"type": "object", "properties": {"api_key": {"type": "string", "pattern": "^sk-ant-[A-Za-z0-9-]{20,}$"}}}',
    "https://user:password@host/, postgres://user:pass@localhost/db, https://<user>:<password>@host",
    "https://user:$PASSWORD@host https://user:${PW}@host https://u:PASSWORD@h https://u:****@h https://u:{pw}@h",
    "https://example.com:8080/@handle, https://example.com/a:b@c, ssh://git@host:22/x, mailto:a.b:c@example.com",
    "-----BEGIN PRIVATE KEY----- and -----END PRIVATE KEY----- enclose it",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE...\n-----END RSA PRIVATE KEY-----",
    block("PUBLIC KEY"),
    block("CERTIFICATE", ""),
    "I forgot my password, it was hunter2 I think. Password: Tr0ub4dor&3",
    "order D-31846, 550e8400-e29b-41d4-a716-446655440000, v1:" + some(64, "0123456789abcdef"),
    "data:image/png;base64," + base64.b64encode(random.Random(1).randbytes(300_000)).decode(),
    base64.urlsafe_b64encode(random.Random(2).randbytes(300_000)).decode(),
    random.Random(3).randbytes(100_000).hex(),
]


@pytest.mark.parametrize(("kind", "before", "secret", "behind"), PLANTED, ids=IDS)
def test_each_kind_is_found_and_hidden(kind: str, before: str, secret: str, behind: str) -> None:
    text = f"See {before}{secret}{behind}, thanks"
    assert SCAN.find(text) == kind
    assert SCAN.hidden(text) in (
        f"See {before}{MASK}{behind}, thanks",
        f"See {before}{MASK}",
    )  # a block that is cut off
    assert secret not in kind


@pytest.mark.parametrize("text", NEAR_MISSES, ids=lambda text: text[:30])
def test_what_looks_like_a_credential_or_mentions_one_is_left_alone(text: str) -> None:
    assert SCAN.find(text) is None
    assert SCAN.hidden(text) == text
    assert SCAN.find_in({"text": [json.dumps({"more": text})]}) is None


SPELLINGS = {
    "in JSON": json.dumps,
    "in JSON, in Unicode": lambda value: json.dumps(value, ensure_ascii=False),
    "in JSON in JSON": lambda value: json.dumps(json.dumps({"a": json.dumps(value)})),
    "as JavaScript escapes it": lambda value: json.dumps(value).replace("/", "\\/").replace("+", "\\u002B"),
    "in a path": lambda value: quote(value, safe=""),
    "in a query": quote_plus,
    "in a path, in lower case": lambda value: re.sub("%..", lambda match: match[0].lower(), quote(value)),
    "encoded twice": lambda value: quote(quote(value)),
    **{f"in base64 at {lead}": lambda value, lead=lead: base64_of("n:u"[:lead] + value + ":more") for lead in range(4)},
    "in base64url": lambda value: base64.urlsafe_b64encode(value.encode()).decode(),
    "in base64 in a query": lambda value: quote(base64_of(value), safe=""),
    "in base64 in JSON": lambda value: json.dumps(base64_of("user:" + value)),
}


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize(
    "value", [KNOWN_VALUE, some(40), some(8), "?>?~~~ÿÿÿ" * 2, "\\\\server\\share", "\U0001f600" * 8]
)
def test_a_known_value_is_found_in_each_spelling(value: str, spell: Any) -> None:
    scan = CredentialScan({"X": f" {value.strip()}\n"})
    text = f"a{spell(value.strip())}b"
    assert scan.find(text) == "the value of X"
    assert scan.find(scan.hidden(text)) is None
    assert len(scan.hidden(text)) < len(text) or len(value) < len(MASK)


def test_short_values_are_no_secrets_and_a_part_of_another_is_hidden_with_it() -> None:
    scan = CredentialScan({"PART": "abcdefgh", "WHOLE": "abcdefghijkl", "SHORT": "local", "NONE": ""})
    assert scan.find("local abcdefg") is None
    assert scan.hidden("abcdefghijkl abcdefgh") == f"{MASK} {MASK}"


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"messages": [{"content": "x"}, {"content": "my AAA"}]}, "messages[1].content"),
        ({"a": {"AAA": 1}}, "a"),
        ({"a": {"b AAA": {"c": "AAA"}}}, "a"),
        (["x", ("y", ["AAA"])], "[1][1][0]"),
        ({"aws_secret_access_key": "BBB"}, "aws_secret_access_key"),
        ({"headers": {"x-api-key": ["BBB"]}}, "headers.x-api-key[0]"),
        ({"headers": {"Authorization": "Basic CCC"}}, "headers.Authorization"),
        ({"body": json.dumps({"x": json.dumps({"api-key": "BBB"})})}, "body"),
        ("AAA", ""),
    ],
)
def test_the_place_is_told_and_a_key_that_is_a_secret_is_not(value: Any, place: str) -> None:
    secrets = {
        "AAA": "AK" + "IA" + some(16, string.ascii_uppercase),
        "BBB": some(40),
        "CCC": base64_of(f"u:{PASSWORD}"),
    }
    text = json.dumps(value)
    for name, secret in secrets.items():
        text = text.replace(name, secret)
    found = PURE.find_in(json.loads(text))
    assert found is not None
    assert found[0] == place
    assert PURE.find(text) == found[1]
    assert not any(secret in part for secret in secrets.values() for part in found)


def test_no_secret_is_in_a_repr() -> None:
    for thing in (SCAN, SCAN._rules, SCAN._rules[0]):
        assert KNOWN_VALUE[8:16] not in repr(thing)


REPEATED = [
    "a",
    "eyJ",
    "-eyJ",
    "eyJ" + "a" * 8 + ".",
    "-----BEGIN ",
    "-----BEGIN PRIVATE KEY-----\\n",
    "-----BEGIN A: ",
]
REPEATED += ["sk-", "sk-ant-", "-sk-ant-aaaa", "bearer  ", "authorization: basic ", "api_key: ", "://", "://a:b", "\\"]
REPEATED += ["SG.", "-SG." + "a" * 16, "ya29.", "glpat-.", "xoxb-", "%25", '\\"', "A: ", "-", MASK, KNOWN_VALUE[:8]]


@pytest.mark.parametrize("unit", REPEATED)
def test_many_beginnings_are_read_in_linear_time(unit: str) -> None:
    text = unit * (100_000 // len(unit))
    assert SCAN.find(text) is None
    assert SCAN.hidden(text) == text


# Text that is made of what the patterns, JSON and URLs are made of, and of anything else.
PIECES = [
    "\\",
    '"',
    "\n",
    "\t",
    "\x00",
    "é",
    "\ud800",
    "😀",
    "-",
    "--",
    "_",
    ".",
    "/",
    "+",
    "=",
    ":",
    "://",
    "@",
    "%4",
    "n",
]
PIECES += ["a1B2", " ", "sk-", "eyJ", "-----BEGIN ", "Bearer ", "basic ", "api_key: ", MASK, "[", "credential", "]"]
surroundings = st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=6).map("".join)
WORD = {*ALPHANUMERIC, "_"}


@st.composite
def planted(draw: st.DrawFn) -> tuple[str, str]:
    """A text, and the secret in it."""
    _, own_before, secret, own_behind = draw(st.sampled_from(PLANTED))
    before, behind = draw(surroundings), draw(surroundings)
    assume(not before[-1:] or before[-1] not in WORD)
    assume(not behind[:1] or behind[0] not in WORD)
    # 20 characters of base64url before a dash: it could be the middle of an image.
    assume(not before.endswith("-") or len(before) - len(before.rstrip("".join(WORD) + "-é\ud800😀")) < 8)
    return before + own_before + secret + own_behind + behind, secret


@settings(max_examples=200, deadline=None)
@given(planted())
def test_a_planted_credential_is_found_anywhere(drawn: tuple[str, str]) -> None:
    text, secret = drawn
    kind = SCAN.find(text)
    assert kind is not None
    assert secret not in kind
    hidden = SCAN.hidden(text)
    assert secret not in hidden
    assert SCAN.find(hidden) is None
    assert SCAN.hidden(hidden) == hidden


@st.composite
def nested(draw: st.DrawFn) -> tuple[Any, str]:
    text, secret = draw(planted())
    value: Any = text
    for _ in range(draw(st.integers(0, 4))):
        wrap = draw(st.sampled_from(["list", "mapping", "key", "json"]))
        if wrap == "list":
            value = [draw(surroundings), None, value]
        elif wrap == "mapping":
            value = {"n": 1, draw(surroundings): value}
        elif wrap == "key":
            value = {value if isinstance(value, str) else json.dumps(value): 1}
        else:
            value = json.dumps(value, ensure_ascii=draw(st.booleans()))
    return value, secret


@settings(max_examples=200, deadline=None)
@given(nested(), st.booleans())
def test_a_planted_credential_is_found_in_any_json_value_and_in_its_text(
    drawn: tuple[Any, str], ascii_only: bool
) -> None:
    value, secret = drawn
    found = SCAN.find_in(value)
    assert found is not None
    assert not any(secret in part for part in found)
    assert SCAN.find(found[0]) is None
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert SCAN.find(text) is not None
    assert secret not in SCAN.hidden(text)


@settings(max_examples=200, deadline=None)
@given(surroundings | planted().map(lambda drawn: drawn[0]))
def test_nothing_is_hidden_exactly_where_nothing_is_found(text: str) -> None:
    for scan in (SCAN, PURE):
        hidden = scan.hidden(text)
        assert (scan.find(text) is None) == (hidden == text)
        assert scan.hidden(hidden) == hidden
        assert (scan.find_in([text]) is None) == (hidden == text)


@pytest.mark.parametrize(
    "path", sorted([*ROOT.glob("cassettes/**/*.yaml"), *ROOT.glob("fixtures/**/*.jsonl")]), ids=lambda path: path.stem
)
def test_no_line_of_the_repositorys_own_recordings_and_cases_is_flagged(path: Path) -> None:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        assert PURE.find(line) is None, f"{path.name}:{number}"
        if path.suffix == ".jsonl":
            assert PURE.find_in(json.loads(line)) is None, f"{path.name}:{number}"
