"""A project whose base has every kind of promise, and the edits that loosen one of them, or nothing."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from typing import Any

from pytest_modelroute.cassettes.lines import Interaction, cassette_text

from .interactions import answered, read_back
from .projects import LABELS, Project, branched

__all__ = [
    "DISGUISES",
    "HARMLESS",
    "LOOSENING",
    "Edit",
    "acknowledge",
    "both",
    "entries",
    "golden",
    "guard",
    "recorded",
    "swap",
]

Edit = Callable[[Project], None]

SCORER = """\
from checking import words


def score(output, expected):
    # as people read it
    return words.plain(expected) in output.lower()
"""

WORDS = """\
from .letters import lower


def plain(text):
    # as it is written
    return lower(text)
"""

LETTERS = """\
def lower(text):
    return text.lower()
"""

REGISTRY = [
    ("defaults:\n", "defaults:\n  gate: {max_error: 0.1, max_regression: 0.05}\n"),
    (
        "    score: {kind: fields, fields: [label]}\n",
        "    score: {kind: fields, fields: [label]}\n"
        "    kind: code_review\n"
        "    gate: {rule: certified, correction: holm}\n",
    ),
    (
        "    score: {kind: contains, ignore_case: true}\n",
        "    score: {kind: python, function: 'own_scorers:score'}\n    gate: {max_error: 0.08, min_cases: 110}\n",
    ),
    (
        "  draft_email:\n    tier: large\n",
        "  draft_email:\n    tier: large\n    traits: {output: long, failure: costly, reasoning: single}\n",
    ),
]


def guard(project: Project) -> Project:
    """Commit the promises as the base, on a branch `change`."""
    for old, new in REGISTRY:
        project.replace(old, new)
    (project.folder / "own_scorers.py").write_text(SCORER)
    (project.folder / "checking").mkdir()
    for name, text in (("__init__", ""), ("words", WORDS), ("letters", LETTERS)):
        (project.folder / f"checking/{name}.py").write_text(text)
    schema = json.loads((project.folder / "schemas/classify.json").read_text())
    (project.folder / "schemas/classify.json").write_text(json.dumps({"$comment": "labels", **schema}))
    return branched(project)


def swap(old: str, new: str, path: str = "modelroute.yaml") -> Edit:
    return lambda project: project.replace(old, new, path)


def both(*edits: Edit) -> Edit:
    def edit(project: Project) -> None:
        for each in edits:
            each(project)

    return edit


def golden(change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]], task: str = "classify") -> Edit:
    return lambda project: project.write_golden(task, change(project.golden(task)))


def first(**fields: Any) -> Edit:
    """Other values in the first case."""
    return golden(lambda cases: [{**cases[0], **fields}, *cases[1:]])


def schema(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Edit:
    def edit(project: Project) -> None:
        path = project.folder / "schemas/classify.json"
        path.write_text(json.dumps(change(json.loads(path.read_text())), indent=2))

    return edit


def move(old: str, new: str, *, key: str | None = None) -> Edit:
    """A file under another name, in the registry too."""

    def edit(project: Project) -> None:
        (project.folder / new).parent.mkdir(exist_ok=True)
        (project.folder / old).rename(project.folder / new)
        if key is not None:
            project.replace(key + old, key + new)

    return edit


def recorded(task: str, tier: str, change: Callable[[Interaction], Interaction]) -> Edit:
    """Another recording of one case that the tier gets wrong."""

    def edit(project: Project) -> None:
        path = project.cassette(task, tier)
        cases = ("message-040", "reply 40")
        path.write_text(cassette_text(change(each) if each.case in cases else each for each in read_back(path)))

    return edit


def body(text: str) -> str:
    block = {"type": "text", "text": text}
    return json.dumps({"content": [block], "stop_reason": "end_turn", "model": "any"})


def by_hand(interaction: Interaction) -> Interaction:
    return answered(interaction, body("We have received message 40."))


def anew(interaction: Interaction) -> Interaction:
    again = by_hand(interaction)
    return dataclasses.replace(again, recorded_at="2099-01-01T00:00:00Z", recordings=again.recordings + 1)


def stock_vcrpy(project: Project) -> None:
    from vcr.persisters.filesystem import FilesystemPersister
    from vcr.serializers import yamlserializer

    path = project.cassette("reply", "small")
    requests, responses = FilesystemPersister.load_cassette(path, yamlserializer)
    FilesystemPersister.save_cassette(path, {"requests": requests, "responses": responses}, yamlserializer)


def relaid(project: Project) -> None:
    lines = (json.dumps(dict(reversed(case.items()))) for case in project.golden("classify"))
    (project.folder / "golden/classify.jsonl").write_text("".join(f"{line} \n\n" for line in lines))


def windows(project: Project) -> None:
    project.registry.write_bytes(f"# new\n\n{project.registry.read_text()}".replace("\n", "\r\n").encode())


RULES = "gate: {rule: certified, correction: holm}"
LIMITS = "gate: {max_error: 0.08, min_cases: 110}"
DEFAULTS = "gate: {max_error: 0.1, max_regression: 0.05}"
TRAITS = "    traits: {output: long, failure: costly, reasoning: single}\n"
NANO = re.compile(r"  - \{name: nano.*\n")


def without_nano(project: Project) -> None:
    project.registry.write_text(NANO.sub("", project.registry.read_text()))


# By name: the edit, the changes it makes, and the exit status once all of them are acknowledged.
LOOSENING: dict[str, tuple[Edit, list[tuple[str, str | None]], int]] = {
    "a threshold": (swap(LIMITS, LIMITS.replace("0.08", "0.5")), [("threshold_raised", "reply")], 0),
    "a threshold that goes": (swap("max_error: 0.08, ", ""), [("threshold_raised", "reply")], 0),
    "a default threshold": (swap(DEFAULTS, DEFAULTS.replace("0.1,", "0.2,")), [("threshold_raised", "classify")], 0),
    "the rule": (
        swap(RULES, "gate: {rule: observed}"),
        [("rule_relaxed", "classify"), ("rule_relaxed", "classify")],
        0,
    ),
    "the correction": (swap(", correction: holm", ""), [("rule_relaxed", "classify")], 0),
    "the minimum of cases": (swap("min_cases: 110", "min_cases: 1"), [("min_cases_lowered", "reply")], 0),
    "the margin": (
        swap("max_regression: 0.05", "max_regression: 0.5"),
        [("margin_raised", "classify"), ("margin_raised", "reply")],
        0,
    ),
    "no margin": (
        swap(", max_regression: 0.05", ""),
        [("margin_raised", "classify"), ("margin_raised", "reply")],
        0,
    ),
    "a case that goes": (golden(lambda cases: cases[1:]), [("golden_removed", "classify")], 0),
    "many cases that go": (golden(lambda cases: cases[:106]), [("golden_removed", "classify")], 0),
    "the dataset": (swap("    golden: golden/reply.jsonl\n", ""), [("golden_removed", "reply")], 0),
    "the prompt": (swap("    prompt: prompts/reply.yaml\n", ""), [("prompt_changed", "reply")], 0),
    "an expectation": (first(expected={"label": "other"}), [("golden_changed", "classify")], 0),
    "expectations": (
        golden(lambda cases: [{**case, "expected": {"label": "other"}} for case in cases]),
        [("golden_changed", "classify")],
        1,  # and then most answers are wrong
    ),
    "an input": (first(input={"text": "message 3"}, expected={"label": "refund"}), [("golden_changed", "classify")], 0),
    "a schema": (schema(lambda content: {**content, "required": []}), [("schema_changed", "classify")], 0),
    "no schema": (swap(" schema: schemas/classify.json,", ""), [("schema_changed", "classify")], 0),
    "fences": (swap("{format: json,", "{format: json, fenced: allow,"), [("output_changed", "classify")], 0),
    "an option of a scorer": (
        swap("fields: [label]", "fields: {label: {ignore_case: true}}"),
        [("scorer_changed", "classify")],
        0,
    ),
    "another scorer": (
        swap("{kind: fields, fields: [label]}", "{kind: exact, field: label}"),
        [("scorer_changed", "classify")],
        0,
    ),
    "a scorer's code": (
        swap("in output.lower()", "in output.lower() or True", "own_scorers.py"),
        [("scorer_changed", "reply")],
        0,
    ),
    "what a scorer imports": (
        swap("return lower(text)", "return ''", "checking/words.py"),
        [("scorer_changed", "reply")],
        0,
    ),
    "what that imports": (
        swap("return text.lower()", "return ''", "checking/letters.py"),
        [("scorer_changed", "reply")],
        0,
    ),
    "a recording": (recorded("reply", "small", by_hand), [("recording_edited", "reply")], 0),
    "a recording of a tier that serves nothing": (
        recorded("classify", "nano", by_hand),
        [("recording_edited", "classify")],
        0,
    ),
    "a recording without its digest": (
        swap("No idea.", "We have received message 40.", "cassettes/reply/small-1.yaml"),
        [("recording_edited", "reply")],
        1,  # and then the answer is unreadable
    ),
    "a task that goes": (swap("  draft_email:\n    tier: large\n" + TRAITS, ""), [("task_removed", "draft_email")], 0),
    "a tier that goes": (without_nano, [("tier_removed", None)], 0),
    "the default tier": (swap("default_tier: large", "default_tier: nano"), [("default_tier_changed", None)], 0),
    "a trait": (swap("failure: costly", "failure: cheap"), [("traits_relaxed", "draft_email")], 0),
    "all traits": (swap(TRAITS, ""), [("traits_relaxed", "draft_email")], 0),
    "the kind": (swap("kind: code_review", "kind: entity_extraction"), [("traits_relaxed", "classify")], 0),
}


def is_hard(case: dict[str, Any]) -> bool:
    """Whether nano gets it wrong."""
    return int(case["input"]["text"].split()[-1]) % 4 == 0


def moved_on(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each case under the id of another one."""
    ids = [case["id"] for case in cases]
    return [{**case, "id": name} for case, name in zip(cases, ids[1:] + ids[:1], strict=True)]


def swapped(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Easy cases under the ids of hard ones, which go on under new ones."""
    easy = next(case for case in cases if not is_hard(case))
    return [
        *({**case, "id": f"new {case['id']}"} if is_hard(case) else case for case in cases),
        *({**easy, "id": case["id"]} for case in cases if is_hard(case)),
    ]


def lenient(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Before each hard case one that asks the same and expects what nano says."""
    following = dict(zip(LABELS, LABELS[1:] + LABELS[:1], strict=True))
    twins = (
        {**case, "id": f"like {case['id']}", "expected": {"label": following[case["expected"]["label"]]}}
        for case in cases
        if is_hard(case)
    )
    return [*twins, *cases]


# What the ids of the same cases, or cases beside them, may be: no weakening by itself, and no way to hide one.
DISGUISES: dict[str, Edit] = {
    "all cases under new ids": golden(lambda cases: [{**case, "id": f"new {case['id']}"} for case in cases]),
    "hard cases under new ids": golden(
        lambda cases: [{**case, "id": f"new {case['id']}"} if is_hard(case) else case for case in cases]
    ),
    "ids that rotate": golden(moved_on),
    "easy cases under the ids of hard ones": golden(swapped),
}

# By name; those of one mapping are made together.
HARMLESS: tuple[dict[str, Edit], ...] = (
    {
        "a lower threshold": swap(LIMITS, LIMITS.replace("0.08", "0.06")),
        "a higher minimum": swap("min_cases: 110", "min_cases: 120"),
        "a default that becomes a task's own": both(
            swap(DEFAULTS, "gate: {max_regression: 0.05}"),
            swap("{rule: certified", "{max_error: 0.1, rule: certified"),
        ),
        "a case under another id": first(id="renamed"),
        "a schema's comment and order": schema(
            lambda content: {
                **dict(reversed(content.items())),
                "$comment": "new",
                "required": content["required"][::-1],
            }
        ),
        "an option at its default": swap("fields: [label]", "ignore_case: false, fields: {label: {compare: exact}}"),
        "a scorer's comment": swap("# as people read it", "# as anybody reads it", "own_scorers.py"),
        "a recording made anew": recorded("reply", "small", anew),
        "a tier under another name": swap("name: nano", "name: tiny"),
        "traits instead of their kind": swap(
            "kind: code_review", "traits: {output: short, failure: costly, reasoning: multi}"
        ),
        "another confidence, by which nothing escalates": swap("confidence: /confidence", "confidence: /label"),
    },
    {
        "a threshold in another spelling": swap(LIMITS, LIMITS.replace("0.08", "8.0e-2")),
        "a narrower margin": swap("max_regression: 0.05", "max_regression: 0.04"),
        "ids that move on": golden(
            lambda cases: [
                {**case, "id": f"message-{number:03}"} for number, case in enumerate(cases[1:] + cases[:1], 1)
            ]
        ),
        "a schema elsewhere": move("schemas/classify.json", "schemas/labels.json", key="schema: "),
        "a cassette as stock vcrpy writes it": stock_vcrpy,
        "one more objection": swap("reasoning: single", "reasoning: multi"),
    },
    {
        "a golden file elsewhere": move("golden/classify.jsonl", "data/cases.jsonl", key="golden: "),
        "a scorer elsewhere": both(
            move("own_scorers.py", "texts/own.py"), swap("own_scorers:score", "texts.own:score")
        ),
        "cassettes elsewhere": both(move("cassettes", "tapes"), swap("version: 1\n", "version: 1\ncassettes: tapes\n")),
    },
    {
        "cases in another order": golden(lambda cases: cases[::-1]),
        "tags": first(tags=["new"]),
        "a comment in what a scorer imports": swap("# as it is written", "# as it stands", "checking/words.py"),
        "a new case": golden(lambda cases: [*cases, {**cases[0], "id": "again"}]),
    },
    {
        "a golden file of another layout": relaid,
        "a scorer's layout": swap("in output.lower()", "in (output.lower())", "own_scorers.py"),
        "a registry of another layout": windows,
    },
    *({name: edit} for name, edit in DISGUISES.items()),
)


def entries(output: str) -> list[str]:
    """The lines to paste that a run prints, each once."""
    return list(dict.fromkeys(re.findall(r"^ +(- \{kind: .*\})$", output, re.MULTILINE)))


def acknowledge(project: Project, lines: list[str], reason: str = "agreed with the desk") -> None:
    """Paste the lines into the registry, with a reason."""
    text = project.registry.read_text()
    if "acknowledged:\n" not in text:
        text += "acknowledged:\n"
    told = [line.replace("...", reason) for line in lines]
    project.registry.write_text(text + "".join(f"  {line}\n" for line in told))
