"""Everything that is wrong with a configuration file, each with its line and what to do about it."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from cloudmesh.config import disk, reader, rules
from cloudmesh.plugin.plain import harmless


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        level: ``error`` if the configuration cannot be used so, else ``warning``.
        path: the file.
        line: where, counted from 1; 1 also for the file as a whole.
        message: what is wrong, never with a secret.
        remedy: what to do about it.
    """

    level: str
    path: Path
    line: int
    message: str
    remedy: str

    def __str__(self) -> str:
        return harmless(f"{self.path}:{self.line}: {self.level}: {self.message}; {self.remedy}")


def check(path: Path) -> list[Finding]:
    """All findings, the file as a whole first, then by line; raises nothing on account of the file."""
    findings = [*_file_findings(path), *_text_findings(path)]
    return sorted(findings, key=lambda finding: finding.line)


def _file_findings(path: Path) -> Iterator[Finding]:
    """Who else can get at the file and its directory."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        directory = path.parent.stat().st_mode
    except OSError:
        # Reading it says why, in the next step.
        return
    try:
        disk.refuse_if_open(path, mode)
    except disk.FileError as error:
        yield _from(error, path)
    if any(directory & bits == bits for bits in (0o050, 0o005)):
        mend = f"mend it with: {disk.chmod_line(path.parent, 700)}"
        remedy = "move the file to one of your own" if directory & stat.S_ISVTX else mend
        yield Finding("warning", path, 1, "others can enter and read the directory of this file", remedy)


def _text_findings(path: Path) -> Iterator[Finding]:
    """What the text says; a text that is no YAML is one finding."""
    try:
        text = disk.read(path, private=False)
        root = _compose(text, path)
        duplicates = sorted(set(_duplicate_lines(root, set())))
        for line in duplicates:
            yield Finding("error", path, line, *reader.DUPLICATE)
        yaml = YAML(typ="safe", pure=True)
        yaml.allow_duplicate_keys = bool(duplicates)
        data = reader.build(yaml, text, path)
    except disk.FileError as error:
        yield _from(error, path)
        return
    for problem in rules.problems(data):
        yield Finding(problem.level, path, _line(root, problem.parts), problem.message, problem.remedy)


def _compose(text: str, path: Path) -> Node | None:
    try:
        root: Node | None = YAML(typ="safe", pure=True).compose(text)
    except YAMLError as error:
        raise reader.fault(error, text, path) from None
    except RecursionError:
        message = "sections are nested too deep"
        raise disk.FileError(path, None, message, "write the file with fewer levels") from None
    return root


def _from(error: disk.FileError, path: Path) -> Finding:
    return Finding("error", path, error.line or 1, error.message, error.remedy)


def _duplicate_lines(node: Node | None, seen: set[int]) -> Iterator[int]:
    """The lines of all keys that their section has already, in every section."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, MappingNode):
        keys: set[tuple[str | None, str]] = set()
        for key, value in node.value:
            if isinstance(key, ScalarNode):
                if (key.tag, key.value) in keys:
                    yield key.start_mark.line + 1
                keys.add((key.tag, key.value))
            yield from _duplicate_lines(value, seen)
    elif isinstance(node, SequenceNode):
        for item in node.value:
            yield from _duplicate_lines(item, seen)


def _line(node: Node | None, parts: tuple[str, ...]) -> int:
    """The line of the deepest key of these parts that is in the file, counted from 1."""
    line = 1
    for part in parts:
        if isinstance(node, MappingNode):
            pair = next((pair for pair in node.value if pair[0].value == part), None)
        elif isinstance(node, SequenceNode) and part.isdigit() and int(part) < len(node.value):
            pair = (node.value[int(part)], node.value[int(part)])
        else:
            pair = None
        if pair is None:
            break
        line, node = pair[0].start_mark.line + 1, pair[1]
    return line
