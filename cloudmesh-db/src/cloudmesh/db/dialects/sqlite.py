"""sqlite: one file, in WAL mode."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from cloudmesh.db import locks
from cloudmesh.db.dialects import sqlite_file
from cloudmesh.db.dialects.base import Dialect, DialectLimits, Unbindable
from cloudmesh.plugin.errors import StoreError

if TYPE_CHECKING:
    from cloudmesh.db.dialects.base import Cursor
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
        self._file: sqlite_file.FileId | None = None
        self._last_insert: tuple[str, Sequence[str], str] = ("", (), "")
        self._names: set[str] = set()

    @property
    def exists(self) -> bool:
        """Whether there is a file, or a store in memory."""
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

    def execute(self, sql: str, bound: Sequence[Any] = ()) -> Cursor:
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
        """Whether somebody has the lock file of a name; raises StoreError."""
        if self.in_memory:
            return name in self._names
        from cloudmesh.db.locks.hold import FileHold

        try:
            return FileHold.is_taken(self._locks_folder, name)
        except OSError as error:
            self._fail(error)

    def _lock(self, name: str) -> Hold | None:
        if self.in_memory:
            from cloudmesh.db.locks.hold import MemoryHold

            return None if name in self._names else MemoryHold(self._names, name)
        from cloudmesh.db.locks.hold import FileHold

        try:
            sqlite_file.make_directory(self._locks_folder.parent)
            return FileHold.take(self._locks_folder, name)
        except OSError as error:
            self._fail(error)

    @property
    def _locks_folder(self) -> Path:
        """The folder of lock files; the same one by whichever path the store is reached."""
        path = self.path.resolve()
        return path.with_name(f"{path.name}-locks")

    def quote(self, name: str) -> str:
        """A name in double quotes."""
        return '"' + name.replace('"', '""') + '"'

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
            sqlite_file.make_file(self.path)
            self._file = sqlite_file.file_id(self.path)
        # One thread at a time uses it; it is closed by the thread that ends the work.
        connection = sqlite3.connect(
            str(self.path),
            timeout=locks.BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=512,
        )
        try:
            sqlite_file.prepare(connection, self.place, self.in_memory)
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
            raise StoreError(sqlite_file.set_damaged_aside(self.path, self._file, self._own)) from error
        reason = next((sentence for words, sentence in _SENTENCES if words in text), None)
        sentence = reason.format(locks.BUSY_SECONDS) if reason else f"cannot do this: {error}"
        raise StoreError(f"the store {self.place} {sentence}") from error
