"""Runs one line, as somebody types it into the shell or writes it into a script for ``cms batch``.

A line is one command. A ``#`` that begins a word starts a comment, quotes and backslashes work as in a POSIX
shell, variables are replaced as ``references`` says, and the operators of a system's shell are refused. A
line that begins with ``!`` is for the system's shell alone.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from cloudmesh.plugin import catalogue, commands, front, variables
from cloudmesh.plugin.errors import Interrupted, UsageError
from cloudmesh.plugin.plain import harmless
from cloudmesh.plugin.references import References
from cloudmesh.plugin.report import exit_code, report
from cloudmesh.plugin.script import COMMENTS
from cloudmesh.plugin.secrets import mask_text
from cloudmesh.plugin.signals import as_ctrl_c
from cloudmesh.plugin.usage import unmarked

# The name of a line that runs a program.
PROGRAM = "shell"
ENDS = ("quit", "q", "exit", "EOF")
_HYPHENED = re.compile(r"([a-z0-9]+(?:-[a-z0-9]+)+)(?!\S)(.*)", re.DOTALL)


class Line(NamedTuple):
    """A line as it was understood.

    Attributes:
        name: the command; ``PROGRAM``, or "" where there is nothing to do.
        rest: the words after it, or the program.
        text: all of it, without comment and with its variables replaced.
    """

    name: str
    rest: str
    text: str


def run_in_shell(shell: Any, line: str) -> int | None:
    """As ``run``, for the shell itself: without a person at it an interrupted line ends it, exit code 130."""
    code = run(shell, line)
    if code == Interrupted.exit_code and not front.somebody_types():
        raise SystemExit(code)
    return code


def run(shell: Any, line: str) -> int | None:
    """Run one line; give its exit code, or None if it ends the shell or the script.

    Whatever goes wrong is told, and no error passes, but for BrokenPipeError: nobody reads what we say.
    """
    # Letters alone, since the rest of a word may be secret.
    word = re.match(r"\w+", line.strip())
    name = word[0] if word else PROGRAM
    try:
        code = _dispatch(shell, understood(shell, line))
        sys.stdout.flush()
    except KeyboardInterrupt:
        return report(name, Interrupted("interrupted"))
    except BrokenPipeError:
        raise
    except SystemExit as error:
        # A command of others that leaves in the middle has failed, even if it did not say so.
        return exit_code(error) or 1
    except Exception as error:  # noqa: BLE001 commands of others raise what they like
        return report(name, error)
    return code


def understood(shell: Any, line: str, masked: bool = False) -> Line:
    """What a line means; with ``masked`` its text is only good to be shown, without secrets.

    Raises:
        UnknownName: no package has the command.
        UsageError: an operator stands in the line, or an undefined variable.
        CloudmeshError: the module of the command cannot be imported.
    """
    line = line.strip()
    if not line or line.startswith(COMMENTS):
        return Line("", "", "")
    name, rest = _parts(shell, line)
    if line.startswith("!") or name == PROGRAM:
        return Line(PROGRAM, line[1:] if line.startswith("!") else rest, line)
    if name != "py":
        known = name and name not in ENDS + commands.BUILT_IN
        method = commands.find(shell, name) if known else None
        line = References(getattr(method, "cloudmesh_braces", False), masked).in_line(line)
        name, rest = _parts(shell, line)
    return Line(name or (mask_text(line.split()[0]) if line else ""), rest or "", line)


def _parts(shell: Any, line: str) -> tuple[Any, Any]:
    """The command of a line and what follows it; a shell of cmd5 ends the name at a hyphen."""
    hyphened = _HYPHENED.match(line)
    if hyphened and catalogue.place(hyphened[1]):
        return hyphened[1], hyphened[2].strip()
    name, rest, _ = shell.parseline(line)
    return name, rest


def shown(shell: Any, line: str) -> str:
    """A line as it may be shown: its variables replaced, without secrets; "" if there is nothing to do.

    One that cannot be understood is shown as it was written.
    """
    try:
        line = unmarked(understood(shell, line, masked=True).text)
    except Exception:  # noqa: BLE001 the module of a command of others may raise what it likes; running it tells
        line = line.strip()
    return harmless(mask_text(line))


def _dispatch(shell: Any, line: Line) -> int | None:
    """Hand the line to whoever runs it."""
    if not line.name:
        return 0
    if line.name == PROGRAM:
        return run_program(line.rest)
    if line.name in ENDS:
        return None
    return commands.run(shell, line.name, line.rest)


@as_ctrl_c()
def run_program(program: str) -> int:
    """Run a program line with the system's shell; give its exit status, 128 + the number for a signal.

    The variables of the shell are in its environment. At SIGTERM it is ended with all that it started.
    """
    if variables.dryrun_is_on():
        raise UsageError(
            "dryrun is on, and a program has no dry run: it was not run; 'dryrun off' turns it off"
        )
    sys.stdout.flush()
    names = {name: value for name, value in variables.values().items() if name.isidentifier()}
    environment = {**os.environ, **names}
    process = subprocess.Popen(program, shell=True, env=environment)  # noqa: S602 it is the user's line
    with process, _ended(process):
        status = process.wait()
    return 128 - status if status < 0 else status


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """If the block is interrupted, the process is ended with all that it started."""
    try:
        yield
    except KeyboardInterrupt:
        import psutil  # type: ignore[import-untyped]

        with contextlib.suppress(psutil.NoSuchProcess):
            top = psutil.Process(process.pid)
            family = [top, *top.children(recursive=True)]
            for each in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.terminate()
            for each in psutil.wait_procs(family, timeout=2)[1]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()
        raise
