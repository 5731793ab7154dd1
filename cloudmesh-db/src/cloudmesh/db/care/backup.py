"""A copy of a whole store, as a file of sqlite, wherever the store is."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from cloudmesh.db.database import Database
from cloudmesh.db.dialects.sqlite import SQLite
from cloudmesh.plugin.errors import StoreError, UsageError


def backup(database: Database, path: Path) -> int:
    """Copy all that is committed into a new file (mode 0600), and give the number of records in it.

    The file appears when it is complete. Others may use the store meanwhile.

    Raises:
        UsageError: there is something at the path already.
        StoreError: there is no store yet, it cannot be read, or the file cannot be written.
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
            _to_disk(made)
            # Unlike a rename, this takes nobody's place.
            os.link(made, path)
    except OSError as error:
        raise StoreError(f"the backup {path} cannot be written: {error.strerror or error}") from error
    return records


def copy(source: Database, target: Database) -> int:
    """Copy all records of one store, as they are at one moment, into another, empty one; give their number.

    The records keep their ids, so what refers to them goes on doing so.

    Raises:
        StoreError: the target is not empty, or cannot hold what the source does.
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


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
