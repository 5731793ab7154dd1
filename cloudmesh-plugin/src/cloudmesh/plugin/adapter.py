"""The decorator ``command``, which makes a ``do_x`` method a well-behaved command of the cms shell.

A command is called with the words of a one-shot call, or with the line of a shell. The adapter

1. takes the words as they were typed (``_arguments``; see ``front`` for what cmd5 does to them),
2. lets docopt find the arguments in them (``parse``); ``cloudmesh.plugin.usage`` explains a refusal,
3. calls the method and prints the ``Answer`` that it returns (``cloudmesh.plugin.output``),
4. turns an error into one sentence on stderr (``report``),
5. ends a one-shot call with the exit code of the answer or the error (``command``).

A REPL on a terminal survives every error; a shell that reads its lines from elsewhere ends when one of them
is interrupted.
"""

from __future__ import annotations

import functools
import sys
import textwrap
from collections.abc import Callable
from typing import Any, NamedTuple, overload

from cloudmesh.plugin import front, output, variables
from cloudmesh.plugin.errors import Interrupted, UsageError
from cloudmesh.plugin.output import Answer
from cloudmesh.plugin.report import BROKEN_PIPE, debug, exit_code, forget, report, tell
from cloudmesh.plugin.signals import as_ctrl_c
from cloudmesh.plugin.usage import asks_for_help, common, parse, split, takes_program, words_of

Arguments = dict[str, Any]
Method = Callable[[Any, Arguments], Answer | None]
Command = Callable[[Any, "str | list[str]"], None]


class _Call(NamedTuple):
    """A call of a command: its words as typed, or the line that holds them, and what is said of it."""

    name: str
    doc: str
    words: list[str] | str
    reads: str
    unless: str
    braces: bool
    machines: str
    literal: str = ""


@overload
def command(method: Method, /) -> Command: ...


@overload
def command(
    *,
    reads: str = "",
    unless: str = "",
    braces: bool = False,
    machines: str = "",
    group: str = "",
    summary: str = "",
    literal: str = "",
    word: str = "",
) -> Callable[[Method], Command]: ...


def command(  # noqa: PLR0913 what a command may say of itself
    method: Method | None = None,
    /,
    *,
    reads: str = "",
    unless: str = "",
    braces: bool = False,
    machines: str = "",
    group: str = "",
    summary: str = "",
    literal: str = "",
    word: str = "",
) -> Any:
    """Make a docopt-annotated method a command of the shell: ``@command``, or ``@command(reads="list")``.

    The method gets the arguments that docopt found and returns an ``Answer`` or None. It may raise any
    ``CloudmeshError``. In one-shot mode a non-zero exit code is raised as SystemExit, which cmd5 lets
    through; in the REPL and in ``cms batch`` it is kept on the shell as ``last_exit_code``. Without a
    terminal an interrupted command ends the shell: whoever stops a script wants no more of its lines.

    Args:
        reads: the sub-commands that change nothing, parted by blanks; of a command without any its own name.
            While ``cms dryrun on`` holds, all others are run with their option ``--dryrun``, or refused
            where they have none.
        unless: options and arguments with which those do change something, such as ``default+NAMES``.
        braces: whether ``${name}`` is a notation of this command and no variable of the shell, and what
            follows ``=`` in a one-shot call is kept as it was typed.
        machines: the sub-commands that list machines, which can also be told to ssh and Ansible.
        group: the heading under which ``cms help`` lists the command.
        summary: what it does, as the short phrase that ``cms help`` shows beside its name.
        literal: an option whose value is a line for another shell: in a one-shot call it is kept as typed.
        word: what is typed, if it has hyphens where the name of the method has underscores.
    """
    variables.guard()
    front.read_lines(_run_line)

    def made(each: Method) -> Command:
        run = _made(each, reads, unless, braces, machines, literal, word)
        run.cloudmesh_group, run.cloudmesh_summary = group, summary  # type: ignore[attr-defined]
        return run

    return made(method) if method else made


def _made(
    method: Method, reads: str, unless: str, braces: bool, machines: str, literal: str, word: str
) -> Command:
    name = word or method.__name__.removeprefix("do_")
    doc = common.completed(textwrap.dedent(method.__doc__ or ""), name)
    front.take_words(name)

    @functools.wraps(method)
    def run(shell: Any, line: str | list[str]) -> None:
        given, one_shot = line, False
        if isinstance(line, str):
            # cmd5's own front hands on a line even of a one-shot call.
            words = front.words_of_call(shell, name)
            given, one_shot = (line, False) if words is None else (words, True)
            if one_shot:
                front.tell_of_other_script()
        code = _run(method, shell, _Call(name, doc, given, reads, unless, braces, machines, literal))
        shell.last_exit_code = code
        interrupted = isinstance(line, str) and code == Interrupted.exit_code and not front.somebody_types()
        if interrupted or (one_shot and code):
            raise SystemExit(code)

    run.__doc__ = doc
    run.cloudmesh_command = True  # type: ignore[attr-defined]
    run.cloudmesh_braces = braces  # type: ignore[attr-defined]
    run.cloudmesh_machines = machines  # type: ignore[attr-defined]
    return run


def _run_line(shell: Any, line: str) -> int | None:
    from cloudmesh.plugin import lines  # a one-shot call has none

    return lines.run_in_shell(shell, line)


def _run(method: Method, shell: Any, call: _Call) -> int:
    """Run the command and print its answer or its error; give its exit code."""
    forget()
    try:
        with as_ctrl_c():
            return _answer(method, shell, call)
    except KeyboardInterrupt:
        return report(call.name, Interrupted("interrupted"))
    except BrokenPipeError:
        # Whoever read our output has left, as in "cms vm list | head -1": nothing more can be said there.
        output.abandon(sys.stdout)
        return BROKEN_PIPE
    except SystemExit as error:
        return exit_code(error)
    except Exception as error:  # noqa: BLE001 an error must not end the REPL
        return report(call.name, error)


def _answer(method: Method, shell: Any, call: _Call) -> int:
    """Parse the words, call the method and print its answer; give the exit code. Errors pass through."""
    arguments = _arguments(call)
    answer = None if arguments is None else method(shell, arguments)
    if arguments is None or answer is None:
        return 0
    text, form = answer.text, arguments.get("--output") or "table"
    if arguments.get("--quiet"):
        common.quieted(answer, form)
    if text is None:
        text = output.render(answer, form)
    if text:
        output.write(text)
    for note in answer.notes:
        tell(note)
    for error in answer.errors:
        debug(error)
    return answer.exit_code


def _arguments(call: _Call) -> Arguments | None:
    """The arguments; None if the user only asked for help, which is printed."""
    words = words_of(call.words) if isinstance(call.words, str) else _replaced(call, call.words)
    # Looked up before the words are understood, unless one of them may say that nothing changes.
    may_read = not {call.name, *words}.isdisjoint((*call.reads.split(), "-h", "--help"))
    is_dry = None if may_read else variables.dryrun_is_on()
    options, _ = split(words)
    if asks_for_help(call.doc, options):
        from cloudmesh.plugin.usage.subcommand import help_of

        output.write(help_of(call.doc, options, call.name))
        return None
    arguments = parse(call.doc, words, call.name)
    form = arguments.get("--output")
    if form and form not in output.FORMATS:
        output.require_format(form, any(map(arguments.get, call.machines.split())))
    arguments = arguments if is_dry is False else _dry(call, words, arguments)
    return common.with_format(arguments, call.doc, options) if arguments.get("--quiet") else arguments


def _replaced(call: _Call, words: list[str]) -> list[str]:
    """The words of a one-shot call with their variables replaced, but for those of a program after ``--``.

    The shell of the user has replaced its own in them; what is left is for the shell that runs the program.
    """
    if "--" in words and takes_program(call.doc, words[: words.index("--")]):
        end = words.index("--")
        return [*front.replaced(words[:end], call.braces, call.literal), *words[end:]]
    return front.replaced(words, call.braces, call.literal)


def _dry(call: _Call, words: list[str], arguments: Arguments) -> Arguments:
    """The arguments; while ``cms dryrun on`` holds, of a call that changes something with ``--dryrun``."""
    said = {word for word, value in arguments.items() if value is True and word[0].isalpha()}
    changes = any(all(map(arguments.get, each.split("+"))) for each in call.unless.split())
    if ((said or {call.name}) <= set(call.reads.split()) and not changes) or not variables.dryrun_is_on():
        return arguments
    try:
        return arguments if arguments.get("--dryrun") else parse(call.doc, ["--dryrun", *words], call.name)
    except UsageError:
        label = " ".join([call.name, *(word for word in words if word in said)])
        raise UsageError(
            f"dryrun is on, and {label!r} has no dry run: nothing was done; 'cms dryrun off' turns it off"
        ) from None
