"""Prompt files: what a template may do, what it may not, and what each fault says."""

from __future__ import annotations

import base64
import json
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modelroute.errors import InputError
from pytest_modelroute.evaluation.templates import MOST_INCLUDED, TemplateFault, compile_prompt, resolve_pointer
from pytest_modelroute.registry.files import WorkingTree
from pytest_modelroute.registry.prompts import read_template

from .trees import tree

PNG = b"\x89PNG\r\n\x1a\n\x00\xff"
INPUT: dict[str, Any] = {
    "text": "<b>Grüße</b> & {{ more }}",
    "items": [1, 2],
    "list": ["b", "a"],
    "none": None,
    "half": 0.5,
    "messages": [{"role": "user", "content": "Hi"}],
    "a/b": {"~": "odd"},
    "picture": "images/x.png",
}


def render(folder: Path, prompt: str, given_: dict[str, Any] | None = None, **files: str | bytes) -> Any:
    """What a prompt file gives for an input; keywords are files in `images/`."""
    named = {f"images/{name.replace('_', '.')}": content for name, content in files.items()}
    written = tree(folder, {"p.yaml": prompt, **named})
    template = read_template(written, PurePosixPath("p.yaml"), PurePosixPath())
    return compile_prompt(template, written, PurePosixPath())(INPUT if given_ is None else given_)


def text(folder: Path, template: str) -> str:
    result: str = render(folder, json.dumps({"system": template}))["system"]
    return result


def fault(folder: Path, template: str) -> str:
    with pytest.raises(TemplateFault) as caught:
        text(folder, template)
    return str(caught.value)


@pytest.mark.parametrize(
    ("template", "rendered"),
    [
        ("{{ input.text }}", "<b>Grüße</b> & {{ more }}"),
        ("{{ input['text'] | length }}", "25"),
        ("{{ input.half }}", "0.5"),
        ("{{ input.none }}", "None"),
        ("{{ input.list | sort | join('-') }}", "a-b"),
        ("{% for each in input.list %}{{ loop.index }}{{ each }}{% endfor %}", "1b2a"),
        ("{% if input.gone is defined %}x{% else %}y{% endif %}", "y"),
        ("{{ input.gone | default('z') }}", "z"),
        ("{% raw %}{{ input.text }}{% endraw %}", "{{ input.text }}"),
        ("{# a comment #}x\n", "x\n"),
        ("no template, only {braces}", "no template, only {braces}"),
        ("", ""),
        ("a\n\n", "a\n\n"),
        ("{{ input.list | tojson }}", '["b", "a"]'),
        ("{{ input.items }}", "[1, 2]"),
        ("{{ {'values': 1}.values }}", "1"),
        ("{{ '%05.1f' | format(input.half) }}", "000.5"),
    ],
)
def test_a_template_renders_the_input_as_text(tmp_path: Path, template: str, rendered: str) -> None:
    assert text(tmp_path, template) == rendered


ESCAPES = [
    "{{ ''.__class__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ input.__class__ }}",
    "{{ input|attr('__class__') }}",
    "{{ input['__class__'] }}",
    "{{ self.__init__.__globals__ }}",
    "{{ cycler.__init__.__globals__.os }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ '{0.__class__}'.format(1) }}",
    "{{ '{0.__class__}' | format }}{{ ('{0.__class__}' | string).format_map({'0': 1}) }}",
    "{% set f = '{0.__class__}'.format %}{{ f(1) }}",
    "{{ (1).__reduce_ex__(2) }}",
    "{{ range.__globals__ }}",
    "{{ joiner.__init__ }}",
    "{{ input.list.append(1) }}",
    "{{ input.update({'a': 1}) }}",
    "{{ input.list.sort() }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
    "{% extends 'x' %}",
    "{{ range(10000000) | list }}",
    "{{ lipsum() }}",
    "{{ open('/etc/passwd') }}",
    "{{ input.text.encode().decode.__self__ }}",
]


@pytest.mark.parametrize("template", ESCAPES)
def test_the_sandbox_lets_nothing_out_and_changes_nothing(tmp_path: Path, template: str) -> None:
    before = json.dumps(INPUT)
    assert fault(tmp_path, template).startswith("p.yaml:1: system: ")
    assert json.dumps(INPUT) == before


UNPRINTABLE = "p.yaml:1: system: a {} cannot be printed; call it, or add `| list`"
FAULTS = {
    "{{ input.txet }}": "p.yaml:1: system: 'input' has no 'txet': did you mean 'text'? "
    "one of text, items, list, none, half, messages, a/b, picture",
    "{{ input['zzz'] }}": "p.yaml:1: system: 'input' has no 'zzz': "
    "one of text, items, list, none, half, messages, a/b, picture",
    "{{ input.messages[0].rule }}": "p.yaml:1: system: the mapping has no 'rule': "
    "did you mean 'role'? one of role, content",
    "{{ text }}": "p.yaml:1: system: 'text' is undefined: did you mean 'input.text'?",
    "{{ txt | upper }}": "p.yaml:1: system: 'txt' is undefined: did you mean 'input.text'?",
    "{{ unlike }}": "p.yaml:1: system: 'unlike' is undefined",
    "{{ input.none.text }}": "p.yaml:1: system: 'None' has no attribute 'text'",
    "{{ input.list[5] }}": "p.yaml:1: system: list object has no element 5",
    "{{ ''.__class__ }}": "p.yaml:1: system: access to attribute '__class__' of 'str' object is unsafe.",
    "{{ 1 / 0 }}": "p.yaml:1: system: division by zero",
    "{{ input.keys }}": UNPRINTABLE.format("builtin_function_or_method"),
    "{{ input.list | map('upper') }}": UNPRINTABLE.format("generator"),
    "{{ range }}": UNPRINTABLE.format("function"),
    "{{ self }}": UNPRINTABLE.format("TemplateReference"),
}


@pytest.mark.parametrize(("template", "told"), FAULTS.items(), ids=FAULTS)
def test_what_cannot_be_rendered_names_the_place_in_the_prompt(tmp_path: Path, template: str, told: str) -> None:
    assert fault(tmp_path, template) == told


def test_a_fault_deep_in_the_prompt_names_its_path_and_line(tmp_path: Path) -> None:
    prompt = "system: fine\nmessages:\n  - {content: hi}\n  - {content: [{type: text, text: '{{ x }}'}]}\n"
    with pytest.raises(TemplateFault) as caught:
        render(tmp_path, prompt)
    assert str(caught.value) == "p.yaml:4: messages[1].content[0].text: 'x' is undefined"


BROKEN = {
    "{{ ": "unexpected 'end of template'",
    "{% for %}": "Expected an expression, got 'end of statement block'",
    "{% if x %}": "Unexpected end of template. Jinja was looking for the following tags: 'elif' or 'else' or 'endif'. "
    "The innermost block that needs to be closed is 'if'.",
    "{{ input.text | upcase }}": "No filter named 'upcase'.",
    "{{ [1, 2] | random }}": "No filter named 'random'.",
    "{% raise %}": "Encountered unknown tag 'raise'.",
}


@pytest.mark.parametrize(("template", "told"), BROKEN.items(), ids=BROKEN)
def test_a_template_that_does_not_parse_is_an_input_error(tmp_path: Path, template: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        text(tmp_path, template)
    assert str(caught.value) == f"p.yaml:1: system: broken template: {told}"


@pytest.mark.parametrize("template", ["{{ " + "9" * 5000 + " }}", "{{ " + "(" * 500 + "1" + ")" * 500 + " }}"])
def test_a_template_that_jinja2_chokes_on_is_an_input_error(tmp_path: Path, template: str) -> None:
    with pytest.raises(InputError, match=r"^p\.yaml:1: system: broken template: "):
        text(tmp_path, template)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.text(st.sampled_from("{}%#| .input_class'()[]+-*0a\n"), max_size=30).map("{{".__add__))
def test_any_template_renders_or_gives_a_named_error(tmp_path_factory: pytest.TempPathFactory, template: str) -> None:
    try:
        rendered = text(tmp_path_factory.getbasetemp(), template)
    except (InputError, TemplateFault):
        return
    assert "object at 0x" not in rendered


def test_structure_other_than_text_is_kept_as_it_is_and_keys_are_no_templates(tmp_path: Path) -> None:
    prompt = "max_tokens: 5\nflag: true\nnone: null\nmessages: []\nmetadata: {'{{ x }}': ['{{ input.half }}']}\n"
    assert render(tmp_path, prompt) == {
        "max_tokens": 5,
        "flag": True,
        "none": None,
        "messages": [],
        "metadata": {"{{ x }}": ["0.5"]},
    }


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("/messages", [{"role": "user", "content": "Hi"}]),
        ("/messages/0/content", "Hi"),
        ("/a~1b/~0", "odd"),
        ("/half", 0.5),
        ("/none", None),
        ("''", INPUT),
    ],
)
def test_a_pointer_takes_structure_from_the_input(tmp_path: Path, pointer: str, value: Any) -> None:
    assert render(tmp_path, f"messages: {{$input: {pointer}}}\n") == {"messages": value}


@pytest.mark.parametrize(
    "pointer",
    [
        "/gone",
        "/messages/1",
        "/messages/01",
        "/messages/-1",
        "/messages/-",
        "/half/0",
        "/text/0",
        "/",
        "/messages/" + "9" * 5000,
    ],
)
def test_a_pointer_to_nothing_names_the_place_and_the_pointer(tmp_path: Path, pointer: str) -> None:
    with pytest.raises(TemplateFault) as caught:
        render(tmp_path, json.dumps({"messages": [{"$input": pointer}]}))
    assert str(caught.value) == f"p.yaml:1: messages[0]: the input has no {pointer}"


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.lists(st.text(max_size=5) | st.integers(0, 3), max_size=4))
def test_every_place_of_a_value_has_its_pointer(path: list[str | int]) -> None:
    value: Any = "found"
    for part in reversed(path):
        value = [None] * part + [value] if isinstance(part, int) else {part: value}
    pointer = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
    assert resolve_pointer(value, pointer) == "found"


def test_a_file_of_text_is_included_as_it_is_and_another_as_base64(tmp_path: Path) -> None:
    prompt = "system: {$file: images/rules.txt}\nimage: {$file: images/x.png}\nnull: {$file: images/zero.txt}\n"
    included: dict[str, Any] = {"rules_txt": "Be {{ kind }}.\n", "x_png": PNG, "zero_txt": b"a\0b"}
    assert render(tmp_path, prompt, **included) == {
        "system": "Be {{ kind }}.\n",
        "image": base64.b64encode(PNG).decode(),
        "null": base64.b64encode(b"a\0b").decode(),
    }


def test_a_file_may_be_named_by_the_input(tmp_path: Path) -> None:
    prompt = "image: {$file: '{{ input.picture }}'}\n"
    assert render(tmp_path, prompt, x_png=PNG) == {"image": base64.b64encode(PNG).decode()}


def test_files_that_inputs_name_are_kept_in_a_limited_number(tmp_path: Path) -> None:
    read = []

    class Counted(WorkingTree):
        def read(self, path: PurePosixPath, limit: int | None = None) -> bytes:
            read.append(str(path))
            return super().read(path, limit)

    names = [f"{number}.txt" for number in range(MOST_INCLUDED + 1)]
    tree(tmp_path, {"p.yaml": "system: {$file: '{{ input.name }}'}\n", **dict.fromkeys(names, "text")})
    files = Counted(tmp_path)
    prompt = compile_prompt(read_template(files, PurePosixPath("p.yaml"), PurePosixPath()), files, PurePosixPath())
    for name in (*names, names[-1], names[0]):
        assert prompt({"name": name}) == {"system": "text"}
    assert read == ["p.yaml", *names, names[0]]


def test_a_file_that_is_gone_when_the_prompt_is_compiled_is_told_with_its_place(tmp_path: Path) -> None:
    files = tree(tmp_path, {"p.yaml": "max_tokens: 1\nsystem: {$file: a.txt}\n", "a.txt": "here"})
    template = read_template(files, PurePosixPath("p.yaml"), PurePosixPath())
    (tmp_path / "a.txt").unlink()
    with pytest.raises(
        InputError, match=r"^p\.yaml:2: system: \$file: a\.txt does not exist\n  valid: a readable file$"
    ):
        compile_prompt(template, files, PurePosixPath())


FILES = {
    "gone.png": "gone.png does not exist",
    "p.yaml/x": "p.yaml/x does not exist",
    "images": "images does not exist",
    "../x.png": "'../x.png' leaves pytest's rootdir",
    "/etc/passwd": "'/etc/passwd' is not a relative path",
    "": "'' is not a relative path",
    "images/lfs.png": "this is a Git LFS pointer, not the file",
}


@pytest.mark.parametrize(("name", "told"), FILES.items(), ids=FILES)
def test_a_file_that_the_input_names_must_be_there_and_inside_rootdir(tmp_path: Path, name: str, told: str) -> None:
    lfs = b"version https://git-lfs.github.com/spec/v1\n"
    with pytest.raises(TemplateFault) as caught:
        render(tmp_path, "image: {$file: '{{ input.picture }}'}\n", {"picture": name}, x_png=PNG, lfs_png=lfs)
    assert str(caught.value) == f"p.yaml:1: image: $file: {told}"


def test_a_link_that_the_input_names_must_not_leave_rootdir(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(TemplateFault) as caught:
        render(root, "system: {$file: '{{ input.picture }}'}\n", {"picture": "link"})
    assert str(caught.value) == f"p.yaml:1: system: $file: link is a link that leaves {root}"


def test_files_are_relative_to_the_registry_wherever_the_prompt_lies(tmp_path: Path) -> None:
    files = tree(tmp_path, {"conf/prompts/p.yaml": "system: {$file: a.txt}\n", "conf/a.txt": "here"})
    template = read_template(files, PurePosixPath("conf/prompts/p.yaml"), PurePosixPath("conf"))
    assert compile_prompt(template, WorkingTree(tmp_path), PurePosixPath("conf"))({}) == {"system": "here"}
