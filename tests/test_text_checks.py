"""The example's own scorers of texts: what they take for the same, and what they find missing or forbidden."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from pytest_modelroute.evaluation.importing import Importer
from pytest_modelroute.evaluation.scorer import RIGHT, Score, Scorer
from pytest_modelroute.evaluation.scoring import make_scorer

from .trees import policy

ROOT = Path(__file__).parent.parent


def scorer(name: str) -> Scorer:
    importer = Importer(ROOT, PurePosixPath("fixtures"))
    return make_scorer(policy(f'{{kind: python, function: "text_checks:{name}"}}'), importer)


def summarized(text: str, *facts: list[str], source: str | None = None) -> Score:
    given = {"text": text if source is None else source}
    return scorer("summary").score(text, {"facts": list(facts)}, given)


SAME = [
    ("12 March", "Open from March 12."),
    ("12 March", "It ends on the 12th of March, at last"),
    ("12 March", "due 12 Mar. at noon"),
    ("13 March", "We come on March 9 to 13."),
    ("13 March", "We come March 9\u201313"),
    ("1 May", "Prices rise on 1st May 2027"),
    ("2 pm", "at 14:00"),
    ("2 pm", "by 2:00 p.m."),
    ("2 pm", "by 2PM"),
    ("8:15 am", "leaves at 8.15 am"),
    ("8:15 am", "leaves at 08:15"),
    ("8 am", "between 8 and 11 am"),
    ("12 pm", "by noon"),
    ("€2,340", "2340 euros"),
    ("€2,340", "EUR 2,340.00"),
    ("2,340", "€2,340"),
    ("60 CHF", "60 Swiss francs"),
    ("$85", "85 dollars"),
    ("£14", "14 pounds"),
    ("30%", "30 per cent"),
    ("30%", "30 percent"),
    ("ten days", "within 10 days"),
    ("22 years", "twenty-two years"),
    ("7:30 am", "at half past seven"),
    ("CX-400", "the CX 400"),
    ("refund*", "They are refunded."),
    ("Nuit d'Ambre", "\u201cNuit d\u2019Ambre\u201d"),
    ("Town Hall", "**Town** Hall"),
]


@pytest.mark.parametrize(("spelling", "text"), SAME, ids=str)
def test_a_fact_may_be_written_in_several_ways(spelling: str, text: str) -> None:
    assert summarized(text, [spelling]) == RIGHT


OTHERS = [
    ("12 March", "12 May"),
    ("12 March", "March 1 and 2"),
    ("2 pm", "12 pm"),
    ("2 pm", "2 am"),
    ("2 pm", "02:00"),
    ("€45", "£45"),
    ("€45", "€450"),
    ("€45", "€45.50"),
    ("45", "1,045"),
    ("45", "0.45"),
    ("1.6%", "16%"),
    ("ten days", "two days"),
    ("refund", "refunded"),
    ("refund*", "no fund"),
    ("port", "airport"),
]


@pytest.mark.parametrize(("spelling", "text"), OTHERS, ids=str)
def test_another_fact_is_none_of_them(spelling: str, text: str) -> None:
    assert summarized(text, [spelling]) == Score(False, f'does not say "{spelling}"')


def test_a_summary_names_every_fact_that_is_missing_by_its_first_spelling() -> None:
    facts = (["boiler", "heating"], ["6 February"], ["£100"])
    assert summarized("The heating is back on 6 February; £100 off.", *facts) == RIGHT
    assert summarized("It is back in February.", *facts) == Score(
        False, 'does not say "boiler"; does not say "6 February"; does not say "£100"'
    )


def test_a_summary_has_at_most_forty_words() -> None:
    assert summarized("boiler " * 40, ["boiler"]) == RIGHT
    assert summarized("boiler " * 43, ["boiler"]) == Score(False, "has 43 words, 3 too many")


def test_a_number_that_stands_in_no_text_is_invented() -> None:
    source = "Ten vans, €1,200 each, come at half past seven on March 3rd. The thirty-five old ones go."
    for right in ("10 vans at 1200 euros", "On 3 March, 7:30 am", "35 old vans", "a dozen vans"):
        assert summarized(right, source=source) == RIGHT
    for wrong, number in (("11 vans", "11"), ("€1,250 each", "1250"), ("at 8 am", "8"), ("on 30 March", "30")):
        assert summarized(wrong, source=source) == Score(False, f"says {number}, which nobody told it")


GIVEN = {"to": "Mr and Mrs Lund", "from": "Dr Ada Field", "purpose": "sofa", "say": ["9 May instead of 2 May"]}
WANTED = {"facts": [["sofa"], ["9 May"]], "never": ["lorry", "discount*"]}
GOOD = "Dear Mr and Mrs Lund,\n\nYour sofa comes on 9 May. Thank you for waiting.\n\nKind regards,\nAda Field"
EMAILS = [
    ("first name only", GOOD.replace("Ada Field", "Ada"), ""),
    ("a subject line", f"Subject: Your sofa\n\n{GOOD}", ""),
    (
        "the body alone",
        "Your sofa comes on 9 May.",
        'does not greet "Mr and Mrs Lund"; is not signed by "Dr Ada Field"',
    ),
    ("another person", GOOD.replace("Lund", "Lundgren"), 'does not greet "Mr and Mrs Lund"'),
    ("another sender", GOOD.replace("Ada Field", "Mr Lund"), 'is not signed by "Dr Ada Field"'),
    ("bare name", GOOD.replace("Thank you for waiting.\n\nKind regards,", ""), "has no closing words"),
    ("fact", GOOD.replace("9 May", "2 May"), 'does not say "9 May"'),
    ("fact in the subject alone", f"Subject: 9 May\n\n{GOOD.replace('on 9 May', 'soon')}", 'does not say "9 May"'),
    (
        "forbidden",
        GOOD.replace("Thank", "The lorry broke. We offer discounts. Thank"),
        'says "lorry"; says "discount*"',
    ),
    ("forbidden in the subject", f"Subject: broken lorry\n{GOOD}", 'says "lorry"'),
    ("placeholder", GOOD.replace("Kind", "Ring [phone number]. Kind"), 'leaves "[phone number]" to be filled in'),
    ("too long", GOOD.replace("Thank", "Really, " * 73 + "thank"), "has 92 words, 2 too many"),
]


@pytest.mark.parametrize(("text", "told"), [each[1:] for each in EMAILS], ids=[each[0] for each in EMAILS])
def test_an_email_greets_tells_and_is_signed(text: str, told: str) -> None:
    assert scorer("email").score(text, WANTED, GIVEN) == Score(not told, told)


def cases(task: str) -> list[dict[str, Any]]:
    files = [ROOT / f"fixtures/{folder}/{task}.jsonl" for folder in ("golden", "dev")]
    return [json.loads(line) for path in files for line in path.read_text(encoding="utf-8").splitlines()]


def test_each_text_says_the_facts_that_its_summary_must_and_no_other_text_does() -> None:
    every = cases("summarize_short")
    for case, other in zip(every, every[1:] + every[:1], strict=True):
        assert len(case["expected"]["facts"]) >= 3
        own, swapped = (summarized(each["input"]["text"], *case["expected"]["facts"]).detail for each in (case, other))
        assert own.startswith("has "), (case["id"], own)  # a copy of the whole text has all facts, and is no summary
        assert "does not say" in swapped, case["id"]


def test_each_brief_can_be_met_by_saying_what_it_tells_to_say_and_not_by_another_email() -> None:
    every = cases("draft_email")
    emails = [
        "Dear {to},\n\n{facts}.\n\nKind regards,\n{from}".format(facts=". ".join(case["input"]["say"]), **case["input"])
        for case in every
    ]
    for case, own, swapped in zip(every, emails, emails[1:] + emails[:1], strict=True):
        assert case["expected"]["never"]
        assert scorer("email").score(own, case["expected"], case["input"]) == RIGHT, case["id"]
        told = scorer("email").score(swapped, case["expected"], case["input"]).detail
        assert "does not greet" in told, case["id"]
        assert "does not say" in told, case["id"]
