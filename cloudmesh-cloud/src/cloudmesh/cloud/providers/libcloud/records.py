"""What libcloud's objects tell: machines, images, flavors and key pairs, and what a driver can do."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from cloudmesh.cloud.errors import OddRecord
from cloudmesh.cloud.model.records import Flavor, Image, KeyPair, MachineRecord, State
from cloudmesh.cloud.model.verbs import Capability

_CORES = ("vcpus", "vcpu_count", "cpu", "cpus", "cores", "guestCpus", "numberOfCores", "ncpus")
_RAW = ("status", "state", "power_state", "vm_state")


def extra_of(thing: Any) -> dict[str, Any]:
    """What a driver tells beyond what libcloud's objects have in common; some leave it out."""
    return thing.extra if isinstance(thing.extra, dict) else {}


def to_machine(cloud: str, node: Any) -> MachineRecord:
    """A machine; an image or a size that the driver does not tell stays empty."""
    extra = extra_of(node)
    cloud_id = word_of(node.id, "id", needed=True)
    state = str(getattr(node.state, "value", node.state)).lower()
    said = [extra[key] for key in _RAW if isinstance(extra.get(key), str)]
    return MachineRecord(
        cloud=cloud,
        name=word_of(node.name, "name") or cloud_id,
        cloud_id=cloud_id,
        state=STATES.get(state, State.UNKNOWN),
        raw_state=next(filter(None, said), "") or state,
        image=_name(node.image) or _name(extra.get("image")),
        flavor=_name(node.size) or _name(extra.get("machineType") or extra.get("size")),
        key=str(extra.get("key_name") or ""),
        private_ips=[address_of(each) for each in node.private_ips or [] if each],
        public_ips=[address_of(each) for each in node.public_ips or [] if each],
        created=node.created_at.timestamp() if isinstance(node.created_at, datetime) else 0.0,
    )


def epoch_seconds(text: Any) -> float:
    """A time such as ``2026-11-24T10:00:00.000Z`` in seconds since the epoch, of UTC if it names no zone.

    It is 0 for none, and for a text that cannot be read as one: a cloud's odd time must not break a listing.
    """
    # Python 3.10 reads neither a Z, nor +0000, nor fractions of other than 3 or 6 digits.
    plain = re.sub(r"[Zz]$", "+00:00", str(text or "").strip())
    plain = re.sub(r"([+-][0-9]{2})([0-9]{2})$", r"\1:\2", plain)
    plain = re.sub(r"[.,]([0-9]+)", lambda found: f".{found[1]:0<6.6}", plain)
    try:
        told = datetime.fromisoformat(plain)
        return (told if told.tzinfo else told.replace(tzinfo=timezone.utc)).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def time_of(told: Any) -> float:
    """A time as seconds since the epoch, 0 for none. Raises OddRecord if it is no time."""
    seconds = epoch_seconds(told)
    if told and not seconds:
        raise OddRecord("its creation time is not valid")
    return seconds


def address_of(told: Any) -> str:
    """An address as a cloud tells it. Raises OddRecord if it is none."""
    from ipaddress import ip_address

    try:
        ip_address(told if isinstance(told, str) else "")
    except ValueError:
        raise OddRecord("one of its addresses is not an IP address") from None
    return str(told)


def word_of(told: Any, what: str, needed: bool = False) -> str:
    """A text as a cloud tells it, empty for none. Raises OddRecord if it is no text, or none and needed."""
    if told in (None, "") and not needed:
        return ""
    if not (told and isinstance(told, str | int)) or isinstance(told, bool):
        raise OddRecord(f"its {what} is {'empty' if told in (None, '') else 'not a text'}")
    return str(told)


def _name(thing: Any) -> str:
    """The name of an image or size, which some drivers give as an object, others as a section or a text.

    Raises OddRecord for what is none of these.
    """
    if isinstance(thing, list | float | bool):
        raise OddRecord("its image or flavor has an unexpected form")
    if isinstance(thing, str):
        return thing.rpartition("/")[2]
    if isinstance(thing, dict):
        return str(thing.get("name") or thing.get("slug") or thing.get("id") or "")
    return str(getattr(thing, "name", None) or getattr(thing, "id", None) or "")


def to_image(cloud: str, image: Any) -> Image:
    """An image; libcloud does not tell sizes."""
    cloud_id = word_of(image.id, "id", needed=True)
    return Image(cloud, word_of(image.name, "name") or cloud_id, cloud_id)


def to_flavor(cloud: str, size: Any) -> Flavor:
    """A flavor; cores are told in many ways."""
    extra = extra_of(size)
    cores = next((extra[key] for key in _CORES if extra.get(key)), getattr(size, "vcpus", None))
    cloud_id = word_of(size.id, "id", needed=True)
    return Flavor(
        cloud=cloud,
        name=word_of(size.name, "name") or cloud_id,
        cloud_id=cloud_id,
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
    return KeyPair(cloud, word_of(key.name, "name", needed=True), word_of(key.fingerprint, "fingerprint"))


#: By the value of ``libcloud.compute.types.NodeState``.
STATES = {
    "error": State.ERROR,
    "migrating": State.MIGRATING,
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
    "updating": State.UPDATING,
}


# The methods that bring a capability about, the first that a driver has is called. libcloud's base class has
# some of them too, where they only raise NotImplementedError.
METHODS: dict[Capability, tuple[str, ...]] = {
    Capability.START: ("start_node", "ex_start_node", "ex_power_on_node", "ex_start"),
    Capability.STOP: ("stop_node", "ex_stop_node", "ex_shutdown_node", "ex_stop"),
    Capability.REBOOT: ("reboot_node",),
}
# What drivers call their way to one machine by its id. Others of these names take a name, or make an object.
_GETTERS = ("ex_get_node", "ex_get_node_details", "ex_get_node_by_id")
_KEY_METHODS = ("list_key_pairs", "import_key_pair_from_string", "delete_key_pair")


def method_for(driver: Any, capability: Capability) -> str:
    """The name of the driver's method for this, empty if it has none."""
    return next((name for name in METHODS[capability] if has(driver, name)), "")


def getter_of(driver: Any) -> Callable[[str], Any] | None:
    """The driver's method that gives the object of one machine by its id; None if it has none."""
    for name in _GETTERS:
        if has(driver, name):
            found: Callable[[str], Any] = getattr(driver, name)
            given = inspect.signature(found).parameters.values()
            if [each.name for each in given if each.default is each.empty] in (["node_id"], ["id"]):
                return found
    return None


def has(driver: Any, name: str) -> bool:
    """Whether a driver has a method of its own by this name."""
    from libcloud.compute.base import NodeDriver

    own = getattr(type(driver), name, None)
    return own is not None and own is not getattr(NodeDriver, name, None)


def capabilities_of(driver: Any) -> frozenset[Capability]:
    """All that the driver can do."""
    found = {capability for capability in METHODS if method_for(driver, capability)}
    if all(has(driver, name) for name in _KEY_METHODS):
        found.add(Capability.KEYS)
    return frozenset(found)
