"""Waits for the ends of jobs, for many clients at once: one thread looks into the store for all of them.

It does not matter which server runs a job. The thread is there only while somebody waits.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

from cloudmesh.config import Config
from cloudmesh.db import Database, open_store
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.vm.jobs import rows
from cloudmesh.vm.jobs.jobs import state_of
from cloudmesh.vm.jobs.store import find_all

# Seconds between two looks.
_LOOK = 0.25


class JobWaits:
    """Who waits for which job. Used from any event loop."""

    def __init__(self, config: Callable[[], Config]) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._waiting: dict[int, set[_Waiter]] = {}
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()

    def start(self) -> None:
        """Nothing is to be done before somebody waits."""

    async def over(self, number: int, seconds: float) -> bool:
        """Wait until a job is over or is not there any more, for so many seconds at most.

        Returns:
            Whether there is nothing more to wait for: it is over, or the server stops.
        """
        if self._ended.is_set():
            return True
        waiter = _Waiter(asyncio.get_running_loop())
        with self._lock:
            self._waiting.setdefault(number, set()).add(waiter)
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="cloudmesh-waits", daemon=True)
                self._thread.start()
        try:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(waiter.event.wait(), seconds)
        finally:
            with self._lock:
                waiters = self._waiting.get(number, set())
                waiters.discard(waiter)
                if not waiters:
                    self._waiting.pop(number, None)
        return waiter.event.is_set()

    def stop(self) -> None:
        """End all waits, and those to come, as when the server stops."""
        with self._lock:
            self._ended.set()
            numbers = list(self._waiting)
        self._tell(numbers)

    def _look(self) -> None:
        """What the thread does."""
        while True:
            try:
                with open_store(self._config()) as database:
                    while numbers := self._numbers():
                        self._tell(_over(database, numbers))
                        self._ended.wait(_LOOK)
                    return
            except CloudmeshError:
                # Who waits finds out by itself when its time is over.
                self._ended.wait(_LOOK * 4)
                if not self._numbers():
                    return

    def _numbers(self) -> list[int]:
        """The jobs that somebody waits for; if there are none, the next who waits starts another thread."""
        with self._lock:
            numbers = [] if self._ended.is_set() else list(self._waiting)
            if not numbers:
                self._thread = None
            return numbers

    def _tell(self, numbers: list[int]) -> None:
        with self._lock:
            told = [each for number in numbers for each in self._waiting.get(number, ())]
        for each in told:
            each.tell()


class _Waiter:
    """One client that waits."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.event = asyncio.Event()

    def tell(self) -> None:
        """End the wait."""
        # The loop may have ended, and the client with it.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.event.set)


def _over(database: Database, numbers: list[int]) -> list[int]:
    """Those of the jobs that are over, or are not there."""
    from cloudmesh.db.records.conditions import in_

    found = {job.id: job for job in find_all(database, rows.JOBS, id=in_(numbers))} if numbers else {}
    return [each for each in numbers if each not in found or state_of(database, found[each]).over]
