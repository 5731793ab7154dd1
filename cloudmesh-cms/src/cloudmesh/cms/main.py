"""The program ``cms``: from the words of its call to a command, to the interactive shell, or to a script.

cms vm list        one command; a command of ours is run without cmd5's shell
cms                the interactive shell, at a terminal
cms < script       each line of a script, as ``cms batch -``
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from cloudmesh.cms.usage import DOC, HELP, PROGRAM
from cloudmesh.plugin import catalogue, commands, front, output
from cloudmesh.plugin.errors import Interrupted, UsageError
from cloudmesh.plugin.report import BROKEN_PIPE, exit_code, report, tell
from cloudmesh.plugin.shell import Shell

# After so many new objects Python looks for garbage.
_OBJECTS = 100_000


def main(words: Sequence[str] | None = None) -> int:
    """Run the program with these words, by default those of its call; give its exit code.

    0 all done, 1 a task failed, 2 wrong usage or unknown name, 3 configuration or credentials, 4 a cloud
    could not be reached or refused, 130 interrupted, 141 the reader of the output left.
    """
    if not sys.warnoptions:
        # Python 3.12 and later warn of how docopt is written; a user can do nothing about it.
        warnings.simplefilter("ignore", SyntaxWarning)
    # Few objects of a command are garbage before its end; looking for it takes a list of thousands some time.
    gc.set_threshold(_OBJECTS)
    # What is left when the process ends need not be looked through once more: that takes a quarter of it.
    atexit.register(gc.freeze)
    try:
        code = _run(list(sys.argv[1:] if words is None else words))
    except KeyboardInterrupt:
        code = report("", Interrupted("interrupted"))
    except BrokenPipeError:
        output.abandon(sys.stdout)
        code = BROKEN_PIPE
    except SystemExit as error:
        code = exit_code(error)
    except Exception as error:  # noqa: BLE001 commands of others raise what they like
        code = report("", error)
    return _flushed(code)


def _run(words: list[str]) -> int:
    """Read the options before the command, and run what is meant."""
    own, rest = _split(words)
    options = _options(own) if own else {}
    if options.get("--help"):
        output.write(HELP)
        return _call("help", [])
    if options.get("--version"):
        output.write(_version())
        return 0
    if options.get("--debug"):
        os.environ["CLOUDMESH_DEBUG"] = "1"
    if (script := options.get("--file")) is not None:
        if not script:
            raise UsageError("--file= is empty; give a script", usage=_usage())
        if rest:
            raise UsageError(f"unexpected argument {rest[0]!r} after --file={script}", usage=_usage())
        return _call("batch", ["--echo", script] if options["--echo"] else [script])
    stays = options.get("-i")
    if rest:
        if options.get("--echo"):
            import shlex

            output.write(f"{PROGRAM} {shlex.join(rest)}")
        shell = Shell()
        code = _call(rest[0], rest[1:], shell)
        return code if not stays else _interactive(shell, splash=False, stays=True)
    return _interactive(Shell(), splash=not options.get("--nosplash"), stays=bool(stays))


def _version() -> str:
    import platform
    from importlib.metadata import version

    return f"{PROGRAM} {version('cloudmesh-cms')} (Python {platform.python_version()})"


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """The options before the command, and the command with its words."""
    at = 0
    while at < len(words) and words[at].startswith("-"):
        if words[at] == "--":
            return words[:at], words[at + 1 :]
        # Its value may be a word of its own.
        at += 2 if words[at] == "--file" else 1
    return words[:at], words[at:]


def _options(words: list[str]) -> dict[str, Any]:
    from cloudmesh.plugin.usage import parse

    try:
        return parse(DOC, words, PROGRAM)
    except UsageError as error:
        raise UsageError(str(error), usage=_usage()) from None


def _usage() -> str:
    return "cms --help shows the options of the program"


def _call(name: str, words: list[str], shell: Shell | None = None) -> int:
    """Run a command with its words."""
    shell = shell or Shell()
    try:
        if " " in name.strip() and not words:
            raise UsageError(f"unknown command {name!r}; the words of a command are separate: cms {name}")
        if name == "shell" and words and words[0] not in ("-h", "--help"):
            # cmd5 quotes the words of a call once more, and takes every outcome for a success.
            return _shell(words)
        return commands.run(shell, name, words)
    except (KeyboardInterrupt, BrokenPipeError):
        raise
    except SystemExit as error:
        return exit_code(error)
    except Exception as error:  # noqa: BLE001 commands of others raise what they like
        return report(name if catalogue.place(name) else "", error)


def _shell(words: Sequence[str]) -> int:
    """Run a program by the system's shell, as a line does; one word is all of its line, several are words."""
    import shlex

    from cloudmesh.plugin.lines import run_program

    return run_program(words[0] if len(words) == 1 else shlex.join(words))


def _interactive(shell: Shell, *, splash: bool, stays: bool = False) -> int:
    """Start the interactive shell where somebody types, else run the lines of stdin as a script."""
    if sys.stdin is None:
        return 0
    if not (front.somebody_types() or stays):
        from cloudmesh.plugin import batch

        return batch.run(shell, batch.STDIN, keep_going=False)
    from cloudmesh.cms import repl

    return repl.run(shell, splash=splash)


def _flushed(code: int) -> int:
    """The exit code when all that was printed has been written; where it cannot be, a failure."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        output.abandon(sys.stdout)
        return code or BROKEN_PIPE
    except (OSError, ValueError) as error:
        output.abandon(sys.stdout)
        tell(f"{PROGRAM}: the output cannot be written: {getattr(error, 'strerror', None) or error}".lower())
        return code or 1
    return code
