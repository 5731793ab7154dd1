"""What becomes of a damaged file: it is set aside under another name, and never deleted."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

# "Clms", which sqlite keeps in the head of the file ("Database File Format", sqlite.org, offset 68).
APPLICATION_ID = 0x436C6D73
_HEAD = b"SQLite format 3\0"
# The write-ahead log and its index belong to the file and keep its name.
_SUFFIXES = ("", "-wal", "-shm")


class FileId(NamedTuple):
    """Which file a path led to, so that another one in its place is told from it."""

    device: int
    inode: int


def file_id(path: Path) -> FileId | None:
    """The file at this path; None if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return FileId(status.st_dev, status.st_ino)


def dealt_with(path: Path, opened: FileId | None, own: bool) -> str:
    """Set a damaged file aside if it was a store of cloudmesh; the sentence that says what was done.

    Args:
        path: the file.
        opened: which file it was when it was opened; another one there now is left alone.
        own: whether the path is cloudmesh's own; else the file itself must say that it is a store.
    """
    if not (own or _says_it_is_ours(path)):
        return f"the store {path} is not a database of cloudmesh; move it away, or name another file"
    try:
        with directory_lock(path.parent):
            if file_id(path) != opened:
                return f"the store {path} was damaged, and another program has set it aside; try again"
            kept = _set_aside(path)
    except OSError as error:
        reason = error.strerror or error
        return f"the store {path} is damaged and could not be set aside ({reason}); move it away"
    return (
        f"the store {path} is damaged and was set aside as {kept}; the next command begins a new one, "
        "unless you put a backup in its place"
    )


@contextmanager
def directory_lock(directory: Path) -> Iterator[None]:
    """While it is held no other process makes a store in this directory, or sets one aside."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _says_it_is_ours(path: Path) -> bool:
    """Whether the head of the file, which may be all that is whole, names cloudmesh."""
    try:
        with path.open("rb") as stream:
            head = stream.read(72)
    except OSError:
        return False
    return head.startswith(_HEAD) and head[68:72] == APPLICATION_ID.to_bytes(4, "big")


def _set_aside(path: Path) -> Path:
    stamp = time.strftime("%Y%m%dT%H%M%S")
    kept, number = path.with_name(f"{path.name}.damaged-{stamp}"), 1
    while kept.exists():
        number += 1
        kept = path.with_name(f"{path.name}.damaged-{stamp}-{number}")
    for suffix in _SUFFIXES:
        old = path.with_name(path.name + suffix)
        if old.exists():
            old.rename(kept.with_name(kept.name + suffix))
    return kept
