"""Private files that are always whole, and locks between processes: the one place that makes either.

Everything here may raise OSError. Callers turn it into a sentence that fits what they were about to do.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

_PRIVATE_FILE, _PRIVATE_DIRECTORY = 0o600, 0o700


def make_private_directory(path: Path) -> None:
    """Make a directory, with its parents, that only its owner may enter; one that is there is made so."""
    path.mkdir(mode=_PRIVATE_DIRECTORY, parents=True, exist_ok=True)
    path.chmod(_PRIVATE_DIRECTORY)


@contextlib.contextmanager
def private_draft(path: Path, content: bytes, *, sync: bool = True) -> Iterator[Path]:
    """A finished file beside ``path``: mode 0600, on the disk, and removed at the end of the block.

    Rename or link it into place within the block; the directory is synced afterwards. Its name is
    ``.NAME.*.tmp``, see ``sweep_drafts``. Without ``sync`` nothing waits for the disk: for a cache.
    """
    draft = path.with_name(f".{path.name}.{os.urandom(6).hex()}.tmp")
    try:
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, _PRIVATE_FILE)
        with os.fdopen(descriptor, "wb") as file:
            # A umask such as 0777 takes even the owner's bits away.
            os.fchmod(descriptor, _PRIVATE_FILE)
            file.write(content)
            file.flush()
            if sync:
                os.fsync(descriptor)
        yield draft
        if sync:
            sync_directory(path.parent)
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def replace_private(path: Path, content: bytes, *, sync: bool = True) -> None:
    """Put a file of mode 0600 in place in one step: readers see the old one or the new one, whole."""
    with private_draft(path, content, sync=sync) as draft:
        draft.replace(path)


def drafts(path: Path) -> list[Path]:
    """The drafts of ``path`` that are there, of a writer at work or of a killed one."""
    start = f".{path.name}."
    with contextlib.suppress(OSError):
        return [
            each for each in path.parent.iterdir() if each.name.startswith(start) and each.suffix == ".tmp"
        ]
    return []


def sweep_drafts(path: Path) -> list[Path]:
    """Remove drafts of ``path`` that killed writers left, and name them; call it with its lock held."""
    found = drafts(path)
    for draft in found:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
    return found


def sync_directory(directory: Path) -> None:
    """Bring what was renamed in a directory to the disk, where the file system can do so."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def file_lock(path: Path, timeout: float | None = None, *, make: bool = True) -> Iterator[int]:
    """Hold an exclusive lock on a lock file for a block, waiting for others; gives its descriptor.

    The file is made if need be (mode 0600) and stays; without ``make`` it must be there, else
    FileNotFoundError. ``path`` may be a directory, which is then locked itself. The system frees the lock
    when the process dies. Raises TimeoutError if others hold it for more than ``timeout`` seconds; without
    one it waits as long as they do.
    """
    directory = path.is_dir()
    flags = os.O_RDONLY if directory else os.O_RDWR | os.O_NOFOLLOW | (os.O_CREAT if make else 0)
    descriptor = os.open(path, flags | os.O_CLOEXEC, _PRIVATE_FILE)
    try:
        _lock(descriptor, timeout)
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor: int, timeout: float | None) -> None:
    if timeout is None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return
    end = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= end:
                raise TimeoutError("another process holds the lock") from None
        time.sleep(0.01)
