"""A queue that is fair: callers take turns, however much each of them asks for."""

from __future__ import annotations

import heapq
import threading
import time
from collections import OrderedDict, deque
from itertools import count
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Entries of several callers; used by any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        # Whose turn it is stands first.
        self._waiting: OrderedDict[str, deque[tuple[float, T]]] = OrderedDict()
        self._later: list[tuple[float, int, str, T]] = []
        self._numbers = count()
        self._closed = False

    def __len__(self) -> int:
        with self._changed:
            return sum(map(len, self._waiting.values())) + len(self._later)

    @property
    def oldest(self) -> float:
        """For how many seconds the entry has been waiting that waits longest; 0 if none could be taken."""
        with self._changed:
            times = [entries[0][0] for entries in self._waiting.values()]
        return time.monotonic() - min(times) if times else 0.0

    def put(self, caller: str, entry: T, delay: float = 0.0) -> None:
        """Add an entry behind those of its caller, in so many seconds."""
        with self._changed:
            now = time.monotonic()
            if delay > 0:
                heapq.heappush(self._later, (now + delay, next(self._numbers), caller, entry))
            else:
                self._waiting.setdefault(caller, deque()).append((now, entry))
            self._changed.notify()

    def close(self) -> None:
        """Give nothing any more, and let nobody wait."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def take(self, seconds: float) -> T | None:
        """The entry whose turn it is; None if none comes within these seconds, or the queue is closed."""
        ends = time.monotonic() + seconds
        with self._changed:
            while not self._closed and not self._wake():
                if (left := self._next_due(ends) - time.monotonic()) <= 0:
                    break
                self._changed.wait(left)
            if self._closed or not self._waiting:
                return None
            caller, entries = self._waiting.popitem(last=False)
            _, entry = entries.popleft()
            if entries:
                # Behind all others.
                self._waiting[caller] = entries
            return entry

    def _next_due(self, ends: float) -> float:
        """Until when there is nothing to do, at most until ``ends``."""
        return min(ends, self._later[0][0]) if self._later else ends

    def _wake(self) -> bool:
        """Let those in whose time has come; whether there is any entry to take."""
        now = time.monotonic()
        while self._later and self._later[0][0] <= now:
            _, _, caller, entry = heapq.heappop(self._later)
            self._waiting.setdefault(caller, deque()).append((now, entry))
        return bool(self._waiting)
