"""Which commands there are: found by reading the folders of the namespace, without importing any command.

A command is a method ``do_NAME`` of a class in a module ``cloudmesh.X.command.Y``, as in cmd5; a module
``cloudmesh.NAME.command.NAME`` comes first. A method ``do_two_words`` whose decorator says
``word="two-words"`` is the command of that word. Where two packages have one command, the first of the two in
the order of their names has it.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

# Methods, and other names for them, in the body of a class.
_METHOD = re.compile(r"^[ \t]+(?:def do_(\w+)[ \t]*\(|do_(\w+)[ \t]*=)", re.MULTILINE)
# A command with a hyphen, which no method can have in its name.
_WORD = re.compile(r"""\bword=["']([a-z0-9]+(?:-[a-z0-9]+)+)["']""")
# What cmd5's shell has itself. Only what is found nowhere else is taken from there.
_SHELL = "shell/shell.py"
# They end the shell, so that they are words of its lines and no commands of their own.
_ENDS = frozenset({"EOF", "q", "quit"})


class Place(NamedTuple):
    """Where a command is: its name, the module to import, and the file of that module."""

    name: str
    module: str
    file: Path

    @property
    def method(self) -> str:
        """The name of its method."""
        return method_of(self.name)


def method_of(name: str) -> str:
    """The name of the method of a command."""
    return f"do_{name.replace('-', '_')}"


def place(name: str) -> Place | None:
    """Where the command of this name is; None if no package has it."""
    own = name.replace("-", "_")
    if not own.isidentifier():
        return None
    for root in _roots():
        # By convention: most commands are found here, and no folder is listed.
        file = root / own / "command" / f"{own}.py"
        # Of pathlib's own, a name that is too long for the file system would be an error.
        if os.path.isfile(file) and (own == name or name in methods(file)):  # noqa: PTH113
            return Place(name, f"cloudmesh.{own}.command.{own}", file)
    return next(iter(places().get(name, ())), None)


@functools.cache
def places() -> dict[str, tuple[Place, ...]]:
    """All commands by name, in order, each with the places that define it, the one in use first."""
    found: dict[str, list[Place]] = {}
    for each in _read():
        found.setdefault(each.name, []).append(each)
    return {
        name: tuple(sorted(each, key=lambda one: (one.module != _usual_module(one.name), one.module)))
        for name, each in sorted(found.items())
    }


def _usual_module(name: str) -> str:
    own = name.replace("-", "_")
    return f"cloudmesh.{own}.command.{own}"


def names() -> list[str]:
    """The names of all commands, in order."""
    return list(places())


def _read() -> Iterator[Place]:
    """Every command in every file that may hold one."""
    of_packages = set()
    for root in _roots():
        for file in sorted(root.glob("*/command/*.py")):
            module = f"cloudmesh.{file.parts[-3]}.command.{file.stem}"
            for name in methods(file):
                of_packages.add(name)
                yield Place(name, module, file)
    for root in _roots():
        if (file := root / _SHELL).is_file():
            for name in methods(file):
                if name not in of_packages | _ENDS:
                    yield Place(name, "cloudmesh.shell.shell", file)


def methods(file: Path) -> list[str]:
    """The names of the commands that a file defines.

    By convention a file ``NAME/command/NAME.py`` has the command of that name. Where no method is seen in it,
    it is taken for that: it may be broken, or make its methods in another way.
    """
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        # It has been removed meanwhile, or is not for us.
        return []
    words = {word.replace("-", "_"): word for word in _WORD.findall(text)}
    found = [first or second for first, second in _METHOD.findall(text)]
    found = list(dict.fromkeys(words.get(name, name) for name in found))
    return found or [file.stem] * (file.stem == file.parts[-3])


def _roots() -> list[Path]:
    """The folders of the namespace, each once."""
    import cloudmesh

    return list(dict.fromkeys(map(Path, cloudmesh.__path__)))
