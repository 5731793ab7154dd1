"""The terminal of the shell: what it can do, its settings, and the signals that end the prompt."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from cloudmesh.plugin import front


class Terminated(BaseException):
    """SIGTERM or SIGHUP came, or the terminal is gone: the shell is to end."""


def can_draw() -> bool:
    """Whether a person types at a terminal on which lines can be drawn anew, and that speaks UTF-8."""
    if os.environ.get("TERM", "dumb").lower() in ("dumb", "unknown", ""):
        return False
    try:
        is_one = front.somebody_types() and sys.stdout is not None and sys.stdout.isatty()
    except ValueError:
        # It has been closed.
        return False
    names = {str(each.encoding).lower().replace("-", "") for each in (sys.stdin, sys.stdout) if each}
    return is_one and names == {"utf8"}


@contextmanager
def kept() -> Iterator[Callable[[], None]]:
    """Bring the settings of the terminal back at the end of the block, and whenever what it gives is called.

    Programs that are started from the shell and killed leave a terminal that shows nothing, or takes no line.
    """
    import termios

    settings = None
    with suppress(termios.error, OSError, ValueError, AttributeError):
        file = sys.stdin.fileno()
        settings = termios.tcgetattr(file)

    def restore() -> None:
        with suppress(termios.error, OSError):
            if settings is not None and termios.tcgetattr(file) != settings:
                termios.tcsetattr(file, termios.TCSADRAIN, settings)

    try:
        yield restore
    finally:
        restore()


@contextmanager
def ended_by_signals(end: Callable[[], None]) -> Iterator[None]:
    """Within the block SIGTERM and SIGHUP call ``end``; one that the process ignores stays ignored."""

    def handle(number: int, frame: FrameType | None) -> None:
        end()

    before = {}
    try:
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) == signal.SIG_DFL:
                before[number] = signal.signal(number, handle)
        yield
    finally:
        for number, usual in before.items():
            signal.signal(number, usual)
