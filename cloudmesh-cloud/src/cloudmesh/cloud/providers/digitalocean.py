"""The provider ``digitalocean``, over libcloud."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, ClassVar

from cloudmesh.cloud.model.verbs import Capability
from cloudmesh.cloud.provider.boot import BootRequest, mark
from cloudmesh.cloud.provider.questions import Question
from cloudmesh.cloud.providers.libcloud.base import LibcloudProvider
from cloudmesh.cloud.providers.libcloud.error_details import json_of
from cloudmesh.cloud.providers.libcloud.provider import DriverProvider

# The key under which a list is, by the last part of its path.
_LISTS = {each: each for each in ("droplets", "images", "sizes", "regions")} | {"keys": "ssh_keys"}


class DigitalOceanProvider(DriverProvider):
    """Droplets of one account; new ones are made in ``region:``."""

    get_reads = True
    # What the driver has, told before it is open.
    capabilities = frozenset(
        {Capability.START, Capability.STOP, Capability.REBOOT, Capability.KEYS, Capability.USERDATA}
    )
    required_credentials: ClassVar[tuple[str, ...]] = ("DO_TOKEN",)
    questions: ClassVar[tuple[Question, ...]] = (
        Question("credentials.DO_TOKEN", "API token"),
        Question("region", "region of new machines", "fra1"),
    )
    settings_keys: ClassVar[tuple[str, ...]] = ("region", "boot", *LibcloudProvider.settings_keys)

    def driver_class(self) -> type[Any]:
        from libcloud.compute.drivers.digitalocean import DigitalOcean_v2_NodeDriver

        # libcloud chooses between this one and older ones when an object is made, and takes itself for those.
        own = {"__new__": lambda kind, *_, **__: object.__new__(kind)}
        return type("DigitalOceanDriver", (DigitalOcean_v2_NodeDriver,), own)

    def driver_arguments(self) -> tuple[list[Any], dict[str, Any]]:
        return [self.credential("DO_TOKEN")], {}

    def is_plausible(self, method: str, path: str, answer: Any) -> bool:
        """As https://docs.digitalocean.com/reference/api/ tells of each kind of call."""
        if method == "DELETE":
            return bool(answer.status_code == HTTPStatus.NO_CONTENT)
        data, last = json_of(answer), path.rpartition("/")[2]
        if not isinstance(data, dict) or not data:
            return False
        if method == "POST" and last == "actions":
            return answer.status_code == HTTPStatus.CREATED and isinstance(data.get("action"), dict)
        if method == "POST":
            return answer.status_code in (HTTPStatus.CREATED, HTTPStatus.ACCEPTED)
        found = data.get(_LISTS.get(last, ""), [])
        more = ((data.get("links") or {}).get("pages") or {}).get("next")
        listed = isinstance(found, list) and (last not in _LISTS or _LISTS[last] in data)
        return answer.status_code == HTTPStatus.OK and listed and (bool(found) or not more)

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
