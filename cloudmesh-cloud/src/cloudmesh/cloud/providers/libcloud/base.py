"""What all providers over libcloud share: one driver from ``open`` to ``close``, its errors mapped."""

from __future__ import annotations

import time
from abc import abstractmethod
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, ClassVar
from urllib.parse import urlsplit

from cloudmesh.cloud.errors import BadAnswer, OddRecord
from cloudmesh.cloud.provider.boot import BootRequest
from cloudmesh.cloud.provider.guard import Guard
from cloudmesh.cloud.provider.interface import Provider
from cloudmesh.cloud.providers.libcloud.connection_settings import CONNECTION_KEYS, ConnectionSettings
from cloudmesh.cloud.providers.libcloud.tracker import CallTracker
from cloudmesh.cloud.providers.libcloud.whole import import_whole
from cloudmesh.plugin.errors import CloudmeshError, ConfigError, CredentialsError
from cloudmesh.plugin.secrets import is_secret

# Characters: of a part of user data, of what may be shown of it, and of a line that can hold a secret.
_PART, _SHOWN, _SHORTEST_LINE = 16, 400, 8
# What code that reads an answer raises where the answer is of another form.
_ODD = (OddRecord, LookupError, TypeError, AttributeError, ValueError, RecursionError, OverflowError)


class LibcloudProvider(Provider):
    """A cloud reached through one driver of libcloud, which one thread uses.

    A subclass says which driver class and with which arguments, and does its work inside ``calling``::

        def machines(self):
            with self.calling("list machines"):
                return [self._machine(node) for node in self.driver.list_nodes()]
    """

    settings_keys: ClassVar[tuple[str, ...]] = CONNECTION_KEYS
    # Whether a GET changes nothing on this cloud.
    get_reads: ClassVar[bool] = False
    # Whether the time for a call holds for all that a method of the driver asks for, not for each request.
    whole_methods: ClassVar[bool] = False
    # What is to be looked at if an answer has an unknown form.
    doubt: ClassVar[str] = "check the type of the cloud"

    def set_up(self) -> None:
        """Read time limits and TLS (``timeout``, ``ca_cert``, ``insecure``), then what is the cloud's own."""
        self._driver: Any = None
        self._hidden: set[str] = set()
        self.connection_settings = ConnectionSettings.read(self.name, self.settings)
        self.tracker = CallTracker(self.connection_settings, self.name, self.get_reads)
        self.read_own_settings()

    def read_own_settings(self) -> None:
        """Take what else a subclass needs from its settings. Raises ConfigError."""

    def required_setting(self, key: str, example: str = "VALUE") -> str:
        """A setting that must be there, as text. Raises ConfigError, with how to set it."""
        if not (value := self.settings.get(key)):
            raise ConfigError(
                f"cloud {self.name} has no {key}, which is required; "
                f"cms config set clouds.{self.name}.{key}={example}"
            )
        return str(value)

    def credential(self, key: str) -> str:
        """A value of ``credentials:`` that must be there. Raises CredentialsError."""
        credentials = self.settings.get("credentials")
        value = credentials.get(key) if isinstance(credentials, Mapping) else None
        if value is None or not str(value).strip():
            raise CredentialsError(
                f"cloud {self.name} has no {key}; "
                f"cms config set clouds.{self.name}.credentials.{key} asks for it"
            )
        return str(value)

    @abstractmethod
    def driver_class(self) -> type[Any]:
        """The class of libcloud's driver, imported here and not before."""

    @abstractmethod
    def driver_arguments(self) -> tuple[list[Any], dict[str, Any]]:
        """The positional and the named arguments of the driver's constructor. Raises ConfigError."""

    def delete(self, cloud_id: str) -> None:
        self.act("delete", cloud_id)

    @property
    def driver(self) -> Any:
        """The open driver."""
        if self._driver is None:
            raise CloudmeshError(f"the provider of cloud {self.name} is not open; call open() or use 'with'")
        return self._driver

    def open(self) -> None:
        """Import libcloud and build the driver; most drivers call nobody yet."""
        # For all that the drivers import below.
        import_whole("requests", "libcloud")
        from cloudmesh.cloud.providers.libcloud.transport import build_driver

        arguments, named = self.driver_arguments()
        with self.calling("sign in"):
            kind = self.driver_class()
            self._driver = build_driver(kind, self.connection_settings, self.tracker, arguments, named)

    def connect(self) -> str:
        """Reach the cloud over the connections of all calls, with their proxy and TLS; any answer will do."""
        from cloudmesh.cloud.providers.libcloud.transport import connection_class

        url = self.endpoint_url()
        if not url:
            return ""
        with self.calling("connect"):
            connection = connection_class(self.connection_settings, self.tracker)("", 0)
            connection.host = url
            connection.request("GET", "/")
        scheme, place, *_ = urlsplit(url)
        how = "; its TLS certificate is not checked (insecure)" if self.connection_settings.insecure else ""
        how = (
            (how or "; its TLS certificate is valid")
            if scheme == "https"
            else " without TLS: passwords are sent in clear text"
        )
        proxies = connection.session.proxies
        proxy = urlsplit(str(proxies.get(scheme) or proxies.get("all") or ""))
        return f"{place} answers{f' through the proxy {proxy.hostname}' if proxy.hostname else ''}{how}"

    def endpoint_url(self) -> str:
        """The address that sign-in goes to; empty if it is not known."""
        connection = getattr(self.driver, "connection", None)
        host, port = getattr(connection, "host", None), getattr(connection, "port", None)
        if not host or not port:
            return ""
        return f"{'https' if getattr(connection, 'secure', True) else 'http'}://{host}:{port}"

    def close(self) -> None:
        """Close the connections."""
        self._driver = None
        self.tracker.close()

    def hide(self, *texts: str) -> None:
        """Let no error show these texts, beside what is secret in the settings: a cloud may repeat them."""
        self._hidden.update(texts)

    def hide_userdata(self, request: BootRequest) -> None:
        """Let no error repeat what a machine is booted with: it may hold secrets. Comes before the boot."""
        self._hidden |= userdata_texts(request.userdata)

    def calling(self, what: str) -> AbstractContextManager[None]:
        """Every call of the driver goes in here; ``what`` it is to do stands in error messages."""
        self._count_time()
        return Guard(partial(self._translate, what))

    def _count_time(self) -> None:
        """Let the time for a call begin, where it holds for all that is asked for from here on."""
        if self.whole_methods:
            self.tracker.ends = time.monotonic() + self.connection_settings.call_timeout

    def _translate(self, what: str, error: Exception) -> None:
        """Raise our error for one of the driver; not for what is a mistake in the code."""
        if isinstance(error, CloudmeshError):
            return
        from cloudmesh.cloud.providers.libcloud.errors import CallContext, translate

        tracker = self.tracker
        place = tracker.place or "its endpoint"
        # The longest first: one may be a part of another.
        hidden = tuple(sorted({*secret_texts(self.settings), *self._hidden}, key=len, reverse=True))
        call = CallContext(self.name, what, place, tracker.answer, hidden, self.explain, tracker.service)
        ours = translate(error, call)
        if ours is not None:
            raise ours from error

    def requesting(self, what: str) -> AbstractContextManager[None]:
        """As ``calling``; an answer of another form than the interface promises raises BadAnswer."""
        self._count_time()
        return Guard(partial(self.translate_answer, what))

    def translate_answer(self, what: str, error: Exception) -> None:
        """Raise our error for one of a block that asks for something and reads the answer."""
        # Those of the network are OSErrors; some of them are a ValueError as well.
        if isinstance(error, _ODD) and not isinstance(error, OSError):
            odd = f": {error}" if isinstance(error, OddRecord) else ""
            raise BadAnswer(
                f"cloud {self.name}: {what} failed: unexpected answer from {self.tracker.place}{odd}; "
                f"{self.doubt}"
            ) from error
        self._translate(what, error)

    @contextmanager
    def listing(self, what: str) -> Iterator[None]:
        """``calling`` for a method of the driver that lists something: pages that repeat end it."""
        self.tracker.pages = Counter()
        try:
            with self.calling(what):
                yield
        finally:
            self.tracker.pages = None

    def changing(self, what: str) -> AbstractContextManager[None]:
        """``calling`` for a method of the driver that changes something, perhaps by several requests.

        Some drivers ask for a machine and then look whether it is there. If such a look fails, the error
        is about that request alone, and what was asked for may be done all the same.
        """
        self.tracker.reset()
        self._count_time()
        return self.weighing(partial(self._translate, what))

    def weighing(self, translate: Callable[[Exception], None]) -> AbstractContextManager[None]:
        """A block whose errors ``translate`` raises as ours; the tracker tells what they leave unknown."""
        return Guard(partial(self._weigh, translate))

    def _weigh(self, translate: Callable[[Exception], None], error: Exception) -> None:
        try:
            translate(error)
        except CloudmeshError as ours:
            self._judge(ours)
            raise
        if isinstance(error, CloudmeshError):
            self._judge(error)

    def _judge(self, error: CloudmeshError) -> None:
        unsure = error.outcome_unknown and not self.tracker.was_read
        error.outcome_unknown = unsure or self.tracker.changes > 0

    def explain(self, details: Any, call: Any) -> CloudmeshError | None:
        """The error of our tree for what this cloud told (``ErrorDetails``) in this ``CallContext``.

        None leaves it to what all clouds have in common.
        """
        return None


def secret_texts(value: Any, path: str = "", secret: bool = False) -> Iterator[str]:
    """All texts under secret names in the settings, or in a part of them that stands at ``path``."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            below = f"{path}.{name}" if path else str(name)
            yield from secret_texts(item, below, secret or is_secret(below))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from secret_texts(item, path, secret)
    elif secret and value not in (None, ""):
        yield str(value)


def userdata_texts(userdata: str) -> set[str]:
    """What of a machine's user data a cloud may repeat: all of it, lines, and the begin of it in base64."""
    encoded = b64encode(userdata.encode()).decode("ascii")
    # A cloud may repeat a part only; a message shows no more than the begin of that.
    parts = [encoded[start : start + _PART] for start in range(0, min(len(encoded), _SHOWN), _PART)]
    lines = [line for each in userdata.splitlines() if len(line := each.strip()) >= _SHORTEST_LINE]
    return {userdata, encoded, *parts, *lines}
