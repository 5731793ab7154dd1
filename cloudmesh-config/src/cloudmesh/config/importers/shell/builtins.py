"""The shell's own commands that change variables; what else changes a shell is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cloudmesh.config.importers.shell import tested
from cloudmesh.config.importers.shell.declarations import Declarations
from cloudmesh.config.importers.shell.syntax import ScriptError, Simple
from cloudmesh.config.importers.shell.tested import SUCCESS, Status
from cloudmesh.config.importers.shell.values import Cause, State, Value

_OPTIONS = {"a": "allexport", "e": "errexit", "u": "nounset", "f": "noglob"}
# Those that change nothing of what we follow.
_INDIFFERENT = frozenset("xvhCmb")
_INDIFFERENT_NAMES = frozenset(
    ("pipefail", "xtrace", "verbose", "history", "monitor", "notify", "noclobber", "emacs", "vi", "hashall")
)
_WITH_ARGUMENT = "ptnNdiu"
_INPUT = ("<", "<<", "<<-", "<<<", "<>", "<&")
_SILENT = frozenset(("echo", "printf", ":", "true"))
_OTHER_FILE = "another file is read here"
_REFUSED = {
    **dict.fromkeys(("source", "."), _OTHER_FILE),
    "eval": "a text is run as commands here",
    "exec": "the shell is replaced here",
    "setenv": "this is a command of csh",
    "vared": "this is a command of zsh",
    **dict.fromkeys(("module", "ml", "conda", "mamba", "micromamba", "spack", "workon"), _OTHER_FILE),
    **dict.fromkeys(
        [
            "shift",
            "break",
            "continue",
            "trap",
            "shopt",
            "mapfile",
            "readarray",
            "getopts",
            "let",
            "enable",
            "builtin",
            "unalias",
            "logout",
        ],
        "this command of the shell is not understood",
    ),
}
# What a function must not be called, since the shell would then call it.
RESERVED = frozenset(
    (
        *_REFUSED,
        *_SILENT,
        *["false", "test", "[", "set", "unset", "read", "return", "exit", "command", "alias"],
    )
)
_OPENSTACK = re.compile(r"OS_[A-Z0-9_]+")


class Builtins(Declarations):
    """Commands other than declarations."""

    def builtin(self, name: str, words: list[Value], command: Simple) -> Status:
        """The command with its words, by its name; one that is not the shell's own changes no variable."""
        line = command.line
        self._look_at_the_rest(command)
        if name in self.aliases:
            raise ScriptError(line, "a command that is an alias is not understood")
        if name in ("test", "["):
            return self._test(name, words, line)
        own = {"read": self._read, "set": self._set, "unset": self._unset, "alias": self._alias}
        if name in own:
            return own[name](words, command)
        return Status(False) if name == "false" else self._without_effect(name, words, line)

    def _alias(self, words: list[Value], command: Simple) -> Status:
        self.aliases.update(word.text.partition("=")[0] for word in words)
        return SUCCESS

    def _without_effect(self, name: str, words: list[Value], line: int) -> Status:
        if name in _REFUSED or (name == "printf" and words and words[0].text.startswith("-v")):
            raise ScriptError(line, _REFUSED.get(name, "this 'printf' is not understood"))
        if name == "command" and not (words and words[0].text in ("-v", "-V")):
            raise ScriptError(line, "this 'command' is not understood")
        if _OPENSTACK.fullmatch(name):
            message = f"{name} is followed by a blank, so that the shell takes it for a command"
            raise ScriptError(line, message, f"write {name}=VALUE")
        return SUCCESS if name in _SILENT else tested.unknown("a command", line)

    def with_unknown_words(self, command: Simple, words: list[Value], cause: Cause) -> Status:
        """A command of which some words are not known."""
        self._look_at_the_rest(command)
        for word in command.words:
            self.expansion.value(word)
        name = words[0].text if words and not words[0].unknown else ""
        if not name or name in self.state.functions or name in ("read", "set", "alias", "return", "exit"):
            raise ScriptError(command.line, f"this command depends on {cause.what}, which is not known")
        if name == "unset":
            if self.state.functions:
                raise ScriptError(command.line, f"what is unset depends on {cause.what}, which is not known")
            self.state.merge(State({}, {}, self.state.options), Cause(cause.what, command.line))
            return SUCCESS
        if name in ("test", "["):
            return Status(None, cause)
        return self._without_effect(name, words[1:], command.line)

    def _look_at_the_rest(self, command: Simple) -> None:
        """Values and targets of redirections that are expanded with a command."""
        for assignment in command.assignments:
            self.expansion.value(assignment.value)
            self.leave_out(assignment.name, f"is only set for a command (line {assignment.line})")
        for redirection in command.redirections:
            if redirection.operator not in ("<<", "<<-"):
                self.expansion.value(redirection.target)

    def _test(self, name: str, words: list[Value], line: int) -> Status:
        if name == "[":
            if not words or words[-1].unknown or words[-1].text != "]":
                raise ScriptError(line, "']' is missing for a test")
            words = words[:-1]
        return tested.brackets(self.expansion, words, line)

    def _unset(self, words: list[Value], command: Simple) -> Status:
        kind = ""
        for word in words:
            if word.unknown:
                return self.with_unknown_words(command, [Value("unset")], word.unknown)
            if word.text in ("-v", "-f"):
                kind = word.text
            elif kind == "-f":
                self.state.functions.pop(word.text, None)
            elif not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", word.text, re.ASCII):
                raise ScriptError(command.line, "this 'unset' is not understood")
            elif not kind or word.text in self.state.variables:
                self.state.unset(word.text, command.line)
        return SUCCESS

    def _set(self, words: list[Value], command: Simple) -> Status:
        rest = iter(words)
        for word in rest:
            sign, letters = word.text[:1], word.text[1:]
            if word.unknown or sign not in ("-", "+") or not letters or letters == "-":
                raise ScriptError(command.line, "this 'set' is not understood", "set variables by NAME=VALUE")
            for letter in letters:
                name = next(rest, Value("")).text if letter == "o" else _OPTIONS.get(letter, letter)
                if name in _OPTIONS.values():
                    on = sign == "-"
                    self.state.options = self.state.options | {name} if on else self.state.options - {name}
                elif name not in (_INDIFFERENT_NAMES if letter == "o" else _INDIFFERENT):
                    raise ScriptError(command.line, "this 'set' is not understood")
        return SUCCESS

    def _read(self, words: list[Value], command: Simple) -> Status:
        line = command.line
        given = [each for each in command.redirections if each.operator in _INPUT]
        typed = all(each.operator == "<" and each.target.literal == "/dev/tty" for each in given)
        what = "what is typed in" if typed else "the input of 'read'"
        for name in _names(words, line) or ["REPLY"]:
            self.state.set(name, Value(unknown=Cause(what, line, typed)), line)
        return SUCCESS if typed else tested.unknown("the input of 'read'", line)


def _names(words: list[Value], line: int) -> list[str]:
    """The variables that ``read`` sets."""
    names: list[str] = []
    rest = iter(words)
    for word in rest:
        if not names and word.text.startswith("-") and not word.unknown:
            _pass_options(word.text[1:], rest, line)
        elif word.unknown or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", word.text, re.ASCII):
            raise ScriptError(line, "this 'read' is not understood", "write 'read -rs NAME'")
        else:
            names.append(word.text)
    return names


def _pass_options(letters: str, rest: Iterator[Value], line: int) -> None:
    for number, letter in enumerate(letters, 1):
        if letter in _WITH_ARGUMENT:
            if number == len(letters):
                next(rest, None)
            return
        if letter not in "rse":
            raise ScriptError(line, "this 'read' is not understood", "write 'read -rs NAME'")
