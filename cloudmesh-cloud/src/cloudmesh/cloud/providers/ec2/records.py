"""Machines, images and flavors out of EC2's answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudmesh.cloud.model.records import Flavor, Image, MachineRecord, State
from cloudmesh.cloud.provider.boot import unmarked
from cloudmesh.cloud.providers.ec2.query import items
from cloudmesh.cloud.providers.libcloud.records import address_of, time_of, word_of

# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html
STATES = {
    "pending": State.BUILDING,
    "running": State.ACTIVE,
    "stopping": State.STOPPING,
    "stopped": State.STOPPED,
    "shutting-down": State.DELETING,
    "terminated": State.DELETED,
}
HIBERNATED = "Client.UserInitiatedHibernate"


def state_of(instance: Mapping[str, Any]) -> State:
    """The state; EC2 tells of a hibernated machine only by the reason why it is stopped.

    Such a machine comes back by a mere start, so where machines are not booted to be suspended it is
    ``hibernated``; see ``Ec2Provider``.
    """
    state = STATES.get(raw_state(instance), State.UNKNOWN)
    if _reason(instance, "code") == HIBERNATED:
        return {State.STOPPED: State.SUSPENDED, State.STOPPING: State.SUSPENDING}.get(state, state)
    return state


def raw_state(instance: Mapping[str, Any]) -> str:
    """EC2's own word."""
    return word_of(_section(instance, "instanceState").get("name"), "state")


def fault_of(instance: Mapping[str, Any]) -> str:
    """Why EC2 itself stopped or ended the machine; empty if its user asked for that, or if it runs.

    Reasons: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StateReason.html
    """
    code = _reason(instance, "code")
    asked = code.startswith(("Client.UserInitiated", "Client.InstanceInitiated"))
    if asked or not code.startswith(("Client.", "Server.")):
        return ""
    message = _reason(instance, "message")
    return message if code in message else f"{code}: {message}" if message else code


def to_machine(cloud: str, instance: Mapping[str, Any], boot_id: str = "") -> MachineRecord:
    """A machine; its name is the tag ``Name``, else its id. Raises OddRecord."""
    tags = tags_of(instance)
    cloud_id = word_of(instance.get("instanceId"), "id", needed=True)
    return MachineRecord(
        cloud=cloud,
        name=tags.get("Name") or cloud_id,
        cloud_id=cloud_id,
        state=state_of(instance),
        raw_state=raw_state(instance),
        image=word_of(instance.get("imageId"), "image"),
        flavor=word_of(instance.get("instanceType"), "flavor"),
        key=word_of(instance.get("keyName"), "key"),
        private_ips=_addresses(instance, "privateIpAddress"),
        public_ips=_addresses(instance, "ipAddress"),
        fault=fault_of(instance),
        created=time_of(instance.get("launchTime")),
        metadata=unmarked({key: value for key, value in tags.items() if key != "Name"}),
        zone=str(_section(instance, "placement").get("availabilityZone") or ""),
        owner=word_of(instance.get("ownerId"), "owner"),
        boot_id=boot_id,
    )


def tags_of(thing: Mapping[str, Any]) -> dict[str, str]:
    """The tags of an instance or image."""
    return {word_of(tag["key"], "tag"): word_of(tag.get("value"), "tag") for tag in items(thing, "tagSet")}


def to_image(cloud: str, image: Mapping[str, Any]) -> Image:
    """An image; its size is that of its disks."""
    disks = [_section(each, "ebs").get("volumeSize") or 0 for each in items(image, "blockDeviceMapping")]
    cloud_id = word_of(image.get("imageId"), "id", needed=True)
    return Image(cloud, word_of(image.get("name"), "name") or cloud_id, cloud_id, float(sum(map(int, disks))))


def to_flavor(cloud: str, kind: Mapping[str, Any]) -> Flavor:
    """An instance type; most have no disk of their own."""
    name = word_of(kind.get("instanceType"), "name", needed=True)
    return Flavor(
        cloud=cloud,
        name=name,
        cloud_id=name,
        vcpus=int(_section(kind, "vCpuInfo").get("defaultVCpus") or 0),
        ram=int(_section(kind, "memoryInfo").get("sizeInMiB") or 0),
        disk=int(_section(kind, "instanceStorageInfo").get("totalSizeInGB") or 0),
    )


def _section(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = data.get(key)
    return found if isinstance(found, Mapping) else {}


def _reason(instance: Mapping[str, Any], key: str) -> str:
    return str(_section(instance, "stateReason").get(key) or "")


def _addresses(instance: Mapping[str, Any], key: str) -> list[str]:
    return [address_of(instance[key])] if instance.get(key) else []
