"""The part of a provider's interface that is about leases (Capability.LEASES)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from cloudmesh.cloud.errors import Unsupported
from cloudmesh.cloud.model.refusals import cannot
from cloudmesh.cloud.model.verbs import Capability

if TYPE_CHECKING:
    from cloudmesh.cloud.model.leases import Lease, LeaseRequest


class Leasing:
    """Leases, which a cloud without them refuses.

    A provider with them puts a machine on ``BootRequest.reservation``, and writes ``BootRequest.lease``, the
    name of the lease, on the machine where ``MachineRecord.lease`` finds it again.
    """

    name: str

    def leases(self) -> list[Lease]:
        """The leases of this user or project."""
        self._lacks(Capability.LEASES)

    def create_lease(self, request: LeaseRequest) -> Lease:
        """Ask for a lease; it may take a while to be active.

        Raises NoCapacity if there are not enough hosts for it, and Refused for any other reason.
        """
        self._lacks(Capability.LEASES)

    def extend_lease(self, cloud_id: str, ends: float) -> Lease:
        """Let a lease end at another time. Raises NotFound, NoCapacity, and Conflict if it is over."""
        self._lacks(Capability.LEASES)

    def delete_lease(self, cloud_id: str) -> None:
        """Give a lease back, and delete the machines on it, as its end would. Raises NotFound."""
        self._lacks(Capability.LEASES)

    def _lacks(self, capability: Capability) -> NoReturn:
        raise Unsupported(cannot(self.name, capability))
