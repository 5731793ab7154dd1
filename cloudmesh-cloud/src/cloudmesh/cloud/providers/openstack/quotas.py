"""How much of what the project may have, as Nova and Neutron tell it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cloudmesh.cloud.model.records import Quota

# Our name, Nova's limit, Nova's use, and the unit.
_NOVA = (
    ("machines", "maxTotalInstances", "totalInstancesUsed", ""),
    ("vcpus", "maxTotalCores", "totalCoresUsed", ""),
    ("ram", "maxTotalRAMSize", "totalRAMUsed", "MiB"),
    ("key_pairs", "maxTotalKeypairs", "", ""),
)
_NEUTRON = {
    "floatingip": "floating_ips",
    "security_group": "security_groups",
    "security_group_rule": "security_group_rules",
    "network": "networks",
    "port": "ports",
}
# The words of Nova's errors.
NAMES = {"instances": "machines", "cores": "vcpus", "ram": "ram", "key_pairs": "key_pairs", **_NEUTRON}


def of_nova(cloud: str, limits: Mapping[str, Any]) -> Iterator[Quota]:
    """Machines, cores, memory and key pairs."""
    for name, limit, used, unit in _NOVA:
        if limit in limits:
            yield Quota(cloud, name, limits.get(used), _limit(limits[limit]), unit)


def of_neutron(cloud: str, details: Mapping[str, Any]) -> Iterator[Quota]:
    """Addresses, security groups, networks and ports."""
    for theirs, name in _NEUTRON.items():
        if theirs in details:
            quota = details[theirs]
            yield Quota(cloud, name, int(quota["used"]), _limit(quota["limit"]))


def _limit(number: int) -> int | None:
    """Below zero there is none."""
    return None if number < 0 else int(number)
