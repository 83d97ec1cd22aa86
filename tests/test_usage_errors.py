"""Broken input is a usage error (exit status 4) that says where, what, what is valid and how to mend it."""

from __future__ import annotations

import json

import pytest

from .projects import Project, git


def usage_error(project: Project, *arguments: str, **environment: str) -> str:
    """Run, expect exit status 4 and no traceback, and return the message."""
    done = project.pytest("--modelroute", *arguments, **environment)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "INTERNALERROR" not in done.stdout + done.stderr
    assert done.stderr.startswith("ERROR: modelroute: ")
    return done.stderr.removeprefix("ERROR: modelroute: ").strip()


def test_no_registry(project: Project) -> None:
    project.registry.unlink()
    assert usage_error(project) == (
        f"no registry at modelroute.yaml (from rootdir {project.folder})\n"
        "  fix: write modelroute.yaml (README: five minutes), "
        "or --modelroute-registry=PATH, or `modelroute_registry` in pytest's ini file"
    )


@pytest.mark.parametrize(
    ("path", "old", "new", "message"),
    [
        (
            "modelroute.yaml",
            "tier: small\n",
            "tier: smal\n",
            "modelroute.yaml:17: tasks.reply.tier: unknown tier 'smal'\n"
            "  valid: did you mean 'small'? one of nano, small, large",
        ),
        (
            "modelroute.yaml",
            "golden: golden/reply.jsonl",
            "golden: golden/answers.jsonl",
            "modelroute.yaml:18: tasks.reply.golden: golden/answers.jsonl does not exist\n  valid: a readable file",
        ),
        (
            "modelroute.yaml",
            "ignore_case: true",
            "ignore-case: true",
            "modelroute.yaml:20: tasks.reply.score: unknown key 'ignore-case'\n"
            "  valid: did you mean 'ignore_case'? one of "
            "kind, ignore_case, field, fields, all, any, none, pattern, match, pick, tolerance, relative_tolerance, "
            "minimum, function, tier, rubric, self_grading",
        ),
        (
            "golden/reply.jsonl",
            '{"id": "reply 1"',
            '{"id": "gate"',
            'golden/reply.jsonl:1: the id "gate" is reserved for the task\'s gate',
        ),
        (
            "golden/reply.jsonl",
            '"reply 2"',
            '"reply 1"',
            "golden/reply.jsonl:2: the id 'reply 1' stands in line 1 already\n  valid: an id of its own for each case",
        ),
        (
            "golden/reply.jsonl",
            ', "expected": "message 3"',
            "",
            "golden/reply.jsonl:3: case 'reply 3': 'expected' is missing",
        ),
        (
            "prompts/reply.yaml",
            "input.text",
            "input.body",
            "golden/reply.jsonl:1: case 'reply 1': prompts/reply.yaml:2: messages[0].content: "
            "'input' has no 'body': one of text",
        ),
        (
            "prompts/reply.yaml",
            "{{ input.text }}",
            "{{ input.text",
            "prompts/reply.yaml:2: messages[0].content: broken template: "
            "unexpected end of template, expected 'end of print statement'.",
        ),
        (
            "schemas/classify.json",
            '"type": "object"',
            '"type": "objekt"',
            "schemas/classify.json: bad schema at $.type: 'objekt' is not valid under any of the given schemas",
        ),
        (
            "schemas/classify.json",
            '"type": "number"',
            '"$ref": "https://example.org/number.json"',
            "schemas/classify.json: bad schema: $ref 'https://example.org/number.json' is not inside this file, "
            "and remote schemas are never fetched\n  fix: copy what it names under $defs",
        ),
    ],
)
def test_a_broken_file_is_named_with_its_line(project: Project, path: str, old: str, new: str, message: str) -> None:
    project.replace(old, new, path)
    assert usage_error(project) == message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--modelroute-record"],
            "--modelroute-record needs a mode\n  valid: none, once, new_episodes, all\n"
            "  fix: --modelroute-record=new_episodes records what is missing or stale",
        ),
        (
            ["--modelroute-record=always"],
            "--modelroute-record: unknown mode 'always'\n  valid: one of none, once, new_episodes, all",
        ),
        (
            ["--modelroute-replay=live"],
            "--modelroute-replay: unknown mode 'live'\n  valid: one of direct, vcr",
        ),
        (
            ["--modelroute-try=classify"],
            "--modelroute-try: 'classify' is not an assignment\n  valid: TASK=TIER",
        ),
        (
            ["--modelroute-try=clasify=nano"],
            "--modelroute-try: unknown task 'clasify'\n"
            "  valid: did you mean 'classify'? one of classify, reply, draft_email",
        ),
        (
            ["--modelroute-try=classify=nanno"],
            "--modelroute-try: unknown tier 'nanno'\n  valid: did you mean 'nano'? one of nano, small, large",
        ),
        (
            ["--modelroute-try=classify=nano", "--modelroute-try=classify=small"],
            "--modelroute-try: two tiers for the task 'classify'\n  valid: one TASK=TIER for each task",
        ),
        (
            ["--modelroute-record=all", "--modelroute-record-tiers=nano,medium"],
            "--modelroute-record-tiers: unknown tier 'medium'\n  valid: one of nano, small, large, all",
        ),
        (
            ["--modelroute-record=all", "-n", "2"],
            "--modelroute-record runs in one process, with several calls at once\n  fix: add -n 0",
        ),
        (
            ["--modelroute-record-tiers=nano"],
            "--modelroute-record-tiers is given without --modelroute-record, and nothing would be recorded\n"
            "  fix: add --modelroute-record=new_episodes",
        ),
        (
            ["--modelroute-max-usd=1"],
            "--modelroute-max-usd is given without --modelroute-record or --modelroute-verify: nothing is called\n"
            "  fix: add --modelroute-record=new_episodes",
        ),
        (
            ["--modelroute-registry=../other.yaml"],
            None,
        ),
    ],
)
def test_a_broken_option_says_what_is_valid(project: Project, arguments: list[str], message: str | None) -> None:
    expected = message or (
        f"--modelroute-registry: ../other.yaml is outside pytest's rootdir {project.folder}\n"
        "  valid: a path inside it\n  fix: --rootdir=FOLDER"
    )
    assert usage_error(project, *arguments) == expected


def test_a_broken_file_is_a_usage_error_in_a_parallel_run_too(project: Project) -> None:
    project.replace("tier: small\n", "tier: smal\n")
    assert usage_error(project, "-n", "2").startswith("modelroute.yaml:17: tasks.reply.tier: unknown tier 'smal'")


def test_a_base_needs_a_repository(project: Project) -> None:
    message = usage_error(project, "--modelroute-base=main", GIT_CEILING_DIRECTORIES=str(project.folder.parent))
    assert message == f"{project.folder} is not in a git repository\n  valid: a base only inside a repository"


def test_an_unknown_base(repository: Project) -> None:
    assert usage_error(repository, "--modelroute-base=origin/trunk") == (
        "--modelroute-base: git knows no commit 'origin/trunk'\n"
        "  valid: a branch, tag or commit\n  fix: git fetch origin trunk"
    )


def test_an_unknown_base_that_the_ci_named(repository: Project) -> None:
    named = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "pull_request", "GITHUB_BASE_REF": "trunk"}
    assert usage_error(repository, **named) == (
        "GITHUB_BASE_REF names the base: git knows no commit 'origin/trunk'\n"
        "  valid: a branch, tag or commit\n  fix: git fetch origin trunk"
    )


def test_tiers_to_record_may_stand_in_the_ini_file_for_good(project: Project) -> None:
    project.replace("[pytest]", "[pytest]\nmodelroute_record_tiers = all", "pytest.ini")
    assert project.pytest("--modelroute").returncode == 0


def test_a_node_that_is_not_there_is_pytest_s_own_error(project: Project) -> None:
    (project.folder / "below").mkdir()
    done = project.pytest("--modelroute", "modelroute.yaml::classify", folder="below")
    assert done.returncode == 4
    assert "ERROR: file or directory not found: modelroute.yaml::classify" in done.stderr
    assert "was not collected" not in done.stderr


def test_a_clone_too_shallow_for_its_base(repository: Project) -> None:
    (repository.folder / "notes.txt").write_text("more\n")
    git(repository.folder, "add", ".")
    git(repository.folder, "commit", "-q", "-m", "more")
    clone = repository.folder.parent / "clone"
    url = f"file://{repository.folder}"
    git(repository.folder.parent, "clone", "-q", "--depth", "1", "-b", "change", url, str(clone))
    message = usage_error(Project(clone), "--modelroute-base=origin/main")
    assert message.startswith("--modelroute-base: git knows no commit 'origin/main'\n")
    assert "fix: git fetch --unshallow (in GitHub Actions: actions/checkout with fetch-depth: 0;" in message
    git(clone, "fetch", "-q", "--depth", "1", "origin", "main:refs/remotes/origin/main")
    message = usage_error(Project(clone), "--modelroute-base=origin/main")
    assert message.startswith("--modelroute-base: the clone is too shallow to find where HEAD left 'origin/main'\n")


def test_a_broken_registry_in_the_base(repository: Project) -> None:
    git(repository.folder, "checkout", "-q", "main")
    text = repository.registry.read_text()
    repository.registry.write_text(text.replace("tier: small\n", "tier: smal\n"))
    git(repository.folder, "commit", "-q", "-a", "-m", "broken")
    commit = git(repository.folder, "rev-parse", "HEAD")
    git(repository.folder, "checkout", "-q", "-b", "mended")
    repository.registry.write_text(text)
    message = usage_error(repository, "--modelroute-base=main")
    assert message.startswith(f"{commit[:10]}:modelroute.yaml:17: tasks.reply.tier: unknown tier 'smal'")


def test_a_report_that_cannot_be_written(project: Project) -> None:
    (project.folder / "taken").write_text("")
    done = project.pytest("--modelroute", "--modelroute-json=taken/report.json", "modelroute.yaml::reply")
    assert done.returncode == 4
    assert "ERROR: --modelroute-json:" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_ini_values_serve_where_no_option_is_given(project: Project) -> None:
    (project.folder / "conf").mkdir()
    for name in ("modelroute.yaml", "golden", "prompts", "schemas", "cassettes"):
        (project.folder / name).rename(project.folder / "conf" / name)
    project.replace(
        "[pytest]",
        "[pytest]\nmodelroute_registry = conf/modelroute.yaml\nmodelroute_try = classify=nano\n"
        "modelroute_json = out/report.json",
        "pytest.ini",
    )
    done = project.pytest("--modelroute")
    assert done.returncode == 1, done.stdout + done.stderr
    read = json.loads((project.folder / "out/report.json").read_text())
    assert read["registry"] == "conf/modelroute.yaml"
    assert read["tasks"][0]["tier"] == "nano"
    assert project.pytest("--modelroute", "--modelroute-try=classify=small").returncode == 0
