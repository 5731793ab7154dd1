"""Where secrets come from that are not stored: the environment, the keyring, a user at the terminal.

A ``Prompter`` is handed to what may need a secret. It remembers what it was told, and the keys that it
helped to open, in itself and in memory only; no two prompters know of each other.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TextIO, TypeVar, cast

from cloudmesh.config.yaml.keys import TO_BE_DEFINED
from cloudmesh.plugin.errors import ConfigError, CredentialsError

T = TypeVar("T")

# The name under which the keyring of the system keeps our entries.
SERVICE = "cloudmesh"


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

    def tell_person(self, sentence: str, *, reason: str, remedy: str) -> None:
        """Tell a person what to do elsewhere, such as visiting a page; with "" only see whether one is there.

        Raises CredentialsError, of ``reason`` and ``remedy``, if there is nobody to be told.
        """
        ...

    def once(self, slot: tuple[str, ...], get: Callable[[], T]) -> T:
        """What ``get`` returned when it was first called for this slot; what it raises is not kept."""
        ...

    def forget(self, slot: tuple[str, ...]) -> None:
        """Forget what is kept for this slot and for all that begin so, since it was wrong."""
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

    def forget(self, slot: tuple[str, ...]) -> None:
        """See ``Prompter.forget``."""
        with self._lock:
            self._answers = {key: kept for key, kept in self._answers.items() if key[: len(slot)] != slot}

    def ask(self, question: str, *, hidden: bool, reason: str, remedy: str) -> str:
        """See ``Prompter.ask``."""
        line = self._read(question, hidden)
        if line is None:
            raise CredentialsError(f"{reason}, and there is no terminal to ask at; {remedy}")
        if not line:
            raise CredentialsError(f"{reason}, and nothing was typed; {remedy}")
        return line

    def tell_person(self, sentence: str, *, reason: str, remedy: str) -> None:
        """See ``Prompter.tell_person``."""
        if not self._show(sentence):
            raise CredentialsError(f"{reason}, and there is no terminal to tell it at; {remedy}")

    def _read(self, question: str, hidden: bool) -> str | None:
        """The line that was typed; None if nobody can be asked."""
        return None

    def _show(self, sentence: str) -> bool:
        """Whether a sentence was shown to a person."""
        return False


class TerminalPrompter(RefusingPrompter):
    """Asks the user at the terminal of the process; refuses if there is none."""

    def tell(self, sentence: str) -> None:
        """Tell the user something, on stderr."""
        from cloudmesh.plugin.report import tell

        tell(sentence)

    def _read(self, question: str, hidden: bool) -> str | None:
        return read_line(question, hidden=hidden)

    def _show(self, sentence: str) -> bool:
        return show_line(sentence)


class QuietPrompter(RefusingPrompter):
    """Knows what another prompter was told, and asks nobody.

    Args:
        other: who was told.
        why: half a sentence for the error: why nobody is asked.
    """

    def __init__(self, other: Prompter, why: str) -> None:
        super().__init__()
        self._other, self._why = other, why

    def once(self, slot: tuple[str, ...], get: Callable[[], T]) -> T:
        """What the other one knows for this slot, else what ``get`` finds without asking."""
        return self._other.once(slot, get)

    def forget(self, slot: tuple[str, ...]) -> None:
        """See ``Prompter.forget``: the other one forgets it."""
        self._other.forget(slot)

    def ask(self, question: str, *, hidden: bool, reason: str, remedy: str) -> str:
        """Refuse; CredentialsError."""
        raise CredentialsError(f"{reason}, {self._why}; {remedy}")

    def tell_person(self, sentence: str, *, reason: str, remedy: str) -> None:
        """Refuse; CredentialsError."""
        raise CredentialsError(f"{reason}, {self._why}; {remedy}")


def prompter_of(shell: object) -> Prompter:
    """The prompter of a shell: made at its first command and kept as long as the shell lives.

    So a user is asked for each thing once in a session or a script, by whichever command needs it first.
    """
    prompter: Prompter = vars(shell).setdefault("cloudmesh_prompter", TerminalPrompter())
    return prompter


def read_line(question: str, *, hidden: bool = False) -> str | None:
    """A line that the user types at the terminal, without echo if ``hidden``; None if there is no more input.

    ``question`` has a blank at its end.
    """
    try:
        return _hidden(question) if hidden else _visible(question)
    except (OSError, EOFError):
        # Another program may own the terminal, or the user has closed it.
        return None


def show_line(sentence: str) -> bool:
    """Show a line at the terminal, on stderr if that is one; whether there is a terminal.

    Nothing is shown of an empty sentence.
    """
    if sys.stderr is not None and sys.stderr.isatty():
        return _shown(sys.stderr, sentence)
    try:
        with Path("/dev/tty").open("w", encoding="utf-8") as terminal:
            return _shown(terminal, sentence)
    except OSError:
        return False


def _shown(sink: TextIO, sentence: str) -> bool:
    if sentence:
        sink.write(f"{sentence}\n")
        sink.flush()
    return True


def has_keyring() -> bool:
    """Whether this system has a keyring that could keep a secret."""
    try:
        keyring = _keyring()
        return keyring is not None and keyring.get_keyring().priority > 0
    except Exception:  # noqa: BLE001 a backend is somebody else's code and may raise anything
        return False


def _hidden(prompt: str) -> str | None:
    import getpass
    import warnings

    with warnings.catch_warnings():
        # getpass would go on and show what is typed.
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(prompt)
        except getpass.GetPassWarning:
            return None


def _visible(prompt: str) -> str | None:
    # Not by input(): it would put the answer into the history of the shell.
    try:
        descriptor = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        is_one = sys.stdin is not None and sys.stdin.isatty()
        return _line(sys.stdin, sys.stderr, prompt) if is_one else None
    with io.FileIO(descriptor, "w+") as raw, io.TextIOWrapper(raw) as terminal:
        return _line(terminal, terminal, prompt)


def _line(source: TextIO, sink: TextIO, prompt: str) -> str | None:
    sink.write(prompt)
    sink.flush()
    line = source.readline()
    return line.rstrip("\r\n") if line else None


def from_environment(name: str, what: str) -> str:
    """The value of a variable; raises CredentialsError if it is not set. ``what``: which value needs it."""
    value = os.environ.get(name)
    if not value:
        state = "empty" if name in os.environ else "not set"
        raise CredentialsError(
            f"{what} is taken from the environment variable {name}, which is {state}; export it first"
        )
    return value


def from_keyring(key: str, what: str) -> str | None:
    """What the keyring of the system has for this key; None if there is no keyring or no entry.

    Raises CredentialsError if there is a keyring that does not answer.
    """
    try:
        keyring = _keyring()
        value: object = keyring.get_password(SERVICE, key) if keyring else None
        if value is not None and not isinstance(value, str):
            raise TypeError
    except Exception as error:  # noqa: BLE001 a backend is somebody else's code and may raise anything
        if _is_none(error):
            return None
        raise CredentialsError(
            f"{what} is {TO_BE_DEFINED}, and the system keyring does not answer ({type(error).__name__}); "
            "unlock it, or set PYTHON_KEYRING_BACKEND=keyring.backends.fail.Keyring to be prompted instead"
        ) from None
    return value or None


def to_keyring(key: str, value: str) -> None:
    """Store a value in the keyring of the system, and read it back; raises ConfigError.

    There are keyrings that take everything and keep nothing, or something else. Such a one gets back what it
    had for the key.
    """
    if not value:
        raise ConfigError(f"an empty value of {key} cannot be stored in a keyring; omit --keyring")
    try:
        keyring = _keyring()
        if keyring is None:
            raise ConfigError("the library keyring is not installed; pip install 'cloudmesh-config[keyring]'")
        old = keyring.get_password(SERVICE, key)
        keyring.set_password(SERVICE, key, value)
        kept = keyring.get_password(SERVICE, key)
        if kept != value and old is not None:
            keyring.set_password(SERVICE, key, old)
        elif kept not in (value, None):
            keyring.delete_password(SERVICE, key)
    except ConfigError:
        raise
    except Exception as error:  # noqa: BLE001 as above
        if _is_none(error):
            raise ConfigError(f"this system has no keyring, so {key} is not stored; omit --keyring") from None
        raise ConfigError(
            f"the system keyring did not store {key} ({type(error).__name__}); unlock it and try again"
        ) from None
    if kept != value:
        name = type(keyring.get_keyring())
        raise ConfigError(
            f"the system keyring ({name.__module__}.{name.__qualname__}) does not keep this value of {key}, "
            "so nothing was changed; omit --keyring, or choose another with PYTHON_KEYRING_BACKEND"
        )


def _keyring() -> Any:
    """The library; None if it is not installed. Importing it may raise anything that a backend raises."""
    try:
        import keyring
    except ModuleNotFoundError as error:
        if error.name == "keyring":
            return None
        raise
    return keyring


def _is_none(error: Exception) -> bool:
    """Whether the error says that the system has no keyring."""
    return type(error).__name__ == "NoKeyringError"
