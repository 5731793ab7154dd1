"""Records become rows, and rows become records again.

Machines of one cloud look alike: they have the same keys and, at each key, the same type of value. So the
way from a record to its row is worked out once for each such shape. After that a record is compared with the
last shape, a dict at a time, and its values are picked into their places. Rows are read back in the same
manner. Unusual records go through ``Table.row``, which alone defines what a row is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from operator import itemgetter
from types import NoneType
from typing import Any, NamedTuple

from cloudmesh.db.records.flat import KeyPath, Record, nest
from cloudmesh.db.records.values import DECODERS, is_plain, list_json, unpack

Columns = tuple[str, ...]
Row = tuple[Any, ...]
Pick = Callable[[Any], tuple[Any, ...]]

# The values that a column of their own kind holds as they are, or as JSON made by list_json.
_NATIVE = {
    str: "text",
    int: "integer",
    float: "real",
    bool: "boolean",
    bytes: "blob",
    list: "json",
    dict: "json",
}
# So many shapes of one table are remembered at a time.
_MOST_SHAPES = 500


class Column(NamedTuple):
    """A column, the keys that lead to its values, and their kind (see ``values.KINDS``)."""

    name: str
    path: KeyPath
    kind: str


# The number of each record, to which no key leads.
ID = Column("id", (), "integer")


class RowWriter:
    """Makes rows of records whose shape was seen before, for the columns of a table as they are now."""

    def __init__(self, by_path: Mapping[KeyPath, Column]) -> None:
        self._by_path = by_path
        self._shapes: dict[tuple[Any, ...], _RecordShape] = {}
        self._last = _RecordShape({"": ""}, {})

    def row(self, record: Mapping[str, Any]) -> tuple[Columns, Row] | None:
        """The columns, ``_json`` last, and the row; None if ``Table.row`` must make them."""
        row = self._last.row(record)
        if row is None and (shape := self._shape(record)) and (row := shape.row(record)):
            self._last = shape
        return (self._last.columns, row) if row is not None else None

    def rows(self, records: Sequence[Mapping[str, Any]], start: int) -> tuple[Columns, list[Row]]:
        """The columns, ``_json`` last, and the rows of the records from ``start`` on that have one shape.

        There are no rows if the first of these records is one for ``Table.row``.
        """
        first = self.row(records[start])
        if first is None:
            return (), []
        rows = [first[1]]
        for row in map(self._last.row, islice(records, start + 1, None)):
            if row is None:
                break
            rows.append(row)
        return self._last.columns, rows

    def _shape(self, record: Mapping[str, Any]) -> _RecordShape | None:
        """The shape of a record, worked out if it is a new one; None for what is no plain dict."""
        if type(record) is not dict:
            return None
        try:
            key = _shape_key(record)
        except RecursionError:
            return None
        shape = self._shapes.get(key)
        if shape is None:
            if len(self._shapes) >= _MOST_SHAPES:
                self._shapes.clear()
            shape = self._shapes[key] = _RecordShape(record, self._by_path)
        return shape


class _RecordShape:
    """How records of one shape become rows, whose ``columns`` have ``_json`` last."""

    def __init__(self, record: dict[str, Any], by_path: Mapping[KeyPath, Column]) -> None:
        # Each dict of the record: its place in the list of all values, its length, what gives its values.
        self._dicts: list[tuple[int, int, Pick]] = []
        self._lists: list[int] = []
        self._floats: list[int] = []
        self._fits = True
        places: dict[str, int] = {}
        nulls: list[str] = []
        walked = self._walk(record)
        self._types = [type(value) for _, value in walked]
        for place, (path, value) in enumerate(walked):
            column = by_path.get(path)
            kind = type(value)
            if kind is dict and (value or not path):
                continue
            if column is not None and kind is NoneType:
                nulls.append(f"{json.dumps(column.name)}:null")
            elif column is None or _NATIVE.get(kind) != column.kind:
                self._fits = False
            else:
                places[column.name] = place
                if column.kind == "json":
                    self._lists.append(place)
                if kind is float:
                    self._floats.append(place)
        self.columns = (*places, "_json")
        self._nulls = f"{{{','.join(nulls)}}}" if nulls else None
        self._pick = picker([*places.values(), -1])

    def _walk(self, record: dict[str, Any]) -> list[tuple[KeyPath, Any]]:
        """All values with their paths, in the order of ``row``: a dict before the values in it."""
        found: list[tuple[KeyPath, Any]] = [((), record)]
        # The list grows meanwhile.
        for place, (path, value) in enumerate(found):
            if type(value) is dict:
                self._dicts.append((place, len(value), picker(list(value))))
                found += [((*path, key), inner) for key, inner in value.items()]
        return found

    def row(self, record: Mapping[str, Any]) -> Row | None:
        """The row of a record, None if it is of another shape or a column cannot hold one of its values."""
        if not self._fits:
            return None
        values: list[Any] = [record]
        try:
            for place, size, pick in self._dicts:
                inner = values[place]
                if type(inner) is not dict or len(inner) != size:
                    return None
                values += pick(inner)
        except KeyError:
            return None
        if list(map(type, values)) != self._types:
            return None
        for place in self._floats:
            number = values[place]
            if not (number > 0 or number < 0 or is_plain(number)):
                return None
        for place in self._lists:
            values[place] = list_json(values[place])
        values.append(self._nulls)
        return self._pick(values)


def _shape_key(record: dict[str, Any]) -> tuple[Any, ...]:
    """The keys of a record with the types of the values, and of the dicts in it the same."""
    return tuple(
        (key, _shape_key(value) if type(value) is dict and value else type(value))
        for key, value in record.items()
    )


def picker(places: Sequence[Any]) -> Pick:
    """A function that gives the values at these places of a list, or at these keys of a dict, as a tuple."""
    if len(places) == 1:
        return lambda values: (values[places[0]],)
    return itemgetter(*places) if places else lambda values: ()


class StaleTable(Exception):
    """The row has a column, or a first value in one, that was not there when the table was read."""


class RowReader:
    """Makes records of the rows of ``SELECT *`` of one table."""

    def __init__(self, columns: Mapping[str, Column], described: Sequence[Any]) -> None:
        """Take the columns as far as they are known, and those of the rows as DB-API describes them."""
        self.width = len(described)
        self._known = columns
        places = {column[0]: place for place, column in enumerate(described)}
        self._names = places.keys()
        self._columns = [columns.get(name) for name in places]
        self._id, self._json = places.get("id", 0), places.get("_json", 0)
        self._shapes: dict[tuple[Any, ...], _RowShape] = {}

    @property
    def gone(self) -> list[str]:
        """The columns that the rows must have and do not: another program has removed or renamed them."""
        return [name for name, column in self._known.items() if column.kind and name not in self._names]

    @property
    def misses(self) -> bool:
        """Whether the rows have a column that the table as it is known has not."""
        return len(self._names) - 2 > sum(column is not None for column in self._columns)

    def record(self, row: Sequence[Any]) -> Record:
        """The record of a row; raises StaleTable, or ValueError for what is damaged."""
        kept = unpack(row[self._json])
        key = (*kept, *map(type, row))
        shape = self._shapes.get(key)
        if shape is None:
            if len(self._shapes) >= _MOST_SHAPES:
                self._shapes.clear()
            shape = self._shapes[key] = self._plan(row, kept)
        return Record(shape.items(row, kept.values()), row[self._id])

    def _plan(self, row: Sequence[Any], kept: Collection[str]) -> _RowShape:
        """Work out the shape of a row, of which ``_json`` has the values of the columns ``kept``."""
        behind = {name: place for place, name in enumerate(kept, self.width)}
        places: list[tuple[KeyPath, int]] = []
        decoders = []
        for place, (column, native) in enumerate(zip(self._columns, row, strict=True)):
            if column is None:
                continue
            if native is not None and not column.kind:
                raise StaleTable
            if column.name in behind:
                places.append((column.path, behind[column.name]))
            elif native is not None:
                places.append((column.path, place))
                if column.kind in DECODERS:
                    decoders.append((place, DECODERS[column.kind]))
        for name, place in behind.items():
            # A column that only ever saw None is not made in every database.
            if name not in self._names:
                if name not in self._known:
                    raise StaleTable
                places.append((self._known[name].path, place))
        return _RowShape(places, decoders, self.width + len(kept))


class _RowShape:
    """How rows in which the same columns have values become records."""

    def __init__(
        self, places: list[tuple[KeyPath, int]], decoders: list[tuple[int, Callable[[Any], Any]]], width: int
    ) -> None:
        """Plan it.

        Args:
            places: for each leaf of the record its path, and where it is among the values of the row and of
                ``_json`` together, of which there are ``width``.
            decoders: places of values, each with what makes of the value there one of Python.
        """
        self._decoders = decoders
        self._dicts: list[tuple[tuple[str, ...], Pick]] = []
        # Behind all values stands each dict of the record, the innermost first.
        self._next = width
        self._lay(nest(places))
        self._keys, self._pick = self._dicts.pop()

    def _lay(self, tree: dict[str, Any]) -> int:
        """Plan the dict of a tree after those in it; gives the place where it will stand."""
        places = [self._lay(each) if isinstance(each, dict) else each for each in tree.values()]
        self._dicts.append((tuple(tree), picker(places)))
        self._next += 1
        return self._next - 1

    def items(self, row: Sequence[Any], kept: Iterable[Any]) -> Iterator[tuple[str, Any]]:
        """The keys and values of the record."""
        values = [*row, *kept]
        for place, decoder in self._decoders:
            values[place] = decoder(values[place])
        for keys, pick in self._dicts:
            values.append(dict(zip(keys, pick(values))))  # noqa: B905 they are as many
        return zip(self._keys, self._pick(values))  # noqa: B905
