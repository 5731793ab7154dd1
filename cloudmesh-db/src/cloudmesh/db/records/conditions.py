"""What a record must be like to be found: ``find("vm", cpus=ge(4), name=glob("web*"))``.

A plain value stands for ``eq(value)``. Conditions are joined by ``&`` and ``|``: ``ge(2) & lt(8)``.

They compare as Python does, with these exceptions: True is not 1; None stands for None and for nothing
at all; nan is equal to itself. An order is only between numbers, between texts (by code point), between
bytes, and between dates or times of one kind; nothing else is greater or less than anything.
"""

from __future__ import annotations

import operator
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from fnmatch import translate
from functools import lru_cache
from typing import Any

from cloudmesh.db.records.flat import InvalidRecord
from cloudmesh.db.records.values import same, to_json

_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


class Condition(ABC):
    """What a value must be like. ``matches`` alone says what that means; SQL only looks in advance."""

    @abstractmethod
    def matches(self, value: Any) -> bool:
        """Whether a value meets it; None stands for a record that has nothing there."""

    def __and__(self, other: Condition) -> Condition:
        return AllOf((self, other))

    def __or__(self, other: Condition) -> Condition:
        return OneOf((self, other))


@dataclass(frozen=True)
class Equal(Condition):
    """Equal to a value; None also finds records that have nothing there."""

    value: Any

    def matches(self, value: Any) -> bool:
        return same(value, self.value)


@dataclass(frozen=True)
class Unequal(Condition):
    """Not equal to a value; so is what has nothing there, unless the value is None."""

    value: Any

    def matches(self, value: Any) -> bool:
        return not same(value, self.value)


@dataclass(frozen=True)
class Order(Condition):
    """Greater or less than a value. ``sign`` is one of ``> >= < <=``."""

    sign: str
    value: Any

    def __post_init__(self) -> None:
        if family(self.value) is None:
            raise InvalidRecord(
                f"a condition with {self.sign} needs a number, a text, bytes, a date or a time, "
                f"not {type(self.value).__name__}"
            )

    def matches(self, value: Any) -> bool:
        return family(value) == family(self.value) and _ORDERS[self.sign](value, self.value)


@dataclass(frozen=True)
class Glob(Condition):
    """A text that fits a pattern as in a shell: ``*``, ``?``, ``[a-c]``, ``[!x]``; case counts."""

    pattern: str

    def __post_init__(self) -> None:
        if not isinstance(self.pattern, str):
            raise InvalidRecord(f"a pattern must be a text, not {type(self.pattern).__name__}")

    def matches(self, value: Any) -> bool:
        return isinstance(value, str) and _expression(self.pattern).match(value) is not None

    @property
    def prefix(self) -> str:
        """What every text that fits begins with."""
        return re.split(r"[*?\[]", self.pattern, maxsplit=1)[0]


@dataclass(frozen=True)
class AllOf(Condition):
    """Each of several."""

    parts: tuple[Condition, ...]

    def matches(self, value: Any) -> bool:
        return all(part.matches(value) for part in self.parts)


@dataclass(frozen=True)
class OneOf(Condition):
    """At least one of several."""

    parts: tuple[Condition, ...]

    def matches(self, value: Any) -> bool:
        return any(part.matches(value) for part in self.parts)


eq, ne, glob = Equal, Unequal, Glob


def gt(value: Any) -> Condition:
    """Greater; raises StoreError for a value that has no order, as None."""
    return Order(">", value)


def ge(value: Any) -> Condition:
    """Greater or equal; raises as ``gt``."""
    return Order(">=", value)


def lt(value: Any) -> Condition:
    """Less; raises as ``gt``."""
    return Order("<", value)


def le(value: Any) -> Condition:
    """Less or equal; raises as ``gt``."""
    return Order("<=", value)


def in_(values: Iterable[Any]) -> Condition:
    """Equal to one of the values; to none if there are none."""
    if isinstance(values, (str, bytes)):
        raise InvalidRecord("in_ needs a list of values; a single value needs no condition")
    return OneOf(tuple(map(Equal, values)))


def condition(wanted: Any) -> Condition:
    """What was given as a condition; a plain value means that it is equal. Raises StoreError."""
    if isinstance(wanted, Condition):
        return wanted
    if type(wanted) not in (str, int, type(None)):
        to_json(wanted)
    return Equal(wanted)


def family(value: Any) -> str | None:
    """Which values a value can be put in order with; None if with none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, datetime):
        return "local time" if value.utcoffset() is None else "time"
    names = {str: "text", bytes: "bytes", date: "date"}
    return next((name for kind, name in names.items() if isinstance(value, kind)), None)


@lru_cache(maxsize=256)
def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern))
