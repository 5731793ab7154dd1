"""Descriptors of locks that no forked child keeps: a lock belongs to the process that took it.

A child that had one as well would keep the lock when its parent is killed. Programs that a child starts have
none of them either, since ``os.open`` and psycopg close theirs on exec.
"""

from __future__ import annotations

import os
import threading
import weakref

# Held while descriptors come and go, so that no fork sees one that is not listed here.
_changing = threading.RLock()
_listed: weakref.WeakSet[Private] = weakref.WeakSet()


class Private:
    """One descriptor; ``number`` is None once it is closed, and in every forked child."""

    def __init__(self, number: int) -> None:
        """List a descriptor of somebody else's, who closes it."""
        with _changing:
            self.number: int | None = number
            _listed.add(self)

    @classmethod
    def opened(cls, path: os.PathLike[str], flags: int, mode: int = 0o600) -> Private:
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
        """Strike it from the list; its owner closes it."""
        with _changing:
            self.number = None

    def _abandon(self) -> None:
        """Let go of the child's copy; what was locked by it stays locked for the parent."""
        number, self.number = self.number, None
        if number is None:
            return
        # Not closed: an object of a library may still use the number, and close it later.
        nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        os.dup2(nothing, number, inheritable=False)
        os.close(nothing)


def _in_child() -> None:
    for each in list(_listed):
        each._abandon()
    _changing.release()


os.register_at_fork(before=_changing.acquire, after_in_parent=_changing.release, after_in_child=_in_child)
