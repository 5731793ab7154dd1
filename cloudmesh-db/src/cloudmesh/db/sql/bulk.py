"""Many records at once: added, or changed by their ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from cloudmesh.db.dialects.base import Unbindable
from cloudmesh.db.records.flat import leaves
from cloudmesh.db.sql.engine import BATCH, Engine, RowChange
from cloudmesh.plugin.errors import StoreError

Record = Mapping[str, Any]


def add_many(engine: Engine, name: str, records: Iterable[Record]) -> list[int]:
    """Add the records, all or none, and give their ids in order; raises StoreError."""
    ids: list[int] = []
    with engine.atomic():
        for batch in batches(records):
            start = 0
            while start < len(batch):
                made = _add_alike(engine, name, batch, start)
                ids += made
                start += len(made)
    return ids


def batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    """The records, as many at a time as are written together."""
    remaining = iter(records)
    while batch := list(islice(remaining, BATCH)):
        yield batch


def _add_alike(engine: Engine, name: str, records: list[Record], start: int) -> Sequence[int]:
    """Add the record at ``start`` and those after it that have the same columns; gives their ids."""
    table = engine.tables.known(name)
    columns, rows = table.writer.rows(records, start) if table else ((), [])
    if rows:
        try:
            with engine.dialect.atomic():
                return engine.dialect.insert_many(name, columns, rows)
        except Unbindable:
            # Each of them goes the way that finds out what is special about it.
            pass
    return [_add_one(engine, name, record) for record in records[start : start + max(1, len(rows))]]


def _add_one(engine: Engine, name: str, record: Record) -> int:
    """Add a record of any shape; the table grows where the record needs it."""
    found = leaves(record)
    return engine.insert(engine.tables.widened(name, found), found)


def update_many(engine: Engine, name: str, records: Iterable[Mapping[str, Any]]) -> int:
    """Set the values of each record in that with its ``id``, all or none; gives how many there were."""
    with engine.atomic():
        batch = _UpdateBatch(engine, name)
        for record in records:
            batch.add(record)
        batch.flush()
    return batch.changed


class _UpdateBatch:
    """Changes of different rows, which are written together."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._name = name
        self._changes: dict[int, RowChange] = {}
        self._is_current = False
        self.changed = 0

    def add(self, record: Mapping[str, Any]) -> None:
        id = _id(self._name, record)
        found = leaves({key: value for key, value in record.items() if key != "id"})
        if not self._is_current:
            self._engine.tables.table(self._name)
            self._engine.tables.current(self._name)
            self._is_current = True
        table = self._engine.tables.widened(self._name, found)
        if id in self._changes or len(self._changes) == BATCH:
            self.flush()
        # No other number is ever that of a record, or can be looked for.
        if 0 < id < 2**63:
            self._changes[id] = RowChange.of(table, found)

    def flush(self) -> None:
        """Write the changes that were collected."""
        changes, self._changes = self._changes, {}
        if changes:
            self.changed += self._engine.apply(self._engine.tables.table(self._name), changes)


def _id(name: str, record: Mapping[str, Any]) -> int:
    id = record.get("id") if isinstance(record, Mapping) else None
    if not isinstance(id, int) or isinstance(id, bool):
        raise StoreError(f"it was not said which record of {name!r} to update; give its number as 'id'")
    return id
