"""The picture of ``cloudmesh.vm.cli.progress``: a line with a bar for each cloud, made with rich."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Mapping, Sequence
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cloudmesh.cloud.fanout.query import LIST, CloudProgress
from cloudmesh.plugin.plain import harmless
from cloudmesh.vm.cli.steps import steps_of

# Lines that are short are not broken anew by a terminal that becomes narrower, so that they can be removed.
_WIDEST = 78
_LONGEST_NAME = 20
_SHORTEST_BAR = 14
# Lines for the steps of the machines of one cloud.
_STEPS = 4
# The prompt before, and the line that the cursor is on.
_LEFT_FREE = 2


class _Terminal(Console):
    """A console whose cursor stays visible: a process that is killed could not bring it back."""

    def show_cursor(self, show: bool = True) -> bool:
        return False


class ProgressBars:
    """Lines at the bottom of a terminal, drawn anew with each ``show`` and removed by ``end``.

    What is printed to stdout or stderr meanwhile appears above them.
    """

    def __init__(self, stream: TextIO) -> None:
        self._console = _Terminal(file=stream, force_terminal=True, force_jupyter=False)
        # Data that goes into a file or a pipe goes on doing so.
        on_screen = sys.stdout is not None and sys.stdout.isatty()
        self._live = Live(
            console=self._console, auto_refresh=False, transient=True, redirect_stdout=on_screen
        )
        self._streams = sys.stdout, sys.stderr

    def show(
        self, what: str, clouds: Sequence[CloudProgress], before: Mapping[str, int], seconds: float
    ) -> bool:
        """Draw it; False if the terminal is gone.

        Args:
            what: what is going on.
            clouds: how far each cloud has come.
            before: by cloud, how many were done when this began.
            seconds: how long it has been going on.
        """
        try:
            self._live.start()
            self._live.update(self._picture(what, clouds, before, seconds), refresh=True)
        except (OSError, ValueError):
            self._leave()
            return False
        return True

    def end(self) -> None:
        """Remove the lines."""
        try:
            self._live.stop()
        except (OSError, ValueError):
            self._leave()

    def _leave(self) -> None:
        """Nothing more goes to this terminal."""
        self._console.file = io.StringIO()
        with contextlib.suppress(OSError, ValueError):
            self._live.stop()
        sys.stdout, sys.stderr = self._streams

    def _picture(
        self, what: str, clouds: Sequence[CloudProgress], before: Mapping[str, int], seconds: float
    ) -> Table:
        size = self._console.size
        width = max(1, min(_WIDEST, size.width - 1))
        table = Table.grid(padding=(0, 1), expand=True)
        table.width = width
        table.add_column(no_wrap=True, overflow="ellipsis", max_width=_LONGEST_NAME)
        table.add_column(no_wrap=True, ratio=1)
        table.add_column(no_wrap=True, justify="right")
        shown = summed_up(clouds, before, max(1, size.height - _LEFT_FREE))
        room = (size.height - _LEFT_FREE - len(shown)) // max(1, len(shown))
        for each, started in shown:
            bar = ProgressBar(total=max(1, each.total), completed=each.done + each.failed)
            name = Text(f"{'asking' if what == LIST else what} {harmless(each.cloud)}")
            table.add_row(name, bar, _numbers(each, started, seconds, width))
            for names, step in steps_of(each, min(room, _STEPS)):
                table.add_row(Text(f"  {harmless(names)}"), Text(harmless(step)), "")
        return table


def summed_up(
    clouds: Sequence[CloudProgress], before: Mapping[str, int], lines: int
) -> list[tuple[CloudProgress, int]]:
    """At most so many clouds: those with most left to do, and the others as one. Beside each stands how many
    were done before.
    """
    known = [(each, before.get(each.cloud, 0)) for each in clouds]
    if len(known) <= lines:
        return known
    by_left = sorted(known, key=lambda pair: pair[0].done + pair[0].failed - pair[0].total)
    own, others = by_left[: lines - 1], by_left[lines - 1 :]
    name = f"{len(others)} more clouds" if own else f"{len(others)} clouds"
    total, done, failed, running = (
        sum(getattr(each, key) for each, _ in others) for key in ("total", "done", "failed", "running")
    )
    shown = [pair for pair in known if pair in own]
    return [
        *shown,
        (CloudProgress(name, total, done, failed, running), sum(started for _, started in others)),
    ]


def _numbers(each: CloudProgress, started: int, seconds: float, width: int) -> Text:
    """``120/400, 3 failed, 32 running, 41/s, 7s left``, as far as there is room."""
    ended = each.done + each.failed
    words = [f"{ended}/{each.total}"]
    if each.failed:
        words.append(f"{each.failed} failed")
    if each.running:
        words.append(f"{each.running} running")
    if each.left and ended < each.total:
        words.append(f"at most {_span(each.left)} more")
    rate = (ended - started) / seconds if seconds > 0 else 0.0
    if rate > 0 and ended < each.total:
        words += [f"{rate:.3g}/s", f"{_span((each.total - ended) / rate)} left"]
    room = width - _LONGEST_NAME - _SHORTEST_BAR
    while len(words) > 1 and len(", ".join(words)) > room:
        words.pop()
    return Text(", ".join(words), style="red" if each.failed else "")


def _span(seconds: float) -> str:
    """``90s``, ``20m``, ``3h``."""
    if seconds < 100:
        return f"{seconds:.0f}s"
    return f"{seconds / 60:.0f}m" if seconds < 6000 else f"{seconds / 3600:.0f}h"
