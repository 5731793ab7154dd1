"""The connections of one cloud, with time limits and TLS of its own.

libcloud keeps both in global variables. Here each provider has a class of connections of its own, so that
one cloud with a private certificate, or without any, does not change how others are verified.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from cloudmesh.plugin.errors import ConfigError

if TYPE_CHECKING:
    from requests import Response, Session

# The settings of a cloud's section that ConnectionSettings reads.
CONNECTION_KEYS = ("timeout", "ca_cert", "insecure")
_CONNECT_SECONDS = 10.0
_MOST_SECONDS = 3600.0
_TOKEN_PATH = "/oauth2/token"  # noqa: S105 no secret
_READING = ("GET", "HEAD", "OPTIONS")
# Temporary Redirect and Permanent Redirect (RFC 9110, 15.4).
_SAME_METHOD = (307, 308)


@dataclass(frozen=True)
class ConnectionSettings:
    """Time limits and TLS of one cloud.

    Attributes:
        timeout: seconds to wait for each part of an answer; a connection is given up after 10 of them.
        ca_file: a file of certificates (PEM) to trust instead of the system's.
        insecure: whether to take any certificate.
    """

    timeout: float = 60.0
    ca_file: str = ""
    insecure: bool = False

    @classmethod
    def read(cls, cloud: str, settings: Mapping[str, Any]) -> ConnectionSettings:
        """From ``timeout``, ``ca_cert`` and ``insecure`` of a cloud's section. Raises ConfigError."""
        place = f"clouds.{cloud}"
        return cls(
            timeout=_timeout(f"{place}.timeout", settings.get("timeout")),
            ca_file=certificate_file(f"{place}.ca_cert", settings.get("ca_cert")),
            insecure=true_or_false(f"{place}.insecure", settings.get("insecure")),
        )

    @property
    def limits(self) -> tuple[float, float]:
        """Seconds for connecting, and for each part of the answer."""
        return min(_CONNECT_SECONDS, self.timeout), self.timeout


def _timeout(key: str, value: Any) -> float:
    if value is None:
        return ConnectionSettings.timeout
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = 0.0
    if isinstance(value, bool) or not 0 < seconds <= _MOST_SECONDS:
        raise ConfigError(f"{key} must be a number of seconds, more than 0 and at most {_MOST_SECONDS:.0f}")
    return seconds


def true_or_false(key: str, value: Any, default: bool = False) -> bool:
    """A setting that is true or false, also as a text or as 1 and 0. Raises ConfigError."""
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": default}
    word = "" if value is None else str(value).strip().lower()
    if word not in words:
        raise ConfigError(f"{key} must be true or false")
    return words[word]


def certificate_file(key: str, value: Any) -> str:
    """The path of a file of certificates, empty if none is given; raises ConfigError if it is none."""
    if value is None or not str(value).strip():
        return ""
    import ssl

    path = Path(str(value)).expanduser()
    try:
        ssl.create_default_context().load_verify_locations(cafile=str(path))
    except ssl.SSLError as error:
        raise ConfigError(f"{key} is {path}, which is no file of certificates in PEM form") from error
    except OSError as error:
        raise ConfigError(f"{key} is {path}, which cannot be read: {error.strerror}") from error
    return str(path)


class CallTracker:
    """What went over the connections of one provider: whereto, what changed something, the last answer.

    Errors of libcloud often leave out the status of the answer; it is found here.

    Attributes:
        get_reads: whether the cloud changes nothing for a GET, as some interfaces do.
        changes: how many calls since ``reset``, but for the last, may have changed something.
        place: host and port of the last call; empty before the first.
        answer: the last HTTP response; None before it came.
    """

    def __init__(self, get_reads: bool = False) -> None:
        self.get_reads = get_reads
        self.changes = 0
        self.place = ""
        self.answer: Any = None
        self._sessions: list[Any] = []
        self._changing = False

    def reset(self) -> None:
        """Count changes from here."""
        self.changes, self._changing = 0, False

    def begin(self, method: str, place: str, changes_nothing: bool) -> None:
        """Take note of a call that is made now."""
        refused = getattr(self.answer, "status_code", 0) >= 400
        self.changes += self._changing and not refused
        self._changing = not (changes_nothing or (self.get_reads and method.upper() in _READING))
        self.place = place
        self.answer = None

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
        ) -> None:
            # Some drivers sign in over connections of the class that they call the cloud with.
            changes_nothing = signs_in or url.partition("?")[0].endswith(_TOKEN_PATH)
            tracker.begin(method, self.host.partition("://")[2], changes_nothing)
            if self.session.trust_env:
                self._read_environment()
            tracker.answer = self.response = self._answer(
                method.upper(), urljoin(self.host, url), body, self._normalize_headers(headers), stream, hooks
            )

        def _answer(
            self, method: str, url: str, body: Any, headers: Any, stream: bool, hooks: Any
        ) -> Response:
            """As ``session.request``, but for a fifth of its time: to merge what is hardly ever changed."""
            session, call = self.session, PreparedRequest()
            # None leaves a header out.
            told = {key: text for key, text in {**session.headers, **headers}.items() if text is not None}
            call.prepare(method, url, told, data=body, cookies=session.cookies, hooks=hooks)
            answer: Response = session.send(
                call,
                stream=stream,
                verify=self.verification,
                timeout=session.timeout,
                proxies=session.proxies,
                allow_redirects=True,
            )
            return answer

        def _read_environment(self) -> None:
            """Take proxies and certificates from the environment, once: looking there is much of a call."""
            found = self.session.merge_environment_settings(self.host, {}, None, self.verification, None)
            self.session.proxies = found["proxies"]
            self.ca_cert = found["verify"] if isinstance(found["verify"], str) else None
            # Nor is anything sent that a .netrc says of this host: who we are is in the configuration alone.
            self.session.trust_env = False

    if settings.insecure:
        # Whoever wrote ``insecure: true`` need not be told at every call.
        import warnings

        from urllib3.exceptions import InsecureRequestWarning

        warnings.simplefilter("ignore", InsecureRequestWarning)
    return CloudConnection


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
