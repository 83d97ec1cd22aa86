"""The pytest entry point: options only, until `--modelroute` asks for more.

Every pytest run of every user imports this module, so it imports the standard library and pytest alone.
"""

from __future__ import annotations

import pytest

__all__ = ["pytest_addoption", "pytest_configure"]

RECORD_MODES = "none, once, new_episodes, all"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("modelroute", "model routing gate (pytest-modelroute)")
    group.addoption(
        "--modelroute",
        action="store_true",
        help="Gate the task-to-model registry with recorded answers.",
    )
    group.addoption(
        "--modelroute-registry",
        metavar="PATH",
        help="The registry, relative to rootdir (default: modelroute.yaml).",
    )
    group.addoption(
        "--modelroute-base",
        metavar="REF",
        help="Compare with the merge base of REF (default: the CI's pull or merge request; empty: no base).",
    )
    group.addoption(
        "--modelroute-record",
        metavar="MODE",
        nargs="?",
        const="",
        help=f"Record answers: {RECORD_MODES} (default: none).",
    )
    group.addoption(
        "--modelroute-record-tiers",
        metavar="NAME,...",
        help="Record these tiers too, or `all`.",
    )
    group.addoption(
        "--modelroute-dry-run",
        action="store_true",
        default=None,
        help="Print what recording would call and cost, and stop there.",
    )
    group.addoption(
        "--modelroute-max-usd",
        metavar="X",
        help="Refuse to record a plan above X USD, and stop when that much is spent.",
    )
    group.addoption(
        "--modelroute-concurrency",
        metavar="N",
        help="Calls at once while recording (default: 8).",
    )
    group.addoption(
        "--modelroute-timeout",
        metavar="SECONDS",
        help="How long an answer may take while recording (default: 600).",
    )
    group.addoption(
        "--modelroute-verify",
        metavar="N",
        help="Call N random recorded cases again, live, and tell how many come out otherwise.",
    )
    group.addoption(
        "--modelroute-verify-changed",
        metavar="SHARE",
        help="The share of verified cases that may come out otherwise (default: 0.05).",
    )
    group.addoption(
        "--modelroute-try",
        metavar="TASK=TIER",
        action="append",
        help="Judge an assignment without editing the registry; repeatable.",
    )
    group.addoption(
        "--modelroute-replay",
        metavar="MODE",
        help="direct (default), or vcr: every answer through vcrpy and the SDK, as a cross-check.",
    )
    group.addoption("--modelroute-json", metavar="PATH", help="Write the report as JSON.")
    parser.addini("modelroute_registry", "The registry, relative to rootdir.", default="modelroute.yaml")
    parser.addini("modelroute_base", "Compare with the merge base of this ref.", default=None)
    parser.addini("modelroute_record", f"Record answers: {RECORD_MODES}.", default="none")
    parser.addini("modelroute_record_tiers", "Record these tiers too, or `all`.", default="")
    parser.addini("modelroute_dry_run", "Print the plan of a recording only.", type="bool", default=False)
    parser.addini("modelroute_max_usd", "The most USD that a recording may cost.", default="")
    parser.addini("modelroute_concurrency", "Calls at once while recording.", default="8")
    parser.addini("modelroute_timeout", "Seconds that an answer may take while recording.", default="600")
    parser.addini("modelroute_verify", "How many recorded cases to call again.", default="0")
    parser.addini("modelroute_verify_changed", "The share of them that may come out otherwise.", default="0.05")
    parser.addini("modelroute_try", "Assignments to judge, TASK=TIER each.", type="args", default=[])
    parser.addini("modelroute_replay", "direct or vcr.", default="direct")
    parser.addini("modelroute_json", "Write the report as JSON to this path.", default="")


def pytest_configure(config: pytest.Config) -> None:
    if config.option.modelroute:
        from .activation import activate

        activate(config)
        return
    typed = [str(argument) for argument in config.invocation_params.args]
    if not any(argument.startswith("--modelroute") for argument in typed) or {"-h", "--help"} & set(typed):
        return
    told = "an option of the plugin is given, but not the switch\n  fix: add --modelroute"
    if "--modelroute" in typed:  # pytest stops reading where it is to print its help
        told = "--modelroute is typed, and `addopts` asks for help instead\n  fix: take -h out of it"
    raise pytest.UsageError(f"modelroute: {told}")
