"""Records that take the place of those with the same key: one, and many at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby, repeat
from typing import Any

from cloudmesh.db.dialects.base import Unbindable
from cloudmesh.db.records.flat import InvalidRecord, leaves
from cloudmesh.db.sql.engine import Engine, batches
from cloudmesh.db.sql.rows import Columns, Row, picker
from cloudmesh.db.sql.tables import Table
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
        values = {table.by_path[path].name: value for path, value in found}
        missing = [column for column in key if column not in values]
        if missing or not key:
            raise InvalidRecord(
                f"the record for table {name!r} has no column {_listed(missing) or 'as its key'}; "
                f"it has {_listed(values) or 'none'}"
            )
        engine.tables.index(table, key)
        old = engine.search.find(name, {column: values[column] for column in key})
        # None is equal to nothing for a condition, but a record without the key is another one.
        old = [each for each in old if all(_has(each, table.columns[column].path) for column in key)]
        if not old:
            return engine.insert(table, found)
        if len(old) > 1:
            raise _several(name, key, len(old))
        engine.replace(table, found, old[0].id)
        return old[0].id


def upsert_many(engine: Engine, name: str, records: Iterable[Record], key: Sequence[str]) -> list[int]:
    """Store the records in their order, all or none, and give their ids; raises StoreError."""
    batch = _UpsertBatch(engine, name, key)
    with engine.atomic():
        engine.tables.current(name)
        for some in batches(records):
            batch.write(some)
    return batch.ids


class _UpsertBatch:
    """Records whose keys are looked up together, and which are written together.

    ``ids`` are those of all records that were written so far.
    """

    def __init__(self, engine: Engine, name: str, key: Sequence[str]) -> None:
        self._engine, self._name, self._key = engine, name, key
        self.ids: list[int] = []
        self._begin()

    def _begin(self) -> None:
        self._records: list[Record] = []
        self._keys: list[Key] = []
        # By its key the last record that has it, in the order of the first ones, with its columns.
        self._rows: dict[Key, tuple[Columns, Row]] = {}

    def write(self, records: list[Record]) -> None:
        """Store these records; raises StoreError."""
        start = 0
        while start < len(records):
            table = self._engine.tables.known(self._name)
            columns, rows = table.writer.rows(records, start) if table else ((), [])
            if not rows:
                found = leaves(records[start])
                columns, row = self._engine.tables.widened(self._name, found).row(found)
                rows = [row]
            self._take(columns, rows, records[start : start + len(rows)])
            start += len(rows)
        self._flush()

    def _take(self, columns: Columns, rows: list[Row], records: list[Record]) -> None:
        table = self._engine.tables.table(self._name)
        if not self._key or not all(
            name in columns and name in table.columns and table.columns[name].kind != "json"
            for name in self._key
        ):
            # A key that SQL cannot compare alone, or an incomplete one, which ``upsert`` tells.
            self._flush()
            self._write_singly(records)
            return
        keys = list(map(picker([columns.index(name) for name in self._key]), rows))
        self._records += records
        self._keys += keys
        self._rows.update(zip(keys, zip(repeat(columns), rows), strict=True))

    def _flush(self) -> None:
        """Write what was taken."""
        records, keys, rows = self._records, self._keys, self._rows
        if not records:
            return
        self._begin()
        table = self._engine.tables.table(self._name)
        self._engine.tables.index(table, self._key)
        try:
            with self._engine.dialect.atomic():
                ids = self._known_ids(table, list(rows))
                self._write_together(table, rows, ids)
            self.ids += map(ids.__getitem__, keys)
        except Unbindable:
            self._write_singly(records)

    def _write_singly(self, records: list[Record]) -> None:
        self.ids += [upsert(self._engine, self._name, record, self._key) for record in records]

    def _known_ids(self, table: Table, keys: list[Key]) -> dict[Key, int]:
        """The ids of the records in the table that have these keys."""
        columns = {name: table.columns[name].kind for name in self._key}
        most = max(1, MOST_VALUES // len(columns))
        ids: dict[Key, int] = {}
        for start in range(0, len(keys), most):
            for row in self._engine.dialect.find_ids(self._name, columns, keys[start : start + most]):
                if ids.setdefault(tuple(row[1:]), row[0]) != row[0]:
                    raise _several(self._name, self._key)
        return ids

    def _write_together(
        self, table: Table, rows: dict[Key, tuple[Columns, Row]], ids: dict[Key, int]
    ) -> None:
        """Make the rows that have ids hold what is given and nothing else; add the others with their ids."""
        groups: dict[Columns, list[Row]] = {}
        for key, id in ids.items():
            columns, row = rows[key]
            groups.setdefault(columns, []).append((*row, id))
        for columns, group in groups.items():
            self._engine.replace_many(table, columns, group)
        new = [(key, row) for key, row in rows.items() if key not in ids]
        for columns, alike in groupby(new, lambda each: each[1][0]):
            some = list(alike)
            made = self._engine.dialect.insert_many(self._name, columns, [row for _, (_, row) in some])
            ids.update(zip([key for key, _ in some], made, strict=True))


def _several(name: str, key: Sequence[str], number: int = 2) -> StoreError:
    return StoreError(f"{number} records of table {name!r} have the same {_listed(key)}")


def _has(record: Any, path: Sequence[str]) -> bool:
    """Whether the record has anything at the path, which may be None."""
    for key in path:
        if not isinstance(record, dict) or key not in record:
            return False
        record = record[key]
    return True


def _listed(names: Iterable[str]) -> str:
    return ", ".join(name if name.isprintable() else repr(name) for name in names)
