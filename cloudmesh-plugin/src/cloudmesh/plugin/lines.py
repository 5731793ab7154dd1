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
from typing import Any

from cloudmesh.plugin import commands, front, variables
from cloudmesh.plugin.errors import Interrupted, UsageError
from cloudmesh.plugin.references import References
from cloudmesh.plugin.report import exit_code, report
from cloudmesh.plugin.secrets import mask_text
from cloudmesh.plugin.signals import as_ctrl_c

_ENDS = ("quit", "q", "exit", "EOF")
# cmd5 knows these for comments at the beginning of a line.
_COMMENTS = ("#", "//", "/*")


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
    name = word[0] if word else "shell"
    try:
        code = _dispatch(shell, line.strip())
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


def _dispatch(shell: Any, line: str) -> int | None:
    """Hand the line to whoever runs it."""
    name, rest, _ = shell.parseline(line) if line else ("", "", "")
    if not line or line.startswith(_COMMENTS):
        return 0
    if line.startswith("!") or name == "shell":
        return _run_program(line[1:] if line.startswith("!") else rest)
    if name != "py":
        known = name and name not in _ENDS + commands.BUILT_IN
        method = commands.find(shell, name) if known else None
        line = References(keep_braces=getattr(method, "cloudmesh_braces", False)).in_line(line)
        name, rest, _ = shell.parseline(line)
    if name in _ENDS:
        return None
    return commands.run(shell, name or mask_text(line.split()[0]), rest or "") if line else 0


@as_ctrl_c()
def _run_program(program: str) -> int:
    """Run a program line with the system's shell; give its exit status, 128 + the number for a signal.

    The variables of the shell are in its environment. At SIGTERM it is ended with all that it started.
    """
    if variables.dryrun_is_on():
        raise UsageError(
            "dryrun is on, and what a program does is not known: it is not run; 'dryrun off' allows it again"
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
