"""The one table of verbs. Shell, Python classes and dry runs all read it."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from cloudmesh.cloud.errors import Conflict
from cloudmesh.cloud.model.capability import Capability
from cloudmesh.cloud.model.records import Flavor, Image, MachineRecord, State
from cloudmesh.plugin.errors import UnknownName

# What a verb takes beside the machine: a thing of the cloud, a name, metadata to set or (None) to remove.
Argument = Image | Flavor | str | Mapping[str, str | None] | None


class Fitness(Enum):
    """How a verb stands to the state a machine is in."""

    POSSIBLE = "possible"
    ALREADY = "already"
    IMPOSSIBLE = "impossible"


@dataclass(frozen=True)
class Verb:
    """One thing that can be done to a machine.

    Attributes:
        name: the key in the table; "hard_reboot" is said by users as ``reboot --hard``.
        past: "started", for reports.
        sources: the states it may be called in.
        already: the states in which there is nothing left to do.
        target: the state it leads to; None leads back to where the machine was.
        passing: the state the machine is in meanwhile; None if its state stays.
        takes: what it needs beside the machine: an image, a flavor, a name or metadata; empty for nothing.
        method: the provider's method; empty if it is called as the verb.
        said: as a user says it, if that is not its name.
        repeatable: whether, where nobody knows if it was done, it may be done again: the state or what it
            takes tells, or doing it twice is as doing it once.
        destroys: whether what is on the machine's disks is lost.
    """

    name: str
    past: str
    sources: frozenset[State]
    already: frozenset[State]
    target: State | None
    passing: State | None
    takes: str = ""
    method: str = ""
    said: str = ""
    repeatable: bool = True
    destroys: bool = False

    @property
    def call(self) -> str:
        """The name of the provider's method."""
        return self.method or self.name

    @property
    def words(self) -> str:
        """What a user says."""
        return self.said or self.name

    @property
    def capability(self) -> Capability | None:
        """What a cloud must be able to do for this verb; None for delete, which every cloud can."""
        return None if self.name == "delete" else Capability(self.name)

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


_S = State
_AT_REST = frozenset({_S.ACTIVE, _S.STOPPED, _S.SUSPENDED, _S.PAUSED})
_TO_ACTIVE = frozenset({_S.ACTIVE, _S.BUILDING, _S.STARTING, _S.RESUMING, _S.UNPAUSING, _S.REBOOTING})
_ANY = frozenset(_S) - {_S.DELETED, _S.DELETING}
_NONE: frozenset[State] = frozenset()

# A state we do not know must not keep a user from stopping or deleting what costs money.
_TABLE = (
    Verb("start", "started", frozenset({_S.STOPPED, _S.UNKNOWN}), _TO_ACTIVE, _S.ACTIVE, _S.STARTING),
    Verb(
        "stop",
        "stopped",
        frozenset({_S.ACTIVE, _S.ERROR, _S.UNKNOWN}),
        frozenset({_S.STOPPED, _S.STOPPING}),
        _S.STOPPED,
        _S.STOPPING,
    ),
    Verb(
        "suspend",
        "suspended",
        frozenset({_S.ACTIVE}),
        frozenset({_S.SUSPENDED, _S.SUSPENDING}),
        _S.SUSPENDED,
        _S.SUSPENDING,
    ),
    Verb("resume", "resumed", frozenset({_S.SUSPENDED}), _TO_ACTIVE, _S.ACTIVE, _S.RESUMING),
    Verb(
        "pause",
        "paused",
        frozenset({_S.ACTIVE}),
        frozenset({_S.PAUSED, _S.PAUSING}),
        _S.PAUSED,
        _S.PAUSING,
    ),
    Verb("unpause", "unpaused", frozenset({_S.PAUSED}), _TO_ACTIVE, _S.ACTIVE, _S.UNPAUSING),
    Verb(
        "reboot",
        "rebooted",
        frozenset({_S.ACTIVE, _S.ERROR}),
        frozenset({_S.REBOOTING}),
        _S.ACTIVE,
        _S.REBOOTING,
        repeatable=False,
    ),
    Verb(
        "hard_reboot",
        "rebooted",
        _AT_REST | {_S.ERROR, _S.UNKNOWN},
        frozenset({_S.REBOOTING}),
        _S.ACTIVE,
        _S.REBOOTING,
        said="reboot --hard",
        repeatable=False,
    ),
    Verb(
        "rebuild",
        "rebuilt",
        frozenset({_S.ACTIVE, _S.STOPPED, _S.ERROR}),
        _NONE,
        None,
        _S.REBUILDING,
        takes="image",
        repeatable=False,
        destroys=True,
    ),
    # One whose confirmation was missed is still resizing, and asked again.
    Verb(
        "resize",
        "resized",
        frozenset({_S.ACTIVE, _S.STOPPED, _S.RESIZING}),
        _NONE,
        None,
        _S.RESIZING,
        takes="flavor",
    ),
    Verb("rename", "renamed", _ANY, _NONE, None, None, takes="name"),
    Verb("metadata", "changed", _ANY, _NONE, None, None, takes="metadata", method="set_metadata"),
    Verb(
        "delete",
        "deleted",
        _ANY,
        frozenset({_S.DELETED, _S.DELETING}),
        _S.DELETED,
        _S.DELETING,
        destroys=True,
    ),
)
VERBS: Mapping[str, Verb] = MappingProxyType({verb.name: verb for verb in _TABLE})


def find_verb(name: str) -> Verb:
    """The verb of this name.

    Raises:
        UnknownName: with the nearest verb.
    """
    try:
        return VERBS[name]
    except KeyError:
        raise UnknownName("action", name, VERBS) from None


def impossible(
    verb: Verb, machine: MachineRecord, capabilities: Container[Capability] = frozenset(Capability)
) -> Conflict:
    """The error for a verb that cannot be, naming those that would work now and that the cloud can.

    What leaves a machine's state alone is not named: that is always possible.
    """
    possible = [
        other.words
        for other in VERBS.values()
        if other.passing is not None
        and other.fitness(machine.state) is Fitness.POSSIBLE
        and (other.capability is None or other.capability in capabilities)
    ]
    hint = f"wait until it is no longer {machine.state}" if machine.state.is_passing else ""
    hint = hint or (f"possible now: {', '.join(possible)}" if possible else "nothing is possible any more")
    return Conflict(f"cannot {verb.words} {machine.qualified_name} while it is {machine.state}; {hint}")
