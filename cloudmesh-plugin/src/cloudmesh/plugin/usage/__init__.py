"""The words of a command: docopt finds the arguments in them, and a refusal names the wrong word.

When docopt refuses, ``refusal`` explains it; for that ``grammar`` holds the lines of the usage, and ``words``
splits what was typed.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from cloudmesh.plugin.errors import CloudmeshError, UsageError
from cloudmesh.plugin.usage.matching import LEFT_OUT, matched

# Marks what docopt would take for an option and is none: a word after "--", or the value of a variable. No
# word of a process holds this character.
POSITIONAL = "\0"
_SHORT_WITH_SIGN = re.compile(r"-\w=")
_JOINED_HELP = re.compile(r"-\w*h")


def parse(doc: str, words: Sequence[str], name: str) -> dict[str, Any]:
    """The arguments that docopt finds in exactly these words.

    Words after ``--`` are no options, whatever they look like. An option has to be written out, though docopt
    would take the beginning of one. The value of a short one may follow ``=``, too. One that the usage writes
    ``--wait[=STATE]`` is True if it was given without a value. ``doc`` is the text of the command ``name``;
    it may begin with ``::``, as those of cmd5 do.

    Raises:
        UsageError: the words do not fit; the sentence names the wrong one, ``usage`` is the one line of the
            usage that fits, or says where to find it.
        CloudmeshError: the author of the command wrote a usage that docopt cannot read.
    """
    import docopt  # only a command that runs needs it

    options, positional = split(words)
    if takes_program(doc, options):
        from cloudmesh.plugin.usage import program  # few commands have one

        return program.parse(doc, options, positional if "--" in words else None, name, parse)
    if any(_SHORT_WITH_SIGN.match(word) for word in options):
        from cloudmesh.plugin.usage.words import without_sign  # few words are written so

        options = without_sign(doc, options)
    marked = [*options, *(POSITIONAL + word if word.startswith("-") else word for word in positional)]
    refused = None
    try:
        if _may_be_shortened(doc, options, docopt):
            from cloudmesh.plugin.usage import refusal

            refused = refusal.wrong_option(doc, options, name)
        found = matched(doc, marked) if refused is None else {}
    except docopt.DocoptLanguageError as error:
        raise CloudmeshError(f"the usage text of the command {name!r} is malformed: {error}") from None
    except docopt.DocoptExit:
        from cloudmesh.plugin.usage import refusal  # most calls are not refused

        refused = refusal.explain(doc, marked, name)
    if refused is not None:
        raise UsageError(refused.sentence, usage=refused.usage)
    return {key: _unmarked(value) for key, value in found.items()}


def words_of(line: str) -> list[str]:
    """The words of a line, split as a POSIX shell does; raises UsageError if a quote is not closed."""
    import shlex

    try:
        return shlex.split(line)
    except ValueError as error:
        escape = "escape" in str(error)
        reason = "nothing follows the backslash at its end" if escape else "a quote is not closed"
        raise UsageError(f"the line cannot be split into words: {reason}") from None


def split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words before the first ``--``, which may be options, and those after it, which are none."""
    end = list(words).index("--") if "--" in words else len(words)
    return list(words[:end]), list(words[end + 1 :])


def takes_program(doc: str, words: Sequence[str]) -> bool:
    """Whether what follows ``--`` in a call is a program of its own: ``-- COMMAND...`` stands in its usage.

    ``words`` are those before it. Such a program is no part of the other words.
    """
    said = next((word for word in words if not word.startswith("-")), "")
    return " -- " in doc and said in _takers(doc)


@lru_cache(maxsize=16)
def _takers(doc: str) -> frozenset[str]:
    """The sub-commands whose lines of the usage end in a program."""
    import docopt

    _, *tokens = docopt.printable_usage(doc).split()
    if not tokens:
        return frozenset()
    lines: list[list[str]] = []
    for token in tokens:
        if token == tokens[0]:
            lines.append([])
        else:
            lines[-1].append(token)
    return frozenset(line[0] for line in lines if "--" in line and line)


def asks_for_help(doc: str, words: Sequence[str]) -> bool:
    """Whether ``-h`` or ``--help`` is among the words of a call, or ``-h`` among joined letters: ``-qh``."""
    if "-h" in words or "--help" in words:
        return True
    joined = [word for word in words if _JOINED_HELP.match(word)]
    if not joined:
        return False
    from cloudmesh.plugin.usage.grammar import Usage
    from cloudmesh.plugin.usage.words import WordRefused, scan

    try:
        return any("--help" in scan([word], Usage(doc)).option_names for word in joined)
    except WordRefused:
        return False


def _may_be_shortened(doc: str, words: Sequence[str], docopt: Any) -> bool:
    """Whether a word begins like a long option that the text does not have; cheap, since all calls ask."""
    typed = {word.partition("=")[0] for word in words if word.startswith("--")}
    return bool(typed - set(re.findall(r"--[\w-]+", docopt.printable_usage(doc)))) if typed else False


def _unmarked(value: Any) -> Any:
    """A value that docopt found, as it was typed."""
    if isinstance(value, list):
        return [_unmarked(each) for each in value]
    if value == LEFT_OUT:
        return True
    return unmarked(value) if isinstance(value, str) else value


def unmarked(text: str) -> str:
    """A text without the marks of what is no option."""
    return text.replace(POSITIONAL + "-", "-").removesuffix(f"={LEFT_OUT}")


def help_text(doc: str) -> str:
    """The whole text of a command, without the leading ``::`` and without indentation."""
    text = textwrap.dedent(doc).strip("\n")
    first, _, rest = text.partition("\n")
    if first.strip() == "::":
        text = rest
    return textwrap.dedent(text).strip("\n").rstrip()
