"""What the database knows of its tables, which it keeps in the table ``_columns``, and the memory of it.

A table only ever grows: a path keeps its column, and a column its kind.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from cloudmesh.db.dialects.base import Dialect, DialectLimits
from cloudmesh.db.records.flat import InvalidRecord, KeyPath, Leaf, column_name, fold
from cloudmesh.db.records.values import encode, kind_of, pack
from cloudmesh.db.sql.rows import ID, Column, RowReader, RowWriter
from cloudmesh.plugin.errors import UnknownName

# Updates of more forms than these are not remembered.
_MOST_TOUCHED = 500


class Table:
    """One table: which column holds which path, and what kind of values.

    Attributes:
        columns: the columns by name, in the order in which they were made; ``id`` is not among them.
        by_path: the same by path.
        writer, reader: how records that look like earlier ones become rows, and rows records.
        selects: the statements for the usual conditions, by their columns.
        updates: the statements that set columns of rows, by these, those that are set to NULL, and how many
            rows there are.
    """

    def __init__(self, name: str, limits: DialectLimits) -> None:
        self.name = name
        self.limits = limits
        self.columns: dict[str, Column] = {}
        self.by_path: dict[KeyPath, Column] = {}
        self._taken: set[str] = set()
        self._forget()

    def _forget(self) -> None:
        """Drop what was derived from the columns, since they have changed."""
        self.writer = RowWriter(self.by_path)
        self.reader = RowReader(self.columns, ())
        self.selects: dict[tuple[str, ...], str | None] = {}
        self.updates: dict[tuple[tuple[str, ...], tuple[str, ...], int], str] = {}
        self._touched: dict[tuple[KeyPath, ...], tuple[str, ...]] = {}
        self._alone: dict[tuple[str, ...], tuple[str, ...]] = {}

    @property
    def size(self) -> tuple[int, int]:
        """How many rows ``_columns`` has for the table, and how many of them name a kind."""
        return len(self.columns) + 1, sum(1 for column in self.columns.values() if column.kind) + 1

    def column(self, name: str) -> Column:
        """A column of the table, which may be ``id``."""
        return ID if name == "id" else self.columns[name]

    def holds(self, found: Iterable[Leaf]) -> bool:
        """Whether each leaf has a column whose kind is decided, if that is needed for the leaf."""
        known = ((self.by_path.get(path), value) for path, value in found)
        return all(column and (column.kind or value is None) for column, value in known)

    def widen(self, found: Iterable[Leaf]) -> tuple[list[Column], list[Column]]:
        """Make room for the leaves; give the new columns, and the old ones whose kind is now decided.

        Raises StoreError if there would be too many columns.
        """
        new, decided = [], []
        for path, value in found:
            old = self.by_path.get(path)
            if old is None:
                new.append(self.put(path, kind_of(value)))
            elif not old.kind and value is not None:
                decided.append(self.put(path, kind_of(value), old.name))
        most = self.limits.columns - 2
        if len(self.columns) > most:
            raise InvalidRecord(
                f"table {self.name!r} would have {len(self.columns)} columns, more than the {most} that "
                f"{self.limits.product} can hold; store such a record as a list of pairs"
            )
        self._forget()
        return new, decided

    def avoid(self, names: Iterable[str]) -> None:
        """Give no column one of these names, which are those of columns that another program has added."""
        self._taken.update(map(fold, names))

    def put(self, path: KeyPath, kind: str, name: str = "") -> Column:
        """Add a column, or decide the kind of one; without a name it gets one that is free."""
        if not name:
            name = column_name(path, self._taken, self.limits.reserved, self.limits.name_bytes)
        column = self.columns[name] = self.by_path[path] = Column(name, path, kind)
        self._taken.add(fold(name))
        return column

    def cells(self, found: Iterable[Leaf]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The leaves as a row holds them: SQL values by column, and what only ``_json`` can hold.

        There must be a column for each.
        """
        native: dict[str, Any] = {}
        kept: dict[str, Any] = {}
        for path, value in found:
            column = self.by_path[path]
            sql_value, is_all = encode(column.kind, value, self.limits.nul_in_text)
            if sql_value is not None:
                native[column.name] = sql_value
            if not is_all:
                kept[column.name] = value
        return native, kept

    def row(self, found: Iterable[Leaf]) -> tuple[tuple[str, ...], tuple[Any, ...]]:
        """The same as columns and their values, ``_json`` last."""
        native, kept = self.cells(found)
        return (*native, "_json"), (*native.values(), pack(kept))

    def touched(self, paths: tuple[KeyPath, ...]) -> tuple[str, ...]:
        """The columns of the paths, and those above or beneath, which cannot have a value beside them."""
        if paths not in self._touched:
            own = [self.by_path[path].name for path in paths]
            beside = [
                column.name
                for column in self.columns.values()
                if any(column.path != path and _one_within_other(column.path, path) for path in paths)
            ]
            if len(self._touched) >= _MOST_TOUCHED:
                self._touched.clear()
            self._touched[paths] = (*own, *beside)
        return self._touched[paths]

    def touched_alone(self, columns: tuple[str, ...]) -> tuple[str, ...]:
        """These columns without ``_json``, which is the last; none if others are touched with them."""
        if columns not in self._alone:
            own = columns[:-1]
            alone = self.touched(tuple([self.columns[name].path for name in own])) == own
            if len(self._alone) >= _MOST_TOUCHED:
                self._alone.clear()
            self._alone[columns] = own if alone else ()
        return self._alone[columns]


class Tables:
    """The tables of a store as they were when they were last read.

    Tables only grow. So who adds may trust what is remembered of columns that exist, and a reader finds
    out by the rows whether something was added. Who changes a row must know all of its columns.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._remembered: dict[str, Table] | None = None
        # The names of the indexes that are there, and tables with columns that need no further one.
        self._indexed: set[str | tuple[str, ...]] = set()
        # By table, the version of what others have written for which it was found to be current.
        self._current: dict[str, int | None] = {}
        self._opened = 0

    def forget(self) -> None:
        """Read everything anew: what was just made may have been undone."""
        self._remembered = None
        self._indexed.clear()
        self._current.clear()

    def all(self) -> dict[str, Table]:
        """All tables, as they are now, in the order in which they were made."""
        if not self.dialect.exists:
            return {}
        self.forget()
        tables: dict[str, Table] = {}
        rows = self.dialect.execute(
            f"SELECT tab, col, path, kind FROM _columns ORDER BY {self.dialect.columns_order}"  # noqa: S608
        )
        for tab, col, path, kind in rows.fetchall():
            table = tables.get(tab) or tables.setdefault(tab, Table(tab, self.dialect.limits))
            if path is not None:
                table.put(tuple(json.loads(path)), kind, col)
        self._remembered = tables
        self._opened = self.dialect.opened
        return tables

    def known(self, name: str) -> Table | None:
        """A table as it was when last read, or None if there is no such table; raises InvalidRecord."""
        if not isinstance(name, str):
            raise InvalidRecord(f"{name!r} is not a table name; use a text that is not empty")
        if self._remembered and name in self._remembered and self._opened == self.dialect.opened:
            return self._remembered[name]
        return self.all().get(name)

    def current(self, name: str) -> Table | None:
        """A table as it is now, in a transaction that writes; None if there is no such table."""
        table = self.known(name)
        if table is None:
            return None
        version = self.dialect.others_version()
        if version is not None and self._current.get(name) == version:
            return table
        sql = f"SELECT count(*), count(nullif(kind, '')) FROM _columns WHERE tab = {self.dialect.mark}"  # noqa: S608
        now = self.dialect.execute(sql, (name,)).fetchone()
        if tuple(now) != table.size:
            table = self.all().get(name)
        self._current[name] = version
        return table

    def table(self, name: str, columns: Iterable[str] = ()) -> Table:
        """The table, with all that a condition on these columns must know.

        Raises UnknownName, or InvalidRecord for what is no name.
        """
        found = self.known(name)
        columns = list(columns)
        for column in columns:
            if not isinstance(column, str):
                raise InvalidRecord(f"{column!r} is not a column name of table {name!r}; use a text")
        columns = [column for column in columns if column != "id"]
        if found and not all(column in found.columns and found.columns[column].kind for column in columns):
            found = self.all().get(name)
        if found is None:
            raise UnknownName("table", name, self._remembered or {}, f"in the store {self.dialect.place}")
        for column in columns:
            if column not in found.columns:
                raise UnknownName("column", column, ["id", *found.columns], f"in table {name!r}")
        return found

    def widened(self, name: str, found: list[Leaf]) -> Table:
        """The table with room for the leaves, made if there is none."""
        table = self.known(name)
        if table is not None and table.holds(found):
            return table
        tables = self.all()
        table = tables.get(name)
        if table is None:
            table = tables[name] = self._new(name, found, tables)
            self._create(table)
        else:
            there = self._there(name)
            table.avoid(there)
            new, decided = table.widen(found)
            if self.dialect.later and (taken := [each.name for each in decided if each.name in there]):
                raise self.dialect.changed(
                    f"table {name!r} has a column {taken[0]!r}, a name that is reserved"
                )
            self._grow(table, new, decided)
        self._remembered = tables
        return table

    def index(self, table: Table, columns: Iterable[str]) -> None:
        """Make rows quick to find by these columns; looked after once for each table and columns.

        Those that have no value yet are left out, and ``id``, by which rows are found at once.
        """
        wanted = (table.name, *columns)
        if wanted in self._indexed:
            return
        quote = self.dialect.quote
        others = {name for name in wanted[1:] if name != "id"}
        names = sorted(name for name in others if table.columns[name].kind)
        name = self.dialect.index_name(table.name, names)
        if names and name not in self._indexed:
            # Not unique: a store may hold several records with the same values.
            body = f"{quote(table.name)} ({', '.join(map(quote, names))})"
            self.dialect.execute(f"CREATE INDEX IF NOT EXISTS {quote(name)} ON {body}")
            self._indexed.add(name)
        if len(names) == len(others):
            self._indexed.add(wanted)

    def make_like(self, table: Table) -> None:
        """Make an empty table with the columns of one of another store, in their order."""
        made = self._new(table.name, [], self.all())
        for path, column in table.by_path.items():
            made.put(path, column.kind)
        self._create(made)
        self.forget()

    def missing_columns(self, name: str) -> list[str]:
        """The columns that a table should have, and has not, at one moment."""
        with self.dialect.snapshot():
            columns = self.all()[name].columns.values()
            there = self._there(name)
        return [column.name for column in columns if column.kind and column.name not in there]

    def _there(self, name: str) -> set[str]:
        """The columns that a table has in the database, whoever made them."""
        sql = f"SELECT * FROM {self.dialect.quote(name)} LIMIT 0"  # noqa: S608
        return {column[0] for column in self.dialect.execute(sql).description}

    def sql_of(self, name: str, found: list[Leaf]) -> str:
        """The statement that makes a new table for these leaves; raises StoreError if none can be made."""
        return self._create_sql(self._new(name, found, ()))

    def _new(self, name: str, found: list[Leaf], others: Iterable[str]) -> Table:
        _check_name(name, self.dialect.limits)
        for other in others:
            if fold(other) == fold(name):
                raise InvalidRecord(
                    f"table {name!r} differs from {other!r} in letter case alone; use that name"
                )
        table = Table(name, self.dialect.limits)
        table.widen(found)
        return table

    def _create(self, table: Table) -> None:
        """Make the table in the database, with the columns it has now."""
        self.dialect.execute(self._create_sql(table))
        self._note(table, [ID, *table.columns.values()])

    def _create_sql(self, table: Table) -> str:
        lines = [f"id {self.dialect.id_type}", *self._definitions(table.columns.values()), "_json TEXT"]
        body = ",\n".join(f"    {line}" for line in lines)
        return f"CREATE TABLE {self.dialect.quote(table.name)} (\n{body}\n)"

    def _grow(self, table: Table, new: list[Column], decided: list[Column]) -> None:
        """Add columns to a table of the database, and the kinds that are now decided."""
        for line in self._definitions([*new, *(decided if self.dialect.later else ())]):
            self.dialect.execute(f"ALTER TABLE {self.dialect.quote(table.name)} ADD COLUMN {line}")
        self._note(table, new)
        mark = self.dialect.mark
        self.dialect.executemany(
            f"UPDATE _columns SET kind = {mark} WHERE tab = {mark} AND col = {mark}",  # noqa: S608
            [(kind, table.name, name) for name, _, kind in decided],
        )

    def _definitions(self, columns: Iterable[Column]) -> list[str]:
        """How SQL says those that exist in the database as soon as they are known."""
        return [
            f"{self.dialect.quote(column.name)} {self.dialect.sql_types[column.kind]}"
            for column in columns
            if column.kind or not self.dialect.later
        ]

    def _note(self, table: Table, columns: Iterable[Column]) -> None:
        marks = ", ".join([self.dialect.mark] * 4)
        self.dialect.executemany(
            f"INSERT INTO _columns (tab, col, path, kind) VALUES ({marks})",  # noqa: S608
            [(table.name, name, json.dumps(path) if path else None, kind) for name, path, kind in columns],
        )


def _check_name(table: str, limits: DialectLimits) -> None:
    """Raise StoreError unless a table can have this name."""
    if not isinstance(table, str) or not table:
        raise InvalidRecord(f"{table!r} is not a table name; use a text that is not empty")
    if fold(table).startswith(("_", "sqlite_")):
        raise InvalidRecord(f"the name {table!r} is reserved; a table cannot begin with '_' or 'sqlite_'")
    if "\0" in table or (not table.isascii() and table.encode("utf-8", "replace").decode() != table):
        raise InvalidRecord(f"the name {table!r} of a table has a character that SQL cannot hold")
    if limits.name_bytes and len(table.encode()) > limits.name_bytes:
        raise InvalidRecord(
            f"the name {table!r} of a table is longer than the {limits.name_bytes} bytes that "
            f"{limits.product} allows"
        )


def _one_within_other(one: KeyPath, other: KeyPath) -> bool:
    """Whether one path leads through the place of the other, so that both cannot have values."""
    return all(here == there for here, there in zip(one, other, strict=False))
