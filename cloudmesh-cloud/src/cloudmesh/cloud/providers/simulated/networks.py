"""Networks, security groups and floating IPs of a simulated cloud."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from cloudmesh.cloud.errors import Conflict, NoCapacity, NotFound, Refused
from cloudmesh.cloud.model.networks import FloatingIP, Network, SecurityGroup, SecurityRule
from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.providers.simulated.account import NETWORKS, POOL, SimulatedAccount
from cloudmesh.cloud.providers.simulated.world import cloud_id_of, row_number

# The tables, and the words for what is in them, by the begin of its ids.
_TABLES = {"group": ("security_group", "security group"), "ip": ("floating_ip", "floating IP")}
_RULE = ("direction", "protocol", "from_port", "to_port", "remote", "ethertype")


class SimulatedNetworks(SimulatedAccount):
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
                    f"cloud {self.name} already has a security group {name}; use another name"
                ) from None
            # As real clouds do: what a machine sends is let through.
            _insert(connection, int(made.lastrowid or 0), SecurityRule("egress", "any"))
            return self._group(
                connection, self._row_of(connection, "group", cloud_id_of("group", made.lastrowid))
            )

    def delete_security_group(self, cloud_id: str) -> None:
        with self._world.change() as connection:
            name = self._row_of(connection, "group", cloud_id)["name"]
        with self._faults.around("delete_security_group", name), self._world.change() as connection:
            self._row_of(connection, "group", cloud_id)
            users = [
                row["name"]
                for row in connection.execute("SELECT name, groups FROM machine")
                if name in json.loads(row["groups"])
            ]
            if users:
                raise Conflict(
                    f"security group {name} on cloud {self.name} is used by {', '.join(users[:8])}"
                )
            connection.execute(
                "DELETE FROM security_rule WHERE group_id = ?", (row_number("group", cloud_id),)
            )
            connection.execute("DELETE FROM security_group WHERE id = ?", (row_number("group", cloud_id),))

    def add_rule(self, group_id: str, rule: SecurityRule) -> SecurityRule:
        with self._faults.around("add_rule", ""), self._world.change() as connection:
            group = self._group(connection, self._row_of(connection, "group", group_id))
            if rule in group.rules:
                raise Conflict(f"security group {group.name} on cloud {self.name} has this rule already")
            return _insert(connection, row_number("group", group_id), rule)

    def remove_rule(self, group_id: str, rule: SecurityRule) -> None:
        with self._faults.around("remove_rule", ""), self._world.change() as connection:
            group = self._group(connection, self._row_of(connection, "group", group_id))
            same = [each for each in group.rules if each == rule]
            if not same:
                raise NotFound(f"security group {group.name} on cloud {self.name} has no such rule")
            connection.execute(
                "DELETE FROM security_rule WHERE id = ?", (row_number("rule", same[0].cloud_id),)
            )

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
            pool_addresses = (f"203.0.113.{number}" for number in range(1, 255))
            free = next((each for each in pool_addresses if each not in taken), None)
            if free is None:
                raise NoCapacity(f"cloud {self.name} has no public address left in {POOL}")
            made = connection.execute(
                "INSERT INTO floating_ip (address, description) VALUES (?, ?)", (free, description)
            )
            return self._floating(self._row_of(connection, "ip", cloud_id_of("ip", made.lastrowid)))

    def delete_floating_ip(self, cloud_id: str) -> None:
        with self._faults.around("delete_floating_ip", ""), self._world.change() as connection:
            self._row_of(connection, "ip", cloud_id)
            connection.execute("DELETE FROM floating_ip WHERE id = ?", (row_number("ip", cloud_id),))

    def attach_floating_ip(self, cloud_id: str, machine_id: str) -> None:
        with self._faults.around("attach_floating_ip", ""), self._world.change() as connection:
            address = self._floating(self._row_of(connection, "ip", cloud_id))
            machine = self._world.find(connection, machine_id)
            if machine is None:
                raise NotFound(f"there is no machine {machine_id} on cloud {self.name}")
            if machine["state"] == State.DELETING:
                raise Conflict(f"machine {machine['name']} on cloud {self.name} is being deleted")
            if address.machine_id:
                raise Conflict(
                    f"{address.address} is already attached to {address.machine_id}; detach it first"
                )
            self._set_machine(connection, cloud_id, row_number("sim", machine_id))

    def detach_floating_ip(self, cloud_id: str) -> None:
        with self._faults.around("detach_floating_ip", ""), self._world.change() as connection:
            address = self._floating(self._row_of(connection, "ip", cloud_id))
            if not address.machine_id:
                raise Conflict(f"{address.address} on cloud {self.name} is not attached to a machine")
            self._set_machine(connection, cloud_id, None)

    def _set_machine(self, connection: sqlite3.Connection, cloud_id: str, machine: int | None) -> None:
        connection.execute(
            "UPDATE floating_ip SET machine_id = ? WHERE id = ?", (machine, row_number("ip", cloud_id))
        )

    def _row_of(self, connection: sqlite3.Connection, prefix: str, cloud_id: str) -> sqlite3.Row:
        """The row of a security group (``group``) or floating IP (``ip``). Raises NotFound."""
        table, kind = _TABLES[prefix]
        wanted = (row_number(prefix, cloud_id),)
        row = connection.execute(f"SELECT * FROM {table} WHERE id = ?", wanted).fetchone()  # noqa: S608 our own names
        if row is None:
            raise NotFound(f"there is no {kind} {cloud_id} on cloud {self.name}")
        found: sqlite3.Row = row
        return found

    def _group(self, connection: sqlite3.Connection, row: sqlite3.Row) -> SecurityGroup:
        rules = connection.execute(
            "SELECT * FROM security_rule WHERE group_id = ? ORDER BY id", (row["id"],)
        ).fetchall()
        return SecurityGroup(
            self.name,
            row["name"],
            cloud_id_of("group", row["id"]),
            row["description"],
            tuple(_rule({key: each[key] for key in _RULE}, each["id"]) for each in rules),
        )

    def _floating(self, row: sqlite3.Row) -> FloatingIP:
        machine = "" if row["machine_id"] is None else cloud_id_of("sim", row["machine_id"])
        return FloatingIP(
            self.name, row["address"], cloud_id_of("ip", row["id"]), POOL, machine, row["description"]
        )


def _insert(connection: sqlite3.Connection, group: int | None, rule: SecurityRule) -> SecurityRule:
    values = {key: getattr(rule, key) for key in _RULE}
    made = connection.execute(
        "INSERT INTO security_rule (group_id, direction, protocol, from_port, to_port, remote, ethertype) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (group, *values.values()),
    )
    return _rule(values, made.lastrowid)


def _rule(values: Mapping[str, Any], number: int | None) -> SecurityRule:
    return SecurityRule(**values, cloud_id=cloud_id_of("rule", number))
