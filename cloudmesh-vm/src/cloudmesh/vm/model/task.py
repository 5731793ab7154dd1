"""One thing to do on one machine."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from cloudmesh.cloud.model.networks import FloatingIP
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.model.verbs import Argument
from cloudmesh.cloud.provider.boot import BootRequest
from cloudmesh.vm.model.outcome import Outcome, Status


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do on one machine: plain data.

    Attributes:
        cloud, name: which machine.
        verb: boot, or one of the verb table.
        machine: what is known of the machine; None if it is to be booted.
        request: what to boot; its token is known in the store before the cloud is called.
        argument: what the verb takes beside the machine.
        address: whether a booted machine is given a public address by a call of its own.
        addresses: what was taken for the machine, to be given back when it is deleted.
        number: its line in the store; 0 if it has none.
        again: whether an earlier process may have begun it.
        target: where a machine is led that an earlier process has set on its way; None if its state tells.
        seat: which call for many an earlier process may have made for it, and its place in that; None if
            it was alone.
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
    target: State | None = None
    seat: tuple[int, int] | None = None

    def outcome(self, status: Status, **values: Any) -> Outcome:
        """What became of this task."""
        if self.target is not None and values.get("target") is not None:
            values["target"] = self.target
        return Outcome(self.cloud, self.name, self.verb, status, **{"machine": self.machine, **values})

    def numbered(self, number: int) -> Task:
        """The same, with its line in the store."""
        return replace(self, number=number)
