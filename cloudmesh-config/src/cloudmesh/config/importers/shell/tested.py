"""``[ ... ]`` and ``[[ ... ]]``: whether a condition holds, where that can be known."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cloudmesh.config.importers.shell import patterns
from cloudmesh.config.importers.shell.expansion import Expansion
from cloudmesh.config.importers.shell.syntax import Test
from cloudmesh.config.importers.shell.values import Cause, Value


@dataclass(frozen=True)
class Status:
    """How a command ended.

    Attributes:
        ok: whether with 0; None if that is not known.
        cause: why it is not known.
        names: the variables that decided it because nothing sets them.
        fault: whether it is a test that the shell finds fault with, which ``!`` in it does not turn round.
    """

    ok: bool | None
    cause: Cause | None = None
    names: frozenset[str] = frozenset()
    fault: bool = False


SUCCESS = Status(True)
_NUMBERS = {
    "-eq": lambda left, right: left == right,
    "-ne": lambda left, right: left != right,
    "-lt": lambda left, right: left < right,
    "-le": lambda left, right: left <= right,
    "-gt": lambda left, right: left > right,
    "-ge": lambda left, right: left >= right,
}
_INTEGER = re.compile(r"[ \t\n]*[-+]?[0-9]{1,18}[ \t\n]*", re.ASCII)
# Comparing by order depends on the language, and the rest on files.
_BINARY = ("=", "==", "!=", *_NUMBERS, "<", ">", "-nt", "-ot", "-ef")
_UNARY = re.compile(r"-[a-zA-Z]")


def unknown(what: str, line: int) -> Status:
    """The status of what only a running shell can know."""
    return Status(None, Cause(what, line))


def opposite(status: Status) -> Status:
    """What ``!`` makes of it."""
    return Status(None if status.ok is None else not status.ok, status.cause, status.names)


def brackets(expansion: Expansion, words: list[Value], line: int) -> Status:
    """The command ``test``, by the number of its words, as POSIX says."""
    names = frozenset[str]().union(*(word.names for word in words))
    texts = [None if word.unknown else word.text for word in words]
    if _is_unclear(words, texts):
        return Status(None, words[0].unknown or Cause("a test", line), names)
    if len(words) > 1 and texts[0] == "!" and not (len(words) == 3 and texts[1] in _BINARY):
        rest = brackets(expansion, words[1:], line)
        return rest if rest.fault else opposite(rest)
    if len(words) == 1:
        return _filled(words[0], names)
    if len(words) == 2:
        return _unary(expansion, texts[0] or "", words[1], names, line)
    if len(words) == 3 and texts[1] in _BINARY:
        return _binary(texts[1], words[0], words[2], names, line)
    return Status(False, None, names, fault=bool(words))


def _is_unclear(words: list[Value], texts: list[str | None]) -> bool:
    """Whether the form of a test depends on what is not known, or is one that POSIX does not define."""
    if len(words) > 2 and any(text in ("-a", "-o", "(", ")") for text in texts):
        return True
    if len(words) == 3 and texts[1] in _BINARY:
        return False
    if len(words) > 4 or (len(words) == 4 and texts[0] != "!"):
        return True
    return len(words) > 1 and (texts[0] is None or (len(words) == 3 and texts[1] is None))


def _filled(value: Value, names: frozenset[str]) -> Status:
    """Whether the text is not empty; of what is typed in that is taken for granted."""
    if value.unknown and not value.unknown.typed:
        return Status(None, value.unknown, names)
    return Status(bool(value.unknown or value.text), None, names)


def _unary(expansion: Expansion, operator: str, value: Value, names: frozenset[str], line: int) -> Status:
    if operator in ("-n", "-z"):
        found = _filled(value, names)
        return opposite(found) if operator == "-z" else found
    if operator == "-v" and not value.unknown and value.text.isidentifier():
        found_value = expansion.lookup(value.text, line)
        if found_value and found_value.unknown:
            return Status(None, found_value.unknown, names)
        return Status(found_value is not None, None, names if found_value else names | {value.text})
    if not _UNARY.fullmatch(operator):
        return Status(False, None, names, fault=True)
    return unknown("a test of the system", line)


def _binary(operator: str, left: Value, right: Value, names: frozenset[str], line: int) -> Status:
    cause = left.unknown or right.unknown
    if cause:
        return Status(None, cause, names)
    if operator in ("=", "==", "!="):
        return Status((left.text == right.text) == (operator != "!="), None, names)
    if operator in _NUMBERS:
        if not (_INTEGER.fullmatch(left.text) and _INTEGER.fullmatch(right.text)):
            return Status(False, None, names, fault=True)
        return Status(_NUMBERS[operator](int(left.text), int(right.text)), None, names)
    return unknown("a comparison", line)


def double_brackets(expansion: Expansion, test: Test) -> Status:
    """``[[ ... ]]``: nothing is split, and the right side of ``==`` is a pattern."""
    if test.operator == "not":
        return opposite(double_brackets(expansion, test.tests[0]))
    if test.tests:
        return _both(expansion, test, test.operator == "or")
    value = expansion.value(test.words[0])
    if len(test.words) == 1:
        return _unary(expansion, test.operator, value, value.names, test.line)
    if test.operator in ("=", "==", "!="):
        return _like(expansion, test, value)
    if test.operator in _NUMBERS and all(word.literal for word in test.words):
        return _binary(test.operator, value, expansion.value(test.words[1]), value.names, test.line)
    return unknown("a comparison", test.line)


def _both(expansion: Expansion, test: Test, either: bool) -> Status:
    """``&&`` or, with ``either``, ``||`` within double brackets."""
    left = double_brackets(expansion, test.tests[0])
    if left.ok is either:
        return left
    right = double_brackets(expansion, test.tests[1])
    names = left.names | right.names
    if left.ok is None and right.ok is not either:
        return Status(None, left.cause, names)
    return Status(right.ok, right.cause, names)


def _like(expansion: Expansion, test: Test, value: Value) -> Status:
    right = expansion.value(test.words[1])
    names = value.names | right.names
    pattern = expansion.pattern(test.words[1])
    cause = value.unknown or (pattern if isinstance(pattern, Cause) else None)
    if cause or isinstance(pattern, Cause):
        return Status(None, cause, names)
    expansion.work.spend(len(value.text) * (1 + len(pattern)), test.line)
    patterns.refuse_characters(pattern, value.text, test.line)
    return Status(patterns.matches(pattern, value.text) == (test.operator != "!="), None, names)
