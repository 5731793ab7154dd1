"""The variables that a command may name: ``$name``, ``${name}``, ``var.NAME``, ``os.NAME``, ``default.NAME``.

cmd5 replaces texts, so that with the variables ``n`` and ``n1`` its ``$n1`` is the value of ``n`` and a 1.
Here a name is taken as a whole, and an undefined one is an error. ``in_word`` replaces them in a word of
a one-shot call, ``in_line`` in a line of the shell or of a script, where quotes keep what they hold.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping

from cloudmesh.plugin import variables
from cloudmesh.plugin.errors import UsageError, suggest
from cloudmesh.plugin.report import remember
from cloudmesh.plugin.secrets import MASK, is_secret, mask_text
from cloudmesh.plugin.usage import POSITIONAL
from cloudmesh.plugin.variables import Unknown

_DOLLAR = re.compile(r"\$(?:\{(?P<braced>[\w.-]+)\}|(?P<bare>[A-Za-z_]\w*)|(?P<wrong>[{(]))")
# Only as a word, or as a part of one between certain signs: "clouds.uc.default.flavor" is none.
_DOTTED = re.compile(
    r"(?P<kind>var|os|default)\.(?P<name>[A-Za-z_][\w-]*|(?<=default\.)[\w-]+\.[\w-]+)(?=[\s,;&|<>]|\Z)"
)
_BEFORE_DOTTED = (" ", "\t", "\n", "=", ",", ":")
# "=NAME" and "id=ID" are exact, see ``names``.
_EXACT = re.compile(r"(?:^|[\s:])(?:id)?=\Z")
_BLANKS = " \t\r\n"
# Most of them are blanks to shlex, so that two lines would become one.
_LINE_END = re.compile("[\x00\r\v\f\x1c-\x1e\x85\u2028\u2029]")
# What is literal: an escaped character, and a text in single quotes.
_KEPT = re.compile(r"\\.|'[^']*('|\Z)", re.DOTALL)
_QUOTED = re.compile(r'"(\\.|[^"\\])*("|\Z)', re.DOTALL)
_OPERATOR = re.compile(r"&&|\|\||>>|<<|[;&|<>`]")


class References:
    """Looks variables up, each file of them once.

    ``keep_braces`` leaves ``${name}`` as it stands, for a command to which that is a notation of its own.
    With ``masked`` the words are only to be shown: ``***`` stands for the value of a secret variable.
    """

    def __init__(self, keep_braces: bool = False, masked: bool = False) -> None:
        self._keep_braces, self._masked = keep_braces, masked
        self._known: dict[str, Mapping[str, str]] = {}
        self._text = ""

    def in_word(self, word: str) -> str:
        r"""A word of a one-shot call with its variables replaced; ``\$name`` and ``\var.NAME`` stay."""
        self._text = word
        shown, at = "", 0
        while at < len(word):
            if word[at] == "\\" and (word[at + 1 : at + 2] == "$" or _DOTTED.match(word, at + 1)):
                shown, at = shown + word[at + 1], at + 2
                continue
            # A blank within a word was quoted, so that what follows it begins no word.
            before = word[at - 1].strip() or "_" if at else " "
            value, at = self._at(word, at, before) or (word[at], at + 1)
            shown += value
        return shown

    def in_line(self, line: str) -> str:
        """A line without its comment and with its variables replaced, as text for ``shlex.split``.

        Raises:
            UsageError: an operator of a shell stands in it, or an undefined variable.
        """
        if found := _LINE_END.search(line):
            raise UsageError(
                f"the line contains {found[0]!r}, which is not supported; write one command on each line"
            )
        self._text = line
        shown, at, before = "", 0, " "
        while at < len(line) and not (line[at] == "#" and before.isspace()):
            if kept := _KEPT.match(line, at):
                text, at, before = kept[0], kept.end(), "_"
            elif quoted := _QUOTED.match(line, at):
                text, at, before = self._in_quotes(quoted[0]), quoted.end(), "_"
            else:
                text, at = self._bare(line, at, before)
                before = line[at - 1]
            shown += text
        return shown.strip(_BLANKS)

    def _in_quotes(self, text: str) -> str:
        """A text between double quotes with the variables in it replaced."""
        shown, at = "", 0
        while at < len(text):
            if text[at] == "\\":
                # Before "$" shlex would keep the backslash.
                shown += text[at + text.startswith("\\$", at) : at + 2]
                at += 2
            elif found := self._at(text, at, "$"):
                shown += found[0].replace("\\", "\\\\").replace('"', '\\"')
                at = found[1]
            else:
                shown += text[at]
                at += 1
        return shown

    def _bare(self, line: str, at: int, before: str) -> tuple[str, int]:
        """What stands at this place outside of quotes, and where it ends."""
        if operator := _OPERATOR.match(line, at):
            raise UsageError(
                f"unsupported operator {operator[0]!r}: a line is one command; quote the operator if it is "
                "part of a word, and write other commands on lines of their own"
            )
        if found := self._at(line, at, before):
            return found[0] if isinstance(found[0], Unknown) else shlex.quote(found[0]), found[1]
        return line[at], at + 1

    def _at(self, text: str, at: int, before: str) -> tuple[str, int] | None:
        """The value of the variable that is named at this place, and where its name ends; None if none is."""
        if found := _DOLLAR.match(text, at):
            if found["wrong"]:
                raise UsageError(f"unsupported {found[0]!r}: a variable is $name or ${{name}}{_LITERAL}")
            if found["braced"] and self._keep_braces:
                return found[0], found.end()
            name = found["braced"] or found["bare"]
            known = {**os.environ, **self._of("var")}
            if found["bare"]:
                self._refuse_longer(name, text, found.start("bare"))
            return self._value("$", name, known), found.end()
        dotted = before in _BEFORE_DOTTED and not _EXACT.search(text, 0, at)
        if dotted and (found := _DOTTED.match(text, at)):
            kind, name = found["kind"], found["name"]
            return self._value(f"{kind}.", name, self._of(kind)), found.end()
        return None

    def _refuse_longer(self, name: str, text: str, at: int) -> None:
        """Raise UsageError if a variable such as ``n-1`` may be meant where ``$n-1`` stands."""
        longer = [each for each in self._of("var") if len(each) > len(name) and text.startswith(each, at)]
        if longer:
            raise UsageError(f"${longer[0]} is ambiguous: write ${{{longer[0]}}} or ${{{name}}}")

    def _value(self, sign: str, name: str, known: Mapping[str, str]) -> str:
        if name in known:
            if is_secret(name):
                # The command may quote it in an error.
                remember(name, known[name], lasting=True)
                if self._masked:
                    return Unknown(MASK)
            if isinstance(known[name], Unknown):
                return known[name] if self._masked else str(known[name])
            # A value is never an option: a machine may be called "--all".
            return (POSITIONAL if known[name].startswith("-") else "") + known[name]
        # What looks like a variable may be a part of a password.
        name = f"{sign}{name}" if name in mask_text(self._text) else MASK
        what = {"os.": "environment variable", "default.": "default"}.get(sign, "variable")
        names = [f"{sign}{each}" for each in self._of("var")] if what == "variable" else []
        known_ones = f"; {suggest(name, names)}" if names else ""
        raise UsageError(f"undefined {what} {name!r}{known_ones}{_LITERAL}")

    def _of(self, kind: str) -> Mapping[str, str]:
        if kind not in self._known:
            readers = {"var": variables.values, "default": variables.defaults}
            self._known[kind] = readers[kind]() if kind in readers else os.environ
        return self._known[kind]


_LITERAL = "; for the text itself put a backslash before it"
