"""`kind: grader`: a model scores the answers, and its grades are recorded and replayed like any answer."""

from __future__ import annotations

import json
import signal
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .graded import Models, graded_project, verdict, write_labels
from .interactions import read_back
from .live import Forks, journaled, report, results, until
from .messages_server import MessagesServer, Reply, message, refused
from .projects import Project, git

JSON = "--modelroute-json=report.json"
GRADES = "cassettes/reply/grader@large-1.yaml"


def models_asked(server: MessagesServer) -> dict[str, int]:
    return dict(Counter(body["model"] for body in server.requests))


def graded_cases(project: Project) -> list[str]:
    return sorted(each.case for each in read_back(project.folder / GRADES))


def test_answers_are_recorded_then_graded_and_replayed_offline(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(Models(wrong=[2, 3], flagged=[2, 5])) as server:
        project = graded_project(tmp_path, server)
        done = forks.record(project, JSON)
        assert done.returncode == 0, done.output
        asked = [(body["model"], body["max_tokens"]) for body in server.requests]
        assert asked == [("small-1", 64)] * 6 + [("large-1", 200)] * 6, "the answers first"
        graded = {body["messages"][0]["content"] for body in server.requests[6:]}
        assert "Grade the reply to: message 1\nReply: Received 1, small-1.\nIt should name: message 1" in graded
        assert "reply@grader on large (large-1): 6 calls (6 missing)" in done.stdout
        assert "recorded reply@grader on large (large-1): 6 of 6" in done.stdout
    assert sorted(path.name for path in (project.folder / "cassettes/reply").iterdir()) == [
        "grader@large-1.yaml",
        "small-1.yaml",
    ]
    assert {each.task for each in read_back(project.folder / GRADES)} == {"reply@grader"}
    task = report(project)["reply"]
    assert (task["correct"], task["wrong"], task["errors"]) == (4, 2, 0)
    assert task["usage"] == {"input_tokens": 60, "output_tokens": 30}, "what serving costs: no grades"
    assert (task["grader"]["tier"], task["grader"]["audited"]) == ("large", False)
    assert task["grader"]["sensitivity"] is task["grader"]["error_rate"] is None
    found = results(project, "reply")
    assert {case for case, result in found.items() if result["kind"] == "mismatch"} == {"reply 2", "reply 5"}
    assert found["reply 5"]["detail"] == "I read reply 5."
    done = forks.run(project, JSON)
    assert (done.returncode, report(project)["reply"]) == (0, task)
    assert "pass, grader not audited" in done.stdout
    assert "reply: graded by large: grader not audited (modelroute audit reply)" in done.stdout
    assert forks.run(project, JSON, "--modelroute-replay=vcr").returncode == 0
    assert report(project)["reply"] == task


def test_why_the_grader_flagged_a_case_is_shown(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(Models(flagged=[2, 5])) as server:
        project = graded_project(tmp_path, server, gate="max_error: 0.1")
        done = forks.record(project)
    assert done.returncode == 1
    assert "(I read reply 5.)" in done.stdout
    assert "2 wrong of 6: 33.3 %" in done.stdout


def test_only_grades_that_are_missing_are_recorded(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(Models()) as server:
        project = graded_project(tmp_path, server)
        assert forks.record(project).returncode == 0
        before = (project.folder / GRADES).read_bytes()
        done = forks.record(project)
        assert "nothing to record" in done.stdout
        assert len(server.requests) == 12
        lines = (project.folder / GRADES).read_text().splitlines(keepends=True)
        (project.folder / GRADES).write_text("".join(line for line in lines if '"reply 4"' not in line))
        done = forks.run(project, JSON)
        assert done.returncode == 1
        assert results(project, "reply")["reply 4"]["kind"] == "missing"
        assert "reply 4: this answer has no grade by large: pytest --modelroute --modelroute-record" in done.stdout
        assert forks.record(project).returncode == 0
        assert models_asked(server) == {"small-1": 6, "large-1": 7}
        assert (project.folder / GRADES).read_bytes().count(b"\n") == before.count(b"\n")


def test_an_answer_that_changes_is_graded_anew_and_its_old_grade_goes(forks: Forks, tmp_path: Path) -> None:
    models = Models()
    with MessagesServer(models) as server:
        project = graded_project(tmp_path, server)
        assert forks.record(project).returncode == 0
        models.wrong = frozenset([3])
        (project.folder / "cassettes/reply/small-1.yaml").unlink()
        assert forks.record(project).returncode == 0
        assert models_asked(server) == {"small-1": 12, "large-1": 7}, "five answers came out as before"
    assert graded_cases(project) == [f"reply {n}" for n in range(1, 7)]


def test_another_rubric_asks_the_grader_alone(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(Models()) as server:
        project = graded_project(tmp_path, server)
        assert forks.record(project).returncode == 0
        project.replace("Judge the reply.", "Judge the reply strictly.", "prompts/rubric.yaml")
        assert forks.run(project, JSON).returncode == 1
        assert {result["kind"] for result in results(project, "reply").values()} == {"missing"}
        assert forks.record(project).returncode == 0
        assert models_asked(server) == {"small-1": 6, "large-1": 12}
    assert len(graded_cases(project)) == 6, "those by the old rubric are gone"


def test_one_answer_gets_one_grade_whichever_tier_gave_it(forks: Forks, tmp_path: Path) -> None:
    def respond(body: dict[str, Any], number: int) -> Reply:
        graded = body["messages"][-1]["content"].startswith("Grade")
        return verdict(True, model=body["model"]) if graded else message("The same.", model=body["model"])

    with MessagesServer(respond) as server:
        project = graded_project(tmp_path, server)
        assert forks.record(project, "--modelroute-record-tiers=nano").returncode == 0
        assert models_asked(server) == {"nano-1": 6, "small-1": 6, "large-1": 6}
        assert forks.run(project, "--modelroute-try=reply=nano", JSON).returncode in (0, 1)
    assert report(project)["reply"]["errors"] == 0


BROKEN: dict[str, tuple[Callable[[], Reply], str]] = {
    "text": (lambda: message("It is right."), "not_json"),
    "refusal": (lambda: verdict(True, stop_reason="refusal"), "refusal"),
    "truncated": (lambda: verdict(True, stop_reason="max_tokens"), "truncated"),
    "unknown verdict": (lambda: message('{"reasons": "a", "verdict": "maybe"}'), "schema"),
    "no reasons": (lambda: message('{"verdict": "wrong"}'), "schema"),
    "empty reasons": (lambda: message('{"reasons": "", "verdict": "wrong"}'), "schema"),
    "verdict first": (lambda: message('{"verdict": "wrong", "reasons": "a"}'), "the verdict stands before its reasons"),
    "more than asked": (lambda: message('{"reasons": "a", "verdict": "wrong", "score": 1}'), "schema"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_verdict_is_an_error_and_not_a_wrong(forks: Forks, tmp_path: Path, name: str) -> None:
    reply, told = BROKEN[name]
    models = Models()
    models.odd = {3: reply}
    with MessagesServer(models) as server:
        project = graded_project(tmp_path, server)
        done = forks.record(project, JSON)
        assert done.returncode == 1
        task = report(project)["reply"]
        assert (task["correct"], task["wrong"], task["errors"], task["verdict"]) == (5, 0, 1, "error")
        result = results(project, "reply")["reply 3"]
        assert (result["outcome"], result["kind"]) == ("error", "grader")
        assert told in result["detail"]
        assert "way out: mend the rubric of reply (prompts/rubric.yaml, named at modelroute.yaml:" in done.stdout
        assert "nothing to record" in forks.record(project).stdout, "asked the same, it would say the same"
        assert len(server.requests) == 12


def test_a_fenced_verdict_is_read(forks: Forks, tmp_path: Path) -> None:
    models = Models()
    models.odd = {3: lambda: message('```json\n{"reasons": "a", "verdict": "wrong"}\n```')}
    with MessagesServer(models) as server:
        project = graded_project(tmp_path, server)
        assert forks.record(project, JSON).returncode == 0
    assert results(project, "reply")["reply 3"]["kind"] == "mismatch"


def test_an_answer_that_is_wrong_by_its_form_is_not_graded(forks: Forks, tmp_path: Path) -> None:
    def respond(body: dict[str, Any], number: int) -> Reply:
        reply = Models()(body, number)
        if body["messages"][-1]["content"] == "Reply: message 2":
            return message("Received", stop_reason="max_tokens")
        return reply

    with MessagesServer(respond) as server:
        project = graded_project(tmp_path, server)
        assert forks.record(project, JSON).returncode == 0
        assert models_asked(server) == {"small-1": 6, "large-1": 5}
    assert results(project, "reply")["reply 2"]["kind"] == "truncated"
    assert report(project)["reply"]["grader"]["labels"]["faulty"] == 1


def test_a_plan_counts_the_grades_and_a_cap_holds_them(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(Models()) as server:
        project = graded_project(tmp_path, server)
        done = forks.record(project, "--modelroute-dry-run")
        assert "reply@grader on large (large-1): 6 calls (6 missing)" in done.stdout
        assert "plan: 12 calls" in done.stdout
        assert server.requests == []
        done = forks.record(project, "--modelroute-max-usd=0.01")
        assert done.returncode == 4
        assert "these calls would cost about" in done.output
        assert server.requests == []
        assert forks.record(project, "-k", "reply and 1").returncode == 0
        done = forks.record(project, "--modelroute-dry-run")
        assert "estimated from recorded answers" in done.stdout
        assert "plan: 10 calls" in done.stdout


def test_what_answers_cost_counts_against_the_cap_of_the_grades(forks: Forks, tmp_path: Path) -> None:
    def respond(body: dict[str, Any], number: int) -> Reply:
        usage = {"input_tokens": 1000, "output_tokens": 1000} if body["model"] == "small-1" else {}
        reply = Models()(body, number)
        read = json.loads(reply.body)
        return Reply(json.dumps({**read, "usage": usage or read["usage"]}).encode())

    with MessagesServer(respond) as server:  # each answer costs a cent, and is planned at a tenth of that
        project = graded_project(tmp_path, server, cases=4)
        done = forks.record(project, "--modelroute-max-usd=0.04", "--modelroute-concurrency=1")
        assert done.returncode == 1, done.output
        assert "recording stopped: 0.0400 USD are spent, and grading takes about" in done.stdout
        assert models_asked(server) == {"small-1": 4}
        assert forks.record(project).returncode == 0
        assert models_asked(server) == {"small-1": 4, "large-1": 4}


def test_a_grade_that_fails_is_an_error_until_it_is_recorded(forks: Forks, tmp_path: Path) -> None:
    models = Models()
    models.odd = {4: lambda: refused(400, "too long")}
    with MessagesServer(models) as server:
        project = graded_project(tmp_path, server)
        done = forks.record(project, JSON)
        assert done.returncode == 1
        assert results(project, "reply")["reply 4"]["kind"] == "grader"
        assert "the grade by large: " in results(project, "reply")["reply 4"]["detail"]
        models.odd = {}
        assert forks.record(project, JSON).returncode == 0
        assert len(server.requests) == 13


@pytest.mark.parametrize("mode", ["new_episodes", "all"])
def test_a_recording_that_is_killed_while_it_grades_goes_on_there(forks: Forks, tmp_path: Path, mode: str) -> None:
    hold = threading.Event()

    def respond(body: dict[str, Any], number: int) -> Reply:
        if number == 9 and not hold.is_set():
            hold.wait(30)
        return Models()(body, number)

    with MessagesServer(respond) as server:
        project = graded_project(tmp_path, server)
        run = forks.start(project, f"--modelroute-record={mode}", "--modelroute-concurrency=1")
        until(lambda: len(server.requests) == 9)
        run.signal(signal.SIGKILL)
        hold.set()
        run.wait()
        assert journaled(project)
        done = forks.record(project, f"--modelroute-record={mode}")
        assert done.returncode == 0, done.output
        assert models_asked(server) == {"small-1": 6, "large-1": 7}, "the one under way is called again, nothing else"
    assert len(graded_cases(project)) == 6
    assert journaled(project) == []


def test_all_grades_are_recorded_again_and_counted(forks: Forks, tmp_path: Path) -> None:
    models = Models()
    with MessagesServer(models) as server:
        project = graded_project(tmp_path, server)
        assert forks.record(project).returncode == 0
        models.flagged = frozenset([2])
        done = forks.record(project, "--modelroute-record=all", JSON)
        assert done.returncode == 0
        assert models_asked(server) == {"small-1": 12, "large-1": 12}
    assert {case: result["recordings"] for case, result in results(project, "reply").items()} == {
        f"reply {n}": 2 if n == 2 else 1 for n in range(1, 7)
    }
    assert "recorded up to 2 times with different answers" in done.stdout


def test_samples_are_graded_each_and_not_audited(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(Models(flagged=[2])) as server:
        project = graded_project(tmp_path, server, gate="rule: certified, max_error: 0.9")
        project.replace("    tier: small\n", "    tier: small\n    samples: 2\n")
        done = forks.record(project, JSON)
        assert done.returncode == 0, done.output
        assert models_asked(server) == {"small-1": 12, "large-1": 6}, "the same answer gets one grade"
    task = report(project)["reply"]
    assert (len(task["results"]), task["verdict"], task["grader"]["audited"]) == (12, "inconclusive", False)
    assert "grader not audited, and an audit takes one sample a case" in done.stdout


def test_workers_tell_of_the_grader(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(Models(flagged=[2])) as server:
        project = graded_project(tmp_path, server)
        assert forks.record(project, JSON).returncode == 0
    alone = report(project)["reply"]
    done = project.pytest("--modelroute", "-n", "2", JSON)
    assert done.returncode == 0, done.stdout
    assert report(project)["reply"] == alone
    assert "pass, grader not audited" in done.stdout


def test_the_team_s_own_function_is_graded_too(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(Models(flagged=[2])) as server:
        project = graded_project(tmp_path, server)
        (project.folder / "own.py").write_text(
            "import anthropic\n"
            "def answer(input, model, base_url):\n"
            "    client = anthropic.Anthropic(base_url=base_url, api_key='none')\n"
            "    said = [{'role': 'user', 'content': 'Reply: ' + input['text']}]\n"
            "    reply = client.messages.create(model=model, max_tokens=9, messages=said)\n"
            "    return {'text': reply.content[0].text, 'sure': True}\n"
        )
        project.replace("    prompt: prompts/reply.yaml\n", "    call: own:answer\n    output: {format: json}\n")
        done = forks.record(project, JSON)
        assert done.returncode == 0, done.output
        graded = server.requests[-1]["messages"][0]["content"]
        assert 'Reply: {\n  "text": "Received' in graded
        assert '"sure": true' in graded, "as the JSON that it is"
    assert forks.run(project, JSON).returncode == 0
    assert results(project, "reply")["reply 2"]["kind"] == "mismatch"


def test_verifying_asks_the_grader_where_an_answer_comes_out_otherwise(forks: Forks, tmp_path: Path) -> None:
    models = Models()
    with MessagesServer(models) as server:
        project = graded_project(tmp_path, server)
        assert forks.record(project).returncode == 0
        done = forks.run(project, "--modelroute-verify=6")
        assert done.returncode == 0, done.output
        assert models_asked(server) == {"small-1": 12, "large-1": 6}, "the same answers have grades"
        models.wrong, models.flagged = frozenset([3]), frozenset([3])
        done = forks.run(project, "--modelroute-verify=6")
        assert done.returncode == 1
        assert "1 of 6 outcomes changed" in done.stdout
        assert "reply::reply 3  correct -> wrong (mismatch)" in done.stdout
        assert models_asked(server) == {"small-1": 18, "large-1": 7}


def test_the_rubric_must_fit_each_answer(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(Models()) as server:
        project = graded_project(tmp_path, server)
        project.replace("{{ output }}", "{{ output.label }}", "prompts/rubric.yaml")
        done = forks.record(project, JSON)
        assert done.returncode == 1
        assert models_asked(server) == {"small-1": 6}
    detail = results(project, "reply")["reply 1"]["detail"]
    assert detail.startswith(
        "the rubric cannot be rendered: case 'reply 1': prompts/rubric.yaml:3: messages[0].content:"
    )


# ---- a grader that grades itself


def test_a_tier_may_not_be_tried_where_it_would_grade_itself(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(Models()) as server:
        project = graded_project(tmp_path, server)
        done = forks.run(project, "--modelroute-try=reply=large")
        assert done.returncode == 4
        assert "--modelroute-try=reply=large: 'large' would grade its own answers" in done.output
        project.replace("rubric: prompts/rubric.yaml}", "rubric: prompts/rubric.yaml, self_grading: allow}")
        assert forks.record(project, "--modelroute-try=reply=large", JSON).returncode == 0
    assert report(project)["reply"]["tier"] == "large"


def downgrade(forks: Forks, server: MessagesServer, tmp_path: Path, gate: str, allowed: str = "") -> Project:
    """The task moves from large, which is its grader, to small; both are recorded and graded.

    Unless the grader may grade itself, it is new: the base cannot have had it.
    """
    project = graded_project(tmp_path, server, gate=gate)
    text = project.registry.read_text()
    grader = f"{{kind: grader, tier: large, rubric: prompts/rubric.yaml{allowed}}}"
    before = text.replace("    tier: small\n", "    tier: large\n").replace(
        "{kind: grader, tier: large, rubric: prompts/rubric.yaml}", grader if allowed else "{kind: contains}"
    )
    project.registry.write_text(before)
    git(project.folder, "init", "-q", "-b", "main")
    git(project.folder, "add", ".")
    git(project.folder, "commit", "-q", "-m", "base")
    assert forks.record(project).returncode in (0, 1)
    git(project.folder, "add", ".")
    git(project.folder, "commit", "-q", "-m", "recorded")
    project.registry.write_text(text.replace("{kind: grader, tier: large, rubric: prompts/rubric.yaml}", grader))
    done = forks.record(project, "--modelroute-base=HEAD")
    assert "reply@grader on large" in done.stdout, done.output
    return project


def test_a_comparison_says_that_the_grader_graded_itself(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(Models(flagged=[2])) as server:
        project = downgrade(forks, server, tmp_path, "min_cases: 1, max_error: 0.1")
        assert models_asked(server) == {"large-1": 6 + 12, "small-1": 6}, "the base's answers are graded as well"
        done = forks.run(project, "--modelroute-base=HEAD", JSON)
    assert done.returncode == 1
    assert "large is the grader's model: it graded its own answers here" in done.stdout
    paired = report(project)["reply"]["paired"]
    assert (paired["tier"], paired["cases"], paired["self_graded"]) == ("large", 6, True)


@pytest.mark.parametrize("allowed", [True, False])
def test_a_margin_to_a_self_graded_baseline_passes_nothing(forks: Forks, tmp_path: Path, allowed: bool) -> None:
    with MessagesServer(Models()) as server:
        gate = "min_cases: 1, max_error: 0.9, max_regression: 0.9"
        project = downgrade(forks, server, tmp_path, gate, ", self_grading: allow" if allowed else "")
    done = forks.run(project, "--modelroute-base=HEAD", JSON)
    task = report(project)["reply"]
    if allowed:
        assert (done.returncode, task["verdict"]) == (0, "pass"), done.output
        return
    assert (done.returncode, task["verdict"]) == (1, "error")
    assert "the margin to large says nothing: as the grader it graded its own answers there" in done.stdout
    assert "way out: another grader at modelroute.yaml:" in done.stdout


def test_without_a_change_too_the_report_says_that_the_next_tier_graded_itself(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(Models(flagged=[2])) as server:
        project = graded_project(tmp_path, server)
        assert forks.record(project, "--modelroute-record-tiers=large").returncode == 0
    done = forks.run(project)
    assert "vs large" in done.stdout
    assert "reply: large is the grader's model: it graded its own answers here" in done.stdout


# ---- the audit in the report


def test_an_audit_file_that_is_broken_stops_the_run(forks: Forks, tmp_path: Path) -> None:
    with MessagesServer(Models()) as server:
        project = graded_project(tmp_path, server)
        write_labels(project, [{"case": "reply 1", "correct": "yes"}])
        done = forks.run(project)
    assert done.returncode == 4
    assert "audits/reply.jsonl:2: the key 'answer' is missing" in done.output


def test_the_readme_s_rubric_grades(forks: Forks, tmp_path: Path) -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    rubric = readme.partition("<!-- rubric -->\n```yaml\n")[2].partition("```")[0]

    def respond(body: dict[str, Any], number: int) -> Reply:
        if "system" not in body:
            return message("We have received it.")
        assert body["max_tokens"] == 300
        text = body["messages"][0]["content"]
        right = "The customer wrote: message 2\nThe reply: We have received it.\nA right reply names: message 2" in text
        return verdict(right)

    with MessagesServer(respond) as server:
        project = graded_project(tmp_path, server)
        (project.folder / "prompts/rubric.yaml").write_text(rubric)
        assert forks.record(project, JSON).returncode == 0
    outcomes = {case: result["outcome"] for case, result in results(project, "reply").items()}
    assert outcomes.pop("reply 2") == "correct"
    assert set(outcomes.values()) == {"wrong"}
