"""How far the work has come: drawn on a person's terminal while it takes long, else a line each minute."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TextIO

from cloudmesh.cloud.fanout.query import LIST, CloudProgress

if TYPE_CHECKING:
    from cloudmesh.vm.cli.progress_bars import ProgressBars

# What ends sooner, in seconds, is told by its table alone.
_DELAY = 1.0
# Seconds between two pictures: an eye needs no more of them, and the work pays for each.
_TICK = 0.1
# Seconds between two lines where nothing can be drawn, and how many lines there are at most.
_MINUTE, _LINES = 60.0, 5


class Progress:
    """A block of work that a person can watch; ``update`` is a ``ProgressCallback``.

    ::

        with Progress(quiet=False) as progress:
            result = Machines('web[01-20]', watch=progress.update).start()

    Nothing is drawn unless stderr is a terminal that can move its cursor, nor with the environment's
    ``NO_COLOR``: then a line each minute says what goes on. What is drawn is removed when the block ends. A
    terminal that is closed meanwhile ends the picture, not the work.

    Args:
        quiet: draw and say nothing.
        stream: the terminal; else stderr.
        clock: seconds that only ever grow; can be replaced in tests.
    """

    def __init__(
        self, quiet: bool = False, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream or sys.stderr
        self._clock = clock
        self._wanted = not quiet and _can_draw(self._stream)
        self._speaks = not quiet and not self._wanted
        self._began = self._drawn = clock()
        self._phase = ""
        self._phase_began = self._began
        self._before: dict[str, int] = {}
        self._drawing: ProgressBars | None = None

    def __enter__(self) -> Progress:
        self._began = self._drawn = self._clock()
        return self

    def __exit__(self, *raised: object) -> None:
        if self._drawing is not None:
            self._drawing.end()
            self._drawing = None

    @property
    def seconds(self) -> float:
        """How long the work has taken until now."""
        return self._clock() - self._began

    def update(self, what: str, clouds: Sequence[CloudProgress]) -> None:
        """Draw or say how far it has come, if it is time to."""
        now = self._clock()
        if self._speaks and now - self._drawn >= _MINUTE:
            self._drawn = now
            self._say(what, clouds, now - self._began)
        if not self._wanted:
            return
        if what != self._phase:
            # A rate is that of one kind of work; what was done before it began does not count.
            self._phase, self._phase_began = what, now
            self._before = {each.cloud: each.done + each.failed for each in clouds}
        if now - self._began >= _DELAY and now - self._drawn >= _TICK:
            self._drawn = now
            from cloudmesh.vm.cli.progress_bars import ProgressBars  # rich comes with it

            if self._drawing is None:
                self._drawing = ProgressBars(self._stream)
            self._wanted = self._drawing.show(what, clouds, self._before, now - self._phase_began)

    def _say(self, what: str, clouds: Sequence[CloudProgress], seconds: float) -> None:
        """A line on each of the first clouds that are still at work."""
        from cloudmesh.plugin.durations import span_text
        from cloudmesh.plugin.plain import harmless

        busy = [each for each in clouds if each.done + each.failed < each.total]
        lines = [
            f"{_sentence(what, each)} for {span_text(seconds)}{_limit(each)}{_steps(each)}"
            for each in busy[:_LINES]
        ]
        if len(busy) > _LINES:
            lines.append(f"... and {len(busy) - _LINES} more clouds")
        try:
            print(*map(harmless, lines), sep="\n", file=self._stream, flush=True)
        except (OSError, ValueError):
            self._speaks = False


def _sentence(what: str, each: CloudProgress) -> str:
    if what == LIST:
        return f"asking cloud {each.cloud}"
    left = each.total - each.done - each.failed
    machines = f"{left} of {each.total} machine{'' if each.total == 1 else 's'} on {each.cloud}"
    return f"waiting for {machines}" if what == "wait" else f"{what}: {machines} to be done,"


def _limit(each: CloudProgress) -> str:
    from cloudmesh.plugin.durations import span_text

    return f", at most {span_text(each.left)} more" if each.left else ""


def _steps(each: CloudProgress) -> str:
    """At which step which machines are, as the end of a sentence; empty where nothing is told of that."""
    if not each.steps:
        return ""
    from cloudmesh.vm.cli.steps import steps_of  # few waits have any

    told = [f"{names}: {step}" for names, step in steps_of(each, _LINES)]
    return f" ({'; '.join(told)})"


def _can_draw(stream: TextIO | None) -> bool:
    """Whether there is a terminal at which lines can be drawn anew, and a person who wants that."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") in ("dumb", "unknown", ""):
        return False
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # it is closed
        return False
