"""The leases of a job: makes them, waits for their start before machines are booted, and gives them back."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from queue import Empty, SimpleQueue

from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.cloud.client.leases import reservation_of
from cloudmesh.cloud.errors import CLOUD_ERRORS, CloudTimeout, Conflict, is_transient, reworded
from cloudmesh.cloud.fanout.query import NEVER, CloudProgress, Deadline, ProgressCallback
from cloudmesh.cloud.model.leases import Lease, Reservation
from cloudmesh.cloud.model.records import MachineRecord
from cloudmesh.db import Database
from cloudmesh.plugin.durations import span_text
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.plugin.signals import StopRequest, stopping
from cloudmesh.vm.clouds.session import CloudSession
from cloudmesh.vm.jobs import lease_rows as rows
from cloudmesh.vm.jobs.lease_rows import LeaseRow
from cloudmesh.vm.jobs.store import JobStore
from cloudmesh.vm.model.call import BOOT
from cloudmesh.vm.model.outcome import Outcome, Status
from cloudmesh.vm.model.plan import RETURNING, Task

# Seconds between two looks at a lease: at first, at most, and until its start is due.
_FIRST_PAUSE, _GROWTH, _LONGEST_PAUSE, _UNTIL_START = 0.5, 1.5, 5.0, 30.0
_TICK = 0.2
# After so many looks that failed in a row, a cloud is given up.
_PATIENCE = 20
Ended = dict[int, Outcome]


@dataclass
class JobLeases:
    """The leases of one job that is being run.

    Attributes:
        session, store: the clouds, and the rows of the job.
        watch: is told that a start is waited for.
        stop: may be asked to stop from elsewhere.
        deadline: when the time for the whole job is over.
        notes: sentences for the user.
        error: why a lease could not be given back.
    """

    session: CloudSession
    store: JobStore
    watch: ProgressCallback | None = None
    stop: StopRequest = field(default_factory=StopRequest)
    deadline: Deadline = NEVER
    notes: list[str] = field(default_factory=list)
    error: CloudmeshError | None = None
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        self._rows = rows.read_rows(self._database, self.store.number)
        self._counts: dict[str, int] = {}
        # Clouds that did not answer whether they made a lease: it may be listed only later.
        self._unsure: set[str] = set()

    @property
    def _database(self) -> Database:
        return self.store.inventory.database

    def secure(self, tasks: Sequence[Task]) -> tuple[list[Task], Ended]:
        """Make the leases that machines are to be booted on, and wait until they are active.

        Returns:
            The tasks that can be run, each on its reservation; and the outcomes of the others, by number.
        """
        by_name = {(row.cloud, row.name): row for row in self._rows}
        wanted: dict[str, LeaseRow] = {}
        for task in tasks:
            if task.request and task.request.lease and task.machine is None:
                wanted[task.cloud] = by_name[task.cloud, task.request.lease]
                self._counts[task.cloud] = self._counts.get(task.cloud, 0) + 1
        if not wanted:
            return list(tasks), {}
        found, failed = self._made(wanted)
        there = self._started(found, failed)
        ready: list[Task] = []
        ended: Ended = {}
        for task in tasks:
            if task.cloud not in wanted or task.machine is not None or task.request is None:
                ready.append(task)
            elif reservation := there.get(task.cloud):
                ready.append(replace(task, request=replace(task.request, reservation=reservation)))
            elif error := failed.get(task.cloud):
                ended[task.number] = task.outcome(Status.FAILED, error=error)
            else:
                ended[task.number] = task.outcome(Status.NOT_STARTED, error=self._late(wanted[task.cloud]))
        over = [(task, ended[task.number]) for task in tasks if task.number in ended]
        self.store.write_ends(each for each in over if each[1].status is Status.FAILED)
        return ready, ended

    def _made(self, wanted: Mapping[str, LeaseRow]) -> tuple[dict[str, Lease], dict[str, CloudmeshError]]:
        """The leases by cloud, made where they are not there yet; and why not."""
        unsure = {
            cloud: row.status in (rows.ASKED, RETURNING) and not row.cloud_id for cloud, row in wanted.items()
        }
        for row in wanted.values():
            if row.request and (row.status == rows.RETURNED or not row.cloud_id):
                # Before the call: whoever comes after us looks for it.
                rows.set_status(self._database, row, rows.ASKED, "")
        found: dict[str, Lease] = {}
        failed: dict[str, CloudmeshError] = {}
        for cloud, answer in self.session.ask_all([*wanted], partial(_make, wanted, unsure)).items():
            row = wanted[cloud]
            if not isinstance(answer, CloudmeshError):
                found[cloud] = answer
                if row.status == rows.ASKED:
                    rows.set_status(self._database, row, rows.MADE, answer.cloud_id)
                continue
            failed[cloud] = answer
            if row.status != rows.ASKED:
                continue
            is_refusal = isinstance(answer, CLOUD_ERRORS) and not isinstance(answer, CloudTimeout)
            if answer.outcome_unknown or not is_refusal:
                # What went wrong here, as with the store, did so before or after it was made.
                self._unsure.add(cloud)
            elif not unsure[cloud]:
                rows.set_status(self._database, row, rows.RETURNED)
        return found, failed

    def _started(self, leases: dict[str, Lease], failed: dict[str, CloudmeshError]) -> dict[str, Reservation]:
        """The reservations of leases that are active, once they are; ``failed`` gets why others are not."""
        there: dict[str, Reservation] = {}
        troubles = dict.fromkeys(leases, 0)
        signals: SimpleQueue[None] = SimpleQueue()
        pause = _FIRST_PAUSE
        with stopping(self.stop, lambda: signals.put(None)):
            while True:
                for cloud, lease in list(leases.items()):
                    try:
                        if reservation := reservation_of(lease):
                            there[cloud] = reservation
                    except CloudmeshError as error:
                        failed[cloud] = error
                    if cloud in there or cloud in failed:
                        del leases[cloud]
                if not leases or not self._pause(leases, pause, signals):
                    return there
                pause = min(pause * _GROWTH, _LONGEST_PAUSE)
                for cloud, now in self.session.ask_all([*leases], partial(_look, dict(leases))).items():
                    if not isinstance(now, CloudmeshError):
                        leases[cloud], troubles[cloud] = now, 0
                        continue
                    troubles[cloud] += 1
                    if not is_transient(now) or troubles[cloud] > _PATIENCE:
                        failed[cloud] = now
                        del leases[cloud]

    def _pause(self, leases: Mapping[str, Lease], seconds: float, signals: SimpleQueue[None]) -> bool:
        """Wait until it is time to look again; whether that is to be done."""
        until_start = min(lease.starts for lease in leases.values()) - self.clock()
        ends = time.monotonic() + max(seconds, min(until_start, _UNTIL_START))
        while not self._is_to_end():
            if self.watch:
                self.watch("lease", [_progress(cloud, self._counts[cloud]) for cloud in leases])
            left = ends - time.monotonic()
            if left <= 0:
                return True
            with suppress(Empty):
                signals.get(timeout=min(left, _TICK))
        return False

    def _is_to_end(self) -> bool:
        left = self.deadline.left()
        if self.stop.requested or (left is not None and left <= 0):
            return True
        return self.store.is_cancelled()

    def _late(self, row: LeaseRow) -> CloudmeshError | None:
        """Why a task was not begun, if that is not the user's own doing; and what is told of its lease."""
        self.notes.append(
            f"{row} is kept, and may cost while it is: continue with cms job resume {self.store.number}, or "
            f"delete it with cms lease delete {row.name} --cloud={row.cloud}"
        )
        self.notes = list(dict.fromkeys(self.notes))
        left = self.deadline.left()
        if left is not None and left <= 0 and not self.stop.requested:
            told = span_text(self.deadline.seconds or 0.0)
            return CloudTimeout(f"the time limit of {told} ended before {row} was active")
        return None

    def settle(self, verb: str, outcomes: Sequence[Outcome]) -> None:
        """Give back each lease of ours that no machine is on, once all tasks of its cloud have ended."""
        busy = {each.cloud for each in outcomes if each.status in (Status.NOT_STARTED, Status.INTERRUPTED)}
        busy |= {task["cloud"] for task in self.store.unfinished()}
        touched = {each.cloud for each in outcomes}
        for row in self._rows:
            is_left = row.status in rows.OPEN or (row.status == rows.USED and row.cloud in touched)
            own = [each for each in outcomes if each.cloud == row.cloud]
            if verb == BOOT and not row.is_own and own and not any(each.succeeded for each in own):
                self.notes.append(f"{row} stays, and costs until it ends: cms lease delete deletes it")
            if not row.is_own or row.cloud in busy or not is_left:
                continue
            if verb == BOOT and any(each.succeeded for each in own):
                rows.set_status(self._database, row, rows.USED)
            else:
                self._give_back(row, verb, [each for each in own if each.succeeded])

    def _give_back(self, row: LeaseRow, verb: str, done: Sequence[Outcome]) -> None:
        deleted = [each.machine.cloud_id for each in done if each.machine] if verb != BOOT else []
        if jobs := self.store.boots_on(row.cloud, row.name):
            # Their machines would be deleted with the lease.
            rows.set_status(self._database, row, rows.USED)
            self.notes.append(f"{row} was not deleted: job {jobs[0]} boots a machine on it")
            return
        before = row.status
        rows.set_status(self._database, row, RETURNING)
        try:
            there = self.session.ask(row.cloud, partial(_return, row.name, deleted))
        except CloudmeshError as error:
            self.store.left = True
            self.error = reworded(
                error,
                f"{row} could not be deleted, and may go on costing: {error}; repeat with cms job resume "
                f"{self.store.number}, or cms lease delete {row.name} --cloud={row.cloud}",
            )
            return
        if there is None and row.cloud in self._unsure:
            rows.set_status(self._database, row, before)
            self.store.left = True
            self.error = CloudTimeout(
                f"{row} may be made yet, and cost: its creation was not answered, and it is not listed now; "
                f"cms job resume {self.store.number} looks again, and deletes it"
            )
            return
        rows.set_status(self._database, row, rows.USED if there else rows.RETURNED)
        if there == []:
            why = "no machine was booted on it" if verb == BOOT else "its last machine is deleted"
            self.notes.append(f"{row} was deleted: {why}")


def _make(wanted: Mapping[str, LeaseRow], unsure: Mapping[str, bool], cloud: Cloud) -> Lease:
    """The lease of this cloud as it is now, made if it is not there."""
    row = wanted[cloud.name]
    if row.request is None or row.cloud_id:
        return _there(cloud, row.name, row.cloud_id)
    request = row.request
    if request.starts and request.starts < time.time():
        # It is resumed after the time that was meant; from now on it lasts as long.
        request = replace(request, starts=0.0)
    return cloud.leasing.create(request, maybe_done=unsure[cloud.name])


def _look(leases: Mapping[str, Lease], cloud: Cloud) -> Lease:
    lease = leases[cloud.name]
    return _there(cloud, lease.name, lease.cloud_id)


def _there(cloud: Cloud, name: str, cloud_id: str) -> Lease:
    for lease in cloud.leasing.all():
        if lease.cloud_id == cloud_id:
            return lease
    cloud.connection.require_readable(cloud_id)
    raise Conflict(f"lease {name} of cloud {cloud.name} is no longer there; lease anew")


def _return(name: str, deleted: Sequence[str], cloud: Cloud) -> list[MachineRecord] | None:
    return cloud.leasing.give_back(name, deleted)


def _progress(cloud: str, count: int) -> CloudProgress:
    return CloudProgress(cloud, count, 0, 0, count)
