"""The machines of one cloud: listing and finding them, and how one of them is now."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping

from cloudmesh.cloud.client.connection import Connection
from cloudmesh.cloud.errors import Conflict, Gone, NotFound
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.provider.interface import Provider
from cloudmesh.plugin.errors import UnknownName

# How many seconds pass before a machine that may not be shown yet is looked for again.
LOOK_AGAIN = 1.0


class MachineList:
    """Asks one cloud for machines, and writes down what it tells."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        #: Whether a machine of the last listing is on a lease.
        self.leased = False

    def all(self) -> list[MachineRecord]:
        """All machines, asked from the cloud now."""
        found: list[MachineRecord] = []
        # What changed since an earlier listing is part of this one.
        self.connection.left_out.pop(Provider.changed_machines.__name__, None)

        def passing() -> Iterator[MachineRecord]:
            for machine in self.connection.listing(Provider.machines):
                found.append(machine)
                yield machine

        self._take_over(passing())
        return found

    def changed(self, since: str, known: Mapping[str, MachineRecord]) -> list[MachineRecord]:
        """Those that changed since the listing with this mark, see ``Provider.changed_machines``.

        The store forgets who is in state deleted. ``Connection.left_out`` has a kind of its own for this.

        Args:
            known: as they were told last, by their ids; one that is still so is neither given nor saved.
        """
        asked = time.time()
        listing = self.connection.listing(Provider.changed_machines, since)
        found = [each for each in listing if known.get(each.cloud_id) != each]
        self.connection.inventory.take_changes(self.connection.name, found, asked)
        return found

    def all_there(self) -> list[MachineRecord]:
        """The same, and those that the listing left out, as they were last known: they are there too."""
        listed = self.all()
        ids, odd = {each.cloud_id for each in listed}, self.connection.left_out["machines"]
        known = (
            [each.machine for each in self.connection.inventory.known(self.connection.name)] if odd else []
        )
        return [
            *listed,
            *(each for each in known if each.cloud_id not in ids and any(left.may_be(each) for left in odd)),
        ]

    def reconcile(self) -> None:
        """Write down all machines as the cloud tells of them now, page by page, and keep none in memory.

        Raises:
            IncompleteListing: some cannot be as the cloud says; all others are written down.
        """
        self._take_over(self.connection.listing(Provider.machines))
        self.connection.require_complete()

    def _take_over(self, listing: Iterator[MachineRecord]) -> None:
        """Write a listing down; what it leaves out is there all the same, and has not vanished."""
        name, provider = self.connection.name, self.connection.provider
        user = self.connection.calls.user_id
        self.leased = False

        def noted() -> Iterator[MachineRecord]:
            for machine in listing:
                if machine.lease or machine.flavor.startswith("reservation:"):
                    self.leased = True
                yield machine

        self.connection.inventory.replace(name, noted(), time.time(), lambda: provider.left_out, user)

    def find(self, name: str, sign: str = "") -> MachineRecord:
        """The machine of this name or id as it is known; the cloud is asked where none or several are, and
        whether one that is meant by its id is still there.

        Args:
            sign: ``=`` if only a name is meant, ``id=`` if only an id; see ``cloudmesh.plugin.names``.

        Raises:
            UnknownName: the cloud has no machine of this name or id.
            Conflict: it has several.
        """
        cloud = self.connection.name

        def meant(machine: MachineRecord) -> bool:
            return (sign != "id=" and machine.name == name) or (sign != "=" and machine.cloud_id == name)

        known = (each.machine for each in self.connection.inventory.meant(cloud, name))
        found = [machine for machine in known if meant(machine)]
        if len(found) != 1 or found[0].name != name:
            # Of several, those deleted meanwhile are still in the store; the cloud knows which. And another
            # machine may have the name of one that was deleted, so that it would be taken for it.
            listed = self.all()
            found = [machine for machine in listed if meant(machine)]
            if not found:
                self.connection.require_readable(name)
                raise UnknownName("machine", name, (each.name for each in listed), f"on cloud {cloud}")
        if len(found) > 1:
            ids = ", ".join(machine.cloud_id for machine in found)
            raise Conflict(f"cloud {cloud} has {len(found)} machines named {name} ({ids}); use the id")
        return found[0]

    def refresh(self, machine: MachineRecord) -> MachineRecord:
        """The machine as the cloud tells of it now. Raises NotFound if it vanished; it is then forgotten."""
        try:
            return self.ask(machine)
        except NotFound as error:
            if self.may_be_hidden(machine, error):
                raise not_known_yet(machine, error) from error
            self.connection.inventory.forget(machine)
            raise

    def ask(self, machine: MachineRecord) -> MachineRecord:
        """The same, but nothing is forgotten."""
        asked = time.time()
        now = self.connection.calls.machine(machine.cloud_id)
        self.connection.inventory.save(now, asked)
        return now

    def others_named(self, gone: MachineRecord) -> list[MachineRecord]:
        """The machines that have the name of one that has vanished.

        Raises:
            Conflict: it has not, as the cloud lists it.
        """
        shared = self.connection.shared_listing
        found = shared(self.all_there) if shared else self.all_there()
        if shared and _is_among(gone, found):
            # One of moments ago may still have it.
            found = self.all_there()
        if _is_among(gone, found):
            cloud = self.connection.name
            raise Conflict(
                f"cloud {cloud} reports machine {gone.name} ({gone.cloud_id}) as not found but lists it; "
                f"nothing was changed: check again (cms vm list --refresh --cloud={cloud}), and "
                "tell its operators if it persists"
            )
        return [
            each
            for each in found
            if each.name == gone.name and each.cloud_id != gone.cloud_id and each.state is not State.DELETED
        ]

    def may_be_hidden(self, machine: MachineRecord, error: NotFound) -> bool:
        """Whether a machine that is not found was made so shortly ago that it may be there all the same.

        To take such a one for deleted would leave it running, and nobody would know of it.
        """
        if isinstance(error, Gone) or error.outcome_unknown or machine.state is not State.BUILDING:
            return False
        # A cloud's clock may be ahead; and that it does not tell the time is no proof of age.
        age = max(0.0, time.time() - machine.created) if machine.created else 0.0
        return age < self.connection.provider.hides_new


def _is_among(machine: MachineRecord, listed: Iterable[MachineRecord]) -> bool:
    """Whether a machine is there, and not just on its way out."""
    leaving = (State.DELETING, State.DELETED)
    return any(each.cloud_id == machine.cloud_id and each.state not in leaving for each in listed)


def not_known_yet(machine: MachineRecord, error: NotFound) -> NotFound:
    """The error for a machine that is too new to count as deleted."""
    return NotFound(
        f"{machine.qualified_name} ({machine.cloud_id}) was booted just now, and its cloud does not list it "
        f"(yet): {error}; cms vm list --refresh --cloud={machine.cloud} shows whether it exists"
    )
