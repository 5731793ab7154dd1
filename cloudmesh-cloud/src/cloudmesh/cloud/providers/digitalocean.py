"""The provider ``digitalocean``, over libcloud."""

from __future__ import annotations

from typing import Any, ClassVar

from cloudmesh.cloud.model.verbs import Capability
from cloudmesh.cloud.provider.boot import BootRequest, mark
from cloudmesh.cloud.providers.libcloud.base import LibcloudProvider
from cloudmesh.cloud.providers.libcloud.provider import DriverProvider


class DigitalOceanProvider(DriverProvider):
    """Droplets of one account; new ones are made in ``region:``."""

    get_reads = True
    # What the driver has, told before it is open.
    capabilities = frozenset(
        {Capability.START, Capability.STOP, Capability.REBOOT, Capability.KEYS, Capability.USERDATA}
    )
    required_credentials: ClassVar[tuple[str, ...]] = ("DO_TOKEN",)
    settings_keys: ClassVar[tuple[str, ...]] = ("region", "boot", *LibcloudProvider.settings_keys)

    def driver_class(self) -> type[Any]:
        from libcloud.compute.drivers.digitalocean import DigitalOcean_v2_NodeDriver

        # libcloud chooses between this one and older ones when an object is made, and takes itself for those.
        own = {"__new__": lambda kind, *_, **__: object.__new__(kind)}
        return type("DigitalOceanDriver", (DigitalOcean_v2_NodeDriver,), own)

    def driver_arguments(self) -> tuple[list[Any], dict[str, Any]]:
        return [self.credential("DO_TOKEN")], {}

    def boot_arguments(self, request: BootRequest) -> dict[str, Any]:
        more = super().boot_arguments(request)
        if "location" not in more:
            more["location"] = self.location(self.required_setting("region", "nyc3"))
        attributes: dict[str, Any] = {"ssh_keys": [request.key.fingerprint]} if request.key else {}
        if request.token:
            attributes["tags"] = [mark(request.token)]
        if attributes:
            more["ex_create_attr"] = attributes
        if request.userdata:
            more["ex_user_data"] = request.userdata
        return more

    def is_from(self, node: Any, request: BootRequest) -> bool:
        return bool(request.token) and mark(request.token) in (node.extra.get("tags") or [])

    def _import_key(self, name: str, public_key: str) -> Any:
        return self.driver.create_key_pair(name, public_key)
