"""Finding and running commands of the shell by name, ours and those of others, with an exit code."""

from __future__ import annotations

import contextlib
import importlib
import inspect
from collections.abc import Callable
from typing import Any

from cloudmesh.plugin.errors import CloudmeshError, UnknownName, UsageError
from cloudmesh.plugin.usage import parse, unmarked

# These live together in one module of cmd5, against its own convention.
_TERMINAL = ("banner", "stopwatch", "clear", "sleep", "echo", "term", "pause")


def run(shell: Any, name: str, rest: str) -> int:
    """Run the command ``name`` with the rest of its line; give its exit code.

    Raises UnknownName if nobody has such a command, and whatever a command of others raises.
    """
    method = find(shell, name)
    if name == "help" and rest.isidentifier():
        _load(shell, rest)
    if getattr(method, "cloudmesh_command", False):
        shell.last_exit_code = 0
        method(rest)
        return int(shell.last_exit_code)
    _run_foreign(method, shell, name, rest)
    return 0


def find(shell: Any, name: str) -> Callable[[str], Any]:
    """The method of the shell for a command, whose module is loaded if it has to be.

    Raises:
        UnknownName: no package has the command.
        CloudmeshError: the module of the command cannot be imported.
    """
    if not hasattr(shell, f"do_{name}"):
        _load(shell, name)
    method = getattr(shell, f"do_{name}", None)
    if method is None:
        raise UnknownName("command", name, known(shell))
    return method  # type: ignore[no-any-return]


def known(shell: Any) -> list[str]:
    """The names of all commands that are loaded."""
    methods = {method for owner in (type(shell), *_plugins().list()) for method in dir(owner)}
    return sorted(method.removeprefix("do_") for method in methods if method.startswith("do_"))


def _load(shell: Any, name: str) -> None:
    """Make a command part of the shell, if any package has it.

    A one-shot shell has been built from a single command. Its class is widened, rather than a function
    bound, since a command may use other methods of its own class.
    """
    if hasattr(shell, f"do_{name}"):
        return
    module = f"cloudmesh.{'terminal' if name in _TERMINAL else name}.command"
    module += f".{module.split('.')[1]}"
    if not (name.isidentifier() and _import(module)):
        # Every module of the namespace that may hold commands, as the REPL does at its start.
        for other in _plugins().classes():
            # A broken package of others must not hide the command we look for.
            with contextlib.suppress(Exception):
                importlib.import_module(other)
    owners = [owner for owner in _plugins().list() if hasattr(owner, f"do_{name}")]
    owners.sort(key=lambda owner: (owner.__module__ != module, owner.__module__))
    if owners:
        # cmd5 recognises its shell, and its complaint on an unknown command, by this name.
        shell.__class__ = type("CMShell", (type(shell), owners[0]), {})


def _import(module: str) -> bool:
    """Import the module of a command; False if there is none. Raises CloudmeshError if it is broken."""
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and (module == error.name or module.startswith(error.name + ".")):
            return False
        raise CloudmeshError(f"the module {module} cannot be imported: {error}") from error
    except ImportError as error:
        raise CloudmeshError(f"the module {module} cannot be imported: {error}") from error
    return True


def _plugins() -> Any:
    from cloudmesh.shell.shell import Plugin

    return Plugin


def _run_foreign(method: Callable[[str], Any], shell: Any, name: str, rest: str) -> None:
    """Run a command made with cmd5's own decorator, or with none.

    The decorator prints and swallows wrong usage and SystemExit, so the words are checked here, and the
    function that it hides is called.
    """
    doc = method.__doc__ or ""
    words = None
    if _has_usage(doc):
        from cloudmesh.common import shlex

        try:
            # As cmd5's decorator splits the line.
            words = list(shlex.split(rest))
        except ValueError:
            raise UsageError("the line cannot be split into words: a quote is not closed") from None
    if words is None or "-h" in words or "--help" in words:
        method(unmarked(rest))
        return
    arguments = parse(doc, words, name)
    function = None
    if method.__module__ == "cloudmesh.shell.command":
        # What cmd5's own decorator has wrapped.
        function = inspect.getclosurevars(method).nonlocals.get("func")
    if callable(function):
        from cloudmesh.common.dotdict import dotdict

        function(shell, unmarked(rest), dotdict(arguments))
    else:
        method(unmarked(rest))


def _has_usage(doc: str) -> bool:
    """Whether docopt can read the text of a command of others."""
    try:
        parse(doc, [], "")
    except UsageError:
        return True
    except CloudmeshError:
        return False
    return True
