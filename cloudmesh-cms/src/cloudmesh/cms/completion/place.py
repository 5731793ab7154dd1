"""Where the ``Table`` is kept, and when it is made again."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path

from cloudmesh.cms.completion.table import Table
from cloudmesh.config.settings import places
from cloudmesh.plugin import files

FILE = "completion-table"


def path() -> Path:
    """The file of the table, in the user's directory."""
    return places.directory() / FILE


def table() -> Table:
    """The table of the file, made again if it is obsolete; where it cannot be written, it still is right."""
    key = _key()
    with contextlib.suppress(OSError, UnicodeDecodeError):
        written = path().stat().st_mtime
        found = Table.of(path().read_text(encoding="utf-8"))
        if found.key == key and not any(_changed(each) > written for each in found.watched):
            return found
    return refresh()


def refresh() -> Table:
    """Make the table, and write its file if that can be done."""
    from cloudmesh.cms.completion import sources

    began = time.time()
    made = sources.make(*_key())
    with contextlib.suppress(OSError):
        if not path().parent.exists():
            files.make_private_directory(path().parent)
        files.replace_private(path(), made.text().encode("utf-8", "replace"), sync=False)
        # What changes while it is made is newer than it.
        os.utime(path(), (began, began))
    return made


def _key() -> tuple[str, str]:
    """The folder of the program, and which configuration is meant."""
    program = sys.argv[0]
    if not program.startswith("/"):
        program = str(Path(program or sys.executable).absolute())
    # As the shells part it, which start the program by its whole path.
    return program.rpartition("/")[0], os.environ.get("CLOUDMESH_CONFIG", "")


def _changed(watched: str) -> float:
    """When a file or folder was changed, in seconds since the epoch; 0.0 if it is not there."""
    try:
        return Path(watched).stat().st_mtime
    except OSError:
        return 0.0
