"""One listing for many: what the threads of a process share of what a cloud told moments ago."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from cloudmesh.cloud.model.records import MachineRecord

# For how many seconds a listing is good enough to find out who else has a name.
_FRESH = 30.0


@dataclass
class _Listing:
    asking: threading.Lock = field(default_factory=threading.Lock)
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
        if not listing.asking.acquire(timeout=_FRESH):
            # Whoever asks is stuck, and must not hold others up for longer.
            return ask()
        try:
            if listing.machines is None or self._clock() - listing.told >= _FRESH:
                listing.machines, listing.told = ask(), self._clock()
            return listing.machines
        finally:
            listing.asking.release()

    def forget(self, keys: Iterable[str]) -> None:
        """Give up what was told to these."""
        with self._lock:
            for key in keys:
                self._listings.pop(key, None)
