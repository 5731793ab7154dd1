"""What is done to one machine: Nova's actions on a server."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from cloudmesh.cloud.errors import CloudTimeout, NoCapacity, Refused
from cloudmesh.cloud.model.records import Flavor, Image
from cloudmesh.cloud.providers.openstack.services import SERVER_VERSION, OpenStackServices

# https://docs.openstack.org/api-ref/compute/#servers-run-an-action-servers-action
_ACTIONS: Mapping[str, Mapping[str, Any]] = {
    "start": {"os-start": None},
    "stop": {"os-stop": None},
    "reboot": {"reboot": {"type": "SOFT"}},
    "hard_reboot": {"reboot": {"type": "HARD"}},
    "suspend": {"suspend": None},
    "resume": {"resume": None},
    "pause": {"pause": None},
    "unpause": {"unpause": None},
}
_WORDS = {"hard_reboot": "reboot"}
_CONSOLE_LINES = 1000
# How long a resize may take, and how often it is looked at; seconds.
RESIZE_SECONDS = 900.0
_POLL_SECONDS = 1.0


class OpenStackServers(OpenStackServices):
    """The part of the provider that changes machines."""

    def act(self, verb: str, cloud_id: str) -> None:
        """Ask Nova for the action of a verb, or delete the server."""
        with self.requesting(f"{_WORDS.get(verb, verb)} machine {cloud_id}"):
            if verb == "delete":
                self.compute("DELETE", f"/servers/{cloud_id}")
            else:
                self._post(cloud_id, _ACTIONS[verb])

    def rebuild(self, cloud_id: str, image: Image) -> None:
        with self.requesting(f"rebuild machine {cloud_id}"):
            self._post(cloud_id, {"rebuild": {"imageRef": image.cloud_id}})

    def rename(self, cloud_id: str, name: str) -> None:
        with self.requesting(f"rename machine {cloud_id}"):
            self.compute("PUT", f"/servers/{cloud_id}", {"server": {"name": name}})

    def resize(self, cloud_id: str, flavor: Flavor) -> None:
        with self.requesting(f"resize machine {cloud_id}"):
            status = self._server(cloud_id)["status"]
            if status not in ("RESIZE", "VERIFY_RESIZE"):
                self._post(cloud_id, {"resize": {"flavorRef": flavor.cloud_id}})
                status = "RESIZE"
            if status == "RESIZE":
                self._await_resize_question(cloud_id)
            self._post(cloud_id, {"confirmResize": None})

    def _await_resize_question(self, cloud_id: str) -> None:
        """Return when Nova asks whether the new size is right."""
        deadline = time.monotonic() + RESIZE_SECONDS
        while (server := self._server(cloud_id))["status"] == "RESIZE":
            if time.monotonic() > deadline:
                raise CloudTimeout(
                    f"cloud {self.name} is still resizing machine {server['name']} after "
                    f"{RESIZE_SECONDS:.0f} seconds; resize it again later, to confirm"
                )
            time.sleep(_POLL_SECONDS)
        if server["status"] == "ERROR":
            told = (server.get("fault") or {}).get("message") or "Nova does not tell why"
            raise Refused(f"cloud {self.name} broke machine {server['name']} while resizing it: {told}")
        if server["status"] != "VERIFY_RESIZE":
            # Nova returns to how it was, and tells nobody why; this is nearly always the reason.
            raise NoCapacity(
                f"cloud {self.name} gave up to resize machine {server['name']}; most likely there is no room "
                "for the new size on any host; choose a smaller flavor"
            )

    def set_metadata(self, cloud_id: str, changes: Mapping[str, str | None]) -> None:
        path = f"/servers/{cloud_id}/metadata"
        wanted = {key: value for key, value in changes.items() if value is not None}
        unwanted = changes.keys() - wanted.keys()
        with self.requesting(f"change the metadata of machine {cloud_id}"):
            if unwanted:
                for key in sorted(unwanted & self.compute("GET", path)["metadata"].keys()):
                    self.compute("DELETE", f"{path}/{quote(key, safe='')}")
            if wanted:
                self.compute("POST", path, {"metadata": wanted})

    def console(self, cloud_id: str) -> str:
        with self.requesting(f"show the console of machine {cloud_id}"):
            answer = self._post(cloud_id, {"os-getConsoleOutput": {"length": _CONSOLE_LINES}})
            return str(answer["output"])

    def _post(self, cloud_id: str, action: Mapping[str, Any]) -> Any:
        return self.compute("POST", f"/servers/{cloud_id}/action", action)

    def _server(self, cloud_id: str) -> dict[str, Any]:
        """The server as Nova tells of it."""
        server: dict[str, Any] = self.compute("GET", f"/servers/{cloud_id}", version=SERVER_VERSION)["server"]
        return server
