"""The files that a registry names: inside rootdir, there, readable, and really the files."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest

from pytest_modelroute.errors import InputError
from pytest_modelroute.registry.files import WorkingTree, inside
from pytest_modelroute.registry.loading import load_registry

from .trees import TIERS, load, load_error, tree

TASK = TIERS + "tasks:\n  intent:\n    tier: haiku\n"  # what follows stands in line 9
INSIDE = "\n  valid: a path relative to the registry, inside pytest's rootdir"
READABLE = "\n  valid: a readable file"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
LFS_FIX = "\n  fix: git lfs install && git lfs fetch --all && git lfs checkout, or keep the file out of LFS"

PATHS = {
    "golden: {}": "tasks.intent.golden",
    "prompt: {}": "tasks.intent.prompt",
    "output: {{format: json, schema: {}}}": "tasks.intent.output.schema",
}


@pytest.mark.parametrize(("line", "where"), PATHS.items(), ids=PATHS.values())
@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("../x.yaml", "'../x.yaml' leaves pytest's rootdir" + INSIDE),
        ("a/../../x.yaml", "'a/../../x.yaml' leaves pytest's rootdir" + INSIDE),
        ("/etc/passwd", "'/etc/passwd' is not a relative path" + INSIDE),
        ('"a\\0b"', "'a\0b' is not a relative path" + INSIDE),
        ("gone.yaml", "gone.yaml does not exist" + READABLE),
        ("modelroute.yaml/x", "modelroute.yaml/x does not exist" + READABLE),
        ("folder", "folder: not a file" + READABLE),
        (".", ".: not a file" + READABLE),
        ("pipe", "pipe: not a file" + READABLE),
        ("loop", "loop: Too many levels of symbolic links" + READABLE),
        ("n" * 300, "n" * 300 + ": File name too long" + READABLE),
    ],
    ids=["up", "up inside", "absolute", "null", "missing", "below a file", "folder", "root", "pipe", "loop", "long"],
)
def test_a_path_that_names_no_file_inside_rootdir_is_an_error_at_its_line(
    tmp_path: Path, line: str, where: str, path: str, problem: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    registry = TASK + "    " + line.format(path) + "\n"
    assert load_error(tmp_path, registry) == f"modelroute.yaml:9: {where}: {problem}"


@pytest.mark.parametrize(("line", "where"), PATHS.items(), ids=PATHS.values())
def test_a_link_out_of_rootdir_is_an_error_at_the_line_that_names_it(tmp_path: Path, line: str, where: str) -> None:
    outside = tmp_path / "secret.yaml"
    outside.write_text("{}")
    root = tmp_path / "root"
    root.mkdir()
    (root / "innocent.yaml").symlink_to(outside)
    assert load_error(root, TASK + "    " + line.format("innocent.yaml") + "\n") == (
        f"modelroute.yaml:9: {where}: innocent.yaml is a link that leaves {root}\n"
        "  valid: a file inside pytest's rootdir"
    )


def test_a_link_inside_rootdir_is_followed_also_where_rootdir_itself_is_reached_through_one(tmp_path: Path) -> None:
    root = tmp_path / "root"
    tree(root, {"real/p.yaml": "system: Hello.\n", "modelroute.yaml": TASK + "    prompt: prompts/p.yaml\n"})
    (root / "prompts").symlink_to("real")
    (tmp_path / "alias").symlink_to(root)
    registry = load_registry(WorkingTree(tmp_path / "alias"), PurePosixPath("modelroute.yaml"))
    prompt = registry.tasks["intent"].prompt
    assert prompt is not None
    assert prompt == load(root, TASK + "    prompt: prompts/p.yaml\n").tasks["intent"].prompt


def test_paths_are_relative_to_the_registry_and_may_go_up_inside_rootdir(tmp_path: Path) -> None:
    files = tree(
        tmp_path,
        {
            "conf/routes.yaml": TASK + "    golden: ../golden/a.jsonl\n",
            "golden/a.jsonl": "",
        },
    )
    registry = load_registry(files, PurePosixPath("conf/routes.yaml"))
    assert registry.tasks["intent"].golden == PurePosixPath("golden/a.jsonl")
    assert registry.cassettes == PurePosixPath("conf/cassettes")


@pytest.mark.parametrize(
    ("folder", "text", "path"),
    [
        ("", "a", "a"),
        (".", "./a//b", "a/b"),
        ("conf", "../a", "a"),
        ("conf/x", "../../a/../b", "b"),
        ("conf", "..", "."),
        ("conf", "a..b/...", "conf/a..b/..."),
    ],
)
def test_a_path_is_made_relative_to_rootdir(folder: str, text: str, path: str) -> None:
    assert inside(PurePosixPath(folder), text) == PurePosixPath(path)


def test_cassettes_outside_rootdir_are_an_error(tmp_path: Path) -> None:
    error = load_error(tmp_path, TIERS + "cassettes: ../shared\n")
    assert error == "modelroute.yaml:6: cassettes: '../shared' leaves pytest's rootdir" + INSIDE


def test_an_inherited_schema_that_is_missing_is_an_error_at_the_line_of_the_defaults(tmp_path: Path) -> None:
    registry = TIERS + "defaults:\n  output: {format: json, schema: s.json}\ntasks:\n  a: {tier: haiku}\n"
    assert load_error(tmp_path, registry) == (
        "modelroute.yaml:7: defaults.output.schema: s.json does not exist" + READABLE
    )


SCHEMAS = {
    "broken JSON": (b'{"type": }', "s.json:1: the schema is not JSON: Expecting value at column 10"),
    "broken in line 2": (
        b'{\n"a" 1}',
        "s.json:2: the schema is not JSON: Expecting ':' delimiter at column 5",
    ),
    "empty": (b"", "s.json:1: the schema is not JSON: Expecting value at column 1"),
    "NaN": (b'{"const": NaN}', "s.json: the schema is not JSON: NaN is not JSON"),
    "a key twice": (b'{"a": 1, "a": 2}', 's.json: the schema is not JSON: the key "a" stands twice in one object'),
    "a pointer of Git LFS": (POINTER, "s.json: this is a Git LFS pointer, not the file" + LFS_FIX),
    "huge": (b" " * 2_000_001, "s.json: the file has 2,000,001 bytes\n  valid: at most 2,000,000 bytes"),
}


@pytest.mark.parametrize(("content", "error"), SCHEMAS.values(), ids=SCHEMAS)
def test_a_schema_that_cannot_be_read_is_an_error_in_its_own_file(tmp_path: Path, content: bytes, error: str) -> None:
    registry = TASK + "    output: {format: json, schema: s.json}\n"
    assert load_error(tmp_path, registry, {"s.json": content}) == error


def test_a_schema_may_be_written_in_yaml_and_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"s.yaml": "type: object\n", "s.json": b'\xef\xbb\xbf{"type": "object"}'}
    for name in files:
        registry = load(tmp_path, TASK + f"    output: {{format: json, schema: {name}}}\n", files)
        schema = registry.tasks["intent"].output.schema
        assert schema is not None
        assert schema.content == {"type": "object"}


PROMPTS = {
    "a list": (
        "- a\n",
        "p.yaml:1: the prompt file is not a mapping\n  valid: keys such as 'system' and 'messages'",
    ),
    "empty": ("", "p.yaml:1: the prompt file is not a mapping\n  valid: keys such as 'system' and 'messages'"),
    "broken YAML": (
        "a: [\n",
        "p.yaml:2: broken YAML: while parsing a flow node, did not find expected node content",
    ),
    "an unknown directive": (
        "system: hi\nmessages:\n  - {$inptu: /m}\n",
        "p.yaml:3: unknown directive {$inptu}\n  valid: {$input: /pointer} or {$file: path}, alone in its mapping",
    ),
    "a directive with company": (
        "messages: {$input: /m, role: user}\n",
        "p.yaml:1: unknown directive {$input, role}\n"
        "  valid: {$input: /pointer} or {$file: path}, alone in its mapping",
    ),
    "a directive that is not given a text": (
        "messages: {$file: [a]}\n",
        "p.yaml:1: unknown directive {$file}\n  valid: {$input: /pointer} or {$file: path}, alone in its mapping",
    ),
    "a pointer without its slash": (
        "system: hi\nmessages: {$input: messages}\n",
        "p.yaml:2: $input: 'messages' is not a JSON pointer\n  valid: '/messages', or '' for the whole input",
    ),
    "a file that is missing": (
        "system: {$file: gone.txt}\n",
        "p.yaml:1: $file: gone.txt does not exist\n  valid: a readable file",
    ),
    "a file outside": ("system: {$file: ../a.txt}\n", "p.yaml:1: $file: '../a.txt' leaves pytest's rootdir" + INSIDE),
    "an absolute file": ("system: {$file: /a.txt}\n", "p.yaml:1: $file: '/a.txt' is not a relative path" + INSIDE),
    "a pointer of Git LFS": (
        "a: 1\nsystem: {$file: lfs.png}\n",
        "p.yaml:2: $file: this is a Git LFS pointer, not the file" + LFS_FIX,
    ),
}


@pytest.mark.parametrize(("prompt", "error"), PROMPTS.values(), ids=PROMPTS)
def test_a_broken_prompt_file_is_an_error_in_its_own_file(tmp_path: Path, prompt: str, error: str) -> None:
    files: dict[str, str | bytes] = {"p.yaml": prompt, "lfs.png": POINTER}
    assert load_error(tmp_path, TASK + "    prompt: p.yaml\n", files) == error


def test_an_included_link_out_of_rootdir_is_an_error_in_the_prompt(tmp_path: Path) -> None:
    root = tmp_path / "root"
    tree(tmp_path, {"secret.txt": "secret", "root/p.yaml": "a: 1\nsystem: {$file: a.txt}\n"})
    (root / "a.txt").symlink_to(tmp_path / "secret.txt")
    assert load_error(root, TASK + "    prompt: p.yaml\n") == (
        f"p.yaml:2: $file: a.txt is a link that leaves {root}\n  valid: a file inside pytest's rootdir"
    )


BUILDERS = {
    "broken": (b"\ndef build(:\n", "b.py:2: the module does not parse: invalid syntax"),
    "too deep": (b"a = " + b"-" * 20_000 + b"1\n", "b.py: the module does not parse: nested too deeply"),
    "another encoding": (
        b"# coding: klingon\n",
        "b.py: the module does not parse: unknown encoding: klingon",
    ),
}


@pytest.mark.parametrize(("source", "error"), BUILDERS.values(), ids=BUILDERS)
def test_a_builder_that_does_not_parse_is_an_error_in_its_module(tmp_path: Path, source: bytes, error: str) -> None:
    assert load_error(tmp_path, TASK + "    prompt: {python: 'b:build'}\n", {"b.py": source}) == error


def test_a_builder_from_outside_the_project_is_left_to_the_import(tmp_path: Path) -> None:
    (tmp_path / "b.py").symlink_to("b.py")  # a loop: not readable, so not the project's
    prompt = load(tmp_path, TASK + "    prompt: {python: 'b:build'}\n").tasks["intent"].prompt
    assert (prompt.reference, prompt.source, prompt.code) == ("b:build", None, None)  # type: ignore[union-attr]


def test_a_registry_that_is_not_there_is_told_from_a_broken_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_registry(WorkingTree(tmp_path), PurePosixPath("modelroute.yaml"))
    with pytest.raises(InputError):
        load(tmp_path, "version: 2\n")
