"""The leases of clouds as they were last listed, for lists of machines that ask no cloud."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cloudmesh.cloud.model.leases import Lease
from cloudmesh.cloud.model.records import LeftOut
from cloudmesh.cloud.store.listings import keep_listing, kept_listing
from cloudmesh.db import Database

KIND = "lease"


@dataclass(frozen=True)
class KeptLease:
    """What lists of machines tell of a lease; ``reservations`` are ids."""

    cloud: str
    name: str
    cloud_id: str
    ends: float
    reservations: list[str]


def keep_leases(database: Database, cloud: str, leases: Sequence[Lease], left_out: Sequence[LeftOut]) -> None:
    """Write a whole listing down in place of the one before."""
    kept = [
        KeptLease(cloud, each.name, each.cloud_id, each.ends, [one.cloud_id for one in each.reservations])
        for each in leases
    ]
    keep_listing(database, KIND, cloud, kept, left_out)


def kept_leases(database: Database, clouds: Iterable[str]) -> Mapping[str, Sequence[KeptLease]]:
    """The leases of these clouds; a cloud that never listed any has none."""
    kept = {cloud: kept_listing(database, KIND, cloud) for cloud in clouds}
    return {cloud: [KeptLease(**row) for row in found.rows] for cloud, found in kept.items() if found}


def lease_of_machine(lease: str, flavor: str, leases: Sequence[KeptLease]) -> KeptLease | None:
    """The lease of a machine: by the name that is written on it, else by the flavor that Blazar made."""
    for each in leases:
        if lease == each.name or flavor.removeprefix("reservation:") in each.reservations:
            return each
    return None
