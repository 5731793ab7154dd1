"""Requests to the services of an OpenStack, over the connections of libcloud's driver."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cloudmesh.cloud.errors import BadAnswer
from cloudmesh.cloud.providers.libcloud.base import LibcloudProvider
from cloudmesh.cloud.providers.libcloud.settings import ConnectionSettings, certificate_file, true_or_false
from cloudmesh.cloud.providers.libcloud.transport import CallTracker, connection_class
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

    def connection_settings(self) -> ConnectionSettings:
        """As in every section; ``OS_CACERT`` and ``OS_INSECURE`` among the credentials mean the same."""
        own = ConnectionSettings.read(self.name, self.settings)
        credentials = self.settings.get("credentials") or {}
        place = f"clouds.{self.name}.credentials"
        insecure = true_or_false(f"{place}.OS_INSECURE", credentials.get("OS_INSECURE"))
        verify = true_or_false(f"{place}.OS_VERIFY", credentials.get("OS_VERIFY"), default=True)
        authorities = own.ca_file or certificate_file(f"{place}.OS_CACERT", credentials.get("OS_CACERT"))
        return ConnectionSettings(own.timeout, authorities, own.insecure or insecure or not verify)

    def driver_class(self) -> type[Any]:
        return driver_class(self._connection_settings, self.tracker)

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

    def _hide(self, token: str) -> None:
        """A service may repeat the token in what it says of an error."""
        self._secrets = (*self._secrets, token)

    def _keystone(self, url: str) -> Any:
        return keystone_connection(self._connection_settings, self.tracker, url)

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


def _following(links: Any) -> dict[str, Any]:
    """The query of the next page; empty if there is none."""
    following = [str(link["href"]) for link in links if link.get("rel") == "next"]
    return dict(parse_qs(urlsplit(following[0]).query)) if following else {}


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
