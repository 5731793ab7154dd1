"""How much of a simulated cloud its user may have: without limit, unless the configuration sets one."""

from __future__ import annotations

import sqlite3

from cloudmesh.cloud.errors import QuotaExceeded
from cloudmesh.cloud.model.records import Flavor, Quota
from cloudmesh.cloud.providers.simulated.catalog import FLAVORS
from cloudmesh.cloud.providers.simulated.inside import Inside

_TABLES = {
    "key_pairs": "key",
    "security_groups": "security_group",
    "floating_ips": "floating_ip",
}
_UNITS = {"ram": "MiB"}


class Quotas(Inside):
    """Counts what is used, and refuses what would be too much."""

    def quotas(self) -> list[Quota]:
        self._faults.before("quotas", "")
        with self._world.change() as connection:
            used = _used(connection)
        limits = self._settings.quota
        return [
            Quota(self.name, name, count, limits.get(name), _UNITS.get(name, ""))
            for name, count in used.items()
        ]

    def _require_room(self, connection: sqlite3.Connection, name: str, more: int = 1) -> None:
        """Raises QuotaExceeded if ``more`` of it would be too much."""
        limit = self._settings.quota.get(name)
        if limit is None:
            return
        used = _used(connection)[name]
        if used + more > limit:
            raise QuotaExceeded(
                f"cloud {self.name} allows {limit} {name}, and {used} are used: no room for {more} more; "
                "delete what is not needed, or ask for a higher quota",
                name,
                used,
                limit,
            )

    def _require_room_for(self, connection: sqlite3.Connection, flavor: Flavor) -> None:
        """Raises QuotaExceeded if a machine of this flavor would be too much."""
        self._require_room(connection, "machines")
        self._require_room(connection, "vcpus", flavor.vcpus)
        self._require_room(connection, "ram", flavor.ram)


def _used(connection: sqlite3.Connection) -> dict[str, int]:
    sizes = {name: (vcpus, ram) for name, vcpus, ram, _ in FLAVORS}
    flavors = [row["flavor"] for row in connection.execute("SELECT flavor FROM machine")]
    counted = {
        name: int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 our own names
        for name, table in _TABLES.items()
    }
    return {
        "machines": len(flavors),
        "vcpus": sum(sizes.get(flavor, (0, 0))[0] for flavor in flavors),
        "ram": sum(sizes.get(flavor, (0, 0))[1] for flavor in flavors),
        **counted,
    }
