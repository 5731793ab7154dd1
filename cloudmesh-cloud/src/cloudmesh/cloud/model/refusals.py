"""The sentences for what a cloud, or a machine in its state, cannot do."""

from __future__ import annotations

from collections.abc import Container, Mapping

from cloudmesh.cloud.errors import Conflict, Locked
from cloudmesh.cloud.model.parameters import Fitness, Kind
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.model.verbs import VERBS, Capability, Verb, capability_of

#: What a cloud cannot do without it, as it comes after "a type that cannot"; verbs say it in the table.
WITHOUT: Mapping[Capability, str] = {
    Capability.CONSOLE: "show a console",
    Capability.KEYS: "manage key pairs",
    Capability.NETWORKS: "list networks",
    Capability.SECURITY_GROUPS: "manage security groups",
    Capability.FLOATING_IPS: "manage floating IPs",
    Capability.QUOTAS: "report quotas",
    Capability.USERDATA: "boot a machine with user data",
    Capability.BOOT_METADATA: "boot a machine with metadata",
    Capability.BOOT_PUBLIC: "boot a machine with a public address",
    Capability.BOOT_HINTS: "boot a machine with scheduler hints",
    Capability.LEASES: "lease hosts",
    Capability.ADD_IMAGE: "add images",
    Capability.DELETE_IMAGE: "delete images",
    Capability.CHANGES: "tell which machines changed",
}


def cannot(cloud: str, capability: Capability) -> str:
    """The sentence of an Unsupported error."""
    what = WITHOUT.get(capability) or VERBS[capability.value].deed or f"{capability} a machine"
    return f"cloud {cloud} cannot {what}: not supported by this type of cloud"


# What ends the states that no verb here ends.
_LEAVING = {State.RESCUED: "can end the rescue"}


def impossible(
    verb: Verb, machine: MachineRecord, capabilities: Container[Capability] = frozenset(Capability)
) -> Conflict:
    """The error for a verb that cannot be, naming those that would work now and that the cloud can.

    What leaves a machine's state alone is not named: that is always possible. Neither is what needs a
    snapshot.
    """
    possible = [
        other.words
        for other in VERBS.values()
        if other.passing is not None
        and other.takes != Kind.SNAPSHOT
        and other.fitness(machine.state) is Fitness.POSSIBLE
        and (capability_of(other) is None or capability_of(other) in capabilities)
    ]
    hint = f"wait until it is no longer {machine.state}" if machine.state.is_passing else ""
    hint = hint or (f"possible now: {', '.join(possible)}" if possible else "no action is possible any more")
    hint += f"; the cloud's own tools {leave}" if (leave := _LEAVING.get(machine.state)) else ""
    return Conflict(f"cannot {verb.words} {machine.qualified_name} while it is {machine.state}; {hint}")


def locked(verb: Verb, machine: MachineRecord) -> Locked:
    """The error for a verb that a lock forbids."""
    place = machine.qualified_name
    return Locked(f"cannot {verb.words} {place}: it is locked; unlock it first: cms vm unlock {place}")
