"""The file of a script for ``cms batch``: opening it, and reading its lines, those that are continued as one.

A backslash at the end of a line continues it, as in a POSIX shell: outside of single quotes and comments the
backslash and the line end are removed.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from cloudmesh.plugin.errors import UsageError

STDIN = "-"
# cmd5 takes these for the beginning of a comment too, where a line begins.
COMMENTS = ("#", "//", "/*")


@contextlib.contextmanager
def opened(file: str) -> Iterator[BinaryIO]:
    """The lines of a script as bytes: of the file with this name, or of stdin if that is ``-``.

    If they come from stdin, what runs within the block finds it empty.

    Raises:
        UsageError: the file cannot be read as a script.
    """
    if file != STDIN:
        content = _content(file)
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


def _content(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "the name holds a NUL byte"
        # Likely "cms batch NAME=VALUE FILE".
        hint = "; the file comes first, then NAME=VALUE" if "=" in file else ""
        raise UsageError(f"the script {file!r} cannot be read: {reason.lower()}{hint}") from None


@contextlib.contextmanager
def entered(shell: Any, file: str) -> Iterator[int]:
    """Keep the scripts that are running on the shell; gives how many they are with this one.

    Raises:
        UsageError: the script is running already, so that it would run itself.
    """
    running: tuple[str, ...] = getattr(shell, "batch_scripts", ())
    script = STDIN if file == STDIN else os.path.realpath(file)
    if script in running:
        raise UsageError(f"the script {file!r} is already running and cannot be run by itself")
    shell.batch_scripts = (*running, script)
    try:
        yield len(shell.batch_scripts)
    finally:
        shell.batch_scripts = running


def read(script: BinaryIO, file: str) -> Iterator[tuple[int, str]]:
    """The lines of a script but for blank ones; a continued line is one, with the number of its first.

    Raises:
        UsageError: what is read is no text in UTF-8, or its last line is continued.
    """
    line, first = _Line(), 0
    for number, row in _rows(script, file):
        first = first or number
        if row[-1:].isspace() and line.is_open_after(row.rstrip()):
            raise UsageError(
                f"{file}:{number}: blanks follow the backslash at the end of the line; "
                "remove them to continue it in the next one"
            )
        if line.is_open_after(row):
            line.add(row[:-1])
            continue
        if text := (line.text + row).strip():
            yield first, text
        line, first = _Line(), 0
    if first:
        raise UsageError(
            f"{file}:{number}: the script ends in a backslash, with no line to continue in; remove it"
        )


def is_continued(text: str) -> bool:
    """Whether the last of some lines ends in a backslash that continues it."""
    line, goes_on = _Line(), False
    for row in text.split("\n"):
        goes_on = line.is_open_after(row)
        if goes_on:
            line.add(row[:-1])
        else:
            line = _Line()
    return goes_on


def _rows(script: BinaryIO, file: str) -> Iterator[tuple[int, str]]:
    """The lines as they stand there, without their ends, with their numbers."""
    place = number = 0
    while True:
        try:
            row = script.readline()
        except OSError as error:
            reason = (error.strerror or "").lower()
            raise UsageError(f"the script {file!r} cannot be read: {reason}") from None
        if not row:
            return
        number += 1
        try:
            text = row.decode("utf-8" if place else "utf-8-sig")
        except UnicodeDecodeError as error:
            raise UsageError(
                f"the script {file!r} is not a text in UTF-8 (byte {place + error.start})"
            ) from None
        place += len(row)
        yield number, text.removesuffix("\n").removesuffix("\r")


class _Line:
    """A line of which some rows have been read, each with a backslash that continues it."""

    def __init__(self) -> None:
        self._rows: list[str] = []
        # The quotes in which the end of the last row stands, and whether a word may begin there.
        self._quote, self._fresh = "", True

    @property
    def text(self) -> str:
        """The line so far, without these backslashes."""
        return "".join(self._rows)

    def add(self, row: str) -> None:
        """Take a row that is continued, without its backslash."""
        self._quote, self._fresh, _ = self._after(row)
        self._rows.append(row)

    def is_open_after(self, row: str) -> bool:
        """Whether the backslash at the end of this row continues the line; False if there is none."""
        return row.endswith("\\") and self._after(row)[2]

    def _after(self, row: str) -> tuple[str, bool, bool]:
        """What holds at the end of a row: the quotes, whether a word may begin, whether the line goes on."""
        quote, fresh, at = self._quote, self._fresh, 0
        if not self._rows and row.lstrip().startswith(COMMENTS):
            return "", False, False
        while at < len(row):
            sign = row[at]
            if sign == "\\" and quote != "'":
                if at == len(row) - 1:
                    return quote, fresh, True
                at += 1
            elif sign == quote:
                quote = ""
            elif not quote and sign in "'\"":
                quote = sign
            elif not quote and sign == "#" and fresh:
                return "", False, False
            fresh = not quote and sign.isspace()
            at += 1
        return quote, fresh, False
