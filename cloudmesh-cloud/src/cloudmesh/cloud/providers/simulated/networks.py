"""Networks, security groups and floating IPs of a simulated cloud."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from cloudmesh.cloud.errors import Conflict, NoCapacity, NotFound, Refused
from cloudmesh.cloud.model.networks import FloatingIP, Network, SecurityGroup, SecurityRule
from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.providers.simulated.catalog import NETWORKS, POOL, public_addresses
from cloudmesh.cloud.providers.simulated.quotas import Quotas
from cloudmesh.cloud.providers.simulated.world import number

_RULE = ("direction", "protocol", "from_port", "to_port", "remote", "ethertype")


class Networks(Quotas):
    """Two networks that are always there, and what users put around them."""

    def networks(self) -> list[Network]:
        self._faults.before("networks", "")
        return [
            Network(self.name, name, f"network-{name}", tuple(subnets), external=name == POOL)
            for name, *subnets in NETWORKS
        ]

    def security_groups(self) -> list[SecurityGroup]:
        self._faults.before("security_groups", "")
        with self._world.change() as connection:
            rows = connection.execute("SELECT * FROM security_group ORDER BY id").fetchall()
            return [self._group(connection, row) for row in rows]

    def create_security_group(self, name: str, description: str = "") -> SecurityGroup:
        with self._faults.around("create_security_group", name), self._world.change() as connection:
            self._require_room(connection, "security_groups")
            try:
                made = connection.execute(
                    "INSERT INTO security_group (name, description) VALUES (?, ?)", (name, description)
                )
            except sqlite3.IntegrityError:
                raise Refused(
                    f"cloud {self.name} already has a security group {name}; take another name"
                ) from None
            # As real clouds do: what a machine sends is let through.
            _insert(connection, int(made.lastrowid or 0), SecurityRule("egress", "any"))
            return self._group(connection, self._found(connection, f"group-{made.lastrowid:06d}"))

    def delete_security_group(self, cloud_id: str) -> None:
        with self._world.change() as connection:
            name = self._found(connection, cloud_id)["name"]
        with self._faults.around("delete_security_group", name), self._world.change() as connection:
            self._found(connection, cloud_id)
            users = [
                row["name"]
                for row in connection.execute("SELECT name, groups FROM machine")
                if name in json.loads(row["groups"])
            ]
            if users:
                raise Conflict(
                    f"security group {name} on cloud {self.name} is used by {', '.join(users[:8])}"
                )
            connection.execute("DELETE FROM security_rule WHERE group_id = ?", (number("group", cloud_id),))
            connection.execute("DELETE FROM security_group WHERE id = ?", (number("group", cloud_id),))

    def add_rule(self, group_id: str, rule: SecurityRule) -> SecurityRule:
        with self._faults.around("add_rule", ""), self._world.change() as connection:
            group = self._group(connection, self._found(connection, group_id))
            if rule in group.rules:
                raise Conflict(f"security group {group.name} on cloud {self.name} has this rule already")
            return _insert(connection, number("group", group_id), rule)

    def remove_rule(self, group_id: str, rule: SecurityRule) -> None:
        with self._faults.around("remove_rule", ""), self._world.change() as connection:
            group = self._group(connection, self._found(connection, group_id))
            same = [each for each in group.rules if each == rule]
            if not same:
                raise NotFound(f"security group {group.name} on cloud {self.name} has no such rule")
            connection.execute("DELETE FROM security_rule WHERE id = ?", (number("rule", same[0].cloud_id),))

    def floating_ips(self) -> list[FloatingIP]:
        self._faults.before("floating_ips", "")
        with self._world.change() as connection:
            rows = connection.execute("SELECT * FROM floating_ip ORDER BY id").fetchall()
        return [self._floating(row) for row in rows]

    def create_floating_ip(self, pool: str = "", description: str = "") -> FloatingIP:
        if pool not in ("", POOL, f"network-{POOL}"):
            raise NotFound(f"there is no external network {pool} on cloud {self.name}; use {POOL}")
        with self._faults.around("create_floating_ip", ""), self._world.change() as connection:
            self._require_room(connection, "floating_ips")
            taken = {row["address"] for row in connection.execute("SELECT address FROM floating_ip")}
            free = next((address for address in public_addresses() if address not in taken), None)
            if free is None:
                raise NoCapacity(f"cloud {self.name} has no public address left in {POOL}")
            made = connection.execute(
                "INSERT INTO floating_ip (address, description) VALUES (?, ?)", (free, description)
            )
            return self._floating(self._address(connection, f"ip-{made.lastrowid:06d}"))

    def delete_floating_ip(self, cloud_id: str) -> None:
        with self._faults.around("delete_floating_ip", ""), self._world.change() as connection:
            self._address(connection, cloud_id)
            connection.execute("DELETE FROM floating_ip WHERE id = ?", (number("ip", cloud_id),))

    def attach_floating_ip(self, cloud_id: str, machine_id: str) -> None:
        with self._faults.around("attach_floating_ip", ""), self._world.change() as connection:
            address = self._floating(self._address(connection, cloud_id))
            machine = self._world.find(connection, machine_id)
            if machine is None:
                raise NotFound(f"there is no machine {machine_id} on cloud {self.name}")
            if machine["state"] == State.DELETING:
                raise Conflict(f"machine {machine['name']} on cloud {self.name} is being deleted")
            if address.machine_id:
                raise Conflict(f"{address.address} leads to {address.machine_id} already; detach it first")
            self._lead(connection, cloud_id, number("sim", machine_id))

    def detach_floating_ip(self, cloud_id: str) -> None:
        with self._faults.around("detach_floating_ip", ""), self._world.change() as connection:
            address = self._floating(self._address(connection, cloud_id))
            if not address.machine_id:
                raise Conflict(f"{address.address} on cloud {self.name} leads to no machine")
            self._lead(connection, cloud_id, None)

    def _lead(self, connection: sqlite3.Connection, cloud_id: str, machine: int | None) -> None:
        connection.execute(
            "UPDATE floating_ip SET machine_id = ? WHERE id = ?", (machine, number("ip", cloud_id))
        )

    def _found(self, connection: sqlite3.Connection, cloud_id: str) -> sqlite3.Row:
        key = number("group", cloud_id)
        row = connection.execute("SELECT * FROM security_group WHERE id = ?", (key,)).fetchone()
        if row is None:
            raise NotFound(f"there is no security group {cloud_id} on cloud {self.name}")
        found: sqlite3.Row = row
        return found

    def _group(self, connection: sqlite3.Connection, row: sqlite3.Row) -> SecurityGroup:
        rules = connection.execute(
            "SELECT * FROM security_rule WHERE group_id = ? ORDER BY id", (row["id"],)
        ).fetchall()
        return SecurityGroup(
            self.name,
            row["name"],
            f"group-{row['id']:06d}",
            row["description"],
            tuple(_rule({key: each[key] for key in _RULE}, each["id"]) for each in rules),
        )

    def _address(self, connection: sqlite3.Connection, cloud_id: str) -> sqlite3.Row:
        key = number("ip", cloud_id)
        row = connection.execute("SELECT * FROM floating_ip WHERE id = ?", (key,)).fetchone()
        if row is None:
            raise NotFound(f"there is no floating IP {cloud_id} on cloud {self.name}")
        found: sqlite3.Row = row
        return found

    def _floating(self, row: sqlite3.Row) -> FloatingIP:
        machine = f"sim-{row['machine_id']:06d}" if row["machine_id"] is not None else ""
        return FloatingIP(self.name, row["address"], f"ip-{row['id']:06d}", POOL, machine, row["description"])


def _insert(connection: sqlite3.Connection, group: int, rule: SecurityRule) -> SecurityRule:
    values = {key: getattr(rule, key) for key in _RULE}
    made = connection.execute(
        "INSERT INTO security_rule (group_id, direction, protocol, from_port, to_port, remote, ethertype) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (group, *values.values()),
    )
    return _rule(values, made.lastrowid or 0)


def _rule(values: Mapping[str, Any], number: int) -> SecurityRule:
    return SecurityRule(**values, cloud_id=f"rule-{number:06d}")
