"""Snapshots and clones: what is kept of a machine, and what is asked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Snapshot:
    """What was kept of a machine's disks, and perhaps of its memory, at one time.

    Attributes:
        name: which no other snapshot of this machine has.
        created: seconds since the epoch, 0 where the cloud does not tell.
        memory: whether the memory is in it, so that what ran then goes on; None where the cloud does not
            tell.
    """

    name: str
    created: float = 0.0
    memory: bool | None = None


@dataclass(frozen=True)
class NewSnapshot:
    """A snapshot that a verb is about.

    Attributes:
        name: its name.
        asked: when that was said, in seconds since the epoch: what is older was not made by this command.
    """

    name: str
    asked: float = 0.0

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class NewMachine:
    """A machine that is made from another one.

    Attributes:
        name: its name.
        token: up to 64 letters and digits that no other boot has; see ``cloudmesh.cloud.provider.boot``.
    """

    name: str
    token: str

    def __str__(self) -> str:
        return self.name
