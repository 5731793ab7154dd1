"""``JobServer``: one server's part in the jobs of a store. It makes jobs, has them for itself and runs them.

Several may share a store. Each goes on with the jobs of one that is gone, see ``cloudmesh.vm.jobs.claims``.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from cloudmesh.cloud.fanout.query import QueryLimits
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.config import Config
from cloudmesh.db import Database, open_store
from cloudmesh.db.locks.hold import Hold
from cloudmesh.plugin.errors import CloudmeshError, Interrupted, StoreError, UsageError
from cloudmesh.plugin.signals import StopRequest
from cloudmesh.vm.clouds.session import CloudSession
from cloudmesh.vm.jobs import claims, job_keys, rows
from cloudmesh.vm.jobs.claims import Terms
from cloudmesh.vm.jobs.job_keys import JobKey
from cloudmesh.vm.jobs.jobs import JobState, find_job, state_of
from cloudmesh.vm.jobs.resume import JobResumer
from cloudmesh.vm.jobs.store import JobStore, add_event, find_all
from cloudmesh.vm.model.limits import RunOptions
from cloudmesh.vm.model.outcome import Result
from cloudmesh.vm.model.plan import Plan
from cloudmesh.vm.model.remote import REMOTE

# A clock that goes on while the computer sleeps, as the leases of a store do.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
# Seconds in which a job is written; a store that is away may take longer.
_WRITING = 2.0


@dataclass(frozen=True)
class ClaimedJob:
    """A job that a server is to run.

    Attributes:
        number: of the job.
        made_by: who asked for it.
        terms: how it is to be run.
    """

    number: int
    made_by: str
    terms: Terms


class JobServer:
    """A server among those of a store. Any thread may use it, but for what says otherwise.

    Every method raises StoreError if the store cannot be used, and ConfigError if it is not configured.

    Attributes:
        name: of this process, and of no other one before or after it.
        ending: whether it begins no more calls, since it is about to end.
    """

    def __init__(self, config: Callable[[], Config]) -> None:
        """``config`` gives the configuration as it is now."""
        self._config = config
        self.name = f"{os.uname().nodename}-{os.getpid()}-{secrets.token_hex(4)}"
        self.ending = False
        self._taking = threading.Lock()
        self._exact = False
        self._renewed = float("-inf")
        self._hold: Hold | None = None

    def end(self) -> None:
        """Begin no more calls, and take no more jobs; one that is being written is waited for a moment."""
        self.ending = True
        if self._taking.acquire(timeout=_WRITING):
            self._taking.release()

    @contextmanager
    def _taken(self) -> Iterator[None]:
        """Take a job within a block. Raises Interrupted if this server may run none."""
        with self._taking:
            if not self.may_call:
                raise Interrupted("the server is stopping, or has lost its store; nothing was begun")
            yield

    @property
    def may_call(self) -> bool:
        """Whether calls may be begun: the jobs are still this server's alone, for a while."""
        return not self.ending and (self._exact or _now() - self._renewed < claims.SAFE)

    @property
    def seconds_since_renewal(self) -> float:
        """How long ago its lease was written into the store; inf if it never was."""
        return _now() - self._renewed

    @property
    def is_due(self) -> bool:
        """Whether the lease is to be renewed; seldom where a lock tells who lives."""
        return self.seconds_since_renewal >= (claims.WRITE if self._exact else claims.RENEW)

    def renew(self, database: Database) -> None:
        """Write that this server lives. Always called by one thread, which keeps the store open."""
        asked = _now()
        lock = claims.server_lock(self.name)
        if not database.loses_holds and (self._hold is None or not self._hold.is_valid()):
            self._hold = database.hold(lock)
            if self._hold is None:
                raise StoreError(f"the lock of the server {self.name} is held by another process")
        row = {"name": self.name, "host": os.uname().nodename, "pid": os.getpid()}
        database.upsert(claims.SERVERS, {**row, "until": database.now() + claims.LEASE}, key=["name"])
        # The lease was given at some moment after it was asked for.
        self._renewed, self._exact = asked, not database.loses_holds

    def leave(self, database: Database) -> None:
        """Let others have the jobs of this server at once. Called by the thread that renews."""
        with database.atomic():
            if database.has(claims.CLAIMS):
                database.update(claims.CLAIMS, {"server": "", "running": False}, server=self.name)
            if database.has(claims.SERVERS):
                database.delete(claims.SERVERS, name=self.name)
        if self._hold is not None:
            self._hold.release()

    def adopt(self, database: Database, most: int) -> list[ClaimedJob]:
        """Take over jobs of servers that are gone, at most so many. Called by the thread that renews."""
        from cloudmesh.db.records.conditions import ne

        if most < 1 or not database.has(claims.CLAIMS):
            return []
        others = find_all(database, claims.CLAIMS, server=ne(self.name))
        if not others:
            return []
        taken: list[ClaimedJob] = []
        with database.atomic():
            alive: dict[str, bool] = {}
            for row in database.find(claims.CLAIMS, server=ne(self.name)):
                owner = row["server"]
                if owner not in alive:
                    alive[owner] = claims.is_alive(database, owner)
                if alive[owner] or len(taken) >= most or database.is_held(rows.lock_name(row["job"])):
                    continue
                jobs = find_all(database, rows.JOBS, id=row["job"])
                if not jobs:
                    claims.drop(database, row["job"])
                    continue
                database.update(claims.CLAIMS, {"server": self.name, "running": False}, id=row.id)
                taken.append(ClaimedJob(row["job"], jobs[0].get("made_by") or "", Terms.of(row)))
            self._forget_servers(database)
        return taken

    def _forget_servers(self, database: Database) -> None:
        """Remove the rows of servers that are gone and have no jobs."""
        for row in find_all(database, claims.SERVERS):
            has_jobs = database.count(claims.CLAIMS, server=row["name"])
            if row["name"] != self.name and not has_jobs and not claims.is_alive(database, row["name"]):
                database.delete(claims.SERVERS, id=row.id)

    def made_with(self, key: JobKey) -> JobState | None:
        """The job that was made with a key; None if there is none. Raises as ``job_keys.job_of`` does."""
        with open_store(self._config()) as database:
            number = job_keys.job_of(database, key)
            return None if number is None else state_of(database, find_job(database, number))

    def create(
        self, plan: Plan, made_by: str, terms: Terms, key: JobKey | None = None
    ) -> tuple[JobState, bool]:
        """Write a job that this server is to run, and give it; or the one that was made with its key.

        Returns:
            The job, and whether it is new.

        Raises:
            UsageError: the plan has nothing to do, or the key was used for something else.
            Interrupted: this server takes no more jobs.
        """
        if not plan.tasks:
            raise UsageError("nothing to do: no job was created")
        with Inventory(open_store(self._config())) as inventory:
            database = inventory.database
            with self._taken(), database.atomic():
                # Whoever writes does so one after the other: no two make a job with one key.
                known = job_keys.job_of(database, key) if key else None
                if known is None:
                    store = JobStore.create(inventory, plan, pending=True, made_by=made_by)
                    claims.add(database, store.number, self.name, terms)
                    if key:
                        job_keys.keep(database, key, store.number)
            if known is not None:
                return state_of(database, find_job(database, known)), False
            store.release()
            return state_of(database, find_job(database, store.number)), True

    def claim(self, number: int, terms: Terms) -> JobState:
        """Take a job that nobody runs, to go on with it; see ``Jobs.resume``.

        Raises:
            UnknownName: there is no such job.
            CloudmeshError: somebody runs it, or nothing is left to do.
            Interrupted: this server takes no more jobs.
        """
        with open_store(self._config()) as database, self._taken(), database.atomic():
            state = state_of(database, find_job(database, number))
            if state.verb in REMOTE:
                raise CloudmeshError(
                    f"job {number} runs commands in machines, which a server does not; "
                    f"use cms job resume {number}"
                )
            if state.server or state.status == rows.RUNNING or database.is_held(rows.lock_name(number)):
                raise CloudmeshError(f"job {number} is {state.status}; cancel it first, or wait for its end")
            if state.status in rows.OVER and not (terms.failed and state.failed):
                raise CloudmeshError(f"job {number} is {state.status}; nothing is left to do")
            claims.add(database, number, self.name, terms)
            return state_of(database, find_job(database, number))

    def run(self, number: int, terms: Terms, userdata: str = "") -> Result:
        """Run a job that this server has, in this thread, until nothing is left or it may call no more.

        Args:
            number: of the job.
            terms: how it is run.
            userdata: for new machines, if they were given as text.

        Raises:
            UnknownName: there is no such job any more.
            CloudmeshError: this server has it no more.
        """
        options = RunOptions(terms.parallel, terms.call_timeout, stop=_ServerStop(self))
        limits = QueryLimits(terms.call_timeout)
        with CloudSession(config=self._config(), limits=limits) as session:
            job = find_job(session.inventory.database, number)
            resumer = JobResumer(session, job, self.name, userdata)
            return resumer.run(terms.failed, terms.deadline(), options)

    def left(self, number: int) -> ClaimedJob | None:
        """A job, if this server is still to run it."""
        with open_store(self._config()) as database:
            row = claims.claim_of(database, number)
            if row is None or row["server"] != self.name:
                return None
            job = find_job(database, number)
            return ClaimedJob(number, job.get("made_by") or "", Terms.of(row))

    def drop(self, number: int) -> None:
        """Run a job no more, whatever is left of it: it counts as interrupted."""
        with open_store(self._config()) as database, database.atomic():
            claims.drop(database, number, self.name)
            if database.update(rows.JOBS, {"status": rows.INTERRUPTED}, id=number, status=rows.PENDING):
                add_event(database, number, rows.INTERRUPTED)


class _ServerStop(StopRequest):
    """Asks a job to stop as soon as its server may call no more, whoever looks first."""

    def __init__(self, server: JobServer) -> None:
        self._server = server
        self._asked = 0
        super().__init__()

    @property
    def requested(self) -> int:
        """As in ``StopRequest``; a server that may call no more counts as one request."""
        return self._asked or int(not self._server.may_call)

    @requested.setter
    def requested(self, times: int) -> None:
        self._asked = times


def _now() -> float:
    """Seconds that never go back, and that go on while the computer sleeps."""
    return time.clock_gettime(_CLOCK)


def close_quietly(server: JobServer, database: Database) -> None:
    """Leave the store if it can be written; else others notice when the lease is over."""
    with suppress(StoreError):
        server.leave(database)
