"""Patterns of the shell (``*``, ``?``, ``[a-z]``) on whole texts, at their ends and within."""

from __future__ import annotations

import string
from collections.abc import Sequence

from cloudmesh.config.importers.shell.syntax import ScriptError

# One character: itself, None for any, or a set of characters with whether it is one of them.
_One = str | tuple[frozenset[str], bool] | None
ANY_NUMBER = object()
Pattern = list[object]
_RANGES = (string.digits, string.ascii_lowercase, string.ascii_uppercase)


def compiled(pieces: Sequence[tuple[str, bool]], line: int) -> Pattern:
    """The pattern of these texts, each with whether it is quoted; raises ScriptError."""
    signs = [(sign, quoted) for text, quoted in pieces for sign in text]
    found, at = Pattern(), 0
    while at < len(signs):
        sign, quoted = signs[at]
        at += 1
        if not quoted and sign == "[":
            one, at = _bracket(signs, at, line)
            found.append(one)
        elif not quoted and sign == "*":
            found.extend([ANY_NUMBER] if found[-1:] != [ANY_NUMBER] else [])
        elif not quoted and sign == "\\":
            raise ScriptError(line, "this pattern is not understood")
        else:
            found.append(None if not quoted and sign == "?" else sign)
    return found


def _bracket(signs: list[tuple[str, bool]], at: int, line: int) -> tuple[_One, int]:
    """The set of characters whose bracket opened before ``at``, and where it ends."""
    inside = list[str]()
    while at < len(signs) and not (inside and signs[at] == ("]", False)):
        inside.append(signs[at][0])
        at += 1
    text = "".join(inside)
    negated = text[:1] in ("!", "^")
    text = text[1:] if negated else text
    if at >= len(signs) or not text or "[" in text or "\\" in text or text[0] == "]":
        raise ScriptError(line, "this pattern is not understood")
    members = set[str]()
    while text:
        if len(text) > 2 and text[1] == "-":
            where = next((each for each in _RANGES if text[0] in each and text[2] in each), "")
            if not where or text[0] > text[2]:
                raise ScriptError(line, "this pattern is not understood")
            members.update(where[where.index(text[0]) : where.index(text[2]) + 1])
            text = text[3:]
        else:
            members.add(text[0])
            text = text[1:]
    return (frozenset(members), not negated), at + 1


def _fits(one: object, sign: str) -> bool:
    if one is None or one == sign:
        return True
    return isinstance(one, tuple) and (sign in one[0]) == one[1]


def matches(pattern: Pattern, text: str) -> bool:
    """Whether the pattern matches the whole text; the time is that of their lengths multiplied, at most."""
    at = where = back = 0
    star = -1
    while at < len(text):
        if where < len(pattern) and pattern[where] is ANY_NUMBER:
            star, back = where, at
            where += 1
        elif where < len(pattern) and _fits(pattern[where], text[at]):
            at, where = at + 1, where + 1
        elif star >= 0:
            back += 1
            at, where = back, star + 1
        else:
            return False
    return all(one is ANY_NUMBER for one in pattern[where:])


def refuse_characters(pattern: Pattern, text: str, line: int) -> None:
    """Raises ScriptError if ``?`` or a set could match a byte or a character, as the language has it."""
    if not text.isascii() and any(one is None or isinstance(one, tuple) for one in pattern):
        raise ScriptError(line, "this pattern on characters beyond ASCII is not understood")


def without_end(pattern: Pattern, text: str, operator: str) -> str:
    """The text without its shortest (``#``, ``%``) or longest (``##``, ``%%``) match at one end."""
    lengths = range(len(text) + 1) if len(operator) == 1 else range(len(text), -1, -1)
    for length in lengths:
        if operator[0] == "#" and matches(pattern, text[:length]):
            return text[length:]
        if operator[0] == "%" and matches(pattern, text[len(text) - length :]):
            return text[: len(text) - length]
    return text


def replaced(pattern: Pattern, text: str, new: str, *, everywhere: bool) -> str:
    """The text with the first of the longest matches replaced, or each of them."""
    if not pattern:
        return text
    pieces, at = list[str](), 0
    while at < len(text):
        end = next((end for end in range(len(text), at, -1) if matches(pattern, text[at:end])), at)
        if end > at:
            pieces.append(new)
            at = end
            if not everywhere:
                break
        else:
            pieces.append(text[at])
            at += 1
    return "".join(pieces) + text[at:]
