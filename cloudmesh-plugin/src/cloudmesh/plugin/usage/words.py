"""Splits the words of a call into options and positional words, as docopt does it, for ``refusal``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cloudmesh.plugin.usage.grammar import Usage
from cloudmesh.plugin.usage.hints import option_hint


class WordRefused(Exception):
    """A word that is wrong wherever it stands; the message is the sentence for the user."""


@dataclass(frozen=True)
class GivenOption:
    """An option of a call by its full name, and where among the words it and its value stand."""

    name: str
    first: int
    last: int


@dataclass(frozen=True)
class GivenWords:
    """The words of a call: all of them, the positional ones, and the options."""

    words: list[str]
    positionals: list[str]
    options: list[GivenOption]

    @property
    def option_names(self) -> set[str]:
        """The full names of the options."""
        return {option.name for option in self.options}

    def without(self, option: GivenOption) -> list[str]:
        """All words but those of an option and its value."""
        return self.words[: option.first] + self.words[option.last + 1 :]


def scan(words: Sequence[str], usage: Usage) -> GivenWords:
    """Split words into options and others; raises WordRefused for an option that fits nowhere."""
    given = GivenWords(list(words), [], [])
    at = 0
    while at < len(words):
        word = words[at]
        first = at
        if word.startswith("--"):
            name, at = _long(words, at, usage)
            given.options.append(GivenOption(name, first, at))
        elif word.startswith("-") and word != "-":
            names, at = _shorts(words, at, usage)
            given.options.extend(GivenOption(name, first, at) for name in names)
        else:
            given.positionals.append(word)
        at += 1
    return given


def _long(words: Sequence[str], at: int, usage: Usage) -> tuple[str, int]:
    """The long option at this place, and the place of its last word."""
    typed, sign, _ = words[at].partition("=")
    if typed not in usage.long_options:
        known = [name for name in _known(words, usage) if name.startswith("--")]
        full = [option for option in known if option.startswith(typed)]
        if full:
            raise WordRefused(
                f"unknown option {typed!r}; options cannot be abbreviated, use {' or '.join(full)}"
            )
        raise WordRefused(_unknown_option(typed, known))
    takes_value = next(option.argcount for option in usage.options if option.long == typed)
    if typed in usage.optional:
        return typed, at
    if sign and not takes_value:
        raise WordRefused(f"{typed!r} takes no value")
    if takes_value and not sign:
        at += 1
        if at == len(words):
            raise WordRefused(f"{typed!r} needs a value: {usage.sample(typed)}")
    return typed, at


def _shorts(words: Sequence[str], at: int, usage: Usage) -> tuple[list[str], int]:
    """The full names of the short options in the word at this place, and the place of the last word."""
    letters, names = words[at].lstrip("-"), []
    known = {option.short: option for option in usage.options if option.short}
    while letters:
        short, letters = "-" + letters[0], letters[1:]
        option = known.get(short)
        if option is None:
            # A word with one dash may be a long option that lost the other dash.
            typed, names_of_line = words[at].partition("=")[0], _known(words, usage)
            near = option_hint("-" + typed, names_of_line) if len(typed) > 2 else None
            if near:
                raise WordRefused(f"unknown option {typed!r}; did you mean {near!r}?")
            shorts = [name for name, option in known.items() if option.name in names_of_line]
            raise WordRefused(_unknown_option(short, [*shorts, *names_of_line]))
        names.append(option.name)
        if option.argcount and not letters:
            at += 1
            if at == len(words):
                raise WordRefused(f"{short!r} needs a value")
        if option.argcount:
            break
    return names, at


def without_sign(doc: str, words: Sequence[str]) -> list[str]:
    """The words as docopt takes them: ``-ojson`` for ``-o=json``."""
    usage, found = Usage(doc), list(words)
    takes_value = {option.short for option in usage.options if option.argcount}
    try:
        given = scan(words, usage)
    except WordRefused:
        # It will be refused once more, with a reason.
        return found
    for option in given.options:
        word = words[option.first]
        if word[:2] in takes_value and word[2:3] == "=":
            found[option.first] = word[:2] + word[3:]
    return found


def positionals(words: Sequence[str], usage: Usage) -> list[str]:
    """The words that are neither options nor their values, also if some options are wrong."""
    takes_value = {name for each in usage.options if each.argcount for name in (each.short, each.long)}
    takes_value -= usage.optional
    found: list[str] = []
    after = ""
    for word in words:
        if not word.startswith("-") and after not in takes_value:
            found.append(word)
        after = word if word.startswith("-") else ""
    return found


def _known(words: Sequence[str], usage: Usage) -> list[str]:
    """The options of the sub-command that was given; without one, those of all."""
    return usage.options_of(positionals(words, usage))


def _unknown_option(typed: str, known: Sequence[str]) -> str:
    """The sentence for an option that the command does not have."""
    near = option_hint(typed, known)
    if near:
        return f"unknown option {typed!r}; did you mean {near!r}?"
    return f"unknown option {typed!r}; known: {', '.join(known)}" if known else f"unknown option {typed!r}"
