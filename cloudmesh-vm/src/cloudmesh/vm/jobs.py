"""The jobs in the store: what became of them, and going on with what was left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from cloudmesh.cloud.cloud import Cloud
from cloudmesh.cloud.errors import CLOUD_ERRORS, CloudTimeout
from cloudmesh.cloud.model import Machine, State
from cloudmesh.cloud.network import FloatingIP
from cloudmesh.cloud.provider import BootRequest
from cloudmesh.cloud.verbs import find_verb
from cloudmesh.config import Config
from cloudmesh.db import Database, open_store
from cloudmesh.plugin.errors import CloudmeshError, UnknownName
from cloudmesh.vm.asking import Asking, Deadline
from cloudmesh.vm.calls import BOOT
from cloudmesh.vm.encoding import decode_argument, decode_request
from cloudmesh.vm.journal import (
    CANCELLED,
    INTERRUPTED,
    JOBS,
    PARTS,
    PENDING,
    RUNNING,
    TASKS,
    UNFINISHED,
    JobJournal,
    lock_name,
)
from cloudmesh.vm.outcome import Outcome, Result, Status
from cloudmesh.vm.session import Session
from cloudmesh.vm.task import Task
from cloudmesh.vm.work import Effort, Work


@dataclass(frozen=True)
class JobState:
    """A job as it stands.

    Attributes:
        number: by which it is called.
        verb, names, clouds: what was asked for.
        status: running, done, failed, interrupted or cancelled.
        machines: how many it is about.
        counts: how many of them by the status of their task.
        waits: whether it also waits until they are where they are led.
        began, ended: seconds since the epoch; ended is 0 as long as it has not.
    """

    number: int
    verb: str
    names: str
    clouds: Sequence[str]
    status: str
    machines: int
    counts: Mapping[str, int]
    waits: bool
    began: float
    ended: float

    @property
    def done(self) -> int:
        """How many machines are what was asked for."""
        return sum(self.counts.get(each.value, 0) for each in (Status.DONE, Status.ALREADY))

    @property
    def failed(self) -> int:
        """How many have failed."""
        return self.counts.get(Status.FAILED.value, 0)

    @property
    def unfinished(self) -> int:
        """How many were not begun, or not seen to end."""
        return sum(self.counts.get(each, 0) for each in UNFINISHED)


class Jobs:
    """What is written down of jobs.

    Every method raises StoreError if the store cannot be used, and UnknownName for a number that no job has.
    """

    def __init__(self, config: Config | None = None) -> None:
        self._config = config or Config.load()

    def list(self, limit: int | None = None) -> list[JobState]:
        """All jobs, or the last ones, the newest first."""
        with open_store(self._config) as database:
            if not database.has(JOBS):
                return []
            from cloudmesh.db.ordering import desc

            return [_state(database, job) for job in database.find(JOBS, order=desc("id"), limit=limit)]

    def show(self, number: int) -> tuple[JobState, Sequence[dict[str, Any]]]:
        """One job, and its tasks in their order."""
        with open_store(self._config) as database:
            job = _find(database, number)
            tasks = database.find(TASKS, job=number) if database.has(TASKS) else []
            return _state(database, job), [dict(each) for each in tasks]

    def interrupted(self) -> Sequence[JobState]:
        """The jobs that no process runs any more though they are not at their end."""
        with open_store(self._config) as database:
            return interrupted_jobs(database)

    def cancel(self, number: int) -> JobState:
        """End a job: one that is running begins no more calls; what an interrupted one left is not done."""
        with open_store(self._config) as database:
            _require_open(number, _status(database, _find(database, number)))
            hold = database.hold(lock_name(number))
            if hold is None:
                database.update(JOBS, {"cancel": 1}, id=number)
            else:
                # Nobody can go on with it meanwhile, but it may have come to its end until now.
                with hold:
                    _require_open(number, _find(database, number)["status"])
                    database.update(JOBS, {"status": CANCELLED}, id=number)
            state = _state(database, _find(database, number))
        if state.status != CANCELLED:
            _require_open(number, state.status)
        return state

    def resume(
        self,
        number: int,
        *,
        failed: bool = False,
        timeout: float | None = None,
        effort: Effort | None = None,
    ) -> Result:
        """Go on with a job that was interrupted or cancelled, to its end; ``failed``: also with what failed.

        A machine that a call may have reached before is looked up first: none is booted twice. What cannot
        be done since its cloud does not answer is left for another time.

        Args:
            timeout: seconds for all of it together, looking included; see ``Machines.act``.

        Returns:
            The outcomes of what was left; empty if nothing was.

        Raises:
            CloudmeshError: a process is running the job.
        """
        effort = effort or Effort()
        asking = Asking(effort.call_timeout, effort.watch)
        with Session(config=self._config, asking=asking) as session:
            return Resumption(session, number).run(failed, timeout, effort)


@dataclass(frozen=True)
class _Todo:
    """What is left of a job.

    Attributes:
        tasks: what is to be done.
        lost: what cannot be done for want of something that is not kept; it has failed.
        left: what cannot be done now, since its cloud does not answer; the job is not at its end.
    """

    tasks: list[Task]
    lost: list[tuple[Task, Outcome]]
    left: list[Outcome]


@dataclass(frozen=True)
class _Shown:
    """What a cloud showed when it was asked, or what was known before, and why it showed nothing.

    Attributes:
        machines: by their ids.
    """

    machines: Mapping[str, Machine]
    error: CloudmeshError | None

    @cached_property
    def names(self) -> frozenset[str]:
        """The names that are in use."""
        return frozenset(each.name for each in self.machines.values())

    def hinders(self, row: Any) -> CloudmeshError | None:
        """Why a task cannot be done now; else its own calls tell more of a cloud in trouble."""
        never_asked = row["verb"] == BOOT and row["status"] == PENDING
        # Whether the name is free is then not known; and what hangs would only hold the others back.
        return self.error if never_asked or isinstance(self.error, CloudTimeout) else None


class Resumption:
    """One job that is gone on with."""

    def __init__(self, session: Session, number: int) -> None:
        self._session = session
        self._database = session.inventory.database
        self._job = _find(self._database, number)
        parts = self._database.find(PARTS, job=number) if self._database.has(PARTS) else []
        self._parts: dict[str, str] = {each["cloud"]: each["what"] for each in parts}
        self._requests: dict[str, BootRequest] = {}

    def run(self, failed: bool, timeout: float | None, effort: Effort) -> Result:
        """See ``Jobs.resume``."""
        job, deadline = self._job, Deadline.after(timeout)
        journal = JobJournal.take_over(self._session.inventory, job.id)
        result: Result | None = None
        try:
            with self._session.within(deadline):
                todo = self._todo(self._rows([*UNFINISHED, *(["failed"] if failed else [])]))
            reached = self._tasks_to_wait_for() if job["wait"] else []
            journal.write_ends(todo.lost)
            journal.left = bool(todo.left)
        except BaseException:
            journal.close(None)
            raise
        with Work(self._session, effort) as work:
            result = work.finish(journal, job["verb"], todo.tasks, job["wait"], deadline, reached)
        return Result([*result, *(outcome for _, outcome in todo.lost), *todo.left], job.id, result.stopped)

    def _rows(self, statuses: Sequence[str]) -> list[Any]:
        from cloudmesh.db.conditions import in_

        return self._database.find(TASKS, job=self._job.id, status=in_(list(statuses)))

    def _tasks_to_wait_for(self) -> list[tuple[Task, Outcome]]:
        """What was done before, where the job also waits: the machines may not be there yet."""
        found: list[tuple[Task, Outcome]] = []
        for row in self._rows([Status.DONE.value, Status.ALREADY.value]):
            known = Machine(row["cloud"], row["name"], row["cloud_id"], State.UNKNOWN)
            seen = self._session.inventory.find(known)
            machine = seen.machine if seen else known
            task = Task(row["cloud"], row["name"], row["verb"], machine, number=row.id)
            target = _kept_target(row) or _target(row["verb"], machine)
            found.append((task, task.outcome(Status(row["status"]), target=target)))
        return found

    def _todo(self, rows: Sequence[Any]) -> _Todo:
        """What is to be done, and what cannot be."""
        errors = self._unusable(dict.fromkeys(row["cloud"] for row in rows))
        shown = self._shown([cloud for cloud, error in errors.items() if error is None])
        todo = _Todo([], [], [])
        for row in rows:
            task = Task(row["cloud"], row["name"], row["verb"], number=row.id)
            try:
                if error := errors[task.cloud]:
                    raise error
                if unknown := shown[task.cloud].hinders(row):
                    todo.left.append(task.outcome(Status.FAILED, error=unknown))
                else:
                    todo.tasks.append(self._task(task, row, shown[task.cloud]))
            except CloudmeshError as error:
                todo.lost.append((task, task.outcome(Status.FAILED, error=error)))
        return todo

    def _unusable(self, clouds: Iterable[str]) -> dict[str, CloudmeshError | None]:
        """For each cloud why it cannot be used any more, as when the configuration has lost it."""
        errors: dict[str, CloudmeshError | None] = {}
        for cloud in clouds:
            try:
                self._session.config.require_active(cloud)
                errors[cloud] = self._session.unresolved([cloud]).get(cloud)
            except CloudmeshError as error:
                errors[cloud] = error
        return errors

    def _shown(self, clouds: Sequence[str]) -> dict[str, _Shown]:
        """What the clouds show; what was known of one that does not answer.

        One listing of each for all, so that the tasks need not ask one by one.
        """
        shown: dict[str, _Shown] = {}
        for cloud, told in self._session.ask_all(clouds, Cloud.machines).items():
            error = told if isinstance(told, CloudmeshError) else None
            if error is not None and not isinstance(error, CLOUD_ERRORS):
                raise error
            known = self._session.inventory.known(cloud) if error is not None else ()
            machines = [each.machine for each in known] if isinstance(told, CloudmeshError) else told
            shown[cloud] = _Shown({each.cloud_id: each for each in machines}, error)
        return shown

    def _task(self, task: Task, row: Any, shown: _Shown) -> Task:
        begun = row["status"] != PENDING
        by_id = shown.machines
        if row["verb"] != BOOT:
            unknown = Machine(task.cloud, task.name, row["cloud_id"], State.UNKNOWN)
            machine = by_id.get(row["cloud_id"], unknown)
            return replace(
                task,
                machine=machine,
                argument=decode_argument(self._parts[task.cloud]),
                addresses=tuple(self._addresses.get((task.cloud, machine.cloud_id), ())),
                again=begun,
                target=_kept_target(row) if begun and machine.state.is_passing else None,
            )
        request = replace(self._request(task.cloud), name=task.name, token=row["token"])
        afterwards = self._session.cloud(task.cloud).wants_address(request)
        if afterwards:
            request = replace(request, public=False)
        booted = by_id.get(row["cloud_id"])
        # What the store lost with the power may still have been done.
        again = begun or task.name in shown.names
        return replace(task, request=request, address=afterwards, machine=booted, again=again)

    def _request(self, cloud: str) -> BootRequest:
        """What is booted on a cloud, read once. Raises as ``decode_request`` does."""
        if cloud not in self._requests:
            self._requests[cloud] = decode_request(self._parts[cloud])
        return self._requests[cloud]

    @cached_property
    def _addresses(self) -> dict[tuple[str, str], list[FloatingIP]]:
        """The addresses that go with machines which are to be deleted, read once."""
        return self._session.inventory.addresses(self._parts) if self._job["verb"] == "delete" else {}


def _kept_target(row: Any) -> State | None:
    """Where a machine was to be led back to, if that was written down."""
    return State(row["target"]) if row.get("target") else None


def _target(verb: str, machine: Machine) -> State:
    return State.ACTIVE if verb == BOOT else find_verb(verb).leads_to(machine.state)


def interrupted_jobs(database: Database) -> list[JobState]:
    """See ``Jobs.interrupted``; next to nothing is read where no job is open."""
    if not database.has(JOBS):
        return []
    from cloudmesh.db.conditions import in_

    states = [_state(database, job) for job in database.find(JOBS, status=in_([RUNNING, INTERRUPTED]))]
    return [each for each in states if each.status == INTERRUPTED]


def _find(database: Database, number: int) -> Any:
    found = database.find(JOBS, id=number) if database.has(JOBS) else []
    if not found:
        known = [str(job.id) for job in database.find(JOBS)] if database.has(JOBS) else []
        raise UnknownName("job", str(number), known[::-1])
    return found[0]


def _require_open(number: int, status: str) -> None:
    if status not in (RUNNING, INTERRUPTED):
        raise CloudmeshError(f"job {number} is {status} already; there is nothing to cancel")


def _status(database: Database, job: Any) -> str:
    """How a job stands: one whose process died without a word was interrupted."""
    status: str = job["status"]
    if status == RUNNING and not database.is_held(lock_name(job.id)):
        return INTERRUPTED
    return status


def _state(database: Database, job: Any) -> JobState:
    return JobState(
        number=job.id,
        verb=job["verb"],
        names=job["names"],
        clouds=job["clouds"],
        status=_status(database, job),
        machines=job["machines"],
        counts=database.tally(TASKS, "status", job=job.id),
        waits=bool(job["wait"]),
        began=job["began"],
        ended=job["ended"],
    )
