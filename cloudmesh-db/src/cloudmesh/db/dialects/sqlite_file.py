"""The file of sqlite: how it is made, brought to the present format, and set aside when it is damaged.

======  ==========================================================================================
format  what changed
======  ==========================================================================================
1       the first
2       the file names its program (``PRAGMA application_id``); a column of integers holds integers
        only, so that sqlite and PostgreSQL hold the same: a number such as 2.5 is in ``_json`` alone
======  ==========================================================================================
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from cloudmesh.db import locks
from cloudmesh.db.dialects.base import FORMAT, too_new
from cloudmesh.plugin.errors import StoreError
from cloudmesh.plugin.files import file_lock

# "Clms", which sqlite keeps in the head of the file ("Database File Format", sqlite.org, offset 68).
APPLICATION_ID = 0x436C6D73
_HEAD = b"SQLite format 3\0"
# The write-ahead log and its index belong to the file and keep its name.
_SUFFIXES = ("", "-wal", "-shm")

COLUMNS_TABLE = """\
CREATE TABLE _columns (
    tab TEXT NOT NULL,
    col TEXT NOT NULL,
    path TEXT,
    kind TEXT NOT NULL,
    PRIMARY KEY (tab, col)
)"""


class FileId(NamedTuple):
    """Identifies a file, whatever its name; another file at the same path has another one."""

    device: int
    inode: int


def file_id(path: Path) -> FileId | None:
    """The file at this path; None if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return FileId(status.st_dev, status.st_ino)


def make_file(path: Path) -> None:
    """Make an empty file that only its owner can read, if there is none; sqlite's own would be 0644."""
    if path.exists():
        # Opening and closing it here would drop the locks that sqlite holds in this process.
        return
    make_directory(path.parent)
    # While the directory is locked no other process makes a store in it, or sets one aside.
    with file_lock(path.parent):
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            return


def make_directory(path: Path) -> None:
    """Make the directory and those above it, for their owner alone; one that is there stays as it is."""
    if not path.exists():
        make_directory(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)


def prepare(connection: sqlite3.Connection, place: str, in_memory: bool) -> None:
    """Make what was just opened a store of the present format.

    Raises:
        StoreError: it is a database of another program, or a store of a newer cloudmesh.
    """
    version = _version(connection)
    if version == 0 and not in_memory:
        _switch_to_wal(connection)
    if version < FORMAT:
        version = _upgrade(connection, place)
    if version > FORMAT:
        raise too_new(place, version)
    # With WAL a killed process loses nothing, and the file stays whole even without power.
    connection.execute("PRAGMA synchronous=NORMAL")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Turn the write-ahead log on; sqlite does not wait by itself when two processes do so at once."""
    end = time.monotonic() + locks.BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.005)


def _upgrade(connection: sqlite3.Connection, place: str) -> int:
    """Make an empty file a store, or bring an old store up to date, unless another process is quicker."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection)
        if version == 0:
            _create_store(connection, place)
        else:
            for step in range(version, FORMAT):
                _UPGRADES[step](connection)
        if version < FORMAT:
            version = FORMAT
            connection.execute(f"PRAGMA user_version={version}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return version


def _create_store(connection: sqlite3.Connection, place: str) -> None:
    """Make the first table; raises StoreError if there are tables of another program."""
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise StoreError(f"the store {place} is a database of another program; name another file")
    connection.execute(COLUMNS_TABLE)
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")


def _from_1(connection: sqlite3.Connection) -> None:
    """Take numbers with a fraction out of columns of integers, and name the program."""
    columns = connection.execute(
        "SELECT tab, col FROM _columns WHERE kind = 'integer' AND col <> 'id'"
    ).fetchall()
    for tab, col in columns:
        table, column = (name.replace('"', '""') for name in (tab, col))
        # What is lost here is in _json as it is.
        connection.execute(
            f'UPDATE "{table}" SET "{column}" = NULL WHERE typeof("{column}") = \'real\''  # noqa: S608
        )
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")


# What brings a store from each older format to the next.
_UPGRADES: Mapping[int, Callable[[sqlite3.Connection], None]] = MappingProxyType({1: _from_1})


def set_damaged_aside(path: Path, opened: FileId | None, own: bool) -> str:
    """Give a damaged file another name if it was a store of cloudmesh; nothing is deleted.

    Gives the sentence that says what was done.

    Args:
        path: the file.
        opened: which file it was when it was opened; another one there now is left alone.
        own: whether the path is cloudmesh's own; else the file itself must say that it is a store.
    """
    if not (own or _says_it_is_ours(path)):
        return f"the store {path} is not a database of cloudmesh; move it away, or name another file"
    try:
        with file_lock(path.parent):
            if file_id(path) != opened:
                return f"the store {path} was damaged, and another program has set it aside; try again"
            kept = _rename_aside(path)
    except OSError as error:
        reason = error.strerror or error
        return f"the store {path} is damaged and could not be set aside ({reason}); move it away"
    return (
        f"the store {path} is damaged and was set aside as {kept}; the next command begins a new one, "
        "unless you put a backup in its place"
    )


def _says_it_is_ours(path: Path) -> bool:
    """Whether the head of the file, which may be all that is whole, names cloudmesh."""
    try:
        with path.open("rb") as stream:
            head = stream.read(72)
    except OSError:
        return False
    return head.startswith(_HEAD) and head[68:72] == APPLICATION_ID.to_bytes(4, "big")


def _rename_aside(path: Path) -> Path:
    """Rename the file and those that belong to it; gives its new name, which nothing had before."""
    stamp = time.strftime("%Y%m%dT%H%M%S")
    kept, number = path.with_name(f"{path.name}.damaged-{stamp}"), 1
    while kept.exists():
        number += 1
        kept = path.with_name(f"{path.name}.damaged-{stamp}-{number}")
    for suffix in _SUFFIXES:
        old = path.with_name(path.name + suffix)
        if old.exists():
            old.rename(kept.with_name(kept.name + suffix))
    return kept
