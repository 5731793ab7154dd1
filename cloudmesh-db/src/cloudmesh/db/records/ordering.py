"""The order in which records are given.

Values of one kind follow each other: false and true, numbers, texts by code point, bytes, dates, times
without and with a zone, all else by its JSON. What has None or nothing comes last, in either direction.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cloudmesh.db.records.conditions import family
from cloudmesh.db.records.flat import InvalidRecord, KeyPath, Record
from cloudmesh.db.records.values import to_json

_FAMILIES = ("number", "text", "bytes", "date", "local time", "time")


@dataclass(frozen=True)
class By:
    """A column to order by; made by ``desc`` where the greatest comes first."""

    column: str
    descending: bool = False


def desc(column: str) -> By:
    """The column, the greatest first: ``find("job", order=desc("began"), limit=10)``."""
    return By(column, descending=True)


def by(order: str | By | Iterable[str | By]) -> list[By]:
    """The columns to order by, the first being the most important; raises InvalidRecord."""
    given = [order] if isinstance(order, (str, By)) or not isinstance(order, Iterable) else list(order)
    if not all(isinstance(each, (str, By)) for each in given):
        raise InvalidRecord(f"an order is a list of columns, not {order!r}")
    return [each if isinstance(each, By) else By(each) for each in given]


def check_limit(limit: int | None) -> None:
    """Raise StoreError for anything but a number of records or None."""
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 0):
        raise InvalidRecord(f"a limit is a number of records from 0, not {limit!r}")


def arranged(records: list[Record], order: Sequence[tuple[KeyPath, bool]]) -> list[Record]:
    """The records in order of the values at some paths; True stands for descending."""
    for path, descending in reversed(order):
        some: list[tuple[Any, Record]] = []
        none: list[tuple[Any, Record]] = []
        for record in records:
            value = at(record, path)
            (none if value is None else some).append((_rank(value), record))
        # Sorting is stable, also in reverse.
        some.sort(key=lambda pair: pair[0], reverse=descending)
        records = [record for _, record in [*some, *none]]
    return records


def at(record: Record, path: KeyPath) -> Any:
    """The value at a path of a record; None if there is nothing, or a dict that is not empty.

    The empty path is that of the id.
    """
    if not path:
        return record.id
    value: Any = record
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return None
        value = value[key]
    return None if isinstance(value, dict) and value else value


def _rank(value: Any) -> tuple[int, Any]:
    """A key that compares with that of any other value."""
    if isinstance(value, bool):
        return 0, value
    kind = family(value)
    if kind is None:
        return len(_FAMILIES) + 1, to_json(value)
    if isinstance(value, float) and math.isnan(value):
        # nan is neither less nor greater; it comes behind all other numbers.
        return 1, (1, 0)
    return 1 + _FAMILIES.index(kind), (0, value) if kind == "number" else value
