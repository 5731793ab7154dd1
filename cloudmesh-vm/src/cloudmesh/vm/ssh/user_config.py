"""What the user's own configuration of OpenSSH speaks of: only that is asked, never what it says."""

from __future__ import annotations

import os
import pwd
import re
from functools import cache
from pathlib import Path

# As deep as OpenSSH follows files that include others.
_DEEPEST = 16
# What holds for all users of this computer.
_OF_ALL = Path("/etc/ssh/ssh_config")


@cache
def says(keyword: str, of_all: bool = False) -> bool:
    """Whether a keyword (in lower case) stands anywhere in ``~/.ssh/config`` or in what it includes.

    Args:
        of_all: whether that which holds for all users of this computer counts, too.
    """
    files = [Path("~/.ssh/config").expanduser(), *_by_account(), *([_OF_ALL] if of_all else [])]
    return any(keyword in _keywords(file, file.parent, 0) for file in dict.fromkeys(files))


def _by_account() -> list[Path]:
    """The file that OpenSSH reads, which does not ask for HOME."""
    try:
        return [Path(pwd.getpwuid(os.getuid()).pw_dir, ".ssh", "config")]
    except KeyError:
        return []


def _keywords(file: Path, folder: Path, depth: int) -> frozenset[str]:
    """All keywords of a file; none of one that cannot be read, which OpenSSH tells of itself.

    Args:
        folder: of the configuration, in which what is included is looked for.
        depth: how many files stand between the two.
    """
    try:
        text = file.read_text("utf-8", "replace")
    except OSError:
        return frozenset()
    found: set[str] = set()
    for row in text.splitlines():
        keyword, *values = [each for each in re.split(r"[\s=]+", row.strip()) if each] or [""]
        found.add(keyword.lower())
        if keyword.lower() == "include" and depth < _DEEPEST:
            for value in values:
                included = _included(value.strip('"'), folder)
                found.update(*(_keywords(each, folder, depth + 1) for each in included))
    return frozenset(found)


def _included(pattern: str, folder: Path) -> list[Path]:
    """The files that an ``Include`` means; a relative one is looked for in this folder."""
    path = folder / Path(pattern).expanduser()
    return list(Path("/").glob(str(path.relative_to("/")))) if path.is_absolute() else []
