"""Runs a script of shell lines in one process: what ``cms batch`` does."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from cloudmesh.plugin import lines
from cloudmesh.plugin.errors import Interrupted, UsageError
from cloudmesh.plugin.plain import harmless
from cloudmesh.plugin.report import BROKEN_PIPE, tell
from cloudmesh.plugin.secrets import mask_text

STDIN = "-"


def run(shell: Any, file: str, keep_going: bool) -> int:
    """Run the lines of a script in this shell; give the exit code of the first that failed, else 0.

    ``file`` is a path or ``-`` for stdin, whose lines are run as they come. Each failing line is told as
    ``FILE:LINE: text``. The script ends at the first one unless ``keep_going``; it always ends at Ctrl-C, and
    when nobody reads its output.

    Raises:
        UsageError: the file cannot be read as a script, or the script runs itself.
    """
    with _opened(file) as script, _entered(shell, file):
        first_code = 0
        for number, text in read(script, file):
            code = lines.run(shell, text)
            if code is None:
                break
            first_code = first_code or code
            if code == BROKEN_PIPE:
                break
            if code:
                tell(f"{file}:{number}: {harmless(mask_text(text))}")
            if code == Interrupted.exit_code or (code and not keep_going):
                break
        return first_code


@contextlib.contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    """The lines of a script as bytes. What runs meanwhile has no stdin if the lines come from there."""
    if file != STDIN:
        try:
            content = Path(file).read_bytes()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "the name holds a NUL byte"
            raise UsageError(f"the script {file!r} cannot be read: {reason.lower()}") from None
        # The whole of it is known to be text before anything of it is done.
        list(read(io.BytesIO(content), file))
        yield io.BytesIO(content)
        return
    if sys.stdin is None:
        raise UsageError("the script cannot be read: stdin is closed")
    if sys.stdin.isatty():
        # Who types the lines also answers the questions.
        yield sys.stdin.buffer
        return
    given = sys.stdin
    with Path(os.devnull).open(encoding="utf-8") as nothing, os.fdopen(os.dup(0), "rb") as script:
        os.dup2(nothing.fileno(), 0)
        sys.stdin = nothing
        try:
            yield script
        finally:
            os.dup2(script.fileno(), 0)
            sys.stdin = given


def read(script: BinaryIO, file: str) -> Iterator[tuple[int, str]]:
    """The lines of a script but for blank ones, with their numbers; raises UsageError at what is no text."""
    place = number = 0
    while True:
        try:
            line = script.readline()
        except OSError as error:
            raise UsageError(
                f"the script {file!r} cannot be read: {(error.strerror or '').lower()}"
            ) from None
        if not line:
            return
        number += 1
        try:
            text = line.decode("utf-8" if place else "utf-8-sig").strip()
        except UnicodeDecodeError as error:
            raise UsageError(
                f"the script {file!r} is not a text in UTF-8 (byte {place + error.start})"
            ) from None
        place += len(line)
        if text:
            yield number, text


@contextlib.contextmanager
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
