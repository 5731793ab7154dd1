"""The shell file that OpenStack's dashboard gives out (``openrc.sh``): parsed, never run.

Only a small part of the grammar of the shell is known: words, quotes and what is set by assignments.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloudmesh.config.importers.source import FoundCloud, ImportedClouds, harmless_value, openstack_section
from cloudmesh.config.yaml.config_file import FileError
from cloudmesh.config.yaml.keys import TO_BE_DEFINED

# What stands between words: blanks, lines that a backslash joins, a comment.
_GAP = re.compile(r"(?:[ \t]|\\\n)*(?:#[^\n]*)?")
_SPECIAL = "\n;&|()"
_QUOTES = ("'", '"', "`")
_PIECE = re.compile(
    r"""
    '(?P<literal>[^']*)'
    | "(?P<quoted>(?:\\.|[^"\\])*)"
    | `(?P<command>[^`]*)`
    | (?P<dollar>\$[({]?)
    | \\(?P<escaped>.?)
    | (?P<plain>[^ \t\n;&|()'"`$\\]+)
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r'\\([$`"\\\n])')


class OpenQuoteError(ValueError):
    """A quote is never closed; ``line`` tells where it begins, counted from 1."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


@dataclass(frozen=True)
class Word:
    """A word without its quotes.

    Attributes:
        text: its literal text; what the shell would compute is in it as it is written.
        computed: whether the shell would compute a part of it ($X, $(...), backticks).
    """

    text: str
    computed: bool = False


def commands(text: str) -> Iterator[list[Word]]:
    """The simple commands of a script, each as its words; raises OpenQuoteError."""
    text, at, words = text.replace("\r\n", "\n"), 0, list[Word]()
    while gap := _GAP.match(text, at):
        at = gap.end()
        if at < len(text) and text[at] not in _SPECIAL:
            word, at = _word(text, at)
            words.append(word)
            continue
        if words:
            yield words
        if at >= len(text):
            return
        at, words = at + 1, []


def _word(text: str, at: int) -> tuple[Word, int]:
    """The word that begins here, and where it ends."""
    pieces, computed = [], False
    while found := _PIECE.match(text, at):
        kind, at = found.lastgroup, found.end()
        piece = found[kind or 0]
        if kind == "dollar":
            at = _closed(text, at - 1) if len(piece) > 1 else at
            piece = text[found.start() : at]
        elif kind == "quoted":
            computed = computed or any(sign in _ESCAPE.sub("", piece) for sign in "$`")
            piece = _ESCAPE.sub(lambda sign: sign[1].strip("\n"), piece)
        elif kind == "escaped":
            piece = piece.strip("\n")
        computed = computed or kind in ("dollar", "command")
        pieces.append(piece)
    if text.startswith(_QUOTES, at):
        raise OpenQuoteError(text.count("\n", 0, at) + 1)
    return Word("".join(pieces), computed), at


def _closed(text: str, start: int) -> int:
    """Where the bracket that opens at ``start`` is closed, after it; the end of the text if it is not."""
    opening, depth = text[start], 0
    closing = {"(": ")", "{": "}"}[opening]
    for at in range(start, len(text)):
        depth += (text[at] == opening) - (text[at] == closing)
        if not depth:
            return at + 1
    return len(text)


_ASSIGNMENT = re.compile(r"(OS_[A-Z0-9_]+)=(.*)", re.DOTALL)
_LOOKS_SO = re.compile(r"^\s*(export\s+)?OS_[A-Z0-9_]+=", re.MULTILINE)
_BEFORE_A_COMMAND = {"if", "then", "else", "elif", "do", "while", "until", "{", "!"}
_BEFORE_ASSIGNMENTS = {"export", "declare", "typeset", "local", "readonly"}
_TYPED = re.compile(r"\$\{?(\w+)\}?")


def recognises(text: str, data: Any) -> bool:
    """Whether this is such a file: a line sets a variable of OpenStack."""
    return bool(_LOOKS_SO.search(text))


def read_clouds(path: Path, text: str) -> ImportedClouds:
    """The one cloud of the file, named by its project; raises FileError if a quote is never closed."""
    script = _Script()
    try:
        for words in commands(text):
            script.take(words)
    except OpenQuoteError as error:
        raise FileError(path, error.line, "a quote is opened and never closed", "close it") from None
    values = {key: value for key, value in script.values.items() if value}
    values = {key: harmless_value(key, value, script.notes) for key, value in values.items()}
    if not values:
        return ImportedClouds([])
    name = next((values[key] for key in ("OS_PROJECT_NAME", "OS_TENANT_NAME") if key in values), "")
    section = openstack_section(values)
    return ImportedClouds([FoundCloud("" if name == TO_BE_DEFINED else name, section, notes=script.notes)])


class _Script:
    """The variables as the commands seen so far leave them."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.notes: list[str] = []
        self.typed: set[str] = set()

    def take(self, words: list[Word]) -> None:
        """One command: an assignment, ``unset`` or ``read``; anything else means nothing here."""
        conditional = False
        while words and words[0].text in _BEFORE_A_COMMAND:
            words, conditional = words[1:], True
        first = words[0].text if words else ""
        if first == "read":
            self.typed.update(word.text for word in words[1:] if word.text.isidentifier())
        elif first == "unset" and not conditional:
            for word in words[1:]:
                self.values.pop(word.text, None)
        else:
            for word in words:
                if word.text in _BEFORE_ASSIGNMENTS or word.text.startswith("-"):
                    continue
                if not (match := _ASSIGNMENT.fullmatch(word.text)):
                    break
                # What is set only on a condition is taken where nothing else is known.
                if not (conditional and self.values.get(match[1])):
                    self.values[match[1]] = TO_BE_DEFINED if word.computed else match[2]
                    variable = _TYPED.fullmatch(match[2])
                    if word.computed and not (variable and variable[1] in self.typed):
                        note = (
                            f"is computed by the shell, which is not executed; it was set to {TO_BE_DEFINED}"
                        )
                        self.notes.append(f"{match[1]} {note}")
