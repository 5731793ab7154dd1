"""Records that take the place of those with the same key: one, and many at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from cloudmesh.db.dialects.base import Unbindable
from cloudmesh.db.records.flat import Leaf, leaves
from cloudmesh.db.sql.engine import BATCH, Engine
from cloudmesh.db.sql.schema import Table
from cloudmesh.db.sql.where import MOST_VALUES
from cloudmesh.plugin.errors import StoreError

Record = Mapping[str, Any]
Key = tuple[Any, ...]


def upsert(engine: Engine, name: str, record: Record, key: Sequence[str]) -> int:
    """Store one record and give its id; ``key`` names no column twice; raises StoreError."""
    found = leaves(record)
    with engine.atomic():
        engine.tables.current(name)
        table = engine.tables.widened(name, found)
        conditions = _key_values(table, found, key)
        engine.tables.index(table, [column for column in key if table.columns[column].kind])
        old = engine.search.find(name, conditions)
        if not old:
            return engine.insert(table, found)
        if len(old) > 1:
            raise _several(name, key, len(old))
        engine.replace(table, found, old[0].id)
        return old[0].id


def upsert_many(engine: Engine, name: str, records: Iterable[Record], key: Sequence[str]) -> list[int]:
    """Store the records in their order, all or none, and give their ids; raises StoreError."""
    with engine.atomic():
        engine.tables.current(name)
        batch = _UpsertBatch(engine, name, key)
        for record in records:
            batch.add(record)
        batch.flush()
    return batch.ids


class _Row(NamedTuple):
    """A record as a row, ``_json`` last, and the values of its key as columns hold them."""

    columns: tuple[str, ...]
    cells: tuple[Any, ...]
    key: Key
    record: Record


class _UpsertBatch:
    """Records whose keys are looked up together, and which are written together."""

    def __init__(self, engine: Engine, name: str, key: Sequence[str]) -> None:
        self._engine = engine
        self._name = name
        self._key = key
        self._table = engine.tables.known(name)
        self._columns: tuple[str, ...] = ()
        self._places: list[int] = []
        self._rows: list[_Row] = []
        self.ids: list[int] = []

    def add(self, record: Record) -> None:
        columns, cells = (self._table and self._table.shapes.row(record)) or self._the_long_way(record)
        if columns is not self._columns:
            self._columns, self._places = columns, self._places_of_key(columns)
        if not self._places:
            # A key that SQL cannot compare alone, or none at all, which the one record's way tells.
            self.flush()
            self._add_one(record)
            return
        self._rows.append(_Row(columns, cells, tuple([cells[place] for place in self._places]), record))
        if len(self._rows) == BATCH:
            self.flush()

    def flush(self) -> None:
        """Hand over the rows that wait."""
        rows, self._rows = self._rows, []
        if not rows or self._table is None:
            return
        self._engine.tables.index(self._table, self._key)
        try:
            with self._engine.dialect.atomic():
                self.ids += self._write(rows, self._table)
        except Unbindable:
            for row in rows:
                self._add_one(row.record)

    def _the_long_way(self, record: Record) -> tuple[tuple[str, ...], tuple[Any, ...]]:
        """The columns and the row of a record, for which the table grows where it must."""
        found = leaves(record)
        self._table = self._engine.tables.widened(self._name, found)
        return self._table.row(found)

    def _places_of_key(self, columns: tuple[str, ...]) -> list[int]:
        """Where in a row the values of the key are; none if one of them is not there as SQL compares it."""
        table = self._table
        if table is None or not all(
            name in columns and name in table.columns and table.columns[name].kind != "json"
            for name in self._key
        ):
            return []
        return [columns.index(name) for name in self._key]

    def _write(self, rows: list[_Row], table: Table) -> Iterator[int]:
        # Of several records with one key the last stays, with the id and the place of the first.
        last = {row.key: row for row in rows}
        ids = self._known_ids(table, list(last))
        self._replace(table, [(ids[key], row) for key, row in last.items() if key in ids])
        new = [row for key, row in last.items() if key not in ids]
        for columns, group in groupby(new, lambda row: row.columns):
            some = list(group)
            made = self._engine.dialect.insert_many(self._name, columns, [row.cells for row in some])
            ids.update(zip([row.key for row in some], made, strict=True))
        return (ids[row.key] for row in rows)

    def _known_ids(self, table: Table, keys: list[Key]) -> dict[Key, int]:
        """The ids of the records that have these keys."""
        columns = {name: table.columns[name].kind for name in self._key}
        most = max(1, MOST_VALUES // len(columns))
        ids: dict[Key, int] = {}
        for start in range(0, len(keys), most):
            for id, *values in self._engine.dialect.find_ids(self._name, columns, keys[start : start + most]):
                if ids.setdefault(tuple(values), id) != id:
                    raise _several(self._name, self._key)
        return ids

    def _replace(self, table: Table, rows: list[tuple[int, _Row]]) -> None:
        """Make the rows with these ids hold what is given, and nothing else."""
        groups: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
        for id, row in rows:
            groups.setdefault(row.columns, []).append((*row.cells, id))
        for columns, cells in groups.items():
            others = [name for name, column in table.columns.items() if column.kind and name not in columns]
            self._engine.dialect.executemany(self._engine.update_sql(table, columns, others), cells)

    def _add_one(self, record: Record) -> None:
        self.ids.append(upsert(self._engine, self._name, record, self._key))
        self._table = self._engine.tables.known(self._name)


def _key_values(table: Table, found: list[Leaf], key: Sequence[str]) -> dict[str, Any]:
    values = {table.by_path[path].name: value for path, value in found}
    missing = [column for column in key if column not in values]
    if missing or not key:
        raise StoreError(
            f"the record for table {table.name!r} has no column {', '.join(missing) or 'as its key'}; "
            f"it has {', '.join(values)}"
        )
    return {column: values[column] for column in key}


def _several(name: str, key: Sequence[str], number: int = 2) -> StoreError:
    return StoreError(f"{number} records of table {name!r} have the same {', '.join(key)}")
