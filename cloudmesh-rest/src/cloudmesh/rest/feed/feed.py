"""``Feed``: one thread looks for changes in the store, and gives them to all who listen."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from cloudmesh.config import Config
from cloudmesh.db import Database, open_store
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.rest.access.caller import Caller
from cloudmesh.rest.feed.events import Told
from cloudmesh.rest.feed.job_look import JobLook
from cloudmesh.rest.feed.listeners import Listener, Listeners, StreamLimits, Wanted
from cloudmesh.rest.feed.machine_look import MachineLook
from cloudmesh.rest.feed.ring import Ring

_LOG = logging.getLogger(__name__)
# How often the mark of the store is read, in seconds, and after how long without any change less often.
_QUICK, _SLOW, _QUIET = 0.005, 0.015, 10.0
# How often is looked for jobs whose process was killed, and for another configuration.
_CARE = 1.0
# After a failure it is tried again after so many seconds, and at most so many.
_FIRST_PAUSE, _LAST_PAUSE = 0.1, 2.0
# How long the start waits for the store, and the stop for the thread, in seconds.
_PATIENCE = 5.0
# All machines are looked through so many times as seldom as that takes.
_SHARE = 10


class Feed:
    """What happens in the store, for the streams of one server.

    Attributes:
        limits: of the streams.
        error: why the store cannot be read now; empty if it can.
        looked: when it was read last, in seconds since the epoch.
        told: the number of the last row of the events of jobs that listeners have been told.
        listeners: who listens now.
    """

    def __init__(self, config: Callable[[], Config], limits: StreamLimits | None = None) -> None:
        """``config`` gives the configuration as it is now."""
        self._config = config
        self.limits = limits or StreamLimits()
        self.error, self.looked, self.told = "", 0.0, 0
        self._ring = Ring(self.limits.kept)
        self.listeners = Listeners(self.limits)
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        # Held by the thread while it does the loop's work.
        self._alone = threading.Lock()

    @property
    def ring(self) -> Ring:
        """The events that are kept."""
        return self._ring

    def start(self) -> None:
        """Begin to look, and wait until the store was read for the first time, if it can be."""
        self._thread = threading.Thread(target=self._run, name="rest-feed", daemon=True)
        self._thread.start()
        self._ready.wait(_PATIENCE)

    def stop(self) -> None:
        """End all streams and the thread."""
        self._stop.set()
        self.end_streams()
        if self._thread is not None:
            self._thread.join(_PATIENCE)

    def end_streams(self) -> None:
        """End all streams at once, and let no new one begin. May be called by any thread, and again."""
        self._call(self.listeners.end)

    def listen(self, caller: Caller, wanted: Wanted, last_id: str | None = None) -> Listener:
        """A new listener, after the event with this id; on the event loop of all streams.

        Raises a Problem if there are too many.
        """
        if self._loop is None:
            with self._alone:
                self._loop = asyncio.get_running_loop()
        return self.listeners.add(self._ring, caller, wanted, last_id)

    def leave(self, listener: Listener) -> None:
        """It listens no more."""
        self.listeners.remove(listener)

    def _give(self, told: Sequence[Told], last: int) -> None:
        self._ring.add(told)
        self.told = last
        self.listeners.wake()

    def _renew(self) -> None:
        self._ring = Ring(self.limits.kept)
        self.listeners.use(self._ring)

    def _run(self) -> None:
        """Look until it is stopped; a store that cannot be read is tried again."""
        pause, look = _FIRST_PAUSE, None
        while not self._stop.is_set():
            try:
                config = self._config()
                with open_store(config) as database:
                    look = _Look(self._config, database, look)
                    if look.is_other:
                        self._call(self._renew)
                    for told in look.forever(self._stop):
                        self.looked, self.error, pause = time.time(), "", _FIRST_PAUSE
                        self._ready.set()
                        if told or look.jobs.last != self.told:
                            self._call(self._give, told, look.jobs.last)
            except CloudmeshError as error:
                if str(error) != self.error:
                    _LOG.warning("the events wait: %s", error)
                self.error = str(error)
                self._stop.wait(pause)
                pause = min(2 * pause, _LAST_PAUSE)
            except Exception:  # noqa: BLE001 it is logged
                # The thread must live: whoever listens would wait for ever.
                _LOG.exception("the events wait after an error of the program itself")
                self.error = "an error of the program itself; see the log of the server"
                self._stop.wait(_LAST_PAUSE)

    def _call(self, function: Callable[..., None], *words: object) -> None:
        """Call a function on the event loop, as soon as that is known; nobody listens before."""
        with self._alone:
            if self._loop is None:
                function(*words)
                return
        with suppress(RuntimeError):  # the loop is closed, and with it all streams
            self._loop.call_soon_threadsafe(function, *words)


class _Look:
    """Looks at one open store, and goes on where another look has ended.

    Attributes:
        is_other: whether the store is not the one of the look before.
        identity: tells one file from another in its place.
    """

    def __init__(self, config: Callable[[], Config], database: Database, before: _Look | None) -> None:
        self._config, self._database = config, database
        self._used = config()
        self.identity = _identity(database)
        self.jobs, self.machines = JobLook(), MachineLook()
        self.is_other = False
        newest = JobLook()
        newest.begin(database)
        if before is None:
            self.jobs = newest
            self.machines.look(database, self._used)
        elif self._goes_on(before, newest):
            self.jobs, self.machines = before.jobs, before.machines
        else:
            self.is_other, self.jobs = True, newest
            self.machines.look(database, self._used)

    def _goes_on(self, before: _Look, newest: JobLook) -> bool:
        """Whether this is the store of the look before; one that was not there then is the same."""
        same = before.identity in (None, self.identity) and before.place == self.place
        return same and newest.last >= before.jobs.last

    @property
    def place(self) -> str:
        """The file or the URL."""
        return self._database.place

    def forever(self, stop: threading.Event) -> Iterator[Sequence[Told]]:
        """What has happened, again and again; ends when it is to stop, or another store is there."""
        last: Hashable = None
        changed = time.monotonic()
        cared = due = 0.0
        left = True
        while not stop.is_set():
            now = time.monotonic()
            if (found := self._database.mark()) != last:
                if _identity(self._database) != self.identity:
                    return
                last, changed, left = found, now, True
                yield self.jobs.look(self._database)
            if left and now >= due:
                # Also what was changed since the last time, when it was not yet due.
                left = False
                yield self.machines.look(self._database, self._config())
                due = time.monotonic() + _SHARE * self.machines.seconds
            if now - cared >= _CARE:
                cared = now
                if self._config() is not self._used:
                    return
                yield self.jobs.look_for_dead(self._database, time.time())
            stop.wait(_QUICK if now - changed < _QUIET else _SLOW)


def _identity(database: Database) -> object:
    """What tells a file from another one in its place; None if there is none, or the store is no file."""
    with suppress(OSError, ValueError):
        status = Path(database.place).stat()
        return status.st_dev, status.st_ino
    return None
