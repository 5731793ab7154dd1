"""SIGTERM as a second Ctrl-C: a command that is told to end says so, and gives the same exit code."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from types import FrameType
from typing import Any

# Signals closer than this, in seconds, are one request: timeout(1) signals its command and then the whole
# group, and a parent may pass on a Ctrl-C that the terminal has sent to all.
TOGETHER = 0.1


class Interrupting:
    """What SIGTERM calls meanwhile: it interrupts, once for all that come together."""

    def __init__(self) -> None:
        self._last = float("-inf")

    def __call__(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if now - self._last >= TOGETHER:
            self._last = now
            raise KeyboardInterrupt


@contextmanager
def as_ctrl_c() -> Iterator[None]:
    """Within the block, or the function that is decorated with it, SIGTERM raises KeyboardInterrupt.

    Python itself would let it end the process on the spot, without a word. A handler of the program's own
    stays, and so does a signal that is ignored. Outside of the main thread nothing is changed, since only
    that one is given signals.
    """
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL
    ):
        yield
        return
    signal.signal(signal.SIGTERM, Interrupting())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class StopRequest:
    """Whether the work is to come to an end.

    Attributes:
        requested: how often that was asked; anything but 0 means that nothing new is to be begun.
        first: the signal that asked first, if it was one.
    """

    requested: int = 0
    first: signal.Signals | None = None


class _Handler:
    """What both signals call while the work goes on, and who is told by it."""

    def __init__(self) -> None:
        self.listeners: list[tuple[StopRequest, Callable[[], None]]] = []
        self.seen: list[int] = []
        self.requested = 0
        self.ending = False
        self._last = float("-inf")

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.seen.append(number)
        now = time.monotonic()
        if now - self._last < TOGETHER:
            return
        self._last = now
        self.requested += 1
        for stop, _ in self.listeners:
            _ask(stop, signal.Signals(number))
        if self.requested > 1 and not self.ending:
            raise KeyboardInterrupt
        for _, wake in self.listeners:
            wake()


def _ask(stop: StopRequest, number: signal.Signals) -> None:
    stop.requested += 1
    stop.first = stop.first or number


@contextmanager
def stopping(stop: StopRequest, wake: Callable[[], None]) -> Iterator[StopRequest]:
    """Within the block the first SIGINT or SIGTERM only asks to stop; the second raises KeyboardInterrupt.

    Afterwards both signals do again what they did before; a handler that the program has set itself is then
    called for what came meanwhile. A block within another hears of what that one was asked before, too. A
    signal that is ignored stays so. Outside of the main thread nothing is changed, since only that one is
    given signals.

    Args:
        stop: where requests are counted.
        wake: called at a request, to end a wait. It runs between any two steps of the main thread, so it
            may take no lock: ``SimpleQueue.put`` is made for that.
    """
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    outer = next((each for each in map(signal.getsignal, _SIGNALS) if isinstance(each, _Handler)), None)
    handler = outer or _Handler()
    if handler.seen:
        _ask(stop, signal.Signals(handler.seen[0]))
    listener = (stop, wake)
    handler.listeners = [*handler.listeners, listener]
    try:
        with _installed(handler) if outer is None else nullcontext():
            yield stop
    finally:
        handler.listeners = [each for each in handler.listeners if each is not listener]


@contextmanager
def _installed(handler: _Handler) -> Iterator[None]:
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
        usual_ones = own is signal.default_int_handler or isinstance(own, Interrupting)
        if callable(own) and not usual_ones:
            own(seen, None)
