"""Loading what plug-ins bring, to find out whether it can be loaded: each thing guarded, in another process.

A module of others may do anything while it is imported: raise, print, wait for ever, end the process. So a
child process loads one thing after the other and tells of each; if it ends or hangs, the thing that it was
at is to blame, and another child goes on with the rest.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from cloudmesh.plugin.plain import harmless
from cloudmesh.plugin.secrets import mask_text

# Seconds that one thing may take to be loaded.
PATIENCE = 30.0
# Of a command that is only a name in the text of a module.
NO_METHOD = "its module has no class with the method"
_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from {0} import child; child()"


class Thing(NamedTuple):
    """What is to be loaded.

    Attributes:
        kind: command, provider or executor.
        name: of the command, or of the entry point.
        value: the module of a command, or MODULE:ATTRIBUTE of an entry point.
        file: of the module of a command.
    """

    kind: str
    name: str
    value: str
    file: str = ""


def reasons(things: Sequence[Thing], patience: float = PATIENCE) -> list[str]:
    """For each thing why it cannot be loaded, as one sentence; empty if it can.

    Args:
        patience: seconds that one thing may take.
    """
    told: list[str] = []
    while len(told) < len(things):
        told += _of_a_child(things[len(told) :], patience)
    return told


def _of_a_child(things: Sequence[Thing], patience: float) -> Iterator[str]:
    """What one child tells, at least of the first thing, and why it told no more."""
    words = [sys.executable, "-c", _START.format(__name__), json.dumps(sys.path)]
    pipes: dict[str, Any] = {
        "stdin": subprocess.PIPE,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.DEVNULL,
    }
    with subprocess.Popen(words, **pipes) as process:
        assert process.stdin and process.stdout  # noqa: S101 they were asked for
        process.stdin.write(json.dumps(things).encode())
        process.stdin.close()
        count = 0
        try:
            while count < len(things):
                line = _line(process.stdout.fileno(), patience)
                if not line.endswith(b"\n"):
                    break
                yield str(json.loads(line))
                count += 1
        finally:
            hangs = process.poll() is None and count < len(things)
            process.kill()
    if count < len(things) and hangs and not line:
        yield f"its import takes more than {patience:g} s"
    elif count < len(things):
        yield f"its import ends the process (exit code {process.returncode})"


def _line(descriptor: int, patience: float) -> bytes:
    """One line of a pipe; less if it ends, nothing if it takes too long."""
    line, deadline = b"", time.monotonic() + patience
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([descriptor], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            return b""
        read = os.read(descriptor, 1)
        if not read:
            return line or b"."
        line += read
    return line


def child() -> None:
    """Load the things that stdin names, and tell of each in a line of stdout. Ends the process."""
    things = [Thing(*each) for each in json.load(sys.stdin)]
    # Whatever is printed by those modules goes nowhere.
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for each in things:
        try:
            reason = _reason(each)
        except BaseException as error:  # noqa: BLE001 also SystemExit: it must not end the list
            reason = _sentence(error)
        print(json.dumps(reason), file=told, flush=True)
    # What those modules have started or registered is not waited for.
    os._exit(0)


def _reason(thing: Thing) -> str:
    """Load one thing; empty if it is what it should be."""
    if thing.kind == "command":
        return _command(thing)
    module, _, path = thing.value.partition(":")
    loaded: Any = import_module(module.strip())
    for part in path.partition("[")[0].strip().split(".") if path else ():
        loaded = getattr(loaded, part)
    if thing.kind == "executor":
        return "" if callable(loaded) else "it is not a function"
    from cloudmesh.cloud.provider.interface import Provider

    if not Provider.is_base_of(loaded):
        return "it is not a subclass of cloudmesh.cloud.Provider"
    missing = sorted(getattr(loaded, "__abstractmethods__", ()))
    return f"it lacks the methods {', '.join(missing)}" if missing else ""


def _command(thing: Thing) -> str:
    from cloudmesh.plugin import commands
    from cloudmesh.plugin.catalogue import Place
    from cloudmesh.plugin.errors import CloudmeshError, UnknownName

    place = Place(thing.name, thing.value, Path(thing.file))
    try:
        owner = commands.load(place)
    except UnknownName:
        return f"{NO_METHOD} {place.method}"
    except CloudmeshError as error:
        return _sentence(error.__cause__ or error)
    return "" if callable(getattr(owner, place.method)) else f"{place.method} is not a method"


def _sentence(error: BaseException) -> str:
    """One line on an error of another's module, without what may be secret in it."""
    text = " ".join(str(error).split())
    return harmless(
        mask_text(f"{type(error).__name__}: {text}" if text else type(error).__name__, prose=True)
    )
