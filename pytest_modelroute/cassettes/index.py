"""One cassette file as an index: where each key stands, without parsing what is not asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from ..errors import ErrorKind, InputError, Place, UnobtainedAnswer
from ..registry.document import SafeLoader, check_depth
from ..registry.files import LFS_POINTER, Files
from .lines import KEY_IN_LINE, LINE_START, Interaction, parse_line

__all__ = ["Cassette", "open_cassette"]

_FRAME = (b"version: 1", b"interactions:", b"interactions: []", b"---", b"...", b"")


@dataclass(frozen=True, slots=True)
class _Line:
    """Where an interaction stands: byte offset and length, and its line number from 1."""

    offset: int
    length: int
    number: int


class Cassette:
    """The interactions of one file.

    Of several with one key the latest recording counts; `twins` are those keys. `damaged` are the numbers of lines
    that hold no interaction; `fault` says why nothing of the file can be read, where that is so.
    """

    def __init__(self, label: str, file: BinaryIO | None, fault: str | None = None) -> None:
        self.label = label
        self.fault = fault
        self.exists = file is not None or fault is not None
        self.damaged: list[int] = []
        self.twins: set[str] = set()
        self._file = file
        self._lines: dict[str, _Line] = {}
        self._parsed: dict[str, Interaction] = {}
        self._cases: dict[str, list[Interaction]] | None = None
        if file is not None:
            self._scan(file)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def __contains__(self, key: object) -> bool:
        return key in self._lines or key in self._parsed

    def find(self, key: str) -> Interaction | None:
        """The interaction of that key. Raises UnobtainedAnswer where its line cannot be read."""
        line = self._lines.get(key)
        if line is None:
            return self._parsed.get(key)
        try:
            return self._parse(line)
        except ValueError as error:
            detail = f"{Place(self.label, line.number)}: the recording cannot be read: {error}; restore it from git"
            raise UnobtainedAnswer(ErrorKind.UNREADABLE, detail, cassette=self.label) from None

    def line(self, key: str) -> int | None:
        """The line of that key, counted from 1; None where it stands in no line of its own."""
        return self._lines[key].number if key in self._lines else None

    def of_case(self, case: str) -> list[Interaction]:
        """All readable interactions of a case."""
        if self._cases is None:
            self._cases = {}
            for interaction in self.interactions():
                self._cases.setdefault(interaction.case, []).append(interaction)
        return self._cases.get(case, [])

    def interactions(self) -> list[Interaction]:
        """All readable interactions, one a key, in file order."""
        found = list(self._parsed.values())
        for line in self._lines.values():
            try:
                found.append(self._parse(line))
            except ValueError:
                continue
        return found

    def _parse(self, line: _Line) -> Interaction:
        assert self._file is not None
        self._file.seek(line.offset)
        return parse_line(self._file.read(line.length))

    def _scan(self, file: BinaryIO) -> None:
        offset = 0
        foreign: list[int] = []
        rivals: list[tuple[str, _Line]] = []
        for number, line in enumerate(file, start=1):
            if line.startswith(LINE_START):
                match = KEY_IN_LINE.search(line)
                if match is None:
                    self.damaged.append(number)
                else:
                    key, found = match[1].decode(), _Line(offset, len(line), number)
                    if self._lines.setdefault(key, found) is not found:
                        rivals.append((key, found))
            elif not _is_frame(line):
                foreign.append(number)
            offset += len(line)
        for key, rival in rivals:
            self.twins.add(key)
            if self._recorded_at(rival) >= self._recorded_at(self._lines[key]):
                self._lines[key] = rival
        if self._lines or not (foreign or self.damaged):
            self.damaged.extend(foreign)
            return
        self._read_block_yaml(file)
        if self.fault is None:
            self.damaged = []
        elif self.damaged:  # what is left of a file in lines
            self.fault = None
            self.damaged.extend(foreign)

    def _recorded_at(self, line: _Line) -> str:
        try:
            return self._parse(line).recorded_at
        except ValueError:
            return ""

    def _read_block_yaml(self, file: BinaryIO) -> None:
        """A file that stock vcrpy or a formatter wrote again: slow to read, and right all the same."""
        import yaml

        file.seek(0)
        data = file.read()
        if data.startswith(LFS_POINTER):
            self.fault = "it is a Git LFS pointer, not the recordings: run `git lfs pull`"
            return
        try:
            text = data.decode("utf-8")
            check_depth(text, self.label)
            document: Any = yaml.load(text, Loader=SafeLoader)  # noqa: S506  # it is the safe loader, in C
            wires = document.get("interactions") if isinstance(document, dict) else None
            if not isinstance(wires, list):
                raise ValueError("it has no list of interactions")
            interactions = [Interaction.from_wire(wire) for wire in wires]
        except InputError as error:
            self.fault = _no_cassette(error.what, error.place.line if error.place else None)
            return
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self.fault = _no_cassette(str(error.problem or error.context), mark.line + 1 if mark else None)
            return
        except Exception as error:  # PyYAML trips over odd tags with errors of every kind
            self.fault = _no_cassette((str(error).splitlines() or [type(error).__name__])[0])
            return
        for interaction in interactions:
            earlier = self._parsed.get(interaction.key)
            if earlier is not None:
                self.twins.add(interaction.key)
            if earlier is None or interaction.recorded_at >= earlier.recorded_at:
                self._parsed[interaction.key] = interaction


def _no_cassette(what: str, line: int | None = None) -> str:
    return f"it is not a cassette: {what}" + (f" (line {line})" if line else "")


def _is_frame(line: bytes) -> bool:
    """Whether a line that is no interaction may stand in a cassette all the same: its head, a comment, a blank."""
    text = line.rstrip().removeprefix(b"\xef\xbb\xbf")
    return text in _FRAME or text.startswith(b"#")


def open_cassette(files: Files, path: PurePosixPath) -> Cassette:
    """The cassette at `path`; a file that is not there is an empty cassette, one that cannot be read a faulty one."""
    label = files.label(path)
    try:
        return Cassette(label, files.open(path))
    except (FileNotFoundError, NotADirectoryError):
        return Cassette(label, None)
    except (OSError, InputError) as error:
        return Cassette(label, None, fault=str(getattr(error, "strerror", None) or error))
