"""Keeps a server among those of its store: renews its lease, and takes over jobs of servers that are gone."""

from __future__ import annotations

import threading
from collections.abc import Callable

from cloudmesh.config import Config
from cloudmesh.db import Database, open_store
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.plugin.secrets import mask_text
from cloudmesh.vm.jobs.server import ClaimedJob, JobServer, close_quietly

# Seconds between two looks for jobs that nobody has, and until the next try after a failure.
_LOOK, _RETRY = 2.0, 1.0
# Seconds in which the store must answer before jobs are taken on.
_FIRST = 10.0


class Keeper:
    """One thread, with a store of its own.

    Attributes:
        trouble: why the store could not be written the last time; empty if it could.
    """

    def __init__(
        self,
        server: JobServer,
        config: Callable[[], Config],
        room: Callable[[], int],
        submit: Callable[[ClaimedJob], None],
    ) -> None:
        """``room`` tells how many jobs may be taken over now, ``submit`` gets each of them."""
        self._server, self._config, self._room, self._submit = server, config, room, submit
        self.trouble = ""
        self._leave = False
        self._ending = threading.Event()
        self._tried = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="cloudmesh-keeper", daemon=True)

    @property
    def is_alive(self) -> bool:
        """Whether its thread is there."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin, and wait until the store was written once, or could not be."""
        self._thread.start()
        self._tried.wait(_FIRST)

    def stop(self, leave: bool) -> None:
        """End; ``leave``: whether others may have the jobs of this server at once."""
        self._leave = leave
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(_FIRST)

    def _keep(self) -> None:
        """What the thread does."""
        while not self._ending.is_set():
            try:
                with open_store(self._config()) as database:
                    self._look_after(database)
                    if self._leave:
                        close_quietly(self._server, database)
            except CloudmeshError as error:
                self._failed(error)

    def _look_after(self, database: Database) -> None:
        """Renew and take over, until the end or until the configuration names another store."""
        place = self._config().database()
        while not self._ending.is_set() and self._is_store(place):
            try:
                # Where another file has taken the place of the store, that one is used from here on.
                database.mark()
                if self._server.is_due:
                    self._server.renew(database)
                self.trouble = ""
                if self._server.may_call:
                    for job in self._server.adopt(database, self._room()):
                        self._submit(job)
            except CloudmeshError as error:
                # The store stays open: to close it would give up the lock of a server on a file.
                self._failed(error)
            else:
                self._tried.set()
                self._ending.wait(_LOOK)

    def _is_store(self, place: str | None) -> bool:
        """Whether the configuration still names this store; one that cannot be read now names no other."""
        try:
            return self._config().database() == place
        except CloudmeshError:
            return True

    def _failed(self, error: CloudmeshError) -> None:
        self.trouble = mask_text(str(error))
        self._tried.set()
        self._ending.wait(_RETRY)
