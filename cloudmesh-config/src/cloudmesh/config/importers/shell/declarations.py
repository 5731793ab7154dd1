"""Assignments, and the commands whose words are assignments: export, declare, readonly, local."""

from __future__ import annotations

import re
from dataclasses import replace

from cloudmesh.config.importers.shell import tested
from cloudmesh.config.importers.shell.expansion import Expansion, UnknownFields
from cloudmesh.config.importers.shell.syntax import (
    Computed,
    Function,
    Parameter,
    ScriptError,
    Simple,
    Text,
    Word,
)
from cloudmesh.config.importers.shell.tested import SUCCESS, Status
from cloudmesh.config.importers.shell.values import EMPTY, Outcome, State, Value, Variable, Work, joined

_BEGINNING = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\+?)=", re.ASCII)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_LOCAL = ("local", "declare", "typeset")
DECLARING = ("export", "readonly", *_LOCAL)
# Which options of them are followed.
_FLAGS = {
    "export": "-n -p --",
    "readonly": "-p --",
    **dict.fromkeys(_LOCAL, "-x -r -g -p -- -rx -xr -gx -xg +x"),
}


class Declarations:
    """Sets variables."""

    def __init__(self) -> None:
        self.expansion = Expansion(State())
        self.found = Outcome()
        self.aliases: set[str] = set()
        # For each function that runs, what its local variables hide, and how undecided it was when it began.
        self.hidden: list[dict[str, Variable | None]] = []
        self.frames: list[int] = []
        self.undecided = 0

    @property
    def state(self) -> State:
        """The variables as they are now."""
        return self.expansion.state

    @property
    def work(self) -> Work:
        """What counts the steps."""
        return self.expansion.work

    def leave_out(self, name: str, how: str) -> None:
        """Remember that setting this variable has no effect."""
        if name.startswith("OS_"):
            self.found.left_out[name] = how

    def assign(self, command: Simple) -> Status:
        """Assignments without a command."""
        if command.assignments and not all(each.harmless for each in command.redirections):
            raise ScriptError(command.line, "this redirection of an assignment is not understood")
        status = SUCCESS
        for each in command.assignments:
            self._give(each.name, self.expansion.value(each.value), each.append, command.line)
            if _runs_command(each.value):
                status = tested.unknown("a command", command.line)
        return status

    def _give(
        self, name: str, value: Value | None, append: bool, line: int, exported: bool | None = None
    ) -> None:
        if append and value is not None:
            value = joined([self.expansion.lookup(name, line) or EMPTY, value], line)
        self.state.set(name, value, line, exported)

    def define(self, function: Function, reserved: frozenset[str]) -> None:
        """Remember a function."""
        if function.name in reserved or function.name in DECLARING:
            message = "a function in place of a command of the shell is not understood"
            raise ScriptError(function.line, message)
        self.state.functions[function.name] = function.body

    def declare(self, name: str, command: Simple) -> Status:
        """``export`` and its like."""
        line, flags = command.line, set[str]()
        if command.assignments or not all(each.harmless for each in command.redirections):
            raise ScriptError(line, f"this {name!r} is not understood")
        words = list(command.words[1:])
        while words and (text := words[0].literal) and text[0] in "-+":
            if text not in _FLAGS[name].split():
                raise ScriptError(line, f"this option of {name!r} is not understood")
            flags.update((sign for sign in text[1:]) if text[0] == "-" else [text])
            words.pop(0)
        if "p" in flags and words:
            raise ScriptError(line, f"'{name} -p' with names is not understood")
        if name == "local" and not self.hidden:
            raise ScriptError(line, "'local' outside of a function is not understood")
        # All are expanded before the first of them is set.
        for declared in [each for word in words for each in self._declared(word, line)]:
            self._apply(name, flags, declared, line)
        return SUCCESS

    def _declared(self, word: Word, line: int) -> list[tuple[str, Value | None, bool]]:
        """What a word of a declaration sets: each name, its value, if any, and whether that is appended."""
        text, rest = "", list(word.parts)
        while rest and isinstance(rest[0], Text) and not rest[0].quoted:
            text += rest.pop(0).text  # type: ignore[union-attr]
            if found := _BEGINNING.match(text):
                parts = (Text(text[found.end() :], False), *rest)
                if re.search(r"\{[^{}]*(?:,|\.\.)", text):
                    message = "braces in a declaration are not understood"
                    raise ScriptError(line, message, "put quotes around them")
                return [(found[1], self.expansion.value(Word(parts, line)), bool(found[2]))]
        try:
            fields = self.expansion.fields(word)
        except UnknownFields as error:
            raise ScriptError(line, f"which variables are set depends on {error.cause.what}") from None
        declared = list[tuple[str, Value | None, bool]]()
        for field in fields:
            found = _BEGINNING.match(field.text)
            if field.unknown or not (found or _NAME.fullmatch(field.text)):
                raise ScriptError(line, "what is declared here is not understood")
            if found:
                value = Value(field.text[found.end() :], None, field.lacking, field.assumed)
                declared.append((found[1], value, bool(found[2])))
            else:
                declared.append((field.text, None, False))
        return declared

    def _apply(
        self, command: str, flags: set[str], declared: tuple[str, Value | None, bool], line: int
    ) -> None:
        name, value, append = declared
        exported = True if command == "export" or "x" in flags else None
        if "n" in flags or "+x" in flags:
            exported = False
        if self.hidden and command in _LOCAL and "g" not in flags:
            self._hide(name, line)
        self._give(name, value, append, line, exported)
        if command == "readonly" or "r" in flags:
            old = self.state.variables[name]
            self.state.variables[name] = replace(old, readonly=True)

    def _hide(self, name: str, line: int) -> None:
        """Make the variable one of the running function."""
        old = self.state.variables.get(name)
        if self.undecided != self.frames[-1] or (old and old.readonly):
            raise ScriptError(line, "this local variable is not understood")
        if name not in self.hidden[-1]:
            self.hidden[-1][name] = old
            self.state.variables.pop(name, None)

    def restore(self) -> None:
        """Give the variables that the local ones of a function hid their values again."""
        for name, variable in self.hidden.pop().items():
            self.state.variables.pop(name, None)
            if variable:
                self.state.variables[name] = variable


def _runs_command(word: Word) -> bool:
    return any(
        isinstance(part, Computed) or (isinstance(part, Parameter) and any(map(_runs_command, part.words)))
        for part in word.parts
    )


def takes_assignments(command: Simple) -> bool:
    """Whether the words after the first are assignments."""
    first = command.words[0]
    return first.literal in DECLARING and not any(part.quoted for part in first.parts)
