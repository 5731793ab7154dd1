"""What the database knows of its tables: which column holds which path, and what kind of values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from cloudmesh.db.dialects.base import DialectLimits
from cloudmesh.db.records.flat import KeyPath, Leaf, column_name, fold
from cloudmesh.db.records.values import encode, kind_of, pack
from cloudmesh.db.sql.rows import Column, RowReader, RowWriter
from cloudmesh.plugin.errors import StoreError

# Updates of more forms than these are not remembered.
_MOST_TOUCHED = 500


class Cells(NamedTuple):
    """What a row is made of: SQL values by column, and what only ``_json`` can hold."""

    native: dict[str, Any]
    kept: dict[str, Any]


class Table:
    """One table. It only ever grows: a path keeps its column, and a column its kind.

    Attributes:
        columns: the columns by name, in the order in which they were made; ``id`` is not among them.
        by_path: the same by path.
        taken: the names of columns, in lower case.
        writer: how records that look like earlier ones become rows.
        reader: how rows become records.
        selects: the statements for the usual conditions, by their columns.
    """

    writer: RowWriter
    reader: RowReader
    selects: dict[tuple[str, ...], str | None]

    def __init__(self, name: str, limits: DialectLimits, columns: Iterable[Column] = ()) -> None:
        self.name = name
        self.limits = limits
        self.columns: dict[str, Column] = {}
        self.by_path: dict[KeyPath, Column] = {}
        self.taken: set[str] = set()
        for column in columns:
            self.put(column)
        self._forget()

    def _forget(self) -> None:
        """Drop what was derived from the columns, since they have changed."""
        self.writer = RowWriter(self.by_path)
        self.reader = RowReader(self.columns, ())
        self.selects = {}
        self._touched: dict[tuple[KeyPath, ...], tuple[str, ...]] = {}

    @property
    def size(self) -> tuple[int, int]:
        """How many rows ``_columns`` has for the table, and how many of them name a kind."""
        return len(self.columns) + 1, sum(1 for column in self.columns.values() if column.kind) + 1

    def holds(self, found: Iterable[Leaf]) -> bool:
        """Whether each leaf has a column whose kind is decided, if that is needed for the leaf."""
        for path, value in found:
            column = self.by_path.get(path)
            if column is None or (not column.kind and value is not None):
                return False
        return True

    def widen(self, found: Iterable[Leaf]) -> tuple[list[Column], list[Column]]:
        """Make room for the leaves; give the new columns, and the old ones whose kind is now decided.

        Raises:
            StoreError: there would be too many columns.
        """
        new, decided = [], []
        for path, value in found:
            old = self.by_path.get(path)
            if old is None:
                name = column_name(path, self.taken, self.limits.reserved, self.limits.name_bytes)
                column = Column(name, path, kind_of(value))
                new.append(column)
            elif not old.kind and value is not None:
                column = old._replace(kind=kind_of(value))
                decided.append(column)
            else:
                continue
            self.put(column)
        most = self.limits.columns - 2
        if len(self.columns) > most:
            raise StoreError(
                f"table {self.name!r} would have {len(self.columns)} columns, more than the {most} that "
                f"{self.limits.product} can hold; store such a record as a list of pairs"
            )
        self._forget()
        return new, decided

    def cells(self, found: Iterable[Leaf]) -> Cells:
        """The leaves as a row holds them; there must be a column for each."""
        native: dict[str, Any] = {}
        kept: dict[str, Any] = {}
        for path, value in found:
            column = self.by_path[path]
            sql_value, is_all = encode(column.kind, value, self.limits.nul_in_text)
            if sql_value is not None:
                native[column.name] = sql_value
            if not is_all:
                kept[column.name] = value
        return Cells(native, kept)

    def row(self, found: Iterable[Leaf]) -> tuple[tuple[str, ...], tuple[Any, ...]]:
        """The same as columns and their values, ``_json`` last."""
        native, kept = self.cells(found)
        return (*native, "_json"), (*native.values(), pack(kept))

    def touched(self, paths: tuple[KeyPath, ...]) -> tuple[str, ...]:
        """The columns of the paths, and those above or beneath, which cannot have a value beside them."""
        names = self._touched.get(paths)
        if names is None:
            own = [self.by_path[path].name for path in paths]
            beside = [
                column.name
                for column in self.columns.values()
                if any(column.path != path and _one_within_other(column.path, path) for path in paths)
            ]
            if len(self._touched) >= _MOST_TOUCHED:
                self._touched.clear()
            names = self._touched[paths] = (*own, *beside)
        return names

    def put(self, column: Column) -> None:
        """Take a column that the database has."""
        self.columns[column.name] = column
        self.by_path[column.path] = column
        self.taken.add(fold(column.name))


def check_name(table: str, limits: DialectLimits) -> None:
    """Raise StoreError unless a table can have this name."""
    if not isinstance(table, str) or not table:
        raise StoreError(f"{table!r} is no name of a table; give a text that is not empty")
    if fold(table).startswith(("_", "sqlite_")):
        raise StoreError(f"the name {table!r} is reserved; a table cannot begin with '_' or 'sqlite_'")
    if "\0" in table or (not table.isascii() and table.encode("utf-8", "replace").decode() != table):
        raise StoreError(f"the name {table!r} of a table has a character that SQL cannot hold")
    if limits.name_bytes and len(table.encode()) > limits.name_bytes:
        raise StoreError(
            f"the name {table!r} of a table is longer than the {limits.name_bytes} bytes that "
            f"{limits.product} allows"
        )


def _one_within_other(one: KeyPath, other: KeyPath) -> bool:
    """Whether one path leads through the place of the other, so that both cannot have values."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]
