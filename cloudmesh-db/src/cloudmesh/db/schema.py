"""What the database knows of its tables: which column holds which path, and what kind of values."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from cloudmesh.db.flat import KeyPath, Leaf, column_name, fold
from cloudmesh.db.values import SQL_TYPES, decode, encode, kind_of, unpack
from cloudmesh.plugin.errors import StoreError

# The limit of sqlite as it is commonly built, SQLITE_MAX_COLUMN.
MOST_COLUMNS = 2000


class Column(NamedTuple):
    """A column, the keys that lead to its values, and their kind (see ``values.SQL_TYPES``)."""

    name: str
    path: KeyPath
    kind: str


class Cells(NamedTuple):
    """What a row is made of: SQL values by column, and what only ``_json`` can hold."""

    native: dict[str, Any]
    kept: dict[str, Any]


class Table:
    """One table. It only ever grows: a path keeps its column, and a column its kind."""

    def __init__(self, name: str, columns: Iterable[Column] = ()) -> None:
        self.name = name
        self.columns: dict[str, Column] = {}
        self.by_path: dict[KeyPath, Column] = {}
        self._taken: set[str] = set()
        for column in columns:
            self.put(column)

    def holds(self, found: Iterable[Leaf]) -> bool:
        """Whether each leaf has a column whose kind is decided, if that is needed for the leaf."""
        for path, value in found:
            column = self.by_path.get(path)
            if column is None or (not column.kind and value is not None):
                return False
        return True

    def widen(self, found: Iterable[Leaf]) -> tuple[list[Column], list[Column]]:
        """Make room for the leaves; give the new columns, and the old ones whose kind is now decided."""
        new, decided = [], []
        for path, value in found:
            old = self.by_path.get(path)
            if old is None:
                column = Column(column_name(path, self._taken), path, kind_of(value))
                new.append(column)
            elif not old.kind and value is not None:
                column = old._replace(kind=kind_of(value))
                decided.append(column)
            else:
                continue
            self.put(column)
        if len(self.columns) + 2 > MOST_COLUMNS:
            raise StoreError(
                f"table {self.name!r} would have {len(self.columns)} columns, more than the "
                f"{MOST_COLUMNS - 2} that sqlite can hold; store such a record as a list of pairs"
            )
        return new, decided

    def cells(self, found: Iterable[Leaf]) -> Cells:
        """The leaves as a row holds them; there must be a column for each."""
        native: dict[str, Any] = {}
        kept: dict[str, Any] = {}
        for path, value in found:
            column = self.by_path[path]
            if type(value) is str and column.kind == "text" and value.isascii():
                # The usual case, in short.
                native[column.name] = value
                continue
            sql_value, is_all = encode(column.kind, value)
            if sql_value is not None:
                native[column.name] = sql_value
            if not is_all:
                kept[column.name] = value
        return Cells(native, kept)

    @property
    def undecided(self) -> list[int]:
        """The positions of the columns that have only seen None."""
        return [place for place, column in enumerate(self.columns.values()) if not column.kind]

    def values(self, natives: Iterable[Any], kept_text: str | None) -> list[tuple[Column, Any]]:
        """The columns that a row has, with their values; ``natives`` are in the order of the columns."""
        kept = unpack(kept_text)
        return [
            (column, kept[column.name] if column.name in kept else decode(column.kind, native))
            for column, native in zip(self.columns.values(), natives, strict=True)
            if native is not None or column.name in kept
        ]

    def beside(self, found: Iterable[Leaf]) -> list[str]:
        """The columns that lie above or beneath the leaves, which cannot have a value beside them."""
        paths = [path for path, _ in found]
        return [
            column.name
            for column in self.columns.values()
            if any(column.path != path and _one_within_other(column.path, path) for path in paths)
        ]

    def put(self, column: Column) -> None:
        """Take a column that the database has."""
        self.columns[column.name] = column
        self.by_path[column.path] = column
        self._taken.add(fold(column.name))


class Schema:
    """All tables of a database, as they were at ``version`` (PRAGMA schema_version)."""

    def __init__(self, number: int, tables: Mapping[str, Table]) -> None:
        self.version = number
        self.tables = dict(tables)


def version(connection: sqlite3.Connection) -> int:
    """A number that changes with every new table or column."""
    return int(connection.execute("PRAGMA schema_version").fetchone()[0])


def load(connection: sqlite3.Connection) -> Schema:
    """Read what the database knows of its tables."""
    # The version first: should a table grow just now, it is read again, never missed.
    number = version(connection)
    tables: dict[str, Table] = {}
    for tab, col, path, kind in connection.execute(
        "SELECT tab, col, path, kind FROM _columns ORDER BY rowid"
    ):
        table = tables.get(tab) or tables.setdefault(tab, Table(tab))
        if path is not None:
            table.put(Column(col, tuple(json.loads(path)), kind))
    return Schema(number, tables)


def create(connection: sqlite3.Connection, table: Table) -> None:
    """Make the table in the database, with the columns it has now."""
    connection.execute(create_sql(table))
    connection.execute("INSERT INTO _columns VALUES (?, 'id', NULL, 'integer')", (table.name,))
    _remember(connection, table, table.columns.values())


def grow(
    connection: sqlite3.Connection, table: Table, new: Iterable[Column], decided: Iterable[Column]
) -> None:
    """Add columns to a table of the database, and the kinds that are now decided."""
    for column in new:
        connection.execute(f"ALTER TABLE {quote(table.name)} ADD COLUMN {_definition(column)}")
    _remember(connection, table, new)
    connection.executemany(
        "UPDATE _columns SET kind = ? WHERE tab = ? AND col = ?",
        [(column.kind, table.name, column.name) for column in decided],
    )


def create_sql(table: Table) -> str:
    """The statement that makes the table."""
    lines = ["id INTEGER PRIMARY KEY AUTOINCREMENT"]
    lines += [_definition(column) for column in table.columns.values()]
    lines.append("_json TEXT")
    body = ",\n".join(f"    {line}" for line in lines)
    return f"CREATE TABLE {quote(table.name)} (\n{body}\n)"


def index_sql(table: Table, columns: Iterable[str]) -> tuple[str, str]:
    """The name of the index on these columns, in whichever order, and the statement that makes it."""
    names = sorted(set(columns))
    # Indexes and tables share their names, and no table begins with "_". JSON tells ab, c from a, bc.
    name = f"_index {json.dumps([table.name, *names])}"
    # Not unique: a file may hold several records with the same values.
    body = f"{quote(table.name)} ({', '.join(map(quote, names))})"
    return name, f"CREATE INDEX IF NOT EXISTS {quote(name)} ON {body}"


def quote(name: str) -> str:
    """A name as SQL takes it, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def check_name(table: str) -> None:
    """Raise StoreError unless a table can have this name."""
    if not isinstance(table, str) or not table:
        raise StoreError(f"{table!r} is no name of a table; give a text that is not empty")
    if fold(table).startswith(("_", "sqlite_")):
        raise StoreError(f"the name {table!r} is reserved; a table cannot begin with '_' or 'sqlite_'")
    if "\0" in table or (not table.isascii() and table.encode("utf-8", "replace").decode() != table):
        raise StoreError(f"the name {table!r} of a table has a character that SQL cannot hold")


def _definition(column: Column) -> str:
    return f"{quote(column.name)} {SQL_TYPES[column.kind]}"


def _remember(connection: sqlite3.Connection, table: Table, columns: Iterable[Column]) -> None:
    connection.executemany(
        "INSERT INTO _columns VALUES (?, ?, ?, ?)",
        [(table.name, column.name, json.dumps(column.path), column.kind) for column in columns],
    )


def _one_within_other(one: KeyPath, other: KeyPath) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]
