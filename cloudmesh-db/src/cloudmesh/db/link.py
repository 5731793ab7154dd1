"""The connection to the sqlite file: opening, making, transactions, and errors as sentences."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cloudmesh.db import functions
from cloudmesh.plugin.errors import StoreError

# What the file format is called in PRAGMA user_version.
FORMAT = 1
# How long one program waits for another's transaction.
BUSY_SECONDS = 30.0

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
    ("not a database", "is not a database of cloudmesh; move it away, or name another file"),
    ("malformed", "is damaged; move it away, or put a copy from a backup in its place"),
    ("is full", "cannot be written, the disk is full; make room and try again"),
    ("locked", f"was in use by another program for {BUSY_SECONDS:.0f} seconds; try again later"),
    ("readonly", "may only be read; check the permissions of the file and its directory"),
    ("unable to open", "cannot be opened; check the permissions of the file and its directory"),
    ("disk i/o error", "cannot be read or written (disk I/O error); check the disk and the room on it"),
)


class Link:
    """One connection, opened when it is first asked for. ``path`` may be ``:memory:``."""

    def __init__(self, path: Path | str) -> None:
        self.in_memory = str(path) == ":memory:"
        self.path = Path(path)
        self._connection: sqlite3.Connection | None = None
        self._depth = 0
        self._closed = False

    @property
    def exists(self) -> bool:
        """Whether there is something to read."""
        return self.in_memory or self._connection is not None or self.path.exists()

    @property
    def connection(self) -> sqlite3.Connection:
        """The open connection; the first time opens the file, and makes it if there is none.

        Raises:
            StoreError: it cannot be opened or made, or is of a newer version.
        """
        if self._connection is None:
            if self._closed:
                raise StoreError(f"the store {self.path} is closed")
            self._connection = self._open()
        return self._connection

    def close(self) -> None:
        """Give the file back; what was not committed is undone."""
        self._closed = True
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn the errors of sqlite and of the system into StoreError."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise self._explained(error) from error

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """A transaction that writes; inside another one, a savepoint of it. An error undoes it."""
        name = f"s{self._depth}"
        with self.errors():
            # A transaction that first reads and then writes could not wait for another writer.
            self.connection.execute(f"SAVEPOINT {name}" if self._depth else "BEGIN IMMEDIATE")
        self._depth += 1
        try:
            yield
            with self.errors():
                self.connection.execute(f"RELEASE {name}" if self._depth > 1 else "COMMIT")
        except BaseException:
            self._undo(name)
            raise
        finally:
            self._depth -= 1

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """A transaction that reads: what others write meanwhile is not seen. No other may be inside it."""
        if self.connection.in_transaction:
            yield
            return
        with self.errors():
            self.connection.execute("BEGIN")
        try:
            yield
        finally:
            if self.connection.in_transaction:
                with self.errors():
                    self.connection.execute("ROLLBACK")

    def _undo(self, name: str) -> None:
        # After some errors, a full disk among them, sqlite has already undone the whole transaction.
        if self._connection is None or not self._connection.in_transaction:
            return
        with self.errors():
            if self._depth > 1:
                self._connection.execute(f"ROLLBACK TO {name}")
                self._connection.execute(f"RELEASE {name}")
            else:
                self._connection.execute("ROLLBACK")

    def _open(self) -> sqlite3.Connection:
        with self.errors():
            if not self.in_memory:
                _make_file(self.path)
            # One thread at a time uses it; it is closed by the thread that ends the work.
            connection = sqlite3.connect(
                str(self.path), timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        version = _version(connection)
        if version == 0:
            version = self._found(connection)
        if version != FORMAT:
            raise StoreError(
                f"the store {self.path} has the format {version} of a newer cloudmesh, this one knows "
                f"{FORMAT}; upgrade cloudmesh-db"
            )
        # With WAL a killed process loses nothing, and the file stays whole even without power.
        connection.execute("PRAGMA synchronous=NORMAL")
        functions.register(connection)

    def _found(self, connection: sqlite3.Connection) -> int:
        """Make the first tables in an empty file, unless another process is quicker; give the version."""
        if not self.in_memory:
            _switch_to_wal(connection)
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = _version(connection)
            if version == 0:
                if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                    raise StoreError(
                        f"the store {self.path} is a database of another program; name another file"
                    )
                connection.execute(COLUMNS_TABLE)
                connection.execute(f"PRAGMA user_version={FORMAT}")
                version = FORMAT
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return version

    def _explained(self, error: Exception) -> StoreError:
        if isinstance(error, OSError):
            return StoreError(f"the store {self.path} cannot be used: {error.strerror or error}")
        text = str(error).lower()
        reason = next((sentence for words, sentence in _SENTENCES if words in text), None)
        return StoreError(f"the store {self.path} {reason or f'cannot do this: {error}'}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Turn the write-ahead log on; sqlite does not wait by itself when two processes do so at once."""
    end = time.monotonic() + BUSY_SECONDS
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
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return


def _make_directory(path: Path) -> None:
    """Make the directory and those above it, for their owner alone."""
    if not path.exists():
        _make_directory(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
