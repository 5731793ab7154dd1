"""Dotted keys such as ``clouds.uc.host``, and the values that stand for others.

A part that holds a dot, a quote or an equals sign is written in double quotes:
``clouds."my.cloud".host``. In a list the part is the number of the item, from 0.

``TBD`` means that the value is asked for, unless the keyring of the system has it. ``${NAME}`` as the whole
value, and the tag ``!env NAME``, mean an environment variable; nothing in its value is expanded further.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from cloudmesh.plugin.errors import UnknownName, UsageError
from cloudmesh.plugin.secrets import is_secret

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_PART = re.compile(rf'({_QUOTED}|[^."]+)(\.|$)', re.DOTALL)
_ASSIGNMENT = re.compile(rf'((?:{_QUOTED}|[^"=])*)=(.*)', re.DOTALL)
MISSING = object()
# No configuration of a person comes near as many levels of sections and lists.
MOST_LEVELS = 64

TO_BE_DEFINED = "TBD"
# Secrets that are good for one sign-in only: where they are TBD, whoever signs in asks for them.
ONE_TIME = ("OS_PASSCODE", "OS_CODE", "OS_AUTHORIZATION_CODE")
ENVIRONMENT_TAG = "!env"
# How an encrypted value begins: the armor of the program age.
ENCRYPTED = "-----BEGIN AGE ENCRYPTED FILE-----"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_REFERENCE = re.compile(rf"\$\{{({_VARIABLE.pattern})\}}", re.ASCII)


def split(key: str) -> list[str]:
    """The parts of a dotted key; raises UsageError if one is empty or a quote is not closed."""
    parts: list[str] = []
    position, more = 0, True
    while more:
        found = _PART.match(key, position)
        if not found:
            raise UsageError(
                # Not the text itself: it may be an assignment whose value is secret.
                "invalid key: separate its parts with dots, and double-quote a part that contains a dot"
            )
        part = found[1]
        parts.append(re.sub(r"\\(.)", r"\1", part[1:-1], flags=re.DOTALL) if part.startswith('"') else part)
        position, more = found.end(), found[2] == "."
    return parts


def join(parts: Sequence[str]) -> str:
    """The dotted key of these parts, which ``split`` takes apart again."""
    return ".".join(_quote(part) for part in parts)


def _quote(part: str) -> str:
    if part and not re.search(r'[."=]', part):
        return part
    escaped = re.sub(r'(["\\])', r"\\\1", part)
    return f'"{escaped}"'


def split_assignment(word: str) -> tuple[str, str | None]:
    """``KEY=VALUE`` in two, at the first equals sign outside quotes; the value is None if there is none."""
    found = _ASSIGNMENT.fullmatch(word)
    return (found[1], found[2]) if found else (word, None)


def hidden(parts: Sequence[str]) -> bool:
    """Whether the value is secret: its own name says so, or that of a section around it.

    The name that the user gave a cloud says nothing.
    """
    named = parts[2:] if parts[:1] == ("clouds",) or parts[:1] == ["clouds"] else parts
    return is_secret(".".join(named))


def text_of(key: Any) -> str:
    """A key of the file as text: YAML allows numbers, true, false and null."""
    if key is None:
        return "null"
    return str(key).lower() if isinstance(key, bool) else str(key)


def child(data: Any, part: str) -> Any:
    """The key of a dict or the index of a list that ``part`` means, or MISSING."""
    if isinstance(data, dict):
        if part in data:
            return part
        return next((key for key in data if text_of(key) == part), MISSING)
    if isinstance(data, list) and part.isascii() and part.isdigit() and int(part) < len(data):
        return int(part)
    return MISSING


def names(data: Any) -> list[str]:
    """What can follow a dotted key that leads to ``data``."""
    if isinstance(data, dict):
        return [_quote(text_of(key)) for key in data]
    return [str(index) for index in range(len(data))] if isinstance(data, list) else []


def find(data: Any, key: str, where: str) -> Any:
    """The value under a dotted key; raises UnknownName for the part that is missing. ``where``: the file."""
    parts = split(key)
    for depth, part in enumerate(parts):
        found = child(data, part)
        if found is MISSING:
            section = f"under {join(parts[:depth])}" if depth else "at the top"
            raise UnknownName("key", part, names(data), f"{section} in {where}")
        data = data[found]
    return data


def follow(data: Any, parts: Sequence[str]) -> Any:
    """The value that these parts lead to; None if nothing is there."""
    for part in parts:
        found = child(data, part)
        if found is MISSING:
            return None
        data = data[found]
    return data


def flatten(data: Any, parts: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value with its parts, in the order of the file; a list of plain values is one value."""
    if isinstance(data, dict) and data:
        for key, value in data.items():
            yield from flatten(value, (*parts, text_of(key)))
    elif isinstance(data, list) and any(isinstance(item, dict | list) for item in data):
        for index, value in enumerate(data):
            yield from flatten(value, (*parts, str(index)))
    else:
        yield parts, data


def map_leaves(value: Any, parts: tuple[str, ...], change: Callable[[Any, tuple[str, ...]], Any]) -> Any:
    """A copy in which each value that is not a section and no list is what ``change(value, parts)`` gives.

    Raises RecursionError for data of more than ``MOST_LEVELS`` levels.
    """
    if len(parts) > MOST_LEVELS:
        raise RecursionError
    if isinstance(value, dict):
        return {key: map_leaves(item, (*parts, text_of(key)), change) for key, item in value.items()}
    if isinstance(value, list):
        return [map_leaves(item, (*parts, str(index)), change) for index, item in enumerate(value)]
    return change(value, parts)


def leaves(value: Any, parts: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    """Each value that is not a section and no list, with the parts that lead to it."""
    found: list[tuple[tuple[str, ...], Any]] = []
    map_leaves(value, parts, lambda item, place: found.append((place, item)))
    return found


def is_to_be_defined(value: object) -> bool:
    """Whether the value is ``TBD``: not stored."""
    return isinstance(value, str) and value.strip() == TO_BE_DEFINED


def is_encrypted(value: object) -> bool:
    """Whether this value of the configuration is encrypted; a damaged one is too."""
    return isinstance(value, str) and value.lstrip().startswith(ENCRYPTED)


def variable(value: object) -> str | None:
    """The environment variable that the value refers to; None if it is no reference."""
    found = _REFERENCE.fullmatch(value.strip()) if isinstance(value, str) else None
    return found[1] if found else None


def is_elsewhere(value: object) -> bool:
    """Whether the file does not hold this value in clear: it is missing, encrypted or a reference."""
    return is_to_be_defined(value) or is_encrypted(value) or variable(value) is not None


def reference(name: str) -> str | None:
    """What ``!env NAME`` means, as a value; None if that is no name of a variable."""
    return f"${{{name.strip()}}}" if _VARIABLE.fullmatch(name.strip()) else None
