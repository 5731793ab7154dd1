"""A job that is complete but not stored yet: what is to be done to which machine, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.model.verbs import Argument
from cloudmesh.cloud.provider.interface import BootRequest
from cloudmesh.vm.model.outcome import Outcome, Status, UnresolvedName
from cloudmesh.vm.model.wait import Wait

if TYPE_CHECKING:
    from cloudmesh.cloud.model.leases import LeaseRequest
    from cloudmesh.cloud.model.networks import FloatingIP

# What the tables of jobs in the store are called; ``cloudmesh.vm.jobs.rows`` says what is in them.
TABLES = ("job", "part", "task", "job_event")


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do to one machine.

    Attributes:
        cloud, name: which machine.
        verb: boot, or one of the verb table.
        machine: what is known of the machine; None if it is to be booted.
        request: what to boot; its token is in the store before the cloud is called.
        argument: what the verb takes beside the machine.
        address: whether a booted machine is given a public address by a call of its own.
        addresses: floating IPs that were taken for the machine, to be released when it is deleted.
        number: its row in the store; 0 if it has none.
        maybe_done: whether an earlier process may have done it.
        looks: whether the cloud is asked first whether it is done already, though nothing is unknown of it.
        target: the state to which an earlier process set the machine on its way; None if its state tells.
        batch: if an earlier process may have booted it together with others by one call: the number of that
            call, and its position in it.
    """

    cloud: str
    name: str
    verb: str
    machine: MachineRecord | None = None
    request: BootRequest | None = field(default=None, repr=False)
    argument: Argument = None
    address: bool = False
    addresses: tuple[FloatingIP, ...] = ()
    number: int = 0
    maybe_done: bool = False
    looks: bool = False
    target: State | None = None
    batch: tuple[int, int] | None = None

    def outcome(self, status: Status, **values: Any) -> Outcome:
        """The outcome of this task; ``values`` are further attributes of ``Outcome``."""
        if self.target is not None and values.get("target") is not None:
            values["target"] = self.target
        return Outcome(self.cloud, self.name, self.verb, status, **{"machine": self.machine, **values})


# How a planned lease stands that is the user's own, and one that is to be given back.
GIVEN, RETURNING = "given", "returning"


@dataclass(frozen=True)
class PlannedLease:
    """A lease that a job has to do with.

    Attributes:
        cloud, name: which lease.
        cloud_id: the cloud's own id, as far as it is there.
        status: empty if the job is to make it; else ``given`` or ``returning``.
        request: what to ask for.
    """

    cloud: str
    name: str
    cloud_id: str = ""
    status: str = ""
    request: LeaseRequest | None = None

    def for_machines(self, count: int) -> PlannedLease:
        """The same for so many machines."""
        return replace(self, request=replace(self.request, amount=count)) if self.request else self


@dataclass(frozen=True)
class Plan:
    """A job before it is stored.

    Attributes:
        verb: what is done to all machines.
        tasks: one for each machine.
        parts: for each cloud the argument or the boot request as text, see ``cloudmesh.vm.jobs.planning``.
        names: the machines as the user named them.
        wait: what the job also waits for; True for the state that the verb leads to.
        missing: what was asked for too, and failed before there was a task for it.
        leases: what the machines are booted on, or what may be given back with them.
    """

    verb: str
    tasks: Sequence[Task]
    parts: Mapping[str, str] = field(default_factory=dict)
    names: str = ""
    wait: Wait = False
    missing: Sequence[UnresolvedName] = ()
    leases: Sequence[PlannedLease] = ()
