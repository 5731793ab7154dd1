"""What the words of ``cms db`` mean: conditions, orders, limits."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any

from cloudmesh.db.records.conditions import Condition, ge, glob, gt, in_, le, lt, ne
from cloudmesh.db.records.ordering import By
from cloudmesh.plugin.errors import UsageError

_CONSTANTS = {"true": True, "false": False, "null": None, "none": None}
_SIGN = re.compile(r"!=|<=|>=|=|<|>|~")
_INTEGER = re.compile(r"[+-]?\d{1,400}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_ORDERS: dict[str, Callable[[Any], Condition]] = {"<": lt, "<=": le, ">": gt, ">=": ge}


def conditions(texts: Collection[str], columns: Collection[str]) -> dict[str, Condition]:
    """The conditions by column; several on one column must all be true.

    Raises:
        UsageError: a text is no condition, or a column would have to be equal to two values.
    """
    found: dict[str, Condition] = {}
    equal: set[str] = set()
    for text in texts:
        key, sign, value = _split(text, columns)
        if sign == "=" and key in equal:
            raise UsageError(f"{key!r} cannot be equal to two values; a record can meet only one")
        if sign == "=":
            equal.add(key)
        wanted = _condition(sign, value)
        found[key] = found[key] & wanted if key in found else wanted
    return found


def order(text: str | None, columns: Collection[str]) -> list[By]:
    """The columns to order by, of a text such as ``cloud,-age``; a name of a column is taken as it is."""
    if not text:
        return []
    names = [text] if text in columns else text.split(",")
    return [
        By(name) if name in columns or not name.startswith("-") else By(name[1:], descending=True)
        for name in names
    ]


def limit(text: str | None) -> int | None:
    """A number of records; raises UsageError."""
    if text is None:
        return None
    if not re.fullmatch(r"\d{1,18}", text, re.ASCII):
        raise UsageError(f"--limit={text} is no number of records; write --limit=20")
    return int(text)


def _split(text: str, columns: Collection[str]) -> tuple[str, str, str]:
    """Key, sign and value; a key may hold signs itself, if there is a column of that name."""
    signs = list(_SIGN.finditer(text))
    if not signs:
        raise UsageError(f"the condition {text!r} is not of the form KEY=VALUE")
    known = [sign for sign in signs if text[: sign.start()] in columns]
    sign = (known or signs)[0]
    return text[: sign.start()], sign[0], text[sign.end() :]


def _condition(sign: str, value: str) -> Condition:
    if sign == "~":
        return glob(value)
    meanings = _meanings(value)
    if sign == "=":
        return in_(meanings)
    if sign == "!=":
        wanted = ne(meanings[0])
        for meaning in meanings[1:]:
            wanted &= ne(meaning)
        return wanted
    # A number is compared with numbers, anything else with texts.
    last = meanings[-1]
    return _ORDERS[sign](last if isinstance(last, (int, float)) and not isinstance(last, bool) else value)


def _meanings(text: str) -> list[Any]:
    """What a value typed in a shell may stand for: the text itself, a number, a truth value, nothing."""
    values: list[Any] = [text]
    if _INTEGER.fullmatch(text):
        values.append(int(text))
    elif _NUMBER.fullmatch(text):
        values.append(float(text))
    elif text.lower() in _CONSTANTS:
        values.append(_CONSTANTS[text.lower()])
    return values
