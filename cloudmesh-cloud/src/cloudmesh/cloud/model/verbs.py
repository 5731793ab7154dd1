"""The table of verbs: all that can be done to a machine, with its parameters and its words for people.

The usage of ``cms vm``, the methods of ``Machine`` and ``Machines``, dry runs, questions to the user, Tab
completion and the capabilities of clouds are made from it. A new verb goes here, into the providers and into
the conformance suite.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from enum import EnumMeta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from cloudmesh.cloud.model.copies import NewMachine, NewSnapshot
from cloudmesh.cloud.model.parameters import Fitness, Kind, Parameter, option
from cloudmesh.cloud.model.records import Flavor, Image, MachineRecord, State, Word
from cloudmesh.plugin.errors import UnknownName

# What a verb takes beside the machine: a thing of the cloud, a name, metadata to set or (None) to remove.
Argument = Image | Flavor | NewSnapshot | NewMachine | str | Mapping[str, str | None] | None

_S = State
_AT_REST = frozenset({_S.ACTIVE, _S.STOPPED, _S.SUSPENDED, _S.PAUSED})
_TO_ACTIVE = frozenset(
    {_S.ACTIVE, _S.BUILDING, _S.STARTING, _S.RESUMING, _S.UNPAUSING, _S.UNSHELVING, _S.REBOOTING}
)
_OFF = frozenset({_S.STOPPED, _S.HALTED, _S.HIBERNATED})
_ANY = frozenset(_S) - {_S.DELETED, _S.DELETING}
_NONE: frozenset[State] = frozenset()


@dataclass(frozen=True)
class Verb:
    """One thing that can be done to a machine.

    Attributes:
        name: the key in the table, and the method in Python; the shell has a hyphen for each underscore.
        past: "started", for reports.
        sources, already: the states it may be called in, and those in which there is nothing left to do.
        target: the state it leads to; None leads back to where the machine was.
        passing: the state the machine is in meanwhile; None if its state stays.
        help: what it does, as an order: "start stopped machines".
        doc: the same for Python, where it is more than the order.
        parameters: what it takes beside the machine: at most one value, and flags.
        method: the provider's method; empty if it is called as the verb.
        said: as a user says it, if it is reached by a flag of another verb.
        deed: what a cloud that lacks it cannot do, as in "cannot suspend a machine".
        repeatable: whether, where nobody knows if it was done, it may be done again: the state or what it
            takes tells, or doing it twice is as doing it once.
        destroys: the question to the user without its mark, if something on the machine's disks is lost, or
            what was kept of them.
        single: whether it makes sense for one machine only.
        makes: whether it makes another machine, which its outcome is about; the machine itself stays.
        locks: what becomes of the lock of the machine; None if that stays.
        everywhere: whether every cloud can do it, so that there is no capability for it.
    """

    name: str
    past: str
    sources: frozenset[State]
    already: frozenset[State]
    target: State | None
    passing: State | None
    help: str = ""
    doc: str = ""
    parameters: tuple[Parameter, ...] = ()
    method: str = ""
    said: str = ""
    deed: str = ""
    repeatable: bool = True
    destroys: str = ""
    single: bool = False
    makes: bool = False
    locks: bool | None = None
    everywhere: bool = False

    @property
    def call(self) -> str:
        """The name of the provider's method."""
        return self.method or self.name

    @property
    def words(self) -> str:
        """What a user says."""
        return self.said or self.name.replace("_", "-")

    @property
    def value(self) -> Parameter | None:
        """The parameter that is no flag; None if there is none."""
        return next((each for each in self.parameters if each.kind is not Kind.FLAG), None)

    @property
    def takes(self) -> str:
        """What it needs beside the machine: image, flavor, name, metadata, ...; empty for nothing."""
        return self.value.kind.value if self.value else ""

    def fitness(self, state: State) -> Fitness:
        """Whether the verb can be called in this state, is already true, or cannot be."""
        if state in self.sources:
            return Fitness.POSSIBLE
        return Fitness.ALREADY if state in self.already else Fitness.IMPOSSIBLE

    def leads_to(self, state: State) -> State:
        """Where a machine in this state is led."""
        if self.target is not None:
            return self.target
        return state if state in _AT_REST or self.passing is None else State.ACTIVE

    def spares(self, machine: MachineRecord) -> bool:
        """Whether it would lose what is on the disks of a machine that is known to be locked."""
        return bool(self.destroys and machine.locked)

    @property
    def returns_anywhere(self) -> bool:
        """Whether it leads back to where the machine was before, which its state does not tell any more."""
        told = self.takes != Kind.SNAPSHOT and self.sources & _AT_REST
        return self.target is None and self.passing is not None and not told


def states(
    sources: Set[State], already: Set[State], target: State | None, passing: State | None
) -> tuple[frozenset[State], frozenset[State], State | None, State | None]:
    """Those four of a verb in one line."""
    return frozenset(sources), frozenset(already), target, passing


_SNAPSHOT = option(Kind.SNAPSHOT, "--name=SNAPSHOT", "the name of the snapshot", required=True)
# A state we do not know must not keep a user from stopping or deleting what costs money.
_TABLE = (
    Verb(
        "start",
        "started",
        *states({*_OFF, _S.UNKNOWN}, _TO_ACTIVE, _S.ACTIVE, _S.STARTING),
        help="start stopped machines",
    ),
    Verb(
        "stop",
        "stopped",
        *states(
            {_S.ACTIVE, _S.HALTED, _S.ERROR, _S.UNKNOWN}, {_S.STOPPED, _S.STOPPING}, _S.STOPPED, _S.STOPPING
        ),
        help="shut machines down; disks are kept",
    ),
    Verb(
        "suspend",
        "suspended",
        *states({_S.ACTIVE}, {_S.SUSPENDED, _S.SUSPENDING}, _S.SUSPENDED, _S.SUSPENDING),
        help="save the memory to disk and free the host",
    ),
    Verb(
        "resume",
        "resumed",
        *states({_S.SUSPENDED}, _TO_ACTIVE, _S.ACTIVE, _S.RESUMING),
        help="resume suspended machines",
    ),
    Verb(
        "pause",
        "paused",
        *states({_S.ACTIVE}, {_S.PAUSED, _S.PAUSING}, _S.PAUSED, _S.PAUSING),
        help="pause machines; the memory stays on the host",
    ),
    Verb(
        "unpause",
        "unpaused",
        *states({_S.PAUSED}, _TO_ACTIVE, _S.ACTIVE, _S.UNPAUSING),
        help="unpause paused machines",
    ),
    Verb(
        "shelve",
        "shelved",
        *states(
            {_S.ACTIVE, _S.STOPPED, _S.SUSPENDED, _S.PAUSED},
            {_S.SHELVED, _S.SHELVED_OFFLOADED, _S.SHELVING},
            _S.SHELVED,
            _S.SHELVING,
        ),
        help="save the disk as an image and free the host; memory is lost",
    ),
    Verb(
        "unshelve",
        "unshelved",
        *states({_S.SHELVED, _S.SHELVED_OFFLOADED}, _TO_ACTIVE, _S.ACTIVE, _S.UNSHELVING),
        help="start shelved machines from the images of their disks",
    ),
    Verb(
        "reboot",
        "rebooted",
        *states({_S.ACTIVE, _S.ERROR}, {_S.REBOOTING}, _S.ACTIVE, _S.REBOOTING),
        help="restart machines",
        parameters=(option(Kind.FLAG, "--hard", "power cycle, in any state", verb="hard_reboot"),),
        repeatable=False,
    ),
    Verb(
        "hard_reboot",
        "rebooted",
        *states(_AT_REST | {_S.ERROR, _S.UNKNOWN}, {_S.REBOOTING}, _S.ACTIVE, _S.REBOOTING),
        said="reboot --hard",
        deed="hard-reboot a machine",
        repeatable=False,
    ),
    Verb(
        "rebuild",
        "rebuilt",
        *states({_S.ACTIVE, _S.STOPPED, _S.ERROR}, _NONE, None, _S.REBUILDING),
        help="reinstall machines from an image; disks are erased",
        parameters=(option(Kind.IMAGE, "--image=IMAGE", "the image to install", required=True),),
        repeatable=False,
        destroys="Rebuild {machines}, erasing the disks",
    ),
    # One whose confirmation was missed is asked again, for the size that it has by now.
    Verb(
        "resize",
        "resized",
        *states({_S.ACTIVE, _S.STOPPED, _S.HALTED, _S.RESIZED}, _NONE, None, _S.RESIZING),
        help="change the flavor; machines are restarted",
        parameters=(
            option(Kind.FLAVOR, "--flavor=FLAVOR", "the new flavor", required=True),
            option(
                Kind.FLAG,
                "--no-confirm",
                "leave it resized, to be confirmed or reverted",
                verb="resize_unconfirmed",
            ),
        ),
    ),
    Verb(
        "resize_unconfirmed",
        "resized",
        *states({_S.ACTIVE, _S.STOPPED, _S.HALTED}, {_S.RESIZED}, _S.RESIZED, _S.RESIZING),
        said="resize --no-confirm",
        deed="leave a resize unconfirmed",
        parameters=(option(Kind.FLAVOR, "--flavor=FLAVOR", "the new flavor", required=True),),
    ),
    Verb(
        "confirm_resize",
        "confirmed",
        *states({_S.RESIZED}, {_S.ACTIVE, _S.STOPPED}, None, _S.RESIZING),
        help="keep the new flavor of resized machines",
        deed="confirm the resize of a machine",
    ),
    Verb(
        "revert_resize",
        "reverted",
        *states({_S.RESIZED}, _NONE, None, _S.RESIZING),
        help="give resized machines their former flavor and disk back",
        deed="revert the resize of a machine",
        repeatable=False,
    ),
    Verb(
        "snapshot",
        "snapshotted",
        *states(_AT_REST, _NONE, None, None),
        help="keep the disks, and the memory of running machines, as they are now",
        doc="Keep the disks, and the memory of a running machine, as they are now.",
        parameters=(_SNAPSHOT,),
        deed="take a snapshot of a machine",
    ),
    Verb(
        "restore",
        "restored",
        *states(_AT_REST | {_S.HALTED, _S.ERROR}, _NONE, None, _S.RESTORING),
        help="bring machines back to a snapshot; what came since is lost",
        parameters=(_SNAPSHOT,),
        deed="restore a machine from a snapshot",
        repeatable=False,
        destroys="Restore {machines} to snapshot {argument}, erasing what is on the disks since then",
    ),
    Verb(
        "delete_snapshot",
        "deleted",
        *states(_ANY, _NONE, None, None),
        help="delete a snapshot of machines; the machines stay",
        parameters=(_SNAPSHOT,),
        deed="delete a snapshot of a machine",
        destroys="Delete snapshot {argument} of {machines}",
    ),
    Verb(
        "clone",
        "cloned",
        *states(_AT_REST, _NONE, None, None),
        help="make and start another machine with a copy of the disks",
        parameters=(Parameter("name", Kind.NEW_MACHINE, "the name of the new machine", (("NEWNAME", ""),)),),
        single=True,
        makes=True,
    ),
    Verb(
        "rename",
        "renamed",
        *states(_ANY, _NONE, None, None),
        help="rename one machine",
        parameters=(Parameter("name", Kind.NAME, "the new name", (("NEWNAME", ""),)),),
        single=True,
    ),
    Verb(
        "metadata",
        "changed",
        *states(_ANY, _NONE, None, None),
        help="set, remove or show metadata",
        doc="Set metadata by key, and remove that whose value is None; other keys stay.",
        parameters=(
            Parameter(
                "changes",
                Kind.METADATA,
                "new values by key; None removes a key",
                (
                    ("--set=PAIR", "set KEY=VALUE; can be repeated"),
                    ("--unset=KEY", "remove this key; can be repeated"),
                ),
            ),
        ),
        method="set_metadata",
        deed="change the metadata of a machine",
    ),
    Verb(
        "lock",
        "locked",
        *states(_ANY, _NONE, None, None),
        help="protect machines: they are not deleted before they are unlocked",
        locks=True,
    ),
    Verb(
        "unlock",
        "unlocked",
        *states(_ANY, _NONE, None, None),
        help="let locked machines be deleted again",
        locks=False,
    ),
    Verb(
        "delete",
        "deleted",
        *states(_ANY, {_S.DELETED, _S.DELETING}, _S.DELETED, _S.DELETING),
        help="delete machines and their disks permanently",
        destroys="Delete {machines}",
        everywhere=True,
    ),
)
VERBS: Mapping[str, Verb] = MappingProxyType({verb.name: verb for verb in _TABLE})


class _FromTable(EnumMeta):
    """Tells type checkers that there are members which the table of verbs names."""

    if TYPE_CHECKING:

        def __getattr__(cls, name: str) -> Any: ...


class Capability(Word, metaclass=_FromTable):
    """What only some clouds can do: START, STOP, ..., one for each verb that not every cloud can, and these.

    USERDATA and BOOT_... are what a boot request may ask for. Listing, booting and deleting are not here.
    """

    _ignore_ = "members verb"
    members = vars()
    for verb in _TABLE:
        if not verb.everywhere:
            members[verb.name.upper()] = verb.name
    CONSOLE = "console"
    KEYS = "keys"
    NETWORKS = "networks"
    SECURITY_GROUPS = "security_groups"
    FLOATING_IPS = "floating_ips"
    QUOTAS = "quotas"
    USERDATA = "userdata"
    BOOT_METADATA = "boot_metadata"
    BOOT_PUBLIC = "boot_public"
    BOOT_HINTS = "boot_hints"
    LEASES = "leases"
    ADD_IMAGE = "add_image"
    DELETE_IMAGE = "delete_image"
    CHANGES = "changes"


def capability_of(verb: Verb) -> Capability | None:
    """What a cloud must be able to do for this verb; None for one that every cloud can."""
    return None if verb.everywhere else Capability(verb.name)


def find_verb(name: str) -> Verb:
    """The verb of this name, in Python or in the shell.

    Raises:
        UnknownName: with the nearest verb.
    """
    try:
        return VERBS[name.replace("-", "_")]
    except KeyError:
        raise UnknownName("action", name, VERBS) from None
