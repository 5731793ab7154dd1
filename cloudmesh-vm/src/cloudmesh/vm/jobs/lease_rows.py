"""The table of the leases that jobs make, use or give back.

A row is written together with its job, before any cloud is called, and holds the name that the lease has or
will have: by it a later process finds the lease whose creation was answered to nobody.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cloudmesh.vm.model.plan import GIVEN, RETURNING, PlannedLease

if TYPE_CHECKING:
    from cloudmesh.cloud.model.leases import LeaseRequest
    from cloudmesh.db import Database

LEASES = "job_lease"
# Nothing was asked yet; it may be there; it is there; its machines are on it; it was given back.
WANTED, ASKED, MADE, USED, RETURNED = "wanted", "asked", "made", "used", "returned"
# With these a job is not at its end: a lease that costs something may be left.
OPEN = (ASKED, MADE, RETURNING)


@dataclass
class LeaseRow:
    """A lease of a job.

    Attributes:
        number: its row.
        cloud, name, cloud_id: which lease; the id is empty while it is not known.
        status: one of those above, ``given`` for one of the user's own, or ``returning``.
        request: what to ask for, if the job makes it.
    """

    number: int
    cloud: str
    name: str
    cloud_id: str
    status: str
    request: LeaseRequest | None

    @property
    def is_own(self) -> bool:
        """Whether it goes with its last machine."""
        return self.status != GIVEN

    def __str__(self) -> str:
        return f"lease {self.name} of cloud {self.cloud}"


def write_rows(database: Database, job: int, leases: Sequence[PlannedLease]) -> None:
    """Write the rows of a new job."""
    database.add_many(LEASES, (_row(job, each) for each in leases))


def _row(job: int, lease: PlannedLease) -> dict[str, Any]:
    what = json.dumps(lease.request.to_record()) if lease.request else ""
    return {
        "job": job,
        "cloud": lease.cloud,
        "name": lease.name,
        "cloud_id": lease.cloud_id,
        "status": lease.status or WANTED,
        "what": what,
    }


def read_rows(database: Database, job: int) -> list[LeaseRow]:
    """The leases of a job."""
    found = database.find(LEASES, job=job) if database.has(LEASES) else []
    if not found:
        return []
    from cloudmesh.cloud.model.leases import LeaseRequest  # few jobs have any

    return [
        LeaseRow(
            row.id,
            row["cloud"],
            row["name"],
            row["cloud_id"],
            row["status"],
            LeaseRequest.from_record(json.loads(row["what"])) if row["what"] else None,
        )
        for row in found
    ]


def set_status(database: Database, row: LeaseRow, status: str, cloud_id: str | None = None) -> None:
    """Write how a lease stands. Raises StoreError."""
    row.status = status
    row.cloud_id = row.cloud_id if cloud_id is None else cloud_id
    database.update(LEASES, {"status": row.status, "cloud_id": row.cloud_id}, id=row.number)


def open_leases(database: Database, job: int) -> list[LeaseRow]:
    """The leases of a job that nobody knows to be in use or given back."""
    return [row for row in read_rows(database, job) if row.status in OPEN]


def forget(database: Database, jobs: Iterable[int]) -> None:
    """Remove the rows of jobs."""
    for job in jobs if database.has(LEASES) else ():
        database.delete(LEASES, where={"job": job})
