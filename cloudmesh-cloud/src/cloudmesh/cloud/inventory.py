"""What the store knows of machines, and how old that knowledge is."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from cloudmesh.cloud.model import Machine
from cloudmesh.config import places
from cloudmesh.db import Database

MACHINES = "machine"
REFRESHES = "refresh"


@dataclass(frozen=True)
class Known:
    """A machine, and when its cloud last told of it or was asked to change it (seconds since the epoch)."""

    machine: Machine
    refreshed: float

    @property
    def age(self) -> float:
        """Seconds since the cloud told; never negative, though a clock may have been set back."""
        return max(0.0, time.time() - self.refreshed)


class Inventory:
    """The machines of all clouds as they were last seen, in the store."""

    def __init__(self, database: Database | None = None) -> None:
        """Use this database, or the user's own store."""
        self._database = database or Database(places.store_file())

    def __enter__(self) -> Inventory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def database(self) -> Database:
        """The store itself, for what else belongs there."""
        return self._database

    def close(self) -> None:
        """Leave the store."""
        self._database.close()

    def save(self, machine: Machine, asked: float | None = None) -> None:
        """Write down a machine that its cloud told of when it was ``asked``, or that was just acted on.

        What another process wrote down since then is newer, and stays.
        """
        now = time.time()
        with self._database.atomic():
            old = self.find(machine) if asked else None
            if not (asked and old and asked < old.refreshed <= now):
                self._put(machine, asked or now)

    def _put(self, machine: Machine, refreshed: float) -> None:
        record = {**machine.to_record(), "refreshed": refreshed}
        # As pairs: users choose the keys, and a column for each would have no end.
        record["metadata"] = [[key, value] for key, value in machine.metadata.items()]
        self._database.upsert(MACHINES, record, key=["cloud", "cloud_id"])

    def forget(self, machine: Machine) -> None:
        """Remove a machine that its cloud no longer has."""
        if self._database.has(MACHINES):
            self._database.delete(MACHINES, cloud=machine.cloud, cloud_id=machine.cloud_id)

    def replace(self, cloud: str, machines: Iterable[Machine], asked: float) -> None:
        """Take over a full listing of a cloud that was asked for at the time ``asked``.

        What another process wrote down since then is newer than the listing, and stays.
        """
        # A time to come was written before the clock was set back, and tells nothing.
        now = time.time()
        with self._database.atomic():
            if asked < (self._refreshed(cloud) or 0.0) <= now:
                return
            known = {each.machine.cloud_id: each for each in self.known(cloud)}
            newer = {cloud_id for cloud_id, each in known.items() if asked < each.refreshed <= now}
            for machine in machines:
                known.pop(machine.cloud_id, None)
                if machine.cloud_id not in newer:
                    self._put(machine, asked)
            for vanished in known.values():
                if vanished.machine.cloud_id not in newer:
                    self.forget(vanished.machine)
            refresh = {"cloud": cloud, "refreshed": asked}
            self._database.upsert(REFRESHES, refresh, key=["cloud"])

    def known(self, cloud: str) -> list[Known]:
        """The machines of a cloud, in the order in which they became known."""
        return self._find(cloud=cloud)

    def _find(self, **equals: str) -> list[Known]:
        if not self._database.has(MACHINES):
            return []
        records = self._database.find(MACHINES, where=equals)
        return [_known(record) for record in records]

    def find(self, machine: Machine) -> Known | None:
        """The same machine as it was last seen; None if it has been forgotten."""
        found = self._find(cloud=machine.cloud, cloud_id=machine.cloud_id)
        return found[0] if found else None

    def was_refreshed(self, cloud: str) -> bool:
        """Whether a full listing of the cloud was ever taken over."""
        return self._refreshed(cloud) is not None

    def _refreshed(self, cloud: str) -> float | None:
        """When the cloud was asked for the last listing that was taken over."""
        if not self._database.has(REFRESHES):
            return None
        found = self._database.find(REFRESHES, cloud=cloud)
        return float(found[0]["refreshed"]) if found else None


def _known(record: Mapping[str, Any]) -> Known:
    machine = Machine.from_record({**record, "metadata": dict(record.get("metadata") or {})})
    return Known(machine, float(record["refreshed"]))
