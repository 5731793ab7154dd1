"""The care of a store: a copy of the whole, as a file of sqlite, and a look for damage."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cloudmesh.db.database import Database
from cloudmesh.db.dialects.sqlite import SQLite
from cloudmesh.plugin.errors import StoreError, UsageError
from cloudmesh.plugin.files import sync_directory


def backup(database: Database, path: Path) -> int:
    """Copy all that is committed into a new file (mode 0600), and give the number of records in it.

    The file appears when it is complete. Others may use the store meanwhile.

    Raises UsageError if there is something at the path already, or StoreError.
    """
    dialect = database.engine.dialect
    if not dialect.exists:
        raise StoreError(f"there is no store {database.place} yet, and so nothing to back up")
    if path.exists() or path.is_symlink():
        raise UsageError(f"there is a file {path} already; name a new one")
    try:
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
            made = Path(folder) / "store.db"
            if isinstance(dialect, SQLite):
                os.close(os.open(made, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
                dialect.backup(made)
                with Database(made) as copied:
                    records = sum(map(copied.count, copied.tables()))
            else:
                with Database(made) as target:
                    records = copy(database, target)
            with made.open("rb") as stream:
                os.fsync(stream.fileno())
            # Unlike a rename, this takes nobody's place.
            os.link(made, path)
            sync_directory(path.parent)
    except OSError as error:
        raise StoreError(f"the backup {path} cannot be written: {error.strerror or error}") from error
    return records


def copy(source: Database, target: Database) -> int:
    """Copy all records of one store, as they are at one moment, into another, empty one; give their number.

    The records keep their ids, so what refers to them goes on doing so. Raises StoreError if the target is
    not empty, or cannot hold what the source does.
    """
    if target.tables():
        raise StoreError(f"the store {target.place} is not empty")
    number = 0
    with source.engine.dialect.snapshot(), target.atomic():
        for table in source.tables():
            target.engine.tables.make_like(source.engine.tables.table(table))
            for page in source.engine.search.pages(table):
                target.engine.restore(table, page)
                number += len(page)
            target.engine.dialect.restored(table)
    return number


class StoreFault(NamedTuple):
    """What was found of a part of the store: ``storage`` or a table.

    ``records`` is how many it has that can be read, None for the storage; ``result`` is empty if all is well.
    """

    part: str
    records: int | None
    result: str


def findings(database: Database) -> Iterator[StoreFault]:
    """What is found of the storage, then of each table, all of whose records are read; raises StoreError."""
    if not database.engine.dialect.exists:
        return
    yield StoreFault("storage", None, "; ".join(database.engine.dialect.check()[:3]))
    for table in database.tables():
        if missing := database.engine.tables.missing_columns(table):
            yield StoreFault(table, None, f"the columns {', '.join(missing)} are not there")
            continue
        records, result = 0, ""
        try:
            for page in database.engine.search.pages(table):
                records += len(page)
        except StoreError as error:
            result = f"after {records} records: {error}"
        yield StoreFault(table, records, result)
