"""Collects changes of machines in memory, for threads and workers without a store, to be stored later."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from cloudmesh.cloud.model.records import LeftOut, MachineRecord
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.cloud.store.known import KnownMachine
from cloudmesh.db import Database

if TYPE_CHECKING:
    from cloudmesh.cloud.model.networks import FloatingIP


class StoreChange(NamedTuple):
    """One thing to be written down: a method of ``Inventory`` and what it takes. Plain data."""

    method: str
    words: tuple[Any, ...]


def apply_all(changes: Iterable[StoreChange], inventory: Inventory) -> None:
    """Write all of it down, in order; machines that were only changed together. Raises StoreError."""
    for saves, group in groupby(changes, key=lambda change: change.method == "save"):
        if saves:
            inventory.save_many([change.words[0] for change in group])
            continue
        for change in group:
            getattr(inventory, change.method)(*change.words)


class Recorder(Inventory):
    """Stands in for an inventory while verbs are brought about, and notes what it is told for ``taken``.

    It knows nothing but the addresses it was given, and is used by one thread.
    """

    def __init__(self) -> None:
        self._changes: list[StoreChange] = []
        self._addresses: Sequence[FloatingIP] = ()

    def begin(self, addresses: Sequence[FloatingIP]) -> None:
        """Forget what was; ``addresses`` are those that were taken for the machine in hand."""
        self._changes = []
        self._addresses = addresses

    def taken(self) -> tuple[StoreChange, ...]:
        """What is to be written down, in order."""
        changes, self._changes = tuple(self._changes), []
        return changes

    @property
    def database(self) -> Database:
        """There is none here; what needs one must be done where the store is."""
        raise NotImplementedError

    def close(self) -> None:
        """There is nothing to leave."""

    def known(self, cloud: str) -> list[KnownMachine]:
        """None are known here."""
        return []

    def _note(self, method: str, *words: Any) -> None:
        self._changes.append(StoreChange(method, words))

    def save(self, machine: MachineRecord, asked: float | None = None) -> None:
        """When it is written counts as the time, since the clock here may be another machine's."""
        self._note("save", machine)

    def forget(self, machine: MachineRecord) -> None:
        self._note("forget", machine)

    def forget_host_keys(self, machine: MachineRecord) -> None:
        self._note("forget_host_keys", machine)

    def replace(
        self,
        cloud: str,
        machines: Iterable[MachineRecord],
        asked: float,
        left_out: Callable[[], Sequence[LeftOut]] = list,
        user: Callable[[], str] = str,
    ) -> list[KnownMachine]:
        """With the age of the listing; who vanished is found where the store is."""
        found = list(machines)
        self._note("replace_listed", cloud, found, time.time() - asked, tuple(left_out()), user())
        return []

    def expect_address(self, machine: MachineRecord, token: str) -> None:
        self._note("expect_address", machine, token)

    def keep_address(self, address: FloatingIP, machine: MachineRecord) -> None:
        self._note("keep_address", address, machine)

    def forget_address(self, address: FloatingIP) -> None:
        self._note("forget_address", address)

    def addresses_of(self, machine: MachineRecord) -> list[FloatingIP]:
        """Those that were given to ``begin``."""
        return list(self._addresses)
