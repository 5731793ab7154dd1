"""Requests to the services of an OpenStack, over the connections of libcloud's driver; Nova's actions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from cloudmesh.cloud.errors import BadAnswer, CloudTimeout, NoCapacity, Refused
from cloudmesh.cloud.model.records import Flavor, Image
from cloudmesh.cloud.providers.libcloud.base import LibcloudProvider
from cloudmesh.cloud.providers.libcloud.transport import (
    CallTracker,
    ConnectionSettings,
    certificate_file,
    connection_class,
    true_or_false,
)
from cloudmesh.cloud.providers.openstack.account import Account
from cloudmesh.cloud.providers.openstack.session import KeystoneSession
from cloudmesh.plugin.errors import CloudmeshError

# Since this one (Pike, 2017) a server tells the name and size of its flavor.
SERVER_VERSION = "2.47"
# Records in one answer: a list of thousands is never held as one text.
PAGE = 500
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


class OpenStackServices(LibcloudProvider):
    """A session with an OpenStack, its three services, and what Nova does to one machine."""

    def read_own_settings(self) -> None:
        """``OS_CACERT`` and ``OS_INSECURE`` among the credentials mean the same as those of every section."""
        own, credentials = self.connection_settings, self.settings.get("credentials") or {}
        place = f"clouds.{self.name}.credentials"
        insecure = true_or_false(f"{place}.OS_INSECURE", credentials.get("OS_INSECURE"))
        verify = true_or_false(f"{place}.OS_VERIFY", credentials.get("OS_VERIFY"), default=True)
        authorities = own.ca_file or certificate_file(f"{place}.OS_CACERT", credentials.get("OS_CACERT"))
        self.connection_settings = ConnectionSettings(
            own.timeout, authorities, own.insecure or insecure or not verify
        )
        self.account = Account.read(self.name, self.settings)
        self.session = KeystoneSession(
            self.name,
            self.account,
            lambda url: keystone_connection(self.connection_settings, self.tracker, url),
            self.calling,
            self.hide,
        )

    def driver_class(self) -> type[Any]:
        return driver_class(self.connection_settings, self.tracker)

    def driver_arguments(self) -> tuple[list[Any], dict[str, Any]]:
        # libcloud's constructor asks for these, though its own sign-in is never used.
        return [self.account.user, "-"], {
            "ex_force_auth_url": self.account.url,
            "ex_tenant_name": self.account.project or "-",
        }

    def endpoint_url(self) -> str:
        """Keystone's address."""
        return self.account.url

    def open(self) -> None:
        """Build the driver; nobody is called yet."""
        arguments, named = self.driver_arguments()
        with self.calling("sign in"):
            self._driver = self.driver_class()(*arguments, **named)
        self._driver.session = self.session

    def explain(self, details: Any, call: Any) -> CloudmeshError | None:
        # Needed only when a call fails.
        from cloudmesh.cloud.providers.openstack import errors

        return errors.explain(details, call)

    def compute(self, method: str, path: str, data: Any = None, version: str = "", **query: Any) -> Any:
        """What Nova answers; ``version`` is the microversion that this call needs at least."""
        version = self.account.microversion or version
        headers = {"OpenStack-API-Version": f"compute {version}"} if version else {}
        answer = self.driver.connection.request(path, query, data or "", headers, method)
        return answer.object

    def image_service(self, method: str, path: str, **query: Any) -> Any:
        """What Glance answers."""
        return self.driver.image_connection.request(path, query, "", {}, method).object

    def network(self, method: str, path: str, data: Any = None, **query: Any) -> Any:
        """What Neutron answers."""
        path = f"/v2.0{path}"
        return self.driver.network_connection.request(path, query, data or "", {}, method).object

    def pages(
        self, key: str, path: str, service: Callable[..., Any], **query: Any
    ) -> Iterator[list[dict[str, Any]]]:
        """The list of Nova or Neutron under ``key``, page by page."""
        query = {"limit": PAGE, **query}
        version = query.pop("version", None)
        more = {"version": version} if version else {}
        while True:
            answer = service("GET", path, **more, **query)
            yield answer[key]
            following = [link["href"] for link in answer.get(f"{key}_links", ()) if link.get("rel") == "next"]
            if not (following and answer[key]):
                return
            query = parse_qs(urlsplit(str(following[0])).query)

    def image_pages(self) -> Iterator[list[dict[str, Any]]]:
        """The images of Glance that can be booted, page by page."""
        query: dict[str, Any] = {"limit": PAGE, "status": "active"}
        while True:
            answer = self.image_service("GET", "/v2/images", **query)
            yield answer["images"]
            if not answer.get("next"):
                return
            query = parse_qs(urlsplit(answer["next"]).query)

    @contextmanager
    def requesting(self, what: str) -> Iterator[None]:
        """As ``calling``; an answer of another form than the interface promises raises BadAnswer."""
        with self.calling(what):
            try:
                yield
            except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
                raise BadAnswer(
                    f"cloud {self.name} ({self.tracker.place}) sent an answer of an unknown form when it was "
                    f"asked to {what}; is it an OpenStack?"
                ) from error

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


def driver_class(settings: ConnectionSettings, tracker: CallTracker) -> type[Any]:
    """libcloud's driver for OpenStack, signing in by our session instead of by itself.

    libcloud asks Keystone for the catalog even when it has a token, does not try again when a token was
    revoked, and knows domains by id for projects and by name for users only. Instances of the class need the
    attribute ``session`` before their first call.
    """
    from libcloud.common.exceptions import BaseHTTPError
    from libcloud.compute.drivers import openstack as theirs

    connections = connection_class(settings, tracker)

    class SignedIn:
        """What the connections to all services share; goes before libcloud's own class."""

        conn_class = connections
        driver: Any
        service_type: str

        def request(self, *args: Any, **kwargs: Any) -> Any:
            try:
                return super().request(*args, **kwargs)  # type: ignore[misc]
            except BaseHTTPError as error:
                if error.code != 401:
                    raise
            # Whoever has a token was accepted once: it was revoked, or has just ended.
            self.driver.session.renew()
            return super().request(*args, **kwargs)  # type: ignore[misc]

        def get_auth_class(self) -> Any:
            return self

        def clear_cached_auth_context(self) -> None:
            """libcloud's own way to forget a refused token; ours is in ``request``."""

        def _populate_hosts_and_request_paths(self) -> None:
            self.auth_token = self.driver.session.token().text
            url = self.driver.session.endpoint(self.service_type)
            self._set_up_connection_info(url=url)  # type: ignore[attr-defined]

    def signed_in(base: type[Any]) -> type[Any]:
        return type(base.__name__, (SignedIn, base), {})

    class Driver(theirs.OpenStack_2_NodeDriver):  # type: ignore[misc]
        """The driver with these connections."""

        session: Any = None
        connectionCls = signed_in(theirs.OpenStack_2_Connection)  # noqa: N815 libcloud's names
        image_connectionCls = signed_in(theirs.OpenStack_2_ImageConnection)  # noqa: N815
        network_connectionCls = signed_in(theirs.OpenStack_2_NetworkConnection)  # noqa: N815

    return Driver


def keystone_connection(settings: ConnectionSettings, tracker: CallTracker, url: str) -> Any:
    """A connection to Keystone, without a token."""
    from libcloud.common.base import Connection
    from libcloud.compute.drivers.openstack import OpenStack_1_1_Response

    class Keystone(Connection):  # type: ignore[misc]
        """Speaks JSON, and raises for every status that is no success."""

        conn_class = connection_class(settings, tracker)
        responseCls = OpenStack_1_1_Response  # noqa: N815
        driver = None

        def add_default_headers(self, headers: dict[str, str]) -> dict[str, str]:
            return {**headers, "Accept": "application/json", "Content-Type": "application/json"}

        def encode_data(self, data: Any) -> str:
            import json

            return json.dumps(data)

    return Keystone(url=url)
