"""Holds: names that at most one user of a store has, until it releases them or its process dies.

Those of a store in a file are lock files, each locked by a descriptor that no forked child keeps: a child
that had one as well would keep the lock when its parent is killed. Programs that a child starts have none of
them either, since ``os.open`` and psycopg close theirs on exec.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
import weakref
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from pathlib import Path

from cloudmesh.db import locks
from cloudmesh.plugin.errors import StoreError

_GUARD = "guard"
_PAUSE_SECONDS = 0.002

# State of the process, as its descriptors are: all that are open, so that a forked child can give up its
# copies. The lock is held while descriptors come and go, so that no fork sees one that is not listed.
_changing = threading.RLock()
_listed: weakref.WeakSet[LockDescriptor] = weakref.WeakSet()


class LockDescriptor:
    """The descriptor of a lock; ``number`` is None once it is closed, and in every forked child."""

    def __init__(self, number: int) -> None:
        """List a descriptor of somebody else's, who closes it."""
        with _changing:
            self.number: int | None = number
            _listed.add(self)

    @classmethod
    def opened(cls, path: os.PathLike[str], flags: int, mode: int = 0o600) -> LockDescriptor:
        """Open a file; raises OSError."""
        with _changing:
            return cls(os.open(path, flags | os.O_CLOEXEC, mode))

    def close(self) -> None:
        """Close it, if that was not done."""
        with _changing:
            number, self.number = self.number, None
            if number is not None:
                os.close(number)

    def forget(self) -> None:
        """Take it off the list; its owner closes it."""
        with _changing:
            self.number = None


def _in_child() -> None:
    """Point a forked child's copies of the descriptors to nothing; the parent's locks stay."""
    for each in list(_listed):
        number, each.number = each.number, None
        if number is not None:
            # Not closed: an object of a library may still use the number, and close it later.
            nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
            os.dup2(nothing, number, inheritable=False)
            os.close(nothing)
    _changing.release()


os.register_at_fork(before=_changing.acquire, after_in_parent=_changing.release, after_in_child=_in_child)


class Hold(AbstractContextManager["Hold"]):
    """A name that this process has and no other; ``with`` releases it at its end.

    The system frees it when the process dies, however that happens, and ``Database.close`` does so too. It
    is not inherited by a forked child. Each kind of store has its own subclass.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __exit__(self, *error: object) -> None:
        self.release()

    def __repr__(self) -> str:
        return f"Hold({self.name!r})"

    @property
    @abstractmethod
    def is_open(self) -> bool:
        """Whether it was taken by this process and not released; asks nobody."""

    @abstractmethod
    def is_valid(self) -> bool:
        """Whether it is still held: a hold is lost for good when the connection to PostgreSQL breaks off.

        In a file it is lost only if somebody removes the file. False after ``release``.
        """

    @abstractmethod
    def release(self) -> None:
        """Let others have it; to do so again changes nothing."""


class MemoryHold(Hold):
    """A name in a set, for a store that nobody else can see."""

    def __init__(self, names: set[str], name: str) -> None:
        super().__init__(name)
        self._names = names
        self._is_held = True
        names.add(name)

    @property
    def is_open(self) -> bool:
        return self._is_held

    def is_valid(self) -> bool:
        return self._is_held

    def release(self) -> None:
        if self._is_held:
            self._is_held = False
            self._names.discard(self.name)


class FileHold(Hold):
    """A name that is held by a lock on its file."""

    def __init__(self, name: str, path: Path, file: LockDescriptor) -> None:
        super().__init__(name)
        self._path, self._file = path, file

    @classmethod
    def take(cls, folder: Path, name: str, shared: bool = False) -> FileHold | None:
        """Take a name; None if somebody has it, another thread of this process included.

        Raises OSError if the folder cannot be made, or a file in it; StoreError if others keep its guard.
        """
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
            if shared:
                # The group that may write the store may lock it, too.
                folder.chmod(0o2770)
        path = folder / _file_name(name)
        with _guarded(folder), ExitStack() as undo:
            file = _made(path)
            undo.callback(file.close)
            if not _locked(file):
                return None
            undo.pop_all()
            return cls(name, path, file)

    @staticmethod
    def is_taken(folder: Path, name: str) -> bool:
        """Whether somebody has a name; raises as ``take`` does, and makes nothing."""
        path = folder / _file_name(name)
        if not path.exists():
            return False
        with _guarded(folder), suppress(FileNotFoundError):
            file = LockDescriptor.opened(path, os.O_RDWR)
            try:
                if not _locked(file):
                    return True
                # Its process was killed, and left the file.
                path.unlink()
            finally:
                file.close()
        return False

    @property
    def is_open(self) -> bool:
        return self._file.number is not None

    def is_valid(self) -> bool:
        """Whether the file that is locked still stands at its path."""
        number = self._file.number
        # An error says that it was removed, or that its folder cannot be reached any more.
        with suppress(OSError):
            return number is not None and os.path.samestat(os.fstat(number), self._path.stat())
        return False

    def release(self) -> None:
        """Remove the file, and with it the lock."""
        if not self.is_open:
            return
        # A file that stays is no lock, and the next to hold the name takes it over.
        with closing(self._file), suppress(OSError, StoreError), _guarded(self._path.parent):
            if self.is_valid():
                self._path.unlink()


@contextmanager
def _guarded(folder: Path) -> Iterator[None]:
    """Keep others from making or removing lock files in the folder; raises StoreError after BUSY_SECONDS."""
    end = time.monotonic() + locks.BUSY_SECONDS
    with closing(_made(folder / _GUARD)) as guard:
        while not _locked(guard):
            if time.monotonic() > end:
                raise StoreError(
                    f"the locks in {folder} were in use by another program for {locks.BUSY_SECONDS:.0f} "
                    "seconds; try again later"
                )
            time.sleep(_PAUSE_SECONDS)
        yield


def _made(path: Path) -> LockDescriptor:
    """Open a file, made if need be, for those who may write its folder; raises OSError."""
    mode = 0o600 | (path.parent.stat().st_mode & 0o060)
    file = LockDescriptor.opened(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, mode)
    if mode != 0o600 and file.number is not None:
        # The umask mostly takes the rights of the group away; only the owner can give them.
        with suppress(PermissionError):
            os.fchmod(file.number, mode)
    return file


def _locked(file: LockDescriptor) -> bool:
    """Lock a file that was opened here; False if it is locked already."""
    assert file.number is not None  # noqa: S101 it was just opened
    try:
        fcntl.flock(file.number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _file_name(name: str) -> str:
    """A file name for any name of a hold: a digest, which every file system takes."""
    import hashlib  # the usual commands hold nothing

    return f"{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()}.lock"
