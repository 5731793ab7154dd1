"""The connections by HTTP/2 that the calls of one thread have to one server."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
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
        # Whether one call opens a connection, for which the others wait.
        self._is_opening = False
        self._waiting: deque[Bell] = deque()
        # When opening one failed last: nobody waits for the next call that tries.
        self._failed = -inf

    def take(self, seconds: float) -> Http2Connection | None:
        """A connection that has room for a call; None if the server does not speak HTTP/2.

        Raises:
            NoConnectionError, OSError, ssl.SSLError: there is none; nothing was sent.
        """
        began = time.monotonic()
        while self._speaks is not False:
            if (found := self._with_room()) is not None:
                return found
            if not self._is_opening or self._failed >= began:
                return self._opened(began + seconds - time.monotonic())
            rung = bell()
            self._waiting.append(rung)
            if not rung.wait(began + seconds - time.monotonic()):
                raise ConnectTimeoutError
        return None

    def _with_room(self) -> Http2Connection | None:
        for each in list(self._open):
            if each.has_room():
                return each
            if not (each.keeps or each.is_busy):
                each.close()
            if not each.keeps:
                # Those that are busy are closed by the last of their calls.
                self._open.remove(each)
        return None

    def _opened(self, seconds: float) -> Http2Connection | None:
        self._is_opening = True
        try:
            made = self._connect(seconds)
        except ConnectTimeoutError:
            # Another call may have more time.
            raise
        except Exception:
            self._failed = time.monotonic()
            raise
        finally:
            self._is_opening = False
            while self._waiting:
                self._waiting.popleft().ring()
        self._speaks = made is not None
        if made is not None:
            self._open.append(made)
        return made

    def close(self) -> None:
        """Close them all; none of them may be in use."""
        for each in self._open:
            each.close()
        self._open.clear()
