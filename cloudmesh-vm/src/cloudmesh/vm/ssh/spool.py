"""What is piped to a command, kept so that each of many machines can read it from its beginning."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import BinaryIO

from cloudmesh.plugin.errors import CloudmeshError

_CHUNK = 1024 * 1024


class Spool:
    """The whole of a stream, in a file that is gone when this process is.

    Args:
        source: is read to its end.

    Attributes:
        size: its length in bytes.

    Raises:
        CloudmeshError: it cannot be read, or there is no room for it.
    """

    def __init__(self, source: BinaryIO) -> None:
        import tempfile  # few commands read anything

        self.size = 0
        try:
            descriptor, name = tempfile.mkstemp(prefix="cms-stdin-")
            self._file, self._path = os.fdopen(descriptor, "r+b"), Path(name)
            # Where a file can be opened anew without its name, it needs none.
            reopened = Path(f"/proc/self/fd/{descriptor}")
            if reopened.exists():
                self._path.unlink()
                self._path = reopened
            while chunk := source.read(_CHUNK):
                self._file.write(chunk)
                self.size += len(chunk)
            self._file.flush()
        except OSError as error:
            raise CloudmeshError(f"what is piped in cannot be kept: {error.strerror or error}") from error

    def open(self) -> BinaryIO:
        """The content from its beginning; each caller has a place in it of its own."""
        return self._path.open("rb")

    def close(self) -> None:
        """Forget it."""
        self._file.close()
        with contextlib.suppress(OSError):
            if not str(self._path).startswith("/proc/"):
                self._path.unlink()
