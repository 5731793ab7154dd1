"""The provider ``azure``: virtual machines of Azure Resource Manager over libcloud."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar

from cloudmesh.cloud.errors import NotFound
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.model.verbs import Capability
from cloudmesh.cloud.provider.boot import BootRequest, bears, boot_id_of, marked, unmarked
from cloudmesh.cloud.provider.questions import Question
from cloudmesh.cloud.providers.libcloud.base import LibcloudProvider
from cloudmesh.cloud.providers.libcloud.error_details import is_page, json_of
from cloudmesh.cloud.providers.libcloud.provider import DriverProvider
from cloudmesh.cloud.providers.libcloud.records import extra_of
from cloudmesh.plugin.errors import ConfigError

_KEYS = ("AZURE_TENANT_ID", "AZURE_SUBSCRIPTION_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")

_ACTIONS = ("start", "deallocate", "powerOff", "restart")
_LISTS = ("virtualMachines", "vmSizes")

# Where the codes of a machine's state are kept.
_CODES = "cloudmesh-codes"
# https://learn.microsoft.com/azure/virtual-machines/states-billing; the first that is told decides. What is
# stopped and not deallocated keeps its host, and is paid for.
_STATES = {
    "provisioningstate/creating": State.BUILDING,
    "provisioningstate/deleting": State.DELETING,
    "powerstate/starting": State.STARTING,
    "powerstate/stopping": State.STOPPING,
    "powerstate/deallocating": State.STOPPING,
    "provisioningstate/failed": State.ERROR,
    "provisioningstate/migrating": State.MIGRATING,
    "provisioningstate/updating": State.UPDATING,
    "hibernationstate/hibernated": State.HIBERNATED,
    "powerstate/running": State.ACTIVE,
    "powerstate/stopped": State.HALTED,
    "powerstate/deallocated": State.STOPPED,
}


class AzureProvider(DriverProvider):
    """Virtual machines of one subscription, in ``region:``.

    Azure keeps no key pairs: machines are booted with the public key in the file ``public_key:``. Its images
    are too many to list: ``image_names:`` holds those to list, as ``publisher:offer:sku:version``.
    """

    get_reads = True
    driver_name = "azure_arm"
    # What the driver has, told before it is open.
    capabilities = frozenset({Capability.START, Capability.STOP, Capability.REBOOT, Capability.BOOT_METADATA})
    required_credentials: ClassVar[tuple[str, ...]] = _KEYS
    questions: ClassVar[tuple[Question, ...]] = (
        Question("credentials.AZURE_TENANT_ID", "tenant (directory)", "00000000-0000-0000-0000-000000000000"),
        Question("credentials.AZURE_SUBSCRIPTION_ID", "subscription", "00000000-0000-0000-0000-000000000000"),
        Question(
            "credentials.AZURE_CLIENT_ID", "application (client)", "00000000-0000-0000-0000-000000000000"
        ),
        Question("credentials.AZURE_CLIENT_SECRET", "client secret"),
        Question("region", "region", "westeurope"),
        Question("resource_group", "resource group of new machines", "research"),
        Question("network", "virtual network of new machines", "research-vnet"),
        Question("subnet", "subnet of that network", default="default"),
        Question("public_key", "file of the SSH public key for new machines", "~/.ssh/id_ed25519.pub"),
    )
    settings_keys: ClassVar[tuple[str, ...]] = (
        *("region", "resource_group", "network", "subnet", "user", "public_key", "image_names", "boot"),
        *LibcloudProvider.settings_keys,
    )

    def driver_class(self) -> type[Any]:
        from libcloud.common.exceptions import BaseHTTPError
        from libcloud.compute.drivers import azure_arm

        # After this time it would end a listing without a word; how long one may take is said elsewhere.
        azure_arm.LIST_NODES_PAGINATION_TIMEOUT = math.inf
        version = azure_arm.INSTANCE_VIEW_API_VERSION

        class Driver(azure_arm.AzureNodeDriver):  # type: ignore[misc]
            """libcloud's driver, which keeps all that Azure says of a machine's state."""

            def _fetch_power_state(self, data: Any) -> str:
                data[_CODES] = []
                # One that is being made or deleted may have no such view.
                with suppress(BaseHTTPError):
                    view = self.connection.request(
                        f"{data['id']}/InstanceView", params={"api-version": version}
                    )
                    data[_CODES] = [str(each["code"]) for each in view.object["statuses"]]
                return "unknown"

        return Driver

    def driver_arguments(self) -> tuple[list[Any], dict[str, Any]]:
        return [self.credential(key) for key in _KEYS], {"region": self.required_setting("region")}

    def is_plausible(self, method: str, path: str, answer: Any) -> bool:
        """As https://learn.microsoft.com/rest/api/compute/virtual-machines tells of each kind of call."""
        data, last = json_of(answer), path.rpartition("/")[2]
        if is_page(answer) or answer.headers.get("content-type", "").startswith("text/html"):
            return False
        if method == "POST" and last in _ACTIONS:
            return answer.status_code in (HTTPStatus.OK, HTTPStatus.ACCEPTED) and not answer.text.strip()
        if method == "DELETE":
            return "/virtualMachines/" not in path or not answer.text.strip()
        if method == "GET" and (last in _LISTS or (isinstance(data, dict) and "value" in data)):
            data = data.get("value") if isinstance(data, dict) else None
            return answer.status_code == HTTPStatus.OK and isinstance(data, list)
        return bool(data) or (method == "GET" and isinstance(data, list))

    def boot_arguments(self, request: BootRequest) -> dict[str, Any]:
        from libcloud.compute.base import NodeAuthSSHKey

        file = Path(self.required_setting("public_key")).expanduser()
        try:
            public_key = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"clouds.{self.name}.public_key: {file} cannot be read") from error
        return {
            "auth": NodeAuthSSHKey(public_key),
            "ex_resource_group": self.required_setting("resource_group"),
            "ex_network": self.required_setting("network"),
            "ex_subnet": self.settings.get("subnet") or "default",
            "ex_user_name": self.settings.get("user") or "azureuser",
            "ex_tags": marked(request),
            "ex_use_managed_disks": True,
            # Else the disk of a deleted machine would be left, and be paid for.
            "ex_os_disk_delete": True,
            **super().boot_arguments(request),
        }

    def is_from(self, node: Any, request: BootRequest) -> bool:
        return bears(extra_of(node).get("tags") or {}, request)

    def _native_images(self) -> list[Any]:
        names = self.settings.get("image_names") or []
        return [self._native_image(str(name)) for name in (names if isinstance(names, list) else [names])]

    def _native_image(self, cloud_id: str) -> Any:
        if not cloud_id.startswith("http") and cloud_id.count(":") != 3:
            raise NotFound(
                f"there is no image {cloud_id} on cloud {self.name}; use publisher:offer:sku:version"
            )
        with self.calling(f"find the image {cloud_id}"):
            found = self.driver.get_image(cloud_id)
        if found is None:
            raise NotFound(f"there is no image {cloud_id} on cloud {self.name}")
        return found

    def _machine(self, node: Any) -> MachineRecord:
        machine = super()._machine(node)
        extra = extra_of(node)
        inner = extra.get("properties") or {}
        codes = extra.get(_CODES) or []
        return replace(
            machine,
            state=_state_of(codes) if codes else machine.state,
            raw_state=" ".join(codes) or str(inner.get("provisioningState") or machine.raw_state),
            flavor=str((inner.get("hardwareProfile") or {}).get("vmSize") or ""),
            metadata=unmarked(extra.get("tags") or {}),
            boot_id=boot_id_of(extra.get("tags") or {}),
            zone=str(extra.get("location") or ""),
        )


def _state_of(codes: list[str]) -> State:
    """The state by the codes of an instance view; a failed provisioning has a reason after its code."""
    told = ["/".join(code.lower().split("/")[:2]) for code in codes]
    return next((state for code, state in _STATES.items() if code in told), State.UNKNOWN)
