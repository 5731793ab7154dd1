"""What Nova and Glance tell, in our form: servers, images, flavors, key pairs; and quotas, also of Neutron.

The states of a server: https://docs.openstack.org/api-guide/compute/server_concepts.html; what it is about to
become stands apart, in its task.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cloudmesh.cloud.access.users import user_of_properties
from cloudmesh.cloud.errors import OddRecord
from cloudmesh.cloud.model.records import Flavor, Image, KeyPair, MachineRecord, Quota, State
from cloudmesh.cloud.provider.boot import boot_id_of, lease_of, unmarked
from cloudmesh.cloud.providers.libcloud.records import epoch_seconds

Json = Mapping[str, Any]
GIB = 2**30
_STATES = {
    "ACTIVE": State.ACTIVE,
    "BUILD": State.BUILDING,
    # Until Nova has given back what it used, and does not find it any more.
    "DELETED": State.DELETING,
    "ERROR": State.ERROR,
    "HARD_REBOOT": State.REBOOTING,
    "MIGRATING": State.MIGRATING,
    "PASSWORD": State.ACTIVE,
    "PAUSED": State.PAUSED,
    "REBOOT": State.REBOOTING,
    "REBUILD": State.REBUILDING,
    "RESCUE": State.RESCUED,
    "RESIZE": State.RESIZING,
    "REVERT_RESIZE": State.RESIZING,
    "SHELVED": State.SHELVED,
    "SHELVED_OFFLOADED": State.SHELVED_OFFLOADED,
    "SHUTOFF": State.STOPPED,
    "SOFT_DELETED": State.DELETED,
    "SUSPENDED": State.SUSPENDED,
    # It runs, but its old self is kept, and counted, until somebody confirms.
    "VERIFY_RESIZE": State.RESIZED,
}
_TASKS = {
    "deleting": State.DELETING,
    "soft-deleting": State.DELETING,
    "powering-off": State.STOPPING,
    "powering-on": State.STARTING,
    "suspending": State.SUSPENDING,
    "resuming": State.RESUMING,
    "unpausing": State.UNPAUSING,
    "pausing": State.PAUSING,
    "restoring": State.STARTING,
    "shelving": State.SHELVING,
    "shelving_image_pending_upload": State.SHELVING,
    "shelving_image_uploading": State.SHELVING,
    "shelving_offloading": State.SHELVING,
    "unshelving": State.UNSHELVING,
    "migrating": State.MIGRATING,
    "rescuing": State.UPDATING,
    "unrescuing": State.UPDATING,
    "resize_confirming": State.RESIZING,
    "resize_reverting": State.RESIZING,
}


def state_of(status: str, task: str | None) -> State:
    """The normalised state for Nova's status and its task, if it has one."""
    state = _STATES.get(status.upper(), State.UNKNOWN)
    if not task or (state is State.DELETED and task != "restoring"):
        return state
    if state is State.SHELVED_OFFLOADED and task == "spawning":
        # While its image is copied to a host, which takes minutes.
        return State.UNSHELVING
    return _TASKS.get(task, state)


def raw_state(status: str, task: str | None) -> str:
    """Nova's own words: the status, and the task after it."""
    return f"{status} {task}" if task else status


def text(item: Json, key: str) -> str:
    """What must be a text and not empty, such as a name or an id. Raises OddRecord."""
    found = item[key]
    if not (found and isinstance(found, str)):
        raise OddRecord(f"its {key} is {'empty' if found in ('', None) else 'not a text'}")
    return found


def text_if_any(item: Json, key: str) -> str:
    """The same for what may be missing; empty without it."""
    return text(item, key) if item.get(key) else ""


def machine(cloud: str, server: Json) -> MachineRecord:
    """A server of Nova's detailed list. Raises OddRecord, or what a missing key or a wrong type raises."""
    status, task = text(server, "status"), server.get("OS-EXT-STS:task_state")
    state = state_of(status, task)
    private, public = _addresses(server.get("addresses") or {})
    flavor = server.get("flavor") or {}
    if not isinstance(flavor, dict):
        raise OddRecord("its flavor has an unexpected form")
    told = (server.get("fault") or {}).get("message")
    created = epoch_seconds(server.get("created"))
    if server.get("created") and not created:
        raise OddRecord("its creation time is not valid")
    return MachineRecord(
        cloud=cloud,
        name=text(server, "name"),
        cloud_id=text(server, "id"),
        state=state,
        raw_state=raw_state(status, task),
        # A server that boots from a volume has no image, and an empty text in its place.
        image=text_if_any(server.get("image") or {}, "id"),
        # Told since microversion 2.98; of others the listing of images tells.
        login_user=user_of_properties(_properties(server.get("image"))),
        flavor=text_if_any(flavor, "original_name") or text_if_any(flavor, "id"),
        key=text_if_any(server, "key_name"),
        private_ips=private,
        public_ips=public,
        fault=" ".join(str(told or "Nova gives no reason").split()) if state is State.ERROR else "",
        created=created,
        metadata=unmarked(server.get("metadata") or {}),
        lease=lease_of(server.get("metadata") or {}),
        zone=text_if_any(server, "OS-EXT-AZ:availability_zone"),
        owner=text_if_any(server, "user_id"),
        boot_id=boot_id_of(server.get("metadata") or {}),
        # Told since microversion 2.9.
        locked=server.get("locked"),
    )


def _properties(image: Any) -> Json:
    """The properties of the image of a server; none where Nova does not tell them."""
    told = image.get("properties") if isinstance(image, dict) else None
    return told if isinstance(told, dict) else {}


def _addresses(networks: Json) -> tuple[list[str], list[str]]:
    """Private addresses, and public ones: floating, or of a kind that is routed everywhere."""
    import ipaddress

    private: list[str] = []
    public: list[str] = []
    for addresses in networks.values():
        for each in addresses:
            try:
                address = ipaddress.ip_address(each["addr"])
            except ValueError:
                raise OddRecord("one of its addresses is not an IP address") from None
            floating = each.get("OS-EXT-IPS:type") == "floating"
            (public if floating or address.is_global else private).append(str(each["addr"]))
    return private, public


def image(cloud: str, item: Json) -> Image:
    """An image of Glance."""
    cloud_id = text(item, "id")
    size = round((item.get("size") or 0) / GIB, 2)
    # Glance tells the properties of an image beside its own keys.
    user = user_of_properties(item)
    return Image(cloud, text_if_any(item, "name") or cloud_id, cloud_id, size, user)


def flavor(cloud: str, item: Json) -> Flavor:
    """A flavor of Nova's detailed list."""
    sizes = (int(item[key]) for key in ("vcpus", "ram", "disk"))
    return Flavor(cloud, text(item, "name"), text(item, "id"), *sizes)


def key_pair(cloud: str, item: Json) -> KeyPair:
    """A key pair of Nova's list."""
    told = item["keypair"]
    return KeyPair(cloud, text(told, "name"), text_if_any(told, "fingerprint"))


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
QUOTA_NAMES = {"instances": "machines", "cores": "vcpus", "ram": "ram", "key_pairs": "key_pairs", **_NEUTRON}
QUOTA_NAMES |= {"servers": "machines", "class:VCPU": "vcpus", "class:MEMORY_MB": "ram"}
QUOTA_NAMES |= {"server_key_pairs": "key_pairs"}


def nova_quotas(cloud: str, limits: Mapping[str, Any]) -> Iterator[Quota]:
    """Machines, cores, memory and key pairs."""
    for name, limit, used, unit in _NOVA:
        if limit in limits:
            yield Quota(cloud, name, limits.get(used), _limit(limits[limit]), unit)


def neutron_quotas(cloud: str, details: Mapping[str, Any]) -> Iterator[Quota]:
    """Addresses, security groups, networks and ports."""
    for theirs, name in _NEUTRON.items():
        if theirs in details:
            quota = details[theirs]
            yield Quota(cloud, name, int(quota["used"]), _limit(quota["limit"]))


def _limit(number: int) -> int | None:
    """Below zero there is none."""
    return None if number < 0 else int(number)
