"""Looks for damage in a store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from cloudmesh.db.database import Database
from cloudmesh.plugin.errors import StoreError


class StoreFault(NamedTuple):
    """What was found of a part of the store: ``storage`` or a table.

    Attributes:
        part: which.
        records: how many it has, of those that can be read; None for the storage.
        result: what is wrong, empty if nothing is.
    """

    part: str
    records: int | None
    result: str


def findings(database: Database) -> Iterator[StoreFault]:
    """The storage first, then each table; raises StoreError if the store cannot be opened."""
    if not database.engine.dialect.exists:
        return
    yield StoreFault("storage", None, "; ".join(database.engine.dialect.check()[:3]))
    for table in database.tables():
        yield _table(database, table)


def _table(database: Database, name: str) -> StoreFault:
    """Reads every record; the first that cannot be read is told."""
    missing = database.engine.tables.missing_columns(name)
    if missing:
        return StoreFault(name, None, f"the columns {', '.join(missing)} are not there")
    records = 0
    try:
        for page in database.engine.search.pages(name):
            records += len(page)
    except StoreError as error:
        return StoreFault(name, records, f"after {records} records: {error}")
    return StoreFault(name, records, "")
