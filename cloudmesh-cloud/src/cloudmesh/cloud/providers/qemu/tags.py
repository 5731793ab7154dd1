"""The snapshots within the file of a disk, by QEMU's own names for them, called tags."""

from __future__ import annotations

import subprocess
from pathlib import Path
from secrets import token_hex

from cloudmesh.cloud.errors import NoCapacity, Refused
from cloudmesh.plugin.plain import harmless

MAKE, GO_BACK, DELETE = "-c", "-a", "-d"
_SECONDS = 600.0


def new_tag() -> str:
    """A name within a disk that no other memory or snapshot has."""
    return f"cm-{token_hex(8)}"


def in_file(disk: Path, what: str, tag: str) -> None:
    """Make a snapshot in a disk that no machine uses, go back to it, or delete it. Raises Refused."""
    try:
        done = subprocess.run(
            ["qemu-img", "snapshot", what, tag, str(disk)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise Refused(f"qemu-img cannot be run: {harmless(str(error))}") from error
    if done.returncode:
        kind = NoCapacity if "No space left" in done.stderr else Refused
        raise kind(f"the snapshot of {disk} failed: {harmless(done.stderr.strip())}")
