"""Credentials in text, found before it is written down or shown: a net below the allow-lists, and never complete."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

__all__ = ["MASK", "CredentialScan"]

MASK = "[credential]"


def _is_varied(body: str) -> bool:
    """No placeholder. Its words count near the start only: a dash can glue any text to the end of a secret."""
    return len(set(body)) >= 6 and not re.search(r"(?i:x{5}|example|placeholder|redacted|changeme|your[-_])", body[:40])


def _is_random(body: str) -> bool:
    """No words joined by dashes either: one of the parts mixes letters and digits."""
    parts = [part for part in re.split(r"[^A-Za-z0-9]+", body) if not part.isalpha() and not part.isdigit()]
    return _is_varied(body) and any(len(part) >= 16 or re.search(r"^(?=.{8}).*\d.*\d", part) for part in parts)


def _is_password(body: str) -> bool:
    """No variable, no stars and no word for a password."""
    word = (
        r"[$*].*|%[(s].*|[A-Z_]+|(?i:(my|your|the|db|user)?[-_]?(pass(word|wd|w)?|pwd?|secret|token|(api[-_]?)?key)\d?)"
    )
    return (
        len(set(body)) >= 3 and not re.fullmatch(word, body) and not re.search("(?i:example|redacted|your[-_])", body)
    )


def _is_basic(body: str) -> bool:
    """User and password in base64; an ordinary word decodes to bytes that are no text."""
    pair = re.match(rb"[ -9;-~]*:([ -~]{3,})", base64.b64decode(body[: len(body) // 4 * 4]))
    return pair is not None and _is_password(pair[1].decode("ascii"))


@dataclass(frozen=True, slots=True, repr=False)
class _Rule:
    """One kind of credential. It has no repr, since its pattern can be made of a secret."""

    kind: str
    pattern: re.Pattern[str]  # its group `secret` is hidden if `judge` says so of the group `body`
    judge: Callable[[str], bool]

    def hidden(self, text: str) -> str:
        return self.pattern.sub(self._masked, text)

    def _masked(self, match: re.Match[str]) -> str:
        return match[0][: match.start("secret") - match.start()] + MASK if self.judge(match["body"]) else match[0]


def _apart(word: str) -> str:
    """`word`, of a fixed width, with no word before it, nor 20 characters of base64url and a dash; or with an escape.

    The word comes first, since Python looks for a literal start of a pattern far faster than for anything else.
    """
    escapes = (r"\\[abefnrtv]", r"\\u[\da-fA-F]{4}", r"\\x[\da-fA-F]{2}", r"%[\da-fA-F]{2}")
    escaped = "".join(f"|(?<={escape}{word})" for escape in escapes)
    return rf"{word}(?:(?<!\w{word})(?<![\w-]{{19}}\w-{word}){escaped})"


_ASSIGNED = r"""(?:\\{0,64}["'])?\s{0,4}[:=]>?\s{0,4}(?:\\{0,64}["'\[]){0,3}"""
_GAP = r"(?:\s|\\+[nrt]?)*+"
_BLOCK_HEADER = rf"[A-Z][\w-]+: [^\r\n\\]{{0,200}}{_GAP}"
_BLOCK = rf"-----BEGIN (?:[A-Z\d]+ ){{0,4}}PRIVATE KEY(?: BLOCK)?-----{_GAP}(?:{_BLOCK_HEADER}){{0,8}}+"
# A block that is cut off reaches to the end of its string: rather too much than the half of a key.
_BLOCK_END = r'[^-"]*+(?:-(?!----)[^-"]*+)*+(?:-----END [A-Z\d ]{0,40}-----)?'
_BASIC = rf"[Aa](?i:uthorization{_ASSIGNED}basic)\s{{1,4}}"
_BEARER = _apart("[Bb](?i:earer)") + r"(?:\s|%20){1,4}"
_FIELDS = r"pi[-_]?key|ccess[-_]?token|uth[-_]?token|efresh[-_]?token|lient[-_]?secret|ecret[-_]?key"
_FIELD = rf"[AaCcRrSs](?i:{_FIELDS}){_ASSIGNED}"
# No part holds the start of another token: each start would be read on to the end of the text.
_JWT_PART = r"(?:(?!-eyJ)[\w-]){8,}+\."
_URL = r"[\w.~!$&'()*+,;=%-]"
_PASSWORD = _URL.replace("[", "[:") + "{4,}+"


def _rule(kind: str, start: str, body: str, judge: Callable[[str], bool] = _is_varied) -> _Rule:
    """The rule for what follows `start`; a body that names no groups is hidden and judged as a whole."""
    groups = body if "(?P<" in body else f"(?P<secret>(?P<body>{body}))"
    return _Rule(kind, re.compile(start + groups, re.ASCII), judge)


def _token(kind: str, prefix: str, body: str, judge: Callable[[str], bool] = _is_varied) -> _Rule:
    return _rule(kind, "", f"(?P<secret>{_apart(prefix)}(?P<body>{body}))", judge)


# Where bodies have no upper limit, all that could belong to a secret is hidden with it, and nothing is read twice.
_RULES = (
    _rule("a private key block", "", rf"(?P<secret>{_BLOCK}(?P<body>[\w+/]{{32,}}){_BLOCK_END})"),
    _token("an Anthropic API key", "sk-ant-", r"[\w-]{20,}", _is_random),
    _token("an OpenRouter API key", "sk-or-", r"[\w-]{20,}", _is_random),
    _token("an OpenAI API key", "sk-", r"(?:proj|svcacct|admin)-[\w-]{20,}|[A-Za-z\d]{20,}", _is_random),
    _token("a Google API key", "AIza", r"[\w-]{35}(?!\w)"),
    _token("an AWS access key", "A[KS]IA", r"[A-Z\d]{16}(?!\w)"),
    _token("a GitHub token", "gh[opsur]_", r"\w{36,}"),
    _token("a GitHub token", "github_pat_", r"\w{36,}"),
    _token("a GitLab token", "glpat-", r"(?=[\w-]{0,19}[A-Z\d])[\w-]{20,}(?:\.\w+)*"),
    _token("a Slack token", "x(?:ox[abeoprs]|app)-", r"(?=[\w-]{0,19}\d)[\w-]{20,}"),
    _token("a Stripe API key", "[rs]k_live_", r"[A-Za-z\d]{16,}"),
    _token("a Hugging Face token", "hf_", r"[A-Za-z\d]{30,}"),
    _token("an npm token", "npm_", r"[A-Za-z\d]{36,}"),
    _token("a PyPI token", "pypi-AgEI", r"[\w-]{40,}"),
    _token("a SendGrid API key", r"SG\.", r"[\w-]{16,}\.[\w-]{16,}"),
    _token("a Google OAuth token", r"ya29\.", r"[\w.-]{30,}"),
    _token("a JSON web token", "eyJ", rf"{_JWT_PART}eyJ{_JWT_PART}[\w-]{{16,}}"),
    _rule("a password in a URL", "://", rf"(?P<secret>{_URL}*+:(?P<body>{_PASSWORD}))(?=@)", _is_password),
    _rule("an AWS secret access key", f"[Ss](?i:ecret_?access_?key){_ASSIGNED}", r"[\w/+]{40,}"),
    _rule("an Azure storage key", "A(?:ccount|ccess)Key=", r"[\w/+]{40,}={0,2}"),
    _rule("a bearer token", _BEARER, r"[\w.~+/=-]{16,}", _is_random),
    _rule("basic authentication", _BASIC, r"[A-Za-z\d+/]{8,}={0,2}", _is_basic),
    _rule("an API key or token", _FIELD, r"[\w~+/=-]{16,}", _is_random),
)


def _spelled(unit: str) -> str:
    """A pattern for one character, or a run of backslashes, as it stands in text, in JSON in JSON and in a URL."""
    if re.fullmatch(r"[\w.-]", unit, re.ASCII):
        return re.escape(unit)
    if unit[0] == "\\":
        return r"(?:\\{1,99}|(?i:%(?:25){0,3}5c){1,9})"
    pairs = re.findall("....", unit.encode("utf-16-be", "surrogatepass").hex())
    ways = [
        r"\\{0,15}" + re.escape(unit),
        "".join(r"\\{1,15}u" + pair for pair in pairs),
        "".join(f"%(?:25){{0,3}}{byte:02x}" for byte in unit.encode("utf-8", "surrogatepass")),
        *([r"\\{1,15}[nrt]"] if unit in "\n\r\t" else []),
        *({" ": [r"\+"], "+": ["-"], "/": ["_"]}.get(unit, [])),  # in a form, and in base64url
    ]
    return f"(?i:{'|'.join(ways)})"


def _known(name: str, value: str) -> Iterator[_Rule]:
    """The rules for one literal secret: as it is, and at each of the three places in base64 where it can begin."""
    raw = value.encode("utf-8", "surrogatepass")
    cores = [base64.b64encode(b"." * lead + raw).decode()[(0, 2, 3)[lead] :] for lead in range(3)]
    cores = [core[: -core.count("=") - 1] if core.endswith("=") else core for core in cores]
    for spelling in [value, *cores]:
        pattern = "".join(_spelled(unit) for unit in re.findall(r"\\+|[^\\]", spelling))
        yield _rule(f"the value of {name}", "", f"(?P<secret>(?P<body>{pattern}))", lambda _: True)


class CredentialScan:
    """Finds credentials by their form, and the `known` ones, by the name of where they come from, in any spelling."""

    __slots__ = ("_rules",)

    def __init__(self, known: Mapping[str, str]) -> None:
        secrets = {name: value.strip() for name, value in known.items() if len(value.strip()) >= 8}
        longest_first = sorted(secrets, key=lambda name: -len(secrets[name]))  # one may be a part of another
        self._rules = (*(rule for name in longest_first for rule in _known(name, secrets[name])), *_RULES)

    def _steps(self, text: str) -> Iterator[tuple[str, str]]:
        """The kinds that are found, each with the text in which it and those before it are hidden."""
        for rule in self._rules:
            shown = MASK.join(rule.hidden(piece) for piece in text.split(MASK))
            if shown != text:
                text = shown
                yield rule.kind, text

    def find(self, text: str) -> str | None:
        """The kind of a credential in the text, or None where there is none; never any part of the text."""
        return next((kind for kind, _ in self._steps(text)), None)

    def hidden(self, text: str) -> str:
        """The text with each credential replaced by `[credential]`."""
        while steps := list(self._steps(text)):  # again, since hiding one can bare another that was glued to it
            text = steps[-1][1]
        return text

    def find_in(self, value: object) -> tuple[str, str] | None:
        """The place and the kind of the first credential in a JSON value.

        A key that is itself a credential is not named: its place is that of its mapping.
        """
        # All strings at once, since each look costs more than what it looks at; most values hold nothing.
        if self.find("\n".join(_strings(value, ""))) is None:
            return None
        return self._located(value, "", "")

    def _located(self, value: object, where: str, key: str) -> tuple[str, str] | None:
        children: list[tuple[object, str, str]] = []
        kind: str | None = None
        if isinstance(value, str):
            kind = self.find(_told(key, value))
        elif isinstance(value, Mapping):
            kind = next(filter(None, (self.find(str(name)) for name in value)), None)
            children = [(each, f"{where}.{name}" if where else str(name), str(name)) for name, each in value.items()]
        elif isinstance(value, (list, tuple)):
            children = [(each, f"{where}[{at}]", key) for at, each in enumerate(value)]
        if kind is not None:
            return self.hidden(where), kind
        for child in children:
            if found := self._located(*child):
                return found
        return None


def _strings(value: object, key: str) -> Iterator[str]:
    """All strings of a JSON value, those under a key with it: some credentials are known by their key."""
    if isinstance(value, str):
        yield _told(key, value)
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield str(name)
            yield from _strings(each, str(name))
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _strings(each, key)


def _told(key: str, value: str) -> str:
    return f"{key}: {value}" if key else value
