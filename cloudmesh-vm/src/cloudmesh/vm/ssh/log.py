"""The file that gets what OpenSSH says of a connection while it is used."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def log_file() -> Iterator[str]:
    """The path of an empty file that only we may read; it is removed at the end of this block."""
    descriptor, path = tempfile.mkstemp(prefix="cms-ssh-")
    os.close(descriptor)
    try:
        yield path
    finally:
        Path(path).unlink(missing_ok=True)


def log_text(path: str) -> str:
    """What it holds by now."""
    return Path(path).read_text("utf-8", "replace")
