"""SIGINT (Ctrl-C) and SIGTERM while a command runs: they interrupt it, or ask it to stop in good order.

``as_ctrl_c`` is for whole commands: SIGTERM raises KeyboardInterrupt as Ctrl-C does, so that the command
says that it was interrupted and gives the same exit code. ``stopping`` is for work within a command that must
not be cut off at any point: the first signal only notes a ``StopRequest``, the second one interrupts.

Signal handlers belong to the whole process, and Python lets only the main thread set them and calls them
only there. So both functions replace handlers for the length of a block and put the old ones back, and in
any other thread they change nothing. A signal that the process ignores stays ignored.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import FrameType
from typing import Any

# Signals closer than this, in seconds, are one request: timeout(1) signals its command and then the whole
# group, and a parent may pass on a Ctrl-C that the terminal has sent to all.
TOGETHER = 0.1

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Whether the work is to come to an end.

    Attributes:
        requested: how often that was asked; anything but 0 means that nothing new is to be begun.
        first: the signal that asked first, if it was one.
    """

    def __init__(self) -> None:
        self.requested = 0
        self.first: signal.Signals | None = None

    def add(self, number: int) -> None:
        """Count one more request, made by this signal."""
        self.requested += 1
        self.first = self.first or signal.Signals(number)


class _Handler:
    """A signal handler that can tell a new request from a signal that came together with the one before."""

    _last = float("-inf")

    def is_new(self) -> bool:
        """Whether the signal that has just come is a request of its own."""
        now = time.monotonic()
        if now - self._last < TOGETHER:
            return False
        self._last = now
        return True


class _InterruptHandler(_Handler):
    """The handler of SIGTERM that raises KeyboardInterrupt, once for all signals that come together."""

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.is_new():
            raise KeyboardInterrupt


class _StopHandler(_Handler):
    """The handler of both signals that tells listeners of the first request, and interrupts at the second.

    Attributes:
        listeners: the requests to count up, each with the function that ends a wait.
        seen: every signal that came.
        ending: whether the work is over, so that nothing is left to be interrupted.
    """

    def __init__(self) -> None:
        self.listeners: list[tuple[StopRequest, Callable[[], None]]] = []
        self.seen: list[int] = []
        self.ending = False
        self._requests = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.seen.append(number)
        if not self.is_new():
            return
        self._requests += 1
        for stop, _ in self.listeners:
            stop.add(number)
        if self._requests > 1 and not self.ending:
            raise KeyboardInterrupt
        for _, wake in self.listeners:
            wake()


@contextmanager
def as_ctrl_c() -> Iterator[None]:
    """Within the block, or the function that is decorated with it, SIGTERM raises KeyboardInterrupt.

    Python itself would let it end the process on the spot, without a word. A handler that the program has set
    itself stays.
    """
    if not _in_main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _InterruptHandler())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def stopping(stop: StopRequest, wake: Callable[[], None]) -> Iterator[StopRequest]:
    """Within the block the first SIGINT or SIGTERM only asks to stop; the second raises KeyboardInterrupt.

    At the end of the block a handler that the program had set itself is called for each kind of signal that
    came meanwhile. Blocks may be nested: an inner one shares the handler of the outer one, and learns at its
    beginning of a request that was made before.

    Args:
        stop: where requests are counted.
        wake: called at a request, to end a wait. It runs between any two steps of the main thread, so it
            may take no lock: ``SimpleQueue.put`` is made for that.
    """
    if not _in_main_thread():
        yield stop
        return
    outer = next((each for each in map(signal.getsignal, _SIGNALS) if isinstance(each, _StopHandler)), None)
    handler = outer or _StopHandler()
    if handler.seen:
        stop.add(handler.seen[0])
    listener = (stop, wake)
    handler.listeners = [*handler.listeners, listener]
    try:
        with _installed(handler) if outer is None else nullcontext():
            yield stop
    finally:
        handler.listeners = [each for each in handler.listeners if each is not listener]


@contextmanager
def _installed(handler: _StopHandler) -> Iterator[None]:
    """Let both signals call this handler within the block."""
    before: dict[int, Any] = {}
    try:
        for number in _SIGNALS:
            usual: Any = signal.getsignal(number)
            # None: a handler that is not Python's, which could not be set again.
            if usual is not None and usual != signal.SIG_IGN:
                before[number] = usual
                signal.signal(number, handler)
        yield
    finally:
        handler.ending = True
        for changed, old in before.items():
            signal.signal(changed, old)
    for seen in dict.fromkeys(handler.seen):
        own = before[seen]
        # These would interrupt what has ended in good order by now.
        interrupts = own is signal.default_int_handler or isinstance(own, _InterruptHandler)
        if callable(own) and not interrupts:
            own(seen, None)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
