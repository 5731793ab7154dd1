"""Ranges and globs are quoted in every example: the shell of the user may replace or refuse bare ones."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# The page of commands is made from the help, which is in the sources.
PAGES = [
    page
    for page in sorted(
        [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/*.sh"), *ROOT.glob("cloudmesh-*/*.md")]
    )
    if page.name not in ("CHANGELOG.md", "commands.md")
]
SOURCES = sorted(ROOT.glob("cloudmesh-*/src/**/*.py"))
# A command of ours, up to the end of the line, of the code in a sentence, or of what follows in a shell.
COMMAND = re.compile(
    r"(?:\bcms>? |^ *\$? *|`)(?:cms )?(?:vm|secgroup|batch|job (?:list|show|resume|cancel)) +[^`\n]+",
    re.MULTILINE,
)
QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|\[default: [^\]]*\]|\[?--[a-z-]+=[A-Z]+\]|#.*")
BARE = re.compile(r"\w\[\d+[-,\d/]*\]|\w\*(?!\w)")


def bare(text: str) -> list[str]:
    """The commands of a text in which a range or a glob stands without quotes."""
    found = (match[0].strip("` ") for match in COMMAND.finditer(text))
    return [command for command in found if BARE.search(QUOTED.sub("", command))]


def texts(source: Path) -> Iterator[str]:
    """The texts of a module: help, messages, docstrings."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_has_a_bare_range(page):
    assert bare(page.read_text(encoding="utf-8")) == []


def test_no_help_or_message_has_a_bare_range():
    assert [
        (str(source), found) for source in SOURCES for text in texts(source) for found in bare(text)
    ] == []


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("$ cms vm start web[01-20]", 1),
        ("    vm boot web[01-03] --wait", 1),
        ("see `vm stop web*`, which", 1),
        ("cms> vm delete db1 web[1-3]", 1),
        ("$ cms vm start 'web[01-20]' --wait   # all of web[01-20]", 0),
        ("`job 12 done (stop web[01-03])` stands above the prompt", 0),
        ("the machines `web[01-20]` are shown by `cms vm list`", 0),
        ("vm list [NAMES...] [--output=FORMAT]  [default: table]", 0),
    ],
)
def test_what_is_bare_is_found(text, count):
    assert len(bare(text)) == count
