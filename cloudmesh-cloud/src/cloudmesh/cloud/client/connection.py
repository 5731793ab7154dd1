"""The connection to one cloud that all parts of ``Cloud`` share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import Any, TypeVar, cast

from cloudmesh.cloud.errors import (
    CloudError,
    Conflict,
    IncompleteListing,
    NotFound,
    OddRecord,
    ProviderDefect,
    Unsupported,
    reworded,
)
from cloudmesh.cloud.fanout.query import bounded
from cloudmesh.cloud.model.records import LeftOut, MachineRecord
from cloudmesh.cloud.model.refusals import cannot
from cloudmesh.cloud.model.verbs import Capability
from cloudmesh.cloud.provider.guard import Guard
from cloudmesh.cloud.provider.interface import Provider
from cloudmesh.cloud.provider.retry import READS, ReadRetry
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.cloud.wire.waiting import pause
from cloudmesh.plugin import durations
from cloudmesh.plugin.errors import CloudmeshError, StoreError

Listed = TypeVar("Listed")
# How many odd entries of a listing are named.
_SHOWN = 8


def mapped(cloud: str) -> AbstractContextManager[None]:
    """Turn an error that a provider must not raise into a ProviderDefect, so that other clouds go on."""
    return Guard(partial(_map, cloud))


def _map(cloud: str, error: Exception) -> None:
    if not isinstance(error, CloudmeshError):
        kind = type(error).__name__
        raise ProviderDefect(
            f"cloud {cloud} failed with an error in its provider ({kind}); "
            "CLOUDMESH_DEBUG=1 shows more, please report it"
        ) from error


class RetryingReader:
    """A provider whose reads are retried, and whose errors are mapped as ``mapped`` does."""

    def __init__(self, provider: Provider, retry: ReadRetry) -> None:
        self._provider = provider
        self._retry = retry

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._provider, name)
        if not callable(found):
            return found

        def method(*words: Any, **named: Any) -> Any:
            with mapped(self._provider.name):
                return found(*words, **named)

        if name not in READS:
            return method
        return lambda *words: self._retry.call(partial(method, *words))

    def changed_machines(self, since: str) -> list[MachineRecord]:
        """Those that changed; the whole of it, since one that breaks off tells nothing."""
        return self._retry.call(lambda: list(self._provider.changed_machines(since)))

    def machines(self) -> Iterator[MachineRecord]:
        """The listing; one that breaks off is begun again, and nobody is told twice."""
        told: set[str] = set()
        listing: Iterator[MachineRecord] | None = None

        def following() -> MachineRecord | None:
            nonlocal listing
            try:
                listing = iter(self._provider.machines()) if listing is None else listing
                return next((machine for machine in listing if machine.cloud_id not in told), None)
            except BaseException:
                listing = None
                raise

        while (machine := self._retry.call(following)) is not None:
            told.add(machine.cloud_id)
            yield machine


class Connection:
    """One cloud by its name and, while it is open, its provider and the store of what is known.

    Attributes:
        name: the cloud's name in the configuration.
        defaults: what the configuration says of new machines: image, flavor, key, network, ...
        call_timeout: after how many seconds those who make calls give one up; None if that is not configured.
        wait_timeout: for how many seconds machines are waited for; None if that is not configured.
        read_retry: how calls that change nothing are retried.
        sleep: lets seconds pass; replaced in tests.
        has_listed: whether the cloud has told all its machines since it was opened, not only changes.
        left_out: what the last listing of each kind left out, since it cannot be as the cloud says.
        shared_listing: gives machines as another thread was told of them moments ago, or lets its argument
            ask; for those who act on many machines, of which many may have vanished. None to ask each time.
    """

    read_retry = ReadRetry()
    sleep: Callable[[float], None] = staticmethod(pause)

    def __init__(self, name: str) -> None:
        self.name = name
        self.defaults: Mapping[str, str] = {}
        self.call_timeout: float | None = None
        self.wait_timeout: float | None = None
        self.shared_listing: Callable[[Callable[[], list[MachineRecord]]], list[MachineRecord]] | None = None
        self.left_out: dict[str, list[LeftOut]] = {}
        self.has_listed = False
        self._opened: tuple[Provider, Inventory] | None = None

    def limit(self, settings: Mapping[str, Any]) -> None:
        """Take the limits of time from the section of the cloud; what is no duration is none."""
        self.call_timeout = _seconds(settings.get("call_timeout"))
        self.wait_timeout = _seconds(settings.get("wait_timeout"))

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
    def opened(self) -> tuple[Provider, Inventory]:
        """The open provider and the store of what is known. Raises CloudmeshError if there is none."""
        if self._opened is None:
            raise CloudmeshError(f"cloud {self.name} is not open; use 'with Cloud({self.name!r}) as c:'")
        return self._opened

    @property
    def provider(self) -> Provider:
        """The open provider."""
        return self.opened[0]

    @property
    def inventory(self) -> Inventory:
        """The store of what is known."""
        return self.opened[1]

    @property
    def calls(self) -> Provider:
        """The provider: reads that fail are retried, and errors are mapped as ``mapped`` does."""
        return cast("Provider", RetryingReader(self.provider, self.read_retry))

    def listing(self, method: Callable[..., Iterable[Listed]], *words: str) -> Iterator[Listed]:
        """What a method of the provider lists, as ``Provider.networks``; one entry after the other.

        Raises:
            BadAnswer: the listing has more entries than any true one; see ``fanout.query``.
        """
        kind = method.__name__
        # Filled while the listing goes on; one that is begun again tells the same once more.
        self.provider.left_out, self.left_out[kind] = [], []
        with mapped(self.name):
            yield from bounded(getattr(self.calls, kind)(*words), self.name, kind)
        self.left_out[kind] = list(dict.fromkeys(self.provider.left_out))
        self.has_listed = self.has_listed or kind == Provider.machines.__name__

    def require_complete(self) -> None:
        """Raises IncompleteListing if the listings since the cloud was opened left something out."""
        odd = [str(each) for kind in self.left_out.values() for each in kind]
        if odd:
            more = f"; and {len(odd) - _SHOWN} more" if len(odd) > _SHOWN else ""
            raise IncompleteListing(f"cloud {self.name}: {'; '.join(odd[:_SHOWN])}{more}")

    def require_readable(self, name: str) -> None:
        """Raises OddRecord if what has this name or id was left out of a listing."""
        for each in (odd for kind in self.left_out.values() for odd in kind):
            if name in (each.name, each.cloud_id):
                raise OddRecord(f"cloud {self.name}: {each}")

    def surely(self, change: Callable[[], Listed], look: Callable[[], Listed | None]) -> Listed:
        """What a change comes to; if its answer is lost, what ``look`` finds of it, None for nothing.

        Raises the error of the change if nothing is found, and the one of the look if that says what is so.
        """
        try:
            return change()
        except CloudError as error:
            if not error.outcome_unknown:
                raise
            try:
                found = look()
            except CloudError as trouble:
                if trouble.outcome_unknown or isinstance(trouble, NotFound | Conflict):
                    raise
                told = f"{error}; outcome unknown: {trouble}"
                raise reworded(error, told) from trouble
            if found is None:
                raise
            return found

    def ensure(self, change: Callable[[], None], is_done: Callable[[], bool]) -> None:
        """The same for a change that gives nothing back."""

        def changed() -> bool:
            change()
            return True

        self.surely(changed, lambda: is_done() or None)

    def require(self, capability: Capability) -> None:
        """Raises Unsupported if this cloud cannot do it."""
        if capability not in self.provider.capabilities:
            raise Unsupported(cannot(self.name, capability))

    def save(self, machine: MachineRecord, done: str) -> None:
        """Write down what the cloud has done to a machine.

        Raises StoreError with the sentence ``done``: the user must still learn that it was done.
        """
        try:
            self.inventory.save(machine)
        except StoreError as error:
            raise StoreError(f"{done}, but this could not be saved in the store: {error}") from error


def _seconds(value: object) -> float | None:
    with suppress(ValueError):
        return None if value is None else durations.seconds(value) or None
    return None
