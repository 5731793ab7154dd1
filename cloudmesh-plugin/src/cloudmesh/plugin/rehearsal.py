"""Checks a script without running it: what ``cms batch --dryrun`` does.

Each line is shown with its variables replaced, and its words are compared with the usage of the command.
Nothing is run and nothing is kept; what ``set`` would keep counts as kept for the lines that follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudmesh.plugin import commands, lines, output, script, usage, variables
from cloudmesh.plugin.batch import variables_in
from cloudmesh.plugin.errors import CloudmeshError, UsageError
from cloudmesh.plugin.report import report, tell

# What cmd5's "set" does not keep as it stands, but for the name of another variable after a "$".
_COMPUTED = ("date", "time", "now")
_COMPUTED_STARTS = ("!", "py ", "$", "value.", "cloudmesh.")
_SWITCHES = ("debug", "trace", "timer", "dryrun")


def check(shell: Any, file: str, given: Mapping[str, str]) -> int:
    """Show each line of a script as it would be run; give 2 if one of them cannot be, else 0.

    Args:
        shell: knows the commands.
        file: a path, or ``-`` for stdin.
        given: variables for this script, see ``batch.variables_in``.

    Raises:
        UsageError: the file cannot be read as a script.
    """
    with variables.rehearsal():
        found = _Found()
        _check_file(shell, file, given, found)
    errors = f"{found.errors} with errors" if found.errors else "no errors"
    tell(f"dry run: {found.lines} line{'' if found.lines == 1 else 's'}, {errors}; nothing was run")
    return UsageError.exit_code if found.errors else 0


class _Found:
    """How many lines were checked, and how many of them are wrong."""

    lines = errors = 0


def _check_file(shell: Any, file: str, given: Mapping[str, str], found: _Found) -> None:
    """Check the lines of a file up to the one that ends it; they are counted in ``found``."""
    with script.opened(file) as rows, script.entered(shell, file), variables.given(given):
        for number, text in script.read(rows, file):
            shown = lines.shown(shell, text)
            if not shown:
                continue
            found.lines += 1
            output.write(f"{file}:{number}: {shown}")
            try:
                if not _check(shell, text, found):
                    return
            except Exception as error:  # noqa: BLE001 the module of a command of others raises what it likes
                found.errors += 1
                if isinstance(error, UsageError):
                    # One line for each error; "cms help NAME" shows the usage.
                    error.usage = ""
                report(f"batch: {file}:{number}", error)


def _check(shell: Any, text: str, found: _Found) -> bool:
    """Raise what is wrong with a line, as far as it shows; False if the line ends the script."""
    line = lines.understood(shell, text)
    if line.name in lines.ENDS:
        return False
    if line.name in commands.BUILT_IN:
        commands.refuse_no_switch(line.name, line.rest)
    if line.name == lines.PROGRAM or line.name in commands.BUILT_IN:
        return True
    method = commands.find(shell, line.name)
    ours = getattr(method, "cloudmesh_command", False)
    words = usage.words_of(line.rest) if ours else commands.words_of_foreign(line.rest)
    helps = usage.asks_for_help(method.__doc__ or "", usage.split(words)[0])
    arguments = {} if helps else _arguments(method.__doc__, words, line.name)
    if ours:
        machines = getattr(method, "cloudmesh_machines", "").split()
        output.require_format(arguments.get("--output"), any(map(arguments.get, machines)))
    if line.name == "batch" and arguments.get("FILE") not in (None, script.STDIN):
        _check_file(shell, arguments["FILE"], variables_in(arguments["NAME=VALUE"]), found)
    _rehearse(line.name, arguments)
    return True


def _arguments(doc: str | None, words: list[str], name: str) -> dict[str, Any]:
    """The arguments in these words; none if the text of the command is no usage that can be read."""
    try:
        return usage.parse(doc or "", words, name)
    except UsageError:
        raise
    except CloudmeshError:
        return {}


def _rehearse(name: str, arguments: Mapping[str, Any]) -> None:
    """Count as kept, or as deleted, what this line would keep or delete."""
    if name in ("set", "var"):
        key, sign, value = (arguments.get("NAME=VALUE") or "").partition("=")
        if value:
            literal = (
                value not in _COMPUTED and not value.startswith(_COMPUTED_STARTS) and key not in _SWITCHES
            )
            variables.rehearse(key, value if literal else variables.Unknown(f"${key}"))
        elif arguments.get("delete"):
            variables.rehearse(arguments["NAME"], None)
        elif arguments.get("clear"):
            for each in variables.values():
                variables.rehearse(each, None)
    elif name == "default":
        key, sign, value = (arguments.get("KEY=VALUE") or arguments.get("KEY") or "").partition("=")
        if sign:
            variables.rehearse_default(key, value)
