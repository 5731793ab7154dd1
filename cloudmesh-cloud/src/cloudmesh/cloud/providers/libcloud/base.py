"""What all providers over libcloud share: one driver from ``open`` to ``close``, its errors mapped."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from cloudmesh.cloud.provider.boot import BootRequest
from cloudmesh.cloud.provider.endpoint import Endpoint
from cloudmesh.cloud.provider.interface import Provider
from cloudmesh.cloud.providers.libcloud.settings import (
    CONNECTION_KEYS,
    ConnectionSettings,
    secret_texts,
    userdata_texts,
)
from cloudmesh.cloud.providers.libcloud.transport import CallTracker, build_driver, connection_class
from cloudmesh.plugin.errors import CloudmeshError


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

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        super().__init__(name, settings)
        self.tracker = CallTracker(self.get_reads)
        self._driver: Any = None
        self._secrets = secret_texts(settings)
        self._connection_settings = self.connection_settings()

    def connection_settings(self) -> ConnectionSettings:
        """Time limits and TLS; by default from ``timeout``, ``ca_cert`` and ``insecure`` of the settings."""
        return ConnectionSettings.read(self.name, self.settings)

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
            raise CloudmeshError(f"the provider of cloud {self.name} is not open; use 'with' or open()")
        return self._driver

    def open(self) -> None:
        """Import libcloud and build the driver; most drivers call nobody yet."""
        arguments, named = self.driver_arguments()
        with self.calling("sign in"):
            kind = self.driver_class()
            self._driver = build_driver(kind, self._connection_settings, self.tracker, arguments, named)

    def _connection_class(self) -> type[Any]:
        """For connections beside the driver's own, to sign in somewhere else."""
        return connection_class(self._connection_settings, self.tracker, signs_in=True)

    def endpoint(self) -> Endpoint | None:
        """Where calls go to, with this cloud's TLS; None if the driver does not tell before it calls."""
        url = self.endpoint_url()
        settings = self._connection_settings
        return Endpoint(url, settings.ca_file, settings.insecure, settings.limits[0]) if url else None

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

    def hide_userdata(self, request: BootRequest) -> None:
        """Let no error repeat what a machine is booted with: it may hold secrets. Comes before the boot."""
        if request.userdata not in self._secrets:
            self._secrets = (*userdata_texts(request.userdata), *self._secrets)

    @contextmanager
    def calling(self, what: str) -> Iterator[None]:
        """Every call of the driver goes in here; ``what`` it is to do comes after "to" in error messages."""
        try:
            yield
        except CloudmeshError:
            raise
        except Exception as error:
            from cloudmesh.cloud.providers.libcloud.errors import CallContext, translate

            place = self.tracker.place or "its endpoint"
            call = CallContext(self.name, what, place, self.tracker.answer, self._secrets, self.explain)
            ours = translate(error, call)
            if ours is None:
                raise
            raise ours from error

    @contextmanager
    def changing(self, what: str) -> Iterator[None]:
        """``calling`` for a method of the driver that changes something, perhaps by several requests.

        Some drivers ask for a machine and then look whether it is there. If such a look fails, the error
        is about that request alone, and what was asked for may be done all the same.
        """
        self.tracker.reset()
        try:
            with self.calling(what):
                yield
        except CloudmeshError as error:
            error.outcome_unknown = error.outcome_unknown or self.tracker.changes > 0
            raise

    def explain(self, details: Any, call: Any) -> CloudmeshError | None:
        """The error of our tree for what this cloud told (``ErrorDetails``) in this ``CallContext``.

        None leaves it to what all clouds have in common.
        """
        return None
