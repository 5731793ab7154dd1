"""What a cloud holds, in one form for all clouds: machines, images, flavors, key pairs and quotas.

Networks and what belongs to them are in ``cloudmesh.cloud.model.networks``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from enum import Enum
from typing import Any, NamedTuple


class Word(str, Enum):
    """An enumeration whose members are written as their values."""

    __str__ = str.__str__


class State(Word):
    """The state of a machine; each cloud's own word is kept beside it as ``raw_state``.

    Paused (memory held by the host), suspended (memory on disk) and stopped (no memory) stay apart, and so
    does each state in which other verbs work. A state that ends in -ing passes by itself.

    ==================  ====================================================================================
    hibernated          as suspended, on clouds that bring it back by ``start``
    halted              shut down, but its host is still kept for it and paid for
    shelved             its disk is kept as an image, until it is unshelved
    shelved_offloaded   the same, and its host is free
    rescued             booted from another image to be repaired
    resized             it has its new size, which waits to be confirmed or reverted
    ==================  ====================================================================================
    """

    BUILDING = "building"
    ACTIVE = "active"
    STOPPED = "stopped"
    SUSPENDED = "suspended"
    PAUSED = "paused"
    STARTING = "starting"
    STOPPING = "stopping"
    SUSPENDING = "suspending"
    RESUMING = "resuming"
    PAUSING = "pausing"
    UNPAUSING = "unpausing"
    REBOOTING = "rebooting"
    REBUILDING = "rebuilding"
    RESTORING = "restoring"
    RESIZING = "resizing"
    DELETING = "deleting"
    MIGRATING = "migrating"
    SHELVING = "shelving"
    UNSHELVING = "unshelving"
    REPAIRING = "repairing"
    UPDATING = "updating"
    HIBERNATED = "hibernated"
    HALTED = "halted"
    SHELVED = "shelved"
    SHELVED_OFFLOADED = "shelved_offloaded"
    RESCUED = "rescued"
    RESIZED = "resized"
    DELETED = "deleted"
    ERROR = "error"
    UNKNOWN = "unknown"

    @property
    def is_passing(self) -> bool:
        """Whether the cloud is at work and the state will change by itself."""
        return self.value.endswith("ing")

    def counts_as(self, wanted: State) -> bool:
        """Whether a machine in this state is in the one that is wanted: what is offloaded is shelved too."""
        return self is wanted or (wanted is State.SHELVED and self is State.SHELVED_OFFLOADED)


@dataclass(frozen=True)
class MachineRecord:
    """A virtual machine as its cloud last told of it.

    Attributes:
        cloud: the name of the cloud in the configuration.
        name: the user's name for the machine.
        cloud_id: the cloud's own id, which is never reused there.
        state: the normalised state.
        raw_state: the cloud's own word for it.
        image, flavor, key: names, empty where the cloud does not tell.
        private_ips, public_ips: addresses in the order of the cloud.
        fault: what the cloud says went wrong, if the state is error.
        created: seconds since the epoch, 0 where the cloud does not tell.
        metadata: what users wrote on the machine: OpenStack's metadata, the tags of EC2.
        zone: the availability zone, empty where the cloud does not tell.
        lease: the name of the lease that it was booted on, empty for none.
        login_user: who to sign in as by ssh, empty where the cloud does not tell.
        ssh_port: the port of its ssh server at ``ssh_address``.
        owner: the cloud's id of the user who made it; on EC2 that of the account, since it tells no user;
            empty where the cloud does not tell.
        boot_id: the token of the boot by cloudmesh that it came from, see ``provider.boot``; empty for none.
        locked: whether it must be unlocked before it can be deleted; None where the cloud does not tell.
    """

    cloud: str
    name: str
    cloud_id: str
    state: State
    raw_state: str = ""
    image: str = ""
    flavor: str = ""
    key: str = ""
    private_ips: list[str] = field(default_factory=list)
    public_ips: list[str] = field(default_factory=list)
    fault: str = ""
    created: float = 0.0
    metadata: dict[str, str] = field(default_factory=dict)
    zone: str = ""
    login_user: str = ""
    ssh_port: int = 22
    owner: str = ""
    boot_id: str = ""
    lease: str = ""
    locked: bool | None = None

    def on_its_way(self, state: State) -> MachineRecord:
        """The machine in the state that a verb puts it into, of which the cloud has told nothing yet."""
        # Not dataclasses.replace, which takes ten times as long.
        made = object.__new__(type(self))
        vars(made).update(vars(self), state=state, raw_state="", fault="")
        return made

    @property
    def ssh_address(self) -> str:
        """Where to connect to: a public IPv4, else a global IPv6, else a private address; empty for none."""
        public = [each for each in self.public_ips if ":" not in each]
        outer = [each for each in self.addresses if ":" in each and _is_global(each)]
        return next(iter([*public, *outer, *self.private_ips, *self.public_ips]), "")

    @property
    def qualified_name(self) -> str:
        """The name that is the user's only one: ``cloud:name``."""
        return f"{self.cloud}:{self.name}"

    @property
    def addresses(self) -> list[str]:
        """Public addresses first, since they are the ones to connect to."""
        return [*self.public_ips, *self.private_ips]

    def to_record(self) -> dict[str, Any]:
        """The machine as plain data, of which it shares nothing; ``store.inventory`` reads it."""
        # Not asdict, which takes ten times as long; a listing has thousands of machines.
        return {
            **vars(self),
            "state": self.state.value,
            "private_ips": list(self.private_ips),
            "public_ips": list(self.public_ips),
            "metadata": dict(self.metadata),
        }


# What a field is where nothing is known of it, as of those that earlier versions did not have.
_DEFAULTS = {each.name: None if each.default is MISSING else each.default for each in fields(MachineRecord)}
_STATES = {state.value: state for state in State}
MACHINE_COLUMNS = tuple(_DEFAULTS)


def machines_of(found: Mapping[str, Sequence[Any]]) -> list[MachineRecord]:
    """The machines whose values stand in these columns, as ``to_record`` has them or with pairs as metadata.

    For thousands it is several times as quick as one by one. They share nothing; None stands for what is not
    known, and a state that only a later version has is unknown here.
    """
    made = {name: _filled(found[name], default) for name, default in _DEFAULTS.items()}
    made["state"] = [_STATES.get(each, State.UNKNOWN) for each in found["state"]]
    made["metadata"] = [dict(each or ()) for each in found["metadata"]]
    made |= {name: [list(each or ()) for each in found[name]] for name in ("private_ips", "public_ips")}
    machines = []
    for row in zip(*made.values(), strict=True):
        # What its own method does, which takes twice as long for a frozen record.
        machine = object.__new__(MachineRecord)
        machine.__dict__.update(zip(MACHINE_COLUMNS, row))  # noqa: B905 they are as many
        machines.append(machine)
    return machines


def _filled(values: Sequence[Any], default: Any) -> Sequence[Any]:
    """The values, and the default for what is None."""
    if default is None or None not in values:
        return values
    return [default if each is None else each for each in values]


def _is_global(address: str) -> bool:
    """Whether an address can be reached from everywhere."""
    import ipaddress

    try:
        return ipaddress.ip_address(address).is_global
    except ValueError:
        return False


class LeftOut(NamedTuple):
    """What a listing lacks, since its cloud told of it in a way that cannot be right.

    Attributes:
        kind: what was listed, as the provider's method is called: machines, images, ...
        reason: what is wrong with it, as the end of a sentence: "its address 'x' is no IP address".
        name, cloud_id: as far as they are known.
    """

    cloud: str
    kind: str
    reason: str
    name: str = ""
    cloud_id: str = ""

    def may_be(self, machine: MachineRecord) -> bool:
        """Whether this may be a machine that is known: by the id, else by the name; any if it has neither."""
        if self.cloud_id:
            return machine.cloud_id == self.cloud_id
        return self.name in ("", machine.name)

    def __str__(self) -> str:
        kind = self.kind.removesuffix("s").replace("_", " ")
        which = " ".join(each for each in (self.name, f"({self.cloud_id})" if self.cloud_id else "") if each)
        return f"{kind} {which or 'without a name'} is skipped: {self.reason}"


@dataclass(frozen=True)
class Image:
    """What a machine boots from.

    Attributes:
        size: in GiB, 0 where the cloud does not tell.
        login_user: who is to sign in by ssh to a machine of it; empty where the image does not tell.
    """

    cloud: str
    name: str
    cloud_id: str
    size: float = 0.0
    login_user: str = ""


@dataclass(frozen=True)
class Flavor:
    """The size of a machine: ``vcpus`` cores, ``ram`` in MiB, ``disk`` in GiB."""

    cloud: str
    name: str
    cloud_id: str
    vcpus: int = 0
    ram: int = 0
    disk: int = 0


@dataclass(frozen=True)
class KeyPair:
    """A public ssh key that the cloud places on machines booted with it."""

    cloud: str
    name: str
    fingerprint: str = ""


@dataclass(frozen=True)
class Quota:
    """How much of something this user may have on the cloud.

    Attributes:
        name: machines, vcpus, ram, key_pairs, floating_ips, security_groups, networks, volumes, disk; or the
            cloud's own word for what is none of these.
        used: how much is taken; None where the cloud does not tell.
        limit: how much is allowed; None if there is no limit.
        unit: of both: MiB for ram, GiB for disk, else empty.
    """

    cloud: str
    name: str
    used: int | None = None
    limit: int | None = None
    unit: str = ""

    @property
    def left(self) -> int | None:
        """What may still be taken, never below 0; None if that cannot be told or there is no limit."""
        if self.used is None or self.limit is None:
            return None
        return max(0, self.limit - self.used)
