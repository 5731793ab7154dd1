"""The connections by HTTP/2 that the calls of one thread have to one server."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING

from cloudmesh.cloud.wire.errors import ConnectTimeoutError
from cloudmesh.cloud.wire.waiting import Bell, bell

if TYPE_CHECKING:
    from cloudmesh.cloud.wire.http2 import Http2Connection


class Together:
    """Connections to one server, for the calls of one thread, which they share.

    As long as nobody knows what the server speaks, one call finds out and the others wait for it: else each
    would open a connection, of which one is enough.

    Args:
        connect: opens a connection within so many seconds; None if the server speaks HTTP/1.1 alone, and the
            connection is kept elsewhere. It raises as ``connection.connect`` does.
    """

    def __init__(self, connect: Callable[[float], Http2Connection | None]) -> None:
        self._connect = connect
        # Whether the server speaks it; None as long as that is not known.
        self._speaks: bool | None = None
        self._open: list[Http2Connection] = []
        # How many calls the last one took at once; 0 as long as that is not known.
        self._room = 0
        # How many calls open a connection, for which the others wait.
        self._opening = 0
        self._waiting: deque[Bell] = deque()
        # When opening one failed last: nobody waits for the next call that tries.
        self._failed = -inf

    def take(self, seconds: float) -> Http2Connection | None:
        """A connection that has room for a call; None if the server does not speak HTTP/2.

        Raises:
            NoConnectionError, OSError, ssl.SSLError: there is none; nothing was sent.
        """
        began = time.monotonic()
        while not self._is_old:
            if (found := self._with_room()) is not None:
                return found
            if self._is_old:
                break
            if self._opening < self._may_open() or self._failed >= began:
                return self._opened(began + seconds - time.monotonic())
            self._await_one(began + seconds - time.monotonic())
        return None

    def _await_one(self, seconds: float) -> None:
        """Wait until there may be room, or a connection was opened. Raises ConnectTimeoutError."""
        rung = bell()
        self._waiting.append(rung)
        try:
            if rung.wait(seconds):
                return
        except BaseException:
            # It is thrown out, and may have been rung for just now.
            self._ring_one()
            raise
        finally:
            with suppress(ValueError):
                self._waiting.remove(rung)
        raise ConnectTimeoutError

    @property
    def _is_old(self) -> bool:
        """Whether the server is to be called by HTTP/1.1."""
        return self._speaks is False

    def _may_open(self) -> int:
        """How many calls may open a connection at once: as many as those that wait would fill."""
        return -(-(len(self._waiting) + 1) // self._room) if self._room else 1

    def _with_room(self) -> Http2Connection | None:
        for each in list(self._open):
            if each.has_room():
                return each
            if not each.keeps:
                each.close()
                self._open.remove(each)
            if not each.speaks_it:
                # It is called by HTTP/1.1 from now on.
                self._speaks = False
        return None

    def _opened(self, seconds: float) -> Http2Connection | None:
        self._opening += 1
        try:
            made = self._connect(seconds)
        except ConnectTimeoutError:
            # Another call may have more time.
            raise
        except Exception:
            self._failed = time.monotonic()
            raise
        finally:
            self._opening -= 1
            while self._waiting:
                self._waiting.popleft().ring()
        # One that was opened before may have been told by the server to come by HTTP/1.1.
        self._speaks = made is not None and not self._is_old
        if made is not None:
            self._open.append(made)
            made.freed, self._room = self._ring_one, made.most
        return made

    def _ring_one(self) -> None:
        if self._waiting:
            self._waiting.popleft().ring()

    def close(self) -> None:
        """Close them all; those in use are closed by the last of their calls."""
        for each in self._open:
            each.close()
        self._open.clear()
