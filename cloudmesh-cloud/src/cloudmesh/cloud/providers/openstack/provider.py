"""The provider for OpenStack: Keystone, Nova, Glance and Neutron."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from cloudmesh.cloud.errors import Conflict, NotFound
from cloudmesh.cloud.model import Flavor, Image, KeyPair, Machine, State
from cloudmesh.cloud.provider import BootRequest, Capability
from cloudmesh.cloud.providers.openstack import records
from cloudmesh.cloud.providers.openstack.wire import SERVER_VERSION, OpenStackServices

_CONSOLE_LINES = 1000


class OpenStackProvider(OpenStackServices):
    """One project in one region of an OpenStack."""

    capabilities = frozenset(Capability)
    required_credentials: ClassVar[tuple[str, ...]] = ("OS_AUTH_URL",)

    def check(self) -> str:
        token = self.session.token()
        with self.asking("count machines"):
            self.compute("GET", "/servers", limit=1)
        project = self.account.project or token.project_id
        return f"signed in to project {project} as {self.account.user}"

    def machines(self) -> list[Machine]:
        with self.asking("list machines"):
            pages = self.pages("servers", "/servers/detail", SERVER_VERSION)
            listed = (records.machine(self.name, server) for page in pages for server in page)
            return [machine for machine in listed if machine.state is not State.DELETED]

    def machine(self, cloud_id: str) -> Machine:
        with self.asking(f"show machine {cloud_id}"):
            server = self.compute("GET", f"/servers/{cloud_id}", version=SERVER_VERSION)["server"]
            machine = records.machine(self.name, server)
        # For a moment Nova still shows what it has deleted.
        if machine.state is State.DELETED:
            raise NotFound(f"cloud {self.name} no longer has machine {machine.name} ({cloud_id})")
        return machine

    def boot(self, request: BootRequest) -> Machine:
        with self.asking(f"boot {request.name}"):
            made = self.compute("POST", "/servers", {"server": self._wanted(request)})["server"]
            return Machine(
                cloud=self.name,
                name=request.name,
                cloud_id=str(made["id"]),
                state=State.BUILDING,
                raw_state="BUILD",
                image=request.image.cloud_id,
                flavor=request.flavor.name,
                key=request.key.name if request.key else "",
            )

    def _wanted(self, request: BootRequest) -> Mapping[str, Any]:
        """The new server, as Nova's interface has it."""
        wanted: dict[str, Any] = {
            "name": request.name,
            "imageRef": request.image.cloud_id,
            "flavorRef": request.flavor.cloud_id,
        }
        if request.key:
            wanted["key_name"] = request.key.name
        return wanted

    def delete(self, cloud_id: str) -> None:
        with self.asking(f"delete machine {cloud_id}"):
            self.compute("DELETE", f"/servers/{cloud_id}")

    def images(self) -> list[Image]:
        with self.asking("list images"):
            return [records.image(self.name, item) for page in self.image_pages() for item in page]

    def flavors(self) -> list[Flavor]:
        with self.asking("list flavors"):
            pages = self.pages("flavors", "/flavors/detail")
            return [records.flavor(self.name, item) for page in pages for item in page]

    def start(self, cloud_id: str) -> None:
        self._act("start", cloud_id, {"os-start": None})

    def stop(self, cloud_id: str) -> None:
        self._act("stop", cloud_id, {"os-stop": None})

    def reboot(self, cloud_id: str) -> None:
        self._act("reboot", cloud_id, {"reboot": {"type": "SOFT"}})

    def suspend(self, cloud_id: str) -> None:
        self._act("suspend", cloud_id, {"suspend": None})

    def resume(self, cloud_id: str) -> None:
        try:
            self._act("resume", cloud_id, {"resume": None})
        except Conflict:
            if self.machine(cloud_id).state is not State.PAUSED:
                raise
            self._act("resume", cloud_id, {"unpause": None})

    def _act(self, verb: str, cloud_id: str, action: Mapping[str, Any]) -> None:
        with self.asking(f"{verb} machine {cloud_id}"):
            self.compute("POST", f"/servers/{cloud_id}/action", action)

    def console(self, cloud_id: str) -> str:
        action = {"os-getConsoleOutput": {"length": _CONSOLE_LINES}}
        with self.asking(f"show the console of machine {cloud_id}"):
            answer = self.compute("POST", f"/servers/{cloud_id}/action", action)
            return str(answer["output"])

    def key_pairs(self) -> list[KeyPair]:
        with self.asking("list key pairs"):
            found = self.compute("GET", "/os-keypairs")["keypairs"]
            return [records.key_pair(self.name, each["keypair"]) for each in found]

    def add_key(self, name: str, public_key: str) -> KeyPair:
        with self.asking(f"add key pair {name}"):
            wanted = {"keypair": {"name": name, "public_key": public_key}}
            return records.key_pair(self.name, self.compute("POST", "/os-keypairs", wanted)["keypair"])

    def delete_key(self, name: str) -> None:
        from urllib.parse import quote

        with self.asking(f"delete key pair {name}"):
            self.compute("DELETE", f"/os-keypairs/{quote(name, safe='')}")
