"""Records become rows, and rows become records again.

Machines of one cloud look alike: they have the same keys and, at each key, the same type of value. So the
way from a record to its row is worked out once for each such shape: where each value goes, and what must be
true of it. After that a record is compared with the last shape, a dict at a time, and its values are picked
into their places. Rows are read back in the same manner. The first record of a shape, and every unusual one,
goes through ``Table.cells`` and ``RowReader._by_columns`` instead; they alone define what a row is, and what
is worked out for a shape gives the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from operator import itemgetter
from types import NoneType
from typing import Any, NamedTuple

from cloudmesh.db.records.flat import KeyPath, Leaf, Record, nest
from cloudmesh.db.records.values import DECODERS, decode, is_plain, list_json, only_nulls, unpack

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
# So many shapes of one table are remembered; where there are more, remembering does not help.
_MOST_SHAPES = 500


class Column(NamedTuple):
    """A column, the keys that lead to its values, and their kind (see ``values.KINDS``)."""

    name: str
    path: KeyPath
    kind: str


class RowWriter:
    """Makes rows of records whose shape was seen before.

    Args:
        by_path: the columns of the table as they are now.
    """

    def __init__(self, by_path: Mapping[KeyPath, Column]) -> None:
        self._by_path = by_path
        self._shapes: dict[tuple[Any, ...], _RecordShape | None] = {}
        self._last = _RecordShape({"": ""}, {})

    def row(self, record: Mapping[str, Any]) -> tuple[Columns, Row] | None:
        """The columns, ``_json`` last, and the row; None if ``Table.row`` must make them."""
        row = self._last.row(record)
        if row is None:
            shape = self._shape(record)
            row = shape.row(record) if shape else None
            if shape is None or row is None:
                return None
            self._last = shape
        return self._last.columns, row

    def rows(self, records: Sequence[Mapping[str, Any]], start: int) -> tuple[Columns, list[Row]]:
        """The columns, ``_json`` last, and the rows of the records from ``start`` on that have one shape.

        There are no rows if the first of these records is one for ``Table.row``.
        """
        first = self.row(records[start])
        if first is None:
            return (), []
        rows = [first[1]]
        row_of = self._last.row
        for place in range(start + 1, len(records)):
            row = row_of(records[place])
            if row is None:
                break
            rows.append(row)
        return self._last.columns, rows

    def _shape(self, record: Mapping[str, Any]) -> _RecordShape | None:
        """The shape of a record; it is worked out when the second such record comes."""
        if type(record) is not dict:
            return None
        try:
            key = _shape_key(record)
        except RecursionError:
            return None
        if key not in self._shapes:
            if len(self._shapes) < _MOST_SHAPES:
                self._shapes[key] = None
            return None
        shape = self._shapes[key]
        if shape is None:
            shape = self._shapes[key] = _RecordShape(record, self._by_path)
        return shape


class _RecordShape:
    """How records of one shape become rows.

    Attributes:
        columns: the columns of the rows, ``_json`` last.
    """

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
    """Makes records of the rows of ``SELECT *`` of one table.

    Args:
        columns: the columns of the table by name, as far as they are known.
        names: the columns in the order of the rows; unknown before the first row.
    """

    def __init__(self, columns: Mapping[str, Column], names: Sequence[str]) -> None:
        self.width = len(names)
        self._known = columns
        self._columns = [columns.get(name) for name in names]
        self._places = {name: place for place, name in enumerate(names)}
        self._id, self._json = self._places.get("id", 0), self._places.get("_json", 0)
        self._shapes: dict[tuple[frozenset[str], tuple[type, ...]], _RowShape | None] = {}
        self._last = _RowShape([], [], 0)
        self._last_kept: str | None = None
        self._last_types: tuple[type, ...] = ()

    @property
    def misses(self) -> bool:
        """Whether the rows have a column that the table as it is known has not."""
        return len(self._places) - 2 > sum(column is not None for column in self._columns)

    def record(self, row: Sequence[Any]) -> Record:
        """The record of a row.

        Raises:
            StaleTable: the table has to be read again.
            ValueError: what the row holds is damaged.
        """
        kept = row[self._json]
        types = tuple(map(type, row))
        if kept != self._last_kept or types != self._last_types:
            shape = self._shape(row, kept, types)
            if shape is None:
                return self._by_columns(row)
            self._last, self._last_kept, self._last_types = shape, kept, types
        return Record(self._last.items(row), row[self._id])

    def _shape(self, row: Sequence[Any], kept: str | None, types: tuple[type, ...]) -> _RowShape | None:
        """The shape of a row, if it has one; it is worked out when the second such row comes."""
        nulls = frozenset() if kept is None else only_nulls(kept)
        if nulls is None:
            return None
        key = nulls, types
        if key not in self._shapes:
            if len(self._shapes) < _MOST_SHAPES:
                self._shapes[key] = None
            return None
        shape = self._shapes[key]
        if shape is None:
            shape = self._shapes[key] = self._planned(row, nulls)
        return shape

    def _planned(self, row: Sequence[Any], nulls: frozenset[str]) -> _RowShape:
        places: list[tuple[KeyPath, int | None]] = []
        decoders = []
        for place, (column, native) in enumerate(zip(self._columns, row, strict=True)):
            if column is None:
                continue
            if native is not None:
                places.append((column.path, place))
                if column.kind in DECODERS:
                    decoders.append((place, DECODERS[column.kind]))
            elif column.name in nulls:
                places.append((column.path, None))
        places += [(path, None) for path in self._unmade(nulls)]
        return _RowShape(places, decoders, len(row))

    def _by_columns(self, row: Sequence[Any]) -> Record:
        """The record of any row, column by column."""
        kept = unpack(row[self._json])
        leaves: list[Leaf] = []
        for column, native in zip(self._columns, row, strict=True):
            if column is None:
                continue
            if native is not None and not column.kind:
                raise StaleTable
            if column.name in kept:
                leaves.append((column.path, kept[column.name]))
            elif native is not None:
                leaves.append((column.path, decode(column.kind, native)))
        leaves += [(path, None) for path in self._unmade(kept)]
        return Record(nest(leaves), row[self._id])

    def _unmade(self, kept: Collection[str]) -> Iterator[KeyPath]:
        """The paths of columns that ``_json`` has and the rows have not, since they only ever saw None."""
        for name in kept:
            if name not in self._places:
                column = self._known.get(name)
                if column is None:
                    raise StaleTable
                yield column.path


class _RowShape:
    """How rows in which the same columns have values become records.

    Args:
        places: for each leaf of the record its path, and where in the row it is; None for a leaf of None.
        decoders: places in the row, each with what makes a value of what stands there.
        width: the number of columns.
    """

    def __init__(
        self,
        places: list[tuple[KeyPath, int | None]],
        decoders: list[tuple[int, Callable[[Any], Any]]],
        width: int,
    ) -> None:
        self._decoders = decoders
        self._dicts: list[tuple[tuple[str, ...], Pick]] = []
        # Behind the values of the row stands None, and then each dict, the innermost first.
        self._next = width + 1
        tree = nest((path, width if place is None else place) for path, place in places)
        self._lay(tree)
        self._keys, self._pick = self._dicts.pop()

    def _lay(self, tree: dict[str, Any]) -> int:
        """Plan the dict of a tree after those in it; gives the place where it will stand."""
        places = [self._lay(each) if isinstance(each, dict) else each for each in tree.values()]
        self._dicts.append((tuple(tree), picker(places)))
        self._next += 1
        return self._next - 1

    def items(self, row: Sequence[Any]) -> Iterator[tuple[str, Any]]:
        """The keys and values of the record."""
        values = [*row, None]
        for place, decoder in self._decoders:
            values[place] = decoder(values[place])
        for keys, pick in self._dicts:
            values.append(dict(zip(keys, pick(values))))  # noqa: B905 they are as many
        return zip(self._keys, self._pick(values))  # noqa: B905
