"""The connections of one cloud, with time limits and TLS of its own.

libcloud keeps both in global variables. Here each provider has a class of connections of its own, so that
one cloud with a private certificate, or without any, does not change how others are verified.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from cloudmesh.cloud.errors import UNSURE, BadAnswer
from cloudmesh.cloud.providers.libcloud.bounded import AnswerBudget, BoundedAdapter
from cloudmesh.cloud.providers.libcloud.connection_settings import (
    ConnectionSettings,
    environment_certificates,
    require_usable_proxy,
)
from cloudmesh.cloud.providers.libcloud.error_details import clean

if TYPE_CHECKING:
    from requests import PreparedRequest, Response, Session

_TOKEN_PATH = "/oauth2/token"  # noqa: S105 no secret
_READING = ("GET", "HEAD", "OPTIONS")
# How often a driver may ask for the same in one listing: some look a thing up for each machine.
_MOST_REPEATS = 100
# Temporary Redirect and Permanent Redirect (RFC 9110, 15.4).
_SAME_METHOD = (307, 308)


class CallTracker:
    """What went over the connections of one provider: whereto, what changed something, the last answer.

    Errors of libcloud often leave out the status of the answer; it is found here.

    Attributes:
        budget: what is left of the limits of an answer.
        cloud: its name.
        get_reads: whether the cloud changes nothing for a GET, as some interfaces do.
        changes: how many calls since ``reset``, but for the last, may have changed something.
        was_read: whether the last call since ``reset`` changes nothing.
        place: host and port of the last call; empty before the first.
        service: which service of the cloud the last call was for, as ``compute``; empty if it has only one.
        answer: the last HTTP response; None before it came.
        ends: when the time for all calls together is over; infinity for none.
        pages: how often each address was called in a listing; None while none is made.
        is_plausible: whether the cloud's interface can have given an answer to a method and path; None for
            a cloud of which that is seen by others.
    """

    def __init__(self, settings: ConnectionSettings, cloud: str = "", get_reads: bool = False) -> None:
        self.budget = AnswerBudget(settings)
        self.cloud, self.get_reads = cloud, get_reads
        self.changes = 0
        self.place = self.service = ""
        self.answer: Any = None
        self.ends = math.inf
        self.pages: Counter[str] | None = None
        self.is_plausible: Callable[[str, str, Response], bool] | None = None
        self._sessions: list[Any] = []
        self._changing = self.was_read = False

    def reset(self) -> None:
        """Count changes from here."""
        self.changes, self._changing, self.was_read = 0, False, False

    def begin(self, method: str, place: str, url: str, changes_nothing: bool) -> None:
        """Take note of a call that is made now. Raises BadAnswer if a listing goes round in circles."""
        if self.pages is not None and method.upper() == "GET":
            self.pages[url] += 1
            if self.pages[url] > _MOST_REPEATS:
                raise BadAnswer(
                    f"cloud {self.cloud}: endless list: {place} sends the same page again; "
                    "report it to the operators of the cloud"
                )
        refused = getattr(self.answer, "status_code", 0) >= 400
        self.changes += self._changing and not refused
        self._changing = not (changes_nothing or (self.get_reads and method.upper() in _READING))
        self.was_read = not self._changing
        self.place = place
        self.answer = None

    def end(self, method: str, path: str, answer: Response, signs_in: bool) -> None:
        """Take note of an answer. Raises BadAnswer if it is a success that the cloud never tells so."""
        self.answer = answer
        if signs_in or self.is_plausible is None or answer.status_code >= HTTPStatus.MULTIPLE_CHOICES:
            return
        if not self.is_plausible(method.upper(), path, answer):
            kind = answer.headers.get("content-type", "").partition(";")[0] or "no content type"
            raise BadAnswer(
                f"cloud {self.cloud}: unexpected answer from {self.place} (HTTP {answer.status_code}, "
                f"{clean(kind)}); {UNSURE}; check the address, and whether a proxy or a sign-in page is in "
                "between"
            )

    def add_session(self, session: Any) -> None:
        """Take note of a session, to close it in the end."""
        self._sessions.append(session)

    def close(self) -> None:
        """Close all connections."""
        for session in self._sessions:
            session.close()
        self._sessions.clear()
        self.answer = None


def connection_class(settings: ConnectionSettings, tracker: CallTracker, signs_in: bool = False) -> type[Any]:
    """A class of connections for ``conn_class`` of libcloud's ``Connection`` classes.

    ``signs_in``: whether nothing goes over them but what gives a token.
    """
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
            tracker.budget.read(self.response)
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

    from urllib3.exceptions import InsecureRequestWarning

    warnings.simplefilter("ignore", InsecureRequestWarning)


def _redirect_target(session: Session, answer: Response) -> str | None:
    """The address that a redirection is followed to; None if it is not followed."""
    target: str | None = type(session).get_redirect_target(session, answer)
    method, url = str(answer.request.method), str(answer.request.url)
    # By most redirections a DELETE, say, becomes a GET, whose answer would be taken for success.
    stays = method in _READING or answer.status_code in _SAME_METHOD
    if target is None or not stays:
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
