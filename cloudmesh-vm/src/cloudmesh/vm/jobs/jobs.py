"""``Jobs``, the interface to the jobs in the store: list, show, create, run, resume and cancel them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cloudmesh.cloud.fanout.query import QueryLimits
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.config import Config
from cloudmesh.db import Database, open_store
from cloudmesh.plugin.errors import CloudmeshError, StoreError, UnknownName, UsageError
from cloudmesh.vm.clouds.session import CloudSession
from cloudmesh.vm.jobs import claims, lease_rows, rows
from cloudmesh.vm.jobs.resume import JobResumer, is_waited_for
from cloudmesh.vm.jobs.store import JobStore, add_event, end_job, find_all
from cloudmesh.vm.model.limits import RunOptions
from cloudmesh.vm.model.outcome import Result, Status
from cloudmesh.vm.model.plan import Plan
from cloudmesh.vm.model.remote import REMOTE, Work

if TYPE_CHECKING:
    from cloudmesh.vm.ssh.spool import Spool


@dataclass(frozen=True)
class JobState:
    """The present state of a job.

    Attributes:
        number: identifies the job.
        verb, names, clouds: as the user gave them.
        status: pending (some process is to run it), running, done, failed, interrupted or cancelled.
        machines: the number of its machines.
        counts: how many of them by the status of their task.
        waits: whether it also waits until they are in the state that the verb leads to.
        began, ended: seconds since the epoch; ended is 0 as long as it has not.
        leases: those of which nobody knows whether they are in use, as ``cloud:name``.
        made_by: who asked a server for it; empty if it was made by the shell or a program.
        server: the server that runs it or is to run it; empty if none is.
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
    leases: Sequence[str] = ()
    made_by: str = ""
    server: str = ""

    @property
    def over(self) -> bool:
        """Whether it is at its end, or nobody goes on with it by itself."""
        return self.status not in (rows.PENDING, rows.RUNNING)

    @property
    def done(self) -> int:
        """How many machines have succeeded."""
        return sum(self.counts.get(each.value, 0) for each in (Status.DONE, Status.ALREADY))

    @property
    def failed(self) -> int:
        """How many have failed."""
        return self.counts.get(Status.FAILED.value, 0)

    @property
    def unfinished(self) -> int:
        """How many were not started, or have not ended yet."""
        return sum(self.counts.get(each, 0) for each in rows.UNFINISHED)


@dataclass(frozen=True)
class JobEvent:
    """One thing that happened to a job.

    Attributes:
        number: greater than that of any event before it, also of other jobs.
        task: the number of the task that it happened to; 0 for the job as a whole.
        kind: for a job created, started, waiting, closed, interrupted or cancelled; for a task begun,
            address, retried, done, already, failed or, after a wait, reached.
        time: seconds since the epoch.
    """

    number: int
    task: int
    kind: str
    time: float


class Jobs:
    """The jobs in the store of a configuration.

    Every method raises StoreError if the store cannot be used, and UnknownName for a number that no job has.
    """

    def __init__(self, config: Config | None = None) -> None:
        self._config = config or Config.load()

    def list(self, limit: int | None = None) -> list[JobState]:
        """All jobs, or the last ones, the newest first."""
        from cloudmesh.db.records.ordering import desc

        with open_store(self._config) as database:
            found = find_all(database, rows.JOBS, order=desc("id"), limit=limit)
            return [state_of(database, job) for job in found]

    def show(self, number: int) -> tuple[JobState, Sequence[dict[str, Any]]]:
        """One job, and the rows of its tasks in their order.

        A row has ``result`` beside its columns: its status, or ``interrupted`` or ``not started`` if nobody
        runs the job.
        """
        with open_store(self._config) as database:
            state = state_of(database, find_job(database, number))
            tasks = find_all(database, rows.TASKS, job=number)
        return state, [rows.told(each, over=state.status != rows.RUNNING) for each in tasks]

    def work(self, number: int) -> Work | None:
        """What a job does inside its machines; None if it only calls clouds."""
        with open_store(self._config) as database:
            if find_job(database, number)["verb"] not in REMOTE:
                return None
            from cloudmesh.vm.jobs.remote import decode_work  # few jobs have any

            parts = find_all(database, rows.PARTS, job=number)
            return next((decode_work(each["what"]) for each in parts), None)

    def events(self, number: int, after: int = 0) -> Sequence[JobEvent]:
        """What happened to a job and its tasks, in order; only those with a number above ``after``."""
        from cloudmesh.db.records.conditions import gt

        with open_store(self._config) as database:
            find_job(database, number)
            found = find_all(database, rows.EVENTS, job=number, id=gt(after))
            return [JobEvent(row.id, row["task"], row["kind"], row["time"]) for row in found]

    def interrupted(self) -> Sequence[JobState]:
        """The jobs that no process runs any more though they are not at their end."""
        with open_store(self._config) as database:
            return [state for _, state in _open_jobs(database) if state.status == rows.INTERRUPTED]

    def create(self, plan: Plan) -> JobState:
        """Write a job that is pending: any thread or process may ``run`` it by its number.

        User data that were given as text are not stored: a machine that needs them fails then.

        Raises:
            UsageError: the plan has nothing to do.
        """
        if not plan.tasks:
            raise UsageError("nothing to do: no job was created")
        with Inventory(open_store(self._config)) as inventory:
            store = JobStore.create(inventory, plan, pending=True)
            try:
                return state_of(inventory.database, find_job(inventory.database, store.number))
            finally:
                store.release()

    def cancel(self, number: int) -> JobState:
        """End a job: if it is running it starts no more calls; if it was interrupted its rest is given up.

        Raises:
            CloudmeshError: the job is over already.
        """
        with open_store(self._config) as database:
            _require_open(number, state_of(database, find_job(database, number)).status)
            withdrawn = False
            hold = database.hold(rows.lock_name(number))
            with hold or nullcontext(), database.atomic():
                claim = claims.live_claim(database, number)
                if hold is None or (claim and claim["running"]):
                    database.update(rows.JOBS, {"cancel": 1}, id=number)
                else:
                    # Nobody can go on with it meanwhile, but it may have come to its end until now.
                    withdrawn = claim is not None and find_job(database, number)["status"] in rows.OVER
                    if not withdrawn:
                        _require_open(number, find_job(database, number)["status"], claim is not None)
                        ended = {"status": rows.CANCELLED, "ended": time.time()}
                        database.update(rows.JOBS, ended, id=number)
                        add_event(database, number, rows.CANCELLED)
                    claims.drop(database, number)
            state = state_of(database, find_job(database, number))
        if not withdrawn and state.status != rows.CANCELLED:
            _require_open(number, state.status)
        return state

    def run(self, number: int, *, timeout: float | None = None, options: RunOptions | None = None) -> Result:
        """Run a pending job to its end, in this thread, or go on with an interrupted one; see ``resume``.

        Raises:
            CloudmeshError: it was cancelled, so that nobody wants it any more; or a process is running it.
        """
        return self._run(number, False, timeout, options, cancelled=False)

    def resume(
        self,
        number: int,
        *,
        failed: bool = False,
        timeout: float | None = None,
        options: RunOptions | None = None,
        stdin: Callable[[], Spool | None] = lambda: None,
    ) -> Result:
        """Run the rest of a job that is pending, or was interrupted or cancelled.

        A machine that a call may have reached before is looked up first: none is booted twice. What cannot
        be done since its cloud does not answer, or cannot be opened as it is configured, is left for another
        time.

        Args:
            number: of the job.
            failed: whether to retry what has failed.
            timeout: seconds for all of it together, looking included; see ``Machines.act``.
            options: how it is run.
            stdin: gives what is piped to commands in machines; asked only for a job whose commands read it.

        Returns:
            The outcomes of what was left; empty if nothing was.

        Raises:
            CloudmeshError: a process is running the job.
            UsageError: ``timeout`` is not a number of seconds above 0.
        """
        return self._run(number, failed, timeout, options, cancelled=True, stdin=stdin)

    def _run(
        self,
        number: int,
        failed: bool,
        timeout: float | None,
        given: RunOptions | None,
        *,
        cancelled: bool,
        stdin: Callable[[], Spool | None] = lambda: None,
    ) -> Result:
        options = given or RunOptions()
        limits = QueryLimits(options.call_timeout, options.watch)
        with CloudSession(config=self._config, limits=limits) as session:
            job = find_job(session.inventory.database, number)
            resumer = JobResumer(session, job)
            return resumer.run(failed, timeout, options, cancelled=cancelled, stdin=stdin)


def jobs_to_tell(database: Database) -> list[JobState]:
    """The jobs of which a user is to be told that nobody runs them; next to nothing is read if none is open.

    One that only waits for machines, or that was created by a process which is gone, is told of once.
    """
    told: list[JobState] = []
    once: list[int] = []
    for job, state in _open_jobs(database):
        if state.status == rows.INTERRUPTED and (state.unfinished or state.leases):
            told.append(state)
        elif not (job.get("told") or state.server or (state.status == rows.PENDING and rows.is_alive(job))):
            told.append(state)
            once.append(state.number)
    # If that cannot be written, they are told of again.
    with suppress(StoreError):
        for number in once:
            database.update(rows.JOBS, {"told": True}, id=number)
    return told


def _open_jobs(database: Database) -> list[tuple[Any, JobState]]:
    """The rows and states of the jobs that nobody runs and that are not at their end."""
    from cloudmesh.db.records.conditions import in_

    found = find_all(database, rows.JOBS, status=in_([rows.PENDING, rows.RUNNING, rows.INTERRUPTED]))
    states = [(job, state_of(database, job)) for job in found]
    return [each for each in states if each[1].status in (rows.PENDING, rows.INTERRUPTED)]


def find_job(database: Database, number: int) -> Any:
    """The row of a job. Raises UnknownName."""
    found = find_all(database, rows.JOBS, id=number)
    if not found:
        known = [str(job.id) for job in find_all(database, rows.JOBS)]
        raise UnknownName("job", str(number), known[::-1])
    return found[0]


def _require_open(number: int, status: str, claimed: bool = False) -> None:
    """Raise CloudmeshError if a job is at its end, and no server is to go on with it."""
    if not claimed and status not in (rows.PENDING, rows.RUNNING, rows.INTERRUPTED):
        raise CloudmeshError(f"job {number} is already {status}; nothing to cancel")


def state_of(database: Database, job: Any) -> JobState:
    """A job as its row and those of its tasks tell; one whose process died without a word was interrupted.

    One that was interrupted and has nothing left to do, or to wait for, is at its end.
    """
    job, status, server = _standing(database, job)
    same = {name: job[name] for name in ("verb", "names", "clouds", "machines", "began", "ended")}
    counts = database.tally(rows.TASKS, "status", job=job.id)
    open_ones = lease_rows.open_leases(database, job.id) if status not in rows.OVER else []
    unfinished = open_ones or any(counts.get(each) for each in rows.UNFINISHED)
    if status == rows.INTERRUPTED and not unfinished and not is_waited_for(database, job):
        status = end_job(database, job.id, counts)
    return JobState(
        number=job.id,
        status=status,
        counts=counts,
        waits=bool(job["wait"]),
        leases=[f"{each.cloud}:{each.name}" for each in open_ones],
        made_by=job.get("made_by") or "",
        server=server,
        **same,
    )


def _standing(database: Database, job: Any) -> tuple[Any, str, str]:
    """The row of a job, its status as far as it depends on who is alive, and the server that is to run it."""
    claim = claims.claim_of(database, job.id)
    if claim is not None and claims.is_alive(database, claim["server"]):
        return job, rows.RUNNING if claim["running"] else rows.PENDING, claim["server"]
    if database.is_held(rows.lock_name(job.id)):
        return job, job["status"], ""
    if claim is not None and (heir := claims.some_server(database)):
        # It takes the job over in a moment.
        return job, rows.PENDING, heir
    if job["status"] == rows.RUNNING:
        # Whoever ran it may have written its end since the row was read.
        job = find_job(database, job.id)
    return job, rows.INTERRUPTED if job["status"] == rows.RUNNING else job["status"], ""
