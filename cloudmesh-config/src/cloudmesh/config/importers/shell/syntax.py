"""The parts of a shell script, as the parser finds them, and the error that refuses a script."""

from __future__ import annotations

from dataclasses import dataclass


class ScriptError(ValueError):
    """The script is not understood.

    Attributes:
        line: where, counted from 1.
        message: what is not understood, without text of the script but for names of variables and commands.
        remedy: what to do about it; empty for the usual advice.
    """

    def __init__(self, line: int, message: str, remedy: str = "") -> None:
        super().__init__(line, message)
        self.line, self.message, self.remedy = line, message, remedy


@dataclass(frozen=True)
class Text:
    """Characters as they are; ``quoted`` tells that none of them is special."""

    text: str
    quoted: bool


@dataclass(frozen=True)
class Parameter:
    """``$NAME``, or ``${NAME OPERATOR WORDS}``; ``length`` is ``${#NAME}``, ``part`` is ``${NAME:1:2}``."""

    name: str
    line: int
    quoted: bool
    operator: str = ""
    words: tuple[Word, ...] = ()


@dataclass(frozen=True)
class Computed:
    """A part that only a running shell can know; ``what`` says what it is, for users."""

    what: str
    line: int
    quoted: bool


Part = Text | Parameter | Computed


@dataclass(frozen=True)
class Word:
    """A word of a command, before its expansion."""

    parts: tuple[Part, ...]
    line: int

    @property
    def literal(self) -> str | None:
        """The text of a word in which nothing is expanded, without its quotes; else None."""
        texts = [part.text for part in self.parts if isinstance(part, Text)]
        return "".join(texts) if len(texts) == len(self.parts) else None


@dataclass(frozen=True)
class Assignment:
    """``NAME=VALUE``, or with ``append`` ``NAME+=VALUE``."""

    name: str
    value: Word
    append: bool
    line: int


@dataclass(frozen=True)
class Redirection:
    """``>FILE`` and its like; the target of a here-document is its text as it is written."""

    operator: str
    target: Word

    @property
    def harmless(self) -> bool:
        """Whether it can neither fail nor give the command something to read."""
        return self.operator in (">&", "<&") or (
            self.target.literal == "/dev/null" and self.operator in (">", ">>", "&>", "<")
        )


@dataclass(frozen=True)
class Simple:
    """A command with its words, or assignments alone."""

    assignments: tuple[Assignment, ...]
    words: tuple[Word, ...]
    redirections: tuple[Redirection, ...]
    line: int


@dataclass(frozen=True)
class Test:
    """``[[ ... ]]``: ``not``, ``and`` and ``or`` have tests as operands, all else has words."""

    operator: str
    words: tuple[Word, ...] = ()
    tests: tuple[Test, ...] = ()
    line: int = 0


@dataclass(frozen=True)
class Apart:
    """What runs in a process of its own, and changes no variable of ours: ``(...)``, ``a | b``, ``a &``."""

    parts: tuple[Command, ...]
    line: int
    background: bool = False


@dataclass(frozen=True)
class Not:
    """``! COMMAND``."""

    command: Command


@dataclass(frozen=True)
class AndOr:
    """``FIRST && SECOND`` or, with ``either``, ``FIRST || SECOND``."""

    first: Command
    second: Command
    either: bool
    line: int


@dataclass(frozen=True)
class Sequence:
    """Commands one after another; also what is between braces."""

    commands: tuple[Command, ...]


@dataclass(frozen=True)
class If:
    """Conditions, each with what is done if it is the first that holds, and what is done otherwise."""

    branches: tuple[tuple[Sequence, Sequence], ...]
    otherwise: Sequence
    line: int


@dataclass(frozen=True)
class Case:
    """A word, and patterns with what is done for the first that it matches."""

    subject: Word
    branches: tuple[tuple[tuple[Word, ...], Sequence], ...]
    line: int


@dataclass(frozen=True)
class For:
    """``for NAME in WORDS``; without words, the arguments."""

    name: str
    words: tuple[Word, ...] | None
    body: Sequence
    line: int


@dataclass(frozen=True)
class While:
    """``while CONDITION``, or ``until``."""

    condition: Sequence
    body: Sequence
    until: bool
    line: int


@dataclass(frozen=True)
class Function:
    """``NAME() { ... }``."""

    name: str
    body: Command
    line: int


Command = Simple | Test | Apart | Not | AndOr | Sequence | If | Case | For | While | Function
