"""A word on jobs that are not at their end and that nobody runs any more, for the next command that comes.

It stands apart from ``cloudmesh.vm.jobs.jobs``, which is loaded only if there may be such a job.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudmesh.db import open_store
from cloudmesh.plugin.errors import StoreError

if TYPE_CHECKING:
    from cloudmesh.config import Config
    from cloudmesh.db import Database
    from cloudmesh.vm.jobs.jobs import JobState

_JOBS = "job"
_OPEN = ("pending", "running", "interrupted")
_SHOWN = 3


def interrupted_notes(database: Database) -> list[str]:
    """A sentence for each of the last jobs that nobody runs, see ``jobs_to_tell``. Raises StoreError."""
    # Not by count, which needs more of the store than a listing has loaded.
    if not database.has(_JOBS) or not any(database.find(_JOBS, status=status) for status in _OPEN):
        return []
    from cloudmesh.vm.jobs.jobs import jobs_to_tell

    jobs = sorted(jobs_to_tell(database), key=lambda job: job.number)
    notes = [describe(job) for job in jobs[-_SHOWN:]]
    if len(jobs) > _SHOWN:
        older = len(jobs) - _SHOWN
        told = "1 older job was" if older == 1 else f"{older} older jobs were"
        notes.insert(0, f"note: {told} also interrupted; see cms job list")
    return notes


def notes_from_store(config: Config) -> list[str]:
    """The same, for a command that is over: it stays done, even if they cannot be read, which is told."""
    try:
        with open_store(config) as database:
            return interrupted_notes(database)
    except StoreError as error:
        return [f"note: interrupted jobs cannot be listed: {error}"]


def describe(job: JobState) -> str:
    """What is left of a job, and how to go on."""
    if job.status == "pending":
        return (
            f"note: job {job.number} was created but not run; run it with cms job resume {job.number}, "
            f"or cancel it with cms job cancel {job.number}"
        )
    done = f"{job.done} of {job.machines} done"
    if job.leases and not job.unfinished:
        return (
            f"note: job {job.number} has not deleted its lease {', '.join(job.leases)}, which may go on "
            f"costing: cms job resume {job.number}"
        )
    if job.waits and not job.unfinished:
        return (
            f"note: job {job.number} stopped waiting for its machines; "
            f"cms job resume {job.number} continues to wait"
        )
    return f"note: job {job.number} was interrupted: {done}; continue with cms job resume {job.number}"
