"""``Tokens``: the tokens and sessions of a server, in memory, as the store has them now."""

from __future__ import annotations

import asyncio
import hmac
import logging
import threading
import time
from collections.abc import Callable
from contextlib import closing

from cloudmesh.db import Database
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.rest.access import token_rows
from cloudmesh.rest.access.caller import Caller
from cloudmesh.rest.access.throttle import Throttle
from cloudmesh.rest.access.token_rows import CODE, SESSION, TOKEN, Entry
from cloudmesh.rest.problems import Problem

_log = logging.getLogger(__name__)

# The store is looked at so often, so that what is revoked ends within two seconds.
LOOK_SECONDS = 0.75
# For so long the last answer of a store holds that cannot be read, as while its server is started again.
STALE_SECONDS = 30.0
# How long a request with an unknown token waits for a look into the store.
_PATIENCE = 5.0
_INDEX = 8


class Tokens:
    """Who has which token; the answers come from memory, and a thread keeps that like the store.

    ``start`` and ``stop`` are called by the application. The guard asks ``find`` and ``find_session`` for
    each request, and ``is_valid`` for as long as a stream is open: it ends streams itself, so that what
    serves them need not ask.

    Attributes:
        throttle: how often a wrong token is looked up.
    """

    def __init__(self, open_database: Callable[[], Database]) -> None:
        self._open = open_database
        self._known: dict[bytes, list[Entry]] = {}
        self._numbers: dict[int, Entry] = {}
        self._read_at = float("-inf")
        self._mark: object = None
        self._changed = threading.Condition()
        self._wanted = False
        self._stopping = False
        self._thread: threading.Thread | None = None
        self.throttle = Throttle()

    def start(self) -> None:
        """Read the store, and go on doing so. Raises StoreError, ConfigError."""
        with closing(self._open()) as database:
            self._read(database)
        self._stopping = False
        self._thread = threading.Thread(target=self._watch, name="rest-tokens", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread:
            self._thread.join()

    def find(self, token: str) -> Caller | None:
        """Who has this token; None if nobody has. Raises Problem if the store cannot be read."""
        return self._find(token, TOKEN)

    def find_session(self, word: str) -> Caller | None:
        """Whose session this is; None if it is none, or has ended. Raises Problem as ``find``."""
        return self._find(word, SESSION)

    def has_code(self, word: str) -> bool:
        """Whether a code was made that is not used yet; the store alone decides who uses it."""
        return self._find(word, CODE) is not None

    def is_valid(self, caller: Caller) -> bool:
        """Whether a caller whom this object has found may still go on: neither revoked nor expired."""
        entry = self._numbers.get(caller.key)
        return entry is not None and entry.caller == caller and entry.is_valid(time.time())

    async def again(self) -> None:
        """Wait until the store was read once more, for a token that was made just now.

        One reading does for all who wait, and who comes during one waits for the next. Raises Problem if the
        store cannot be read.
        """
        await asyncio.to_thread(self.read)

    def read(self) -> None:
        """As ``again``, in a thread that may wait."""
        asked = time.monotonic()
        with self._changed:
            self._wanted = True
            self._changed.notify_all()
            if not self._changed.wait_for(lambda: self._read_at >= asked or self._stopping, _PATIENCE):
                raise _unknown()

    def _find(self, word: str, kind: str) -> Caller | None:
        if time.monotonic() - self._read_at > STALE_SECONDS:
            raise _unknown()
        wanted = token_rows.digest(word)
        # An index by a part of the digest tells nothing of a token, and few entries share one.
        for entry in self._known.get(wanted[:_INDEX], ()):
            if hmac.compare_digest(entry.digest, wanted) and entry.kind == kind:
                return entry.caller if entry.is_valid(time.time()) else None
        return None

    def _watch(self) -> None:
        """Keep memory like the store until ``stop``."""
        database: Database | None = None
        told = False
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._wanted or self._stopping, LOOK_SECONDS)
                self._wanted = False
                if self._stopping:
                    break
            try:
                if database is None:
                    # The marks of another object mean nothing.
                    database, self._mark = self._open(), None
                self._read(database)
                told = False
            except CloudmeshError as error:
                if not told:
                    _log.warning("the tokens cannot be read: %s", error)
                told = True
                _close(database)
                database = None
        _close(database)

    def _read(self, database: Database) -> None:
        """Take over what the store has, unless nobody has written since. Raises StoreError."""
        asked, mark = time.monotonic(), database.mark()
        if mark == self._mark:
            with self._changed:
                self._read_at = asked
                self._changed.notify_all()
            return
        known: dict[bytes, list[Entry]] = {}
        numbers: dict[int, Entry] = {}
        for entry in token_rows.entries(database):
            known.setdefault(entry.digest[:_INDEX], []).append(entry)
            numbers[entry.number] = entry
        with self._changed:
            self._known, self._numbers = known, numbers
            self._read_at, self._mark = asked, mark
            self._changed.notify_all()


def _unknown() -> Problem:
    return Problem(
        503,
        "the store cannot be read, so nobody knows which tokens are valid; try again",
        "tokens-unknown",
        headers={"Retry-After": "5"},
    )


def _close(database: Database | None) -> None:
    """Close a database that may be of no use any more."""
    if database is not None:
        try:
            database.close()
        except CloudmeshError as error:
            _log.warning("the store cannot be closed: %s", error)
