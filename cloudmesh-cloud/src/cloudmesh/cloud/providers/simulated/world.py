"""The sqlite file in which a simulated cloud lives, so that all processes see the same machines.

A machine that is changing has the state it will have and the time when; reading it after that time
shows the new state, so no process has to run for a machine to boot.
"""

from __future__ import annotations

import errno
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cloudmesh.cloud.errors import Unreachable
from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.provider.boot import TOKEN_KEY
from cloudmesh.db import forked
from cloudmesh.db.dialects.store_file import disk_trouble, switch_to_wal

_BUSY_SECONDS = 30.0
# How many machines one listing call tells of.
PAGE = 500
_MACHINE = """
SELECT machine.*, (
    SELECT json_group_array(address) FROM floating_ip WHERE machine_id = machine.id
) AS public_ips FROM machine"""
_TABLES = """
CREATE TABLE IF NOT EXISTS machine (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    next_state TEXT,
    ready_at REAL,
    image TEXT NOT NULL,
    flavor TEXT NOT NULL,
    key TEXT NOT NULL,
    created REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS key (name TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, public_key TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS attempt (
    verb TEXT, name TEXT, count INTEGER NOT NULL, PRIMARY KEY (verb, name)
);
CREATE TABLE IF NOT EXISTS security_group (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, description TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS security_rule (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id INTEGER NOT NULL,
    direction TEXT NOT NULL,
    protocol TEXT NOT NULL,
    from_port INTEGER,
    to_port INTEGER,
    remote TEXT NOT NULL,
    ethertype TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS floating_ip (
    id INTEGER PRIMARY KEY AUTOINCREMENT, address TEXT NOT NULL UNIQUE, machine_id INTEGER
);
CREATE TABLE IF NOT EXISTS lease (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    starts REAL NOT NULL,
    ends REAL NOT NULL,
    amount INTEGER NOT NULL,
    type TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS snapshot (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    machine_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    created REAL NOT NULL,
    state TEXT NOT NULL,
    image TEXT NOT NULL,
    UNIQUE (machine_id, name)
);
"""
# Raised when something is added below.
_VERSION = 7
# Added since the first version; an older file gets them when it is opened.
_COLUMNS = (
    ("machine", "metadata", "TEXT NOT NULL DEFAULT '{}'"),
    ("machine", "networks", "TEXT NOT NULL DEFAULT '[\"private\"]'"),
    ("machine", "groups", "TEXT NOT NULL DEFAULT '[\"default\"]'"),
    ("machine", "hints", "TEXT NOT NULL DEFAULT '{}'"),
    ("machine", "was", "TEXT NOT NULL DEFAULT '{}'"),
    ("machine", "locked", "INTEGER NOT NULL DEFAULT 0"),
    ("machine", "owner", "TEXT NOT NULL DEFAULT ''"),
    ("floating_ip", "description", "TEXT NOT NULL DEFAULT ''"),
    ("machine", "lease", "INTEGER"),
)
_DEFAULT_GROUP = """
INSERT INTO security_group (id, name, description) SELECT 1, 'default', 'every machine, if no other is named'
    WHERE NOT EXISTS (SELECT 1 FROM security_group);
INSERT INTO security_rule (group_id, direction, protocol, remote, ethertype)
    SELECT 1, 'egress', 'any', '0.0.0.0/0', 'IPv4'
    WHERE NOT EXISTS (SELECT 1 FROM security_rule WHERE group_id = 1);
"""


class World:
    """The machines, keys and counted calls of one simulated cloud.

    ``clock`` gives seconds since the epoch; tests put another one in.
    """

    def __init__(self, file: Path, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self._file = file
        # Whether a thread is calling sqlite at this moment, and why this process cannot use the file.
        self._is_used, self._refusal = False, forked.REFUSED if forked.is_refused(file) else ""
        self._require_own()
        try:
            self._connection = _connect(file)
        except (OSError, sqlite3.Error) as error:
            raise Unreachable(
                f"the file of the simulated cloud, {file}, cannot be opened: {_reason(file, error)}"
            ) from error
        forked.watch(self)

    def close(self) -> None:
        """Leave the file."""
        if not self._refusal:
            forked.unwatch(self)
            self._connection.close()

    def leave(self) -> Sequence[object]:
        """See ``forked.Inherited``."""
        self._refusal, kept = forked.leave(self._connection, self._is_used, forked.file_at(self._file))
        return kept

    def _require_own(self) -> None:
        if self._refusal:
            raise Unreachable(f"the file of the simulated cloud, {self._file}, {self._refusal}")

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """One transaction that no other process can come between."""
        self._require_own()
        self._is_used = True
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._apply_due_changes()
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # After some errors, a full disk among them, sqlite has already undone it.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.IntegrityError:
            # A name that is taken is no trouble with the file.
            raise
        except sqlite3.DatabaseError as error:
            raise Unreachable(
                f"the file of the simulated cloud, {self._file}, cannot be used: {_reason(self._file, error)}"
            ) from error
        finally:
            self._is_used = False

    def _apply_due_changes(self) -> None:
        """Make the changes whose time has come."""
        now = self.clock()
        gone = self._connection.execute(
            "DELETE FROM machine WHERE (next_state = ? AND ready_at <= ?) "
            "OR lease IN (SELECT id FROM lease WHERE ends <= ?)",
            (State.DELETED.value, now, now),
        )
        if gone.rowcount:
            self._connection.execute(
                "UPDATE floating_ip SET machine_id = NULL WHERE machine_id NOT IN (SELECT id FROM machine)"
            )
            self._connection.execute("DELETE FROM snapshot WHERE machine_id NOT IN (SELECT id FROM machine)")
        self._connection.execute(
            "UPDATE machine SET state = next_state, next_state = NULL, ready_at = NULL WHERE ready_at <= ?",
            (now,),
        )

    def page(self, after: int) -> list[dict[str, Any]]:
        """The next machines after this id as they are now, in the order of their creation."""
        with self.change() as connection:
            found = connection.execute(
                f"{_MACHINE} WHERE id > ? ORDER BY id LIMIT ?", (after, PAGE)
            ).fetchall()
        return [dict(row) for row in found]

    def find(self, connection: sqlite3.Connection, cloud_id: str) -> dict[str, Any] | None:
        """The machine of this id; None if there is none."""
        row = connection.execute(f"{_MACHINE} WHERE id = ?", (row_number("sim", cloud_id),)).fetchone()
        return dict(row) if row else None

    def find_by_token(self, connection: sqlite3.Connection, token: str) -> dict[str, Any] | None:
        """The machine that was booted with this token; None if there is none."""
        where = f"WHERE json_extract(metadata, '$.\"{TOKEN_KEY}\"') = ?"
        row = connection.execute(f"{_MACHINE} {where}", (token,)).fetchone()
        return dict(row) if row else None

    def count(self, verb: str, name: str) -> int:
        """Count a call of this verb on this machine; which call it is, from 1."""
        with self.change() as connection:
            row = connection.execute(
                "INSERT INTO attempt VALUES (?, ?, 1) "
                "ON CONFLICT (verb, name) DO UPDATE SET count = count + 1 RETURNING count",
                (verb, name),
            ).fetchone()
        return int(row["count"])


def _reason(file: Path, error: Exception) -> str:
    """What went wrong with the file, in the words of the system where they say more than sqlite's."""
    full = os.strerror(errno.ENOSPC) if "is full" in str(error) else ""
    said = disk_trouble(file.parent) or full or getattr(error, "strerror", None) or str(error)
    return said[:1].lower() + said[1:]


def _connect(file: Path) -> sqlite3.Connection:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # sqlite gives its -wal and -shm files the mode of the database, so this one has to be right. Opening
    # and closing a file that is there would drop the locks that sqlite holds on it in this process.
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    # One thread at a time uses it; it is closed by the thread that ends the work.
    connection = sqlite3.connect(file, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.row_factory = sqlite3.Row
        switch_to_wal(connection, _BUSY_SECONDS)
        # With WAL a killed process loses nothing, and a call does not wait for the disk.
        connection.execute("PRAGMA synchronous = NORMAL")
        _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def cloud_id_of(prefix: str, row: int | None) -> str:
    """The id of a row, as ``sim-000012``."""
    return f"{prefix}-{row:06d}"


def row_number(prefix: str, cloud_id: str) -> int:
    """The row of an id such as ``sim-000012``; -1, which no row has, for any other text."""
    found = re.fullmatch(rf"{prefix}-([0-9]{{6,18}})", cloud_id)
    return int(found[1]) if found else -1


def _prepare(connection: sqlite3.Connection) -> None:
    """Make what is missing, whichever process comes first."""
    if _version(connection) >= _VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have done it meanwhile.
        if _version(connection) < _VERSION:
            for statement in _TABLES.split(";"):
                connection.execute(statement)
            for table, column, kind in _COLUMNS:
                there = {row["name"] for row in connection.execute(f"PRAGMA table_info({table})")}
                if column not in there:
                    connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
            for statement in _DEFAULT_GROUP.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
