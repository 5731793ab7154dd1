"""What words become: variables replaced, fields split, patterns made; what is not known stays so."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass, field, replace

from cloudmesh.config.importers.shell import patterns
from cloudmesh.config.importers.shell.syntax import Computed, Parameter, Part, ScriptError, Text, Word
from cloudmesh.config.importers.shell.values import (
    EMPTY,
    Cause,
    State,
    Value,
    Work,
    is_from_surroundings,
    joined,
)

_GLOB = re.compile(r"[*?]|\[.+\]", re.DOTALL)
_BRACES = re.compile(r"\{[^{}]*(?:,|\.\.)")
_ASCII = frozenset(map(chr, range(128)))
_UPPER = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


class UnknownFields(Exception):
    """How many words there are, or what they are, only a running shell can know."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause)
        self.cause = cause


@dataclass
class Expansion:
    """Expands words in a state, which only ``${NAME:=WORD}`` changes.

    Attributes:
        state: the variables.
        arguments: those of the function that is running.
        work: counts what is done.
    """

    state: State
    arguments: tuple[Value, ...] = ()
    work: Work = field(default_factory=Work)

    def value(self, word: Word) -> Value:
        """The word as one value, as in an assignment: nothing is split, and no file names are made."""
        return self._joined([self._part(part) for part in word.parts], word.line)

    def fields(self, word: Word) -> list[Value]:
        """The words that it becomes; raises UnknownFields."""
        whole = [
            part
            for part in word.parts
            if isinstance(part, Parameter) and part.name in "@*" and part.operator == ""
        ]
        if whole:
            if len(word.parts) == len(whole) + (Text("", True) in word.parts) and len(whole) == 1:
                return list(self.arguments) if whole[0].quoted and whole[0].name == "@" else self._all(word)
            raise ScriptError(word.line, "this use of the arguments is not understood")
        found, current = list[list[Value]](), None
        for part in word.parts:
            value = self._part(part)
            if isinstance(part, Text) or part.quoted:
                self._refuse_file_names(part, word)
                current = [*(current or []), value]
                continue
            for sign, piece in self._split(part, value):
                if sign and current is not None:
                    found.append(current)
                    current = None
                if piece.text or piece.unknown:
                    current = [*(current or []), piece]
        if current is not None:
            found.append(current)
        return [self._joined(pieces, word.line) for pieces in found]

    def _all(self, word: Word) -> list[Value]:
        """``$*`` and ``$@`` outside of quotes, where no argument is split further."""
        if any(part.quoted for part in word.parts) or any(
            value.unknown or not re.fullmatch(r"[\w./:@-]+", value.text) for value in self.arguments
        ):
            raise UnknownFields(Cause("the arguments", word.line))
        return list(self.arguments)

    @staticmethod
    def _refuse_file_names(part: Part, word: Word) -> None:
        """Raises UnknownFields if the shell would make names of files, or several words, of this text."""
        if isinstance(part, Text) and not part.quoted:
            special = set("{*?]") & set(part.text) and _unquoted(word)
            if special and (_BRACES.search(special) or _GLOB.search(special)):
                raise UnknownFields(Cause("names of files", word.line))

    def _split(self, part: Parameter | Computed, value: Value) -> list[tuple[str, Value]]:
        """The fields of what was outside of quotes, each with the blanks before it."""
        if value.unknown and isinstance(part, Parameter) and part.name in "?$!-":
            return [("", value)]
        if value.unknown:
            raise UnknownFields(value.unknown)
        words = part.words if isinstance(part, Parameter) else ()
        quoted = any(inner.quoted for each in words for inner in each.parts)
        if _GLOB.search(value.text) or "\\" in value.text or (quoted and not value.text.strip(" \t\n")):
            raise UnknownFields(Cause("names of files", part.line))
        if quoted and re.search(r"[ \t\n]", value.text):
            raise UnknownFields(Cause("words within braces", part.line))
        pieces = re.findall(r"([ \t\n]*)([^ \t\n]*)", value.text)
        return [(gap, replace(value, text=text)) for gap, text in pieces if gap or text]

    def pattern(self, word: Word) -> patterns.Pattern | Cause:
        """The word as a pattern, or why it is not known."""
        pieces = []
        for part in word.parts:
            value = self._part(part)
            if value.unknown:
                return value.unknown
            pieces.append((value.text, part.quoted))
        return patterns.compiled(pieces, word.line)

    def _joined(self, values: list[Value], line: int) -> Value:
        found = joined(values, line)
        self.work.spend(len(found.text) + len(values), line)
        return found

    def _part(self, part: Part) -> Value:
        if isinstance(part, Text):
            return Value(part.text)
        if isinstance(part, Computed):
            return Value(unknown=Cause(part.what, part.line))
        return self._parameter(part)

    def lookup(self, name: str, line: int) -> Value | None:
        """What the variable or argument holds; None if it is not set."""
        if name in self.state.variables:
            return self.state.variables[name].value
        if name == "#":
            return Value(str(len(self.arguments)))
        if name in ("@", "*"):
            spaced = [each for value in self.arguments for each in (value, Value(" "))]
            return joined(spaced[:-1], line) if spaced else None
        if name.isdigit() and name != "0":
            return self.arguments[int(name) - 1] if int(name) <= len(self.arguments) else None
        if not name.isidentifier() or is_from_surroundings(name):
            return Value(unknown=Cause(f"${name}", line))
        return None

    def _parameter(self, part: Parameter) -> Value:
        name, operator = part.name, part.operator
        if operator and not name.isalnum() and not name.isidentifier():
            raise ScriptError(part.line, "this ${...} is not understood")
        found = self.lookup(name, part.line)
        if operator.lstrip(":") in ("-", "=", "+", "?") and operator:
            return self._chosen(part, found)
        if found is None:
            if "nounset" in self.state.options and name not in "@*":
                raise ScriptError(part.line, f"{name} is used, but not set", f"set {name} in the file")
            names = frozenset([name if name.isidentifier() else f"${name}"])
            found = Value(assumed=names) if name.startswith("OS_") else Value(lacking=names)
        if not operator or found.unknown:
            if operator and found.unknown:
                return replace(found, unknown=replace(found.unknown, typed=False))
            return found
        return replace(found, text=self._changed(part, found.text))

    def _chosen(self, part: Parameter, found: Value | None) -> Value:
        """``${NAME:-WORD}`` and its like."""
        sign, word = part.operator[-1], part.words[0]
        if found and found.unknown:
            if sign in "-?" and (found.unknown.typed or part.operator == "?"):
                return found
            if found.unknown.typed and sign == "+":
                return self.value(word)
            return Value(unknown=replace(found.unknown, typed=False))
        given = found is not None and (bool(found.text) or len(part.operator) == 1)
        own = part.name if part.name.isidentifier() else f"${part.name}"
        names = found.names if found else frozenset([own])
        if sign == "+":
            chosen = self.value(word) if given else EMPTY
        elif given and found:
            return found
        elif sign == "?":
            raise ScriptError(part.line, f"{own} is required here, and not set", f"set {own} in the file")
        else:
            chosen = self.value(word)
        if sign == "=":
            if not part.name.isidentifier():
                raise ScriptError(part.line, "this ${...} is not understood")
            self.state.set(part.name, replace(chosen, assumed=chosen.assumed | names), part.line)
        return replace(chosen, assumed=chosen.assumed | names)

    def _changed(self, part: Parameter, text: str) -> str:
        """A known text after an operator that changes it; raises ScriptError for what is not understood."""
        operator, line = part.operator, part.line
        if operator in ("length", "part", "^", "^^", ",", ",,") and not _ASCII.issuperset(text):
            raise ScriptError(line, "this ${...} of characters beyond ASCII is not understood")
        if operator == "length":
            return str(len(text))
        if operator == "part":
            start = int(part.words[0].literal or 0)
            if len(part.words) == 1:
                return text[start:]
            return text[start : start + int(part.words[1].literal or 0)]
        if operator[0] in "^,":
            changed = text.translate(_UPPER if operator[0] == "^" else _LOWER)
            return changed if len(operator) == 2 else changed[:1] + text[1:]
        pattern = self.pattern(part.words[0])
        if isinstance(pattern, Cause):
            raise ScriptError(line, f"this ${{...}} depends on {pattern.what}, which is not known")
        patterns.refuse_characters(pattern, text, line)
        size = len(text) * len(text) * (1 + len(pattern)) // 16
        self.work.spend(size * (1 + len(text) // 16) if operator[0] == "/" else size, line)
        if operator[0] == "/":
            new = self.value(part.words[1]) if len(part.words) > 1 else EMPTY
            literal = len(part.words) < 2 or all(isinstance(each, Text) for each in part.words[1].parts)
            if new.unknown or not literal or re.search(r"[&\\]", new.text):
                raise ScriptError(line, "this ${...} is not understood")
            if not text and patterns.matches(pattern, ""):
                raise ScriptError(line, "this ${...} is not understood")
            return patterns.replaced(pattern, text, new.text, everywhere=operator == "//")
        return patterns.without_end(pattern, text, operator)


def _unquoted(word: Word) -> str:
    return "".join(part.text if isinstance(part, Text) and not part.quoted else "x" for part in word.parts)
