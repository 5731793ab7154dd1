"""Runs a script of shell lines in one process: what ``cms batch`` does. ``rehearsal`` only checks one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from cloudmesh.plugin import lines, script, variables
from cloudmesh.plugin.errors import Interrupted, UsageError
from cloudmesh.plugin.plain import harmless
from cloudmesh.plugin.report import BROKEN_PIPE, tell
from cloudmesh.plugin.secrets import mask_text

STDIN = script.STDIN
# What a name has to be for all ways to write it, and for the environment of a program.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def run(
    shell: Any, file: str, keep_going: bool, *, given: Mapping[str, str] | None = None, echo: bool = False
) -> int:
    """Run the lines of a script in this shell; give the exit code of the first that failed, else 0.

    Each failing line is told as ``FILE:LINE: text``. The script ends at the first one unless ``keep_going``;
    it always ends at Ctrl-C, and when nobody reads its output.

    Args:
        shell: runs the lines.
        file: a path, or ``-`` for stdin, whose lines are run as they come.
        keep_going: whether the lines after one that failed are run too.
        given: variables for this script and for the scripts that it runs; see ``variables_in``.
        echo: whether each line is printed on stderr before it is run, and those of the scripts that it runs.

    Raises:
        UsageError: the file cannot be read as a script, or the script runs itself.
    """
    before = getattr(shell, "batch_echo", False)
    with script.opened(file) as rows, script.entered(shell, file) as depth, variables.given(given or {}):
        shell.batch_echo = echo or before
        sign = "+" * depth if shell.batch_echo else ""
        try:
            return _run(shell, file, script.read(rows, file), keep_going, sign)
        finally:
            shell.batch_echo = before


def _run(shell: Any, file: str, rows: Iterable[tuple[int, str]], keep_going: bool, sign: str) -> int:
    """Run these lines, each printed after the sign, if there is one; give the first code that is not 0."""
    first_code = 0
    for number, text in rows:
        if sign and (shown := lines.shown(shell, text)):
            tell(f"{sign} {shown}")
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


def variables_in(words: Iterable[str]) -> dict[str, str]:
    """The variables that ``NAME=VALUE`` words give to a script.

    Raises:
        UsageError: one is no such word, or a name is given twice.
    """
    found: dict[str, str] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign or not _NAME.fullmatch(name):
            raise UsageError(
                f"{mask_text(word)!r} is not NAME=VALUE; a name consists of letters, digits and _ "
                "and does not begin with a digit"
            )
        if name in found:
            raise UsageError(f"the variable {name!r} is given more than once")
        found[name] = value
    return found
