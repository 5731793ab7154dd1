"""``Leases``: makes, finds, extends and gives back leases of one cloud."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace

from cloudmesh.cloud.client.catalog import Catalog
from cloudmesh.cloud.client.lookup import pick
from cloudmesh.cloud.errors import CLOUD_ERRORS, Conflict, NotFound, OddRecord, Refused
from cloudmesh.cloud.model.leases import (
    Lease,
    LeaseRequest,
    LeaseStatus,
    Reservation,
    was_made_for_machines,
)
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.model.verbs import Capability
from cloudmesh.cloud.provider.interface import Provider
from cloudmesh.cloud.store.leases import KIND, keep_leases
from cloudmesh.cloud.store.new_names import Entry
from cloudmesh.plugin.errors import StoreError, UnknownName

_GONE = (State.DELETING, State.DELETED)
# Blazar keeps no seconds.
_MINUTE = 60.0


class Leases:
    """The leases of a cloud that is open. A cloud without leases raises Unsupported."""

    def __init__(self, catalog: Catalog) -> None:
        self.connection = catalog.connection

    def all(self) -> list[Lease]:
        """List the leases, and write the listing into the store."""
        self.connection.require(Capability.LEASES)
        leases = list(self.connection.listing(Provider.leases))
        odd = self.connection.left_out["leases"]
        inventory, name = self.connection.inventory, self.connection.name
        keep_leases(inventory.database, name, leases, odd)
        inventory.new_names.note(KIND, name, [Entry(each.name) for each in leases if not each.status.is_over])
        return leases

    def refresh(self) -> None:
        """Write down how the leases are now, for lists of machines; else they stay as they were last told."""
        with suppress(*CLOUD_ERRORS, StoreError):
            self.all()

    def find(self, name: str) -> Lease:
        """The lease of this name or id, or that a glob means. Raises UnknownName or UsageError."""
        leases = self.all()
        try:
            return pick("lease", name, self.connection.name, leases)
        except UnknownName:
            self.connection.require_readable(name)
            raise

    def named(self, name: str) -> Lease | None:
        """The lease of exactly this name; None if there is none."""
        found = next((each for each in self.all() if each.name == name), None)
        if found is None:
            self.connection.require_readable(name)
        return found

    def create(self, request: LeaseRequest, maybe_done: bool = False) -> Lease:
        """Ask for a lease; if the answer is lost it is looked up by its name.

        Args:
            maybe_done: an earlier call may have made it; if it is there, no second one is made.
        """
        self.connection.require(Capability.LEASES)
        if maybe_done and (made := self.named(request.name)):
            return made
        made = self.connection.surely(
            lambda: self.connection.calls.create_lease(request), lambda: self.named(request.name)
        )
        # Lists show the end that is kept.
        self.refresh()
        return made

    def extend(self, lease: Lease, ends: float) -> Lease:
        """Let a lease end at another time; if the answer is lost it is looked up."""

        def look() -> Lease | None:
            now = self.named(lease.name)
            return now if now and abs(now.ends - ends) <= _MINUTE else None

        extended = self.connection.surely(
            lambda: self.connection.calls.extend_lease(lease.cloud_id, ends), look
        )
        self.refresh()
        return extended

    def delete(self, lease: Lease) -> None:
        """Give a lease back, with the machines on it; nothing happens if it is gone."""

        def is_gone() -> bool:
            left = [each for each in self.all() if each.cloud_id == lease.cloud_id]
            # It waits for its machines to go, for longer than a call may take.
            return all(each.status is LeaseStatus.DELETING for each in left)

        def delete() -> None:
            with suppress(NotFound):
                self.connection.calls.delete_lease(lease.cloud_id)

        self.connection.ensure(delete, is_gone)
        # The cloud deletes its machines now: lists show that, and do not wonder where they went.
        inventory = self.connection.inventory
        known = [each.machine for each in inventory.known(self.connection.name)]
        going = [each for each in known if is_on(each, lease) and is_there(each)]
        inventory.save_many(replace(each, state=State.DELETING) for each in going)
        self.refresh()

    def machines_on(self, lease: Lease) -> list[MachineRecord]:
        """The machines that are on a lease, asked from the cloud now; those being deleted are not among them.

        Raises:
            OddRecord: one was left out of the listing, and it may be one of them.
        """
        listed = self.connection.listing(Provider.machines)
        found = [each for each in listed if is_on(each, lease) and is_there(each)]
        if odd := self.connection.left_out["machines"]:
            raise OddRecord(f"unknown whether lease {lease.name} is in use: {odd[0]}")
        return found

    def give_back(self, name: str, deleted: Collection[str] = ()) -> list[MachineRecord] | None:
        """Delete the lease of this name unless machines are on it, and give those; None if there is none.

        Args:
            deleted: the ids of machines that do not count, since they were just deleted.
        """
        lease = self.named(name)
        if lease is None:
            return None
        there = [each for each in self.machines_on(lease) if each.cloud_id not in deleted]
        if not there:
            self.delete(lease)
        return there

    def give_back_made(self, name: str, deleted: Collection[str] = ()) -> None:
        """The same with a lease that ``vm boot --lease`` has made; one of the user's own stays."""
        if was_made_for_machines(name):
            self.give_back(name, deleted)


def is_there(machine: MachineRecord) -> bool:
    """Whether a machine is not deleted, nor on its way there."""
    return machine.state not in _GONE


def is_on(machine: MachineRecord, lease: Lease) -> bool:
    """Whether a machine is on a lease: by what is written on it, or by the flavor that Blazar made."""
    if machine.lease:
        return machine.lease == lease.name
    flavors = {
        flavor for each in lease.reservations for flavor in (each.cloud_id, f"reservation:{each.cloud_id}")
    }
    return machine.flavor in flavors


def reservation_of(lease: Lease) -> Reservation | None:
    """Where machines can be booted on this lease; None if it has not started yet.

    Raises:
        Refused: it failed, or has none for machines.
        Conflict: it is over.
    """
    where = f"lease {lease.name} of cloud {lease.cloud}"
    if lease.status is LeaseStatus.ERROR:
        raise Refused(
            f"{where} is in status error: the cloud could not start it; lease again, or ask its operators"
        )
    if lease.status.is_over:
        raise Conflict(f"{where} is {lease.status}; lease anew")
    if lease.status is not LeaseStatus.ACTIVE:
        return None
    if lease.bootable is None:
        kinds = ", ".join(each.resource_type for each in lease.reservations) or "nothing"
        raise Refused(
            f"{where} reserves {kinds}, and no hosts that machines can be booted on; use another lease"
        )
    return lease.bootable
