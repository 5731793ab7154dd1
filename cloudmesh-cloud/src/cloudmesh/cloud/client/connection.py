"""The connection to one cloud that all parts of ``Cloud`` share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from cloudmesh.cloud.errors import ProviderDefect, Unsupported
from cloudmesh.cloud.fanout.limits import bounded
from cloudmesh.cloud.model.records import MachineRecord
from cloudmesh.cloud.model.verbs import Capability, cannot
from cloudmesh.cloud.provider.interface import Provider
from cloudmesh.cloud.provider.retry import ReadRetry, RetryingReader
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.plugin.errors import CloudmeshError, StoreError

Listed = TypeVar("Listed")


class Connection:
    """One cloud by its name and, while it is open, its provider and the store of what is known.

    Attributes:
        name: the cloud's name in the configuration.
        defaults: what the configuration says of new machines: image, flavor, key, network, ...
        read_retry: how calls that change nothing are retried.
        sleep: lets seconds pass; replaced in tests.
    """

    read_retry = ReadRetry()
    sleep: Callable[[float], None] = staticmethod(time.sleep)

    def __init__(
        self, name: str, provider: Provider | None = None, inventory: Inventory | None = None
    ) -> None:
        self.name = name
        self.defaults: Mapping[str, str] = {}
        self._opened = (provider, inventory) if provider and inventory else None

    @property
    def is_open(self) -> bool:
        """Whether there is a provider to call."""
        return self._opened is not None

    def attach(self, provider: Provider, inventory: Inventory) -> None:
        """Use this provider, which is open, and this store from now on."""
        self._opened = provider, inventory

    def detach(self) -> None:
        """Be closed again; those who opened provider and store close them."""
        self._opened = None

    @property
    def provider(self) -> Provider:
        """The open provider. Raises CloudmeshError if the cloud is not open."""
        return self._required()[0]

    @property
    def inventory(self) -> Inventory:
        """The store of what is known. Raises CloudmeshError if the cloud is not open."""
        return self._required()[1]

    def _required(self) -> tuple[Provider, Inventory]:
        if self._opened is None:
            raise CloudmeshError(f"cloud {self.name} is not open; use 'with Cloud({self.name!r}) as c:'")
        return self._opened

    @property
    def calls(self) -> Provider:
        """The provider: reads that fail are retried, and errors are mapped as ``mapped`` does."""
        return cast("Provider", _MappedProvider(self))

    @contextmanager
    def mapped(self) -> Iterator[None]:
        """Turn an error that a provider must not raise into a ProviderDefect, so that other clouds go on."""
        try:
            yield
        except CloudmeshError:
            raise
        except Exception as error:
            kind = type(error).__name__
            raise ProviderDefect(
                f"cloud {self.name} failed by an error of its provider, {kind}; "
                "CLOUDMESH_DEBUG=1 shows more, please report it"
            ) from error

    def listing(self, method: Callable[[Provider], Iterable[Listed]]) -> Iterator[Listed]:
        """What a method of the provider lists, as ``Provider.networks``; one entry after the other.

        Raises:
            BadAnswer: the listing has more entries than any true one; see ``fanout.limits``.
        """
        kind = method.__name__
        with self.mapped():
            yield from bounded(getattr(self.calls, kind)(), self.name, kind)

    def require(self, capability: Capability) -> None:
        """Raises Unsupported if this cloud cannot do it."""
        if capability not in self.provider.capabilities:
            raise Unsupported(cannot(self.name, capability))

    def save(self, machine: MachineRecord, done: str) -> None:
        """Write down what the cloud has done to a machine, as the sentence ``done`` says.

        Raises StoreError with that sentence: the user must still learn that it was done.
        """
        try:
            self.inventory.save(machine)
        except StoreError as error:
            raise StoreError(f"{done}, but that could not be written down: {error}") from error


class _MappedProvider(RetryingReader):
    """The provider of a connection, whose reads are retried and whose errors are mapped."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection.provider, connection.read_retry)
        self._mapped = connection.mapped

    def __getattr__(self, name: str) -> Any:
        found = super().__getattr__(name)
        return self._mapped()(found) if callable(found) else found
