"""Going on with a job that was interrupted: what is left of it, and what its clouds show of that now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.cloud.errors import CloudError, CloudTimeout
from cloudmesh.cloud.fanout.limits import Deadline
from cloudmesh.cloud.model.networks import FloatingIP
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.model.verbs import find_verb
from cloudmesh.cloud.provider.boot import BootRequest
from cloudmesh.plugin.errors import CloudmeshError, ConfigError
from cloudmesh.vm.clouds.session import CloudSession
from cloudmesh.vm.jobs.conflicts import claimed
from cloudmesh.vm.jobs.encoding import decode_argument, decode_request
from cloudmesh.vm.jobs.plan_boot import name_taken
from cloudmesh.vm.jobs.runner import JobRunner, RunOptions
from cloudmesh.vm.jobs.store import (
    OVER,
    PARTS,
    PENDING,
    RUNNING,
    TASKS,
    UNFINISHED,
    JobStore,
    may_be_done,
    was_planned,
)
from cloudmesh.vm.model.call import BOOT
from cloudmesh.vm.model.outcome import Outcome, Result, Status
from cloudmesh.vm.model.task import Task
from cloudmesh.vm.scheduler.queue import perhaps_done

_UNPLANNED = "it could not be planned when the job began"


@dataclass(frozen=True)
class _Todo:
    """What is left of a job.

    Attributes:
        tasks: what is to be done.
        lost: what cannot be done for want of something that is not kept; it has failed.
        left: what cannot be done now, since its cloud does not answer or the configuration does not open it,
            as without a password; it stays as it is.
    """

    tasks: list[Task]
    lost: list[tuple[Task, Outcome]]
    left: list[Outcome]


@dataclass(frozen=True)
class _Shown:
    """What a cloud showed when it was asked, or what was known before, and why it showed nothing.

    Attributes:
        foreign: the lines whose machines cannot be booted, since others have their names.
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

    def hinders(self, row: Any) -> CloudmeshError | None:
        """Why a task cannot be done now; else its own calls tell more of a cloud in trouble."""
        never_asked = row["verb"] == BOOT and row["status"] == PENDING
        # Whether the name is free is then not known; and what hangs would only hold the others back.
        return self.error if never_asked or isinstance(self.error, CloudTimeout) else None


@dataclass(frozen=True)
class _Wanted:
    """A machine that is to be booted.

    Attributes:
        line: the number of its line in the store.
        cloud_id: of the machine that was made for it before, if it is known.
    """

    line: int
    cloud_id: str
    request: BootRequest


def _look(wanted: Mapping[str, Sequence[_Wanted]], cloud: Cloud) -> _Shown:
    """List a cloud, and see whose the machines are that have the names of new ones."""
    shown = _Shown(cloud.machines())
    namesakes = [
        each
        for each in wanted[cloud.name]
        if each.request.name in shown.names and each.cloud_id not in shown.by_id
    ]
    foreign = (each.line for each in namesakes if not cloud.was_booted(each.request))
    return replace(shown, foreign=frozenset(foreign))


class JobResumer:
    """One job that is gone on with."""

    def __init__(self, session: CloudSession, job: Any) -> None:
        """``job``: its line in the store."""
        self._session = session
        self._database = session.inventory.database
        self._job = job
        parts = self._database.find(PARTS, job=job.id) if self._database.has(PARTS) else []
        self._parts: dict[str, str] = {each["cloud"]: each["what"] for each in parts}
        self._requests: dict[str, BootRequest] = {}

    def run(self, failed: bool, timeout: float | None, effort: RunOptions) -> Result:
        """See ``Jobs.resume``."""
        job, deadline = self._job, Deadline.after(timeout)
        over = job["status"] in OVER
        if over and not failed:
            return Result([], job.id)
        journal = JobStore.take_over(self._session.inventory, job.id)
        try:
            with self._session.within(deadline):
                todo = self._todo(self._rows([*UNFINISHED, *(["failed"] if failed else [])]))
            # What has come to its end is not waited for again: much may have happened to it since.
            reached = self._tasks_to_wait_for() if job["wait"] and not over else []
            # The lines of what is left stay as they are: open ones keep the job open, failed ones failed.
            journal.write_ends(todo.lost)
        except BaseException:
            journal.close(over=False)
            raise
        with JobRunner(self._session, effort) as work:
            result = work.finish(journal, job["verb"], todo.tasks, job["wait"], deadline, reached)
        return Result([*result, *(outcome for _, outcome in todo.lost), *todo.left], job.id, result.stopped)

    def _rows(self, statuses: Sequence[str]) -> list[Any]:
        from cloudmesh.db.records.conditions import in_

        return self._database.find(TASKS, job=self._job.id, status=in_(list(statuses)))

    def _tasks_to_wait_for(self) -> list[tuple[Task, Outcome]]:
        """What was done before, where the job also waits: the machines may not be there yet."""
        found: list[tuple[Task, Outcome]] = []
        for row in self._rows([Status.DONE.value, Status.ALREADY.value]):
            known = MachineRecord(row["cloud"], row["name"], row["cloud_id"], State.UNKNOWN)
            seen = self._session.inventory.find(known)
            machine = seen.machine if seen else known
            task = Task(row["cloud"], row["name"], row["verb"], machine, number=row.id)
            target = _kept_target(row) or _target(row["verb"], machine)
            found.append((task, task.outcome(Status(row["status"]), target=target)))
        return found

    def _todo(self, rows: Sequence[Any]) -> _Todo:
        """What is to be done, and what cannot be."""
        places = self._places([row for row in rows if was_planned(row)])
        claims = self._claims(rows, places)
        todo = _Todo([], [], [])
        for row in rows:
            task = Task(row["cloud"], row["name"], row["verb"], number=row.id)
            try:
                if not was_planned(row):
                    raise _unplanned(row)
                place = places[task.cloud]
                if isinstance(place, CloudmeshError):
                    raise place
                if taken := claims.get(row.id):
                    raise taken
                if unknown := place.hinders(row):
                    todo.left.append(task.outcome(Status.FAILED, error=unknown))
                else:
                    todo.tasks.append(self._task(task, row, place))
            except CloudmeshError as error:
                told = perhaps_done(error) if may_be_done(row) else error
                outcome = task.outcome(Status.FAILED, error=told)
                if isinstance(error, ConfigError):
                    # The next shell may have the password, or the right one.
                    todo.left.append(outcome)
                else:
                    todo.lost.append((task, outcome))
        return replace(todo, tasks=self._seated(todo.tasks, rows))

    def _claims(
        self, rows: Sequence[Any], places: Mapping[str, _Shown | CloudmeshError]
    ) -> dict[int, CloudmeshError]:
        """Lines whose machines somebody else has begun to boot by hand, who came before this job was held."""
        free: dict[tuple[str, str], int] = {}
        for row in rows:
            shown = places.get(row["cloud"])
            # One that has an id, or whose name is shown, is known to be the job's own or not.
            if row["verb"] != BOOT or row["cloud_id"] or not isinstance(shown, _Shown) or shown.error:
                continue
            if row["name"] not in shown.names:
                free[row["cloud"], row["name"]] = row.id
        found = claimed(self._session.inventory, free, self._job.id)
        return {free[place]: error for place, error in found.items()}

    def _seated(self, tasks: Sequence[Task], rows: Sequence[Any]) -> list[Task]:
        """The tasks with the calls that may have booted several of them together.

        Such a call must be the very same when it is made again: for the same machines in the same order. So
        what of it has come to an end otherwise leaves none of it.
        """
        begun = [row for row in rows if row["status"] == RUNNING and row.get("call")]
        seats = {row.id: (row["call"], row["seat"]) for row in begun}
        left = Counter(seats[task.number][0] for task in tasks if task.number in seats)
        whole = {
            call for call in left if self._database.count(TASKS, job=self._job.id, call=call) == left[call]
        }
        seated = [
            replace(task, seat=seat) if (seat := seats.get(task.number)) and seat[0] in whole else task
            for task in tasks
        ]
        return sorted(seated, key=lambda task: task.seat or (task.number, 0))

    def _places(self, rows: Sequence[Any]) -> dict[str, _Shown | CloudmeshError]:
        """What each cloud shows, or why it cannot be used, as when the configuration has lost it.

        One listing of each for all, so that the tasks need not ask one by one.
        """
        places: dict[str, _Shown | CloudmeshError] = {}
        wanted: dict[str, list[_Wanted]] = {}
        for cloud in dict.fromkeys(row["cloud"] for row in rows):
            try:
                self._session.config.require_active(cloud)
                wanted[cloud] = self._boots([row for row in rows if row["cloud"] == cloud])
            except CloudmeshError as error:
                places[cloud] = error
        for cloud, told in self._session.ask_all([*wanted], partial(_look, wanted)).items():
            places[cloud] = self._known(cloud, told) if isinstance(told, CloudError) else told
        return places

    def _known(self, cloud: str, error: CloudError) -> _Shown:
        """What was known of a cloud that does not answer."""
        return _Shown([each.machine for each in self._session.inventory.known(cloud)], error=error)

    def _boots(self, rows: Sequence[Any]) -> list[_Wanted]:
        """What the lines of one cloud boot."""
        boots = [row for row in rows if row["verb"] == BOOT]
        try:
            return [_Wanted(row.id, row["cloud_id"], self._boot_request(row)) for row in boots]
        except CloudmeshError:
            # The tasks tell why.
            return []

    def _task(self, task: Task, row: Any, shown: _Shown) -> Task:
        begun = row["status"] != PENDING
        by_id = shown.by_id
        if row["verb"] != BOOT:
            unknown = MachineRecord(task.cloud, task.name, row["cloud_id"], State.UNKNOWN)
            machine = by_id.get(row["cloud_id"], unknown)
            return replace(
                task,
                machine=machine,
                argument=decode_argument(self._parts[task.cloud]),
                addresses=tuple(self._addresses.get((task.cloud, machine.cloud_id), ())),
                # Where it does no harm to look first, it is looked: a verb may be several calls of its cloud.
                maybe_done=may_be_done(row) or bool(row["began"] and find_verb(task.verb).repeatable),
                target=_kept_target(row) if begun and machine.state.is_passing else None,
            )
        request = self._boot_request(row)
        if row.id in shown.foreign:
            raise name_taken(task.cloud, task.name)
        afterwards = self._session.declared(task.cloud).wants_address(request)
        if afterwards:
            request = replace(request, public=False)
        booted = by_id.get(row["cloud_id"])
        # What the store lost with the power may still have been done; to look does no harm.
        maybe_done = begun or task.name in shown.names
        return replace(task, request=request, address=afterwards, machine=booted, maybe_done=maybe_done)

    def _boot_request(self, row: Any) -> BootRequest:
        """What a line boots; what is common to a cloud is read once. Raises as ``decode_request`` does."""
        cloud = row["cloud"]
        if cloud not in self._requests:
            self._requests[cloud] = decode_request(self._parts[cloud])
        return replace(self._requests[cloud], name=row["name"], token=row["token"])

    @cached_property
    def _addresses(self) -> dict[tuple[str, str], list[FloatingIP]]:
        """The addresses that go with machines which are to be deleted, read once."""
        return self._session.inventory.addresses(self._parts) if self._job["verb"] == "delete" else {}


def _unplanned(row: Any) -> CloudmeshError:
    """Why a task is not done that failed before it was known what to do to which machine."""
    why: str = row["error"]
    if why.startswith(_UNPLANNED):
        return CloudmeshError(why)
    return CloudmeshError(f"{_UNPLANNED} ({why}); ask for it anew by cms vm")


def _kept_target(row: Any) -> State | None:
    """Where a machine was to be led back to, if that was written down."""
    return State(row["target"]) if row.get("target") else None


def _target(verb: str, machine: MachineRecord) -> State:
    return State.ACTIVE if verb == BOOT else find_verb(verb).leads_to(machine.state)
