"""The account on a simulated cloud: its file, its quotas, its key pairs, and what the cloud has on offer."""

from __future__ import annotations

import sqlite3

from cloudmesh.cloud.access.keys import fingerprint_of
from cloudmesh.cloud.errors import NotFound, QuotaExceeded, Refused
from cloudmesh.cloud.model.records import KeyPair, Quota
from cloudmesh.cloud.provider.interface import Provider
from cloudmesh.cloud.providers.simulated.faults import Faults
from cloudmesh.cloud.providers.simulated.settings import SimulatedSettings
from cloudmesh.cloud.providers.simulated.world import World

# name, size in GiB
IMAGES = (("debian-12", 2.0), ("ubuntu-24.04", 3.5), ("rocky-9", 10.0), ("tiny-linux", 0.1))

# name, cores, MiB of memory, GiB of disk
FLAVORS = (
    ("tiny", 1, 512, 5),
    ("small", 1, 2048, 20),
    ("medium", 2, 4096, 40),
    ("large", 4, 8192, 80),
    ("xlarge", 8, 16384, 160),
)

# name, address ranges; what leads out is the pool of the floating IPs, which RFC 5737 keeps for documentation
POOL = "public"
NETWORKS = (("private", "198.18.0.0/15"), (POOL, "203.0.113.0/24"))

_TABLES = {"key_pairs": "key", "security_groups": "security_group", "floating_ips": "floating_ip"}
_UNITS = {"ram": "MiB"}


class SimulatedAccount(Provider):
    """The open file of one simulated cloud, its quotas and its key pairs, which no machine ever gets."""

    def set_up(self) -> None:
        self._settings = SimulatedSettings.read(self.name, self.settings)

    def open(self) -> None:
        self._world = World(self._settings.file)
        self._faults = Faults(self.name, self._settings, self._world)

    def close(self) -> None:
        self._world.close()

    def user_id(self) -> str:
        return self._settings.user

    def delete(self, cloud_id: str) -> None:
        self.act("delete", cloud_id)

    def check(self) -> str:
        self._faults.before("check", "")
        return f"simulated: no real machine runs here; kept in {self._settings.file}"

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
                f"cloud {self.name}: quota of {name} exceeded ({used} of {limit} used, {more} requested); "
                "delete what is not needed, or ask for a higher quota",
                name,
                used,
                limit,
            )

    def key_pairs(self) -> list[KeyPair]:
        self._faults.before("key_pairs", "")
        with self._world.change() as connection:
            rows = connection.execute("SELECT name, fingerprint FROM key ORDER BY name").fetchall()
        return [KeyPair(self.name, row["name"], row["fingerprint"]) for row in rows]

    def add_key(self, name: str, public_key: str) -> KeyPair:
        key = KeyPair(self.name, name, fingerprint_of(public_key))
        with self._faults.around("add_key", name), self._world.change() as connection:
            self._require_room(connection, "key_pairs")
            try:
                connection.execute("INSERT INTO key VALUES (?, ?, ?)", (name, key.fingerprint, public_key))
            except sqlite3.IntegrityError:
                raise Refused(f"cloud {self.name} already has a key {name}; use another name") from None
        return key

    def delete_key(self, name: str) -> None:
        with self._faults.around("delete_key", name), self._world.change() as connection:
            if not connection.execute("DELETE FROM key WHERE name = ?", (name,)).rowcount:
                raise NotFound(f"there is no key {name} on cloud {self.name}")


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


def private_address(number: int) -> str:
    """An address for machine ``number`` in 198.18.0.0/15, which RFC 2544 keeps for tests."""
    high, low = divmod(number, 254)
    return f"198.{18 + high // 256 % 2}.{high % 256}.{low + 1}"
