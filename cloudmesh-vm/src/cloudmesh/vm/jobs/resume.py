"""Resumes a stored job: finds out what is left of it, by asking its clouds, and runs that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.cloud.errors import CloudError, CloudTimeout
from cloudmesh.cloud.fanout.query import Deadline
from cloudmesh.cloud.model.networks import FloatingIP
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.model.verbs import find_verb
from cloudmesh.cloud.provider.boot import BootRequest
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.db import Database
from cloudmesh.plugin.errors import CloudmeshError, ConfigError
from cloudmesh.vm.clouds.session import CloudSession
from cloudmesh.vm.jobs import claims
from cloudmesh.vm.jobs.conflicts import find_conflicts, name_taken
from cloudmesh.vm.jobs.planning import decode_argument, decode_request
from cloudmesh.vm.jobs.rows import (
    EVENTS,
    OVER,
    PARTS,
    PENDING,
    REACHED,
    RUNNING,
    TASKS,
    UNFINISHED,
    may_be_done,
    stored_error,
    stored_wait,
    was_planned,
)
from cloudmesh.vm.jobs.runner import JobRunner
from cloudmesh.vm.jobs.store import JobStore, find_all
from cloudmesh.vm.model.call import BOOT
from cloudmesh.vm.model.limits import RunOptions
from cloudmesh.vm.model.outcome import Outcome, Result, Status
from cloudmesh.vm.model.plan import Task
from cloudmesh.vm.model.remote import REMOTE
from cloudmesh.vm.model.wait import READY
from cloudmesh.vm.scheduler.queue import maybe_done, too_late

if TYPE_CHECKING:
    from cloudmesh.vm.ssh.spool import Spool

# Seconds in which a cloud may still show the state before a call.
_SHOWN_LATE = 10.0


class NeverPlanned(CloudmeshError):
    """A task failed before it was known what to do to which machine, so that it cannot be retried."""


@dataclass(frozen=True)
class _Remainder:
    """What is left of a job.

    Attributes:
        tasks: what is to be done.
        failed: what cannot be done, for want of something that is not stored.
        later: what cannot be done now, since its cloud does not answer or the configuration does not open it,
            as without a password; it stays as it is.
    """

    tasks: list[Task] = field(default_factory=list)
    failed: list[tuple[Task, Outcome]] = field(default_factory=list)
    later: list[tuple[Task, Outcome]] = field(default_factory=list)


@dataclass(frozen=True)
class _CloudView:
    """The machines that a cloud listed; if it did not, those that were known before, and why.

    Attributes:
        machines: the machines.
        foreign: the rows whose machines cannot be booted, since machines of others have their names.
        error: why the cloud was not listed.
    """

    machines: Sequence[MachineRecord]
    foreign: frozenset[int] = frozenset()
    error: CloudmeshError | None = None

    @cached_property
    def by_id(self) -> Mapping[str, MachineRecord]:
        """The machines by their ids."""
        return {each.cloud_id: each for each in self.machines}

    @cached_property
    def names(self) -> frozenset[str]:
        """The names that are in use."""
        return frozenset(each.name for each in self.machines if each.state is not State.DELETED)

    def prevents(self, row: Any) -> CloudmeshError | None:
        """Why a task cannot be done now; None where its own call tells more of a cloud in trouble."""
        never_asked = row["verb"] == BOOT and row["status"] == PENDING
        # Whether the name is free is then not known; and a cloud that hangs would only hold up the others.
        return self.error if never_asked or isinstance(self.error, CloudTimeout) else None


# A row of a machine that is to be booted, and the request.
_Boot = tuple[Any, BootRequest]


def _view(boots: Mapping[str, Sequence[_Boot]], cloud: Cloud) -> _CloudView:
    """List a cloud, and find out whether machines with the names of new ones are the job's own."""
    view = _CloudView(cloud.actions.machines.all_there())
    # Most clouds tell in their lists which boot made a machine; asked one by one, many would take too long.
    gone = (State.DELETING, State.DELETED)
    tokens = {each.boot_id for each in view.machines if each.boot_id and each.state not in gone}
    foreign = [
        row.id
        for row, request in boots[cloud.name]
        if request.name in view.names
        and row["cloud_id"] not in view.by_id
        and request.token not in tokens
        and not cloud.booter.was_booted(request)
    ]
    return replace(view, foreign=frozenset(foreign))


class JobResumer:
    """Goes on with one job.

    Args:
        session: the clouds and the store.
        job: its row in the store.
        server: the name of the server that runs it, see ``cloudmesh.vm.jobs.claims``.
        userdata: for machines to be booted, if they were given as text and somebody still has them.
    """

    def __init__(self, session: CloudSession, job: Any, server: str = "", userdata: str = "") -> None:
        self._server, self._userdata = server, userdata
        self._session = session
        self._database = session.inventory.database
        self._job = job
        parts = find_all(self._database, PARTS, job=job.id)
        self._parts: dict[str, str] = {each["cloud"]: each["what"] for each in parts}
        self._requests: dict[str, BootRequest] = {}

    def run(
        self,
        failed: bool,
        timeout: float | Deadline | None,
        options: RunOptions,
        *,
        cancelled: bool = True,
        stdin: Callable[[], Spool | None] = lambda: None,
    ) -> Result:
        """Do what is left, see ``Jobs.resume``; of a job that was cancelled only with ``cancelled``."""
        job, deadline = self._job, Deadline.after(timeout)
        over = job["status"] in OVER
        if over and not failed:
            if self._server:
                claims.drop(self._database, job.id, self._server)
            return Result([], job.id)
        if job["verb"] in REMOTE:
            from cloudmesh.vm.jobs.remote_resume import resume_remote  # most jobs call clouds

            rows = partial(self._rows, [*UNFINISHED, *(["failed"] if failed else [])])
            return resume_remote(self._session, job, self._parts, rows, options, deadline, cancelled, stdin)
        inventory = self._session.inventory
        store = JobStore.take_over(inventory, job.id, cancelled=cancelled, server=self._server)
        try:
            with self._session.within(deadline):
                found = self._rows([*UNFINISHED, *(["failed"] if failed else [])])
                left = _all_too_late(found, deadline) if deadline.is_over() else self._remainder(found)
            # Machines of a job that was over are not waited for again: much may have happened to them since.
            done = self._done_before() if job["wait"] and not over else []
            # What is left for later stays as it is, and so does the status of the job.
            store.write_remainder(left.failed, left.later)
        except BaseException:
            store.close(over=False, again=True)
            raise
        with JobRunner(self._session, options) as runner:
            result = runner.finish(store, job["verb"], left.tasks, stored_wait(job), deadline, done)
        outcomes = [*result, *(outcome for _, outcome in [*left.failed, *left.later])]
        return result.with_outcomes(outcomes)

    def _rows(self, statuses: Sequence[str]) -> list[Any]:
        """The rows of the job's tasks that have one of these statuses."""
        from cloudmesh.db.records.conditions import in_

        return self._database.find(TASKS, job=self._job.id, status=in_(list(statuses)))

    def _done_before(self) -> list[tuple[Task, Outcome]]:
        """Tasks that are done, where the job also waits: their machines may not be there yet."""
        found: list[tuple[Task, Outcome]] = []
        for row in self._rows([Status.DONE.value, Status.ALREADY.value]):
            unknown = MachineRecord(row["cloud"], row["name"], row["cloud_id"], State.UNKNOWN)
            known = self._session.inventory.find(unknown)
            machine = known.machine if known else unknown
            task = Task(row["cloud"], row["name"], row["verb"], machine, number=row.id)
            found.append((task, task.outcome(Status(row["status"]), target=_target(row, machine))))
        return found

    def _remainder(self, rows: Sequence[Any]) -> _Remainder:
        """What is to be done, and what cannot be."""
        views = self._views([row for row in rows if was_planned(row)])
        conflicts = self._conflicts(rows, views)
        left = _Remainder()
        for row in rows:
            task = Task(row["cloud"], row["name"], row["verb"], number=row.id)
            try:
                if not was_planned(row):
                    # It failed before it was known what to do to which machine.
                    why = stored_error(row)
                    if isinstance(why, NeverPlanned):
                        raise why
                    raise NeverPlanned(
                        f"it could not be planned when the job began ({why}); use a new cms vm command"
                    )
                view = views[task.cloud]
                if isinstance(view, CloudmeshError):
                    raise view
                if taken := conflicts.get(row.id):
                    raise taken
                if trouble := view.prevents(row):
                    left.later.append(_unable(row, trouble))
                else:
                    left.tasks.append(self._task(task, row, view))
            except CloudmeshError as error:
                # The next shell may have the password, or the right one.
                where = left.later if isinstance(error, ConfigError) else left.failed
                where.append(_unable(row, error))
        return replace(left, tasks=self._batched(left.tasks, rows))

    def _conflicts(
        self, rows: Sequence[Any], views: Mapping[str, _CloudView | CloudmeshError]
    ) -> Mapping[int, CloudmeshError]:
        """Rows of machines that another job has begun to boot since this one was interrupted, and why not."""
        free: dict[tuple[str, str], int] = {}
        for row in rows:
            view = views.get(row["cloud"])
            # A machine that has an id, or whose name is listed, is known to be the job's own or not.
            if row["verb"] != BOOT or row["cloud_id"] or not isinstance(view, _CloudView) or view.error:
                continue
            if row["name"] not in view.names:
                free[row["cloud"], row["name"]] = row.id
        found = find_conflicts(self._session.inventory, self._job.id, free)
        return {free[place]: error for place, error in found.items()}

    def _batched(self, tasks: Sequence[Task], rows: Sequence[Any]) -> list[Task]:
        """The tasks with the calls that may have booted several of them together.

        Such a call can be repeated only as a whole, for the same machines in the same order: if some of them
        have come to an end otherwise, the others are booted one by one.
        """
        begun = [row for row in rows if row["status"] == RUNNING and row.get("call")]
        batches = {row.id: (row["call"], row["seat"]) for row in begun}
        left = Counter(batches[task.number][0] for task in tasks if task.number in batches)
        whole = {
            call for call in left if self._database.count(TASKS, job=self._job.id, call=call) == left[call]
        }
        batched = [
            replace(task, batch=batch) if (batch := batches.get(task.number)) and batch[0] in whole else task
            for task in tasks
        ]
        return sorted(batched, key=lambda task: task.batch or (task.number, 0))

    def _views(self, rows: Sequence[Any]) -> dict[str, _CloudView | CloudmeshError]:
        """The machines of each cloud, or why it cannot be used, as when the configuration has lost it.

        One listing of each cloud for all tasks, so that they need not ask one by one.
        """
        views: dict[str, _CloudView | CloudmeshError] = {}
        boots: dict[str, list[_Boot]] = {}
        for cloud in dict.fromkeys(row["cloud"] for row in rows):
            try:
                self._session.config.require_active(cloud)
                boots[cloud] = self._boots([row for row in rows if row["cloud"] == cloud])
            except CloudmeshError as error:
                views[cloud] = error
        for cloud, view in self._session.ask_all([*boots], partial(_view, boots)).items():
            views[cloud] = view
            if isinstance(view, CloudError):
                known = self._session.inventory.known(cloud)
                views[cloud] = _CloudView([each.machine for each in known], error=view)
        return views

    def _boots(self, rows: Sequence[Any]) -> list[_Boot]:
        """What the rows of one cloud boot."""
        try:
            return [(row, self._request(row)) for row in rows if row["verb"] == BOOT]
        except CloudmeshError:
            # Each task fails with the reason later.
            return []

    def _task(self, task: Task, row: Any, view: _CloudView) -> Task:
        """A task with all that its call needs. Raises CloudmeshError if that cannot be had any more."""
        if row["verb"] == BOOT:
            return self._boot_task(task, row, view)
        begun = row["status"] != PENDING
        unknown = MachineRecord(task.cloud, task.name, row["cloud_id"], State.UNKNOWN)
        machine = view.by_id.get(row["cloud_id"], unknown)
        return replace(
            task,
            machine=machine,
            argument=decode_argument(self._parts[task.cloud]),
            addresses=tuple(self._addresses.get((task.cloud, machine.cloud_id), ())),
            # Looking first does no harm where a verb can be repeated: it may be several calls of its cloud.
            maybe_done=may_be_done(row),
            looks=bool(row["began"] and find_verb(task.verb).repeatable),
            target=_stored_target(row) if begun and machine.state.is_passing else None,
        )

    def _boot_task(self, task: Task, row: Any, view: _CloudView) -> Task:
        request = self._request(row)
        if row.id in view.foreign:
            raise name_taken(task.cloud, task.name)
        afterwards = self._session.declared(task.cloud).wants_address(request)
        if afterwards:
            request = replace(request, public=False)
        # The store may have lost that a task was begun, as when the power failed; looking first does no harm.
        begun = row["status"] != PENDING or task.name in view.names
        booted = view.by_id.get(row["cloud_id"])
        unknown = may_be_done(row) or (begun and row["status"] == PENDING)
        return replace(
            task, request=request, address=afterwards, machine=booted, maybe_done=unknown, looks=begun
        )

    def _request(self, row: Any) -> BootRequest:
        """What a row boots, decoded once a cloud. Raises as ``decode_request`` does."""
        cloud = row["cloud"]
        if cloud not in self._requests:
            self._requests[cloud] = decode_request(self._parts[cloud], self._userdata)
        return replace(self._requests[cloud], name=row["name"], token=row["token"])

    @cached_property
    def _addresses(self) -> dict[tuple[str, str], list[FloatingIP]]:
        """The floating IPs of machines that are to be deleted, read once."""
        return self._session.inventory.addresses(self._parts) if self._job["verb"] == "delete" else {}


def is_waited_for(database: Database, job: Any) -> bool:
    """Whether a job whose tasks are all over may still have machines to wait for, as far as the store knows.

    Not for one that is gone, that is in its state, or that has come to rest in another one since.
    """
    if not job["wait"]:
        return False
    if stored_wait(job) == READY:
        return _some_not_ready(database, job)
    inventory = Inventory(database)
    for row in database.find(TASKS, job=job.id):
        known = inventory.find(MachineRecord(row["cloud"], row["name"], row["cloud_id"], State.UNKNOWN))
        if known is None or row["status"] not in (Status.DONE.value, Status.ALREADY.value):
            continue
        now = known.machine.state
        # What was seen soon after the call may be the state before it.
        is_old = known.refreshed < max(job["ended"], row["ended"]) + _SHOWN_LATE
        target = _target(row, known.machine)
        if not (target and now.counts_as(target)) and (now.is_passing or is_old):
            return True
    return False


def _some_not_ready(database: Database, job: Any) -> bool:
    """Whether a machine that is known was not seen to be ready, as far as the events of a job tell."""
    seen = {event["task"] for event in database.find(EVENTS, job=job.id, kind=REACHED)}
    inventory = Inventory(database)
    for row in database.find(TASKS, job=job.id):
        is_done = row["status"] in (Status.DONE.value, Status.ALREADY.value)
        if is_done and row.id not in seen:
            known = inventory.find(MachineRecord(row["cloud"], row["name"], row["cloud_id"], State.UNKNOWN))
            if known is not None and known.machine.state not in (State.ERROR, State.DELETED):
                return True
    return False


def _all_too_late(rows: Sequence[Any], deadline: Deadline) -> _Remainder:
    """What is left where the time of the job was over before it was gone on with, as by another server."""
    return _Remainder(later=[_unable(row, too_late(deadline.seconds)) for row in rows])


def _unable(row: Any, error: CloudmeshError) -> tuple[Task, Outcome]:
    """What is told of a task that cannot be done, which an earlier call may have done all the same."""
    task = Task(row["cloud"], row["name"], row["verb"], number=row.id)
    return task, task.outcome(Status.FAILED, error=maybe_done(error) if may_be_done(row) else error)


def _target(row: Any, machine: MachineRecord) -> State | None:
    """The state that a task which is done has set its machine on the way to."""
    stored = _stored_target(row)
    if stored is None and row["verb"] == BOOT:
        return State.ACTIVE
    return stored or find_verb(row["verb"]).leads_to(machine.state)


def _stored_target(row: Any) -> State | None:
    """The state to which a machine was to be led back, if it was stored."""
    return State(row["target"]) if row.get("target") else None
