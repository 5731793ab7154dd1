"""What Nova, Glance and Neutron tell, in our form."""

from __future__ import annotations

import calendar
import time
from collections.abc import Mapping
from typing import Any

from cloudmesh.cloud.model import Flavor, Image, KeyPair, Machine, State
from cloudmesh.cloud.providers.openstack.states import raw_state, state_of
from cloudmesh.cloud.tokens import unmarked

GIB = 2**30

Json = Mapping[str, Any]


def machine(cloud: str, server: Json) -> Machine:
    """A server of Nova's detailed list."""
    status, task = str(server["status"]), server.get("OS-EXT-STS:task_state")
    state = state_of(status, task)
    private, public = _addresses(server.get("addresses") or {})
    flavor = server.get("flavor") or {}
    return Machine(
        cloud=cloud,
        name=str(server["name"]),
        cloud_id=str(server["id"]),
        state=state,
        raw_state=raw_state(status, task),
        # A server that boots from a volume has no image, and an empty text in its place.
        image=str((server.get("image") or {}).get("id", "")),
        flavor=str(flavor.get("original_name") or flavor.get("id") or ""),
        key=str(server.get("key_name") or ""),
        private_ips=private,
        public_ips=public,
        fault=_fault(server) if state is State.ERROR else "",
        created=seconds(server.get("created")),
        metadata=unmarked(server.get("metadata") or {}),
        zone=str(server.get("OS-EXT-AZ:availability_zone") or ""),
    )


def _addresses(networks: Json) -> tuple[list[str], list[str]]:
    """Private addresses, and public ones: floating, or of a kind that is routed everywhere."""
    import ipaddress

    private: list[str] = []
    public: list[str] = []
    for addresses in networks.values():
        for each in addresses:
            text = str(each["addr"])
            floating = each.get("OS-EXT-IPS:type") == "floating"
            (public if floating or ipaddress.ip_address(text).is_global else private).append(text)
    return private, public


def _fault(server: Json) -> str:
    fault = server.get("fault") or {}
    return " ".join(str(fault.get("message") or "Nova does not tell why").split())


def image(cloud: str, item: Json) -> Image:
    """An image of Glance."""
    return Image(
        cloud, str(item.get("name") or item["id"]), str(item["id"]), round((item.get("size") or 0) / GIB, 2)
    )


def flavor(cloud: str, item: Json) -> Flavor:
    """A flavor of Nova's detailed list."""
    return Flavor(
        cloud, str(item["name"]), str(item["id"]), int(item["vcpus"]), int(item["ram"]), int(item["disk"])
    )


def key_pair(cloud: str, item: Json) -> KeyPair:
    """A key pair of Nova."""
    return KeyPair(cloud, str(item["name"]), str(item.get("fingerprint", "")))


def seconds(text: Any) -> float:
    """A time such as ``2026-11-24T10:00:00Z`` in seconds since the epoch; 0 if there is none."""
    if not text:
        return 0.0
    return float(calendar.timegm(time.strptime(str(text)[:19], "%Y-%m-%dT%H:%M:%S")))
