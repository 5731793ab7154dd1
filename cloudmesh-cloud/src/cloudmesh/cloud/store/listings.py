"""The last listings of clouds: images, flavors, leases in the store, machines in memory for all threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cloudmesh.cloud.model.records import LeftOut, MachineRecord
from cloudmesh.cloud.wire.waiting import acquire
from cloudmesh.config import Config
from cloudmesh.db import Database
from cloudmesh.plugin.errors import CloudmeshError

CATALOG = "catalog"
# How many things that a listing left out are kept.
_TOLD = 8
# For how many seconds a listing is good enough to find out who else has a name.
_FRESH = 30.0


class KeptListing(NamedTuple):
    """A listing as it was told last.

    Attributes:
        rows: what was listed.
        age: seconds since then.
        left_out: what it left out, as sentences; empty for nothing.
        refreshed: when that was, in seconds since the epoch.
    """

    rows: list[dict[str, Any]]
    age: float
    left_out: str
    refreshed: float


def keep_listing(
    database: Database, kind: str, cloud: str, things: Sequence[Any], left_out: Sequence[LeftOut]
) -> None:
    """Write a whole listing down in place of the one before."""
    listed = [
        {key: list(value) if isinstance(value, tuple) else value for key, value in vars(thing).items()}
        for thing in things
    ]
    for each in listed:
        del each["cloud"]
    told = "; ".join(str(each) for each in left_out[:_TOLD])
    record = {"kind": kind, "cloud": cloud, "refreshed": time.time(), "things": listed, "left_out": told}
    database.upsert(CATALOG, record, key=["kind", "cloud"])


def kept_listing(database: Database, kind: str, cloud: str) -> KeptListing | None:
    """The last listing; None if there was none."""
    found = database.find(CATALOG, kind=kind, cloud=cloud) if database.has(CATALOG) else []
    if not found:
        return None
    rows = [{"cloud": cloud, **thing} for thing in found[0]["things"]]
    refreshed = float(found[0]["refreshed"])
    age = max(0.0, time.time() - refreshed)
    return KeptListing(rows, age, str(found[0].get("left_out") or ""), refreshed)


@dataclass
class _Listing:
    lock: threading.Lock = field(default_factory=threading.Lock)
    machines: list[MachineRecord] | None = None
    told: float = 0.0


class SharedListings:
    """The last listing of each cloud, by whatever names a cloud and who it is called as."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._listings: dict[str, _Listing] = {}

    def get(self, key: str, ask: Callable[[], list[MachineRecord]]) -> list[MachineRecord]:
        """The machines as they were told less than 30 seconds ago; else one thread asks, while others wait.

        Raises:
            CloudmeshError: this thread asked, and that failed.
        """
        with self._lock:
            listing = self._listings.setdefault(key, _Listing())
        if not acquire(listing.lock, _FRESH):
            # The thread that asks is stuck, and must not hold others up for longer.
            return ask()
        try:
            if listing.machines is None or self._clock() - listing.told >= _FRESH:
                listing.machines, listing.told = ask(), self._clock()
            return listing.machines
        finally:
            listing.lock.release()

    def forget(self, keys: Iterable[str]) -> None:
        """Give up what was told to these."""
        with self._lock:
            for key in keys:
                self._listings.pop(key, None)


def whom_to_ask(
    config: Config, ages: Mapping[str, float | None], refresh: bool, max_age: float | None = None
) -> tuple[list[str], list[str]]:
    """The clouds that a list has to ask and wait for, and those whose rows are old.

    Args:
        ages: how old the rows of each cloud are, in seconds; None where it was never listed.
        refresh: whether all of them are to be asked.
        max_age: seconds; a cloud whose rows are older is asked and waited for, and no rows count as old.
    """
    if max_age is not None:
        return [name for name, age in ages.items() if age is None or age > max_age or not max_age], []
    asked = [name for name, age in ages.items() if refresh or age is None]
    old = [
        name
        for name, age in ages.items()
        if name not in asked and age is not None and age > config.refresh_after(name)
    ]
    return asked, old


def never_listed(ages: Mapping[str, float | None], command: str) -> dict[str, CloudmeshError]:
    """The errors of clouds of which nothing is known, where none is asked; ``command`` would ask them."""
    sentence = f"it was never listed, and --cached asks no cloud; cms {command} --refresh asks it"
    return {name: CloudmeshError(sentence) for name, age in ages.items() if age is None}
