"""Rows become records.

Rows of a table mostly look alike: the same columns have a value. For such a shape a function is made, once,
that does nothing but put the values in their places, several times as fast as a walk along the columns.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from cloudmesh.db.records.flat import KeyPath, Leaf, Record, nest
from cloudmesh.db.records.values import DECODERS, decode, only_nulls, unpack

if TYPE_CHECKING:
    from cloudmesh.db.sql.schema import Column, Table

# Makes the record of a row whose shape it knows: which columns are NULL, and of what kind the others are.
Maker = Callable[[Sequence[Any]], dict[str, Any]]

# Rows of very many shapes are better off without makers.
_MOST = 500


class Stale(Exception):
    """The row has a column, or a first value in one, that was not there when the table was read."""


class RowReader:
    """Reads the rows of ``SELECT *`` of one table.

    Args:
        table: the table as it is known.
        names: the columns in the order of the rows; unknown before the first row.
    """

    def __init__(self, table: Table, names: Sequence[str]) -> None:
        self.width = len(names)
        self._columns: list[Column | None] = [table.columns.get(name) for name in names]
        self._table = table
        self._places = {name: place for place, name in enumerate(names)}
        self._id, self._json = self._places.get("id", 0), self._places.get("_json", 0)
        self._makers: dict[tuple[Any, ...], Maker | None] = {}

    @property
    def misses(self) -> bool:
        """Whether the rows have a column that the table as it is known has not."""
        return len(self._places) - 2 > sum(column is not None for column in self._columns)

    def record(self, row: Sequence[Any]) -> Record:
        """The record of a row.

        Raises:
            Stale: the table has to be read again.
            ValueError: what the row holds is damaged.
        """
        kept = row[self._json]
        nulls = None if kept is None else only_nulls(kept)
        if kept is not None and nulls is None:
            return self._the_long_way(row)
        shape = (nulls, *map(type, row))
        maker = self._makers.get(shape)
        if maker is None:
            return self._first_of(shape, row)
        return Record(maker(row), row[self._id])

    def _first_of(self, shape: tuple[Any, ...], row: Sequence[Any]) -> Record:
        """The record of a row whose shape has no maker; to make one pays from the second such row on."""
        if shape not in self._makers and len(self._makers) < _MOST:
            self._makers[shape] = None
        elif shape in self._makers:
            self._makers[shape] = self._maker(row, shape[0] or frozenset())
        return self._the_long_way(row)

    def _maker(self, row: Sequence[Any], nulls: frozenset[str]) -> Maker:
        leaves: list[Leaf] = []
        for place, (column, native) in enumerate(zip(self._columns, row, strict=True)):
            if column is None:
                continue
            if native is not None:
                decoded = f"{column.kind}(row[{place}])" if column.kind in DECODERS else f"row[{place}]"
                leaves.append((column.path, decoded))
            elif column.name in nulls:
                leaves.append((column.path, "None"))
        leaves += [(path, "None") for path in self._unmade(nulls)]
        # The names in it are literals of Python, and a value of the row is never part of it.
        maker: Maker = eval(f"lambda row: {_expression(nest(leaves))}", dict(DECODERS))  # noqa: S307
        return maker

    def _the_long_way(self, row: Sequence[Any]) -> Record:
        kept = unpack(row[self._json])
        leaves: list[Leaf] = []
        for column, native in zip(self._columns, row, strict=True):
            if column is None:
                continue
            if native is not None:
                _require_kind(column)
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
                column = self._table.columns.get(name)
                if column is None:
                    raise Stale
                yield column.path


def _require_kind(column: Column) -> None:
    if not column.kind:
        raise Stale


def _expression(node: dict[str, Any]) -> str:
    """Python's expression for a dict whose leaves are expressions."""
    parts = [
        f"{key!r}: {_expression(value) if isinstance(value, dict) else value}" for key, value in node.items()
    ]
    return f"{{{', '.join(parts)}}}"
