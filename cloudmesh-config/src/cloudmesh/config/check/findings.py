"""Everything that is wrong with a configuration file, each with its line and what to do about it."""

from __future__ import annotations

import secrets
import shlex
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from cloudmesh.config.check import credential_rules, rules
from cloudmesh.config.yaml import config_file, keys, leftovers, limits, positions, reader
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
    findings = list(_file_findings(path))
    try:
        findings += check_text(config_file.read(path, private=False), path)
    except config_file.FileError as error:
        findings.append(_from(error, path))
    return sorted(findings, key=lambda finding: finding.line)


def _file_findings(path: Path) -> Iterator[Finding]:
    """Who else can get at the file and its directory."""
    try:
        status = path.stat().st_mode
        directory = path.parent.stat().st_mode
    except OSError:
        # Reading it says why, in the next step.
        return
    if not stat.S_ISREG(status):
        return
    for refuse in (
        partial(config_file.refuse_if_open, path, stat.S_IMODE(status)),
        partial(config_file.refuse_if_replaceable, path),
    ):
        try:
            refuse()
        except config_file.FileError as error:
            yield _from(error, path)
    if any(directory & bits == bits for bits in (0o050, 0o005)):
        mend = f"fix it with: {config_file.chmod_line(path.parent, 700)}"
        remedy = "move the file to a directory of your own" if directory & stat.S_ISVTX else mend
        yield Finding("warning", path, 1, "other users can read the directory of this file", remedy)
    for copy in leftovers.kept(path):
        remedy = f"copy what you need, then: rm -r {shlex.quote(str(copy.parent))}"
        yield Finding(
            "warning", path, 1, f"{copy} was kept by 'cms config edit' and contains secrets", remedy
        )
    if directory & stat.S_IWGRP and not directory & stat.S_ISVTX:
        mend = config_file.chmod_line(path.parent, "g-w")
        message = "the group of its directory can replace this file"
        yield Finding("warning", path, 1, message, f"fix it with: {mend}")


def check_text(text: str, path: Path) -> Iterator[Finding]:
    """What a text says that is, or is to be, the content of ``path``; one that is no YAML is one finding."""
    try:
        root = positions.compose(text, path)
        duplicates = sorted(set(_duplicate_lines(root, set())))
        for line in duplicates:
            yield Finding("error", path, line, *limits.DUPLICATE)
        if duplicates:
            # Of a key that is there twice the first value: the rest of the file is worth a look too.
            yaml = reader.parser(pure=reader.nodes(text)[1])
            yaml.allow_duplicate_keys = True
            data = reader.build(yaml, text, path)
        else:
            data = reader.parse(text, path)
    except config_file.FileError as error:
        yield _from(error, path)
        return
    for problem in [*rules.problems(data), *credential_rules.encryption_problems(data)]:
        yield Finding(
            problem.level, path, positions.line(root, problem.parts), problem.message, problem.remedy
        )


def clouds(path: Path) -> list[str]:
    """The names of the clouds in a file; raises as ``reader.parse``."""
    found = reader.parse(config_file.read(path), path).get("clouds")
    return [str(name) for name in found] if isinstance(found, dict) else []


def of_key(path: Path, parts: list[str], *, hidden: bool = False) -> list[str]:
    """A warning for each thing that is wrong with a key or what is under it; raises as ``reader.parse``.

    ``hidden``: its value was typed without being shown, and no warning shows it either.
    """
    data = reader.parse(config_file.read(path), path)
    told = _warnings(data, parts)
    if not hidden:
        return told
    # What is said of another value just so tells nothing of this one.
    section = keys.follow(data, parts[:-1])
    section[keys.child(section, parts[-1])] = secrets.token_hex(8)
    general = set(_warnings(data, parts)).intersection(told)
    key = keys.join(parts)
    other = f"warning: {key} has a value that cannot be used; cms config check shows it, and why"
    return list(dict.fromkeys(each if each in general else other for each in told))


def _warnings(data: dict[str, Any], parts: list[str]) -> list[str]:
    cloud = parts[1] if parts[0] == "clouds" and len(parts) > 1 else ""
    told = [each for each in rules.problems(data, only=cloud) if each.parts[: len(parts)] == tuple(parts)]
    return [harmless(f"warning: {each.message}; {each.remedy}") for each in told]


def _from(error: config_file.FileError, path: Path) -> Finding:
    return Finding("error", path, error.line or 1, error.message, error.remedy)


def _duplicate_lines(node: Node | None, seen: set[int]) -> Iterator[int]:
    """The lines of all keys that their section has already, in every section."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, MappingNode):
        known: set[tuple[str | None, str]] = set()
        for key, value in node.value:
            if isinstance(key, ScalarNode):
                if (key.tag, key.value) in known:
                    yield key.start_mark.line + 1
                known.add((key.tag, key.value))
            yield from _duplicate_lines(value, seen)
    elif isinstance(node, SequenceNode):
        for item in node.value:
            yield from _duplicate_lines(item, seen)
