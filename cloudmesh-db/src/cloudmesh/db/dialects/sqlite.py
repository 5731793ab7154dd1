"""sqlite: one file, in WAL mode; how it is opened and upgraded.

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
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from cloudmesh.db import forked, locks
from cloudmesh.db.dialects.base import FORMAT, Dialect, DialectLimits, Unbindable, padded, too_new
from cloudmesh.db.dialects.store_file import (
    APPLICATION_ID,
    LOCKS,
    StoreFile,
    beside,
    make_directory,
    switch_to_wal,
)
from cloudmesh.plugin.errors import StoreError

if TYPE_CHECKING:
    from cloudmesh.db.locks.hold import Hold

# Words of sqlite's message or the system's, and what they mean to the user.
_SENTENCES = (
    ("is full", "cannot be written: no space left on device; free some space and try again"),
    ("no space left", "cannot be written: no space left on device; free some space and try again"),
    ("quota exceeded", "cannot be written: disk quota exceeded; free some space and try again"),
    ("read-only file system", "is on a read-only file system; mount it read-write"),
    ("locked", "was in use by another program for {:.0f} seconds; try again later"),
    ("readonly", "is read-only; check the permissions of the file and its directory"),
    ("unable to open", "cannot be opened; check the permissions of the file and its directory"),
    ("permission denied", "cannot be opened; check the permissions of the file and its directory"),
    ("disk i/o error", "cannot be read or written (disk I/O error); check the disk"),
)
# What it says where another program changed the tables.
_CHANGED = ("no such column", "no such table", "no column named", "already", "duplicate column")
_DAMAGED = ("malformed", "not a database")
# What sqlite says where it cannot make the files that it wants beside the store, even to read it.
_NO_ROOM = ("is full", "readonly", "unable to open", "disk i/o error")

# So many rows are added by one statement, in a third of the time; it may name only so many values.
_TOGETHER, _MOST_COLUMNS = 32, 500
# Fewer keys than these are looked up by one of a few statements.
_PADDED = 1024

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
    # Whether a thread is calling sqlite at this moment.
    _is_used = False

    def __init__(self, path: Path | str, own: bool = False) -> None:
        super().__init__(str(path))
        self.path = Path(path)
        self.in_memory = str(path) == ":memory:"
        self._file = StoreFile(self.path, own)
        self._connection: sqlite3.Connection | None = None
        # Whether the connection can only read, since there was no room for more.
        self._reads = False
        self._last_insert: tuple[str, Sequence[str], str] = ("", (), "")
        self._names: set[str] = set()

    @property
    def exists(self) -> bool:
        return self.in_memory or self._connection is not None or self._file.exists

    @property
    def connection(self) -> sqlite3.Connection:
        """The open connection; the first time opens the file, and makes it if there is none."""
        if self._connection is None:
            self._require_open()
            try:
                self._connection = self._open()
            except (sqlite3.Error, OSError) as error:
                self._connection = self._open_to_read(error)
            self.opened += 1
        return self._connection

    def execute(self, sql: str, bound: Sequence[Any] = ()) -> Any:
        """Run one statement; raises StoreError. sqlite keeps it prepared for the next time."""
        return self._bind(self.connection.execute, sql, bound)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement, prepared once, for each of the rows."""
        rows = list(rows)
        self._check_number(self._bind(self.connection.executemany, sql, rows), rows)

    def count_changed(self, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        """The same without a look at the number, which it gives."""
        return int(self._bind(self.connection.executemany, sql, rows).rowcount)

    def insert(self, table: str, columns: Sequence[str], row: Sequence[Any]) -> int:
        """Add a row and give its rowid, which is the id."""
        if not self._depth:
            self._require_writable()
        cursor = self._bind(self.connection.execute, self._insert_sql(table, columns), row)
        if cursor.rowcount != 1:
            self._check_number(cursor, [row])
        return int(cursor.lastrowid)

    def insert_many(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Sequence[int]:
        """Add rows, many by a statement. Nobody else writes meanwhile: AUTOINCREMENT counts one by one."""
        sql = self._insert_sql(table, columns)
        whole = len(rows) - len(rows) % _TOGETHER if len(columns) <= _MOST_COLUMNS else 0
        if whole:
            marks = sql[sql.rindex(" (") :]
            starts = range(0, whole, _TOGETHER)
            together = (list(chain.from_iterable(rows[start : start + _TOGETHER])) for start in starts)
            several = f"{sql}{f',{marks}' * (_TOGETHER - 1)}"
            self._check_number(self._bind(self.connection.executemany, several, together), rows[:whole])
        if rest := rows[whole:]:
            self._check_number(self._bind(self.connection.executemany, sql, rest), rest)
        (last,) = self.execute("SELECT last_insert_rowid()").fetchone()
        return range(last - len(rows) + 1, last + 1)

    def find_ids(
        self, table: str, columns: Mapping[str, str], keys: Sequence[Sequence[Any]]
    ) -> list[Sequence[Any]]:
        """The rows with these keys, by a join with ``VALUES``: each key is looked up in the index."""
        names = [f"t.{self.quote(column)}" for column in columns]
        marks = f"({', '.join('?' * len(names))})"
        if len(keys) < _PADDED:
            keys = padded(keys)
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
            self._committed()
            make_directory(self._locks_folder.parent)
            return FileHold.take(self._locks_folder, name, self._file.is_shared)
        except OSError as error:
            self._fail(error)

    @property
    def _locks_folder(self) -> Path:
        """The folder of lock files; the same one by whichever path the store is reached."""
        return beside(self.path.resolve(), LOCKS)

    def index_name(self, table: str, columns: Sequence[str]) -> str:
        """The name of an index: tables share the names of indexes, and none begins with "_"."""
        return f"_index {json.dumps([table, *columns])}"

    def check(self) -> list[str]:
        """What ``PRAGMA integrity_check`` finds."""
        found = [str(line) for (line,) in self.execute("PRAGMA integrity_check").fetchall()]
        return [] if found == ["ok"] else found

    def _insert_sql(self, table: str, columns: Sequence[str]) -> str:
        """The INSERT of these columns; that of the call before is kept, since it mostly is the same."""
        last_table, last_columns, sql = self._last_insert
        if columns is not last_columns or table != last_table:
            names, marks = ", ".join(map(self.quote, columns)), ", ".join("?" * len(columns))
            sql = f"INSERT INTO {self.quote(table)} ({names}) VALUES ({marks})"  # noqa: S608
            self._last_insert = table, columns, sql
        return sql

    def _bind(self, run: Any, sql: str, bound: Any) -> Any:
        """Run a statement with values; raises Unbindable for one that sqlite cannot take, or StoreError."""
        self._is_used = True
        try:
            return run(sql, bound)
        except (OverflowError, UnicodeEncodeError) as error:
            raise Unbindable from error
        except sqlite3.Error as error:
            self._fail(error)
        finally:
            self._is_used = False

    def version(self) -> tuple[object, ...]:
        """sqlite's own counter of the commits of others, and the number of the rows that we have changed.

        An empty one stands for a file that is not there; one that took its place is opened.
        """
        # What only reads does not see what is written once there is room again.
        is_old = self._reads or not (self.in_memory or self._connection is None or self._file.is_same)
        if is_old and not self._in_transaction():
            self._close()
        if not self.exists:
            return ()
        number = self.others_version()
        return self.opened, number, self.connection.total_changes

    def others_version(self) -> int:
        """sqlite's own counter, for this connection."""
        return int(self.execute("PRAGMA data_version").fetchone()[0])

    def _begin(self, write: bool) -> None:
        if write:
            self._require_writable()
        # A transaction that first reads and then writes could not wait for another writer.
        self.execute("BEGIN IMMEDIATE" if write else "BEGIN")

    def _require_writable(self) -> None:
        """Raise StoreError if nothing can be written, or what is written would be lost."""
        if self._reads or (self._connection is None and self.connection and self._reads):
            # There may be room again; else the error says what is wrong.
            self._close()
            try:
                self._connection = self._open()
            except (sqlite3.Error, OSError) as error:
                self._fail(error)
            self.opened += 1
        if not self.in_memory:
            self._file.require_same()

    def _committed(self) -> None:
        """Raise StoreError if the file that is open is no longer the store."""
        if self._connection is not None and not self.in_memory:
            self._file.require_same()

    def _in_transaction(self) -> bool:
        return self._connection is not None and self._connection.in_transaction

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection, self._reads = None, False

    def leave(self) -> Sequence[object]:
        if self._connection is None or self.in_memory:
            return ()
        left, self._connection = self._connection, None
        self._closed, kept = forked.leave(left, self._is_used, self._file.opened)
        return kept

    def _open(self) -> sqlite3.Connection:
        if self.in_memory:
            return self._prepared(str(self.path))
        self._file.make()
        self._file.check()
        self._file.remember()
        connection = self._prepared(str(self.path))
        # To open a file of a layer of an image, in a container, copies it.
        self._file.remember()
        return connection

    def _open_to_read(self, error: Exception) -> sqlite3.Connection:
        """Open the file without those that sqlite makes beside it; raises the error if that will not do."""
        is_whole = self._file.exists and not self._file.has_log
        if not (is_whole and any(words in str(error).lower() for words in _NO_ROOM)):
            self._fail(error)
        # Nobody else can write either, as long as there is no log.
        try:
            connection = self._prepared(f"{self.path.absolute().as_uri()}?immutable=1", uri=True)
        except sqlite3.Error:
            self._fail(error)
        self._reads = True
        return connection

    def _prepared(self, place: str, uri: bool = False) -> sqlite3.Connection:
        # One thread at a time uses it; it is closed by the thread that ends the work.
        connection = sqlite3.connect(
            place,
            timeout=locks.BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=512,
            uri=uri,
        )
        try:
            _prepare(connection, self.place, self.in_memory)
        except BaseException:
            connection.close()
            raise
        return connection

    def _fail(self, error: Exception) -> NoReturn:
        """Raise the error as a sentence; a damaged file is set aside first."""
        said = (error.strerror if isinstance(error, OSError) else None) or str(error)
        text = said.lower()
        # Before all others, since a rule or a name of another program may hold any words.
        if isinstance(error, sqlite3.IntegrityError) or any(words in text for words in _CHANGED):
            raise self.changed(said) from error
        if any(words in text for words in _DAMAGED) and not self.in_memory:
            self._close()
            raise StoreError(self._file.set_aside()) from error
        if any(words in text for words in _NO_ROOM) and not self.in_memory:
            # sqlite does not always know what the disk is like.
            text = self._file.disk().lower() or text
        reason = next((sentence for words, sentence in _SENTENCES if words in text), None)
        other = f"cannot be used: {said}" if isinstance(error, OSError) else f"cannot do this: {said}"
        sentence = reason.format(locks.BUSY_SECONDS) if reason else other
        raise StoreError(f"the store {self.place} {sentence}") from error


def _prepare(connection: sqlite3.Connection, place: str, in_memory: bool) -> None:
    """Make what was just opened a store of the present format; raises StoreError if it is something else."""
    version = _version(connection)
    if version == 0 and not in_memory:
        switch_to_wal(connection, locks.BUSY_SECONDS)
    if version < FORMAT:
        version = _upgrade(connection, place)
    if version > FORMAT:
        raise too_new(place, version)
    # With WAL a killed process loses nothing, and the file stays whole even without power.
    connection.execute("PRAGMA synchronous=NORMAL")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _upgrade(connection: sqlite3.Connection, place: str) -> int:
    """Make an empty file a store, or bring an old store up to date, unless another process is quicker."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection)
        if version == 0:
            if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                raise StoreError(f"the store {place} belongs to another program; use another file")
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
    integers = "SELECT tab, col FROM _columns WHERE kind = 'integer' AND col <> 'id'"
    for tab, col in connection.execute(integers).fetchall():
        table, column = (name.replace('"', '""') for name in (tab, col))
        # What is lost here is in _json as it is.
        connection.execute(
            f'UPDATE "{table}" SET "{column}" = NULL WHERE typeof("{column}") = \'real\''  # noqa: S608
        )
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")


# What brings a store from each older format to the next.
_UPGRADES: Mapping[int, Callable[[sqlite3.Connection], None]] = {1: _from_1}
