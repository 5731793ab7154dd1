"""The lines that were typed at the prompt, kept in a private file that several shells share."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from cloudmesh.cms.repl.pasted import lines_of
from cloudmesh.config.settings import places
from cloudmesh.plugin import files
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.plugin.plain import harmless
from cloudmesh.plugin.report import mask_known
from cloudmesh.plugin.secrets import mask_text

# In bytes. What is too large is cut to its newer half.
MOST = 256 * 1024
# Of one line, in characters: more was pasted, and not typed.
LONGEST = 4096


def is_kept(line: str) -> bool:
    """Whether a line belongs into the history: it holds no secret, and does not begin with a blank."""
    if not line.strip() or line[0].isspace() or len(line) > LONGEST:
        return False
    return harmless(line) == line and mask_text(line, prose=True) == line


class History:
    """The file of the history. Lines are added to its end, under a lock, by all shells at once.

    Both methods raise OSError if the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> list[str]:
        """The lines that are there, the oldest first; of equal ones that follow each other the first."""
        if not self._path.exists():
            return []
        with self._opened() as file:
            lines = _read(file).decode("utf-8", "replace").split("\n")
        # What another program has put there must not drive the terminal.
        kept = [line for line in lines if line and harmless(line) == line]
        return [line for before, line in zip(["", *kept], kept, strict=False) if line != before]

    def add(self, line: str) -> None:
        """Add a line, if it is one to keep."""
        if not is_kept(line):
            return
        if not self._path.parent.exists():
            files.make_private_directory(self._path.parent)
        with self._opened() as file:
            start = b"" if _ends_well(file) else b"\n"
            os.write(file, start + line.encode() + b"\n")
            if os.fstat(file).st_size > MOST:
                newer = _read(file)[-MOST // 2 :]
                files.sweep_drafts(self._path)
                files.replace_private(self._path, newer.partition(b"\n")[2])

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int]:
        """The file, which is made if need be, locked, and for nobody else to read."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        while True:
            file = os.open(self._path, flags, 0o600)
            try:
                found = os.fstat(file)
                if not stat.S_ISREG(found.st_mode):
                    raise OSError(0, "not a regular file", str(self._path))
                if found.st_mode & 0o077:
                    os.fchmod(file, 0o600)
                fcntl.flock(file, fcntl.LOCK_EX)
                # Another shell may have put a shorter one into its place.
                if _is_same(found, self._path):
                    yield file
                    return
            finally:
                os.close(file)


class KeptHistory:
    """The history of the user, as a prompt needs it: a file that cannot be used is told of once, no more."""

    def __init__(self, tell: Callable[[str], object]) -> None:
        self._tell = tell
        self._file: History | None = History(places.directory() / "history")

    def load(self) -> list[str]:
        """The lines of former shells, the oldest first."""
        with self._told():
            return self._file.load() if self._file else []
        return []

    def add(self, text: str) -> list[str]:
        """Keep what was typed or pasted, line by line; gives the lines that were kept."""
        try:
            lines = lines_of(text)
        except CloudmeshError:
            return []
        # Nor one with a secret that a command was told elsewhere.
        lines = [line for line in lines if is_kept(line) and mask_known(line) == line]
        with self._told():
            for line in lines:
                if self._file:
                    self._file.add(line)
        return lines

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._file = None
            reason = (error.strerror or "it cannot be used").lower()
            self._tell(
                f"note: the history of this shell is not kept: {reason}: {error.filename or 'the file'}"
            )


def _is_same(found: os.stat_result, path: Path) -> bool:
    """Whether the file that was opened still stands at its path."""
    try:
        return os.path.samestat(found, path.stat())
    except FileNotFoundError:
        return False


def _read(file: int) -> bytes:
    """All of an open file, or the last of it if it is much larger than it should be."""
    size = os.fstat(file).st_size
    return os.pread(file, 2 * MOST, max(0, size - 2 * MOST))


def _ends_well(file: int) -> bool:
    """Whether the last line of an open file is a whole one: a process may have been killed in the midst."""
    size = os.fstat(file).st_size
    return size == 0 or os.pread(file, 1, size - 1) == b"\n"
