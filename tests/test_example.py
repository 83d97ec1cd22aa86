"""The example project of this repository: what the README says of it, run as the README says."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from pytest_modelroute.evaluation.requests import canonical_key
from pytest_modelroute.registry.model import Tier

from .live import warm_forks
from .projects import Project, clean_environment, git

ROOT = Path(__file__).parent.parent
PROMPT_TASKS = ("classify_intent", "extract_entities", "classify_content")
TASKS = (*PROMPT_TASKS, "answer_order_question")
GRADED = "title_message"  # recorded on its own tier alone: the others cannot all be graded by the grader's model
CHECKED = ("summarize_short", "draft_email")  # free text in English, checked by fixtures/text_checks.py
AGENTS = ("review_code", "plan_agent_steps")
ON_ALL_TIERS = (*TASKS, *AGENTS, *CHECKED)
ESCALATION = "    escalate: {to: large, below: 0.95}\n"  # of review_code
MODELS = {
    "nano": "smollm2-135m-instruct",
    "small": "qwen2.5-coder-0.5b-instruct",
    "large": "qwen2.5-coder-1.5b-instruct",
}


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the example, in a repository of its own."""
    folder = tmp_path_factory.mktemp("example") / "clone"
    for name in ("fixtures", "cassettes"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "pytest.ini").write_text(
        "[pytest]\nmodelroute_registry = fixtures/modelroute.yaml\naddopts = -p no:randomly -p no:shard\n"
    )
    shutil.copy(ROOT / ".gitattributes", folder / ".gitattributes")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "base")
    return Project(folder)


def run_json(example: Project, *arguments: str) -> tuple[int, dict[str, Any]]:
    path = example.folder / "out.json"
    done = example.pytest("--modelroute", f"--modelroute-json={path}", *arguments)
    read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    path.unlink()
    return done.returncode, read


@pytest.fixture(scope="module")
def green(example: Project) -> dict[str, Any]:
    """The report of the example as it stands."""
    status, read = run_json(example)
    assert status == 0
    return read


def test_the_example_is_green_on_real_recordings(green: dict[str, Any]) -> None:
    gated = [task for task in green["tasks"] if task["cases"]]
    assert [task["task"] for task in gated] == [*TASKS, *AGENTS, GRADED, *CHECKED]
    assert sum(task["cases"] for task in gated) == 1160
    assert [task["task"] for task in gated if task["escalation"]] == ["review_code"]
    assert all(task["cases"] >= 100 and task["errors"] == 0 for task in gated)


def test_direct_and_vcr_replay_agree_on_every_case(example: Project) -> None:
    """Of the tasks with a prompt, a tier each: a function of the project's own is replayed through vcrpy in both."""
    nodes = [f"fixtures/modelroute.yaml::{task}" for task in PROMPT_TASKS]
    tries = [f"--modelroute-try={task}={tier}" for task, tier in zip(PROMPT_TASKS, MODELS, strict=True)]
    direct = run_json(example, *nodes, *tries)
    assert run_json(example, *nodes, *tries, "--modelroute-replay=vcr") == direct
    judged = [task for task in direct[1]["tasks"] if task["task"] in PROMPT_TASKS]
    assert all(task["errors"] == 0 for task in judged)
    assert sum(task["correct"] + task["wrong"] for task in judged) == 480


def test_the_tier_that_is_too_cheap_is_red_by_trying_and_by_editing(example: Project) -> None:
    node = "fixtures/modelroute.yaml::extract_entities"
    status, tried = run_json(example, node, "--modelroute-try=extract_entities=nano")
    assert status == 1
    registry = example.folder / "fixtures/modelroute.yaml"
    text = registry.read_text(encoding="utf-8")
    registry.write_text(re.sub(r"(extract_entities:\n    tier: )\w+", r"\1nano", text), encoding="utf-8")
    try:
        status, edited = run_json(example, node, "--modelroute-base=main")
    finally:
        registry.write_text(text, encoding="utf-8")
    assert status == 1
    by_try, by_edit = (
        next(task for task in read["tasks"] if task["task"] == "extract_entities") for read in (tried, edited)
    )
    assert by_try["verdict"] == by_edit["verdict"] == "fail"
    for part in ("change", "correct", "wrong", "paired", "results"):
        assert by_try[part] == by_edit[part]


def test_the_tool_loop_of_the_base_finds_the_file_beside_it(example: Project) -> None:
    registry = example.folder / "fixtures/modelroute.yaml"
    text = registry.read_text(encoding="utf-8")
    registry.write_text(re.sub(r"(answer_order_question:\n    tier: )\w+", r"\1small", text), encoding="utf-8")
    path = example.folder / "out.json"
    gate = "fixtures/modelroute.yaml::answer_order_question::gate"
    try:
        done = example.pytest("--modelroute", gate, "--modelroute-base=main", f"--modelroute-json={path}")
        read = json.loads(path.read_text(encoding="utf-8"))
    finally:
        registry.write_text(text, encoding="utf-8")
        path.unlink(missing_ok=True)
    assert done.returncode == 1
    assert "nothing to compare with" not in done.stdout
    paired = next(task["paired"] for task in read["tasks"] if task["task"] == "answer_order_question")
    assert (paired["tier"], paired["cases"], paired["wrong"]) == ("large", 100, 5)


def test_every_case_of_every_task_is_recorded_by_every_tier() -> None:
    for task in ON_ALL_TIERS:
        lines = (ROOT / f"fixtures/golden/{task}.jsonl").read_text(encoding="utf-8").splitlines()
        cases = sorted(json.loads(line)["id"] for line in lines)
        assert len(cases) >= (150 if task in PROMPT_TASKS else 100)
        for model in MODELS.values():
            recorded = (ROOT / f"cassettes/{task}/{model}.yaml").read_text(encoding="utf-8").splitlines()[2:]
            interactions = [json.loads(line[2:]) for line in recorded]
            calls = Counter(each["request"]["headers"]["x-modelroute-case"][0] for each in interactions)
            assert sorted(calls) == cases
            # A tool loop calls at least twice.
            assert set(calls.values()) <= ({2, 3} if task == "answer_order_question" else {1})
            assert {each["request"]["uri"] for each in interactions} <= {
                f"http://127.0.0.1:{port}/v1/messages" for port in (8091, 8092, 8093)
            }
            assert {json.loads(each["response"]["body"]["string"])["model"] for each in interactions} == {model}


def test_each_title_that_can_be_graded_has_a_grade() -> None:
    answers, grades = (
        (ROOT / f"cassettes/{GRADED}/{name}.yaml").read_text(encoding="utf-8").splitlines()[2:]
        for name in (MODELS["small"], f"grader@{MODELS['large']}")
    )
    assert len(answers) == 100
    told = [json.loads(json.loads(line[2:])["response"]["body"]["string"]) for line in answers]
    whole = [message for message in told if message["stop_reason"] == "end_turn"]
    assert len(grades) == len(whole) >= 95


def test_the_title_task_s_grader_is_audited_blind_and_the_audit_says_by_whom(green: dict[str, Any]) -> None:
    grader = next(task for task in green["tasks"] if task["task"] == GRADED)["grader"]
    labels = grader["labels"]
    assert grader["audited"]
    assert labels["flagged_checked"] + labels["passed_checked"] >= 60
    assert 0 < grader["sensitivity"]["estimate"] < 1
    (about,) = grader["about"]
    assert "not by a person" in about
    assert "without sight of the grader's verdicts" in about


def test_golden_and_development_sets_share_no_text() -> None:
    for task in (*TASKS, GRADED, *CHECKED):
        golden, texts = texts_of(task, *(("purpose", "say") if task == "draft_email" else ("text",)))
        path = "fixtures/order_desk.py" if task == "answer_order_question" else f"fixtures/prompts/{task}.yaml"
        prompt = (ROOT / path).read_text("utf-8").casefold()
        assert not [text for text in texts if len(text) > 30 and text in prompt]
        tags = {tag for case in golden for tag in case["tags"]}
        if task in CHECKED:
            assert len(tags) >= 20  # kinds of business and of text
        else:
            assert len([tag for tag in tags if tag.startswith("language:")]) >= 4
            assert {"ambiguous", "two-topics"} & tags


@pytest.mark.parametrize(("task", "parts"), [("review_code", ("purpose", "code")), ("plan_agent_steps", ("goal",))])
def test_golden_and_development_sets_of_code_and_plans_share_none(task: str, parts: tuple[str, ...]) -> None:
    messages = yaml.safe_load((ROOT / f"fixtures/prompts/{task}.yaml").read_text("utf-8"))["messages"]
    prompt = "\n".join(message["content"] for message in messages).casefold()
    for part in parts:
        golden, texts = texts_of(task, part)
        assert len(golden) >= 120
        assert not [text for text in texts if len(text) > 20 and text in prompt]


def texts_of(task: str, *parts: str) -> tuple[list[dict[str, Any]], list[str]]:
    """The golden cases of a task, and the texts of these and of its development set: no two are the same."""
    golden, dev = (
        [json.loads(line) for line in (ROOT / f"fixtures/{name}/{task}.jsonl").read_text("utf-8").splitlines()]
        for name in ("golden", "dev")
    )
    values = [case["input"][part] for case in golden + dev for part in parts]
    lines = [line for value in values for line in ([value] if isinstance(value, str) else value)]
    texts = [line.strip().casefold() for line in lines]
    assert len(texts) == len(set(texts))
    return golden, texts


def local_models(state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script with its state in a folder that has neither weights nor servers."""
    return subprocess.run(
        [sys.executable, "fixtures/local_models.py", *arguments],
        cwd=ROOT,
        env={**clean_environment(), "LOCAL_MODELS_DIR": str(state)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "arguments", [[], ["begin"], ["start", "gpt"], ["stop", "nano"], ["fetch", "all"], ["serve", "x", "1"]], ids=str
)
def test_the_models_script_starts_nothing_for_what_it_does_not_know(tmp_path: Path, arguments: list[str]) -> None:
    done = local_models(tmp_path, *arguments)
    assert done.returncode == 2
    assert "local_models.py serve NAME PORT" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments", [["--help"], ["start", "--help"], ["record", "-h"]], ids=str)
def test_the_models_script_prints_its_usage(tmp_path: Path, arguments: list[str]) -> None:
    done = local_models(tmp_path, *arguments)
    assert done.returncode == 0
    assert "local_models.py start" in done.stdout
    assert not list(tmp_path.iterdir())


def test_the_models_script_stops_no_process_that_is_not_its_server(tmp_path: Path) -> None:
    """A process number may have gone to another process since."""
    sleeper = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    stranger = subprocess.Popen(sleeper, stdin=subprocess.PIPE)
    # What the script looks at are a process's last arguments.
    own = subprocess.Popen([*sleeper, "serve", MODELS["small"], "8091"], stdin=subprocess.PIPE)
    try:
        for model, process in ((MODELS["nano"], stranger), (MODELS["small"], own)):
            (tmp_path / f"{model}.pid").write_text(str(process.pid))
        assert local_models(tmp_path, "stop", MODELS["nano"]).returncode == 0
        assert [path.stem for path in tmp_path.iterdir()] == [MODELS["small"]]
        assert local_models(tmp_path, "stop").returncode == 0
        assert not list(tmp_path.iterdir())
        assert own.wait(10) != 0
        assert stranger.poll() is None
    finally:
        for process in (stranger, own):
            process.communicate()


def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


CAPTURES = re.findall(r"<!-- capture: (.+?) -->\n```text\n(.*?)```", readme(), re.DOTALL)


ISOLATED = ("-p", "no:shard", "-p", "no:cacheprovider")


def scrubbed(output: str) -> str:
    """Without what differs from run to run or from machine to machine."""
    lines = [
        re.sub(r" in \d+\.\d+s", " in 0.00s", re.sub(r"=+", "=", re.sub(r"_{4,}", "____", line))).rstrip()
        for line in output.splitlines()
        if not line.startswith(("platform ", "plugins: ", "rootdir: ", "configfile: ", "cachedir: ", "Running "))
    ]
    return "\n".join(lines).strip()


@pytest.mark.parametrize(("command", "expected"), CAPTURES, ids=[command for command, _ in CAPTURES])
def test_the_captures_in_the_readme_are_what_is_printed(command: str, expected: str) -> None:
    program, *arguments = command.split()
    if program == "pytest":
        arguments += ISOLATED
    environment = {**clean_environment(), "COLUMNS": "120"}  # with all plugins, as installed
    done = warm_forks().start_plain(ROOT, arguments, environment, program=program).wait()
    assert scrubbed(done.stdout) == scrubbed(expected)


def test_the_readme_s_example_table_is_what_is_measured(example: Project) -> None:
    table = dict(re.findall(r"^\| `(\w+)` \| ([^|]+ \| [^|]+ \| [^|]+ \| [^|]+) \|", readme(), re.MULTILINE))
    registry = example.folder / "fixtures/modelroute.yaml"
    stated = registry.read_text(encoding="utf-8")
    assert ESCALATION in stated
    registry.write_text(stated.replace(ESCALATION, ""), encoding="utf-8")  # each tier by itself
    # A task that is tried is compared with its assigned tier, so that two runs tell of three tiers.
    all_nano = dict.fromkeys(ON_ALL_TIERS, "nano")
    the_other = {**dict.fromkeys(ON_ALL_TIERS, "small"), "review_code": "large"}
    measured: dict[tuple[str, str], str] = {}
    try:
        for tries in (all_nano, the_other):
            nodes = [f"fixtures/modelroute.yaml::{task}" for task in tries]
            _, read = run_json(example, *nodes, *(f"--modelroute-try={task}={tier}" for task, tier in tries.items()))
            for task in read["tasks"]:
                for each in (task, task["paired"]) if task["task"] in tries else ():
                    rate = f"{each['wrong']} of {each['cases']} ({each['wrong'] / each['cases']:.1%})"
                    measured[task["task"], each["tier"]] = rate
    finally:
        registry.write_text(stated, encoding="utf-8")
    for task in ON_ALL_TIERS:
        assert [cell.strip() for cell in table[task].split("|")][:3] == [measured[task, tier] for tier in MODELS]


def test_the_readme_s_walk_gives_a_first_verdict(tmp_path: Path) -> None:
    """Following the README's files literally: what is missing is told, and how to get it."""
    for name, content in re.findall(r"<!-- file: (.+?) -->\n```\w+\n(.*?)```", readme(), re.DOTALL):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    done = Project(tmp_path).pytest("--modelroute", "-p", "no:randomly", "-p", "no:shard")
    assert done.returncode == 1
    assert "2 unscored" in done.stdout
    assert (
        'way out: pytest --modelroute --modelroute-record=new_episodes "modelroute.yaml::classify_intent"'
        in done.stdout
    )
    tried = Project(tmp_path).pytest("--modelroute", "--modelroute-try=classify_intent=haiku", "-p", "no:shard")
    assert tried.returncode == 1


def test_the_readme_s_reference_vectors_are_keys() -> None:
    vectors = re.findall(r"^(\{.*\})\n(v1:[0-9a-f]{64})$", readme(), re.MULTILINE)
    assert len(vectors) == 3
    for text, key in vectors:
        assert key == "v1:" + hashlib.sha256(text.encode()).hexdigest()
        asked = json.loads(text)
        tier = Tier("any", asked["model"], asked["provider"], None, None, None, {})
        assert canonical_key(tier, {**asked["arguments"], "betas": asked["betas"]}, asked["sample"]) == key


def test_every_option_stands_in_the_readme_and_in_the_help() -> None:
    done = warm_forks().start_plain(ROOT, ["--help"], clean_environment()).wait()
    assert done.returncode == 0
    options = set(re.findall(r"--modelroute[a-z-]*", done.stdout))
    assert options == {
        "--modelroute",
        "--modelroute-registry",
        "--modelroute-base",
        "--modelroute-record",
        "--modelroute-record-tiers",
        "--modelroute-dry-run",
        "--modelroute-max-usd",
        "--modelroute-concurrency",
        "--modelroute-timeout",
        "--modelroute-verify",
        "--modelroute-verify-changed",
        "--modelroute-try",
        "--modelroute-replay",
        "--modelroute-json",
    }
    assert options == set(re.findall(r"^\| `(--modelroute[a-z-]*)", readme(), re.MULTILINE))
