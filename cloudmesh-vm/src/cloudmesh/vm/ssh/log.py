"""The file that gets what OpenSSH says of a connection while it is used."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# With less ssh does not tell whether a command ended with 255 or the connection did.
LOG_LEVEL = "DEBUG2"
# The exit status of ssh itself, if it is not that of the command.
FAILED = 255
_FLAGS = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def log_file() -> Iterator[str]:
    """The path of an empty file that only we may read; it is removed at the end of this block."""
    path = f"{os.environ.get('TMPDIR') or '/tmp'}/cms-ssh-{os.urandom(8).hex()}"  # noqa: S108 only if it is new
    try:
        descriptor = os.open(path, _FLAGS, 0o600)
    except OSError:
        import tempfile  # knows other places, and much is loaded with it

        descriptor, path = tempfile.mkstemp(prefix="cms-ssh-")
    os.close(descriptor)
    try:
        yield path
    finally:
        Path(path).unlink(missing_ok=True)


def log_text(path: str) -> str:
    """What it holds by now."""
    return Path(path).read_text("utf-8", "replace")
