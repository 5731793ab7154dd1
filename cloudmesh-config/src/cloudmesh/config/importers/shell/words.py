"""Words of a shell script: quotes, ``$`` and what follows it, backticks.

Each character is read once, so the time is linear in the length of the script.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager

from cloudmesh.config.importers.shell import escapes
from cloudmesh.config.importers.shell.syntax import (
    Computed,
    Parameter,
    Part,
    ScriptError,
    Sequence,
    Text,
    Word,
)

# Python's own stack has to hold what is open.
DEEPEST = 25
BETWEEN = " \t\n;&|()<>"
_PLAIN = re.compile(r"[^ \t\n;&|()<>'\"`$\\~]+")
_IN_QUOTES = re.compile(r'[^"\\$`]+')
_IN_BRACES = re.compile(r"[^'\"`$\\}~/]+")
_IN_QUOTED_BRACES = re.compile(r"""[^"\\$`}']+|'[^"\\$`}']*'""")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]|[@*#?$!-]")
_IN_BRACES_NAMED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-]")
_LENGTH = re.compile(r"#([A-Za-z_][A-Za-z0-9_]*|[0-9]+)\}")
_OPERATOR = re.compile(r":?[-=?+]|##?|%%?|//?|\^\^?(?=\})|,,?(?=\})")
_PART = re.compile(r":[ ]?(?P<start>[0-9]{1,6})(?::(?P<length>[0-9]{1,6}))?\}")
_ELEMENT = re.compile(r"\[[^\[\]{}$'\"`\\\n]*\]")
_ARITHMETIC = re.compile(r"\(\([^()'\"`\\=]*\)\)")
# What bash keeps in arrays of its own.
_OF_BASH = ("BASH_", "FUNCNAME", "PIPESTATUS", "DIRSTACK", "GROUPS")
_PATTERNS = ("#", "##", "%", "%%", "/", "//")
COMMAND = "the output of a command"
HOME = "the home directory"


class Words:
    """Reads words from a script; what is a command in them is left to the parser."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self._breaks = [found.start() for found in re.finditer("\n", text)]
        self._depth = 0

    def line(self, at: int | None = None) -> int:
        """The line of a place, counted from 1."""
        return bisect_right(self._breaks, (self.at if at is None else at) - 1) + 1

    def refused(self, message: str, at: int | None = None, remedy: str = "") -> ScriptError:
        """The error for what stands here, or at the given place."""
        return ScriptError(self.line(at), message, remedy)

    def sees(self, text: str) -> bool:
        """Whether this text comes next."""
        return self.text.startswith(text, self.at)

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """What matches here, which is passed."""
        if found := pattern.match(self.text, self.at):
            self.at = found.end()
        return found

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """Refuses what is nested too deeply."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise self.refused(f"more than {DEEPEST} levels are nested here")
        yield
        self._depth -= 1

    def commands_until_bracket(self) -> Sequence:
        """The commands up to a closing bracket, which is passed."""
        raise NotImplementedError

    def word(self, start: tuple[Part, ...] = (), between: str = BETWEEN) -> Word:
        """The word that begins here; it has no parts if there is none."""
        parts, line, begin = list(start), self.line(), self.at
        while self.at < len(self.text) and self.text[self.at] not in between:
            if found := self.take(_PLAIN):
                parts.append(Text(found[0], False))
            elif self.text[self.at] in BETWEEN:
                parts.append(Text(self._one(), False))
            elif self.sees("~"):
                home = self.at == begin or self.text[self.at - 1] in "=:"
                parts.append(Computed(HOME, self.line(), True) if home else Text("~", False))
                self.at += 1
            else:
                parts.extend(self._special(quoted=False))
        return Word(tuple(parts), line)

    def _one(self) -> str:
        self.at += 1
        return self.text[self.at - 1]

    def _special(self, *, quoted: bool) -> list[Part]:
        """A quote, a backslash, ``$`` or a backtick, outside of double quotes."""
        sign = self.text[self.at]
        if sign == "'":
            return [Text(self._up_to("'"), True)]
        if sign == '"':
            return self._double()
        if sign == "\\":
            return self._escaped("", quoted=True)
        return [self._dollar(quoted=quoted)] if sign == "$" else [self._backticks(quoted)]

    def _up_to(self, sign: str) -> str:
        """The text between two quotes of a kind in which nothing is special."""
        end = self.text.find(sign, self.at + 1)
        if end < 0:
            raise self.refused("a quote is opened and never closed", remedy="close it")
        found = self.text[self.at + 1 : end]
        self.at = end + 1
        return found

    def _escaped(self, kept_before: str, *, quoted: bool) -> list[Part]:
        """A backslash and what follows; before what is not in ``kept_before`` it stays, if that is given."""
        if self.at + 1 >= len(self.text):
            raise self.refused("the file ends with a backslash", remedy="delete it")
        self.at += 2
        sign = self.text[self.at - 1]
        if sign == "\n":
            return []
        return [Text(sign if not kept_before or sign in kept_before else f"\\{sign}", quoted)]

    def _double(self) -> list[Part]:
        """What is between double quotes; at least an empty text, which makes a word."""
        begin, parts = self.at, list[Part]([Text("", True)])
        self.at += 1
        while not self.sees('"'):
            if found := self.take(_IN_QUOTES):
                parts.append(Text(found[0], True))
            elif self.at >= len(self.text):
                raise self.refused("a quote is opened and never closed", begin, "close it")
            elif self.sees("\\"):
                parts.extend(self._escaped('$`"\\', quoted=True))
            else:
                parts.append(self._dollar(quoted=True) if self.sees("$") else self._backticks(True))
        self.at += 1
        return parts

    def _backticks(self, quoted: bool) -> Part:
        begin = self.at
        self.at += 1
        while not self.sees("`"):
            if self.at >= len(self.text):
                raise self.refused("a quote is opened and never closed", begin, "close it")
            self.at += 2 if self.sees("\\") else 1
        self.at += 1
        return Computed(COMMAND, self.line(begin), quoted)

    def _dollar(self, *, quoted: bool) -> Part:
        """``$`` and what belongs to it."""
        line = self.line()
        self.at += 1
        if self.sees("{"):
            with self.deeper():
                return self._braces(line, quoted)
        if self.sees("(("):
            if not self.take(_ARITHMETIC):
                raise self.refused("this arithmetic is not understood")
            return Computed("arithmetic", line, quoted)
        if self.sees("("):
            self.at += 1
            with self.deeper():
                self.commands_until_bracket()
            return Computed(COMMAND, line, quoted)
        if not quoted and self.sees("'"):
            text, self.at = escapes.quoted(self.text, self.at, line)
            return Text(text, True)
        if self.sees("[") or self.sees("\\\n") or (not quoted and self.sees('"')):
            raise self.refused("what follows this $ is not understood")
        if found := self.take(_PARAMETER):
            return Parameter(found[0], line, quoted)
        return Text("$", True)

    def _braces(self, line: int, quoted: bool) -> Part:
        """``${...}``, from its opening brace."""
        self.at += 1
        if found := self.take(_LENGTH):
            return Parameter(found[1], line, quoted, "length")
        found = self.take(_IN_BRACES_NAMED)
        if not found or (found[0] == "!" and not self.sees("}")):
            raise self.refused("this ${...} is not understood")
        name = found[0]
        if self.sees("[") and not (name.startswith(_OF_BASH) and self.take(_ELEMENT)):
            raise self.refused("arrays are not understood")
        if found := self.take(_PART):
            words = tuple(Word((Text(part, True),), line) for part in found.groups() if part)
            return Parameter(name, line, quoted, "part", words)
        operator = found[0] if (found := self.take(_OPERATOR)) else ""
        words = ()
        if operator:
            if operator[0] == "/" and (self.sees("#") or self.sees("%")):
                raise self.refused("this ${...} is not understood")
            pattern = operator in _PATTERNS
            words = (self._until_brace("}/" if operator[0] == "/" else "}", quoted and not pattern),)
            if operator[0] == "/" and self.sees("/"):
                self.at += 1
                words = (*words, self._until_brace("}", False))
        if not self.sees("}"):
            raise self.refused("this ${...} is not understood")
        self.at += 1
        return Parameter(name, line, quoted, operator, words)

    def _until_brace(self, ends: str, quoted: bool) -> Word:
        """A word inside of ``${...}``, where blanks are nothing special."""
        parts, line, begin = list[Part](), self.line(), self.at
        while self.at < len(self.text) and self.text[self.at] not in ends:
            if found := self.take(_IN_QUOTED_BRACES if quoted else _IN_BRACES):
                parts.append(Text(found[0], quoted))
            elif self.sees("~") and not quoted:
                home = self.at == begin
                parts.append(Computed(HOME, self.line(), True) if home else Text("~", False))
                self.at += 1
            elif self.sees("/") and not quoted:
                parts.append(Text(self._one(), False))
            elif quoted and self.sees("\\"):
                parts.extend(self._escaped('$`"\\}', quoted=True))
            elif quoted and self.sees("'"):
                # It stays, and yet bash looks for another one before it looks for the end.
                raise self.refused("this quote inside of a quoted ${...} is not understood")
            elif quoted and (self.sees("$'") or self.sees('$"')):
                raise self.refused("what follows this $ is not understood")
            elif quoted and self.sees("$"):
                parts.append(self._dollar(quoted=True))
            else:
                parts.extend(self._special(quoted=quoted))
        return Word(tuple(parts), line)
