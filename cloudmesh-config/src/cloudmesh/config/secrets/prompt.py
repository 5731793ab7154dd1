"""What is asked at the terminal, and the memory of it: each thing is asked once in the life of the process.

This is the one place of the process that remembers secrets. They are in memory only, and ``reset`` forgets
them. Threads take turns, so that two that miss the same secret ask once.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TextIO, TypeVar, cast

from cloudmesh.plugin.errors import CredentialsError

Thing = TypeVar("Thing")

_lock = threading.RLock()
_remembered: dict[tuple[str, ...], object] = {}


class NotUnlockedError(CredentialsError):
    """A key of the user stayed closed; everything that is encrypted to it does too."""


def remembered(slot: tuple[str, ...], get: Callable[[], Thing]) -> Thing:
    """What ``get`` gave for this slot when it was first called; what it raises is not kept."""
    with _lock:
        if slot not in _remembered:
            _remembered[slot] = get()
        return cast("Thing", _remembered[slot])


def reset() -> None:
    """Forget all that was asked and unlocked."""
    with _lock:
        _remembered.clear()


def ask(prompt: str, *, hidden: bool, reason: str, remedy: str) -> str:
    """A line typed at the terminal, not shown there if ``hidden``.

    Raises CredentialsError if there is no terminal or nothing is typed; ``reason`` tells in half a sentence
    what is missing and where, ``remedy`` what to do.
    """
    try:
        line = _hidden(prompt) if hidden else _visible(prompt)
    except (OSError, EOFError):
        # Another program may own the terminal, or the user has closed it.
        line = None
    if line is None:
        raise CredentialsError(f"{reason}, and there is no terminal to ask at; {remedy}")
    if not line:
        raise CredentialsError(f"{reason}, and nothing was typed; {remedy}")
    return line


def _hidden(prompt: str) -> str | None:
    import getpass
    import warnings

    if not _has_terminal():
        return None
    with warnings.catch_warnings():
        # getpass would go on and show what is typed.
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(prompt)
        except getpass.GetPassWarning:
            return None


def _visible(prompt: str) -> str | None:
    # Not by input(): it would put the answer into the history of the shell.
    with _terminal() as terminal:
        if terminal is None:
            return None
        source, sink = terminal
        sink.write(prompt)
        sink.flush()
        line = source.readline()
    return line.rstrip("\r\n") if line else None


def _has_terminal() -> bool:
    with _terminal() as terminal:
        return terminal is not None


@contextlib.contextmanager
def _terminal() -> Iterator[tuple[TextIO, TextIO] | None]:
    """Where to read and to write: the terminal of the process, else stdin and stderr if these are one."""
    try:
        descriptor = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        is_one = sys.stdin is not None and sys.stdin.isatty()
        yield (sys.stdin, sys.stderr) if is_one else None
        return
    with io.FileIO(descriptor, "w+") as raw, io.TextIOWrapper(raw) as terminal:
        yield terminal, terminal
