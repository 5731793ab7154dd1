"""A small part of the grammar of the shell: words and their values, nothing of which is ever run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

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
        self._skip_blanks()
        if self.at >= len(self.text):
            return None
        if self.text[self.at] in _SPECIAL:
            self.at += 1
            return self.text[self.at - 1]
        return self._word()

    def _skip_blanks(self) -> None:
        while found := _BLANKS.match(self.text, self.at):
            self.at = found.end()
        if self.text.startswith("#", self.at):
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end

    def _word(self) -> Word:
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
