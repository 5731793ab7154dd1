"""sqlite: one file, in WAL mode."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from cloudmesh.db.dialects import base, damage, migrations
from cloudmesh.db.dialects.base import Dialect, DialectLimits, Unbindable
from cloudmesh.plugin.errors import StoreError

if TYPE_CHECKING:
    from cloudmesh.db.dialects.base import Cursor
    from cloudmesh.db.locks.hold import Lock

COLUMNS_TABLE = """\
CREATE TABLE _columns (
    tab TEXT NOT NULL,
    col TEXT NOT NULL,
    path TEXT,
    kind TEXT NOT NULL,
    PRIMARY KEY (tab, col)
)"""

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
        self._file: damage.FileId | None = None
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

    def execute(self, sql: str, bound: Sequence[Any] = ()) -> Cursor:
        try:
            return self.connection.execute(sql, bound)
        except sqlite3.Error as error:
            self._fail(error)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        self._bind(self.connection.executemany, sql, rows)

    def insert(self, table: str, columns: Sequence[str], row: Sequence[Any]) -> int:
        return int(self._bind(self.connection.execute, self._insert_sql(table, columns), row).lastrowid or 0)

    def insert_many(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Sequence[int]:
        self._bind(self.connection.executemany, self._insert_sql(table, columns), rows)
        # Nobody else writes meanwhile, so AUTOINCREMENT counted one by one.
        (last,) = self.execute("SELECT last_insert_rowid()").fetchone()
        return range(last - len(rows) + 1, last + 1)

    def find_ids(
        self, table: str, columns: Mapping[str, str], keys: Sequence[Sequence[Any]]
    ) -> list[Sequence[Any]]:
        names = [f"t.{self.quote(column)}" for column in columns]
        marks = f"({', '.join('?' * len(names))})"
        equal = " AND ".join(f"{name} = k.column{number}" for number, name in enumerate(names, 1))
        # The columns of VALUES have these names. CROSS JOIN: each key is looked up in the index.
        sql = (
            f"SELECT t.id, {', '.join(names)} FROM (VALUES {', '.join([marks] * len(keys))}) AS k "  # noqa: S608
            f"CROSS JOIN {self.quote(table)} AS t WHERE {equal}"
        )
        bound = [value for key in keys for value in key]
        found: list[Sequence[Any]] = self._bind(self.connection.execute, sql, bound).fetchall()
        return found

    def is_locked(self, name: str) -> bool:
        if self.in_memory:
            return name in self._names
        from cloudmesh.db.locks.file_lock import FileLock

        try:
            return FileLock.is_taken(self._locks_folder, name)
        except OSError as error:
            self._fail(error)

    def _lock(self, name: str) -> Lock | None:
        if self.in_memory:
            from cloudmesh.db.locks.hold import MemoryLock

            return None if name in self._names else MemoryLock(self._names, name)
        from cloudmesh.db.locks.file_lock import FileLock

        try:
            _make_directory(self._locks_folder.parent)
            return FileLock.take(self._locks_folder, name)
        except OSError as error:
            self._fail(error)

    @property
    def _locks_folder(self) -> Path:
        """Where the names are locked; the same one by whichever path the file is reached."""
        path = self.path.resolve()
        return path.with_name(f"{path.name}-locks")

    def quote(self, name: str) -> str:
        return '"' + name.replace('"', '""') + '"'

    def index_name(self, table: str, columns: Sequence[str]) -> str:
        # Indexes and tables share their names, and no table begins with "_". JSON tells ab, c from a, bc.
        return f"_index {json.dumps([table, *columns])}"

    def check(self) -> list[str]:
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
        last_table, last_columns, sql = self._last_insert
        if columns is not last_columns or table != last_table:
            names = ", ".join(map(self.quote, columns))
            marks = ", ".join("?" * len(columns))
            sql = f"INSERT INTO {self.quote(table)} ({names}) VALUES ({marks})"  # noqa: S608
            self._last_insert = table, columns, sql
        return sql

    def _bind(self, run: Any, sql: str, bound: Any) -> Any:
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
            self._file = damage.file_id(self.path)
        # One thread at a time uses it; it is closed by the thread that ends the work.
        connection = sqlite3.connect(
            str(self.path),
            timeout=base.BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=512,
        )
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        version = _version(connection)
        if version == 0 and not self.in_memory:
            _switch_to_wal(connection)
        if version < migrations.FORMAT:
            version = self._bring_up(connection)
        if version > migrations.FORMAT:
            raise migrations.too_new(self.place, version)
        # With WAL a killed process loses nothing, and the file stays whole even without power.
        connection.execute("PRAGMA synchronous=NORMAL")

    def _bring_up(self, connection: sqlite3.Connection) -> int:
        """Make an empty file a store, or an old store one of today, unless another process is quicker."""
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = _version(connection)
            if version == 0:
                self._found(connection)
            elif version < migrations.FORMAT:
                migrations.migrate(connection, version)
            if version < migrations.FORMAT:
                version = migrations.FORMAT
                connection.execute(f"PRAGMA user_version={version}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return version

    def _found(self, connection: sqlite3.Connection) -> None:
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise StoreError(f"the store {self.place} is a database of another program; name another file")
        connection.execute(COLUMNS_TABLE)
        connection.execute(f"PRAGMA application_id={damage.APPLICATION_ID}")

    def _fail(self, error: Exception) -> NoReturn:
        """Raise the error as a sentence; a damaged file is set aside first."""
        if isinstance(error, OSError):
            raise StoreError(f"the store {self.place} cannot be used: {error.strerror or error}") from error
        text = str(error).lower()
        if any(words in text for words in _DAMAGED) and not self.in_memory:
            self._close()
            raise StoreError(damage.dealt_with(self.path, self._file, self._own)) from error
        reason = next((sentence for words, sentence in _SENTENCES if words in text), None)
        sentence = reason.format(base.BUSY_SECONDS) if reason else f"cannot do this: {error}"
        raise StoreError(f"the store {self.place} {sentence}") from error


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Turn the write-ahead log on; sqlite does not wait by itself when two processes do so at once."""
    end = time.monotonic() + base.BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.005)


def _make_file(path: Path) -> None:
    """Make an empty file that only its owner can read, if there is none; sqlite's own would be 0644."""
    if path.exists():
        # Opening and closing it here would drop the locks that sqlite holds in this process.
        return
    _make_directory(path.parent)
    with damage.directory_lock(path.parent):
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            return


def _make_directory(path: Path) -> None:
    """Make the directory and those above it, for their owner alone."""
    if not path.exists():
        _make_directory(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
