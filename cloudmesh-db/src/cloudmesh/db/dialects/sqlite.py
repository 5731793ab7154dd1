"""sqlite: one file, in WAL mode; how it is made, upgraded, and set aside when it is damaged.

======  ==========================================================================================
format  what changed
======  ==========================================================================================
1       the first
2       the file names its program (``PRAGMA application_id``); a column of integers holds integers
        only, so that sqlite and PostgreSQL hold the same: a number such as 2.5 is in ``_json`` alone
======  ==========================================================================================
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from cloudmesh.db import locks
from cloudmesh.db.dialects.base import FORMAT, Dialect, DialectLimits, Unbindable, too_new
from cloudmesh.plugin.errors import StoreError
from cloudmesh.plugin.files import file_lock

if TYPE_CHECKING:
    from cloudmesh.db.locks.hold import Hold

# Words of sqlite's message, and what they mean to the user.
_SENTENCES = (
    ("is full", "cannot be written, the disk is full; make room and try again"),
    ("locked", "was in use by another program for {:.0f} seconds; try again later"),
    ("readonly", "may only be read; check the permissions of the file and its directory"),
    ("unable to open", "cannot be opened; check the permissions of the file and its directory"),
    ("disk i/o error", "cannot be read or written (disk I/O error); check the disk and the room on it"),
)
_DAMAGED = ("malformed", "not a database")

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


class SQLite(Dialect):
    """A file, or ``:memory:``. Made when something is first written, never by reading."""

    # SQLITE_MAX_COLUMN as sqlite is commonly built (sqlite.org, "Limits In SQLite").
    limits = DialectLimits("sqlite", 2000, 0, frozenset({"id", "_json"}), nul_in_text=True)
    sql_types: ClassVar = {
        "text": "TEXT",
        "integer": "INTEGER",
        "real": "REAL",
        "boolean": "INTEGER",
        "blob": "BLOB",
        "json": "TEXT",
        "": "BLOB",
    }
    id_type = "INTEGER PRIMARY KEY AUTOINCREMENT"
    later = False
    mark = "?"
    columns_order = "rowid"

    def __init__(self, path: Path | str, own: bool = False) -> None:
        super().__init__(str(path))
        self.path = Path(path)
        self.in_memory = str(path) == ":memory:"
        self._own = own
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._last_insert: tuple[str, Sequence[str], str] = ("", (), "")
        self._names: set[str] = set()

    @property
    def exists(self) -> bool:
        return self.in_memory or self._connection is not None or self.path.exists()

    @property
    def connection(self) -> sqlite3.Connection:
        """The open connection; the first time opens the file, and makes it if there is none."""
        if self._connection is None:
            self._require_open()
            try:
                self._connection = self._open()
                self.opened += 1
            except (sqlite3.Error, OSError) as error:
                self._fail(error)
        return self._connection

    def execute(self, sql: str, bound: Sequence[Any] = ()) -> Any:
        """Run one statement; raises StoreError. sqlite keeps it prepared for the next time."""
        try:
            return self.connection.execute(sql, bound)
        except sqlite3.Error as error:
            self._fail(error)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement, prepared once, for each of the rows."""
        self._bind(self.connection.executemany, sql, rows)

    def insert(self, table: str, columns: Sequence[str], row: Sequence[Any]) -> int:
        """Add a row and give its rowid, which is the id."""
        return int(self._bind(self.connection.execute, self._insert_sql(table, columns), row).lastrowid or 0)

    def insert_many(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Sequence[int]:
        """Add rows by one statement. Nobody else writes meanwhile, so AUTOINCREMENT counts one by one."""
        self._bind(self.connection.executemany, self._insert_sql(table, columns), rows)
        (last,) = self.execute("SELECT last_insert_rowid()").fetchone()
        return range(last - len(rows) + 1, last + 1)

    def find_ids(
        self, table: str, columns: Mapping[str, str], keys: Sequence[Sequence[Any]]
    ) -> list[Sequence[Any]]:
        """The rows with these keys, by a join with ``VALUES``: each key is looked up in the index."""
        names = [f"t.{self.quote(column)}" for column in columns]
        marks = f"({', '.join('?' * len(names))})"
        equal = " AND ".join(f"{name} = k.column{number}" for number, name in enumerate(names, 1))
        # The columns of VALUES are named column1, column2, ...; CROSS JOIN keeps the order of the tables.
        sql = (
            f"SELECT t.id, {', '.join(names)} FROM (VALUES {', '.join([marks] * len(keys))}) AS k "  # noqa: S608
            f"CROSS JOIN {self.quote(table)} AS t WHERE {equal}"
        )
        bound = [value for key in keys for value in key]
        found: list[Sequence[Any]] = self._bind(self.connection.execute, sql, bound).fetchall()
        return found

    def is_locked(self, name: str) -> bool:
        from cloudmesh.db.locks.hold import FileHold

        try:
            return name in self._names if self.in_memory else FileHold.is_taken(self._locks_folder, name)
        except OSError as error:
            self._fail(error)

    def _lock(self, name: str) -> Hold | None:
        from cloudmesh.db.locks.hold import FileHold, MemoryHold

        if self.in_memory:
            return None if name in self._names else MemoryHold(self._names, name)
        try:
            _make_directory(self._locks_folder.parent)
            return FileHold.take(self._locks_folder, name)
        except OSError as error:
            self._fail(error)

    @property
    def _locks_folder(self) -> Path:
        """The folder of lock files; the same one by whichever path the store is reached."""
        path = self.path.resolve()
        return path.with_name(f"{path.name}-locks")

    def index_name(self, table: str, columns: Sequence[str]) -> str:
        """The name of an index: tables share the names of indexes, and none begins with "_"."""
        return f"_index {json.dumps([table, *columns])}"

    def check(self) -> list[str]:
        """What ``PRAGMA integrity_check`` finds."""
        found = [str(line) for (line,) in self.execute("PRAGMA integrity_check").fetchall()]
        return [] if found == ["ok"] else found

    def backup(self, path: Path) -> None:
        """Copy all that is committed into another, new file, while others go on writing."""
        target = sqlite3.connect(str(path), isolation_level=None)
        try:
            self.connection.backup(target)
        except sqlite3.Error as error:
            raise StoreError(f"the backup {path} cannot be written: {error}") from error
        finally:
            target.close()

    def _insert_sql(self, table: str, columns: Sequence[str]) -> str:
        """The INSERT of these columns; that of the call before is kept, since it mostly is the same."""
        last_table, last_columns, sql = self._last_insert
        if columns is not last_columns or table != last_table:
            names = ", ".join(map(self.quote, columns))
            marks = ", ".join("?" * len(columns))
            sql = f"INSERT INTO {self.quote(table)} ({names}) VALUES ({marks})"  # noqa: S608
            self._last_insert = table, columns, sql
        return sql

    def _bind(self, run: Any, sql: str, bound: Any) -> Any:
        """Run a statement with values; raises Unbindable for one that sqlite cannot take, or StoreError."""
        try:
            return run(sql, bound)
        except (OverflowError, UnicodeEncodeError) as error:
            raise Unbindable from error
        except sqlite3.Error as error:
            self._fail(error)

    def _begin(self, write: bool) -> None:
        # A transaction that first reads and then writes could not wait for another writer.
        self.execute("BEGIN IMMEDIATE" if write else "BEGIN")

    def _in_transaction(self) -> bool:
        return self._connection is not None and self._connection.in_transaction

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        if not self.in_memory:
            _make_file(self.path)
            self._file = _file_id(self.path)
        # One thread at a time uses it; it is closed by the thread that ends the work.
        connection = sqlite3.connect(
            str(self.path),
            timeout=locks.BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=512,
        )
        try:
            _prepare(connection, self.place, self.in_memory)
        except BaseException:
            connection.close()
            raise
        return connection

    def _fail(self, error: Exception) -> NoReturn:
        """Raise the error as a sentence; a damaged file is set aside first."""
        if isinstance(error, OSError):
            raise StoreError(f"the store {self.place} cannot be used: {error.strerror or error}") from error
        text = str(error).lower()
        if any(words in text for words in _DAMAGED) and not self.in_memory:
            self._close()
            raise StoreError(_set_damaged_aside(self.path, self._file, self._own)) from error
        reason = next((sentence for words, sentence in _SENTENCES if words in text), None)
        sentence = reason.format(locks.BUSY_SECONDS) if reason else f"cannot do this: {error}"
        raise StoreError(f"the store {self.place} {sentence}") from error


def _file_id(path: Path) -> tuple[int, int] | None:
    """The device and the inode of the file at this path; None if there is none."""
    with suppress(OSError):
        status = path.stat()
        return status.st_dev, status.st_ino
    return None


def _make_file(path: Path) -> None:
    """Make an empty file that only its owner can read, if there is none; sqlite's own would be 0644."""
    if path.exists():
        # Opening and closing it here would drop the locks that sqlite holds in this process.
        return
    _make_directory(path.parent)
    # While the directory is locked no other process makes a store in it, or sets one aside.
    with file_lock(path.parent), suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _make_directory(path: Path) -> None:
    """Make the directory and those above it, for their owner alone; one that is there stays as it is."""
    if not path.exists():
        _make_directory(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)


def _prepare(connection: sqlite3.Connection, place: str, in_memory: bool) -> None:
    """Make what was just opened a store of the present format; raises StoreError if it is something else."""
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
            if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                raise StoreError(f"the store {place} is a database of another program; name another file")
            connection.execute(COLUMNS_TABLE)
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
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
_UPGRADES: Mapping[int, Callable[[sqlite3.Connection], None]] = {1: _from_1}


def _set_damaged_aside(path: Path, opened: tuple[int, int] | None, own: bool) -> str:
    """Rename a damaged file if it was a store of cloudmesh; gives the sentence that says what was done.

    Args:
        path: the file.
        opened: which file it was when it was opened; another one there now is left alone.
        own: whether the path is cloudmesh's own; else the file itself must say that it is a store.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(72)
    except OSError:
        head = b""
    # The head may be all that is whole.
    says_it_is_ours = head.startswith(_HEAD) and head[68:] == APPLICATION_ID.to_bytes(4, "big")
    if not (own or says_it_is_ours):
        return f"the store {path} is not a database of cloudmesh; move it away, or name another file"
    try:
        with file_lock(path.parent):
            if _file_id(path) != opened:
                return f"the store {path} was damaged, and another program has set it aside; try again"
            kept = _rename_aside(path)
    except OSError as error:
        reason = error.strerror or error
        return f"the store {path} is damaged and could not be set aside ({reason}); move it away"
    return (
        f"the store {path} is damaged and was set aside as {kept}; the next command begins a new one, "
        "unless you put a backup in its place"
    )


def _rename_aside(path: Path) -> Path:
    """Rename the file and those that belong to it; gives its new name, which nothing had before."""
    name = f"{path.name}.damaged-{time.strftime('%Y%m%dT%H%M%S')}"
    names = chain([name], (f"{name}-{number}" for number in count(2)))
    kept = next(each for each in map(path.with_name, names) if not each.exists())
    for suffix in _SUFFIXES:
        old = path.with_name(path.name + suffix)
        if old.exists():
            old.rename(kept.with_name(kept.name + suffix))
    return kept
