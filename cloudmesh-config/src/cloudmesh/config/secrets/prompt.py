"""Who is asked for a secret that is not stored: a user at the terminal, or nobody.

A ``Prompter`` is handed to what may need a secret. It remembers what it was told, and the keys that it
helped to open, in itself and in memory only; no two prompters know of each other.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Protocol, TextIO, TypeVar, cast

from cloudmesh.plugin.errors import CredentialsError

T = TypeVar("T")


class NotUnlockedError(CredentialsError):
    """A private key of the user was not unlocked, so nothing that is encrypted to it can be decrypted."""


class Prompter(Protocol):
    """Gives secrets that the configuration does not hold, each of them once."""

    def ask(self, question: str, *, hidden: bool, reason: str, remedy: str) -> str:
        """The answer to a question, which is not shown while it is typed if ``hidden``.

        Args:
            question: what the user reads, with a blank at its end.
            hidden: whether the answer is a secret.
            reason: half a sentence for the error: what is missing, and where.
            remedy: half a sentence for the error: what to do about it.

        Raises CredentialsError if there is no answer.
        """
        ...

    def once(self, slot: tuple[str, ...], get: Callable[[], T]) -> T:
        """What ``get`` returned when it was first called for this slot; what it raises is not kept."""
        ...


class RefusingPrompter:
    """Asks nobody: every question is a CredentialsError. For programs that run unattended."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._answers: dict[tuple[str, ...], object] = {}

    def once(self, slot: tuple[str, ...], get: Callable[[], T]) -> T:
        """See ``Prompter.once``. Of several threads that need the same, one gets it and the others wait."""
        with self._lock:
            if slot not in self._answers:
                self._answers[slot] = get()
            return cast("T", self._answers[slot])

    def ask(self, question: str, *, hidden: bool, reason: str, remedy: str) -> str:
        """See ``Prompter.ask``."""
        line = self._read(question, hidden)
        if line is None:
            raise CredentialsError(f"{reason}, and there is no terminal to ask at; {remedy}")
        if not line:
            raise CredentialsError(f"{reason}, and nothing was typed; {remedy}")
        return line

    def _read(self, question: str, hidden: bool) -> str | None:
        """The line that was typed; None if nobody can be asked."""
        return None


class TerminalPrompter(RefusingPrompter):
    """Asks the user at the terminal of the process; refuses if there is none."""

    def _read(self, question: str, hidden: bool) -> str | None:
        try:
            return _hidden(question) if hidden else _visible(question)
        except (OSError, EOFError):
            # Another program may own the terminal, or the user has closed it.
            return None


def prompter_of(shell: object) -> Prompter:
    """The prompter of a shell: made at its first command and kept as long as the shell lives.

    So a user is asked for each thing once in a session or a script, by whichever command needs it first.
    """
    prompter: Prompter = vars(shell).setdefault("cloudmesh_prompter", TerminalPrompter())
    return prompter


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
