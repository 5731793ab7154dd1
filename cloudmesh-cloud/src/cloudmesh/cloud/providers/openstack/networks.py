"""Networks, security groups and floating IPs, by Neutron."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from cloudmesh.cloud.errors import Conflict, NotFound, OddRecord, Refused
from cloudmesh.cloud.model.networks import FloatingIP, Network, SecurityGroup, SecurityRule
from cloudmesh.cloud.providers.openstack.records import text, text_if_any
from cloudmesh.cloud.providers.openstack.services import Json, OpenStackServices
from cloudmesh.plugin.errors import suggest


class OpenStackNetworks(OpenStackServices):
    """The part of the provider that is about networks."""

    def networks(self) -> list[Network]:
        with self.requesting("list networks"):
            ranges: dict[str, list[str]] = {}
            for network_id, cidr in self.listed("subnets", "subnets", _subnet):
                ranges.setdefault(network_id, []).append(cidr)
            read = partial(_network, ranges=ranges, project_id=self.session.token().project_id)
            return list(self.listed("networks", "networks", read))

    def security_groups(self) -> list[SecurityGroup]:
        with self.requesting("list security groups"):
            mine = {"project_id": self.session.token().project_id}
            return list(self.listed("groups", "security_groups", _security_group, **mine))

    def create_security_group(self, name: str, description: str = "") -> SecurityGroup:
        project_id = self.session.token().project_id
        with self.requesting(f"create security group {name}"):
            # Neutron would make a second one of the same name.
            if self._all("groups", project_id=project_id, name=name):
                raise Refused(f"cloud {self.name} already has a security group {name}; use another name")
            wanted = {"security_group": {"name": name, "description": description}}
            made = self.ask("add_group", data=wanted)
            return _security_group(self.name, made)

    def delete_security_group(self, cloud_id: str) -> None:
        with self.requesting(f"delete security group {cloud_id}"):
            self.ask("delete_group", cloud_id)

    def add_rule(self, group_id: str, rule: SecurityRule) -> SecurityRule:
        with self.requesting(f"add a rule to security group {group_id}"):
            wanted = {"security_group_rule": _rule_body(group_id, rule)}
            made = self.ask("add_rule", data=wanted)
            return _rule(made)

    def remove_rule(self, group_id: str, rule: SecurityRule) -> None:
        with self.requesting(f"remove a rule from security group {group_id}"):
            if not rule.cloud_id:
                group = self.ask("group", group_id)
                same = [each for each in map(_rule, group["security_group_rules"]) if each == rule]
                if not same:
                    raise NotFound(f"security group {group['name']} of cloud {self.name} has no such rule")
                rule = same[0]
            self.ask("delete_rule", rule.cloud_id)

    def floating_ips(self) -> list[FloatingIP]:
        with self.requesting("list floating IPs"):
            pools = {str(item["id"]): str(item.get("name") or item["id"]) for item in self._pools()}
            mine = {"project_id": self.session.token().project_id}
            read = partial(_floating_ip, pools=pools)
            return list(self.listed("addresses", "floating_ips", read, **mine))

    def create_floating_ip(self, pool: str = "", description: str = "") -> FloatingIP:
        with self.requesting("create a floating IP"):
            chosen = self._pool(pool)
            said = {"description": description} if description else {}
            wanted = {"floatingip": {"floating_network_id": chosen["id"], **said}}
            made = self.ask("add_address", data=wanted)
            return _floating_ip(self.name, made, {str(chosen["id"]): str(chosen.get("name") or chosen["id"])})

    def delete_floating_ip(self, cloud_id: str) -> None:
        with self.requesting(f"delete floating IP {cloud_id}"):
            self.ask("delete_address", cloud_id)

    def attach_floating_ip(self, cloud_id: str, machine_id: str) -> None:
        what = f"attach floating IP {cloud_id} to machine {machine_id}"
        with self.requesting(what):
            known = self.ask("address", cloud_id)
            address = str(known["floating_ip_address"])
            if known.get("port_id"):
                raise Conflict(f"floating IP {address} of cloud {self.name} is attached; detach it first")
            port = self._port(machine_id, address)
        try:
            with self.requesting(what):
                self._lead(cloud_id, port)
        except Conflict as error:
            # The machine has all it needs, so to ask again would not help.
            raise Refused(str(error)) from error

    def detach_floating_ip(self, cloud_id: str) -> None:
        with self.requesting(f"detach floating IP {cloud_id}"):
            known = self.ask("address", cloud_id)
            if not known.get("port_id"):
                address = known["floating_ip_address"]
                raise Conflict(f"floating IP {address} of cloud {self.name} is not attached to a machine")
            self._lead(cloud_id, None)

    def _lead(self, cloud_id: str, port: str | None) -> None:
        """Let a floating IP lead to a port, or nowhere."""
        told = self.ask("set_address", cloud_id, data={"floatingip": {"port_id": port}})
        if (told.get("port_id") or None) != port:
            raise OddRecord("it does not show the change")

    def _port(self, machine_id: str, address: str) -> str:
        """The port of a machine with an IPv4 address, which a floating IP can lead to.

        Raises:
            Conflict: there is none yet, since the machine is being built; NotFound: there is no such machine.
            Refused: there will be none.
        """
        ports = self._all("ports", device_id=machine_id)
        fixed = {str(each["ip_address"]): str(port["id"]) for port in ports for each in port["fixed_ips"]}
        for ip, port_id in fixed.items():
            if ":" not in ip:
                return port_id
        status = self.ask("server", machine_id)["status"]
        subject = f"machine {machine_id} of cloud {self.name}"
        if fixed:
            raise Refused(
                f"{subject} has IPv6 addresses only ({', '.join(fixed)}), and {address} needs IPv4; "
                "boot it on a network with IPv4"
            )
        if status == "BUILD":
            raise Conflict(f"{subject} is not yet on a network that {address} can be attached to")
        raise Refused(f"{subject} is on no network that {address} can be attached to; boot it on a network")

    def _pools(self) -> list[dict[str, Any]]:
        """The networks that floating IPs are taken from."""
        return self._all("networks", **{"router:external": True})

    def _pool(self, wanted: str) -> dict[str, Any]:
        pools = self._pools()
        names = [str(each.get("name") or each["id"]) for each in pools]
        found = [each for each in pools if not wanted or wanted in (each["name"], each["id"])]
        if len(found) == 1:
            return found[0]
        if not pools:
            raise Refused(f"cloud {self.name} has no external network to create a floating IP from")
        if not found:
            raise NotFound(f"cloud {self.name} has no external network {wanted!r}; {suggest(wanted, names)}")
        raise Refused(
            f"cloud {self.name} has several external networks: {', '.join(sorted(names))}; cms ip create "
            "--pool=NETWORK creates an address in one, and cms ip attach attaches it to a machine"
        )

    def _all(self, call: str, /, **query: Any) -> list[dict[str, Any]]:
        """A whole list of Neutron, asked for in pages."""
        return [item for page in self.pages(call, **query) for item in page]


def _subnet(_: str, item: Json) -> tuple[str, str]:
    """A network's id, and an address range of it."""
    return text(item, "network_id"), text(item, "cidr")


def _network(cloud: str, item: Json, ranges: Mapping[str, list[str]], project_id: str) -> Network:
    """A network, as seen from this project: one that is another project's is shared."""
    owner = item.get("project_id") or item.get("tenant_id")
    cloud_id = text(item, "id")
    return Network(
        cloud=cloud,
        name=text_if_any(item, "name") or cloud_id,
        cloud_id=cloud_id,
        subnets=tuple(ranges.get(cloud_id, ())),
        external=bool(item.get("router:external")),
        shared=bool(project_id) and owner != project_id,
    )


def _security_group(cloud: str, item: Json) -> SecurityGroup:
    """A security group with its rules."""
    rules = tuple(sorted(map(_rule, item.get("security_group_rules", ())), key=_order))
    described = text_if_any(item, "description")
    return SecurityGroup(cloud, text(item, "name"), text(item, "id"), described, rules)


def _order(item: SecurityRule) -> tuple[str | int, ...]:
    """A key for sorting: Neutron tells the rules in no order, and a user wants the same one each time."""
    ports = (-1 if port is None else port for port in (item.from_port, item.to_port))
    return (item.direction, item.ethertype, item.protocol, *ports, item.remote)


def _rule(item: Json) -> SecurityRule:
    """A rule of a security group."""
    return SecurityRule(
        direction=text(item, "direction"),
        protocol=str(item.get("protocol") or "any"),
        from_port=item.get("port_range_min"),
        to_port=item.get("port_range_max"),
        remote=str(item.get("remote_ip_prefix") or item.get("remote_group_id") or ""),
        ethertype=text(item, "ethertype"),
        cloud_id=text(item, "id"),
    )


def _rule_body(group_id: str, wanted: SecurityRule) -> dict[str, Any]:
    """A new rule, as Neutron's interface has it."""
    is_range = any(sign in wanted.remote for sign in "./:")
    return {
        "security_group_id": group_id,
        "direction": wanted.direction,
        "ethertype": wanted.ethertype,
        "protocol": None if wanted.protocol == "any" else wanted.protocol,
        "port_range_min": wanted.from_port,
        "port_range_max": wanted.to_port,
        "remote_ip_prefix": wanted.remote if is_range else None,
        "remote_group_id": wanted.remote if wanted.remote and not is_range else None,
    }


def _floating_ip(cloud: str, item: Json, pools: Mapping[str, str]) -> FloatingIP:
    """A floating IP; ``pools`` are the names of the external networks by their ids."""
    pool = text(item, "floating_network_id")
    port = item.get("port_details") or {}
    return FloatingIP(
        cloud=cloud,
        address=text(item, "floating_ip_address"),
        cloud_id=text(item, "id"),
        pool=pools.get(pool, pool),
        machine_id=str(port.get("device_id") or ""),
        description=text_if_any(item, "description"),
    )
