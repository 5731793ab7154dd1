"""Locks on files in a folder, a file a name: the system frees them when their process dies.

All that changes or looks does so while it has the folder's guard. So who looks whether a name is held never
stands in the way of one who takes it, and a file can be removed: nobody waits for one that is gone.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cloudmesh.db.dialects import base
from cloudmesh.db.hold import Lock
from cloudmesh.db.private import Private
from cloudmesh.plugin.errors import StoreError

_GUARD = "guard"
_PAUSE_SECONDS = 0.002


class FileLock(Lock):
    """A name that is held by a lock on its file."""

    def __init__(self, path: Path, file: Private) -> None:
        self._path, self._file = path, file

    @classmethod
    def take(cls, folder: Path, name: str) -> FileLock | None:
        """Take a name; None if somebody has it, another thread of this process included.

        Raises:
            OSError: the folder cannot be made, or a file in it.
            StoreError: the guard was not to be had for long.
        """
        folder.mkdir(mode=0o700, exist_ok=True)
        with _guarded(folder):
            path = folder / _file_name(name)
            file = Private.opened(path, os.O_RDWR | os.O_CREAT)
            try:
                if _locked(file):
                    return cls(path, file)
            except OSError:
                file.close()
                raise
            file.close()
            return None

    @staticmethod
    def is_taken(folder: Path, name: str) -> bool:
        """Whether somebody has a name; raises as ``take`` does, and makes nothing."""
        path = folder / _file_name(name)
        if not path.exists():
            return False
        with _guarded(folder):
            try:
                file = Private.opened(path, os.O_RDWR)
            except FileNotFoundError:
                return False
            try:
                if not _locked(file):
                    return True
                # Its process was killed, and left the file.
                path.unlink()
                return False
            finally:
                file.close()

    @property
    def is_open(self) -> bool:
        return self._file.number is not None

    def is_valid(self) -> bool:
        number = self._file.number
        if number is None:
            return False
        try:
            return os.path.samestat(os.fstat(number), self._path.stat())
        except OSError:
            # It was removed, or its folder cannot be reached any more.
            return False

    def release(self) -> None:
        if not self.is_open:
            return
        try:
            with _guarded(self._path.parent):
                if self.is_valid():
                    self._path.unlink()
        except (OSError, StoreError):
            # A file that stays is no lock, and the next to hold the name takes it over.
            pass
        finally:
            self._file.close()


@contextmanager
def _guarded(folder: Path) -> Iterator[None]:
    guard = Private.opened(folder / _GUARD, os.O_RDWR | os.O_CREAT)
    end = time.monotonic() + base.BUSY_SECONDS
    try:
        while not _locked(guard):
            if time.monotonic() > end:
                raise StoreError(
                    f"the locks in {folder} were in use by another program for {base.BUSY_SECONDS:.0f} "
                    "seconds; try again later"
                )
            time.sleep(_PAUSE_SECONDS)
        yield
    finally:
        guard.close()


def _locked(file: Private) -> bool:
    """Lock a file that was opened here; False if it is locked already."""
    assert file.number is not None  # noqa: S101 it was just opened
    try:
        fcntl.flock(file.number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _file_name(name: str) -> str:
    """A name that every file system takes, and tells from all others."""
    return f"{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()}.lock"
