"""What becomes of open connections in a forked child: it closes them, or leaves them to its parent.

sqlite notes for its whole process which locks it has on a file. A child inherits the notes and not the locks,
so that a connection of its own would take none: whoever closes the store next removes the log that the child
goes on writing, and what it has committed is lost without an error. sqlite's own documentation warns of that
("How To Corrupt An SQLite Database File", section 2.6). The notes go with the inherited connection, which the
child closes. Where it cannot, since that was in use at that moment, it does not open the file at all.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol
from weakref import WeakSet

#: What to tell a user of what was open, and is closed in the child.
CLOSED = "was open when this process was forked from another; open it again in this one"
#: And of a file that was in use then.
REFUSED = (
    "was in use when this process was forked from another, and so only that one can use it; start this one "
    "in another way (multiprocessing: get_context('spawn')), or open it only after the fork"
)


class Inherited(Protocol):
    """What may have connections when its process is forked."""

    def leave(self) -> Iterable[object]:
        """Be of no use in the child from now on; gives what cannot be closed there. Raises nothing."""


_watched: WeakSet[Inherited] = WeakSet()
# By device and inode.
_refused: set[tuple[int, int]] = set()


def watch(each: Inherited) -> None:
    """Let it be told in the children of this process."""
    _watched.add(each)


def unwatch(each: Inherited) -> None:
    """Let it be told no more: it has nothing open."""
    _watched.discard(each)


def file_at(path: Path) -> tuple[int, int] | None:
    """Which file is at a path, by its device and inode; None if there is none."""
    with suppress(OSError):
        status = path.stat()
        return status.st_dev, status.st_ino
    return None


def leave(
    connection: sqlite3.Connection, is_used: bool, file: tuple[int, int] | None
) -> tuple[str, Sequence[object]]:
    """Close an inherited connection to a file of sqlite; if it was in use, the file is refused.

    Args:
        is_used: whether another thread was calling sqlite by it when the process was forked.
        file: its device and inode.

    Returns:
        Why it is of no use any more, and what cannot be closed.
    """
    # To undo a transaction would change the memory that sqlite shares with the parent.
    if not (is_used or connection.in_transaction):
        with suppress(sqlite3.Error):
            connection.close()
            return CLOSED, ()
    if file is not None:
        _refused.add(file)
    return REFUSED, (connection,)


def is_refused(path: Path) -> bool:
    """Whether the parent used the file at a path when this process was forked."""
    return bool(_refused) and file_at(path) in _refused


def _in_child() -> None:
    left = [thing for each in list(_watched) for thing in each.leave()]
    if left:
        import ctypes  # only here

        for each in left:
            # Python closes a connection that nobody uses any more, at its end at the latest: in a transaction
            # sqlite would undo it in the memory that it shares with the parent (seen: a damaged store).
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(each))


os.register_at_fork(after_in_child=_in_child)
