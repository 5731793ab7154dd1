"""Which server has which job: several that share a store divide its jobs among themselves.

A server runs jobs that others have asked for, and goes on with them when their clients have left and when it
was started again. Each has a row in ``job_server``, which it renews every few seconds: its lease.
``job_claim`` has a row for each job that a server is to run, until that has come to its end.

A lock of the system tells whether a process lives, but that of PostgreSQL is lost when PostgreSQL is started
again, and stays for a minute when a computer vanishes from the network. So where holds can be lost, a server
has its jobs for as long as its lease lasts; elsewhere for as long as it holds the lock of its name.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cloudmesh.cloud.fanout.query import NEVER, Deadline
from cloudmesh.db.locks.hold import Hold
from cloudmesh.plugin.errors import StoreError
from cloudmesh.vm.jobs.rows import lock_name

if TYPE_CHECKING:
    from cloudmesh.db import Database
    from cloudmesh.db.records.flat import Record

SERVERS, CLAIMS = "job_server", "job_claim"
# Seconds: how long a lease lasts, how often it is renewed, and how long after it was renewed the server may
# begin calls. What is in flight then has the rest of the lease to come to its end.
LEASE, RENEW, SAFE = 20.0, 4.0, 12.0
# Where a lock tells who lives, the row is written only so often, to find out that the store can be written.
WRITE = 15.0
# Seconds for which PostgreSQL may be away in the midst of a job, and between two tries.
PATIENCE, _PAUSE = 8.0, 0.2


class ClaimLost(StoreError):
    """A server has a job no more that it was running."""


@dataclass(frozen=True)
class Terms:
    """How a job is to be run that a server has.

    Attributes:
        parallel: the most calls at once; None for the configured number.
        call_timeout: seconds for one call; None for the configured ones.
        ends: when the time for all of it is over, in seconds since the epoch; None for no limit.
        failed: whether it is also to retry what has failed.
        timeout: that time as it was asked for, in seconds; None for no limit.
    """

    parallel: int | None = None
    call_timeout: float | None = None
    ends: float | None = None
    failed: bool = False
    timeout: float | None = None

    def deadline(self) -> Deadline:
        """When the time is over, by the clock of this process."""
        if self.ends is None:
            return NEVER
        left = self.ends - time.time()
        return Deadline(self.timeout or max(0.0, left), time.monotonic() + left)

    def row(self) -> dict[str, Any]:
        """The columns that hold them; 0 stands for None."""
        return {
            "parallel": self.parallel or 0,
            "call_timeout": float(self.call_timeout or 0.0),
            "ends": float(self.ends or 0.0),
            "failed": self.failed,
            "timeout": float(self.timeout or 0.0),
        }

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Terms:
        """What ``row`` made the columns of."""
        # Rows of earlier versions do not tell the last of them.
        timeout = row.get("timeout") or None
        return cls(
            row["parallel"] or None, row["call_timeout"] or None, row["ends"] or None, row["failed"], timeout
        )


def server_lock(name: str) -> str:
    """The name that a server holds in the store as long as it lives."""
    return f"server-{name}"


def is_alive(database: Database, server: str) -> bool:
    """Whether a server still has its jobs for itself. Raises StoreError."""
    if not server or not database.has(SERVERS):
        return False
    if not database.loses_holds:
        return database.is_held(server_lock(server))
    found = database.find(SERVERS, name=server)
    return bool(found and found[0]["until"] > database.now())


def claim_of(database: Database, job: int) -> Record | None:
    """The row of the server that is to run a job; None if no server is. Raises StoreError."""
    found = database.find(CLAIMS, job=job) if database.has(CLAIMS) else []
    return found[0] if found else None


def live_claim(database: Database, job: int) -> Record | None:
    """The same, but None if that server is gone, so that anybody may go on with the job."""
    claim = claim_of(database, job)
    return claim if claim is not None and is_alive(database, claim["server"]) else None


def some_server(database: Database) -> str:
    """A server that lives, and that will go on with what others have left; empty if there is none."""
    names = [row["name"] for row in database.find(SERVERS)] if database.has(SERVERS) else []
    return next((name for name in names if is_alive(database, name)), "")


def is_run(database: Database, job: int) -> bool:
    """Whether some process runs a job now. Raises StoreError."""
    if database.is_held(lock_name(job)):
        return True
    claim = live_claim(database, job)
    return claim is not None and bool(claim["running"])


def add(database: Database, job: int, server: str, terms: Terms) -> None:
    """Write that a server is to run a job. Raises StoreError."""
    row = {"job": job, "server": server, "running": False, "step": "", **terms.row()}
    database.upsert(CLAIMS, row, key=["job"])


def drop(database: Database, job: int, server: str | None = None) -> None:
    """Write that no server is to run a job, or that this one is not. Raises StoreError."""
    if database.has(CLAIMS):
        own = {} if server is None else {"server": server}
        database.delete(CLAIMS, {"job": job, **own})


class Claim(Hold):
    """The hold of a job that is run by a server, whose name is in the row of the claim.

    Another server writes its own name there once the lease is over. So what is written in the same
    transaction as ``is_valid`` is asked is written only by the server that has the job.
    """

    def __init__(self, database: Database, job: int, server: str) -> None:
        super().__init__(lock_name(job))
        self._database, self._job, self._server = database, job, server
        self._is_open = True
        self._run, self._steps = secrets.token_hex(8), 0

    def patiently(self, write: Callable[[], None]) -> None:
        """Do as ``write`` does, in a transaction: again for some seconds while PostgreSQL is started again.

        A connection that breaks off during a commit does not tell whether that was done, so each step is
        marked in the store. Raises StoreError.
        """
        self._steps += 1
        step = f"{self._run}-{self._steps}"
        own = {"job": self._job, "server": self._server}
        ends = time.monotonic() + (PATIENCE if self._database.loses_holds else 0.0)
        tried = False
        while True:
            try:
                with self._database.atomic():
                    if tried and self._database.count(CLAIMS, {**own, "step": step}):
                        return
                    if not self.is_valid():
                        raise ClaimLost(f"another server may run job {self._job} by now")
                    write()
                    self._database.update(CLAIMS, {"step": step}, own)
                return
            except ClaimLost:
                raise
            except StoreError:
                tried = True
                if time.monotonic() >= ends:
                    raise
            time.sleep(_PAUSE)

    @property
    def is_open(self) -> bool:
        return self._is_open

    def is_valid(self) -> bool:
        """Whether the job is still this server's; asks the store, and raises StoreError."""
        return self._is_open and bool(self._database.count(CLAIMS, job=self._job, server=self._server))

    def settle(self, again: bool) -> None:
        """Write that the job has ended, or that the server is to run it ``again``. Raises StoreError."""
        if again:
            self._database.update(CLAIMS, {"running": False}, job=self._job, server=self._server)
        else:
            drop(self._database, self._job, self._server)

    def release(self) -> None:
        """Run the job no more; who may run it now is in the row, see ``settle``."""
        self._is_open = False
