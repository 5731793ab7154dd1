"""What only some clouds can do, and how a provider says that its cloud cannot."""

from __future__ import annotations

from enum import Enum


class Capability(str, Enum):
    """What only some clouds can do. Listing, booting and deleting are not here: every cloud can.

    Those up to METADATA are verbs on a machine, and named as in the table of ``cloudmesh.cloud.model.verbs``.
    USERDATA, BOOT_METADATA and BOOT_PUBLIC are what a boot request may ask for.
    """

    START = "start"
    STOP = "stop"
    REBOOT = "reboot"
    HARD_REBOOT = "hard_reboot"
    SUSPEND = "suspend"
    RESUME = "resume"
    PAUSE = "pause"
    UNPAUSE = "unpause"
    REBUILD = "rebuild"
    RESIZE = "resize"
    RENAME = "rename"
    METADATA = "metadata"
    CONSOLE = "console"
    KEYS = "keys"
    NETWORKS = "networks"
    SECURITY_GROUPS = "security_groups"
    FLOATING_IPS = "floating_ips"
    QUOTAS = "quotas"
    USERDATA = "userdata"
    BOOT_METADATA = "boot_metadata"
    BOOT_PUBLIC = "boot_public"
    ADD_IMAGE = "add_image"
    DELETE_IMAGE = "delete_image"

    def __str__(self) -> str:
        return self.value


#: What a cloud cannot do without it, as it comes after "a type that cannot".
WITHOUT = {
    Capability.HARD_REBOOT: "reboot a machine the hard way",
    Capability.METADATA: "change the metadata of a machine",
    Capability.CONSOLE: "show a console",
    Capability.KEYS: "keep key pairs",
    Capability.NETWORKS: "tell of networks",
    Capability.SECURITY_GROUPS: "keep security groups",
    Capability.FLOATING_IPS: "keep floating IPs",
    Capability.QUOTAS: "tell of quotas",
    Capability.USERDATA: "hand user data to a machine",
    Capability.BOOT_METADATA: "boot a machine with metadata",
    Capability.BOOT_PUBLIC: "give a new machine a public address",
    Capability.ADD_IMAGE: "take images from users",
    Capability.DELETE_IMAGE: "delete images",
}


def cannot(cloud: str, capability: Capability) -> str:
    """The sentence of an Unsupported error."""
    what = WITHOUT.get(capability, f"{capability} a machine")
    return f"cloud {cloud} is of a type that cannot {what}"
