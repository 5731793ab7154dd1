"""How much of a download has come: one line that is drawn anew on a terminal, else a line each minute."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import TextIO

_TICK, _MINUTE = 0.2, 60.0
# What is done sooner, in seconds, needs no picture.
_DELAY = 0.5
_MIB = 1 << 20


class DownloadProgress:
    """What is told of a download while it lasts; ``update`` is a ``Watch``.

    Args:
        what: the name of what is downloaded, harmless on a terminal.
        stream: where to; else stderr.
        clock: seconds that only ever grow; replaced in tests.
    """

    def __init__(
        self, what: str, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._what = what
        self._stream = stream or sys.stderr
        self._clock = clock
        self._draws = _can_draw(self._stream)
        self._began = clock()
        self._told = self._began
        self._first = -1
        self._width = 0

    def update(self, done: int, total: int) -> None:
        """Tell, if it is time to, that so many bytes of so many have come; 0 in all if that is not known."""
        now = self._clock()
        if self._first < 0:
            self._first = done
        wait = _TICK if self._draws else _MINUTE
        if now - self._began < _DELAY or now - self._told < wait:
            return
        self._told = now
        text = f"{self._what}: {self._text(done, total, now - self._began)}"
        self._write(f"\r{text:<{self._width}}" if self._draws else f"{text}\n")
        self._width = len(text)

    def end(self) -> None:
        """Remove what is drawn."""
        if self._draws and self._width:
            self._write(f"\r{' ' * self._width}\r")
        self._width = 0

    def _text(self, done: int, total: int, seconds: float) -> str:
        rate = (done - self._first) / seconds
        text = f"{done / _MIB:.1f} MiB, {rate / _MIB:.1f} MiB/s"
        if not total:
            return text
        left = f", {_span((total - done) / rate)} left" if rate > 0 else ""
        return f"{100 * done // total}% of {total / _MIB:.1f} MiB, {rate / _MIB:.1f} MiB/s{left}"

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            # The terminal is gone; the download is not.
            self._draws, self._began = False, float("inf")


def _span(seconds: float) -> str:
    from cloudmesh.plugin.durations import span_text

    return span_text(float(max(1, round(seconds))))


def _can_draw(stream: TextIO) -> bool:
    if os.environ.get("TERM", "dumb") in ("dumb", "unknown", ""):
        return False
    try:
        return stream.isatty()
    except ValueError:
        return False
