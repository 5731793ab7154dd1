"""What the calls of one thread wait for: sockets, times, and what other threads tell it.

A few lines in place of asyncio, whose way to wait for a socket once takes several times as much processor.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from math import inf
from typing import Any

from greenlet import getcurrent, greenlet

_CHUNK = 4096
# Seconds of one wait: no system takes as many as one likes.
_LONGEST = 86_400.0
# So much of what is told is done in one turn: what has begun goes on before hundreds of others begin.
_AT_ONCE = 16


class Turns:
    """Lets calls, each of them a greenlet, go on in turn; made in any thread, for one to use.

    ``tell`` alone may be called by all threads.
    """

    def __init__(self) -> None:
        self._sockets = selectors.DefaultSelector()
        # Wakes the thread: one byte, however much is told before it looks.
        self._ear, self._mouth = socket.socketpair()
        self._rung = False
        for each in (self._ear, self._mouth):
            each.setblocking(False)
        self._sockets.register(self._ear, selectors.EVENT_READ)
        self._told: deque[Callable[[], object]] = deque()
        # Until when each call waits that waits for a time; none of them is over before the first end.
        self._ends: dict[greenlet, float] = {}
        self._first_end = inf
        self._main: Any = None

    def begin(self) -> None:
        """Be used by the calling thread from now on."""
        self._main = getcurrent()

    def close(self) -> None:
        """Close what wakes the thread; what is told from now on is not done."""
        self._sockets.close()
        self._ear.close()
        self._mouth.close()

    def tell(self, what: Callable[[], object]) -> None:
        """Have the thread call a function, which raises nothing."""
        self._told.append(what)
        if not self._rung:
            self._rung = True
            # It is awake already, or has come to its end.
            with suppress(OSError):
                self._mouth.send(b"\0")

    def soon(self, what: Callable[[], object]) -> None:
        """Have the calling thread, which is the one, call a function in this turn."""
        self._told.append(what)

    def turn(self) -> None:
        """Wait until something happens, and let go on whatever waited for it."""
        for key, _ in self._sockets.select(self._seconds()):
            if key.data is None:
                with suppress(BlockingIOError):
                    self._ear.recv(_CHUNK)
                # Only now: who rings from here on sends a byte that stays, and all others are heard below.
                self._rung = False
            else:
                key.data.switch(True)
        self._end_waits()
        for _ in range(min(len(self._told), _AT_ONCE)):
            self._told.popleft()()

    def _seconds(self) -> float | None:
        """How long to wait for a socket at most; None for as long as it takes."""
        if self._told:
            return 0.0
        if self._first_end == inf:
            return None
        return min(max(0.0, self._first_end - time.monotonic()), _LONGEST)

    def _end_waits(self) -> None:
        """Let those go on whose time is over."""
        now = time.monotonic()
        if now < self._first_end:
            return
        for call in [call for call, ends in self._ends.items() if ends <= now]:
            call.switch(False)
        self._first_end = min(self._ends.values(), default=inf)

    # What calls do.

    def leave(self) -> Any:
        """Let the others go on until somebody switches to the call; what that one says."""
        return self._main.switch()

    def leave_for(self, seconds: float) -> Any:
        """The same, for so many seconds at most; then it is False."""
        call = getcurrent()
        ends = self._ends[call] = time.monotonic() + max(0.0, seconds)
        self._first_end = min(self._first_end, ends)
        try:
            return self._main.switch()
        finally:
            del self._ends[call]

    def until_ready(self, number: int, writing: bool, seconds: float) -> bool:
        """Let the others go on until a socket can be written to, or read; False if that takes longer.

        Args:
            number: of the file that the socket is.
        """
        self._sockets.register(
            number, selectors.EVENT_WRITE if writing else selectors.EVENT_READ, getcurrent()
        )
        try:
            return bool(self.leave_for(seconds))
        finally:
            self._sockets.unregister(number)


class TurnsBell:
    """What one call at a time waits for; see ``cloudmesh.cloud.wire.waiting.Bell``."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._call: Any = None

    def wait(self, seconds: float) -> bool:
        """Let the others go on until it rings; False if that takes longer."""
        self._call = getcurrent()
        try:
            return bool(self._turns.leave_for(seconds))
        finally:
            self._call = None

    def ring(self) -> None:
        """Let the call that waits go on, if there is one by then."""
        self._turns.soon(self._go_on)

    def _go_on(self) -> None:
        if self._call is not None:
            self._call.switch(True)
