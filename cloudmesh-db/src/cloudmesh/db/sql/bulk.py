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


def update_many(engine: Engine, name: str, records: Iterable[Record]) -> int:
    """Set the values of each record in that with its ``id``, all or none; gives how many there were."""
    changed = 0
    changes: dict[int, RowChange] = {}
    with engine.atomic():
        for number, record in enumerate(records):
            id = _id(name, record)
            found = leaves({key: value for key, value in record.items() if key != "id"})
            if number == 0:
                engine.tables.table(name)
                engine.tables.current(name)
            table = engine.tables.widened(name, found)
            if id in changes or len(changes) == BATCH:
                changed += engine.apply(table, changes)
                changes = {}
            # No other number is ever that of a record, or can be looked for.
            if 0 < id < 2**63:
                changes[id] = RowChange.of(table, found)
        if changes:
            changed += engine.apply(engine.tables.table(name), changes)
    return changed


def _id(name: str, record: Record) -> int:
    """The number of the record that is to be changed; raises StoreError if there is none."""
    id = record.get("id") if isinstance(record, Mapping) else None
    if not isinstance(id, int) or isinstance(id, bool):
        raise StoreError(f"it was not said which record of {name!r} to update; give its number as 'id'")
    return id
