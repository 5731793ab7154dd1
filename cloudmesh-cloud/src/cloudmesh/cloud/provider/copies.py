"""The part of a provider's interface that is about snapshots and clones of machines."""

from __future__ import annotations

from cloudmesh.cloud.model.copies import Snapshot
from cloudmesh.cloud.model.records import MachineRecord
from cloudmesh.cloud.model.verbs import Capability
from cloudmesh.cloud.provider.leasing import Leasing


class Copies(Leasing):
    """Snapshots, which belong to their machine and go with it, and clones, which belong to nothing.

    A name of a snapshot is up to 63 letters, digits, ``-``, ``_`` and ``.``, and may be a mere number.
    NotFound always means the machine: whoever calls has looked whether there is such a snapshot, and where
    that has changed since, Conflict says so. A rebuild may give up the snapshots of the disk that it
    replaces.
    """

    def snapshots(self, cloud_id: str) -> list[Snapshot]:
        """The snapshots of a machine, the oldest first (Capability.SNAPSHOT). Raises NotFound."""
        self._lacks(Capability.SNAPSHOT)

    def snapshot(self, cloud_id: str, name: str) -> None:
        """Keep the disks of a machine, and its memory if it has any (Capability.SNAPSHOT).

        The snapshot is complete and listed when this returns; the machine is in the state that it was in.
        Raises Conflict if it has a snapshot of this name, or its state does not allow one, and NotFound.
        """
        self._lacks(Capability.SNAPSHOT)

    def restore(self, cloud_id: str, name: str) -> None:
        """Bring a machine back to a snapshot, in whatever state it is (Capability.RESTORE).

        Its disks are as they were then. With memory in the snapshot, it is led to the state that it was in
        (active, paused, suspended), and what ran goes on; without, it is stopped if it was stopped then, else
        booted anew. Its id, name, addresses, metadata and snapshots stay as they are now. Raises Conflict,
        and NotFound.
        """
        self._lacks(Capability.RESTORE)

    def delete_snapshot(self, cloud_id: str, name: str) -> None:
        """Give up a snapshot; the machine stays as it is (Capability.DELETE_SNAPSHOT).

        Raises Conflict if there is none of this name, and NotFound.
        """
        self._lacks(Capability.DELETE_SNAPSHOT)

    def clone(self, cloud_id: str, name: str, token: str = "") -> MachineRecord:
        """Make another machine with a copy of the disks, and boot it (Capability.CLONE).

        It is usually still building when this returns. It has an id, a host name, addresses and host keys of
        its own, no snapshots, and the same image, size, key pair, networks and metadata. Nothing that is done
        to one of both touches the other; either can be deleted first.

        Args:
            token: as that of a ``BootRequest``; ``MachineRecord.boot_id`` of the new machine tells it, also
                in a listing, from the moment that the machine is there.

        Raises:
            Conflict: the state of the machine does not allow it; Refused if the name is taken; NotFound.
        """
        self._lacks(Capability.CLONE)
