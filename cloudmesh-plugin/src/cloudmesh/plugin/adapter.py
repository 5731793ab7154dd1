"""The decorator ``command``, which makes a ``do_x`` method a well-behaved command of the cms shell.

cmd5 re-joins the words of a one-shot call, replaces names in them and always exits with 0. The adapter

1. takes the words as they were typed (``_arguments``),
2. lets docopt find the arguments in them (``parse``); ``cloudmesh.plugin.usage`` explains a refusal,
3. calls the method and prints the ``Answer`` that it returns (``cloudmesh.plugin.output``),
4. turns an error into one sentence on stderr (``report``),
5. ends a one-shot call with the exit code of the answer or the error (``command``).

A REPL on a terminal survives every error; a shell that reads its lines from elsewhere ends when one of them
is interrupted.
"""

from __future__ import annotations

import functools
import os
import shlex
import sys
import textwrap
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cloudmesh.plugin import output, variables
from cloudmesh.plugin.errors import CloudmeshError, Interrupted, UsageError
from cloudmesh.plugin.output import Answer
from cloudmesh.plugin.plain import harmless

Arguments = dict[str, Any]
Method = Callable[[Any, Arguments], Answer | None]

# The convention of shells for a process whose reader went away: 128 + SIGPIPE.
BROKEN_PIPE = 141


def command(method: Method) -> Callable[[Any, str], None]:
    """Make a docopt-annotated method a command of the shell.

    The method gets the arguments that docopt found and returns an ``Answer`` or None. It may raise any
    ``CloudmeshError``. In one-shot mode a non-zero exit code is raised as SystemExit, which cmd5 lets
    through; in the REPL and in ``cms batch`` it is kept on the shell as ``last_exit_code``. Without a
    terminal an interrupted command ends the shell: whoever stops a script wants no more of its lines.
    """
    variables.guard()
    name = method.__name__.removeprefix("do_")
    doc = textwrap.dedent(method.__doc__ or "")

    @functools.wraps(method)
    def run(shell: Any, line: str) -> None:
        one_shot = _is_one_shot(shell, name)
        code = _run(method, shell, name, doc, sys.argv[2:] if one_shot else line)
        shell.last_exit_code = code
        if code and (one_shot or (code == Interrupted.exit_code and not _somebody_types())):
            raise SystemExit(code)

    run.__doc__ = doc
    run.cloudmesh_command = True  # type: ignore[attr-defined]
    return run


def _is_one_shot(shell: Any, name: str) -> bool:
    """Whether this call is the one that the process was started for: ``cms NAME ...``."""
    first = not getattr(shell, "one_shot_done", False)
    shell.one_shot_done = True
    return first and sys.argv[1:2] == [name]


def _somebody_types() -> bool:
    """Whether lines come from a person, who says what is next, and not from a file or a pipe."""
    try:
        return sys.stdin is not None and sys.stdin.isatty()
    except ValueError:
        # It has been closed.
        return False


def _run(method: Method, shell: Any, name: str, doc: str, words: list[str] | str) -> int:
    """Run the command and print its answer or its error; give its exit code."""
    try:
        return _answer(method, shell, name, doc, words)
    except KeyboardInterrupt:
        return report(name, Interrupted("interrupted"))
    except BrokenPipeError:
        # Whoever read our output has left, as in "cms vm list | head -1": nothing more can be said there.
        output.abandon(sys.stdout)
        return BROKEN_PIPE
    except SystemExit as error:
        return exit_code(error)
    except Exception as error:  # noqa: BLE001 an error must not end the REPL
        return report(name, error)


def _answer(method: Method, shell: Any, name: str, doc: str, words: list[str] | str) -> int:
    """Parse the words, call the method and print its answer; give the exit code. Errors pass through."""
    arguments = _arguments(name, doc, words)
    answer = None if arguments is None else method(shell, arguments)
    if arguments is None or answer is None:
        return 0
    text = answer.text
    if text is None:
        text = output.render(answer, arguments.get("--output") or "table")
    if text:
        output.write(text)
    for note in answer.notes:
        tell(note)
    for error in answer.errors:
        _debug(error)
    return answer.exit_code


def _arguments(name: str, doc: str, words: list[str] | str) -> Arguments | None:
    """The arguments; None if the user only asked for help, which is printed."""
    if isinstance(words, str):
        try:
            words = shlex.split(words)
        except ValueError as error:
            raise UsageError(f"the line cannot be split into words: {str(error).lower()}") from None
    if "-h" in words or "--help" in words:
        output.write(help_text(doc))
        return None
    arguments = parse(doc, words, name)
    form = arguments.get("--output")
    if form and form not in output.FORMATS:
        raise output.unknown_format(form)
    return arguments


def parse(doc: str, words: Sequence[str], name: str) -> Arguments:
    """The arguments that docopt finds in exactly these words.

    ``doc`` is the text of the command ``name``; it may begin with ``::``, as those of cmd5 do.

    Raises:
        UsageError: the words do not fit; the sentence names the wrong one, ``usage`` is the Usage block.
        CloudmeshError: the author of the command wrote a usage that docopt cannot read.
    """
    import docopt  # only a command that runs needs it

    try:
        return dict(docopt.docopt(doc, argv=list(words), help=False))
    except docopt.DocoptLanguageError as error:
        raise CloudmeshError(f"the usage text of the command {name!r} is malformed: {error}") from None
    except docopt.DocoptExit:
        from cloudmesh.plugin.usage import refusal  # most calls are not refused

        title, _, lines = docopt.printable_usage(doc).partition(":")
        first, _, others = lines.partition("\n")
        body = f"{first.strip()}\n{textwrap.dedent(others)}".strip("\n").rstrip()
        usage = f"{title}:\n{textwrap.indent(body, '  ')}"
        raise UsageError(refusal.explain(doc, words, name), usage=usage) from None


def help_text(doc: str) -> str:
    """The whole text of a command, without the leading ``::`` and without indentation."""
    text = textwrap.dedent(doc).strip("\n")
    first, _, rest = text.partition("\n")
    if first.strip() == "::":
        text = rest
    return textwrap.dedent(text).strip("\n").rstrip()


def report(name: str, error: Exception) -> int:
    """Print an error of the command ``name`` as one sentence on stderr and give its exit code."""
    _debug(error)
    if isinstance(error, CloudmeshError):
        # A cloud may have put what acts on a terminal into the message; its line ends are ours.
        message = "\n".join(map(harmless, str(error).split("\n")))
        tell(f"cms {name}: {message}")
        if isinstance(error, UsageError) and error.usage:
            tell(f"\n{error.usage}")
        return error.exit_code
    tell(f"cms {name}: {_describe(error)}")
    return 1


def _debug(error: BaseException) -> None:
    """Print the traceback of an error if the user has asked for tracebacks."""
    if os.environ.get("CLOUDMESH_DEBUG") == "1":
        tell("".join(traceback.format_exception(error)))


def tell(sentence: str) -> None:
    """Print a sentence for a person on stderr. If nobody can read it, the exit code must say it alone."""
    try:
        print(sentence, file=sys.stderr)
    except OSError:
        output.abandon(sys.stderr)


def exit_code(error: SystemExit) -> int:
    """The exit code that a SystemExit asks for; like Python, a text is printed and means 1."""
    if error.code is None or isinstance(error.code, int):
        # The system keeps the lowest eight bits; a failure must stay one.
        return (error.code and (error.code & 0xFF or 1)) or 0
    tell(str(error.code))
    return 1


def _describe(error: Exception) -> str:
    """A sentence on an error that nobody foresaw. Its message may hold a secret, so it is not shown."""
    if isinstance(error, OSError) and error.strerror:
        place = f": {error.filename}" if error.filename else ""
        return f"{error.strerror}{place}"
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    return (
        f"an error of the program itself, {type(error).__name__}{place}; "
        "CLOUDMESH_DEBUG=1 shows more, please report it"
    )
