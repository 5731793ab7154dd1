"""What the database knows of its tables, which it keeps in the table ``_columns``, and the memory of it."""

from __future__ import annotations

import json
from collections.abc import Iterable

from cloudmesh.db.dialects.base import Dialect
from cloudmesh.db.records.flat import Leaf, column_name, fold
from cloudmesh.db.sql.rows import Column
from cloudmesh.db.sql.schema import Table, check_name
from cloudmesh.plugin.errors import StoreError, UnknownName


class Tables:
    """The tables of a store as they were when they were last read.

    Tables only grow. So who adds may trust what is remembered of columns that exist, and a reader finds
    out by the rows whether something was added. Who changes a row must know all of its columns.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._remembered: dict[str, Table] | None = None
        self._indexed: set[str] = set()
        self._opened = 0

    def forget(self) -> None:
        """Read everything anew: what was just made may have been undone."""
        self._remembered = None
        self._indexed.clear()

    def all(self) -> dict[str, Table]:
        """All tables, as they are now."""
        if not self.dialect.exists:
            return {}
        self.forget()
        self._remembered = load_tables(self.dialect)
        self._opened = self.dialect.opened
        return self._remembered

    def known(self, name: str) -> Table | None:
        """A table as it was when last read, or None if there is no such table."""
        if self._remembered is not None and self._opened == self.dialect.opened:
            found = self._remembered.get(name)
            if found is not None:
                return found
        return self.all().get(name)

    def current(self, name: str) -> Table | None:
        """A table as it is now, in a transaction that writes; None if there is no such table."""
        table = self.known(name)
        if table is None:
            return None
        size = "SELECT count(*), count(nullif(kind, '')) FROM _columns WHERE tab = "
        now = self.dialect.execute(f"{size}{self.dialect.mark}", (name,)).fetchone()
        return table if tuple(now) == table.size else self.all().get(name)

    def table(self, name: str, columns: Iterable[str] = ()) -> Table:
        """The table, with all that a condition on these columns must know; raises UnknownName."""
        found = self.known(name)
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
            table = self._new_table(name, found, tables)
            _create(self.dialect, table)
        else:
            _grow(self.dialect, table, *table.widen(found))
        self._remembered = {**tables, name: table}
        return table

    def index(self, table: Table, columns: Iterable[str]) -> None:
        """Make rows quick to find by these columns; looked after once for each table and columns."""
        name, sql = _index_sql(self.dialect, table, columns)
        if name not in self._indexed:
            self.dialect.execute(sql)
            self._indexed.add(name)

    def make_like(self, table: Table) -> None:
        """Make an empty table with the columns of one of another store, in their order."""
        made = self._new_table(table.name, [], self.all())
        for path, column in table.by_path.items():
            name = column_name(path, made.taken, self.dialect.limits.reserved, self.dialect.limits.name_bytes)
            made.put(Column(name, path, column.kind))
        _create(self.dialect, made)
        self.forget()

    def missing_columns(self, name: str) -> list[str]:
        """The columns that a table should have, and has not."""
        sql = f"SELECT * FROM {self.dialect.quote(name)} LIMIT 0"  # noqa: S608
        there = {column[0] for column in self.dialect.execute(sql).description}
        columns = self.table(name).columns.values()
        return [column.name for column in columns if column.kind and column.name not in there]

    def _new_table(self, name: str, found: list[Leaf], others: Iterable[str]) -> Table:
        check_name(name, self.dialect.limits)
        for other in others:
            if fold(other) == fold(name):
                raise StoreError(f"table {name!r} differs from {other!r} in letter case alone; use that name")
        table = Table(name, self.dialect.limits)
        table.widen(found)
        return table


def load_tables(dialect: Dialect) -> dict[str, Table]:
    """All tables, in the order in which they were made."""
    tables: dict[str, Table] = {}
    select = "SELECT tab, col, path, kind FROM _columns"
    rows = dialect.execute(f"{select} ORDER BY {dialect.columns_order}")
    for tab, col, path, kind in rows.fetchall():
        table = tables.get(tab) or tables.setdefault(tab, Table(tab, dialect.limits))
        if path is not None:
            table.put(Column(col, tuple(json.loads(path)), kind))
    return tables


def _create(dialect: Dialect, table: Table) -> None:
    """Make the table in the database, with the columns it has now."""
    dialect.execute(create_sql(dialect, table))
    _insert(dialect, [(table.name, "id", None, "integer")])
    _remember(dialect, table, table.columns.values())


def _grow(dialect: Dialect, table: Table, new: Iterable[Column], decided: Iterable[Column]) -> None:
    """Add columns to a table of the database, and the kinds that are now decided."""
    made = [*_made(dialect, new), *(decided if dialect.later else ())]
    for column in made:
        dialect.execute(f"ALTER TABLE {dialect.quote(table.name)} ADD COLUMN {_definition(dialect, column)}")
    _remember(dialect, table, new)
    mark = dialect.mark
    dialect.executemany(
        f"UPDATE _columns SET kind = {mark} WHERE tab = {mark} AND col = {mark}",  # noqa: S608
        [(column.kind, table.name, column.name) for column in decided],
    )


def create_sql(dialect: Dialect, table: Table) -> str:
    """The statement that makes the table."""
    lines = [f"id {dialect.id_type}"]
    lines += [_definition(dialect, column) for column in _made(dialect, table.columns.values())]
    lines.append("_json TEXT")
    body = ",\n".join(f"    {line}" for line in lines)
    return f"CREATE TABLE {dialect.quote(table.name)} (\n{body}\n)"


def _index_sql(dialect: Dialect, table: Table, columns: Iterable[str]) -> tuple[str, str]:
    """The name of the index on these columns, in whichever order, and the statement that makes it."""
    names = sorted(set(columns))
    name = dialect.index_name(table.name, names)
    # Not unique: a store may hold several records with the same values.
    body = f"{dialect.quote(table.name)} ({', '.join(map(dialect.quote, names))})"
    return name, f"CREATE INDEX IF NOT EXISTS {dialect.quote(name)} ON {body}"


def _made(dialect: Dialect, columns: Iterable[Column]) -> list[Column]:
    """Those that exist as columns of SQL as soon as they are known."""
    return [column for column in columns if column.kind or not dialect.later]


def _definition(dialect: Dialect, column: Column) -> str:
    return f"{dialect.quote(column.name)} {dialect.sql_types[column.kind]}"


def _remember(dialect: Dialect, table: Table, columns: Iterable[Column]) -> None:
    _insert(
        dialect,
        [(table.name, column.name, json.dumps(column.path), column.kind) for column in columns],
    )


def _insert(dialect: Dialect, rows: list[tuple[str, str, str | None, str]]) -> None:
    marks = ", ".join([dialect.mark] * 4)
    dialect.executemany(f"INSERT INTO _columns (tab, col, path, kind) VALUES ({marks})", rows)  # noqa: S608
