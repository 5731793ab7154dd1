"""The plain prompt: for terminals that cannot draw lines anew, and for input that comes from elsewhere."""

from __future__ import annotations

import select
import sys
from collections.abc import Callable
from contextlib import suppress

from cloudmesh.cms.repl.history import KeptHistory
from cloudmesh.cms.repl.status import Status
from cloudmesh.cms.repl.terminal import Terminated, ended_by_signals
from cloudmesh.plugin import front, script
from cloudmesh.plugin.report import tell

PROMPT, CONTINUED = "cms> ", "> "
# Seconds after which a signal is heeded that came at the very moment when the shell began to wait.
_PAUSE = 0.5


class PlainPrompt:
    """Reads lines with the means of Python alone. What was typed is kept in the history, too."""

    def __init__(self) -> None:
        self._types = front.somebody_types()
        self._history = KeptHistory(tell) if self._types else None
        self._status = Status(lambda: None) if self._types else None

    def read(self) -> str:
        """What was typed at the prompt, with the lines that continue it.

        Raises:
            EOFError: there is no more.
            KeyboardInterrupt: Ctrl-C was typed; the line is dropped.
            Terminated: a signal ended the shell, or the terminal is gone.
        """
        try:
            with ended_by_signals(_end):
                text = self._read()
        except (EOFError, KeyboardInterrupt, Terminated):
            # What comes next begins on a line of its own.
            with suppress(OSError):
                print()
            raise
        except OSError as error:
            raise Terminated from error
        if self._history:
            self._history.add(text)
        return text

    def _read(self) -> str:
        if self._status is None:
            return _lines(input)
        while self._status.told:
            tell(self._status.told.popleft())
        with self._status.at_prompt():
            return _lines(_typed)


def _lines(read: Callable[[str], str]) -> str:
    """A line, with those that continue it."""
    text = read(PROMPT)
    while script.is_continued(text):
        text = f"{text}\n{read(CONTINUED)}"
    return text


def _typed(prompt: str) -> str:
    """A line from the terminal; unlike ``input`` it misses no signal that comes before it reads."""
    # As a system's shell does where the output goes into a file.
    print(prompt, end="", flush=True, file=sys.stdout if sys.stdout.isatty() else sys.stderr)
    while not select.select([sys.stdin], [], [], _PAUSE)[0]:
        pass
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.removesuffix("\n")


def _end() -> None:
    raise Terminated
