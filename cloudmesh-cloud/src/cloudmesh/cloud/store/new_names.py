"""Notes which names have changed while a store is open, for the file from which shells complete."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from cloudmesh.cloud.model.records import MachineRecord, State

MACHINES = "machine"
VANISHED = "vanished"
# The kind of names that are the numbers of jobs, which belong to no cloud.
JOB = "job"
ALL, ADD, DROP = "all", "add", "drop"
# In these states a machine is none any more that a command could be about.
GOING = (State.DELETED, State.DELETING)


class Entry(NamedTuple):
    """A word that a command takes, and what tells more of it."""

    word: str
    description: str = ""


class Note(NamedTuple):
    """What is new about the names of a kind on a cloud.

    Attributes:
        kind: machine, image, flavor, key, network, secgroup, lease or job.
        cloud: the name of the cloud; empty for jobs, which are of no cloud.
        entries: the names.
        how: ``all`` if there are no others, ``add`` for new ones, ``drop`` for those that are gone.
    """

    kind: str
    cloud: str
    entries: list[Entry]
    how: str = ALL


class NewNames:
    """What has changed of the names that completion offers.

    Attributes:
        changed: the clouds of which machines may be gone.
    """

    def __init__(self) -> None:
        self.changed: set[str] = set()
        self._saved: dict[str, set[str]] = {}
        self._notes: list[Note] = []

    def __bool__(self) -> bool:
        return bool(self._notes or self.changed or self._saved)

    def saved(self, machines: Iterable[MachineRecord]) -> None:
        """These were written down, and may be new."""
        for machine in machines:
            if machine.state in GOING:
                self.changed.add(machine.cloud)
            else:
                self._saved.setdefault(machine.cloud, set()).add(machine.name)

    def note(self, kind: str, cloud: str, entries: Iterable[Entry], how: str = ALL) -> None:
        """Other things of a cloud are these, or are there now, or no longer."""
        self._notes.append(Note(kind, cloud, list(entries), how))

    def take(self) -> tuple[list[Note], set[str], dict[str, set[str]]]:
        """All of it, and begin anew: notes, clouds that changed, and the names that were saved by cloud."""
        taken = self._notes, self.changed, self._saved
        self._notes, self.changed, self._saved = [], set(), {}
        return taken


def described(thing: Mapping[str, Any]) -> str:
    """What tells more of an image, a flavor or a key than its name; empty for nothing."""
    return f"{thing['vcpus']} vCPUs, {thing['ram']} MB" if "vcpus" in thing and "ram" in thing else ""
