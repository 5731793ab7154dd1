"""Where the ``Table`` is kept, and when it is made again."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path

from cloudmesh.cms.completion.table import MATCHER, Table
from cloudmesh.config.settings import places
from cloudmesh.plugin import files

FILE = "completion-table"


def path() -> Path:
    """The file of the table, in the user's directory."""
    return places.directory() / FILE


def table() -> Table:
    """The table of the file; if that is obsolete, another one, which is kept in memory.

    It is not written: a process that runs for long may have older modules than those that are installed.
    """
    # Whatever the program was called as, it is the same if this file is.
    if (found := _kept()) and found.matcher == str(MATCHER):
        return found
    began, made = _made.get(_config(), (0.0, None))
    if made is None or not _is_fresh(made, began):
        _made[_config()] = time.time(), _make()
    return _made[_config()][1]


# The tables that this process made, by the configuration, with the times when it began.
_made: dict[str, tuple[float, Table]] = {}


def _kept() -> Table | None:
    """The table of the file, unless it is obsolete or for another configuration."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        written = path().stat().st_mtime
        found = Table.of(path().read_text(encoding="utf-8"))
        if found.key[1] == _config() and _is_fresh(found, written):
            return found
    return None


def refresh(*, quick: bool = False) -> None:
    """Make the table and write its file, with ``quick`` only if that is obsolete; raises OSError."""
    if quick and (found := _kept()) and found.key[0] == _folder() and found.matcher == str(MATCHER):
        return
    began, made = time.time(), _make()
    if not path().parent.exists():
        files.make_private_directory(path().parent)
    files.replace_private(path(), made.text().encode("utf-8", "replace"), sync=False)
    # What changes while it is made is newer than it.
    os.utime(path(), (began, began))


def _make() -> Table:
    from cloudmesh.cms.completion import sources

    return sources.make(_folder(), _config())


def _is_fresh(table: Table, made: float) -> bool:
    """Whether nothing that a table was made from has changed since the time ``made``."""
    return not any(_changed(each) > made for each in table.watched)


def _folder() -> str:
    """The folder of the program, as shells know it: they start a program by its whole path, and say where."""
    program = sys.argv[0]
    if not program.startswith("/"):
        program = str(Path(program or sys.executable).absolute())
    # The program may be started by a script in that folder, as that of pyenv is.
    return os.environ.get("CMS_FOLDER") or program.rpartition("/")[0]


def _config() -> str:
    """Which configuration is meant."""
    return os.environ.get("CLOUDMESH_CONFIG", "")


def _changed(watched: str) -> float:
    """When a file or folder was changed, in seconds since the epoch; 0.0 if it is not there."""
    try:
        return Path(watched).stat().st_mtime
    except OSError:
        return 0.0
