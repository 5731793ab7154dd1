"""Notes which names have changed while a store is open, for the file from which shells complete."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.db import Database

if TYPE_CHECKING:
    from cloudmesh.cloud.store.names_file import Sections

MACHINES = "machine"
# The kind of names that are the numbers of jobs, which belong to no cloud.
JOB = "job"
ALL, ADD, DROP = "all", "add", "drop"
# In these states a machine is none any more that a command could be about.
_GOING = (State.DELETED, State.DELETING)


class Entry(NamedTuple):
    """A word that a command takes, and what tells more of it."""

    word: str
    description: str = ""


class Note(NamedTuple):
    """What is new about the names of a kind on a cloud.

    Attributes:
        kind: machine, image, flavor, key, network, secgroup or job.
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

    def saved(self, machines: Iterable[MachineRecord]) -> None:
        """These were written down, and may be new."""
        for machine in machines:
            if machine.state in _GOING:
                self.changed.add(machine.cloud)
            else:
                self._saved.setdefault(machine.cloud, set()).add(machine.name)

    def note(self, kind: str, cloud: str, entries: Iterable[Entry], how: str = ALL) -> None:
        """Other things of a cloud are these, or are there now, or no longer."""
        self._notes.append(Note(kind, cloud, list(entries), how))

    def write(self, database: Database) -> None:
        """Write it into the file, if something is new and this is the user's own store. Never raises."""
        if database.is_users and (self._notes or self.changed or self._saved):
            from cloudmesh.cloud.store import names_file

            names_file.update(lambda sections: self._of(sections, database))
            self.__init__()  # type: ignore[misc]

    def _of(self, sections: Sections, database: Database) -> list[Note]:
        """All of it, for a file that holds these sections. Raises StoreError."""
        from cloudmesh.cloud.store.names_file import machine_word

        changed = set(self.changed)
        for cloud, saved in self._saved.items():
            known = {entry.word for entry in sections.get((MACHINES, cloud), ())}
            if not known.issuperset(map(machine_word, saved)):
                changed.add(cloud)
        return [*self._notes, *(machine_names(database, cloud) for cloud in sorted(changed))]


def machine_names(database: Database, cloud: str) -> Note:
    """The names of all machines of a cloud but those that are being deleted. Raises StoreError."""
    from cloudmesh.cloud.store.names_file import machine_word
    from cloudmesh.db import ne

    deleted, deleting = (ne(state.value) for state in _GOING)
    there = {"cloud": cloud, "state": deleted & deleting}
    names = database.tally(MACHINES, "name", there) if database.has(MACHINES) else {}
    return Note(MACHINES, cloud, [Entry(machine_word(str(name))) for name in names])


def described(thing: Mapping[str, Any]) -> str:
    """What tells more of an image, a flavor or a key than its name; empty for nothing."""
    return f"{thing['vcpus']} vCPUs, {thing['ram']} MB" if "vcpus" in thing and "ram" in thing else ""
