"""The cassettes of graders in `modelroute cassettes`, and what the registry may say of a grader."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from .graded import Models, graded_project
from .interactions import read_back
from .live import Forks, warm_forks
from .messages_server import MessagesServer, message
from .projects import Project, git
from .test_cli_cassettes import cassettes, cells, fine, refused

GRADES = "cassettes/reply/grader@large-1.yaml"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("graded")
    with MessagesServer(Models(wrong=[2], flagged=[2, 5])) as server:
        project = graded_project(folder, server)
        assert warm_forks().record(project, "--modelroute-record-tiers=nano").returncode == 0
    return project.folder


@pytest.fixture
def graded(recorded: Path, tmp_path: Path) -> Project:
    shutil.copytree(recorded, tmp_path / "project")
    return Project(tmp_path / "project")


def drop_line(path: Path, case: str) -> None:
    """Of the first answer only."""
    lines = path.read_text().splitlines(keepends=True)
    lines.remove(next(line for line in lines if f'"{case}"' in line))
    path.write_text("".join(lines))


def test_list_has_a_row_for_the_grader(graded: Project) -> None:
    output = fine(cassettes(graded, "list"))
    row = cells(output)["reply/grader large"]
    assert row[:6] == ["11", "0", "0", "0", "0", "1"], "of case 2 both tiers said the same"
    read = json.loads(fine(cassettes(graded, "list", "--json")))
    (file,) = [each for each in read["cassettes"] if each["grades"]]
    assert (file["file"], file["task"], file["model"], file["interactions"]) == (GRADES, "reply", "large-1", 11)
    assert file["usd"] == pytest.approx(11 * (10 * 4 + 5 * 16) / 1e6), "at the grader's price"


def test_list_finds_what_is_not_graded(graded: Project) -> None:
    assert cassettes(graded, "list", "--check").returncode == 0
    drop_line(graded.folder / GRADES, "reply 4")
    done = cassettes(graded, "list", "--check")
    assert (done.returncode, cells(done.stdout)["reply/grader large"][:2]) == (1, ["10", "1"])
    (graded.folder / GRADES).unlink()
    done = cassettes(graded, "list", "--check")
    assert (done.returncode, cells(done.stdout)["reply/grader large"][:2]) == (1, ["0", "11"])


def test_show_has_the_grader_s_words(graded: Project) -> None:
    output = fine(cassettes(graded, "show", "reply", "reply 5"))
    assert "outcome: wrong, mismatch: I read reply 5." in output
    assert 'graded: {"reasons": "I read reply 5.", "verdict": "wrong"}' in output
    output = fine(cassettes(graded, "show", "reply", "reply 1"))
    assert 'graded: {"reasons": "I read reply 1.", "verdict": "right"}' in output


def test_prune_keeps_what_recorded_answers_need(graded: Project) -> None:
    assert "nothing to prune" in fine(cassettes(graded, "prune"))
    drop_line(graded.folder / "cassettes/reply/nano-1.yaml", "reply 4")
    output = fine(cassettes(graded, "prune"))
    assert f"{GRADES}: 1 of 11 interactions removed" in output
    left = [each.case for each in read_back(graded.folder / GRADES)]
    assert sorted(left) == sorted(["reply 1", "reply 3", "reply 5", "reply 6"] * 2 + ["reply 2", "reply 4"])
    assert cassettes(graded, "list", "--check").returncode == 1, "the answer that is gone, not a grade"


def test_prune_removes_the_grades_of_another_rubric_and_of_a_former_grader(graded: Project) -> None:
    git(graded.folder, "init", "-q", "-b", "main")
    git(graded.folder, "add", ".")
    git(graded.folder, "commit", "-q", "-m", "base")
    graded.replace("Judge the reply.", "Judge it.", "prompts/rubric.yaml")
    before = (graded.folder / GRADES).read_bytes()
    assert "nothing to prune" in fine(cassettes(graded, "prune", "--base", "HEAD"))
    assert (graded.folder / GRADES).read_bytes() == before, "a checkout of the base asks by its own rubric"
    fine(cassettes(graded, "prune"))
    assert not (graded.folder / GRADES).exists()
    git(graded.folder, "checkout", "-q", ".")
    text = graded.registry.read_text()
    graded.registry.write_text(re.sub(r"score: \{kind: grader.*\}", "score: {kind: contains}", text))
    assert "nothing to prune" in fine(cassettes(graded, "prune", "--base", "HEAD"))
    fine(cassettes(graded, "prune"))
    assert not (graded.folder / GRADES).exists()
    assert (graded.folder / "cassettes/reply/small-1.yaml").exists()


def test_a_damaged_cassette_of_grades_is_left_alone_and_told(forks: Forks, graded: Project) -> None:
    path = graded.folder / GRADES
    path.write_text(path.read_text() + "- {broken\n")
    assert f"{GRADES}: not pruned: damaged in line" in refused(cassettes(graded, "prune"))
    fine(cassettes(graded, "format", "--drop-damaged"))
    assert "nothing to format" in fine(cassettes(graded, "format"))
    assert forks.run(graded).returncode == 0


def test_a_grade_from_another_address_is_stale(forks: Forks, graded: Project) -> None:
    path = graded.folder / GRADES
    path.write_text(path.read_text().replace("127.0.0.1", "127.0.0.2"))
    done = forks.run(graded)
    assert done.returncode == 1
    assert "the grade by large: recorded from http://127.0.0.2" in done.stdout


def test_grades_that_cannot_be_read_stop_a_recording_before_it_is_paid(forks: Forks, graded: Project) -> None:
    with MessagesServer(lambda body, number: message("Received.")) as server:
        text = graded.registry.read_text()
        graded.registry.write_text(re.sub(r"http://127\.0\.0\.1:\d+", server.url, text))
        (graded.folder / GRADES).write_text("not: [a cassette")
        done = forks.record(graded)
        assert done.returncode == 4
        assert f"{GRADES} cannot be read" in done.output
        assert server.requests == []


GRADER = "{kind: grader, tier: large, rubric: prompts/rubric.yaml}"

BROKEN = {
    "unknown tier": (("tier: large,", "tier: lareg,"), "tasks.reply.score.tier: unknown tier", "did you mean 'large'?"),
    "no tier": (("tier: large, ", ""), "the scorer 'grader' needs the option 'tier'", ""),
    "no rubric": ((", rubric: prompts/rubric.yaml", ""), "the scorer 'grader' needs the option 'rubric'", ""),
    "rubric not there": (("rubric.yaml", "rubrik.yaml"), "prompts/rubrik.yaml does not exist", "a readable file"),
    "rubric outside": (("prompts/rubric", "../rubric"), "leaves pytest's rootdir", ""),
    "no such option": (("tier: large,", "tier: large, field: a,"), "'grader' has no option 'field'", "self_grading"),
    "itself": (("tier: large,", "tier: small,"), "reply.score: 'small' would grade its own", "self_grading: allow"),
    "no such self_grading": (("tier: large,", "tier: large, self_grading: yes,"), "tasks.reply.score.self_grading", ""),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_the_registry_says_of_a_grader_is_checked(forks: Forks, graded: Project, name: str) -> None:
    (old, new), told, valid = BROKEN[name]
    graded.replace(GRADER, GRADER.replace(old, new))
    line = next(n for n, text in enumerate(graded.registry.read_text().splitlines(), 1) if "kind: grader" in text)
    done = forks.run(graded)
    assert done.returncode == 4
    assert f"modelroute.yaml:{line}: " in done.output
    assert told in done.output
    assert valid in done.output


def test_another_tier_of_the_same_model_is_the_same_grader(forks: Forks, graded: Project) -> None:
    graded.replace("model: large-1", "model: small-1")
    done = forks.run(graded)
    assert done.returncode == 4
    assert "'small', the same model as 'large' would grade its own answers" in done.output


RUBRICS = {
    "broken template": (("{{ output }}", "{{ output"), "prompts/rubric.yaml:3: messages[0].content: broken template"),
    "its own model": (("max_tokens: 200", "model: x"), "prompts/rubric.yaml: the rubric: the prompt sets 'model'"),
    "no messages": (("messages:", "mesages:"), "the argument 'messages' is missing"),
}


@pytest.mark.parametrize("name", RUBRICS)
def test_a_rubric_is_checked_before_anything_runs(forks: Forks, graded: Project, name: str) -> None:
    (old, new), told = RUBRICS[name]
    graded.replace(old, new, "prompts/rubric.yaml")
    done = forks.run(graded)
    assert done.returncode == 4
    assert told in done.output


def test_a_grader_may_stand_in_the_defaults(forks: Forks, graded: Project) -> None:
    graded.replace(f"    score: {GRADER}\n", "")
    graded.replace("defaults:\n", f"defaults:\n  score: {GRADER}\n")
    assert forks.run(graded).returncode == 0
