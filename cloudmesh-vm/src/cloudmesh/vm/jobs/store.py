"""Writes one job into the store: its tasks before clouds are called, and their results afterwards."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cloudmesh.cloud.store.changes import StoreChange, apply_all
from cloudmesh.cloud.store.new_names import MACHINES

# Searches load these when they need them. A job loads them before its first call: in its midst a process
# that may open few files could not open another one.
from cloudmesh.db.records import ordering  # noqa: F401
from cloudmesh.db.records.conditions import gt, in_, lt
from cloudmesh.db.sql import where  # noqa: F401
from cloudmesh.plugin.errors import CloudmeshError, StoreError
from cloudmesh.vm.jobs import claims, job_keys, lease_rows, rows
from cloudmesh.vm.jobs.claims import Claim
from cloudmesh.vm.model.call import ADDRESS, BOOT
from cloudmesh.vm.model.outcome import Outcome, UnresolvedName
from cloudmesh.vm.model.plan import GIVEN, Plan, Task

if TYPE_CHECKING:
    from cloudmesh.cloud.store.inventory import Inventory
    from cloudmesh.db import Database
    from cloudmesh.db.locks.hold import Hold
    from cloudmesh.db.records.flat import Record
    from cloudmesh.vm.scheduler.queue import TaskRun

# Jobs that ended so many seconds ago are forgotten when another one is created.
_KEPT = 90 * 24 * 3600.0


@dataclass
class JobStore:
    """Writes what happens to one job. It holds the job, so that no other process can run it meanwhile.

    Attributes:
        inventory: the store.
        number: of the job.
        hold: by which other processes see that the job is being run.
        tasks: what is to be done, each task with the number of its row; empty for a job that was taken over.
        refused: what is no task any more, since its name was taken after the plan was made.
        left: whether something is left to do, though every task has an outcome.
        resumed: whether it was taken over by somebody who is told how it stands afterwards.
    """

    inventory: Inventory
    number: int
    hold: Hold
    tasks: Sequence[Task] = ()
    refused: Sequence[UnresolvedName] = ()
    left: bool = False
    resumed: bool = False

    @property
    def _database(self) -> Database:
        return self.inventory.database

    @classmethod
    def create(cls, inventory: Inventory, plan: Plan, pending: bool = False, made_by: str = "") -> JobStore:
        """Write a new job, with a number for itself and each of its tasks.

        Args:
            inventory: the store.
            plan: the job.
            pending: whether somebody else will run it; ``release`` lets them.
            made_by: who asked a server for it.

        Raises:
            StoreError: it cannot be written; there is no job then.
        """
        database = inventory.database
        hold = None
        try:
            with database.atomic():
                _forget_old(database)
                status = rows.PENDING if pending else rows.RUNNING
                number = database.add(rows.JOBS, rows.job_row(plan, status, made_by))
                # Before others see the job: one that is running and not held counts as interrupted.
                hold = database.hold(rows.lock_name(number))
                if hold is None:
                    raise StoreError(f"job {number} is already locked by another process")
                plan, refused = _without_conflicts(inventory, plan, number)
                numbers = _write_rows(
                    database, number, plan, [rows.CREATED] if pending else [rows.CREATED, rows.STARTED]
                )
        except BaseException:
            if hold is not None:
                hold.release()
            raise
        inventory.new_jobs.append((str(number), f"{plan.verb} {plan.names}"))
        tasks = [replace(task, number=row) for task, row in zip(plan.tasks, numbers, strict=True)]
        return cls(inventory, number, hold, tasks, refused)

    @classmethod
    def take_over(
        cls, inventory: Inventory, number: int, *, cancelled: bool = True, server: str = ""
    ) -> JobStore:
        """Run a job that no process runs; one that was cancelled only with ``cancelled``.

        ``server``: the name of the server that runs it, which must have the claim to it.

        Raises:
            CloudmeshError: a process or another server runs it, or it was cancelled.
        """
        database = inventory.database
        hold: Hold | None
        if server:
            hold = Claim(database, number, server)
        elif (hold := database.hold(rows.lock_name(number))) is None:
            raise _is_running(database, number)
        # Asked only now: nobody else can cancel it while it is held.
        if not cancelled and database.count(rows.JOBS, id=number, status=rows.CANCELLED):
            hold.release()
            raise CloudmeshError(f"job {number} was cancelled; continue with cms job resume {number}")
        try:
            with database.atomic():
                if server:
                    _begin_claimed(database, number, hold)
                elif claims.live_claim(database, number):
                    raise _is_running(database, number)
                else:
                    claims.drop(database, number)
                database.update(rows.JOBS, {**rows.owner(), "status": rows.RUNNING, "cancel": 0}, id=number)
                add_event(database, number, rows.STARTED)
        except BaseException:
            hold.release()
            raise
        return cls(inventory, number, hold, resumed=True)

    def write(
        self, changes: Sequence[StoreChange], ended: Sequence[tuple[Task, Outcome]], begun: Sequence[TaskRun]
    ) -> None:
        """Write a step of the scheduler, see ``OutcomeLog.write``."""
        now = time.time()
        values = [rows.ended_values(task, outcome, now) for task, outcome in ended]
        # The row of one that is tried again still tells of the earlier time.
        cleared = rows.error_values(None) if self.resumed else {}
        values += [{**rows.begun_values(run, now), **cleared} for run in begun]
        events = [(task.number, outcome.status.value) for task, outcome in ended]
        for run in begun:
            address = run.step == ADDRESS and run.task.verb != ADDRESS
            kind = rows.RETRIED if run.tries else ADDRESS if address else rows.BEGUN
            events.append((run.task.number, kind))

        def step() -> None:
            apply_all(changes, self.inventory)
            if values:
                self._database.update_many(rows.TASKS, values)
                self._database.add_many(rows.EVENTS, rows.event_rows(self.number, events))

        try:
            if isinstance(self.hold, Claim):
                self.hold.patiently(step)
                return
            with self._database.atomic():
                self._require_hold()
                step()
        except OSError as error:
            # There was no room to load a module that writes.
            raise StoreError(f"the store cannot be written: {error}") from error

    def _require_hold(self) -> None:
        """Raise StoreError if others may run the job now: a connection to PostgreSQL may break off alone."""
        if not self.hold.is_valid():
            raise StoreError(
                f"this process lost its lock on job {self.number}, so another process may run it; "
                f"continue with cms job resume {self.number}"
            )

    def write_ends(self, ended: Iterable[tuple[Task, Outcome]]) -> None:
        """Write how tasks ended after all, as when waiting for their machines is over. Raises StoreError."""
        ended, now = list(ended), time.time()
        if not ended:
            return
        events = [
            (task.number, rows.REACHED if outcome.succeeded else outcome.status.value)
            for task, outcome in ended
        ]
        with self._database.atomic():
            self._database.update_many(rows.TASKS, [rows.ended_values(*each, now) for each in ended])
            self._database.add_many(rows.EVENTS, rows.event_rows(self.number, events))

    def note(self, kind: str) -> None:
        """Write that something happened to the job as a whole. Raises StoreError."""
        add_event(self._database, self.number, kind)

    def is_cancelled(self) -> bool:
        """Whether another process wants the job to end. Raises StoreError."""
        return bool(self._database.count(rows.JOBS, id=self.number, cancel=1))

    def close(self, over: bool, again: bool = False, told: Iterable[tuple[Task, Outcome]] = ()) -> None:
        """Write how the job stands, and release it.

        Args:
            over: whether no more is to be done than its rows tell.
            again: whether a server that runs it is to go on with what is left.
            told: what was told of tasks; why some are left is kept until the job is gone on with.

        Raises StoreError if that cannot be written; it is released all the same.
        """
        try:
            with self._database.atomic():
                self._require_hold()
                unfinished = {"job": self.number, "status": in_(rows.UNFINISHED)}
                self._write_reasons(told)
                leases = lease_rows.open_leases(self._database, self.number)
                if self.left or not over or leases or self._database.count(rows.TASKS, unfinished):
                    status = rows.CANCELLED if self.is_cancelled() else rows.INTERRUPTED
                else:
                    status = rows.how_ended(self._database.tally(rows.TASKS, "status", job=self.number))
                _write_end(self._database, self.number, status, self.resumed)
                if isinstance(self.hold, Claim):
                    self.hold.settle(again and status == rows.INTERRUPTED)
        finally:
            self.release()

    def write_remainder(
        self, failed: Sequence[tuple[Task, Outcome]], later: Sequence[tuple[Task, Outcome]] = ()
    ) -> None:
        """Write what cannot be done of a job that is gone on with, ever or now. Raises StoreError."""
        before = {"job": self.number, "status": in_(rows.UNFINISHED), "error": gt("")}
        with self._database.atomic():
            self.write_ends(failed)
            self._database.update(rows.TASKS, rows.error_values(None), before)
            self._write_reasons(later)

    def _write_reasons(self, told: Iterable[tuple[Task, Outcome]]) -> None:
        """Write why tasks are left, as far as that was told, until the job is gone on with."""
        reasons = {task.number: rows.error_values(outcome.error) for task, outcome in told if outcome.error}
        left = [row.id for row in self.unfinished() if row.id in reasons] if reasons else []
        self._database.update_many(rows.TASKS, [{"id": each, **reasons[each]} for each in left])

    def unfinished(self) -> Sequence[Record]:
        """The rows of tasks that are not at their end."""
        return self._database.find(rows.TASKS, {"job": self.number, "status": in_(rows.UNFINISHED)})

    def boots_on(self, cloud: str, lease: str) -> list[int]:
        """The other jobs that are running and have machines yet to boot on a lease."""
        database = self._database
        found = database.find(lease_rows.LEASES, cloud=cloud, name=lease, status=GIVEN)
        return [
            row["job"]
            for row in found
            if claims.is_run(database, row["job"])
            and database.count(rows.TASKS, {"job": row["job"], "status": in_(rows.UNFINISHED)})
        ]

    def release(self) -> None:
        """Let other processes run the job."""
        self.hold.release()


def _is_running(database: Database, number: int) -> CloudmeshError:
    """The error for a job that another process runs, or a server has."""
    claim = claims.live_claim(database, number)
    if claim is not None:
        where = f"is run by the server {claim['server']}"
    else:
        (job,) = database.find(rows.JOBS, id=number)
        where = f"is running in process {job['pid']} on {job['host']}"
    return CloudmeshError(f"job {number} {where}; cms job cancel {number} stops it")


def _begin_claimed(database: Database, number: int, claim: Hold) -> None:
    """Write that a server begins to run a job. Raises CloudmeshError if it has the job no more."""
    if not claim.is_valid():
        raise CloudmeshError(f"job {number} was cancelled, or is run by another server or process")
    if database.is_held(rows.lock_name(number)):
        raise _is_running(database, number)
    database.update(claims.CLAIMS, {"running": True}, job=number)


def add_event(database: Database, job: int, kind: str) -> None:
    """Write that something happened to a job as a whole. Raises StoreError."""
    database.add_many(rows.EVENTS, rows.event_rows(job, [(0, kind)]))


def _without_conflicts(inventory: Inventory, plan: Plan, job: int) -> tuple[Plan, list[UnresolvedName]]:
    """The plan without machines whose names others have taken meanwhile, and those."""
    if plan.verb != BOOT:
        return plan, []
    from cloudmesh.vm.jobs.conflicts import find_conflicts

    places = [(task.cloud, task.name) for task in plan.tasks]
    reasons = find_conflicts(inventory, job, places)
    refused = [UnresolvedName(*place, reasons[place]) for place in places if place in reasons]
    tasks = [task for task, place in zip(plan.tasks, places, strict=True) if place not in reasons]
    return replace(plan, tasks=tasks, missing=[*plan.missing, *refused]), refused


def _write_rows(database: Database, job: int, plan: Plan, events: Sequence[str]) -> Sequence[int]:
    """Write the parts, the tasks and the first events of a job, and give the numbers of the tasks."""
    parts = [{"job": job, "cloud": cloud, "what": what} for cloud, what in plan.parts.items()]
    database.add_many(rows.PARTS, parts)
    numbers = database.add_many(rows.TASKS, (rows.task_row(job, task) for task in plan.tasks))
    if plan.leases:
        lease_rows.write_rows(database, job, plan.leases)
    if plan.missing:
        database.add_many(rows.TASKS, (rows.missing_row(job, plan.verb, each) for each in plan.missing))
    database.add_many(rows.EVENTS, rows.event_rows(job, [(0, kind) for kind in events]))
    database.index(rows.TASKS, "job")
    database.index(rows.EVENTS, "job")
    return numbers


def end_job(database: Database, number: int, counts: Mapping[str, int]) -> str:
    """Write the end of a job that was interrupted with nothing left to do, and give its status.

    ``counts``: of its tasks by their status. What cannot be written now is written the next time.
    """
    status = rows.how_ended(counts)
    with suppress(StoreError):
        hold = database.hold(rows.lock_name(number))
        if hold is not None:
            with hold, database.atomic():
                if not claims.live_claim(database, number):
                    _write_end(database, number, status)
    return status


def _write_end(database: Database, number: int, status: str, told: bool = True) -> None:
    """Write how a job stands that nobody runs any more, and whether a user was told of that."""
    with database.atomic():
        ended = {"status": status, "ended": time.time(), "told": told}
        database.update(rows.JOBS, ended, id=number)
        add_event(database, number, rows.CLOSED if status in rows.OVER else status)


def find_all(database: Database, table: str, **conditions: Any) -> Sequence[Record]:
    """What ``Database.find`` gives; nothing if there is no such table."""
    return database.find(table, **conditions) if database.has(table) else []


def _forget_old(database: Database) -> None:
    """Remove jobs that came to their end long ago, with all that is known of them."""
    if not database.has(rows.JOBS):
        return
    ended = {"status": in_([*rows.OVER, rows.CANCELLED]), "ended": gt(0.0) & lt(time.time() - _KEPT)}
    for job in database.find(rows.JOBS, ended):
        if job["verb"] == BOOT and _has_machines(database, job.id):
            # That these are ours is told by nothing else on some clouds.
            continue
        for table in (rows.EVENTS, rows.TASKS, rows.PARTS):
            if database.has(table):
                database.delete(table, where={"job": job.id})
        lease_rows.forget(database, [job.id])
        job_keys.forget(database, job.id)
        database.delete(rows.JOBS, where={"id": job.id})


def _has_machines(database: Database, job: int) -> bool:
    """Whether machines that a job booted are still known."""
    if not (database.has(rows.TASKS) and database.has(MACHINES)):
        return False
    ids = [task["cloud_id"] for task in database.find(rows.TASKS, job=job) if task["cloud_id"]]
    return bool(ids and database.count(MACHINES, cloud_id=in_(ids)))
