"""What Neutron tells, in our form, and the other way round."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cloudmesh.cloud.model.networks import FloatingIP, Network, SecurityGroup, SecurityRule

Json = Mapping[str, Any]


def ranges(subnets: Iterable[Json]) -> dict[str, tuple[str, ...]]:
    """The address ranges of each network by its id."""
    found: dict[str, tuple[str, ...]] = {}
    for subnet in subnets:
        network_id = str(subnet["network_id"])
        found[network_id] = (*found.get(network_id, ()), str(subnet["cidr"]))
    return found


def network(cloud: str, item: Json, known: Mapping[str, tuple[str, ...]], mine: str) -> Network:
    """A network; ``mine`` is the id of this project."""
    owner = item.get("project_id") or item.get("tenant_id")
    cloud_id = str(item["id"])
    return Network(
        cloud=cloud,
        name=str(item.get("name") or cloud_id),
        cloud_id=cloud_id,
        subnets=known.get(cloud_id, ()),
        external=bool(item.get("router:external")),
        shared=bool(mine) and owner != mine,
    )


def security_group(cloud: str, item: Json) -> SecurityGroup:
    """A security group with its rules."""
    rules = tuple(sorted(map(rule, item.get("security_group_rules", ())), key=_order))
    return SecurityGroup(cloud, str(item["name"]), str(item["id"]), str(item.get("description") or ""), rules)


def _order(item: SecurityRule) -> tuple[str | int, ...]:
    """Neutron tells the rules in no order; a user wants the same one each time."""
    ports = (-1 if port is None else port for port in (item.from_port, item.to_port))
    return (item.direction, item.ethertype, item.protocol, *ports, item.remote)


def rule(item: Json) -> SecurityRule:
    """A rule."""
    return SecurityRule(
        direction=str(item["direction"]),
        protocol=str(item.get("protocol") or "any"),
        from_port=item.get("port_range_min"),
        to_port=item.get("port_range_max"),
        remote=str(item.get("remote_ip_prefix") or item.get("remote_group_id") or ""),
        ethertype=str(item["ethertype"]),
        cloud_id=str(item["id"]),
    )


def wanted_rule(group_id: str, wanted: SecurityRule) -> dict[str, Any]:
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


def floating_ip(cloud: str, item: Json, pools: Mapping[str, str]) -> FloatingIP:
    """A floating IP; ``pools`` are the names of the external networks by their ids."""
    pool = str(item["floating_network_id"])
    leads_to = item.get("port_details") or {}
    return FloatingIP(
        cloud=cloud,
        address=str(item["floating_ip_address"]),
        cloud_id=str(item["id"]),
        pool=pools.get(pool, pool),
        machine_id=str(leads_to.get("device_id") or ""),
        description=str(item.get("description") or ""),
    )
