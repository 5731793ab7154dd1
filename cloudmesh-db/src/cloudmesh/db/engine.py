"""The statements behind ``Database``, and the memory of the tables that spares reading them each time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cloudmesh.db import schema
from cloudmesh.db.flat import Leaf, fold
from cloudmesh.db.link import Link
from cloudmesh.db.schema import Schema, Table, quote
from cloudmesh.db.values import pack, to_json
from cloudmesh.db.where import where_sql
from cloudmesh.plugin.errors import StoreError, UnknownName


class Engine:
    """Reads and writes rows of tables. Those that write belong into ``atomic``, except ``insert``.

    Tables only grow. So a writer may trust what it remembers of columns that exist, and a reader checks
    afterwards whether something was added.
    """

    def __init__(self, path: Path | str) -> None:
        self.link = Link(path)
        self._schema: Schema | None = None
        self._indexed: set[str] = set()

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """A transaction or a savepoint; an error undoes it."""
        try:
            with self.link.atomic():
                yield
        except BaseException:
            # Tables, columns and indexes that were just made are undone as well.
            self._schema = None
            self._indexed.clear()
            raise

    def tables(self) -> dict[str, Table]:
        """All tables, as they are now."""
        if not self.link.exists:
            return {}
        if not self._is_current():
            self._schema = None
        return self._remembered()

    def known(self, name: str) -> Table | None:
        """A table as it was when last read, or None if there is no such table."""
        if not self.link.exists:
            return None
        return self._remembered().get(name) or self.tables().get(name)

    def table(self, name: str) -> Table:
        """The table; raises UnknownName if there is none."""
        found = self.known(name)
        if found is None:
            raise UnknownName("table", name, self.tables(), f"in the store {self.link.path}")
        return found

    def ready(self, name: str, conditions: Iterable[str]) -> Table:
        """The table, with all that a condition on these columns must know; raises UnknownName."""
        table = self.table(name)
        columns = [column for column in conditions if column != "id"]
        if not all(column in table.columns and table.columns[column].kind for column in columns):
            self._schema = None
            table = self.table(name)
        for column in columns:
            if column not in table.columns:
                raise UnknownName("column", column, ["id", *table.columns], f"in table {name!r}")
        return table

    def fetch(
        self, name: str, conditions: Mapping[str, Any], select: Callable[[Table], str]
    ) -> tuple[Table, list[Any]]:
        """The rows that meet the conditions, in the order of their ids, and the table to read them by."""
        table, rows = self._fetch(name, conditions, select)
        if self._is_current() and not _has_more(table, rows):
            return table, rows
        # A table has grown meanwhile. It may go on to, so this time nothing may change while we read.
        with self.link.snapshot():
            self._schema = None
            return self._fetch(name, conditions, select)

    def widened(self, name: str, found: list[Leaf]) -> Table:
        """The table with room for the leaves, made if there is none."""
        table = self.known(name)
        if table is not None and table.holds(found):
            return table
        self._schema = None
        remembered = self._remembered()
        connection = self.link.connection
        with self.link.errors():
            table = remembered.get(name)
            if table is None:
                table = _new_table(name, found, remembered)
                schema.create(connection, table)
            else:
                schema.grow(connection, table, *table.widen(found))
            self._schema = Schema(schema.version(connection), {**remembered, name: table})
        return table

    def index(self, table: Table, columns: Iterable[str]) -> None:
        """Make rows quick to find by these columns; looked after once for each table and columns."""
        name, sql = schema.index_sql(table, columns)
        if name not in self._indexed:
            self._execute(sql, [])
            self._indexed.add(name)

    def insert(self, table: Table, found: list[Leaf]) -> int:
        """Add a row; the table must hold the leaves. Gives the new id."""
        native, kept = table.cells(found)
        names = ", ".join([*map(quote, native), "_json"])
        marks = ", ".join("?" * (len(native) + 1))
        sql = f"INSERT INTO {quote(table.name)} ({names}) VALUES ({marks})"  # noqa: S608 all quoted
        return int(self._execute(sql, [*native.values(), pack(kept)]).lastrowid or 0)

    def replace(self, table: Table, found: list[Leaf], id: int) -> None:
        """Make a row hold these leaves and nothing else."""
        native, kept = table.cells(found)
        changes = ", ".join([*(f"{quote(name)} = ?" for name in table.columns), "_json = ?"])
        values = [*map(native.get, table.columns), pack(kept), id]
        self._execute(f"UPDATE {quote(table.name)} SET {changes} WHERE id = ?", values)  # noqa: S608

    def change(self, table: Table, found: list[Leaf], conditions: Mapping[str, Any]) -> int:
        """Set the leaves in the rows that meet the conditions, and give their number."""
        native, kept = table.cells(found)
        names = [*(table.by_path[path].name for path, _ in found), *table.beside(found)]
        changes = ", ".join([*(f"{quote(name)} = ?" for name in names), "_json = kept_changed(_json, ?, ?)"])
        clause, bound = where_sql(table, conditions)
        values = [*map(native.get, names), to_json(names), pack(kept), *bound]
        return self._execute(f"UPDATE {quote(table.name)} SET {changes}{clause}", values).rowcount  # noqa: S608

    def remove(self, table: Table, conditions: Mapping[str, Any]) -> int:
        """Delete the rows that meet the conditions, and give their number."""
        clause, bound = where_sql(table, conditions)
        return self._execute(f"DELETE FROM {quote(table.name)}{clause}", bound).rowcount  # noqa: S608

    def _fetch(
        self, name: str, conditions: Mapping[str, Any], select: Callable[[Table], str]
    ) -> tuple[Table, list[Any]]:
        table = self.ready(name, conditions)
        clause, bound = where_sql(table, conditions)
        sql = f"SELECT {select(table)} FROM {quote(name)}{clause} ORDER BY id"  # noqa: S608 all quoted
        with self.link.errors():
            return table, self.link.connection.execute(sql, bound).fetchall()

    def _execute(self, sql: str, bound: list[Any]) -> sqlite3.Cursor:
        with self.link.errors():
            return self.link.connection.execute(sql, bound)

    def _remembered(self) -> dict[str, Table]:
        if self._schema is None:
            with self.link.errors():
                self._schema = schema.load(self.link.connection)
        return self._schema.tables

    def _is_current(self) -> bool:
        with self.link.errors():
            number = schema.version(self.link.connection)
        return self._schema is not None and self._schema.version == number


def _new_table(name: str, found: list[Leaf], others: Iterable[str]) -> Table:
    schema.check_name(name)
    for other in others:
        if fold(other) == fold(name):
            raise StoreError(f"table {name!r} differs from {other!r} in letter case alone; use that name")
    table = Table(name)
    table.widen(found)
    return table


def _has_more(table: Table, rows: list[Any]) -> bool:
    """Whether a row has a value in a column whose kind was not decided when the table was read."""
    # The first two are id and _json; a count has no columns at all.
    places = [place + 2 for place in table.undecided]
    return bool(places) and any(len(row) > 1 and row[place] is not None for row in rows for place in places)
