"""Runs a script of shell lines in one process: what ``cms batch`` does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloudmesh.plugin import commands
from cloudmesh.plugin.adapter import BROKEN_PIPE, exit_code, report
from cloudmesh.plugin.errors import Interrupted, UsageError
from cloudmesh.plugin.plain import harmless
from cloudmesh.plugin.secrets import mask_text

Tell = Callable[[str], None]

STDIN = "-"
_ENDS = ("quit", "q", "EOF")
# cmd5 handles these inside its own onecmd and ignores their do_ methods.
_BUILT_IN = ("dryrun", "debug")


@dataclass(frozen=True)
class ScriptLine:
    """A line of a script that is to be run, with its number counted from 1."""

    number: int
    text: str


def run(shell: Any, file: str, keep_going: bool, tell: Tell) -> int:
    """Run the lines of a script in this shell; give the exit code of the first that failed, else 0.

    ``file`` is a path or ``-`` for stdin. Each failing line is shown by ``tell`` as ``FILE:LINE: text``. The
    script ends at the first one unless ``keep_going``; it always ends at Ctrl-C, and when nobody reads its
    output.

    Raises:
        UsageError: the file cannot be read as a script, or the script runs itself.
    """
    lines = read(file)
    with _entered(shell, file):
        first_code = 0
        for line in lines:
            code = _run_line(shell, line.text)
            if code is None:
                break
            first_code = first_code or code
            if code == BROKEN_PIPE:
                break
            if code:
                tell(f"{file}:{line.number}: {harmless(mask_text(line.text))}")
            if code == Interrupted.exit_code or (code and not keep_going):
                break
        return first_code


def read(file: str) -> list[ScriptLine]:
    """The lines of a script without comments and blank ones. Raises UsageError if it cannot be read."""
    if file == STDIN and sys.stdin is None:
        raise UsageError("the script cannot be read: stdin is closed")
    try:
        content = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"the script {file!r} is not a text in UTF-8 (byte {error.start})") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "the name holds a NUL byte"
        raise UsageError(f"the script {file!r} cannot be read: {reason.lower()}") from None
    numbered = enumerate((line.strip() for line in text.split("\n")), start=1)
    return [ScriptLine(number, line) for number, line in numbered if line and not line.startswith("#")]


@contextmanager
def _entered(shell: Any, file: str) -> Iterator[None]:
    """Keep the scripts that are running on the shell, so that one that runs itself is refused."""
    running: tuple[str, ...] = getattr(shell, "batch_scripts", ())
    script = STDIN if file == STDIN else os.path.realpath(file)
    if script in running:
        raise UsageError(f"the script {file!r} is already running and cannot be run by itself")
    shell.batch_scripts = (*running, script)
    try:
        yield
    finally:
        shell.batch_scripts = running


def _run_line(shell: Any, text: str) -> int | None:
    """Run one line; give its exit code, or None if it ends the script."""
    try:
        code = _dispatch(shell, text)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return report("batch", Interrupted("interrupted"))
    except BrokenPipeError:
        raise
    except SystemExit as error:
        # A command of others that leaves in the middle has failed, even if it did not say so.
        return exit_code(error) or 1
    except Exception as error:  # noqa: BLE001 commands of others raise what they like
        # Letters alone, since the rest of a word may be secret.
        name = re.match(r"\w+", text)
        return report(name[0] if name else "batch", error)
    return code


def _dispatch(shell: Any, text: str) -> int | None:
    """Replace the variables as the REPL does, and hand the line to whoever runs it."""
    _, line = shell.replace_vars(text)
    line = line.strip()
    # parseline gives no line for an empty one.
    name, rest, _ = shell.parseline(line) if line else ("", "", "")
    if line.startswith("!"):
        return _run_program(line[1:])
    if name in _ENDS:
        return None
    if name == "shell":
        return _run_program(rest)
    if name in _BUILT_IN:
        shell.onecmd(text)
        return 0
    return commands.run(shell, name or mask_text(line.split()[0]), rest or "") if line else 0


def _run_program(program: str) -> int:
    """Run a program line with the system's shell; give its exit status, 128 + the number for a signal."""
    sys.stdout.flush()
    status = subprocess.run(program, shell=True, check=False).returncode  # noqa: S602 it is the user's line
    return 128 - status if status < 0 else status
