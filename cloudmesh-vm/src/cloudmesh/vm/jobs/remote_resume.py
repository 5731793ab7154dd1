"""Resumes a job that goes into machines: a command that may have run is never run again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cloudmesh.cloud.fanout.query import Deadline
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.plugin.errors import CloudmeshError, UsageError
from cloudmesh.vm.clouds.session import CloudSession
from cloudmesh.vm.jobs.remote import RemoteOptions, RemoteRunner, decode_work, refreshed
from cloudmesh.vm.jobs.rows import PENDING, UNFINISHED, may_be_done, stored_error
from cloudmesh.vm.jobs.store import JobStore
from cloudmesh.vm.model.limits import RunOptions
from cloudmesh.vm.model.outcome import Outcome, Result, Status
from cloudmesh.vm.model.plan import Task
from cloudmesh.vm.model.remote import Work
from cloudmesh.vm.ssh.errors import CommandFailed
from cloudmesh.vm.ssh.spool import Spool


class NotRepeated(CloudmeshError):
    """A command that was, or may have been, carried out before is not run again."""


def resume_remote(
    session: CloudSession,
    job: Any,
    parts: Mapping[str, str],
    rows: Callable[[], Sequence[Any]],
    options: RunOptions,
    deadline: Deadline,
    cancelled: bool,
    stdin: Callable[[], Spool | None],
) -> Result:
    """Do what is left of a job: what did not begin, and what is known not to have reached its machine.

    Files are copied again whatever happened before, since that does no harm.

    Args:
        parts: what is done, as the store has it.
        rows: gives those of the tasks that may be left.
        cancelled: whether also a job is gone on with that was cancelled.
        stdin: gives what is piped in now; asked only if the commands read what was piped in.

    Raises:
        CloudmeshError: a process is running the job.
        UsageError: nothing is piped in, though the commands read it.
    """
    work = next(map(decode_work, parts.values()), Work(job["verb"]))
    spool = stdin() if work.stdin else None
    if work.stdin and spool is None:
        raise UsageError(
            f"job {job.id} reads what is piped in, which is not stored; pipe it in again: "
            f"cms job resume {job.id} < FILE"
        )
    try:
        store = JobStore.take_over(session.inventory, job.id, cancelled=cancelled)
        try:
            with session.within(deadline):
                tasks, failed = _remainder(session, work, rows())
            store.write_remainder(failed)
        except BaseException:
            store.close(over=False)
            raise
        remote = RemoteOptions(stdin=spool)
        with RemoteRunner(session, options, work=work, remote=remote) as runner:
            result = runner.finish(store, job["verb"], tasks, False, deadline)
        return result.with_outcomes([*result, *(outcome for _, outcome in failed)])
    finally:
        if spool is not None:
            spool.close()


def _remainder(
    session: CloudSession, work: Work, rows: Sequence[Any]
) -> tuple[list[Task], list[tuple[Task, Outcome]]]:
    """What is to be done, and what is not done again."""
    tasks: list[Task] = []
    failed: list[tuple[Task, Outcome]] = []
    for row in rows:
        unknown = MachineRecord(row["cloud"], row["name"], row["cloud_id"], State.UNKNOWN)
        known = session.inventory.find(unknown) if row["cloud_id"] else None
        task = Task(row["cloud"], row["name"], row["verb"], known.machine if known else None, number=row.id)
        if error := _reason_not_to(work, row, task.machine):
            failed.append((task, task.outcome(Status.FAILED, error=error)))
        else:
            tasks.append(task)
    now = refreshed(session, [each.machine for each in tasks if each.machine])
    places = {(each.cloud, each.cloud_id): each for each in now}
    return [
        Task(task.cloud, task.name, task.verb, places[task.cloud, task.machine.cloud_id], number=task.number)
        for task in tasks
        if task.machine
    ], failed


def _reason_not_to(work: Work, row: Any, machine: MachineRecord | None) -> CloudmeshError | None:
    """Why a task is not done again; None if it is."""
    if machine is None:
        before = stored_error(row) if row["status"] not in UNFINISHED else None
        return before or CloudmeshError(f"{row['name']} is not known any more")
    if work.repeatable or row["status"] == PENDING:
        return None
    before = stored_error(row)
    if isinstance(before, NotRepeated):
        return before
    if isinstance(before, CommandFailed):
        # It came to its end and said no: what it says to a second run is for its user to decide.
        return NotRepeated(f"it ran and ended with {before}; use a new cms vm run to repeat it")
    if may_be_done(row):
        error = NotRepeated("it may have been carried out before; use a new cms vm run to repeat it")
        error.outcome_unknown = True
        return error
    return None
