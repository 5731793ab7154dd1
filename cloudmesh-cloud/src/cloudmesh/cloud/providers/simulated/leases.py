"""Leases of a simulated cloud: hosts for a time, whose machines go with them, as Blazar does it."""

from __future__ import annotations

import json
import operator
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from cloudmesh.cloud.errors import Conflict, NoCapacity, NotFound
from cloudmesh.cloud.model.leases import HOSTS, INSTANCES, Lease, LeaseRequest, LeaseStatus, Reservation
from cloudmesh.cloud.provider.boot import BootRequest
from cloudmesh.cloud.providers.simulated.networks import SimulatedNetworks
from cloudmesh.cloud.providers.simulated.world import cloud_id_of, row_number

# What every simulated host is like.
HOST = {"node_type": "compute_skylake", "vcpus": "48", "memory_mb": "196608", "gpu.gpu": "False"}
_SIGNS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


class SimulatedLeases(SimulatedNetworks):
    """A few hosts, as many as the setting ``hosts`` says, that can be leased."""

    def leases(self) -> list[Lease]:
        self._faults.before("leases", "")
        with self._world.change() as connection:
            rows = connection.execute("SELECT * FROM lease ORDER BY id").fetchall()
        return [self._lease(row) for row in rows]

    def create_lease(self, request: LeaseRequest) -> Lease:
        now = self._world.clock()
        starts = max(request.starts, now)
        ends = starts + request.seconds
        with self._faults.around("create_lease", ""), self._world.change() as connection:
            self._require_hosts(connection, request.host, request.amount, starts, ends)
            made = connection.execute(
                "INSERT INTO lease (name, starts, ends, amount, type) VALUES (?, ?, ?, ?, ?)",
                (request.name, starts, ends, request.amount, INSTANCES if request.flavor else HOSTS),
            )
            return self._lease(self._lease_row(connection, cloud_id_of("lease", made.lastrowid)))

    def extend_lease(self, cloud_id: str, ends: float) -> Lease:
        with self._faults.around("extend_lease", ""), self._world.change() as connection:
            row = self._lease_row(connection, cloud_id)
            if self._lease(row).status.is_over:
                raise Conflict(f"lease {row['name']} of cloud {self.name} is over; lease anew")
            if ends <= max(row["starts"], self._world.clock()):
                raise Conflict(f"lease {row['name']} of cloud {self.name} cannot end before now; delete it")
            if ends > row["ends"]:
                self._require_hosts(connection, "", row["amount"], row["ends"], ends, row["id"])
            connection.execute("UPDATE lease SET ends = ? WHERE id = ?", (ends, row["id"]))
            return self._lease(self._lease_row(connection, cloud_id))

    def delete_lease(self, cloud_id: str) -> None:
        with self._faults.around("delete_lease", ""), self._world.change() as connection:
            row = self._lease_row(connection, cloud_id)
            connection.execute("DELETE FROM machine WHERE lease = ?", (row["id"],))
            connection.execute("DELETE FROM lease WHERE id = ?", (row["id"],))

    def place(self, connection: sqlite3.Connection, request: BootRequest, machine: int) -> None:
        """Put a machine that was just made on the reservation it was booted with. Raises NoCapacity."""
        if request.reservation is None:
            return
        wanted = row_number("reservation", request.reservation.cloud_id)
        row = connection.execute("SELECT * FROM lease WHERE id = ?", (wanted,)).fetchone()
        there = connection.execute("SELECT count(*) FROM machine WHERE lease = ?", (wanted,)).fetchone()[0]
        if row is None or self._lease(row).status is not LeaseStatus.ACTIVE or there >= row["amount"]:
            raise NoCapacity(
                f"cloud {self.name}: boot {request.name} failed: no valid host on reservation "
                f"{request.reservation.cloud_id}; lease more hosts: cms lease list shows what there is"
            )
        connection.execute("UPDATE machine SET lease = ? WHERE id = ?", (wanted, machine))

    def _require_hosts(
        self, connection: sqlite3.Connection, host: str, amount: int, starts: float, ends: float, own: int = 0
    ) -> None:
        """Raises NoCapacity if there are not as many hosts free all the time."""
        taken = connection.execute(
            "SELECT coalesce(sum(amount), 0) FROM lease WHERE starts < ? AND ends > ? AND id <> ?",
            (ends, starts, own),
        ).fetchone()[0]
        free = max(0, self._settings.hosts - taken) if _meets(host) else 0
        if amount > free:
            raise NoCapacity(
                f"cloud {self.name}: not enough hosts available ({amount} requested, {free} free then); "
                "use fewer machines, another time or another --host"
            )

    def _lease(self, row: Mapping[str, Any]) -> Lease:
        now, starts, ends = self._world.clock(), row["starts"], row["ends"]
        status = LeaseStatus.PENDING if now < starts else LeaseStatus.STARTING
        if now >= starts + self._settings.action_seconds:
            status = LeaseStatus.ACTIVE
        if now >= ends:
            status = LeaseStatus.TERMINATED
        kept = Reservation(cloud_id_of("reservation", row["id"]), row["type"], row["amount"])
        return Lease(self.name, row["name"], cloud_id_of("lease", row["id"]), status, starts, ends, (kept,))

    def _lease_row(self, connection: sqlite3.Connection, cloud_id: str) -> Mapping[str, Any]:
        wanted = (row_number("lease", cloud_id),)
        row = connection.execute("SELECT * FROM lease WHERE id = ?", wanted).fetchone()
        if row is None:
            raise NotFound(f"there is no lease {cloud_id} on cloud {self.name}")
        return dict(row)


def _meets(host: str) -> bool:
    """Whether the simulated hosts meet these conditions, which are in Blazar's form."""
    terms = json.loads(host) if host else []
    terms = terms[1:] if terms and terms[0] == "and" else [terms] if terms else []
    return all(_is_met(*term) for term in terms)


def _is_met(sign: str, key: str, value: str) -> bool:
    own: Any = HOST.get(key.removeprefix("$"))
    if own is None:
        return False
    both = (float(own), float(value)) if own.isdigit() and value.isdigit() else (own, value)
    return _SIGNS[sign if sign in _SIGNS else "=="](*both)
