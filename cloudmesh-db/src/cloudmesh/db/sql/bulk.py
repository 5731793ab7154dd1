"""Many records into a table at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cloudmesh.db.dialects.base import Unbindable
from cloudmesh.db.records.flat import leaves
from cloudmesh.db.sql.engine import BATCH, Engine

Record = Mapping[str, Any]


def add_many(engine: Engine, table: str, records: Iterable[Record]) -> Sequence[int]:
    """Add the records, all or none, and give their ids in order; raises StoreError."""
    with engine.atomic():
        batch = _InsertBatch(engine, table)
        for record in records:
            batch.add(record)
        batch.flush()
    return batch.ids


class _InsertBatch:
    """Rows that have the same columns and follow each other go to the database together."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._name = name
        self._table = engine.tables.known(name)
        self._columns: tuple[str, ...] = ()
        self._rows: list[tuple[Any, ...]] = []
        self._records: list[Record] = []
        self.ids: list[int] = []

    def add(self, record: Record) -> None:
        made = self._table.shapes.row(record) if self._table else None
        if made is None:
            self.flush()
            self._add_one(record)
            return
        columns, row = made
        if columns is not self._columns:
            self.flush()
            self._columns = columns
        self._rows.append(row)
        self._records.append(record)
        if len(self._rows) == BATCH:
            self.flush()

    def flush(self) -> None:
        """Hand over the rows that wait."""
        rows, records = self._rows, self._records
        if not rows:
            return
        self._rows, self._records = [], []
        try:
            with self._engine.dialect.atomic():
                self.ids += self._engine.dialect.insert_many(self._name, self._columns, rows)
        except Unbindable:
            for record in records:
                self._add_one(record)

    def _add_one(self, record: Record) -> None:
        """The long way, on which the table grows where the record needs it."""
        found = leaves(record)
        self._table = self._engine.tables.widened(self._name, found)
        self.ids.append(self._engine.insert(self._table, found))
