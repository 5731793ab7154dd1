"""How many calls can be made at once, as far as the system lets this process have files open."""

from __future__ import annotations

import os
import resource
from contextlib import suppress


def room_for(wanted: int, each: int, others: int) -> int:
    """How many of these calls there are files for; at least one.

    If need be, the process allows itself as many open files as the system lets it have (``ulimit -Hn``).

    Args:
        each: how many files one call may have open.
        others: how many are opened beside those of the calls.
    """
    needed = _open_files() + others + each * wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        with suppress(OSError, ValueError):
            soft_now = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, soft_now), hard))
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft == resource.RLIM_INFINITY:
        return wanted
    return min(wanted, max(1, (soft - _open_files() - others) // each))


def _open_files() -> int:
    """How many files are open; where the system does not list them, as many as usual."""
    try:
        return len(os.listdir("/dev/fd"))  # noqa: PTH208 not paths, but numbers of descriptors
    except OSError:
        return 16
