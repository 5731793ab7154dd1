"""Requests to the services of an OpenStack, over the connections of libcloud's driver."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cloudmesh.cloud.providers.libcloud.base import LibcloudProvider
from cloudmesh.cloud.providers.libcloud.transport import Transport, certificates, switch
from cloudmesh.cloud.providers.openstack.account import Account
from cloudmesh.cloud.providers.openstack.session import KeystoneSession
from cloudmesh.plugin.errors import CloudmeshError

# Since this one (Pike, 2017) a server tells the name and size of its flavor.
SERVER_VERSION = "2.47"
# Records in one answer: a list of thousands is never held as one text.
PAGE = 500


class OpenStackServices(LibcloudProvider):
    """A session with an OpenStack, and its three services."""

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        super().__init__(name, settings)
        self.account = Account.read(name, settings)
        self.session = KeystoneSession(name, self.account, self._keystone, self.calling, self._hide)

    def transport(self) -> Transport:
        """As in every section; ``OS_CACERT`` and ``OS_INSECURE`` among the credentials mean the same."""
        own = Transport.read(self.name, self.settings)
        credentials = self.settings.get("credentials") or {}
        place = f"clouds.{self.name}.credentials"
        insecure = switch(f"{place}.OS_INSECURE", credentials.get("OS_INSECURE"))
        verify = switch(f"{place}.OS_VERIFY", credentials.get("OS_VERIFY"), default=True)
        authorities = own.ca_file or certificates(f"{place}.OS_CACERT", credentials.get("OS_CACERT"))
        return Transport(own.timeout, authorities, own.insecure or insecure or not verify)

    def driver_class(self) -> type[Any]:
        from cloudmesh.cloud.providers.openstack import driver

        return driver.driver_class(self._transport, self.wire)

    def driver_arguments(self) -> tuple[list[Any], dict[str, Any]]:
        from cloudmesh.cloud.providers.openstack import driver

        return [self.account.user, "-"], driver.driver_arguments(self.account)

    def endpoint_url(self) -> str:
        """Keystone's address."""
        return self.account.url

    def open(self) -> None:
        """Build the driver; nobody is called yet."""
        arguments, named = self.driver_arguments()
        with self.calling("sign in"):
            self._driver = self.driver_class()(*arguments, **named)
        self._driver.session = self.session

    def explain(self, fault: Any, call: Any) -> CloudmeshError | None:
        from cloudmesh.cloud.providers.openstack import faults

        return faults.explain(fault, call)

    def _hide(self, token: str) -> None:
        """A service may repeat the token in what it says of an error."""
        self._secrets = (*self._secrets, token)

    def _keystone(self, url: str) -> Any:
        from cloudmesh.cloud.providers.openstack import driver

        return driver.keystone(self._transport, self.wire, url)

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
            following = _following(answer.get(f"{key}_links", ()))
            if not (following and answer[key]):
                return
            query = following

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
    def asking(self, what: str) -> Iterator[None]:
        """``calling``, where an answer of another form than agreed is an error of the cloud as well."""
        from cloudmesh.cloud.errors import BadAnswer

        with self.calling(what):
            try:
                yield
            except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
                raise BadAnswer(
                    f"cloud {self.name} ({self.wire.place}) sent an answer of an unknown form when it was "
                    f"asked to {what}; is it an OpenStack?"
                ) from error


def _following(links: Any) -> dict[str, Any]:
    """The query of the next page; empty if there is none."""
    following = [str(link["href"]) for link in links if link.get("rel") == "next"]
    return dict(parse_qs(urlsplit(following[0]).query)) if following else {}
