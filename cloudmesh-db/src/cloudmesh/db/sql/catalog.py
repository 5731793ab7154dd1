"""The table ``_columns``, in which the database keeps what its tables and columns mean."""

from __future__ import annotations

import json
from collections.abc import Iterable

from cloudmesh.db.dialects.base import Dialect
from cloudmesh.db.sql.schema import Column, Table


def load(dialect: Dialect) -> dict[str, Table]:
    """All tables, in the order in which they were made."""
    tables: dict[str, Table] = {}
    select = "SELECT tab, col, path, kind FROM _columns"
    rows = dialect.execute(f"{select} ORDER BY {dialect.columns_order}")
    for tab, col, path, kind in rows.fetchall():
        table = tables.get(tab) or tables.setdefault(tab, Table(tab, dialect.limits))
        if path is not None:
            table.put(Column(col, tuple(json.loads(path)), kind))
    return tables


def create(dialect: Dialect, table: Table) -> None:
    """Make the table in the database, with the columns it has now."""
    dialect.execute(create_sql(dialect, table))
    _insert(dialect, [(table.name, "id", None, "integer")])
    _remember(dialect, table, table.columns.values())


def grow(dialect: Dialect, table: Table, new: Iterable[Column], decided: Iterable[Column]) -> None:
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


def index_sql(dialect: Dialect, table: Table, columns: Iterable[str]) -> tuple[str, str]:
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
