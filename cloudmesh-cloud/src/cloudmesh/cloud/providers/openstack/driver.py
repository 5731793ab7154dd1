"""libcloud's driver for OpenStack, signing in by our session instead of by itself.

libcloud asks Keystone for the catalog even when it has a token, does not try again when a token was revoked,
and knows domains by id for projects and by name for users only.
"""

from __future__ import annotations

from typing import Any

from cloudmesh.cloud.providers.libcloud.transport import Transport, Wire, connection_class
from cloudmesh.cloud.providers.openstack.account import Account


def driver_class(transport: Transport, wire: Wire) -> type[Any]:
    """The class of the driver. Its instances need the attribute ``session`` before their first call."""
    from libcloud.common.exceptions import BaseHTTPError
    from libcloud.compute.drivers import openstack as theirs

    connections = connection_class(transport, wire)

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
            self.driver.session.renewed()
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


def driver_arguments(account: Account) -> dict[str, Any]:
    """What libcloud's constructor asks for, though its own sign-in is never used."""
    return {"ex_force_auth_url": account.url, "ex_tenant_name": account.project or "-"}


def keystone(transport: Transport, wire: Wire, url: str) -> Any:
    """A connection to Keystone, without a token."""
    from libcloud.common.base import Connection
    from libcloud.compute.drivers.openstack import OpenStack_1_1_Response

    class Keystone(Connection):  # type: ignore[misc]
        """Speaks JSON, and raises for every status that is no success."""

        conn_class = connection_class(transport, wire)
        responseCls = OpenStack_1_1_Response  # noqa: N815
        driver = None

        def add_default_headers(self, headers: dict[str, str]) -> dict[str, str]:
            return {**headers, "Accept": "application/json", "Content-Type": "application/json"}

        def encode_data(self, data: Any) -> str:
            import json

            return json.dumps(data)

    return Keystone(url=url)
