"""The care of a store: a copy of the whole, as a file of sqlite, and a look for damage."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from cloudmesh.db.database import Database
from cloudmesh.db.dialects.sqlite import SQLite
from cloudmesh.plugin.errors import StoreError, UsageError
from cloudmesh.plugin.files import private_draft, sync_directory


def backup(database: Database, path: Path) -> int:
    """Copy all that is committed into a new file (mode 0600), and give the number of records in it.

    The file appears when it is complete; a process that is killed leaves nothing of it behind. Others may use
    the store meanwhile. Raises UsageError if there is something at the path already, or StoreError.
    """
    if not database.engine.dialect.exists:
        raise StoreError(f"there is no store {database.place} yet: nothing to back up")
    path = path.absolute()
    try:
        if path.exists() or path.is_symlink():
            raise FileExistsError
        with _nameless(path) as (descriptor, connection), Database(":memory:") as memory:
            if not isinstance(database.engine.dialect, SQLite):
                copy(database, memory)
                database = memory
            with database.engine.dialect.snapshot():
                records = sum(map(database.count, database.tables()))
                database.engine.dialect.connection.backup(connection)  # type: ignore[attr-defined]
            connection.close()
            _publish(descriptor, path)
    except FileExistsError as error:
        raise UsageError(f"the file {path} already exists; use a new name") from error
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise StoreError(
            f"the backup {path} cannot be written: {reason}; the incomplete file was removed"
        ) from error
    return records


@contextmanager
def _nameless(path: Path) -> Iterator[tuple[int, sqlite3.Connection]]:
    """A file in the directory of ``path`` that has lost its name, and sqlite's connection to it."""
    with private_draft(path, b"") as draft:
        descriptor = os.open(draft, os.O_RDONLY | os.O_CLOEXEC)
        connection = sqlite3.connect(draft, isolation_level=None)
        try:
            # Without a journal sqlite makes no other file; with the first look it has opened this one.
            connection.execute("PRAGMA journal_mode=OFF").fetchall()
            connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
            draft.unlink()
            yield descriptor, connection
        finally:
            connection.close()
            os.close(descriptor)


def _publish(source: int, path: Path) -> None:
    """Copy a file into a new one at ``path``, which appears in one step, whole and on the disk."""
    with ExitStack() as stack:
        try:
            target = os.open(path.parent, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            place = f"/proc/self/fd/{target}"
        except (OSError, AttributeError):
            # Not every system, and not every file system, has files without a name.
            place = str(stack.enter_context(private_draft(path, b"")))
            target = os.open(place, os.O_WRONLY | os.O_CLOEXEC)
        with open(source, "rb", closefd=False) as content, open(target, "wb") as file:  # noqa: PTH123
            os.fchmod(target, 0o600)
            shutil.copyfileobj(content, file)
            file.flush()
            os.fsync(target)
            # Unlike a rename, this takes nobody's place. The descriptor only makes it follow the link.
            os.link(place, path, src_dir_fd=target, follow_symlinks=True)
        sync_directory(path.parent)


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
            yield StoreFault(table, None, f"missing columns: {', '.join(missing)}")
            continue
        records, result = 0, ""
        try:
            for page in database.engine.search.pages(table):
                records += len(page)
        except StoreError as error:
            result = f"after {records} records: {error}"
        yield StoreFault(table, records, result)
