"""The home and the machines of ``tests/conftest.py``, and a person at a terminal."""

from __future__ import annotations

import importlib.util
import re
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pyte
import pytest

_spec = importlib.util.spec_from_file_location(
    "cms_homes", Path(__file__).resolve().parents[3] / "tests" / "conftest.py"
)
assert _spec and _spec.loader
_homes = sys.modules["cms_homes"] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_homes)

home, machines, _booted = _homes.home, _homes.machines, _homes._booted
cloud_settings, make_stack, _stack_class = _homes.cloud_settings, _homes.make_stack, _homes._stack_class

TIMEOUT = 20
# The shell switches bracketed paste on while it reads a line, and off again.
READS, RUNS = "\x1b[?2004h", "\x1b[?2004l"


class Typist:
    """The shell at a terminal, and what is on its screen.

    Attributes:
        child: the program.
        raw: all that was written to the terminal.
    """

    def __init__(self, home: Any, *words: str, rows: int = 60, columns: int = 110, **env: str) -> None:
        env = {"TERM": "xterm-256color", **env}
        child = home.terminal(*words, **env)
        child.setwinsize(rows, columns)
        # Text is typed when the program has said what it waits for.
        child.delaybeforesend = None
        self.child, self.raw = child, ""
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.Stream(self._screen)

    @property
    def text(self) -> str:
        """The lines on the screen."""
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip()

    @property
    def line(self) -> str:
        """The line with the cursor."""
        return str(self._screen.display[self._screen.cursor.y]).rstrip()

    @property
    def column(self) -> int:
        """Where the cursor is in its line."""
        return int(self._screen.cursor.x)

    def has(self, line: str) -> bool:
        """Whether the cursor stands at the end of this line, and of its blanks."""
        return self.line == line.rstrip() and self.column == len(line)

    def until(self, condition: Callable[[], Any], seconds: float = TIMEOUT) -> None:
        """Read what the program writes until it is so."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"the screen shows:\n{self.text}"
            try:
                new = self.child.read_nonblocking(65536, timeout=0.5)
            except pexpect.TIMEOUT:
                continue
            except pexpect.EOF:
                assert condition(), f"the program has ended:\n{self.text}"
                return
            self.raw += new
            self._stream.feed(new)

    def see(self, pattern: str, seconds: float = TIMEOUT) -> None:
        """Wait until the screen shows this, above the line at the bottom."""
        self.until(lambda: re.search(pattern, self._shown(), re.MULTILINE), seconds)

    def _shown(self) -> str:
        above, _, last = self.text.rpartition("\n")
        return above if " running" in last and self.line != last else self.text

    def prompt(self, text: str) -> Typist:
        """Wait for the first prompt."""
        self.until(lambda: self.has(text))
        return self

    def type(self, text: str) -> None:
        """Press keys."""
        self.child.send(text)

    def say(self, line: str) -> str:
        """Type a line; all that is shown from then until the shell waits for the next one."""
        place = len(self.raw)
        self.type(f"{line}\r")
        self.until(lambda: self.runs(place) and self.raw.rfind(READS) > self.raw.rfind(RUNS))
        self.until(lambda: self.line == "cms>")
        return self.raw[place:]

    def runs(self, place: int) -> bool:
        """Whether a line has been taken since the raw text was so long."""
        return self.raw.find(RUNS, place) >= 0

    def ended(self) -> int:
        """Wait for the end of the program; its exit code, negative for a signal."""
        try:
            while True:
                new = self.child.read_nonblocking(65536, timeout=TIMEOUT)
                self.raw += new
                self._stream.feed(new)
        except pexpect.EOF:
            pass
        flags = termios.tcgetattr(self.child.child_fd)[3]
        assert flags & termios.ECHO and flags & termios.ICANON, "the terminal is left as it was"
        self.child.close()
        return -self.child.signalstatus if self.child.signalstatus else int(self.child.exitstatus)


@pytest.fixture
def shell() -> Iterator[Callable[..., Typist]]:
    """Starts the shell at a terminal in a home; it waits at its prompt when this returns."""
    typists: list[Typist] = []

    def start(home: Any, *words: str, prompt: str = "cms> ", **options: Any) -> Typist:
        typists.append(Typist(home, *words, **options))
        return typists[-1].prompt(prompt)

    yield start
    for each in typists:
        each.child.close(force=True)
