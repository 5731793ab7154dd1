"""What the user's own configuration of OpenSSH speaks of: only that is asked, never what it says."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import NamedTuple

# As deep as OpenSSH follows files that include others.
_DEEPEST = 16
# What holds for all users of this computer.
_OF_ALL = Path("/etc/ssh/ssh_config")


def says(keyword: str, of_all: bool = False) -> bool:
    """Whether a keyword (in lower case) stands anywhere in ``~/.ssh/config`` or in what it includes.

    Args:
        of_all: whether that which holds for all users of this computer counts, too.
    """
    home = Path("~/.ssh/config").expanduser()
    return any(row.keyword == keyword for row in _rows_of((home, *_by_account()), of_all))


def forget() -> None:
    """Read the files anew when they are asked for the next time."""
    _rows_of.cache_clear()


def sent(environment: Mapping[bytes, bytes]) -> list[bytes] | None:
    """The variables that ``ssh`` hands on to every machine, each as ``NAME=value``; None if that depends.

    Else it may be another one for each machine, or be said in a way that is not understood here.
    """
    patterns: list[str] = []
    for row in _rows_of(_by_account(), True):
        if row.keyword == "setenv":
            return None
        if row.keyword == "sendenv":
            if not row.of_all or any(set(each) & set("-[!\"'\\") for each in row.values):
                return None
            patterns += row.values
    names = [name for name in environment if any(fnmatchcase(os.fsdecode(name), each) for each in patterns)]
    return [name + b"=" + environment[name] for name in names]


class _Row(NamedTuple):
    """A row of the configuration; ``of_all``: whether it holds for every host."""

    keyword: str
    values: list[str]
    of_all: bool


@cache
def _rows_of(files: tuple[Path, ...], of_all: bool) -> list[_Row]:
    """All rows of these files and, if so, of the one for all users, in their order."""
    each = dict.fromkeys([*files, *([_OF_ALL] if of_all else [])])
    return [row for file in each for row in _rows(file, file.parent, 0, True)]


def _by_account() -> tuple[Path, ...]:
    """The file that OpenSSH reads, which does not ask for HOME."""
    try:
        return (Path(pwd.getpwuid(os.getuid()).pw_dir, ".ssh", "config"),)
    except KeyError:
        return ()


def _rows(file: Path, folder: Path, depth: int, of_all: bool) -> Iterator[_Row]:
    """The rows of a file; none of one that cannot be read, which OpenSSH tells of itself.

    Args:
        folder: of the configuration, in which what is included is looked for.
        depth: how many files stand between the two.
        of_all: whether it is included for every host.
    """
    try:
        text = file.read_text("utf-8", "replace")
    except OSError:
        return
    holds = of_all
    for line in text.splitlines():
        word, *values = [each for each in re.split(r"[\s=]+", line.strip()) if each] or [""]
        keyword = word.lower()
        if keyword in ("host", "match"):
            holds = of_all and values == (["*"] if keyword == "host" else ["all"])
        yield _Row(keyword, values, holds)
        if keyword == "include" and depth < _DEEPEST:
            for value in values:
                for each in _included(value.strip('"'), folder):
                    yield from _rows(each, folder, depth + 1, holds)


def _included(pattern: str, folder: Path) -> list[Path]:
    """The files that an ``Include`` means; a relative one is looked for in this folder."""
    path = folder / Path(pattern).expanduser()
    return list(Path("/").glob(str(path.relative_to("/")))) if path.is_absolute() else []
