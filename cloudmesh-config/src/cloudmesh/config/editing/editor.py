"""The user's text editor: which one it is, and running it on a file."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from cloudmesh.plugin.errors import CloudmeshError, ConfigError, Interrupted

VARIABLES = ("VISUAL", "EDITOR")
DEFAULTS = ("nano", "vi")
_INTERRUPTED = (-signal.SIGINT, 128 + signal.SIGINT)


def choose() -> list[str]:
    """The words that start the editor: ``$VISUAL``, ``$EDITOR``, else nano or vi.

    Raises ConfigError if there is none, if the variable cannot be split into words, or if it takes an
    editor of the terminal and there is no terminal.
    """
    for variable in VARIABLES:
        if line := os.environ.get(variable, "").strip():
            return _split(line, variable)
    if sys.stdin is None or not sys.stdin.isatty():
        raise ConfigError("there is no terminal for an editor; name one that needs none with EDITOR")
    for name in DEFAULTS:
        if shutil.which(name):
            return [name]
    raise ConfigError("no editor was found; name yours with EDITOR, such as: export EDITOR=nano")


def _split(line: str, variable: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        raise ConfigError(
            f"the editor in {variable} has a quote that is not closed; set it anew, "
            f"such as: export {variable}=nano"
        ) from None


def run(words: list[str], file: Path) -> None:
    """Run the editor on a file and wait for it.

    Raises:
        ConfigError: there is no such program, or it cannot be started.
        CloudmeshError: it ended with a failure.
        Interrupted: it was ended by Ctrl-C.
    """
    try:
        with _left_to_the_editor():
            code = subprocess.run([*words, str(file)], check=False).returncode
    except OSError as error:
        raise ConfigError(
            f"the editor {words[0]!r} could not be started ({error.strerror}); name another with EDITOR"
        ) from None
    if code in _INTERRUPTED:
        raise Interrupted("the editor was interrupted, and nothing was changed")
    if code:
        raise CloudmeshError(f"the editor {words[0]!r} ended with {code}, so nothing was changed; try again")


@contextlib.contextmanager
def _left_to_the_editor() -> Iterator[None]:
    """Ctrl-C reaches the editor, for which it may be a key like any other, but does not end us."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # A function, not SIG_IGN, which the editor would inherit.
    old = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, old)
