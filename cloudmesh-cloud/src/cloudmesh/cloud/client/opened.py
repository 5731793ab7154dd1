"""What all parts of the ``Cloud`` context share: its name, the open provider and store, and mapped errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from cloudmesh.cloud.errors import ProviderDefect, Unsupported
from cloudmesh.cloud.model.verbs import Capability, cannot
from cloudmesh.cloud.provider.interface import Provider
from cloudmesh.cloud.provider.retry import ONCE, ReadRetry, RetryingReader
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.plugin.errors import CloudmeshError


class Opened:
    """A cloud that may be open.

    Attributes:
        patience: with the errors of calls that change nothing.
    """

    patience = ReadRetry()

    def __init__(self, name: str) -> None:
        self.name = name
        self._provider: Provider | None = None
        self._inventory: Inventory | None = None

    @property
    def provider(self) -> Provider:
        """The provider underneath, for what only this kind of cloud has."""
        if self._provider is None:
            raise CloudmeshError(f"cloud {self.name} is not open; use 'with Cloud({self.name!r}) as c:'")
        return self._provider

    @property
    def inventory(self) -> Inventory:
        """The store of what is known."""
        if self._inventory is None:
            raise CloudmeshError(f"cloud {self.name} is not open; use 'with Cloud({self.name!r}) as c:'")
        return self._inventory

    @contextmanager
    def calling(self) -> Iterator[Provider]:
        """The provider, whose errors are mapped as ``mapped`` does, and whose reads are tried again."""
        with self.mapped():
            yield cast("Provider", RetryingReader(self.provider, self.patience))

    @contextmanager
    def asking_once(self) -> Iterator[None]:
        """Nothing is tried again in this block: its owner does so itself, or wants to know how it is now."""
        kept = self.patience
        self.patience = ONCE
        try:
            yield
        finally:
            self.patience = kept

    @contextmanager
    def mapped(self) -> Iterator[None]:
        """What a provider must not raise becomes one error of this cloud, so that other clouds go on."""
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

    def require(self, capability: Capability) -> None:
        """Raises Unsupported if this cloud cannot do it."""
        if capability not in self.provider.capabilities:
            raise Unsupported(cannot(self.name, capability))
