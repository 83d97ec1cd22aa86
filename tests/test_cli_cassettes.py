"""`modelroute cassettes`, as it is typed: what it finds, what it shows, what it removes and what it leaves alone."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from vcr.persisters.filesystem import FilesystemPersister
from vcr.serializers import yamlserializer

from pytest_modelroute.cassettes.lines import HEADER, Interaction, cassette_text, format_line
from pytest_modelroute.cassettes.lock import RecordingLock
from pytest_modelroute.cli.main import main

from .interactions import answered, interaction, message, read_back
from .live import warm_forks
from .messages_server import MessagesServer
from .messages_server import message as reply
from .projects import Project, clean_environment, git

Done = subprocess.CompletedProcess[str]


def run(project: Project, *arguments: str, folder: str = ".", **environment: str) -> Done:
    """Type `modelroute ...` in the project's folder."""
    variables = {**clean_environment(), **environment}
    done = warm_forks().start_plain(project.folder / folder, arguments, variables, program="modelroute").wait()
    return Done(arguments, done.returncode, done.stdout, done.stderr)


def run_here(project: Project, *arguments: str) -> Done:
    """The same in this process, which takes a tenth of the time."""
    output, errors = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(project.folder),
        mock.patch.dict(os.environ, clean_environment(), clear=True),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
    ):
        try:
            status = main(arguments)
        except SystemExit as left:
            status = int(left.code or 0)
    return Done(arguments, status, output.getvalue(), errors.getvalue())


def cassettes(project: Project, command: str, *arguments: str, **environment: str) -> Done:
    if environment:
        return run(project, "cassettes", command, *arguments, **environment)
    return run_here(project, "cassettes", command, *arguments)


def fine(done: Done) -> str:
    """The output of a command that went well and said nothing else."""
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


def refused(done: Done) -> str:
    """What a command says of broken input."""
    assert done.returncode == 4, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def edit(path: Path, *changes: tuple[str, dict[str, Any]]) -> None:
    """Change the interactions of some cases."""
    changed = dict(changes)
    edited = (dataclasses.replace(e, **changed.get(e.case, {})) for e in read_back(path))
    path.write_text(cassette_text(answered(each, each.response_body) for each in edited))


def drop(path: Path, *cases: str) -> None:
    path.write_text(cassette_text(each for each in read_back(path) if each.case not in cases))


def save_with_stock_vcrpy(path: Path) -> None:
    requests, responses = FilesystemPersister.load_cassette(path, yamlserializer)
    FilesystemPersister.save_cassette(path, {"requests": requests, "responses": responses}, yamlserializer)
    assert b"- {" not in path.read_bytes()


def tree(project: Project) -> dict[str, bytes]:
    """Every file of the project by its path, git's own left out."""
    paths = (path for path in sorted(project.folder.rglob("*")) if path.is_file())
    found = {str(path.relative_to(project.folder)): path.read_bytes() for path in paths}
    return {name: data for name, data in found.items() if not name.startswith(".git/") and "__pycache__" not in name}


def cells(output: str) -> dict[str, list[str]]:
    """The table's rows by `task/tier` or by the file's name, each with its nine cells."""
    rows: dict[str, list[str]] = {}
    task = label = ""
    for line in output.partition("\n\n")[0].splitlines()[1:]:
        if not line.startswith(" "):
            task = line
            continue
        parts = re.split(r"  +", line.strip())
        if len(parts) in (1, 4, 10):
            label, parts = parts[0], parts[1:]
        if parts:
            rows[f"{task}/{label.removesuffix(' *')}"] = parts
    return rows


def leave_journal(project: Project, found: Iterable[Interaction]) -> Path:
    path = project.folder / "cassettes/.recording/classify/large-1.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("".join(map(format_line, found)))
    return path


# ---- the command itself


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "cassettes"),
        (("cassettes",), "list,show,prune,format".replace(",", " ")),
        (("cassettes", "list"), "--json --check --registry --rootdir"),
        (("cassettes", "show"), "TASK CASE --tier"),
        (("cassettes", "prune"), "--dry-run --base"),
        (("cassettes", "format"), "--check --drop-damaged"),
    ],
    ids=lambda value: "-".join(value) or "top" if isinstance(value, tuple) else "",
)
def test_help_of_each_command(project: Project, arguments: tuple[str, ...], told: str) -> None:
    output = fine(run(project, *arguments, "--help"))
    assert all(word in output for word in told.split())
    assert "4 broken input" in output
    done = run(project, *arguments, "--no-such-option")
    assert "usage: modelroute" in refused(done)


def test_the_command_is_installed() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "modelroute"), "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("modelroute 0.")


def test_list_and_help_import_nothing_heavy(project: Project) -> None:
    code = (
        "import sys\nfrom pytest_modelroute.cli.main import main\n"
        "try:\n    status = main(sys.argv[1:])\nexcept SystemExit as left:\n    status = left.code\n"
        "print('LOADED', *sys.modules, file=sys.stderr)\nsys.exit(status)\n"
    )
    heavy = {"anthropic", "vcr", "pytest", "_pytest", "rich", "httpx2", "asyncio"}
    for arguments, also in ((["cassettes", "list"], set()), (["--help"], {"yaml", "jsonschema", "jinja2"})):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], cwd=project.folder, capture_output=True, text=True, check=True
        )
        loaded = set(done.stderr.partition("LOADED ")[2].split())
        assert "pytest_modelroute.cli.main" in loaded
        assert not loaded & (heavy | also)


def test_a_reader_that_stops_is_no_error(project: Project) -> None:
    command = f"'{sys.executable}' -m pytest_modelroute cassettes show classify message-001"
    done = subprocess.run(
        ["bash", "-c", f"{command} | true; exit ${{PIPESTATUS[0]}}"], cwd=project.folder, capture_output=True, text=True
    )
    assert done.stderr == ""
    assert done.returncode in (0, 141)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_interrupt_is_quiet(project: Project) -> None:
    (project.folder / "slow.py").write_text(
        "import time\ndef build(input):\n    print('asked', flush=True)\n    time.sleep(60)\n"
    )
    project.replace("prompt: prompts/reply.yaml", "prompt: {python: 'slow:build'}")
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest_modelroute", "cassettes", "list"],
        cwd=project.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "asked\n"
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)
    assert (process.returncode, output, errors) == (130, "", "")


COMMANDS = [("list",), ("show", "classify", "message-001"), ("prune",), ("format",)]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_broken_input_is_told_as_pytest_tells_it(project: Project, command: tuple[str, ...]) -> None:
    before = tree(project)
    missing = refused(cassettes(project, *command, "--registry", "nowhere.yaml"))
    assert missing == f"modelroute cassettes {command[0]}: no registry at nowhere.yaml\n  fix: --registry=PATH\n"
    outside = refused(cassettes(project, *command, "--rootdir", "golden"))
    assert f"modelroute.yaml is outside the rootdir {project.folder / 'golden'}" in outside
    assert "is not a folder" in refused(cassettes(project, *command, "--rootdir", "modelroute.yaml"))
    assert "'golden' is a folder, not a registry" in refused(cassettes(project, *command, "--registry", "golden"))
    assert tree(project) == before
    project.replace("  classify:\n    tier: large", "  classify:\n    tier: larg")
    broken = refused(cassettes(project, *command))
    assert "modelroute.yaml:11: tasks.classify.tier: unknown tier 'larg'" in broken
    assert "did you mean 'large'?" in broken


def test_what_was_typed_steers_no_terminal(project: Project) -> None:
    told = refused(cassettes(project, "show", "classify", "\x1b[31mmessage-001"))
    assert "has no case '\\x1b[31mmessage-001'\n  valid: did you mean 'message-001'" in told


@pytest.mark.parametrize("command", ["list", "prune", "format"])
def test_an_unknown_task_is_told_with_the_likeliest(project: Project, command: str) -> None:
    assert "unknown task 'clasify'\n  valid: did you mean 'classify'?" in refused(
        cassettes(project, command, "clasify")
    )


@pytest.mark.parametrize("command", ["list", "prune", "format"])
def test_a_file_where_the_cassettes_should_stand_is_told(project: Project, command: str) -> None:
    shutil.rmtree(project.folder / "cassettes")
    (project.folder / "cassettes").touch()
    assert "cassettes is not a folder\n  fix: move it away" in refused(cassettes(project, command))


def test_the_rootdir_is_the_nearest_folder_that_says_so(project: Project) -> None:
    text = project.registry.read_text().replace("golden/", "../golden/").replace("prompts/", "../prompts/")
    (project.folder / "routing").mkdir()
    moved = project.folder / "routing/modelroute.yaml"
    moved.write_text(text.replace("schemas/", "../schemas/").replace("tasks:", "cassettes: ../cassettes\ntasks:"))
    assert "6 cassettes" in fine(run(project, "cassettes", "list", folder="routing"))
    assert "6 cassettes" in fine(cassettes(project, "list", "--registry", "routing/modelroute.yaml"))
    here = ("--registry", "routing/modelroute.yaml", "--rootdir", "routing")
    assert "leaves pytest's rootdir" in refused(cassettes(project, "list", *here))
    (project.folder / "pytest.ini").unlink()
    assert "leaves pytest's rootdir" in refused(cassettes(project, "list", "--registry", "routing/modelroute.yaml"))


# ---- list


def test_list_of_a_project_where_all_is_recorded(project: Project) -> None:
    output = fine(cassettes(project, "list", "--check"))
    day = read_back(project.cassette("classify", "large"))[0].recorded_at[:10]
    size = f"{project.cassette('classify', 'large').stat().st_size / 1000:.0f} kB"
    rows = cells(output)
    assert list(rows) == [f"{task}/{tier}" for task in ("classify", "reply") for tier in ("nano", "small", "large")]
    assert rows["classify/large"] == ["120", "0", "0", "0", "0", "1", day, size, "0.0144"]
    assert [rows[f"reply/{tier}"][-1] for tier in ("nano", "small", "large")] == ["0.00360", "0.00720", "0.0144"]
    assert "  large *" in output
    assert re.search(r"\n6 cassettes, \d+ kB, 0.0504 USD\n\Z", output)
    assert max(map(len, output.splitlines())) <= 100


def test_list_tells_of_everything_that_is_wrong(project: Project) -> None:
    large, small, nano = (project.cassette("classify", tier) for tier in ("large", "small", "nano"))
    drop(large, "message-001", "message-003")
    golden = project.golden("classify")
    golden[1]["input"] = {"text": "changed 2"}
    project.write_golden("classify", golden)
    edit(
        large,
        ("message-004", {"recordings": 7}),
        ("message-005", {"recorded_at": "2024-12-31T23:59:59Z"}),
        ("message-006", {"recorded_at": "2025-01-02T00:00:00Z", "response_body": message("no usage")}),
    )
    lines = small.read_bytes().splitlines(keepends=True)
    lines[4] = lines[4][:200] + b"\n"  # its key is gone
    lines[6] = lines[6][:-40] + b"\n"  # its key stands
    small.write_bytes(b"".join([*lines, lines[7]]))
    save_with_stock_vcrpy(project.cassette("reply", "small"))
    project.cassette("reply", "large").unlink()
    project.cassette("reply", "nano").write_text("no: cassette\n")
    (project.folder / "cassettes/gone").mkdir()
    shutil.copy(nano, project.folder / "cassettes/gone/large-1.yaml")
    shutil.copy(nano, project.folder / "cassettes/classify/a-model-of-before.yaml")
    leave_journal(project, [interaction("message-001", 1), interaction("message-003", 3)])

    done = cassettes(project, "list")
    output = fine(done)
    rows = cells(output)
    day = read_back(nano)[0].recorded_at[:10]
    assert rows["classify/large"][:7] == ["117", "2", "1", "1", "0", "7", f"2024-12-31 to {day}"]
    assert rows["classify/large"][8] == "-", "one answer tells no tokens"
    assert rows["classify/small"][:6] == ["117", "0", "3", "1", "2", "1"]
    assert rows["classify/nano"][:7] == ["119", "0", "1", "1", "0", "1", day]
    assert rows["reply/small"][:6] == ["120", "0", "0", "0", "0", "1"]
    assert rows["reply/small"][8] == "0.00720"
    assert rows["reply/large"] == ["0", "120", *"0------"]
    assert rows["reply/nano"] == ["0", "0", "120", "-", "-", "-", "-", "13 B", "-"]
    gone = rows["unreferenced files/cassettes/gone/large-1.yaml"]
    assert gone[:7] == ["-", "-", "-", "120", "0", "1", day]
    assert gone[8] == "0.0144", "by the price of its model"
    assert rows["unreferenced files/cassettes/classify/a-model-of-before.yaml"][8] == "-"
    assert "\ncassettes/classify/small-1.yaml: damaged in line 5, 7\n" in output
    assert "\ncassettes/classify/small-1.yaml: 1 recorded more than once; the latest recording counts\n" in output
    assert "\ncassettes/reply/nano-1.yaml: cannot be read: it is not a cassette: it has no list" in output
    assert "\ncassettes/.recording: 2 answers of an unfinished recording; run it again" in output
    assert max(map(len, output.splitlines())) <= 100

    read = json.loads(fine(cassettes(project, "list", "--json")))
    assert read["format"] == 1
    assert read["interrupted"] == {"folder": "cassettes/.recording", "answers": 2}
    files = {file["file"]: file for file in read["cassettes"]}
    assert files["cassettes/classify/small-1.yaml"] == {
        "file": "cassettes/classify/small-1.yaml",
        "task": "classify",
        "model": "small-1",
        "grades": False,
        "referenced": True,
        "exists": True,
        "fault": None,
        "tiers": [{"tier": "small", "assigned": False, "cases": 120, "answered": 117, "missing": 0, "stale": 3}],
        "interactions": 118,
        "unreferenced": 1,
        "damaged_lines": [5, 7],
        "recorded_more_than_once": 1,
        "most_recordings": 1,
        "oldest": min(each.recorded_at for each in read_back(small)),
        "newest": max(each.recorded_at for each in read_back(small)),
        "bytes": small.stat().st_size,
        "usd": pytest.approx(118 * 60 / 1e6),
    }
    unread = files["cassettes/reply/nano-1.yaml"]
    assert (unread["unreferenced"], unread["damaged_lines"], unread["usd"], unread["bytes"]) == (None, None, None, 13)
    assert unread["fault"].startswith("it is not a cassette")
    assert files["cassettes/gone/large-1.yaml"]["referenced"] is False


def test_list_checks_the_assigned_tier_and_what_was_recorded(project: Project) -> None:
    project.cassette("classify", "nano").unlink()
    assert cells(fine(cassettes(project, "list", "--check")))["classify/nano"][:3] == ["0", "120", "0"]
    drop(project.cassette("classify", "small"), "message-001")
    assert cassettes(project, "list", "--check").returncode == 1
    assert cassettes(project, "list").returncode == 0
    assert cassettes(project, "list", "--check", "reply").returncode == 0
    assert list(cells(cassettes(project, "list", "reply").stdout)) == ["reply/nano", "reply/small", "reply/large"]
    project.cassette("reply", "small").unlink()
    assert cassettes(project, "list", "--check", "--json", "reply").returncode == 1
    assert fine(cassettes(project, "list", "--check", "draft_email")) == "no cassettes\n"


def test_list_counts_a_case_as_the_worst_of_its_samples_and_shares_a_file_between_tiers(project: Project) -> None:
    text = project.registry.read_text()
    more = '  - {name: large-long, model: large-1, base_url: "URL", request: {max_tokens: 65}}\ndefault_tier'
    url = text.partition('base_url: "')[2].partition('"')[0]
    text = text.replace("default_tier", more.replace("URL", url), 1)
    project.registry.write_text(
        text.replace("    tier: large\n    golden", "    tier: large\n    samples: 2\n    golden")
    )
    rows = cells(fine(cassettes(project, "list", "classify")))
    assert rows["classify/large"][:3] == ["0", "120", "0"], "the second sample is not recorded"
    assert rows["classify/large-long"] == ["0", "0", "120"], "what the file is like stands once"


def test_list_widens_for_long_names(project: Project) -> None:
    long = "a-tier-whose-name-says-more-than-anybody-wants-to-read"
    project.registry.write_text(project.registry.read_text().replace("name: nano", f"name: {long}"))
    output = fine(cassettes(project, "list"))
    assert max(map(len, output.splitlines())) <= 100
    assert cells(output)[f"classify/{long}"][0] == "120"


# ---- a task with its own call path

OWN = """\
import pathlib

def ask(input, model, base_url):
    import anthropic
    with pathlib.Path("asked.txt").open("a") as file:
        file.write(model + "\\n")
    client = anthropic.Anthropic(api_key="none", base_url=base_url, max_retries=0)
    text = input["text"]
    for turn in range(2):
        answer = client.messages.create(model=model, max_tokens=9, messages=[{"role": "user", "content": text}])
        text = answer.content[0].text + "!"
    return text
"""


@pytest.fixture
def own(project: Project) -> Project:
    """The project whose `reply` has its own call path, recorded anew on its tier with two calls a case."""
    (project.folder / "own.py").write_text(OWN)
    shutil.rmtree(project.folder / "cassettes/reply")
    project.write_golden("reply", [{"id": "one", "input": {"text": "hello"}, "expected": "Yes"}])
    project.replace("prompt: prompts/reply.yaml", "call: own:ask\n    gate: {min_cases: 1}")
    with MessagesServer(lambda body, number: reply(f"Yes {body['messages'][0]['content']}")) as server:
        text = project.registry.read_text()
        url = text.partition('base_url: "')[2].partition('"')[0]
        project.registry.write_text(text.replace(url, server.url))
        done = project.pytest("--modelroute", "--modelroute-record=new_episodes", "modelroute.yaml::reply", "-q")
        assert done.returncode == 0, done.stdout + done.stderr
    (project.folder / "asked.txt").unlink()
    return project


def test_a_task_with_its_own_call_path_is_counted_by_its_replay(own: Project) -> None:
    rows = cells(fine(cassettes(own, "list", "reply")))
    assert (own.folder / "asked.txt").read_text() == "small-1\n", "what is not recorded is not run"
    (own.folder / "asked.txt").unlink()
    assert rows["reply/small"][:6] == ["1", "0", "0", "0", "0", "1"]
    assert rows["reply/small"][8] == "0.000120"
    assert rows["reply/large"][:3] == ["0", "1", "0"]
    assert fine(cassettes(own, "prune", "reply")) == "nothing to prune\n"
    assert not (own.folder / "asked.txt").exists()
    output = fine(cassettes(own, "show", "reply", "one", "--tier", "small"))
    assert 'request: made by own:ask\n  input: {"text": "hello"}\n' in output
    assert "  answer: Yes hello\n" in output
    assert "  answer: Yes Yes hello!\n" in output
    assert "  returned: Yes Yes hello!!\n" in output
    assert "20 tokens in, 10 out" in output
    assert (own.folder / "asked.txt").read_text() == "small-1\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('text = input["text"]', 'text = "Please: " + input["text"]'),
        ("range(2)", "range(1)"),
        ("range(2)", "range(3)"),
        ("    return text", "    raise KeyError(text)"),
    ],
)
def test_list_tells_what_a_changed_function_can_use_no_more(own: Project, old: str, new: str) -> None:
    own.replace(old, new, "own.py")
    before = tree(own)
    done = run(own, "cassettes", "list", "reply", "--check")
    assert (done.returncode, done.stderr) == (1, "")
    assert cells(done.stdout)["reply/small"][:3] == ["0", "0", "1"]
    after = tree(own)
    after.pop("asked.txt")
    assert after == before


def test_what_the_team_s_own_code_prints_is_no_part_of_the_output(own: Project) -> None:
    own.replace("def ask(", "print('as it is imported')\ndef ask(", "own.py")
    own.replace("    return text", "    print('as it is asked')\n    return text", "own.py")
    done = run(own, "cassettes", "list", "reply", "--json")
    assert json.loads(done.stdout)["cassettes"][1]["tiers"][0]["answered"] == 1
    assert done.stderr == "as it is imported\nas it is asked\n"
    done = run(own, "cassettes", "show", "reply", "one")
    assert done.stdout.startswith("reply one (golden/reply.jsonl:1)\n")
    assert done.stderr == "as it is imported\nas it is asked\n"


# ---- show


def test_show_tells_the_request_and_what_each_tier_answered(project: Project) -> None:
    edit(project.cassette("classify", "nano"), ("message-020", {"recordings": 3, "latency_ms": None}))
    output = fine(cassettes(project, "show", "classify", "message-020"))
    times = {tier: read_back(project.cassette("classify", tier)) for tier in ("nano", "small", "large")}
    found = {tier: next(e for e in read if e.case == "message-020") for tier, read in times.items()}
    assert output == (
        "classify message-020 (golden/classify.jsonl:20)\n\n"
        "request to large\n  [system]\n    Classify the message.\n  [user]\n    Classify: message 20\n"
        '  max_tokens: 64\n  extra_body: {"temperature": 0}\n\n'
        'expected: {"label": "other"}\n\n'
        'large (large-1), the assigned tier\n  outcome: correct\n  answer: {"label": "other", "confidence": 0.9}\n'
        f"  confidence 0.9, 10 tokens in, 5 out, {found['large'].latency_ms} ms,"
        f" recorded {found['large'].recorded_at}, 1 time\n\n"
        'nano (nano-1)\n  outcome: wrong, mismatch: label: expected "other", got "refund"\n'
        '  answer: {"label": "refund", "confidence": 0.9}\n'
        f"  confidence 0.9, 10 tokens in, 5 out, latency unknown, recorded {found['nano'].recorded_at}, 3 times\n\n"
        'small (small-1)\n  outcome: wrong, mismatch: label: expected "other", got "refund"\n'
        '  answer: {"label": "refund", "confidence": 0.9}\n'
        f"  confidence 0.9, 10 tokens in, 5 out, {found['small'].latency_ms} ms,"
        f" recorded {found['small'].recorded_at}, 1 time\n"
    )
    alone = fine(cassettes(project, "show", "classify", "message-020", "--tier", "nano"))
    assert "request to nano" in alone
    assert "large (large-1)" not in alone


def test_show_tells_what_is_missing_and_which_command_records_it(project: Project) -> None:
    drop(project.cassette("classify", "nano"), "message-020")
    output = fine(cassettes(project, "show", "classify", "message-020", "--tier", "nano"))
    assert output.endswith(
        "nano (nano-1)\n  outcome: error, missing: not recorded: pytest --modelroute --modelroute-record=new_episodes"
        ' --modelroute-record-tiers=nano "modelroute.yaml::classify::message-020"\n'
    )


def test_show_tells_samples_and_what_a_tier_is_asked_otherwise(project: Project) -> None:
    project.replace("    tier: small\n", "    tier: small\n    samples: 2\n")
    project.replace("name: nano, model: nano-1,", "name: nano, model: nano-1, request: {max_tokens: 9},")
    output = fine(cassettes(project, "show", "reply", "reply 7"))
    assert "  sample 1: correct\n  answer: We have received message 7.\n" in output
    assert "  sample 2: error, missing: not recorded: pytest " in output
    assert "\nnano (nano-1)\n  asked with max_tokens: 9\n" in output


def test_show_reads_structured_requests_and_tool_calls(project: Project) -> None:
    data = "A" * 900
    (project.folder / "prompts/classify.yaml").write_text(
        "system: [{type: text, text: Be terse., cache_control: {type: ephemeral}}]\n"
        "tools: [{name: label, input_schema: {type: object}}]\n"
        'messages:\n  - role: user\n    content:\n      - {type: text, text: "Look:\\n{{ input.text }}"}\n'
        f"      - {{type: image, source: {{type: base64, media_type: image/png, data: {data}}}}}\n"
        "  - {role: assistant, content: '{'}\n"
    )
    project.replace("output: {format: json,", "output: {format: json, from: tool_use,")
    stale = fine(cassettes(project, "show", "classify", "message-001", "--tier", "large"))
    assert "error, stale: recorded for another request" in stale
    assert '    Be terse.\n    {"cache_control": {"type": "ephemeral"}}\n' in stale
    assert '  [user]\n    Look:\n    message 1\n    {"type": "image"' in stale
    assert f'"data": "{data[:200]}... (900 characters)"' in stale
    assert "  [assistant]\n    {\n" in stale
    assert '  tools: [{"name": "label", "input_schema": {"type": "object"}}]\n' in stale


def test_show_reads_a_tool_call(project: Project) -> None:
    project.replace("output: {format: json,", "output: {format: json, from: tool_use,")
    block = {"type": "tool_use", "id": "t", "name": "label", "input": {"label": "shipping", "confidence": 0.5}}
    body = {"content": [block], "stop_reason": "tool_use", "model": "large-1"}
    edit(project.cassette("classify", "large"), ("message-001", {"response_body": json.dumps(body)}))
    output = fine(cassettes(project, "show", "classify", "message-001", "--tier", "large"))
    assert '  outcome: correct\n  tool label: {"label": "shipping", "confidence": 0.5}\n' in output
    assert "confidence 0.5, tokens unknown," in output


def test_show_steers_no_terminal_and_hides_credentials(project: Project) -> None:
    key = "sk-ant-" + "api03-aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3z"
    body = message(f"red \x1b[31m\r\nsecond line {key} and KEY-of-this-shell-12345 \u202e")
    edit(project.cassette("reply", "small"), ("reply 7", {"response_body": body}))
    golden = project.golden("reply")
    golden[6]["expected"] = f"never \x07 {key}"
    project.write_golden("reply", golden)
    secret = {"ANTHROPIC_API_KEY": "KEY-of-this-shell-12345"}
    output = fine(cassettes(project, "show", "reply", "reply 7", "--tier", "small", **secret))
    assert key not in output
    assert "KEY-of-this-shell" not in output
    assert "  answer:\n    red \\x1b[31m\\r\n    second line [credential] and [credential] \\u202e\n" in output
    assert "expected: never \\x07 [credential]\n" in output
    assert not set(output) & {"\x1b", "\r", "\x07", "\u202e"}


def test_show_prints_in_any_encoding(project: Project) -> None:
    edit(project.cassette("reply", "small"), ("reply 7", {"response_body": message("grün 😀 message 7")}))
    done = cassettes(project, "show", "reply", "reply 7", "--tier", "small", PYTHONIOENCODING="ascii")
    assert "  answer: gr\\xfcn \\U0001f600 message 7\n" in fine(done)


def test_show_knows_what_was_meant(project: Project) -> None:
    assert "unknown task 'clasify'\n  valid: did you mean 'classify'?" in refused(
        cassettes(project, "show", "clasify", "x")
    )
    unknown = refused(cassettes(project, "show", "classify", "mesage-007"))
    assert "task 'classify' has no case 'mesage-007'\n  valid: did you mean 'message-007'" in unknown
    assert "one of the 120 ids in golden/classify.jsonl\n" in unknown
    tier = refused(cassettes(project, "show", "classify", "message-007", "--tier", "larg"))
    assert "--tier: unknown tier 'larg'\n  valid: did you mean 'large'?" in tier
    ungated = refused(cassettes(project, "show", "draft_email", "x"))
    assert "modelroute.yaml:" in ungated
    assert "task 'draft_email' has no cases: it is not gated" in ungated
    assert "usage: modelroute cassettes show" in refused(cassettes(project, "show", "classify"))


# ---- prune


def test_prune_removes_what_nothing_needs(project: Project) -> None:
    golden = project.golden("classify")
    project.write_golden("classify", golden[1:])
    (project.folder / "cassettes/gone").mkdir()
    nano = project.cassette("classify", "nano")
    shutil.copy(nano, project.folder / "cassettes/gone/nano-1.yaml")
    shutil.copy(nano, project.folder / "cassettes/classify/model-of-before.yaml")
    before = tree(project)

    dry = fine(cassettes(project, "prune", "--dry-run"))
    assert tree(project) == before
    assert dry.startswith(
        "cassettes/classify/large-1.yaml: 1 of 120 interactions would be removed\n  cases: message-001\n"
        "cassettes/classify/model-of-before.yaml: would be removed, with all of its 120 interactions\n"
    )
    assert "\n243 interactions and 2 files would be removed, " in dry
    assert dry.endswith(
        "recordings that only another branch needs would go too; --base REF keeps what the merge base with REF needs\n"
    )

    only = fine(cassettes(project, "prune", "gone"))
    assert only.startswith("cassettes/gone/nano-1.yaml: removed, with all of its 120 interactions\n")
    assert not (project.folder / "cassettes/gone").exists()
    assert "123 interactions and 1 file removed" in fine(cassettes(project, "prune"))
    after = tree(project)
    assert set(before) - set(after) == {"cassettes/gone/nano-1.yaml", "cassettes/classify/model-of-before.yaml"}
    for tier in ("nano", "small", "large"):
        name = f"cassettes/classify/{tier}-1.yaml"
        lines = before[name].splitlines(keepends=True)
        assert after.pop(name) == b"".join(line for line in lines if b"message-001" not in line)
    assert all(before[name] == data for name, data in after.items())
    assert fine(cassettes(project, "prune")) == "nothing to prune\n"
    assert project.pytest("--modelroute", "-q").returncode == 0


def test_prune_removes_what_an_ungated_task_had_and_keeps_what_is_not_its_own(project: Project) -> None:
    text = project.registry.read_text()
    project.registry.write_text(text.replace("    prompt: prompts/reply.yaml\n", ""))
    (project.folder / "cassettes/classify/model-of-before.yaml").write_text("version: 1\ninteractions: []\n")
    foreign = project.folder / "cassettes/test_mails/test_send.yaml"
    foreign.parent.mkdir()
    wire: dict[str, Any] = {"request": {"body": None, "headers": {}, "method": "GET", "uri": "https://example.org/"}}
    wire["response"] = {"body": {"string": "hi"}, "headers": {}, "status": {"code": 200, "message": "OK"}}
    foreign.write_text(json.dumps({"version": 1, "interactions": [wire]}))
    output = fine(cassettes(project, "prune"))
    assert "note: cassettes/test_mails/test_send.yaml is left alone: it holds no recording of modelroute's\n" in output
    assert "model-of-before.yaml: removed, with all of its 0 interactions" in output
    assert "360 interactions and 4 files removed" in output
    assert foreign.exists()
    assert not (project.folder / "cassettes/reply").exists()
    assert "left alone" in fine(cassettes(project, "format"))


def test_prune_keeps_what_the_base_needs(repository: Project) -> None:
    golden = repository.golden("classify")
    golden[1]["input"] = {"text": "message 2, said otherwise"}
    repository.write_golden("classify", golden[1:])  # a case is gone, one asks something else
    text = repository.registry.read_text()
    registry = text.replace("small-1", "small-2")  # the base has another model,
    registry = registry.replace("  reply:\n", "  answer:\n")  # and another name for a task
    repository.registry.write_text(registry)
    git(repository.folder, "commit", "-q", "-a", "-m", "change")
    before = tree(repository)

    kept = fine(cassettes(repository, "prune", "--base", "main"))
    assert kept == ("note: main: what it needs of reply cannot be told here: all of it is kept\nnothing to prune\n")
    dry = fine(cassettes(repository, "prune", "--dry-run"))
    assert "cassettes/classify/small-1.yaml: would be removed, with all of its 120 interactions\n" in dry
    assert (
        "cassettes/classify/large-1.yaml: 2 of 120 interactions would be removed\n  cases: message-001, message-002\n"
        in dry
    )
    assert "cassettes/reply/nano-1.yaml: would be removed" in dry
    assert tree(repository) == before

    # What neither needs goes, with a base too.
    stray = interaction("message-050", 50, task="classify")
    path = repository.cassette("classify", "large")
    path.write_text(cassette_text([*read_back(path), stray]))
    pruned = fine(cassettes(repository, "prune", "--base", "main", "--base", "HEAD"))
    assert "cassettes/classify/large-1.yaml: 1 of 121 interactions removed\n  cases: message-050\n" in pruned
    assert "kept: what the merge base with main and with HEAD needs\n" in pruned
    assert tree(repository) == before
    assert "480 interactions" not in pruned
    fine(cassettes(repository, "prune"))
    assert not repository.cassette("classify", "small").exists()


def test_prune_keeps_the_recordings_of_the_base_s_prompt(repository: Project) -> None:
    repository.replace("Classify the message.", "Sort the message.", "prompts/classify.yaml")
    assert fine(cassettes(repository, "prune", "--base", "main")) == "nothing to prune\n"
    assert "360 interactions and 3 files removed" in fine(cassettes(repository, "prune"))


def test_prune_takes_a_base_without_the_registry(repository: Project) -> None:
    git(repository.folder, "checkout", "-q", "--orphan", "fresh")
    git(repository.folder, "commit", "-q", "-m", "nothing yet", "--allow-empty", "--", "pytest.ini")
    output = fine(cassettes(repository, "prune", "--base", "HEAD"))
    assert output == "note: HEAD has no registry at modelroute.yaml: it needs no recordings\nnothing to prune\n"


def test_prune_refuses_a_base_that_git_does_not_know(repository: Project) -> None:
    unknown = refused(cassettes(repository, "prune", "--base", "mian"))
    assert "--base names the base: git knows no commit 'mian'" in unknown
    assert "--base is empty" in refused(cassettes(repository, "prune", "--base", ""))


def test_prune_outside_git_refuses_a_base(project: Project) -> None:
    environment = {"GIT_CEILING_DIRECTORIES": str(project.folder.parent)}
    assert "is not in a git repository" in refused(cassettes(project, "prune", "--base", "main", **environment))


def test_prune_waits_for_recordings(project: Project) -> None:
    project.write_golden("classify", project.golden("classify")[1:])
    journal = leave_journal(project, [interaction("message-001", 1)])
    before = tree(project)
    for arguments in ([], ["--dry-run"]):
        told = refused(cassettes(project, "prune", *arguments))
        assert "a recording was interrupted: 1 of its answers wait in cassettes/.recording\n  fix: run the rec" in told
    shutil.rmtree(journal.parent.parent / "classify")
    before.pop("cassettes/.recording/classify/large-1.yaml")
    with RecordingLock(project.folder / "cassettes/.recording/lock"):
        for command in ("prune", "format"):
            told = refused(cassettes(project, command))
            assert f"another recorder (process {os.getpid()}) is at work on {project.folder / 'cassettes'}" in told
    now = tree(project)
    now.pop("cassettes/.recording/.gitignore")
    assert now == before
    assert "3 interactions and 0 files removed" in fine(cassettes(project, "prune"))
    assert not [name for name in tree(project) if ".recording" in name]


@pytest.mark.parametrize("command", ["prune", "format"])
def test_what_is_damaged_or_unreadable_is_not_rewritten(project: Project, command: str) -> None:
    project.write_golden("classify", project.golden("classify")[1:])
    path = project.cassette("classify", "nano")
    lines = path.read_bytes().splitlines(keepends=True)
    lines[4] = lines[4][:200] + b"\n"
    lines[6] = lines[6][:-40] + b"\n"
    path.write_bytes(b"".join(lines))
    project.cassette("reply", "nano").write_text("<<<<<<< ours\n")
    before = tree(project)
    told = refused(cassettes(project, command))
    done = "pruned" if command == "prune" else "formatted"
    assert f"cassettes/classify/nano-1.yaml: not {done}: damaged in line 5, 7\n" in told
    assert f"cassettes/reply/nano-1.yaml: not {done}: it is not a cassette" in told
    assert "fix: restore it from git, or drop what is damaged: modelroute cassettes format --drop-damaged\n" in told
    now = tree(project)
    assert now == before
    assert "fix: restore it from git, or move it away\n" in refused(cassettes(project, command, "reply"))
    assert refused(cassettes(project, "format", "--drop-damaged", "reply"))
    if command == "format":
        output = fine(cassettes(project, "format", "classify", "--drop-damaged"))
        assert "cassettes/classify/nano-1.yaml: damaged lines dropped: 5, 7\n1 file formatted\n" in output
        assert path.read_bytes() == b"".join(line for n, line in enumerate(lines) if n not in (4, 6))


# ---- format


def test_format_leaves_what_recording_wrote(project: Project) -> None:
    before = tree(project)
    assert fine(cassettes(project, "format")) == "nothing to format\n"
    assert fine(cassettes(project, "format", "--check")) == "nothing to format\n"
    assert tree(project) == before


def test_format_brings_back_what_stock_vcrpy_saved(project: Project) -> None:
    before = tree(project)
    path = project.cassette("classify", "large")
    save_with_stock_vcrpy(path)
    block = path.read_bytes()
    check = cassettes(project, "format", "--check")
    assert (check.returncode, check.stderr) == (1, "")
    assert check.stdout == "cassettes/classify/large-1.yaml: block YAML becomes lines\n1 file would be formatted\n"
    assert path.read_bytes() == block
    assert fine(cassettes(project, "format", "reply")) == "nothing to format\n"
    output = fine(cassettes(project, "format"))
    assert output == "cassettes/classify/large-1.yaml: block YAML becomes lines\n1 file formatted\n"
    assert tree(project) == before


def test_format_after_a_merge_that_left_twins_and_disorder(repository: Project) -> None:
    path = repository.cassette("classify", "large")
    first = {each.case: each for each in read_back(path)}
    (repository.folder / ".gitattributes").write_text("cassettes/** text eol=lf merge=union\n")
    git(repository.folder, "add", ".")
    git(repository.folder, "commit", "-q", "-m", "attributes")

    def commit(day: int, *cases: str) -> dict[str, Interaction]:
        body = message(f"day {day}")
        time = f"2030-01-{day:02}T00:00:00Z"
        edit(path, *((case, {"response_body": body, "recorded_at": time}) for case in cases))
        git(repository.folder, "commit", "-q", "-a", "-m", f"day {day}")
        return {each.case: each for each in read_back(path)}

    git(repository.folder, "checkout", "-q", "-b", "theirs")
    theirs = commit(22, "message-010", "message-011", "message-020")
    git(repository.folder, "checkout", "-q", "change")
    ours = commit(21, "message-010", "message-011", "message-012")
    git(repository.folder, "merge", "-q", "--no-edit", "theirs")
    merged = path.read_bytes()
    assert len(merged.splitlines()) > 122, "git kept both"

    output = fine(cassettes(repository, "format"))
    assert re.fullmatch(
        r"cassettes/classify/large-1.yaml: (order restored; )?\d recorded more than once: the latest recording stays\n"
        r"1 file formatted\n",
        output,
    )
    expected = {**first, "message-012": ours["message-012"]}
    expected |= {case: theirs[case] for case in ("message-010", "message-011", "message-020")}
    assert path.read_text() == cassette_text(expected.values())
    assert fine(cassettes(repository, "format")) == "nothing to format\n"


def test_format_restores_order_and_layout_and_says_which_comments_go(project: Project) -> None:
    before = tree(project)
    path = project.cassette("reply", "nano")
    lines = path.read_text().removeprefix(HEADER).splitlines(keepends=True)
    path.write_text("".join([HEADER, "# mine\n", *reversed(lines)]))
    other = project.cassette("reply", "large")
    other.write_bytes(other.read_bytes().replace(b"\n", b"\r\n"))
    assert fine(cassettes(project, "format")) == (
        "cassettes/reply/large-1.yaml: layout restored\n"
        "cassettes/reply/nano-1.yaml: order restored; comments dropped: 1\n"
        "2 files formatted\n"
    )
    assert tree(project) == before
