"""Plans the leases of a job before anything is done: what a boot is to lease, what a delete may give back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cloudmesh.cloud.client.booter import BootOptions
from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.cloud.model.lease_times import host_conditions, is_duration, lease_seconds, start_moment
from cloudmesh.cloud.model.leases import LeaseRequest, new_lease_name, was_made_for_machines
from cloudmesh.cloud.model.records import MachineRecord
from cloudmesh.cloud.provider.boot import BootRequest
from cloudmesh.plugin.errors import UsageError
from cloudmesh.plugin.names import fold
from cloudmesh.vm.model.plan import GIVEN, RETURNING, PlannedLease


@dataclass(frozen=True)
class LeaseWish:
    """What the options of a boot say of its lease.

    Attributes:
        name: of a lease that is there; empty for a new one.
        seconds, starts, host: of a new one, see ``LeaseRequest``; ``host`` is as a user writes it, or None.
    """

    name: str = ""
    seconds: float = 0.0
    starts: float = 0.0
    host: str | None = None

    def planned(self, cloud: Cloud, request: BootRequest, names: Sequence[str]) -> PlannedLease:
        """The lease for machines of these names on a cloud, which is only asked.

        Raises:
            Unsupported: the cloud has no leases.
            UnknownName, UsageError: no lease, or several, are meant.
            Conflict, Refused: no machine can be booted on the lease.
        """
        from cloudmesh.cloud.client.leases import reservation_of

        if self.name:
            lease = cloud.leasing.find(self.name)
            reservation_of(lease)
            return PlannedLease(cloud.name, lease.name, lease.cloud_id, GIVEN)
        cloud.leasing.all()
        host = cloud.connection.defaults.get("host") if self.host is None else self.host
        wanted = LeaseRequest(
            name=new_lease_name(fold(names)),
            amount=len(names),
            seconds=self.seconds,
            starts=self.starts,
            flavor=request.flavor if host is None else None,
            host=host_conditions("--host", host or ""),
        )
        return PlannedLease(cloud.name, wanted.name, request=wanted)


def read_wish(options: BootOptions) -> LeaseWish | None:
    """What is said of a lease; None if there is to be none. Raises UsageError."""
    start, host = options.lease_start, options.host
    if options.lease is None:
        if start is not None or host is not None:
            raise UsageError("--lease-start and --host say what is leased; use them with --lease=3h")
        return None
    if "reservation" in options.hint:
        raise UsageError(
            "--hint=reservation=ID is the reservation of a lease, which --lease chooses; use one of them"
        )
    if not options.lease.strip():
        raise UsageError("--lease= is empty; use how long a lease is to last, such as 3h, or the name of one")
    if is_duration(options.lease):
        if host is not None:
            host_conditions("--host", host)
        return LeaseWish(
            seconds=lease_seconds("--lease", options.lease),
            starts=start_moment("--lease-start", start) if start else 0.0,
            host=host,
        )
    if start is not None or host is not None:
        raise UsageError(
            f"--lease={options.lease} is the name of a lease, for which --lease-start and --host are not; "
            "use a duration such as --lease=3h"
        )
    return LeaseWish(options.lease)


def returned_with(machines: Iterable[MachineRecord]) -> list[PlannedLease]:
    """The leases that may go with these machines: those that were made for machines."""
    places = dict.fromkeys((each.cloud, each.lease) for each in machines if was_made_for_machines(each.lease))
    return [PlannedLease(cloud, name, status=RETURNING) for cloud, name in places]
