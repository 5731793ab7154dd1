"""The file of a store in sqlite: who may write it, whether it is still at its path, setting it aside."""

from __future__ import annotations

import errno
import os
import shlex
import sqlite3
import stat
import time
from collections.abc import Iterable
from contextlib import suppress
from itertools import chain, count
from pathlib import Path

from cloudmesh.db import forked
from cloudmesh.plugin.errors import StoreError
from cloudmesh.plugin.files import file_lock

# "Clms", which sqlite keeps in the head of the file ("Database File Format", sqlite.org, offset 68).
APPLICATION_ID = 0x436C6D73
_HEAD = b"SQLite format 3\0"
# The bytes of the smallest page, which every store has at least.
_SMALLEST = 512
# The logs and the index of the log belong to the file and keep its name.
_SUFFIXES = ("", "-wal", "-shm", "-journal")
# The folder of the locks of the store, see ``cloudmesh.db.locks.hold``.
LOCKS = "-locks"
# So many bytes sqlite needs at least, for the index of its log and a page or two.
_ROOM = 65536


class StoreFile:
    """The file at a path, and those that sqlite keeps beside it.

    ``own`` says that the path is cloudmesh's own; else a file there is a store only if it says so itself.
    """

    def __init__(self, path: Path, own: bool = False) -> None:
        self.path = path.absolute()
        self._place = str(self.path)
        self._own = own
        # The device and the inode of the file that was opened.
        self._opened: tuple[int, int] | None = None

    @property
    def exists(self) -> bool:
        """Whether there is anything to read; an empty file is what a program leaves that made it and died."""
        try:
            return self.path.stat().st_size > 0
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            # Who opens it learns what is wrong.
            return True

    @property
    def is_shared(self) -> bool:
        """Whether the group of the file may write it."""
        with suppress(OSError):
            return bool(self.path.stat().st_mode & stat.S_IWGRP)
        return False

    @property
    def has_log(self) -> bool:
        """Whether a log beside the file may hold what the file has not yet."""
        return StoreFile(beside(self.path.resolve(), "-wal")).exists

    def make(self) -> None:
        """Make an empty file that only its owner can read, if there is none; sqlite's own would be 0644.

        Raises OSError.
        """
        if self.path.exists():
            # Opening and closing it here would drop the locks that sqlite holds in this process.
            return
        path = self.path.resolve()
        make_directory(path.parent)
        # While the directory is locked no other process makes a store in it, or sets one aside.
        with file_lock(path.parent), suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))

    def check(self) -> None:
        """Raise StoreError if anybody may have written the file or put it there, or a parent has it open."""
        if forked.is_refused(self.path):
            raise StoreError(f"the store {self.path} {forked.REFUSED}")
        real = self.path.resolve()
        files = [self.path, *(beside(real, suffix) for suffix in (*_SUFFIXES, LOCKS))]
        for directory in {self.path.parent, real.parent}:
            _check_directory(directory, [each for each in files if each.parent == directory])
        for each in files:
            with suppress(FileNotFoundError):
                _refuse_if_open(each, each.stat())

    def remember(self) -> None:
        """Remember which file it is that is open now."""
        self._opened = forked.file_at(self.path)

    @property
    def opened(self) -> tuple[int, int] | None:
        """The device and inode of the file that was opened last; None if none was."""
        return self._opened

    @property
    def is_same(self) -> bool:
        """Whether the file that was opened is still the one at the path, and was not cut off."""
        try:
            # Not Path.stat, which takes twice as long: each write asks this.
            status = os.stat(self._place)  # noqa: PTH116
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == self._opened and status.st_size >= _SMALLEST

    def require_same(self) -> None:
        """Raise StoreError if it is not the same file."""
        if not self.is_same:
            raise StoreError(
                f"the store {self.path} was removed or replaced while it was in use; "
                "the last changes are lost, so check what your clouds have before you repeat the command"
            )

    def disk(self) -> str:
        """What is wrong with the disk, in the words of the system; empty if nothing is."""
        return disk_trouble(self.path.parent)

    def set_aside(self) -> str:
        """Rename a damaged file if it was a store of cloudmesh; the sentence that says what was done."""
        head = b""
        with suppress(OSError), self.path.open("rb") as stream:
            head = stream.read(72)
        # The head may be all that is whole.
        says_it_is_ours = head.startswith(_HEAD) and head[68:] == APPLICATION_ID.to_bytes(4, "big")
        if not (self._own or says_it_is_ours):
            return f"the store {self.path} is not a database of cloudmesh; move it away, or use another file"
        try:
            with file_lock(self.path.parent):
                if forked.file_at(self.path) != self._opened:
                    return (
                        f"the store {self.path} was damaged, and another program has set it aside; try again"
                    )
                kept = self._rename()
        except OSError as error:
            reason = error.strerror or error
            return f"the store {self.path} is damaged and could not be set aside ({reason}); move it away"
        return (
            f"the store {self.path} is damaged and was set aside as {kept}; the next command begins a new "
            "one, unless you put a backup in its place"
        )

    def _rename(self) -> Path:
        """Rename the file and those that belong to it; gives its new name, which nothing had before."""
        name = f"{self.path.name}.damaged-{time.strftime('%Y%m%dT%H%M%S')}"
        names = chain([name], (f"{name}-{number}" for number in count(2)))
        kept = next(each for each in map(self.path.with_name, names) if not each.exists())
        for suffix in _SUFFIXES:
            old = beside(self.path, suffix)
            if old.exists():
                old.rename(beside(kept, suffix))
        return kept


def beside(path: Path, suffix: str) -> Path:
    """The path of what belongs to a file, and has its name with a suffix."""
    return path.with_name(path.name + suffix)


def make_directory(path: Path) -> None:
    """Make the directory and those above it, for their owner alone; one that is there stays as it is."""
    if not path.exists():
        make_directory(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)


def _check_directory(directory: Path, files: Iterable[Path]) -> None:
    """Raise StoreError if anybody could have put one of the files into their directory."""
    status = directory.stat()
    if not status.st_mode & stat.S_ISVTX:
        _refuse_if_open(directory, status)
    elif status.st_mode & stat.S_IWOTH:
        # As in /tmp: what is there cannot be replaced, but may have been put there before.
        for each in files:
            with suppress(FileNotFoundError):
                if (owner := each.lstat().st_uid) not in (os.geteuid(), 0):
                    raise StoreError(
                        f"{each} belongs to another user (uid {owner}) in a directory open to everybody; "
                        "use a store in a directory of your own"
                    )


def _refuse_if_open(path: Path, status: os.stat_result) -> None:
    """Raise StoreError if anybody may write a file or directory; a group may share a store on purpose."""
    if status.st_mode & stat.S_IWOTH:
        raise StoreError(
            f"everybody can write {path} (mode {stat.S_IMODE(status.st_mode):04o}) and so change the store; "
            f"if you trust its content: chmod o-w {shlex.quote(str(path))}"
        )


def switch_to_wal(connection: sqlite3.Connection, seconds: float) -> None:
    """Turn the write-ahead log on, also where another process does so for as long.

    sqlite does not wait by itself when two do so at once.
    """
    end = time.monotonic() + seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.005)


def disk_trouble(folder: Path) -> str:
    """Why nothing can be written in a folder, in the words of the system; empty if its disk is in order.

    sqlite often says no more than "disk I/O error".
    """
    with suppress(OSError):
        status = os.statvfs(folder)
        if status.f_flag & os.ST_RDONLY:
            return os.strerror(errno.EROFS)
        if status.f_bavail * status.f_frsize < _ROOM:
            return os.strerror(errno.ENOSPC)
    return ""
