"""JSON over HTTP: what each call of an OpenStack may answer, in one table, and the client that sends them.

https://docs.openstack.org/api-ref/ tells the statuses; all else is no answer of the interface.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from cloudmesh.cloud.providers.libcloud.connection_settings import (
    ConnectionSettings,
    environment_certificates,
    has_proxy,
    is_sent_on,
)
from cloudmesh.cloud.providers.libcloud.tracker import CallTracker
from cloudmesh.cloud.providers.libcloud.whole import import_whole
from cloudmesh.cloud.wire.waiting import aside

if TYPE_CHECKING:
    from cloudmesh.cloud.wire.answer import Answer
    from cloudmesh.cloud.wire.client import WireClient


@dataclass(frozen=True)
class Call:
    """One call of a service.

    Attributes:
        service: compute, image, network, reservation or identity.
        method, path: of HTTP; ``{}`` stands for an id or a name.
        statuses: those of success.
        key: where in the body the answer is; empty if it is the body.
        kind: what is there: list, dict or str; None for a call that is answered without a body.
        version: the microversion of Nova that is needed at least; empty for the oldest.
    """

    service: str
    method: str
    path: str
    statuses: tuple[int, ...] = (200,)
    key: str = ""
    kind: type | None = None
    version: str = ""

    def url(self, endpoint: str, names: tuple[str, ...], query: Mapping[str, Any]) -> str:
        """The address of the call."""
        path = self.path.format(*(quote(name, safe="") for name in names))
        return f"{endpoint}{path}" + (f"?{urlencode(query, doseq=True)}" if query else "")

    def fits(self, answer: Any, body: Any) -> bool:
        """Whether an HTTP response, whose JSON is ``body``, is one that the interface gives."""
        if self.kind is None:
            return answer.status_code in self.statuses and not answer.content
        told = body.get(self.key) if self.key and isinstance(body, dict) else body
        is_json = "json" in str(answer.headers.get("content-type", "")).lower()
        return answer.status_code in self.statuses and is_json and isinstance(told, self.kind)


_ACTION = ("compute", "POST", "/servers/{}/action")
_OK, _CREATED, _ACCEPTED, _NO_CONTENT = (200,), (201,), (202,), (204,)
# Since this one (Pike, 2017) a server tells the name and size of its flavor.
_FLAVOR_TOLD = "2.47"
CALLS: Mapping[str, Call] = {
    "token": Call("identity", "POST", "/v3/auth/tokens", _CREATED, "token", dict),
    "server_ids": Call("compute", "GET", "/servers", _OK, "servers", list),
    "servers": Call("compute", "GET", "/servers/detail", _OK, "servers", list, _FLAVOR_TOLD),
    "server": Call("compute", "GET", "/servers/{}", _OK, "server", dict, _FLAVOR_TOLD),
    "boot": Call("compute", "POST", "/servers", _ACCEPTED, "server", dict),
    "rename": Call("compute", "PUT", "/servers/{}", _OK, "server", dict),
    "delete": Call("compute", "DELETE", "/servers/{}", _NO_CONTENT),
    "action": Call(*_ACTION, _ACCEPTED),
    "confirm": Call(*_ACTION, _NO_CONTENT),
    "rebuild": Call(*_ACTION, _ACCEPTED, "server", dict),
    "console": Call(*_ACTION, _OK, "output", str),
    "metadata": Call("compute", "GET", "/servers/{}/metadata", _OK, "metadata", dict),
    "set_metadata": Call("compute", "POST", "/servers/{}/metadata", _OK, "metadata", dict),
    "unset_metadata": Call("compute", "DELETE", "/servers/{}/metadata/{}", _NO_CONTENT),
    "flavors": Call("compute", "GET", "/flavors/detail", _OK, "flavors", list),
    "keypairs": Call("compute", "GET", "/os-keypairs", _OK, "keypairs", list),
    # Two statuses: since microversion 2.2 Nova says what is customary.
    "add_keypair": Call("compute", "POST", "/os-keypairs", (200, 201), "keypair", dict),
    "delete_keypair": Call("compute", "DELETE", "/os-keypairs/{}", (202, 204)),
    "limits": Call("compute", "GET", "/limits", _OK, "limits", dict),
    "images": Call("image", "GET", "/v2/images", _OK, "images", list),
    "image": Call("image", "GET", "/v2/images/{}", _OK, "", dict),
    "networks": Call("network", "GET", "/v2.0/networks", _OK, "networks", list),
    "subnets": Call("network", "GET", "/v2.0/subnets", _OK, "subnets", list),
    "ports": Call("network", "GET", "/v2.0/ports", _OK, "ports", list),
    "quotas": Call("network", "GET", "/v2.0/quotas/{}/details", _OK, "quota", dict),
    "groups": Call("network", "GET", "/v2.0/security-groups", _OK, "security_groups", list),
    "group": Call("network", "GET", "/v2.0/security-groups/{}", _OK, "security_group", dict),
    "add_group": Call("network", "POST", "/v2.0/security-groups", _CREATED, "security_group", dict),
    "delete_group": Call("network", "DELETE", "/v2.0/security-groups/{}", _NO_CONTENT),
    "add_rule": Call("network", "POST", "/v2.0/security-group-rules", _CREATED, "security_group_rule", dict),
    "delete_rule": Call("network", "DELETE", "/v2.0/security-group-rules/{}", _NO_CONTENT),
    "addresses": Call("network", "GET", "/v2.0/floatingips", _OK, "floatingips", list),
    "address": Call("network", "GET", "/v2.0/floatingips/{}", _OK, "floatingip", dict),
    "add_address": Call("network", "POST", "/v2.0/floatingips", _CREATED, "floatingip", dict),
    "set_address": Call("network", "PUT", "/v2.0/floatingips/{}", _OK, "floatingip", dict),
    "delete_address": Call("network", "DELETE", "/v2.0/floatingips/{}", _NO_CONTENT),
    # The endpoint of Blazar ends in its version.
    "leases": Call("reservation", "GET", "/leases", _OK, "leases", list),
    "lease": Call("reservation", "GET", "/leases/{}", _OK, "lease", dict),
    "create_lease": Call("reservation", "POST", "/leases", (200, 201), "lease", dict),
    "extend_lease": Call("reservation", "PUT", "/leases/{}", _OK, "lease", dict),
    "delete_lease": Call("reservation", "DELETE", "/leases/{}", (200, 204)),
}


class RestClient:
    """The connections of one cloud to its services, kept open between calls.

    Calls of services go over the lean client of ``cloudmesh.cloud.wire``. What that does not do (proxies,
    redirections, addresses that have to be coded) goes over the connections that drivers of libcloud have,
    and so does signing in, which is done once.
    """

    def __init__(self, settings: ConnectionSettings, tracker: CallTracker) -> None:
        self._settings = settings
        self._tracker = tracker
        self._connections: dict[tuple[str, bool], Any] = {}
        # Where calls go over the lean client; None where they do not.
        self._lean: dict[tuple[str, str], WireClient | None] = {}

    def twin(self, tracker: CallTracker) -> RestClient:
        """One that knows the way to each host by now, for another call at the same time."""
        made = RestClient(self._settings, tracker)
        made._lean = {place: known and known.twin(tracker.budget) for place, known in self._lean.items()}
        for each in filter(None, made._lean.values()):
            tracker.add_session(each)
        return made

    def send(
        self,
        method: str,
        url: str,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        service: str = "identity",
    ) -> Any:
        """The HTTP response to a call of a service, whatever its status."""
        self._tracker.service = service
        usual = {"Accept": "application/json", "Content-Type": "application/json", **(headers or {})}
        body = "" if data is None else json.dumps(data)
        parts = urlsplit(url)
        lean = self._lean_client(parts)
        if lean is not None and lean.accepts(parts, usual):
            answer = self._exchange(lean, method, parts, body, usual)
            if not (answer.is_redirect and is_sent_on(method, answer.status_code)):
                return answer
            self._lean[parts.scheme, parts.netloc] = None
        return aside(lambda: self._by_libcloud(method, url, body, usual))

    def _exchange(
        self, lean: WireClient, method: str, url: SplitResult, body: str, headers: Mapping[str, str]
    ) -> Answer:
        """The answer that the lean client gets."""
        tracker, path = self._tracker, f"{url.path}?{url.query}" if url.query else url.path
        tracker.begin(method, url.netloc, path, changes_nothing=False)
        tracker.budget.begin(url.netloc, tracker.ends)
        answer = lean.exchange(method, url, headers, body.encode())
        tracker.end(method, url.path, answer, signs_in=False)
        return answer

    def _lean_client(self, url: SplitResult) -> WireClient | None:
        """The lean client, if calls to this host can go over it."""
        place = url.scheme, url.netloc
        if place not in self._lean:
            self._lean[place] = None if has_proxy(url) else self._new_client(url)
        return self._lean[place]

    def _new_client(self, url: SplitResult) -> WireClient | None:
        from cloudmesh.cloud.wire.client import WireClient, reaches  # with it comes TLS
        from cloudmesh.cloud.wire.pool import Tls

        if not reaches(url):
            return None
        own = self._settings
        authorities = own.ca_file
        if not (own.insecure or authorities):
            authorities = environment_certificates(url.geturl()) or ""
        tls = Tls(authorities, own.insecure, own.client_certificate)
        client = WireClient(self._tracker.budget, own.limits[0], tls)
        self._tracker.add_session(client)
        return client

    def _by_libcloud(self, method: str, url: str, body: str, headers: Mapping[str, str]) -> Any:
        connection, path = self._connection(url, signs_in=False)
        connection.request(method, path, body, headers)
        return connection.response

    def exchange(self, method: str, url: str, body: Any, headers: Mapping[str, str], proof: Any) -> Any:
        """The HTTP response to a request of a sign-in, to Keystone or to an identity provider.

        Args:
            body: a text, or the fields of a form.
            proof: what adds a proof of identity to a request, as ``auth`` of requests.
        """
        self._tracker.service = "identity"
        connection, path = self._connection(url, signs_in=True)
        connection.request(method, path, body, headers, auth=proof)
        return connection.response

    def _connection(self, url: str, signs_in: bool) -> tuple[Any, str]:
        """The open connection to the host of an address, and the rest of the address."""
        from cloudmesh.cloud.providers.libcloud.transport import connection_class  # with it come requests

        parts = urlsplit(url)
        place = f"{parts.scheme}://{parts.netloc}"
        if (place, signs_in) not in self._connections:
            kind = connection_class(self._settings, self._tracker, signs_in)
            connection = self._connections[place, signs_in] = kind(parts.netloc, None)
            # libcloud's own way to an address knows no IPv6.
            connection.host = place
        return self._connections[place, signs_in], url.removeprefix(place)


def body_of(call: Call, answer: Any) -> Any:
    """The JSON of a response; None for a call that has none.

    Raises:
        Exception: of libcloud, for ``calling`` to translate: an HTTP error, or what is no JSON.
        ValueError: it is JSON that the interface does not answer with.
    """
    raise_for_status(answer)
    body = json_of(answer)
    if call.fits(answer, body):
        return body
    is_page = "html" in str(answer.headers.get("content-type", "")).lower()
    if is_page or (body is None and call.method != "GET"):
        import_whole("libcloud")
        from libcloud.common.types import MalformedResponseError

        raise MalformedResponseError("no answer of OpenStack", answer.text)
    raise ValueError(f"no answer to {call.method} {call.path}")


def raise_for_status(answer: Any) -> None:
    """Raise libcloud's error for an HTTP status that is no success."""
    if answer.status_code >= HTTPStatus.MULTIPLE_CHOICES:
        import_whole("libcloud")
        from libcloud.common.exceptions import BaseHTTPError

        error = BaseHTTPError(answer.status_code, "", answer.headers)
        # Here and not in its message, so that no traceback shows what a cloud repeats.
        error.body = answer.text
        raise error


def json_of(answer: Any) -> Any:
    """The JSON of a response; None if there is none."""
    try:
        return json.loads(answer.content) if answer.content else None
    except (ValueError, RecursionError):
        return None
