"""The lines of a usage as graphs of words, which ``refusal`` follows to find the wrong word.

docopt's own parser reads the usage. Its functions carry no types, hence the ``Any``.
"""

from __future__ import annotations

import importlib
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import takewhile
from typing import Any

from cloudmesh.plugin.usage import matching
from cloudmesh.plugin.usage.matching import optional_names, plain

_WIDTH = 80
# Keeps together what is in brackets while a line is broken.
_NO_BREAK = "\N{NO-BREAK SPACE}"


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
    """One line of a usage. Options are left out, since they may stand anywhere among the words."""

    def __init__(self, pattern: Any, docopt: Any) -> None:
        self.pattern = pattern
        self._docopt = docopt
        self.option_names: set[str] = {option.name for option in pattern.flat(docopt.Option)}
        self.required: list[str] = self._required(pattern)

    def walk(self, words: Sequence[str]) -> Walk:
        """Follow the words as far as this line allows."""
        expected: list[list[Leaf]] = [[] for _ in range(len(words) + 1)]
        ends = self._follow(self.pattern, {0}, words, expected)
        consumed = max(at for at, leaves in enumerate(expected) if leaves or at in ends)
        pairs = zip(words, expected, strict=False)
        commands = [word for word, _ in takewhile(lambda pair: Leaf(pair[0], True) in pair[1], pairs)]
        return Walk(consumed, commands, list(dict.fromkeys(expected[consumed])), complete=len(words) in ends)

    def _follow(
        self, pattern: Any, starts: set[int], words: Sequence[str], expected: list[list[Leaf]]
    ) -> set[int]:
        """How many words may be used up after a pattern that begins after so many; notes what it expects."""
        docopt = self._docopt
        if isinstance(pattern, docopt.Argument):
            leaf = Leaf(pattern.name, isinstance(pattern, docopt.Command))
            for at in starts:
                expected[at].append(leaf)
            taken = [at for at in starts if at < len(words)]
            return {at + 1 for at in taken if not leaf.is_command or leaf.name == words[at]}
        children = getattr(pattern, "children", [])
        if isinstance(pattern, docopt.Either):
            return set().union(*(self._follow(child, starts, words, expected) for child in children))
        if isinstance(pattern, docopt.OneOrMore):
            found: set[int] = set()
            while starts := self._follow(children[0], starts, words, expected) - found:
                found |= starts
            return found
        for child in children:
            ends = self._follow(child, starts, words, expected)
            starts = starts | ends if isinstance(pattern, docopt.Optional) else ends
        return starts

    def _required(self, pattern: Any) -> list[str]:
        """The options without which nothing fits."""
        if isinstance(pattern, self._docopt.Option):
            return [pattern.name]
        if isinstance(pattern, self._docopt.Optional | self._docopt.Either):
            return []
        return [name for child in getattr(pattern, "children", []) for name in self._required(child)]


@dataclass
class Usage:
    """The usage of a command, read by docopt's own parser.

    Attributes:
        optional: the options whose value may be left out.
        described: the options that the text describes.
    """

    doc: str
    docopt: Any = field(default_factory=lambda: importlib.import_module("docopt"))

    def __post_init__(self) -> None:
        self.text: str = self.docopt.printable_usage(self.doc)
        self.optional = optional_names(self.doc)
        self.options: list[Any] = self.docopt.parse_defaults(plain(self.doc))
        self.described = [option.name for option in self.options]
        # Parsing a pattern adds the options that only the usage names to the list.
        patterns = [self.docopt.parse_pattern(f"( {line} )", self.options) for line in self._split()]
        self.lines = [UsageLine(pattern, self.docopt) for pattern in patterns]
        for line, pattern in zip(self.lines, patterns, strict=True):
            if pattern.flat(self.docopt.AnyOptions):
                line.option_names |= set(self.described)

    def _split(self) -> list[str]:
        """The lines of the usage without the program's name; docopt begins a line where that name stands."""
        _, program, *tokens = plain(self.text).split()
        lines: list[list[str]] = [[]]
        for token in tokens:
            if token == program:
                lines.append([])
            else:
                lines[-1].append(token)
        return [" ".join(line) for line in lines]

    @cached_property
    def line_texts(self) -> list[str]:
        """The lines as they are written, each with the rows that continue it, without common indentation."""
        first, _, others = self.text.partition(":")[2].partition("\n")
        rows = f"{first.strip()}\n{textwrap.dedent(others)}".strip().split("\n")
        program = rows[0].split()[0]
        texts: list[str] = []
        for row in rows:
            if row.split()[:1] == [program] or not texts:
                texts.append(row.rstrip())
            else:
                texts[-1] += f"\n{row.rstrip()}"
        return texts

    def lines_of(self, positionals: Sequence[str]) -> list[tuple[UsageLine, Walk]]:
        """The lines that have the sub-command among these words, or all if there is none."""
        walks = [(line, line.walk(positionals)) for line in self.lines]
        longest = max(len(walk.commands) for _, walk in walks)
        return [(line, walk) for line, walk in walks if len(walk.commands) == longest]

    def options_of(self, positionals: Sequence[str]) -> list[str]:
        """The options of the sub-command among these words, in the order of the text."""
        names = set().union(*(line.option_names for line, _ in self.lines_of(positionals)))
        return list(dict.fromkeys(option.name for option in self.options if option.name in names))

    def text_of(self, line: UsageLine, commands: Sequence[str]) -> str:
        """A line as it is written, in one row; of sub-commands that share it, only those that were given.

        Empty if the text cannot be divided into its lines.
        """
        texts = self.line_texts
        text = " ".join(texts[self.lines.index(line)].split()) if len(texts) == len(self.lines) else ""
        for word in commands:
            text = re.sub(rf"\((?:[\w-]+\|)*{re.escape(word)}(?:\|[\w-]+)*\)", word, text, count=1)
        return text

    @cached_property
    def long_options(self) -> list[str]:
        """The options with two dashes, each once."""
        return list(dict.fromkeys(option.long for option in self.options if option.long))

    def sample(self, name: str) -> str:
        """The option as one would write it: ``--yes``, ``--cloud=CLOUDS``."""
        value = "" if name in self.optional else self.metavar(name)
        sign = "=" if value and name.startswith("--") else ""
        return f"{name}{sign}{value}"

    @cached_property
    def helps(self) -> dict[str, str]:
        """What the text says of each option, by all its names, in one row."""
        helps: dict[str, str] = {}
        names: list[str] = []
        for line in self.doc.split("\n"):
            text = line.strip()
            if text.startswith("-"):
                head, _, rest = text.partition("  ")
                names = re.findall(r"(?<![\w-])--?[A-Za-z][\w-]*", head)
                helps |= {name: rest.strip() for name in names if name not in helps}
            elif text and names:
                helps |= {name: f"{helps[name]} {text}".strip() for name in names}
            else:
                names = []
        return helps

    def metavar(self, name: str) -> str:
        """What the usage says in place of the value of an option; empty for one without a value."""
        if not any(option.name == name and option.argcount for option in self.options):
            return ""
        found = re.search(rf"{re.escape(name)}\[?[= ](<[^\s>]+>|[A-Z][\w-]*)", self.doc)
        return found[1] if found else "VALUE"

    def fits(self, words: Sequence[str]) -> bool:
        """Whether docopt accepts these words."""
        try:
            matching.matched(self.doc, words)
        except self.docopt.DocoptExit:
            return False
        return True


def wrapped(line: str, indent: int) -> str:
    """A line of a usage in rows of at most 80 characters; all but the first are indented."""
    kept = re.sub(r"[\[(][^\[\]()]*[\])]", lambda match: match[0].replace(" ", _NO_BREAK), line)
    rows = textwrap.wrap(
        kept, _WIDTH, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(rows).replace(_NO_BREAK, " ")
