"""The connections of one cloud, with time limits and TLS of its own.

libcloud keeps both in global variables. Here each provider has a class of connections of its own, so that
one cloud with a private certificate, or without any, does not change how others are verified.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from cloudmesh.cloud.providers.libcloud.bounded import BoundedAdapter, read
from cloudmesh.cloud.providers.libcloud.connection_settings import (
    ConnectionSettings,
    environment_certificates,
    is_sent_on,
    require_usable_proxy,
)
from cloudmesh.cloud.providers.libcloud.tracker import CallTracker
from cloudmesh.cloud.providers.libcloud.whole import import_whole

if TYPE_CHECKING:
    from requests import PreparedRequest, Response, Session

_TOKEN_PATH = "/oauth2/token"  # noqa: S105 no secret


def connection_class(settings: ConnectionSettings, tracker: CallTracker, signs_in: bool = False) -> type[Any]:
    """A class of connections for ``conn_class`` of libcloud's ``Connection`` classes.

    ``signs_in``: whether nothing goes over them but what gives a token.
    """
    import_whole("requests", "libcloud")
    from libcloud.http import LibcloudConnection
    from requests import PreparedRequest

    class CloudConnection(LibcloudConnection):  # type: ignore[misc]
        """A connection of one cloud."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "timeout": settings.limits})
            self.session.adapters.clear()
            for scheme in ("https://", "http://"):
                self.session.mount(scheme, BoundedAdapter(tracker.budget))
            self.session.get_redirect_target = partial(_redirect_target, self.session)
            tracker.add_session(self.session)

        def _setup_verify(self) -> None:
            self.verify = not settings.insecure

        def _setup_ca_cert(self, **kwargs: Any) -> None:
            self.ca_cert = settings.ca_file or None if self.verify else None

        def request(
            self,
            method: str,
            url: str,
            body: Any = None,
            headers: Any = None,
            raw: bool = False,
            stream: bool = False,
            hooks: Any = None,
            auth: Any = None,
        ) -> None:
            # Some drivers sign in over connections of the class that they call the cloud with.
            changes_nothing = signs_in or url.partition("?")[0].endswith(_TOKEN_PATH)
            place = self.host.partition("://")[2]
            tracker.begin(method, place, url, changes_nothing)
            tracker.budget.begin(place, tracker.ends)
            if self.session.trust_env:
                self._read_environment()
            told = {**self.session.headers, **self._normalize_headers(headers)}
            call = PreparedRequest()
            call.prepare(
                method.upper(),
                # A path that begins with two slashes would be joined as the name of another host.
                f"{self.host}{url}" if url.startswith("//") else urljoin(self.host, url),
                # None leaves out what the session has by that name.
                {key: text for key, text in told.items() if text is not None},
                data=body,
                cookies=self.session.cookies,
                auth=auth,
                hooks=hooks,
            )
            self.response = _send(self.session, call, self.verification, settings.client_certificate)
            read(self.response, tracker.budget)
            tracker.end(method, url.partition("?")[0], self.response, changes_nothing)

        def _read_environment(self) -> None:
            """Take proxies and certificates from the environment, once: looking there is much of a call."""
            found = self.session.merge_environment_settings(self.host, {}, None, self.verification, None)
            self.session.proxies = found["proxies"]
            require_usable_proxy(self.host, found["proxies"])
            if isinstance(found["verify"], str) and found["verify"] != settings.ca_file:
                self.ca_cert = environment_certificates(self.host)
            # Nor is anything sent that a .netrc says of this host: who we are is in the configuration alone.
            self.session.trust_env = False

    if settings.insecure:
        _do_not_warn()
    return CloudConnection


def _send(
    session: Session, call: PreparedRequest, verify: bool | str, certificate: str | tuple[str, str] | None
) -> Response:
    """As ``session.request``, but for a fifth of its time: to merge what is hardly ever changed."""
    return session.send(
        call,
        # The content is read afterwards, within the limits of an answer.
        stream=True,
        verify=verify,
        cert=certificate,
        timeout=session.timeout,  # type: ignore[attr-defined]  # libcloud keeps it there
        proxies=session.proxies,
        allow_redirects=True,
    )


def _do_not_warn() -> None:
    """Whoever wrote ``insecure: true`` need not be told at every call."""
    import warnings

    import_whole("urllib3")
    from urllib3.exceptions import InsecureRequestWarning

    warnings.simplefilter("ignore", InsecureRequestWarning)


def _redirect_target(session: Session, answer: Response) -> str | None:
    """The address that a redirection is followed to; None if it is not followed."""
    target: str | None = type(session).get_redirect_target(session, answer)
    method, url = str(answer.request.method), str(answer.request.url)
    if target is None or not is_sent_on(method, answer.status_code):
        return None
    # Another host must get no token, and no password in a body.
    return None if session.should_strip_auth(url, urljoin(url, target)) else target


def build_driver(
    driver: type[Any],
    settings: ConnectionSettings,
    tracker: CallTracker,
    arguments: Sequence[Any],
    named: Mapping[str, Any],
) -> Any:
    """A driver of this class whose connections keep to these settings."""
    made = connection_class(settings, tracker)
    if any("__new__" in vars(kind) for kind in driver.__mro__[:-1]):
        # It chooses one of several classes, by arguments of its own, and calls nobody when it is built.
        chosen = driver(*arguments, **named)
        chosen.connection.conn_class = made
        chosen.connection.connect()
        return chosen
    connection = type(driver.connectionCls.__name__, (driver.connectionCls,), {"conn_class": made})
    tuned = type(driver.__name__, (driver,), {"connectionCls": connection, "__module__": driver.__module__})
    return tuned(*arguments, **named)
