"""Leases: hosts, or room on hosts, that a cloud keeps for a user from one time to another.

The words are those of Blazar, OpenStack's reservation service: a lease has a start, an end and reservations,
and machines are booted on a reservation while its lease is active.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from cloudmesh.cloud.model.records import Flavor, Word

#: What a reservation keeps: whole hosts, a machine on each; or room on hosts for machines of one size.
HOSTS, INSTANCES = "physical:host", "virtual:instance"
#: The shortest lease, in seconds: Blazar counts in minutes.
SHORTEST = 60.0
# Blazar allows 80 letters; the mark takes 21 of them.
_LABEL = 56
_MARK = re.compile(r".*-cms-[0-9a-f]{16}")


class LeaseStatus(Word):
    """How a lease stands."""

    CREATING = "creating"
    PENDING = "pending"
    STARTING = "starting"
    ACTIVE = "active"
    UPDATING = "updating"
    TERMINATING = "terminating"
    TERMINATED = "terminated"
    DELETING = "deleting"
    ERROR = "error"
    UNKNOWN = "unknown"

    @property
    def is_over(self) -> bool:
        """Whether no machine can be booted on such a lease any more."""
        return self in (
            LeaseStatus.TERMINATING,
            LeaseStatus.TERMINATED,
            LeaseStatus.DELETING,
            LeaseStatus.ERROR,
        )


_OVER = (LeaseStatus.TERMINATING, LeaseStatus.TERMINATED, LeaseStatus.DELETING, LeaseStatus.ERROR)


@dataclass(frozen=True)
class Reservation:
    """What a lease keeps.

    Attributes:
        cloud_id: by which new machines are put on it.
        resource_type: ``physical:host``, ``virtual:instance``, or another of the cloud's.
        amount: how many hosts or machines.
    """

    cloud_id: str
    resource_type: str = HOSTS
    amount: int = 0


@dataclass(frozen=True)
class Lease:
    """A lease as its cloud last told of it; ``starts`` and ``ends`` are seconds since the epoch."""

    cloud: str
    name: str
    cloud_id: str
    status: LeaseStatus
    starts: float = 0.0
    ends: float = 0.0
    reservations: tuple[Reservation, ...] = ()

    @property
    def bootable(self) -> Reservation | None:
        """The reservation that machines are booted on; None if it has none of that type."""
        fit = (each for each in self.reservations if each.resource_type in (HOSTS, INSTANCES))
        return next(fit, None)


@dataclass(frozen=True)
class LeaseRequest:
    """What is wanted of a new lease.

    Attributes:
        name: of the lease.
        amount: for how many machines.
        seconds: how long it lasts.
        starts: when it starts, in seconds since the epoch; 0 for now.
        flavor: the size of machines, for room on hosts; None for whole hosts.
        host: what the hosts must be like, as ``host_conditions`` made it; empty for any.
    """

    name: str
    amount: int
    seconds: float
    starts: float = 0.0
    flavor: Flavor | None = None
    host: str = ""

    def to_record(self) -> dict[str, Any]:
        """The request as plain data, which ``from_record`` reads."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> LeaseRequest:
        """What ``to_record`` gave."""
        flavor = Flavor(**record["flavor"]) if record["flavor"] else None
        return cls(**{**record, "flavor": flavor})


def new_lease_name(names: Iterable[str]) -> str:
    """A name for the lease of new machines, with a mark by which it is found again, and known as ours."""
    label = re.sub(r"[^A-Za-z0-9._-]+", "-", ",".join(names).replace("[", "").replace("]", ""))
    return f"{label[:_LABEL].strip('-') or 'lease'}-cms-{os.urandom(8).hex()}"


def was_made_for_machines(name: str) -> bool:
    """Whether ``vm boot --lease`` made the lease of this name, so that it goes with its last machine."""
    return bool(_MARK.fullmatch(name))
