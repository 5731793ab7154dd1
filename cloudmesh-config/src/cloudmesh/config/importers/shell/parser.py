"""The grammar of bash, as far as files of settings need it; everything else is refused with its line."""

from __future__ import annotations

import re
from collections.abc import Callable

from cloudmesh.config.importers.shell.double_brackets import Tests
from cloudmesh.config.importers.shell.syntax import (
    AndOr,
    Apart,
    Assignment,
    Case,
    Command,
    For,
    Function,
    If,
    Not,
    Redirection,
    ScriptError,
    Sequence,
    Simple,
    Text,
    While,
    Word,
)
from cloudmesh.config.importers.shell.words import NAME

_GAP = re.compile(r"(?:[ \t]|\\\n)*(?:#[^\n]*)?")
_RESERVED = re.compile(
    r"(?:if|then|elif|else|fi|for|while|until|do|done|case|esac|function|select|time|coproc|in|\[\[|[{}!])"
    r"(?=[ \t\n;&|()<>]|\Z)"
)
_CLOSING = frozenset(("then", "elif", "else", "fi", "do", "done", "esac", "}", "in"))
_REDIRECTION = re.compile(r"[0-9]*(<<-|<<<|<<|<&|>&|>>|>\||<>|<|>)|(&>>|&>)")
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\+?)=")
_ELEMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\[[^\]\n]*\]\+?=")
# A name that goes on in the next line could be that of an assignment.
_BROKEN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\\\n[A-Za-z0-9_+=]")
_FUNCTION = re.compile(r"([A-Za-z_][A-Za-z0-9_.:-]*)[ \t]*\([ \t]*\)")
_SIDE_EFFECT = re.compile(r"\$\{\w+:?=|\$\(\(|[$][\[]")
_STRAY = "this is not understood as a part of a shell script"


def parse(text: str) -> Sequence:
    """The commands of a script; raises ScriptError for what is not understood."""
    parser = Parser(text)
    found = parser.sequence()
    if parser.at < len(text):
        raise parser.refused(_STRAY)
    return found


class Parser(Tests):
    """Reads commands."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        # Here-documents whose text begins on the next line: how the text ends, with its line.
        self._documents: list[tuple[str, bool, bool, int]] = []

    def commands_until_bracket(self) -> Sequence:
        """The commands up to a closing bracket, which is passed."""
        begin, waiting, self._documents = self.at, self._documents, []
        found = self.sequence()
        if not self.sees(")"):
            raise self.refused("a bracket is opened and never closed", begin - 1, "close it")
        if self._documents:
            raise self.refused("this here-document is not understood")
        self.at, self._documents = self.at + 1, waiting
        return found

    def sequence(self) -> Sequence:
        """Commands up to the end, or to what closes them: a bracket, ``;;`` or a word such as ``fi``."""
        commands: list[Command] = []
        while True:
            self.newlines()
            if self.at >= len(self.text) or self.sees(")") or self.sees(";;") or self._closing():
                return Sequence(tuple(commands))
            line, command = self.line(), self._and_or()
            self.gap()
            if self.sees("&") and not self.sees("&&"):
                self.at += 1
                command = Apart((command,), line, background=True)
            elif self.sees(";") and not self.sees(";;"):
                self.at += 1
            elif self.at < len(self.text) and not (self.sees("\n") or self.sees(")") or self.sees(";;")):
                raise self.refused(_STRAY)
            commands.append(command)

    def _closing(self) -> bool:
        found = _RESERVED.match(self.text, self.at)
        return found is not None and found[0] in _CLOSING

    def gap(self) -> None:
        """Pass blanks, joined lines and a comment."""
        self.take(_GAP)

    def newlines(self) -> None:
        """Pass also the ends of lines, and with the first of them the here-documents."""
        self.gap()
        while self.sees("\n"):
            self.at += 1
            for document in self._documents:
                self._document(*document)
            self._documents = []
            self.gap()

    def _and_or(self) -> Command:
        command = self._pipeline()
        while True:
            self.gap()
            line, either = self.line(), self.sees("||")
            if not (either or self.sees("&&")):
                return command
            self.at += 2
            self.newlines()
            command = AndOr(command, self._pipeline(), either, line)

    def _pipeline(self) -> Command:
        line, negated = self.line(), False
        while (found := _RESERVED.match(self.text, self.at)) and found[0] == "!":
            self.at, negated = found.end(), not negated
            self.gap()
        parts = [self.command()]
        self.gap()
        while self.sees("|") and not self.sees("||"):
            self.at += 2 if self.sees("|&") else 1
            self.newlines()
            parts.append(self.command())
            self.gap()
        command = parts[0] if len(parts) == 1 else Apart(tuple(parts), line)
        return Not(command) if negated else command

    def command(self) -> Command:
        """One command, simple or compound."""
        line, reserved = self.line(), _RESERVED.match(self.text, self.at)
        if self.sees("(("):
            raise self.refused("this arithmetic is not understood")
        if self.sees("("):
            self.at += 1
            with self.deeper():
                return self._redirected(Apart((self.commands_until_bracket(),), line))
        if reserved:
            self.at = reserved.end()
            with self.deeper():
                return self._redirected(self._compound(reserved[0], line))
        if found := self.take(_FUNCTION):
            return self._function(found[1], line)
        return self._simple(line)

    def _redirected(self, command: Command) -> Command:
        """The command, whose redirections must be harmless."""
        self.gap()
        while found := _REDIRECTION.match(self.text, self.at):
            line = self.line()
            if not self._redirection(found).harmless and not isinstance(command, Apart):
                raise ScriptError(line, "this redirection is not understood")
            self.gap()
        return command

    def _compound(self, word: str, line: int) -> Command:
        if word == "{":
            return self._closed("}", line)
        if word in ("while", "until"):
            condition = self._closed("do", line)
            return While(condition, self._closed("done", line), word == "until", line)
        if word == "function":
            return self._function(self._name(), line)
        compound: dict[str, Callable[[int], Command]] = {
            "[[": self.test,
            "if": self._if,
            "for": self._for,
            "case": self._case,
        }
        if word in compound:
            return compound[word](line)
        raise ScriptError(line, f"{word!r} is not understood here")

    def _closed(self, closing: str, line: int) -> Sequence:
        """The commands up to this word, which is passed."""
        found = self.sequence()
        self._expect(closing, line)
        if not found.commands:
            raise ScriptError(line, "a command is missing here")
        return found

    def _expect(self, word: str, line: int) -> None:
        found = _RESERVED.match(self.text, self.at)
        if not found or found[0] != word:
            raise ScriptError(line, f"{word!r} is missing for what begins here")
        self.at = found.end()

    def _if(self, line: int) -> If:
        branches, otherwise = [], Sequence(())
        while True:
            condition, body = self._closed("then", line), self.sequence()
            branches.append((condition, body))
            found = _RESERVED.match(self.text, self.at)
            if not body.commands or not found:
                raise ScriptError(line, "'fi' or a command is missing for what begins here")
            self.at = found.end()
            if found[0] == "elif":
                continue
            if found[0] == "else":
                otherwise = self._closed("fi", line)
            elif found[0] != "fi":
                raise ScriptError(line, "'fi' is missing for what begins here")
            return If(tuple(branches), otherwise, line)

    def _name(self) -> str:
        self.gap()
        if not (found := self.take(NAME)):
            raise self.refused("a name is missing here")
        return found[0]

    def _for(self, line: int) -> For:
        name, words = self._name(), None
        self.newlines()
        if (found := _RESERVED.match(self.text, self.at)) and found[0] == "in":
            self.at = found.end()
            words = self._words()
        if self.sees(";"):
            self.at += 1
        self.newlines()
        self._expect("do", line)
        return For(name, words, self._closed("done", line), line)

    def _words(self) -> tuple[Word, ...]:
        words = []
        self.gap()
        while (word := self.word()).parts:
            words.append(word)
            self.gap()
        return tuple(words)

    def _case(self, line: int) -> Case:
        self.gap()
        subject, branches = self.word(), []
        self.newlines()
        self._expect("in", line)
        self.newlines()
        while not ((found := _RESERVED.match(self.text, self.at)) and found[0] == "esac"):
            patterns = self._patterns()
            body = self.sequence()
            branches.append((patterns, body))
            if self.sees(";;&") or not self.sees(";;"):
                break
            self.at += 2
            self.newlines()
        self._expect("esac", line)
        return Case(subject, tuple(branches), line)

    def _patterns(self) -> tuple[Word, ...]:
        if self.sees("("):
            self.at += 1
        patterns = []
        while True:
            self.gap()
            patterns.append(self.word())
            self.gap()
            if not patterns[-1].parts or not (self.sees("|") or self.sees(")")):
                raise self.refused("this pattern is not understood")
            self.at += 1
            if self.text[self.at - 1] == ")":
                return tuple(patterns)

    def _function(self, name: str, line: int) -> Function:
        if self.sees("("):
            raise self.refused("write this function as NAME() { ... }")
        self.newlines()
        if not (_RESERVED.match(self.text, self.at) or self.sees("(")):
            raise ScriptError(line, "this function is not understood")
        return Function(name, self.command(), line)

    def _simple(self, line: int) -> Simple:
        assignments, words, redirections = list[Assignment](), list[Word](), list[Redirection]()
        while True:
            if found := self.take(_REDIRECTION):
                redirections.append(self._redirection(found))
            elif not words and (found := self.take(_ASSIGNMENT)):
                if self.sees("("):
                    raise self.refused("arrays are not understood")
                value = self.word((Text("", True),)) if self.sees("~") else self.word()
                assignments.append(Assignment(found[1], value, bool(found[2]), line))
            elif not words and (_ELEMENT.match(self.text, self.at) or _BROKEN_NAME.match(self.text, self.at)):
                raise self.refused("this assignment is not understood", remedy="write it as NAME=VALUE")
            elif (word := self.word()).parts:
                words.append(word)
            else:
                break
            self.gap()
        if not (assignments or words or redirections) or self.sees("("):
            raise self.refused(_STRAY)
        return Simple(tuple(assignments), tuple(words), tuple(redirections), line)

    def _redirection(self, found: re.Match[str]) -> Redirection:
        """The redirection whose operator was found, with its target."""
        self.at, operator = found.end(), found[1] or found[2]
        if self.sees("("):
            raise self.refused("process substitution is not understood")
        self.gap()
        line, target = self.line(), self.word()
        if not target.parts:
            raise self.refused("the target of a redirection is missing")
        if operator in ("<<", "<<-"):
            ends = target.literal
            if not ends or "\n" in ends:
                raise self.refused("this here-document is not understood")
            quoted = any(isinstance(part, Text) and part.quoted for part in target.parts)
            self._documents.append((ends, operator == "<<-", quoted, line))
        return Redirection(operator, target)

    def _document(self, ends: str, tabs: bool, quoted: bool, line: int) -> None:
        """Pass the text of a here-document."""
        if len(self._documents) > 1 or self.line() != line + 1:
            raise ScriptError(line, "this here-document is not understood")
        while self.at < len(self.text):
            end = self.text.find("\n", self.at)
            end = len(self.text) if end < 0 else end
            found, self.at = self.text[self.at : end], min(end + 1, len(self.text))
            if (found.lstrip("\t") if tabs else found) == ends:
                return
            if not quoted and (_SIDE_EFFECT.search(found) or found.endswith("\\")):
                break
        raise ScriptError(line, "this here-document is not understood")
