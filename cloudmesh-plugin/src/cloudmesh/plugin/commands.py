"""Finding and running commands of the shell by name, ours and those of others, with an exit code.

Our commands need cmd5's shell for nothing. It is loaded, and becomes a part of the shell that runs, when a
command of its own is used or one that somebody made for it.
"""

from __future__ import annotations

import contextlib
import importlib
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from cloudmesh.plugin import catalogue, front, variables
from cloudmesh.plugin.errors import CloudmeshError, KnownNames, UnknownName, UsageError
from cloudmesh.plugin.plain import harmless
from cloudmesh.plugin.secrets import mask_text
from cloudmesh.plugin.usage import parse, unmarked

# cmd5 handles these inside its own onecmd and ignores their do_ methods.
BUILT_IN = ("dryrun", "debug")
# What to do about words that are no commands: not installed, or the program itself.
EXTRAS = {
    "rest": "it comes with pip install 'cloudmesh-cms[rest]'",
    "cms": "leave that word out, as in: vm list",
}


def run(shell: Any, name: str, rest: str | Sequence[str]) -> int:
    """Run the command ``name`` with the rest of its line, or with its words; give its exit code.

    Raises UnknownName if nobody has such a command, and whatever a command of others raises.
    """
    if name in BUILT_IN:
        # The name has been checked by cmd5's own means.
        line = rest if isinstance(rest, str) else shlex.join(rest)
        refuse_no_switch(name, line)
        with _errors() as told:
            cmd5_line(shell, f"{name} {line}".strip())
        return int(bool(told))
    method = find(shell, name)
    if getattr(method, "cloudmesh_command", False):
        shell.last_exit_code = 0
        method(rest if isinstance(rest, str) else list(rest))
        return int(shell.last_exit_code)
    words = rest if isinstance(rest, str) else front.replaced(list(rest))
    with _errors() as told:
        _run_foreign(method, shell, name, words)
    return int(bool(told))


@contextlib.contextmanager
def _errors() -> Iterator[list[str]]:
    """Collects the errors that a command of others prints, by the means that cmd5 has for that.

    Such commands have no exit codes: one that says ERROR has failed.
    """
    from cloudmesh.common.console import Console

    told: list[str] = []
    original = vars(Console)["error"]

    def error(cls: Any, message: Any = "", *more: Any, **named: Any) -> Any:
        told.append(str(message))
        return original.__func__(cls, message, *more, **named)

    Console.error = classmethod(error)
    try:
        yield told
    finally:
        Console.error = original


def refuse_no_switch(name: str, rest: str) -> None:
    """Raise UsageError if what follows ``dryrun`` or ``debug`` is neither on nor off; cmd5 lets it pass."""
    if rest.strip().removeprefix("=").lower() not in ("", "on", "off", "true", "false"):
        raise UsageError(f"{name!r} takes on or off")


def cmd5_line(shell: Any, line: str) -> None:
    """Run a line by the own means of cmd5's shell, which becomes a part of this shell."""
    onecmd = _cmd5_shell().onecmd
    getattr(onecmd, "cmd5", onecmd)(_widened(shell, _cmd5_shell()), line)


def find(shell: Any, name: str) -> Callable[[Any], Any]:
    """The method of the shell for a command, whose module is loaded if it has to be.

    Raises:
        UnknownName: no package has the command.
        CloudmeshError: the module of the command cannot be imported.
    """
    # Those that were found so far.
    found: dict[str, Any] = vars(shell).setdefault("found_commands", {})
    if name not in found:
        place = catalogue.place(name)
        if place is None and hasattr(shell, f"do_{name}"):
            # The shell has it by other ways than by a package.
            return getattr(shell, f"do_{name}")  # type: ignore[no-any-return]
        if place is None:
            from cloudmesh.plugin.usage.hints import program_hint

            if name in EXTRAS:
                raise UnknownName("command", name, KnownNames((), elsewhere=EXTRAS[name]))
            known = catalogue.names()
            raise UnknownName("command", name, _known(known), near=program_hint(name, known))
        owner = load(place)
        if not getattr(getattr(owner, place.method), "cloudmesh_command", False):
            _widened(shell, _cmd5_shell())
        # Of the owner, since cmd5's own shell may have another command of this name.
        found[name] = getattr(owner, place.method).__get__(_widened(shell, owner))
    return found[name]  # type: ignore[no-any-return]


def load(place: catalogue.Place) -> type:
    """The class of a command, whose module is imported.

    Raises:
        CloudmeshError: it cannot be imported: the package of others is broken.
        UnknownName: the module has no such command, though its text looks as if.
    """
    try:
        of_shell = place.module == "cloudmesh.shell.shell"
        module = _cmd5_module() if of_shell else importlib.import_module(place.module)
    except (Exception, SystemExit) as error:
        # A module that leaves while it is imported would take all of us along, with exit code 0.
        reason = harmless(mask_text(f"{type(error).__name__}: {error}", prose=True))
        raise CloudmeshError(
            f"the command {place.name!r} cannot be loaded, its module {place.module} is broken: {reason}"
        ) from error
    for owner in _classes(module):
        if hasattr(owner, place.method):
            return owner
    raise UnknownName("command", place.name, _known(set(catalogue.names()) - {place.name}))


def _known(names: Iterable[str]) -> KnownNames:
    """The commands, too many for an error."""
    return KnownNames(names, elsewhere="'cms help' lists the commands")


def _classes(module: Any) -> Iterator[type]:
    """The classes of a module, those that it defines itself first."""
    every = [each for each in vars(module).values() if isinstance(each, type)]
    yield from (each for each in every if each.__module__ == module.__name__)
    yield from every


def _widened(shell: Any, owner: type) -> Any:
    """The shell with another class added to its own, since a command may use other methods of its class."""
    cls = type(shell)
    if not issubclass(cls, owner):
        # cmd5 recognises its shell, and its complaint on an unknown command, by this name.
        shell.__class__ = type("CMShell", (cls, owner), {})
    return shell


def _cmd5_shell() -> Any:
    return _cmd5_module().CMShell


def _cmd5_module() -> Any:
    """The module of cmd5's shell.

    While it is imported it loads the command that the process was started for, and at a failure all others.
    They are loaded here, each when it is used, so that it must find none.
    """
    loaded = sys.modules.get("cloudmesh.shell.shell")
    if loaded is None:
        words, sys.argv = sys.argv, [*sys.argv[:1], "no-command"]
        try:
            loaded = importlib.import_module("cloudmesh.shell.shell")
        finally:
            sys.argv = words
        variables.guard()
    return loaded


def _run_foreign(method: Callable[[str], Any], shell: Any, name: str, rest: str | Sequence[str]) -> None:
    """Run a command made with cmd5's own decorator, or with none.

    The decorator prints and swallows wrong usage and SystemExit, so the words are checked here, and the
    function that it hides is called.
    """
    line = rest if isinstance(rest, str) else shlex.join(rest)
    doc = method.__doc__ or ""
    words = None
    if _has_usage(doc):
        words = words_of_foreign(rest) if isinstance(rest, str) else list(rest)
    if words is None or "-h" in words or "--help" in words:
        method(unmarked(line))
        return
    arguments = parse(doc, words, name)
    function = None
    if method.__module__ == "cloudmesh.shell.command":
        import inspect

        # What cmd5's own decorator has wrapped.
        function = inspect.getclosurevars(method).nonlocals.get("func")
    if callable(function):
        from cloudmesh.common.dotdict import dotdict

        function(shell, unmarked(line), dotdict(arguments))
    else:
        method(unmarked(line))


def words_of_foreign(line: str) -> list[str]:
    """The words of a line, as cmd5's decorator splits it; raises UsageError if a quote is not closed."""
    from cloudmesh.common import shlex as of_cmd5

    try:
        return list(of_cmd5.split(line))
    except ValueError:
        raise UsageError("the line cannot be split into words: a quote is not closed") from None


def _has_usage(doc: str) -> bool:
    """Whether docopt can read the text of a command of others."""
    try:
        parse(doc, [], "")
    except UsageError:
        return True
    except CloudmeshError:
        return False
    return True
