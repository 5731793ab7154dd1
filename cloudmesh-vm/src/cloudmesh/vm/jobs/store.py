"""Jobs in the store: what is to be done, before the clouds are called, and what came of it.

Three tables: ``job``, a line for each job; ``part``, what it does on each of its clouds; ``task``, a line
for each machine. A task is pending, then running, then done, already or failed. What is pending or running
when its job is over was interrupted, and another process can go on with it.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.model.verbs import VERBS, find_verb
from cloudmesh.cloud.store.changes import StoreChange, apply_all
from cloudmesh.plugin.errors import CloudmeshError, StoreError
from cloudmesh.vm.model.call import BOOT
from cloudmesh.vm.model.outcome import Outcome, Status, UnresolvedName
from cloudmesh.vm.model.plan import Plan
from cloudmesh.vm.model.task import Task

if TYPE_CHECKING:
    from cloudmesh.cloud.store.inventory import Inventory
    from cloudmesh.db import Database
    from cloudmesh.vm.scheduler.queue import TaskRun

JOBS, PARTS, TASKS = "job", "part", "task"
PENDING, RUNNING, INTERRUPTED, CANCELLED = "pending", "running", "interrupted", "cancelled"
UNFINISHED = (PENDING, RUNNING)
# How jobs end by themselves.
OVER = ("done", "failed")
# The verbs that lead each machine back to where it was.
RETURNING = frozenset(name for name, verb in VERBS.items() if verb.target is None and verb.passing)
# Jobs that ended so long ago are forgotten when another one begins, in seconds.
_KEPT = 90 * 24 * 3600.0


def lock_name(job: int) -> str:
    """The name of the hold that the process has which runs a job."""
    return f"job-{job}"


class JobStore:
    """What the coordinator writes of one job. Whoever has it holds the job, and no other process can.

    Attributes:
        left: whether something is left to do, though every machine has an outcome.
    """

    def __init__(self, inventory: Inventory, number: int, hold: Any) -> None:
        self.number = number
        self.left = False
        self._inventory = inventory
        self._database = inventory.database
        self._hold = hold

    @classmethod
    def found(cls, inventory: Inventory, plan: Plan) -> tuple[JobStore, list[Task], list[UnresolvedName]]:
        """Write a new job down, and give its tasks with the numbers of their lines. Raises StoreError.

        The third is what is no task any more: its name was taken since the plan was made.
        """
        database = inventory.database
        hold = None
        try:
            with database.atomic():
                _forget_old(database)
                number = database.add(JOBS, {**plan.record(), **_owner(), "status": RUNNING, "cancel": 0})
                # Before anybody sees the job: one that is running and not held counts as interrupted.
                hold = database.hold(lock_name(number))
                if hold is None:
                    raise StoreError(f"job {number} is held by somebody, and was not there before")
                plan, claimed = _without_claimed(inventory, plan, number)
                lines = _write_lines(database, number, plan)
        except BaseException:
            if hold is not None:
                hold.release()
            raise
        tasks = [task.numbered(line) for task, line in zip(plan.tasks, lines, strict=True)]
        return cls(inventory, number, hold), tasks, claimed

    @classmethod
    def take_over(cls, inventory: Inventory, number: int) -> JobStore:
        """Go on with a job that no process runs.

        Raises:
            CloudmeshError: a process runs it.
        """
        database = inventory.database
        hold = database.hold(lock_name(number))
        if hold is None:
            raise running_elsewhere(database, number)
        database.update(JOBS, {**_owner(), "status": RUNNING, "cancel": 0}, id=number)
        return cls(inventory, number, hold)

    def write(
        self, changes: Sequence[StoreChange], ended: Sequence[tuple[Task, Outcome]], begun: Sequence[TaskRun]
    ) -> None:
        """See ``cloudmesh.vm.scheduler.scheduler.Journal``."""
        # In a store of PostgreSQL the connection that holds the job may break off alone.
        if not self._hold.is_valid():
            raise StoreError(
                f"this process no longer holds job {self.number}, and another one may go on with it; "
                f"cms job resume {self.number} does so"
            )
        now = time.time()
        records = [{"id": task.number, **_end(outcome, now)} for task, outcome in ended]
        records += [{"id": each.task.number, **_begin(each, now)} for each in begun]
        with self._database.atomic():
            apply_all(changes, self._inventory)
            if records:
                self._database.update_many(TASKS, records)

    def write_ends(self, ended: Iterable[tuple[Task, Outcome]]) -> None:
        """Write how tasks ended after all, as when waiting for their machines is over. Raises StoreError."""
        now = time.time()
        records = [{"id": task.number, **_end(outcome, now)} for task, outcome in ended]
        if records:
            self._database.update_many(TASKS, records)

    def is_cancelled(self) -> bool:
        """Whether another process wants the job to end."""
        return bool(self._database.count(JOBS, id=self.number, cancel=1))

    def close(self, over: bool) -> None:
        """Write how the job stands, and let go of it; ``over``: nothing is left but what its lines tell."""
        try:
            if not self._hold.is_valid():
                return
            status = self._status(over)
            self._database.update(JOBS, {"status": status, "ended": time.time()}, id=self.number)
        finally:
            self._hold.release()

    def _status(self, over: bool) -> str:
        from cloudmesh.db.records.conditions import in_

        unfinished = {"job": self.number, "status": in_(UNFINISHED)}
        if self.left or not over or self._database.count(TASKS, unfinished):
            return CANCELLED if self.is_cancelled() else INTERRUPTED
        return "failed" if self._database.count(TASKS, job=self.number, status="failed") else "done"


def running_elsewhere(database: Database, number: int) -> CloudmeshError:
    """The error for a job that a process runs."""
    (job,) = database.find(JOBS, id=number)
    return CloudmeshError(
        f"job {number} is being run by process {job['pid']} on {job['host']}; "
        f"cms job cancel {number} lets it end early"
    )


def _without_claimed(inventory: Inventory, plan: Plan, job: int) -> tuple[Plan, list[UnresolvedName]]:
    """The plan without machines that others boot or have booted meanwhile, and those."""
    if plan.verb != BOOT:
        return plan, []
    from cloudmesh.vm.jobs.conflicts import claimed

    places = [(task.cloud, task.name) for task in plan.tasks]
    reasons = claimed(inventory, places, job)
    refused = [UnresolvedName(*place, reasons[place]) for place in places if place in reasons]
    tasks = [task for task, place in zip(plan.tasks, places, strict=True) if place not in reasons]
    return replace(plan, tasks=tasks, missing=[*plan.missing, *refused]), refused


def _write_lines(database: Database, job: int, plan: Plan) -> Sequence[int]:
    """The parts and the tasks of a job; the numbers of the tasks."""
    parts = [{"job": job, "cloud": cloud, "what": what} for cloud, what in plan.parts.items()]
    database.add_many(PARTS, parts)
    lines = database.add_many(TASKS, (_line(job, task) for task in plan.tasks))
    if plan.missing:
        database.add_many(TASKS, (_failed_line(job, plan.verb, each) for each in plan.missing))
    database.index(TASKS, "job")
    return lines


def _owner() -> dict[str, Any]:
    return {"pid": os.getpid(), "host": socket.gethostname()}


def _line(job: int, task: Task) -> dict[str, Any]:
    return {
        "job": job,
        "cloud": task.cloud,
        "name": task.name,
        "cloud_id": task.machine.cloud_id if task.machine else "",
        "verb": task.verb,
        "status": PENDING,
        "error": "",
        "seconds": 0.0,
        "began": 0.0,
        "token": task.request.token if task.request else "",
    }


def _failed_line(job: int, verb: str, missing: UnresolvedName) -> dict[str, Any]:
    """The line of what was asked for and could not be planned."""
    line = _line(job, Task(missing.cloud, missing.name, verb))
    return {**line, "status": Status.FAILED.value, "error": str(missing.error), "ended": time.time()}


def was_planned(row: Mapping[str, Any]) -> bool:
    """Whether it was known for a task what to do to which machine."""
    return bool(row["cloud_id"] or row["token"])


def may_be_done(row: Mapping[str, Any]) -> bool:
    """Whether a task that is not done may have been done all the same, by a call whose end nobody knows."""
    if row["status"] != Status.FAILED.value:
        return bool(row["status"] == RUNNING)
    # One that was never called cannot; of lines from before this was written down it is not known.
    outcome_unknown = row.get("unsure")
    return bool(row["began"] and (outcome_unknown is None or outcome_unknown))


def _begin(attempt: TaskRun, now: float) -> Mapping[str, Any]:
    task = attempt.task
    values: dict[str, Any] = {"status": RUNNING, "began": now}
    if task.request is not None:
        values |= _known_id(task.machine)
        if attempt.seat is not None:
            values["call"], values["seat"] = attempt.seat
    elif task.machine is not None:
        values |= _way_back(task.verb, find_verb(task.verb).leads_to(task.machine.state))
    return values


def _end(outcome: Outcome, now: float) -> Mapping[str, Any]:
    return {
        "status": outcome.status.value,
        "error": str(outcome.error or ""),
        "seconds": round(outcome.seconds, 3),
        "ended": now,
        "unsure": bool(outcome.error and outcome.error.outcome_unknown),
        **_known_id(outcome.machine),
        **_way_back(outcome.verb, outcome.target),
    }


def _known_id(machine: MachineRecord | None) -> Mapping[str, Any]:
    """Which machine it is; what was written down before stays, where nobody knows better now."""
    return {"cloud_id": machine.cloud_id} if machine else {}


def _way_back(verb: str, target: State | None) -> Mapping[str, Any]:
    """Where a verb leads that leads back to where the machine was: later its state does not tell any more."""
    return {"target": target.value} if target is not None and verb in RETURNING else {}


def _forget_old(database: Database) -> None:
    """Remove jobs that came to their end long ago."""
    if not database.has(JOBS):
        return
    from cloudmesh.db.records.conditions import gt, in_, lt

    ended = {"status": in_([*OVER, CANCELLED]), "ended": gt(0.0) & lt(time.time() - _KEPT)}
    if "ended" not in database.columns(JOBS):
        return
    for job in database.find(JOBS, ended):
        for table, column in ((TASKS, "job"), (PARTS, "job"), (JOBS, "id")):
            database.delete(table, where={column: job.id})
