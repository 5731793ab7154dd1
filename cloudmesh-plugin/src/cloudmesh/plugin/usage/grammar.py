"""The lines of a usage as graphs of words, which ``refusal`` follows to find the wrong word.

docopt's own parser reads the usage. Its functions carry no types, hence the ``Any``.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Leaf:
    """What a place of a usage takes: exactly this word (a sub-command), or any word for this argument."""

    name: str
    is_command: bool


@dataclass(frozen=True)
class Walk:
    """How far words went along a line: how many, which were commands, what could come next."""

    consumed: int
    commands: list[str]
    expected: list[Leaf]
    complete: bool


class UsageLine:
    """One line of a usage. Places are numbers; options are left out, since they may stand anywhere."""

    def __init__(self, pattern: Any, docopt: Any) -> None:
        self._docopt = docopt
        self._steps: list[list[tuple[Leaf, int]]] = [[]]
        self._skips: list[set[int]] = [set()]
        self._end = self._add(pattern, 0)
        self.option_names: set[str] = {option.name for option in pattern.flat(docopt.Option)}
        self.required: list[str] = self._required(pattern)

    def walk(self, words: Sequence[str]) -> Walk:
        """Follow the words as far as this line allows."""
        places = self._reachable({0})
        commands: list[str] = []
        for count, word in enumerate(words):
            taken = [(leaf, to) for at in places for leaf, to in self._steps[at] if _takes(leaf, word)]
            if not taken:
                return Walk(count, commands, self._expected(places), complete=False)
            if len(commands) == count and any(leaf.is_command for leaf, _ in taken):
                commands.append(word)
            places = self._reachable({to for _, to in taken})
        return Walk(len(words), commands, self._expected(places), complete=self._end in places)

    def _expected(self, places: set[int]) -> list[Leaf]:
        return list(dict.fromkeys(leaf for at in sorted(places) for leaf, _ in self._steps[at]))

    def _reachable(self, places: set[int]) -> set[int]:
        found, work = set(places), list(places)
        while work:
            for to in self._skips[work.pop()] - found:
                found.add(to)
                work.append(to)
        return found

    def _required(self, pattern: Any) -> list[str]:
        """The options without which nothing fits."""
        if isinstance(pattern, self._docopt.Option):
            return [pattern.name]
        if isinstance(pattern, self._docopt.Optional | self._docopt.Either):
            return []
        return [name for child in getattr(pattern, "children", []) for name in self._required(child)]

    def _place(self, *before: int) -> int:
        """A new place, reached from those before without a word."""
        self._steps.append([])
        self._skips.append(set())
        for at in before:
            self._skips[at].add(len(self._steps) - 1)
        return len(self._steps) - 1

    def _add(self, pattern: Any, start: int) -> int:
        """Lay the places of a pattern after ``start``; give the one where it ends."""
        docopt = self._docopt
        if isinstance(pattern, docopt.Argument):
            end = self._place()
            is_command = isinstance(pattern, docopt.Command)
            self._steps[start].append((Leaf(pattern.name, is_command), end))
            return end
        if isinstance(pattern, docopt.Either):
            return self._place(*(self._add(child, self._place(start)) for child in pattern.children))
        if isinstance(pattern, docopt.OneOrMore):
            again = self._place(start)
            end = self._add(pattern.children[0], again)
            self._skips[end].add(again)
            return end
        for child in getattr(pattern, "children", []):
            before = self._place(start)
            start = self._add(child, before)
            if isinstance(pattern, docopt.Optional):
                start = self._place(before, start)
        return start


@dataclass
class Usage:
    """The usage of a command, read by docopt's own parser."""

    doc: str
    docopt: Any = field(default_factory=lambda: importlib.import_module("docopt"))

    def __post_init__(self) -> None:
        self.text: str = self.docopt.printable_usage(self.doc)
        self.options: list[Any] = self.docopt.parse_defaults(self.doc)
        described = {option.name for option in self.options}
        # Parsing a pattern adds the options that only the usage names to the list.
        patterns = [self.docopt.parse_pattern(f"( {line} )", self.options) for line in self._split()]
        self.lines = [UsageLine(pattern, self.docopt) for pattern in patterns]
        for line, pattern in zip(self.lines, patterns, strict=True):
            if pattern.flat(self.docopt.AnyOptions):
                line.option_names |= described

    def _split(self) -> list[str]:
        """The lines of the usage without the program's name; docopt begins a line where that name stands."""
        _, program, *tokens = self.text.split()
        lines: list[list[str]] = [[]]
        for token in tokens:
            if token == program:
                lines.append([])
            else:
                lines[-1].append(token)
        return [" ".join(line) for line in lines]

    @cached_property
    def long_options(self) -> list[str]:
        """The options with two dashes, each once."""
        return list(dict.fromkeys(option.long for option in self.options if option.long))

    def sample(self, name: str) -> str:
        """The option as one would write it: ``--yes``, ``--cloud=CLOUDS``."""
        takes_value = any(option.name == name and option.argcount for option in self.options)
        if not takes_value:
            return name
        metavar = re.search(rf"{re.escape(name)}[= ](<[^\s>]+>|[A-Z][\w-]*)", self.doc)
        sign = "=" if name.startswith("--") else ""
        return f"{name}{sign}{metavar[1] if metavar else 'VALUE'}"

    def fits(self, words: Sequence[str]) -> bool:
        """Whether docopt accepts these words."""
        try:
            self.docopt.docopt(self.doc, argv=list(words), help=False)
        except self.docopt.DocoptExit:
            return False
        return True


def _takes(leaf: Leaf, word: str) -> bool:
    return not leaf.is_command or leaf.name == word
