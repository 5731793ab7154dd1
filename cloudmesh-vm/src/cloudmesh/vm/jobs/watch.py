"""Looks again and again at the jobs of a store, for a program that tells which of them have ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cloudmesh.db import Database
from cloudmesh.plugin.plain import harmless
from cloudmesh.vm.jobs import rows
from cloudmesh.vm.jobs.claims import is_run
from cloudmesh.vm.jobs.jobs import JobState, state_of
from cloudmesh.vm.jobs.store import find_all

# The longest text of a verb and its names.
_WIDEST = 60


class Look(NamedTuple):
    """What one look at the jobs has found.

    Attributes:
        running: how many jobs are run by some process now.
        ended: those that have come to an end since the last look, in that order.
    """

    running: int
    ended: Sequence[JobState]


class JobWatch:
    """Finds out which jobs have ended since it looked the last time.

    A look reads the new events and the jobs that are open: it costs next to nothing while no job runs.
    """

    def __init__(self, after: int | None = None) -> None:
        """``after``: the number of the last event that is known; without it all that there are at first."""
        self._last = after
        self._running: set[int] = set()
        self._told: set[int] = set()

    def look(self, database: Database, *, own: bool = True) -> Look:
        """The jobs that run, and those that have ended since the last look.

        Args:
            database: the store.
            own: whether jobs that this process ran are among the ended ones.

        Raises StoreError if the store cannot be read; the next look then tells what this one did not.
        """
        from cloudmesh.db.records.conditions import gt, in_

        first, last = self._last is None, self._last or 0
        if first:
            last = _last_event(database)
        ended: list[int] = []
        events = [] if first else find_all(database, rows.EVENTS, task=0, id=gt(last))
        for event in events:
            last = max(last, event.id)
            if event["kind"] == rows.STARTED:
                self._told.discard(event["job"])
            elif event["kind"] in (rows.CLOSED, rows.INTERRUPTED, rows.CANCELLED):
                ended.append(event["job"])
        open_jobs = {job.id for job in find_all(database, rows.JOBS, status=rows.RUNNING)}
        running = {number for number in open_jobs if is_run(database, number)}
        # Of a process that was killed there is no event.
        ended += sorted((self._running & open_jobs) - running)
        new = [number for number in dict.fromkeys(ended) if number not in running | self._told]
        jobs = {job.id: job for job in find_all(database, rows.JOBS, id=in_(new))} if new else {}
        told = [jobs[number] for number in new if number in jobs and (own or not _is_own(jobs[number]))]
        states = [state_of(database, job) for job in told]
        self._last, self._running = last, running
        # To look may itself write that an interrupted job was done.
        self._told.update(new)
        return Look(len(running), states)


def sentence(job: JobState) -> str:
    """How a job has ended, in one sentence that begins with its number."""
    what = harmless(f"{job.verb} {job.names}")
    if len(what) > _WIDEST:
        what = what[: _WIDEST - 3] + "..."
    label = f"job {job.number}"
    if job.status == rows.INTERRUPTED:
        done = f"{job.done} of {job.machines} done"
        told = f"{label} was interrupted: {done}; continue with job resume {job.number}"
    elif job.status == rows.CANCELLED:
        told = f"{label} was cancelled: {job.done} of {job.machines} done"
    elif job.failed:
        told = f"{label}: {job.failed} of {job.machines} failed"
    else:
        told = f"{label} done"
    return f"{told} ({what})"


def _last_event(database: Database) -> int:
    """The number of the last event that there is; 0 if there is none."""
    from cloudmesh.db.records.ordering import desc

    return max((event.id for event in find_all(database, rows.EVENTS, order=desc("id"), limit=1)), default=0)


def _is_own(job: Mapping[str, Any]) -> bool:
    """Whether this process ran the job last."""
    return all(job[name] == value for name, value in rows.owner().items())
