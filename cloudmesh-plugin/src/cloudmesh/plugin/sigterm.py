"""SIGTERM as a second Ctrl-C: a command that is told to end says so, and gives the same exit code."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

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
