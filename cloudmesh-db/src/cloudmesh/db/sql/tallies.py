"""How many records have each value of a column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cloudmesh.db.records.ordering import at
from cloudmesh.db.records.values import decode, unpack
from cloudmesh.db.sql.schema import Column
from cloudmesh.db.sql.search import Conditions, Search
from cloudmesh.db.sql.tables import Tables
from cloudmesh.plugin.errors import StoreError


def tally(tables: Tables, search: Search, name: str, column: str, conditions: Conditions) -> dict[Any, int]:
    """The values in the order in which they first come, with the number of records that have each.

    Raises:
        UnknownName: there is no such table or column.
        StoreError: a dict cannot have the values as its keys.
    """
    values: dict[Any, Any] = {}
    counts: dict[Any, int] = {}
    try:
        for value, number in _groups(tables, search, name, column, conditions):
            same = _compared(value)
            values.setdefault(same, value)
            counts[same] = counts.get(same, 0) + number
    except TypeError as error:
        raise StoreError(f"the column {column!r} of table {name!r} has lists or dicts, no values") from error
    found = {value: counts[same] for same, value in values.items()}
    if len(found) < len(values):
        raise StoreError(f"the column {column!r} of table {name!r} has numbers beside True or False")
    return found


def _compared(value: Any) -> Any:
    """What is equal for values that a condition takes for equal: True is not 1, and nan is nan."""
    return "nan" if value != value else (isinstance(value, bool), value)  # noqa: PLR0124


def _groups(
    tables: Tables, search: Search, name: str, column: str, conditions: Conditions
) -> Iterator[tuple[Any, int]]:
    """Values with numbers of records, some values perhaps in several parts."""
    table = tables.table(name, [column, *conditions])
    known = Column("id", (), "integer") if column == "id" else table.columns[column]
    clause = search.where(table, conditions)
    if not clause.exact or not known.kind:
        for record in search.find(name, conditions):
            yield record.id if column == "id" else at(record, known.path), 1
        return
    quote = tables.dialect.quote
    # Most values stand in the column; those that it cannot hold are all in _json.
    sql = (
        f"SELECT {quote(column)}, CASE WHEN {quote(column)} IS NULL THEN _json END, count(*) "  # noqa: S608
        f"FROM {quote(name)}{clause.sql} GROUP BY 1, 2 ORDER BY min(id)"
    )
    for native, kept, number in tables.dialect.execute(sql, clause.bound).fetchall():
        yield unpack(kept).get(column) if native is None else decode(known.kind, native), number
