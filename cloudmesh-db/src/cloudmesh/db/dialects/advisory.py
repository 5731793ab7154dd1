"""Names held by advisory locks of PostgreSQL, which it frees when the session ends ("Advisory Locks").

They have a connection of their own, which is not opened again by itself: when it breaks off, what it held is
lost, and each of its holds says so.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import psycopg

from cloudmesh.db.locks.hold import Hold, LockDescriptor

# A session of which nothing was heard for as many seconds as these together is ended, by either side.
KEEPALIVES = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
# The server's side of it. A holder has nothing to say for hours, which idle_session_timeout would end.
_SETTINGS = {**{f"tcp_{name}": value for name, value in KEEPALIVES.items()}, "idle_session_timeout": 0}

Connection = psycopg.Connection[Any]


class LockSession:
    """One connection, which nobody else uses, and the keys of the names that it holds."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._socket = LockDescriptor(connection.fileno())
        self.held: set[int] = set()
        for name, value in _SETTINGS.items():
            # Older servers do not know all of them.
            connection.execute(
                "SELECT set_config(name, %s, false) FROM pg_settings WHERE name = %s", (str(value), name)
            )

    @property
    def is_ours(self) -> bool:
        """Whether it can be used: it is open, and not the copy of a forked child."""
        return self._socket.number is not None and not self.connection.closed

    def take(self, name: str) -> SessionHold | None:
        """Take a name; None if somebody has it. Raises psycopg.Error."""
        key = _key(self.connection, name)
        # The server would give it to the same session once more.
        if key in self.held:
            return None
        (has,) = self.connection.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone() or (False,)
        if not has:
            return None
        self.held.add(key)
        return SessionHold(self, name, key)

    def close(self) -> None:
        """End the session, which frees all."""
        is_ours = self.is_ours
        self.held.clear()
        self._socket.forget()
        if is_ours:
            self.connection.close()


class SessionHold(Hold):
    """A name that a session holds."""

    def __init__(self, session: LockSession, name: str, key: int) -> None:
        super().__init__(name)
        self._session, self._key = session, key

    @property
    def is_open(self) -> bool:
        return self._key in self._session.held and self._session.is_ours

    def is_valid(self) -> bool:
        """Whether the server still knows the session, and so all that it held; asks it."""
        return self.is_open and self._tell("SELECT 1")

    def release(self) -> None:
        if self.is_open:
            self._session.held.discard(self._key)
            self._tell("SELECT pg_advisory_unlock(%s)", self._key)

    def _tell(self, sql: str, *bound: int) -> bool:
        """Run a statement; False if the session has ended, which frees all that it held."""
        try:
            self._session.connection.execute(sql, bound)
        except psycopg.Error:
            self._session.close()
            return False
        return True


def is_taken(connection: Connection, name: str) -> bool:
    """Whether a session has the name; takes nothing. Raises psycopg.Error."""
    key = _key(connection, name)
    found = connection.execute(
        "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
        "AND classid::bigint = %s AND objid::bigint = %s",
        # The halves of the key, without a sign ("pg_locks").
        (key >> 32 & 0xFFFFFFFF, key & 0xFFFFFFFF),
        prepare=False,
    )
    return found.fetchone() is not None


def _key(connection: Connection, name: str) -> int:
    """The 64 bits that stand for a name in this schema; other programs' keys are hardly ever the same."""
    (schema,) = connection.execute("SELECT current_schema()", prepare=False).fetchone() or ("",)
    text = json.dumps(["cloudmesh hold", schema, name])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big", signed=True)
