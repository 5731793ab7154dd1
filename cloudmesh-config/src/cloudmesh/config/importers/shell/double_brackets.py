"""``[[ ... ]]``, which has a grammar of its own."""

from __future__ import annotations

import re

from cloudmesh.config.importers.shell.syntax import Test
from cloudmesh.config.importers.shell.words import Words

_END = re.compile(r"\]\](?=[ \t\n;&|()<>]|\Z)")
_UNARY = re.compile(r"(-[a-zA-Z])(?=[ \t])")
_BINARY = re.compile(r"==|!=|=~|=|<|>|-(?:eq|ne|lt|le|gt|ge|nt|ot|ef)(?=[ \t])")


class Tests(Words):
    """Reads tests."""

    def newlines(self) -> None:
        """Pass blanks, comments and ends of lines."""
        raise NotImplementedError

    def test(self, line: int) -> Test:
        """The test up to ``]]``, which is passed."""
        found = self._or(line)
        if not self.take(_END):
            raise self.refused("this test is not understood")
        return found

    def _or(self, line: int) -> Test:
        left = self._and(line)
        while self.sees("||"):
            self.at += 2
            left = Test("or", tests=(left, self._and(line)), line=line)
        return left

    def _and(self, line: int) -> Test:
        left = self._one_test(line)
        while self.sees("&&"):
            self.at += 2
            left = Test("and", tests=(left, self._one_test(line)), line=line)
        return left

    def _one_test(self, line: int) -> Test:
        self.newlines()
        if self.sees("!") and self.text[self.at + 1 : self.at + 2] in (" ", "\t"):
            self.at += 1
            with self.deeper():
                return Test("not", tests=(self._one_test(line),), line=line)
        if self.sees("("):
            self.at += 1
            with self.deeper():
                inner = self._or(line)
            if not self.sees(")"):
                raise self.refused("this test is not understood")
            self.at += 1
            self.newlines()
            return inner
        if found := self.take(_UNARY):
            self.newlines()
            return self._of_words(found[1], line, 1)
        return self._of_words("", line, 0)

    def _of_words(self, operator: str, line: int, count: int) -> Test:
        """A test of one word after its operator, or of one word, or of two with an operator between them."""
        words = [self.word()]
        self.newlines()
        if not count and (found := self.take(_BINARY)):
            operator = found[0]
            self.newlines()
            words.append(self.word(between=" \t\n") if operator == "=~" else self.word())
            self.newlines()
        if not all(word.parts for word in words) or (words[0].literal == "]]"):
            raise self.refused("this test is not understood")
        return Test(operator or "-n", tuple(words), line=line)
