"""``Rows``: records kept by column, since thousands of dicts take longer to make than to print."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, overload

Row = Mapping[str, Any]
Values = Sequence[Any]

# Stands between texts that are looked at together.
_BETWEEN = "\x1f"
_NUMBER = re.compile("[0-9]+")
_SAME_DIGIT = {ord(digit): "0" for digit in "123456789"}


class Rows(Sequence[Row]):
    """A sequence of records with the same keys; ``values`` gives a column without making the records."""

    def __init__(self, columns: Mapping[str, Values | Callable[[], Values]], count: int) -> None:
        """Take columns by name, each with ``count`` values, or what makes them when they are first needed."""
        self._columns = dict(columns)
        self._count = count

    @classmethod
    def of(cls, rows: Sequence[Row], names: Iterable[str] = ()) -> Rows:
        """The same records by column, None where one lacks a key; with columns of these ``names``."""
        if isinstance(rows, cls):
            return rows
        keys = dict.fromkeys([*(key for row in rows for key in row), *names])
        return cls({key: [row.get(key) for row in rows] for key in keys}, len(rows))

    @property
    def names(self) -> Collection[str]:
        """The names of the columns, in their order."""
        return self._columns.keys()

    def values(self, name: str) -> Values:
        """The values of one column. Raises KeyError."""
        found = self._columns[name]
        if callable(found):
            found = self._columns[name] = found()
        return found

    def only(self, names: Iterable[str]) -> Rows:
        """The same records with these columns alone, in this order."""
        return Rows({name: self._columns[name] for name in names}, self._count)

    def take(self, places: Sequence[int]) -> Rows:
        """The records at these places, in this order."""
        if len(places) == self._count and list(places) == list(range(self._count)):
            return self
        return Rows({name: self._picked(name, places) for name in self._columns}, len(places))

    def _picked(self, name: str, places: Sequence[int]) -> Callable[[], Values]:
        return lambda: list(map(self.values(name).__getitem__, places))

    @overload
    def __getitem__(self, place: int) -> Row: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Row]: ...

    def __getitem__(self, place: int | slice) -> Row | Sequence[Row]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(self._count))]
        if not -self._count <= place < self._count:
            raise IndexError(place)
        return {name: self.values(name)[place] for name in self._columns}

    def __len__(self) -> int:
        return self._count

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Rows({list(self)!r})"


def column_of(rows: Sequence[Row], name: str) -> Values:
    """The values of a column of any rows; None where a row lacks it."""
    if isinstance(rows, Rows):
        return rows.values(name) if name in rows.names else [None] * len(rows)
    return [row.get(name) for row in rows]


def natural_keys(texts: Sequence[str]) -> Sequence[str]:
    """For each text a key that orders numbers in texts as numbers: web2 before web10, web01 beside web1.

    The keys compare with each other only.
    """
    joined = _BETWEEN.join(texts)
    shapes = joined.translate(_SAME_DIGIT).split(_BETWEEN)
    if len(set(shapes)) == 1 and len(shapes) == len(texts):
        # As with vm0001 to vm5000: the texts themselves are in this order.
        return texts
    keys = _NUMBER.sub(_number_key, joined).split(_BETWEEN)
    return keys if len(keys) == len(texts) else list(map(natural_key, texts))


def natural_key(text: str) -> str:
    """The key of one text; it compares with keys of other texts, and not with texts."""
    return _NUMBER.sub(_number_key, text)


def _number_key(found: re.Match[str]) -> str:
    """A number as a text that sorts as it counts: the more digits it has, the later it comes."""
    digits = found[0].lstrip("0")
    return f"\0{chr(len(digits))}{digits}"
