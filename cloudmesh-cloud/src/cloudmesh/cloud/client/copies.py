"""Snapshots and clones of the machines of one cloud: what is there, and what an earlier call has made."""

from __future__ import annotations

import time

from cloudmesh.cloud.client.machines import LOOK_AGAIN, MachineList
from cloudmesh.cloud.errors import Conflict
from cloudmesh.cloud.model.copies import NewMachine, NewSnapshot, Snapshot
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.model.verbs import Capability, Verb, capability_of
from cloudmesh.cloud.provider.boot import new_token, require_good_name
from cloudmesh.plugin.errors import UnknownName, UsageError

# By so many seconds the clock of a cloud may be behind ours.
_BEHIND = 2.0
# Seconds since the epoch; tests put another clock in.
clock = time.time


def wanted_snapshot(name: str) -> NewSnapshot:
    """The snapshot of this name. Raises UsageError for a name that not all clouds take."""
    try:
        require_good_name(name)
    except UsageError:
        raise UsageError(
            f"{name!r} cannot be the name of a snapshot; "
            "use up to 63 letters, digits, '-', '_' and '.', with a letter or digit at both ends"
        ) from None
    return NewSnapshot(name, clock())


def wanted_clone(name: str) -> NewMachine:
    """A machine of this name, with a token of its own. Raises UsageError for a name that none can have."""
    require_good_name(name)
    return NewMachine(name, new_token())


class Copies:
    """Looks at the snapshots of machines, and for clones; it changes nothing."""

    def __init__(self, machines: MachineList) -> None:
        self.connection = machines.connection
        self._machines = machines

    def snapshots(self, machine: MachineRecord) -> list[Snapshot]:
        """The snapshots of a machine, the oldest first. Raises Unsupported, and NotFound if it is gone."""
        self.connection.require(Capability.SNAPSHOT)
        return self.connection.calls.snapshots(machine.cloud_id)

    def require(self, machine: MachineRecord, verb: Verb, wanted: NewSnapshot) -> None:
        """Whether a verb can be about this snapshot.

        Raises:
            Conflict: one that is to be taken is there.
            UnknownName: any other is not.
        """
        names = [each.name for each in self.snapshots(machine)]
        if capability_of(verb) is Capability.SNAPSHOT:
            if wanted.name in names:
                raise _already_there(machine, wanted)
        elif not names:
            raise UsageError(f"{machine.qualified_name} has no snapshots")
        elif wanted.name not in names:
            raise UnknownName("snapshot", wanted.name, names, f"of {machine.qualified_name}")

    def is_so(self, machine: MachineRecord, verb: Verb, wanted: NewSnapshot) -> bool:
        """Whether an earlier call has taken, or deleted, the snapshot.

        Raises Conflict if there is one that was not taken by it, since it is older than the command, or of
        which nothing tells whether it was (then ``outcome_unknown``).
        """
        found = next((each for each in self.snapshots(machine) if each.name == wanted.name), None)
        if capability_of(verb) is not Capability.SNAPSHOT or found is None:
            return (found is None) is (capability_of(verb) is not Capability.SNAPSHOT)
        if not found.created:
            raise Conflict(
                f"snapshot {wanted.name} of {machine.qualified_name}: outcome unknown, since the answer was "
                "lost, and its cloud does not tell when the snapshot that is there was taken; check it",
                outcome_unknown=True,
            )
        if found.created < wanted.asked - _BEHIND:
            raise _already_there(machine, wanted)
        return True

    def cloned_before(self, wanted: NewMachine) -> MachineRecord | None:
        """The machine that an earlier call with this token made; None if that did not come about.

        A cloud may still be at work on a call whose answer was lost, so it is looked for more than once.
        """
        waited, gone = 0.0, (State.DELETING, State.DELETED)
        while True:
            for each in self._machines.all():
                if each.boot_id == wanted.token and each.state not in gone:
                    return each
            self.connection.require_readable(wanted.name)
            if waited >= self.connection.provider.settling:
                return None
            self.connection.sleep(LOOK_AGAIN)
            waited += LOOK_AGAIN


def _already_there(machine: MachineRecord, wanted: NewSnapshot) -> Conflict:
    place = machine.qualified_name
    return Conflict(
        f"{place} already has a snapshot {wanted.name}; use another name, or delete it first: "
        f"cms vm delete-snapshot {place} --name={wanted.name}"
    )
