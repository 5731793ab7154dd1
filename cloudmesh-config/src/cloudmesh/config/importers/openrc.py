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

_SPECIAL = "\n;&|()"
# A backslash at the end of a line joins it with the next one.
_JOINED = "\\\n"
_BLANKS = re.compile(r"[ \t]+|\\\n")


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
    """The simple commands of a script, each as its words."""
    reader, words = _ShellReader(text.replace("\r\n", "\n")), list[Word]()
    while (word := reader.next()) is not None:
        if isinstance(word, Word):
            words.append(word)
        elif words:
            yield words
            words = []
    if words:
        yield words


class _ShellReader:
    """Goes through the text, one word at a time."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def next(self) -> Word | str | None:
        """The next word, or what stands between two commands; None at the end."""
        while found := _BLANKS.match(self.text, self.at):
            self.at = found.end()
        if self.text.startswith("#", self.at):
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end
        if self.at >= len(self.text):
            return None
        if self.text[self.at] in _SPECIAL:
            self.at += 1
            return self.text[self.at - 1]
        pieces, computed = [], False
        while self.at < len(self.text) and self.text[self.at] not in _SPECIAL + " \t":
            piece = self._piece()
            pieces.append(piece.text)
            computed = computed or piece.computed
        return Word("".join(pieces), computed)

    def _piece(self) -> Word:
        """A quoted part, an escaped character, a substitution or one plain character."""
        char = self.text[self.at]
        if char == "'":
            return Word(self._until("'"))
        if char == '"':
            return self._in_double_quotes()
        if char == "`":
            return Word(self._until("`"), True)
        if char == "$":
            return self._substitution()
        if self.text.startswith(_JOINED, self.at):
            self.at += 2
            return Word("")
        if char == "\\":
            self.at += 1
        self.at += 1
        return Word(self.text[self.at - 1 : self.at])

    def _until(self, quote: str) -> str:
        """What stands up to the closing quote."""
        end = self.text.find(quote, self.at + 1)
        if end < 0:
            raise OpenQuoteError(self._line())
        inside = self.text[self.at + 1 : end]
        self.at = end + 1
        return inside

    def _in_double_quotes(self) -> Word:
        opened, pieces, computed = self._line(), list[str](), False
        self.at += 1
        while self.at < len(self.text) and self.text[self.at] != '"':
            if self.text.startswith(_JOINED, self.at):
                self.at += 2
                continue
            char = self.text[self.at]
            computed = computed or char in "$`"
            if char == "\\" and self.text[self.at + 1 : self.at + 2] in tuple('$`"\\'):
                self.at += 1
            pieces.append(self.text[self.at : self.at + 1])
            self.at += 1
        if self.at >= len(self.text):
            raise OpenQuoteError(opened)
        self.at += 1
        return Word("".join(pieces), computed)

    def _substitution(self) -> Word:
        """``$X``, ``${X}`` or ``$(...)``, as it is written; any other ``$`` counts as computed."""
        pairs = {"(": ")", "{": "}"}
        closing = pairs.get(self.text[self.at + 1 : self.at + 2])
        start, depth = self.at, 0
        self.at += 1
        if closing is None:
            return Word("$", True)
        opening = self.text[self.at]
        while self.at < len(self.text):
            depth += {opening: 1, closing: -1}.get(self.text[self.at], 0)
            self.at += 1
            if depth == 0:
                break
        return Word(self.text[start : self.at], True)

    def _line(self) -> int:
        return self.text.count("\n", 0, self.at) + 1


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
                        note = f"is computed by the shell, which is not run; it becomes {TO_BE_DEFINED}"
                        self.notes.append(f"{match[1]} {note}")
