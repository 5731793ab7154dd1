"""Where a call waits: it holds up its thread or, where many calls share one, lets the others go on.

Whoever runs many calls in one thread says so there by ``share``; what a call does between two waits is the
same in both cases. Code that may hold up its thread in another way belongs into ``aside``.
"""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    import socket

Found = TypeVar("Found")


class Bell(Protocol):
    """Lets one call at a time wait for what another one of the same thread does."""

    def wait(self, seconds: float) -> bool:
        """Let the others go on until it rings, or in vain; False if that takes longer."""

    def ring(self) -> None:
        """Let the call that waits, if there is one, go on in this turn."""


class Sharing(Protocol):
    """Lets the other calls of its thread go on while one waits."""

    def bell(self) -> Bell:
        """A new bell, for this thread."""

    def until_ready(self, connection: socket.socket, writing: bool, seconds: float) -> bool:
        """As the function of this module."""

    def pause(self, seconds: float) -> None:
        """As the function of this module."""

    def aside(self, function: Callable[[], Found]) -> Found:
        """As the function of this module."""


class _Thread(threading.local):
    sharing: Sharing | None = None

    def __init__(self) -> None:
        # What is done when the thread is shared no more.
        self.at_end: list[Callable[[], object]] = []


_thread = _Thread()


def share(sharing: Sharing | None) -> None:
    """Let calls in this thread wait by ``sharing`` from now on; None for a thread of their own."""
    _thread.sharing = sharing
    if sharing is None:
        while _thread.at_end:
            _thread.at_end.pop()()


def at_end(what: Callable[[], object]) -> None:
    """Have this thread do something when its calls share it no more."""
    _thread.at_end.append(what)


def is_shared() -> bool:
    """Whether other calls are made in this thread meanwhile."""
    return _thread.sharing is not None


def bell() -> Bell:
    """A new bell, for calls of this thread, which must be shared. Raises RuntimeError if it is not."""
    if _thread.sharing is None:
        raise RuntimeError("no other call of this thread could ring")
    return _thread.sharing.bell()


def until_ready(connection: socket.socket, writing: bool, seconds: float) -> bool:
    """Wait until a socket can be written to, or read; False if that takes longer."""
    if _thread.sharing is not None:
        return _thread.sharing.until_ready(connection, writing, seconds)
    poll = select.poll()
    poll.register(connection, select.POLLOUT if writing else select.POLLIN)
    return bool(poll.poll(max(0.0, seconds) * 1000))


def pause(seconds: float) -> None:
    """Let seconds pass."""
    if _thread.sharing is not None:
        _thread.sharing.pause(seconds)
    else:
        time.sleep(seconds)


def aside(function: Callable[[], Found]) -> Found:
    """What a function gives that may hold up its thread; it raises what the function raises."""
    return function() if _thread.sharing is None else _thread.sharing.aside(function)


def acquire(lock: threading.Lock, seconds: float) -> bool:
    """Take a lock that is held while a call waits; False if that takes longer."""
    if _thread.sharing is None:
        return lock.acquire(timeout=seconds)
    # Who holds it may be another call of this thread.
    ends, look = time.monotonic() + seconds, _FIRST_LOOK
    while not lock.acquire(blocking=False):
        if time.monotonic() >= ends:
            return False
        pause(look)
        look = min(look * 2, _LAST_LOOK)
    return True


# Seconds between the first two looks at a lock, and between the last ones.
_FIRST_LOOK, _LAST_LOOK = 0.01, 0.2
