"""The help of one sub-command: its lines of the usage, what it does, its arguments and its options."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence

from cloudmesh.plugin.errors import UsageError
from cloudmesh.plugin.usage import help_text
from cloudmesh.plugin.usage.grammar import Usage, wrapped
from cloudmesh.plugin.usage.refusal import explain
from cloudmesh.plugin.usage.words import positionals

# An option that stands in no line of a usage, and is taken everywhere.
_HELP = "--help"
_OPTION = re.compile(r"--[\w-]+|-\w\b")
_ARGUMENT = re.compile(r"\b[A-Z][A-Z0-9]*\b")


def help_of(doc: str, words: Sequence[str], name: str, strict: bool = False) -> str:
    """The help of the sub-command among the words after the command ``name``; of all of it if there is none.

    Args:
        doc: the whole text of the command.
        strict: whether the first word has to be a sub-command, if there are any.

    Raises:
        UsageError: it is none; with the nearest.
    """
    usage, text = Usage(doc), help_text(doc)
    found = positionals(words, usage)
    lines = usage.lines_of(found)
    said = max((walk.commands for _, walk in lines), key=len, default=[])
    if not said:
        starts = [leaf for _, walk in usage.lines_of([]) for leaf in walk.expected]
        if strict and found and all(leaf.is_command for leaf in starts):
            refused = explain(doc, found[:1], name)
            raise UsageError(refused.sentence, usage=refused.usage)
        return text
    texts = [usage.text_of(line, walk.commands) for line, walk in lines]
    labels = [" ".join([name, *said[:count]]) for count in range(len(said), 0, -1)]
    told = ([row for row in _rows(text, "Description") if _tells(row, label)] for label in labels)
    arguments, options = set(_ARGUMENT.findall(" ".join(texts))), {*usage.options_of(found), _HELP}
    parts = {
        "Usage": [wrapped(each, 8) for each in texts],
        "Description": next(filter(None, told), []),
        "Arguments": [row for row in _rows(text, "Arguments") if arguments & set(_head(row, _ARGUMENT))],
        "Options": [row for row in _rows(text, "Options") if options & set(_head(row, _OPTION))],
    }
    shown = {title: textwrap.indent("\n".join(rows), "  ") for title, rows in parts.items() if rows}
    return "\n\n".join(f"{title}:\n{rows}" for title, rows in shown.items())


def _rows(text: str, title: str) -> Iterator[str]:
    """The rows below a title, each with the deeper ones that continue it."""
    section = re.search(rf"^{title}:[ \t]*\n((?:[ \t]+.*\n?|\n)*)", text, re.MULTILINE)
    row: list[str] = []
    for line in textwrap.dedent(section[1]).strip("\n").split("\n") if section else ():
        if row and not line.startswith(" "):
            yield "\n".join(row).rstrip()
            row = []
        row.append(line)
    yield "\n".join(row).rstrip()


def _head(row: str, pattern: re.Pattern[str]) -> list[str]:
    """What a row tells of: the words before its first two blanks."""
    return pattern.findall(re.split(r" {2}|\n", row)[0])


def _tells(row: str, label: str) -> bool:
    """Whether a row of the description tells of this sub-command, beside its name or below it."""
    return re.match(rf"{re.escape(label)}(?: {{2,}}|\n)", row) is not None
