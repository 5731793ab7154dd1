"""The interactive shell: reads lines at a prompt and runs them, until one of them ends it.

At a terminal that can do it the prompt is that of ``prompt``, made with prompt_toolkit; elsewhere ``plain``
reads the lines. What both need lies in ``history``, ``status``, ``candidates`` and ``terminal``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cloudmesh.cms.repl.pasted import lines_of
from cloudmesh.cms.repl.terminal import Terminated, can_draw, kept
from cloudmesh.plugin import front, lines, output
from cloudmesh.plugin.errors import CloudmeshError, Interrupted, UsageError
from cloudmesh.plugin.report import report
from cloudmesh.plugin.signals import as_ctrl_c

if TYPE_CHECKING:
    from cloudmesh.plugin.shell import Shell

_BANNER = """\
cms {version}: virtual machines on all your clouds
help lists the commands, {tab}exit or Ctrl-D leaves
"""


def run(shell: Shell, *, splash: bool) -> int:
    """Read lines and run them, until one ends the shell; give the exit code.

    It is 0 when the shell is left by ``exit``, ``quit`` or at the end of its input, and 130 if SIGTERM or
    SIGHUP ended it, or Ctrl-C where nobody types.
    """
    draws = can_draw()
    if splash:
        output.write(_banner(draws))
    with kept() as restore:
        return _loop(shell, _reader(shell, draws), restore)


def _reader(shell: Shell, draws: bool) -> Callable[[], str]:
    """The function that reads what is typed at the prompt, one line or more."""
    if draws:
        from cloudmesh.cms.repl.prompt import Prompt

        return Prompt(shell).read
    from cloudmesh.cms.repl.plain import PlainPrompt

    return PlainPrompt().read


def _loop(shell: Shell, read: Callable[[], str], restore: Callable[[], None]) -> int:
    while True:
        try:
            text = read()
            goes_on = _run_lines(shell, text, restore)
        except EOFError:
            return 0
        except Terminated:
            return Interrupted.exit_code
        except KeyboardInterrupt:
            if not front.somebody_types():
                raise
            continue
        except UnicodeDecodeError:
            code = report("", UsageError("the input is not valid text in the encoding of the terminal"))
            if not front.somebody_types():
                return code
            continue
        if not goes_on:
            return 0


def _run_lines(shell: Shell, text: str, restore: Callable[[], None]) -> bool:
    """Run what was typed or pasted, line after line; whether the shell goes on.

    An interruption drops the lines that are left.
    """
    try:
        rows = lines_of(text)
    except CloudmeshError as error:
        report("", error)
        return True
    for row in rows:
        if len(rows) > 1:
            output.write(f"cms> {row}")
        code = _run_line(shell, row, restore)
        if code is None or code == Interrupted.exit_code:
            return code is not None
    return True


def _run_line(shell: Shell, line: str, restore: Callable[[], None]) -> int | None:
    try:
        # A command of others ends at SIGTERM, too, and the shell stays.
        with as_ctrl_c():
            return lines.run_in_shell(shell, line)
    finally:
        restore()


def _banner(draws: bool) -> str:
    from importlib.metadata import version

    return _BANNER.format(version=version("cloudmesh-cms"), tab="Tab completes, " if draws else "").rstrip()
