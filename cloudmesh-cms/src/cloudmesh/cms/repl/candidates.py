"""What Tab offers for a line that is not finished: whole words, with what each of them is.

What our own commands take is known to the completion engine. Where it knows nothing, the method
``complete_NAME`` of somebody else's command is asked, which is how plug-ins of cmd5 complete their words.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from cloudmesh.plugin import commands, lines, script

if TYPE_CHECKING:
    from cloudmesh.cms.completion.engine import Candidate

# What ends a word for readline, and so for the methods complete_NAME of others.
_DELIMITERS = " \t\n`~!@#$%^&*()-=+[{]}\\|;:'\",<>/?"
# A name with one of these means something else on a line, unless it is quoted.
_SPECIAL = re.compile(r"[\s'\"\\#$;&|<>`]")


class Found(NamedTuple):
    """A word that fits.

    Attributes:
        text: it replaces what is typed of the word, as it has to stand on the line.
        length: of what it replaces, before the cursor, in characters.
        shown: the word as a list of candidates shows it.
        description: what it is; empty if that is not known.
    """

    text: str
    length: int
    shown: str
    description: str


def find(shell: Any, typed: str) -> list[Found]:
    """The words that can stand at the end of what is typed before the cursor."""
    line = typed.lstrip()
    if line.startswith(("!", *script.COMMENTS)):
        return []
    from cloudmesh.cms.completion.engine import complete

    words, raw, current = split(line)
    if not words:
        # The options of the program stand before a command of the system's shell, not of this one.
        found = [] if current.startswith("-") else [*complete([], current), *_ends(current)]
    else:
        found = complete(words, current)
    if found:
        quote = raw[:1] if raw[:1] in ("'", '"') else ""
        return [
            Found(_placed(text, quote), len(raw), text, description)
            for text, description in dict(found).items()
        ]
    return _of_others(shell, words, line)


def _ends(current: str) -> list[Candidate]:
    """The words that leave the shell, where one of them was begun."""
    from cloudmesh.cms.completion.engine import Candidate

    begun = [each for each in ("exit", "quit") if current and each.startswith(current)]
    return [Candidate(each, "leave the shell") for each in begun]


def split(line: str) -> tuple[list[str], str, str]:
    """The finished words of a line, its last word as it is typed, and that word without its quotes."""
    words: list[str] = []
    word, quote, start, inside = "", "", len(line), False
    at = 0
    while at < len(line):
        sign = line[at]
        if not inside and not sign.isspace():
            word, start, inside = "", at, True
        if sign == "\\" and quote != "'":
            at += 1
            word += line[at : at + 1]
        elif sign == quote:
            quote = ""
        elif not quote and sign in "'\"":
            quote = sign
        elif not quote and sign.isspace():
            if inside:
                words.append(word)
            inside = False
        else:
            word += sign
        at += 1
    return (words, line[start:], word) if inside else (words, "", "")


def _placed(text: str, quote: str) -> str:
    """A word as it has to stand on a line: in the quotes that were begun, and with a blank after it."""
    is_open = text.endswith(("=", "/", ",", ":"))
    if quote and quote not in text:
        return f"{quote}{text}" if is_open else f"{quote}{text}{quote} "
    if quote or _SPECIAL.search(text):
        text = shlex.quote(text)
    return text if is_open else f"{text} "


def _of_others(shell: Any, words: list[str], line: str) -> list[Found]:
    """What the method ``complete_NAME`` of somebody else's command offers."""
    if not words:
        return []
    method = _method(shell, words[0])
    if method is None:
        return []
    begin = len(line)
    while begin and line[begin - 1] not in _DELIMITERS:
        begin -= 1
    text = line[begin:]
    offered = method(text, line, begin, len(line)) or []
    return [Found(each, len(text), each.strip(), "") for each in map(str, offered) if each.startswith(text)]


def _method(shell: Any, name: str) -> Callable[[str, str, int, int], list[str] | None] | None:
    if name in commands.BUILT_IN or name in lines.ENDS:
        return None
    if getattr(commands.find(shell, name), "cloudmesh_command", False):
        return None
    return getattr(shell, f"complete_{name}", None)
