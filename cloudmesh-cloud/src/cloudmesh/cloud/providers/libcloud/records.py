"""Machines, images, flavors and key pairs out of libcloud's objects."""

from __future__ import annotations

from typing import Any

from cloudmesh.cloud.model.records import Flavor, Image, KeyPair, MachineRecord, State

_CORES = ("vcpus", "vcpu_count", "cpu", "cpus", "cores", "guestCpus", "numberOfCores", "ncpus")
_RAW = ("status", "state", "power_state", "vm_state")


def to_machine(cloud: str, node: Any) -> MachineRecord:
    """A machine; an image or a size that the driver does not tell stays empty."""
    extra = node.extra if isinstance(node.extra, dict) else {}
    cloud_id = str(node.id)
    return MachineRecord(
        cloud=cloud,
        name=str(node.name or cloud_id),
        cloud_id=cloud_id,
        state=STATES.get(_value(node.state), State.UNKNOWN),
        raw_state=_raw_state(extra) or _value(node.state),
        image=_name(node.image) or _name(extra.get("image")),
        flavor=_name(node.size) or _name(extra.get("machineType") or extra.get("size")),
        key=str(extra.get("key_name") or ""),
        private_ips=[str(each) for each in node.private_ips or []],
        public_ips=[str(each) for each in node.public_ips or [] if each],
        created=_seconds(node),
    )


def _seconds(node: Any) -> float:
    """Seconds since the epoch; a time that a driver cannot read is none."""
    from datetime import datetime

    told = node.created_at
    return told.timestamp() if isinstance(told, datetime) else 0.0


def _value(state: Any) -> str:
    return str(getattr(state, "value", state)).lower()


def _raw_state(extra: dict[str, Any]) -> str:
    return next((extra[key] for key in _RAW if isinstance(extra.get(key), str) and extra[key]), "")


def _name(thing: Any) -> str:
    """The name of an image or size, which some drivers give as an object, others as a section or a text."""
    if isinstance(thing, str):
        return thing.rpartition("/")[2]
    if isinstance(thing, dict):
        return str(thing.get("name") or thing.get("slug") or thing.get("id") or "")
    return str(getattr(thing, "name", None) or getattr(thing, "id", None) or "")


def to_image(cloud: str, image: Any) -> Image:
    """An image; libcloud does not tell sizes."""
    return Image(cloud, str(image.name or image.id), str(image.id))


def to_flavor(cloud: str, size: Any) -> Flavor:
    """A flavor; cores are told in many ways."""
    extra = size.extra if isinstance(size.extra, dict) else {}
    cores = next((extra[key] for key in _CORES if extra.get(key)), getattr(size, "vcpus", None))
    return Flavor(
        cloud=cloud,
        name=str(size.name or size.id),
        cloud_id=str(size.id),
        vcpus=_number(cores),
        ram=_number(size.ram),
        disk=_number(size.disk),
    )


def _number(value: Any) -> int:
    try:
        return int(float(value))
    except (TypeError, ValueError, OverflowError):
        return 0


def to_key(cloud: str, key: Any) -> KeyPair:
    """A key pair."""
    return KeyPair(cloud, str(key.name), str(key.fingerprint or ""))


#: By the value of ``libcloud.compute.types.NodeState``.
STATES = {
    "error": State.ERROR,
    "migrating": State.UNKNOWN,
    "normal": State.ACTIVE,
    "paused": State.PAUSED,
    "pending": State.BUILDING,
    "rebooting": State.REBOOTING,
    "reconfiguring": State.RESIZING,
    "running": State.ACTIVE,
    "starting": State.STARTING,
    "stopped": State.STOPPED,
    "stopping": State.STOPPING,
    "suspended": State.SUSPENDED,
    "terminated": State.DELETED,
    "unknown": State.UNKNOWN,
    "updating": State.UNKNOWN,
}
