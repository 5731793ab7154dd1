"""A provider of somebody else: machines in a JSON file; it cannot suspend, nor show a console or keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cloudmesh.cloud import BootRequest, Capability, Flavor, Image, MachineRecord, Provider, State
from cloudmesh.cloud.errors import Conflict, NotFound

STATES = {"ON": State.ACTIVE, "OFF": State.STOPPED}


class AcmeProvider(Provider):
    """One account at Acme."""

    capabilities = frozenset({Capability.START, Capability.STOP, Capability.REBOOT})
    required_credentials = ("ACME_TOKEN",)

    def check(self) -> str:
        return f"Acme greets {self.name}"

    def machines(self) -> list[MachineRecord]:
        return [self._machine(cloud_id, data) for cloud_id, data in self._load()["servers"].items()]

    def machine(self, cloud_id: str) -> MachineRecord:
        return self._machine(cloud_id, self._server(self._load(), cloud_id))

    def boot(self, request: BootRequest) -> MachineRecord:
        account = self._load()
        account["last"] += 1
        cloud_id = f"acme-{account['last']}"
        account["servers"][cloud_id] = {"name": request.name, "power": "ON", "image": request.image.name}
        self._save(account)
        return self.machine(cloud_id)

    def start(self, cloud_id: str) -> None:
        self._power(cloud_id, "OFF", "ON")

    def stop(self, cloud_id: str) -> None:
        self._power(cloud_id, "ON", "OFF")

    def reboot(self, cloud_id: str) -> None:
        self._power(cloud_id, "ON", "ON")

    def delete(self, cloud_id: str) -> None:
        account = self._load()
        self._server(account, cloud_id)
        del account["servers"][cloud_id]
        self._save(account)

    def images(self) -> list[Image]:
        return [Image(self.name, "acme-linux", "image-1")]

    def flavors(self) -> list[Flavor]:
        return [Flavor(self.name, "anvil", "flavor-1", vcpus=1, ram=512, disk=5)]

    @property
    def _file(self) -> Path:
        return Path(self.settings["account"])

    def _load(self) -> dict[str, Any]:
        if not self._file.exists():
            return {"last": 0, "servers": {}}
        return dict(json.loads(self._file.read_text(encoding="utf-8")))

    def _save(self, account: dict[str, Any]) -> None:
        self._file.write_text(json.dumps(account), encoding="utf-8")

    def _server(self, account: dict[str, Any], cloud_id: str) -> dict[str, Any]:
        try:
            return dict(account["servers"][cloud_id])
        except KeyError:
            raise NotFound(f"there is no server {cloud_id} at Acme") from None

    def _power(self, cloud_id: str, before: str, after: str) -> None:
        account = self._load()
        server = self._server(account, cloud_id)
        if server["power"] != before:
            raise Conflict(f"server {cloud_id} is {server['power']}")
        account["servers"][cloud_id] = {**server, "power": after}
        self._save(account)

    def _machine(self, cloud_id: str, data: dict[str, Any]) -> MachineRecord:
        return MachineRecord(
            cloud=self.name,
            name=data["name"],
            cloud_id=cloud_id,
            state=STATES[data["power"]],
            raw_state=data["power"],
            image=data["image"],
        )
