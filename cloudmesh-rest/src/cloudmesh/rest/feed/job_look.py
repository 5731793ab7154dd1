"""Finds out what has happened to the jobs of the store since it looked the last time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from cloudmesh.cloud.store.machine_rows import time_text
from cloudmesh.db import Database, Record, desc, gt, in_
from cloudmesh.plugin.secrets import mask_text
from cloudmesh.rest.feed.events import (
    JOB,
    TASK,
    EventCounts,
    EventError,
    JobEvent,
    TaskEvent,
    Told,
    text_of,
)
from cloudmesh.vm.jobs import rows
from cloudmesh.vm.jobs.claims import is_run
from cloudmesh.vm.jobs.jobs import JobState, state_of
from cloudmesh.vm.jobs.store import find_all

# So many rows are read at once.
_PAGE = 500
# Nothing has happened; this is how a job stands.
NOW = "now"


class JobLook:
    """Which events of jobs were told.

    Every row of the table of events, see decision 27, becomes one event. Their numbers grow in the order in
    which they become visible, since nobody else writes meanwhile.

    Attributes:
        last: the number of the last row that was told.
    """

    def __init__(self) -> None:
        self.last = 0
        # The jobs that some process runs, as far as is known.
        self._running: set[int] = set()

    def begin(self, database: Database) -> None:
        """Take all that has happened as told; raises StoreError."""
        self.last = newest(database)
        self._running = {job.id for job in find_all(database, rows.JOBS, status=rows.RUNNING)}

    def look(self, database: Database) -> list[Told]:
        """An event for each that has happened, in order; raises StoreError."""
        new = find_all(database, rows.EVENTS, id=gt(self.last))
        if not new:
            return []
        jobs = {row.id: row for row in _rows(database, rows.JOBS, [each["job"] for each in new])}
        states = {number: state_of(database, job) for number, job in jobs.items()}
        tasks = {
            row.id: row for row in _rows(database, rows.TASKS, [each["task"] for each in new if each["task"]])
        }
        told = []
        for each in new:
            number, when = each["job"], float(each["time"])
            # A job that was forgotten meanwhile took its events with it.
            if number not in jobs:
                continue
            state, made_by = states[number], _made_by(jobs[number])
            if not each["task"]:
                told.append(job_told(state, each["kind"], when, made_by))
            elif each["task"] in tasks:
                told.append(_task_told(state, tasks[each["task"]], each["kind"], when))
        self._running |= {number for number, state in states.items() if state.status == rows.RUNNING}
        self.last = new[-1].id
        return told

    def look_for_dead(self, database: Database, now: float) -> list[Told]:
        """An event for each job whose process was killed, of which nothing is written; raises StoreError."""
        dead = [each for each in self._running if not is_run(database, each)]
        if not dead:
            return []
        self._running.difference_update(dead)
        told = []
        for job in _rows(database, rows.JOBS, dead):
            # What ended as it should has written so, and ``look`` tells it.
            if job["status"] == rows.RUNNING:
                state = state_of(database, job)
                if state.status == rows.INTERRUPTED:
                    told.append(job_told(state, rows.INTERRUPTED, now, _made_by(job)))
        return told


def newest(database: Database) -> int:
    """The number of the last row of the events of jobs; raises StoreError."""
    found = find_all(database, rows.EVENTS, order=desc("id"), limit=1)
    return found[0].id if found else 0


def job_now(database: Database, number: int, now: float) -> Told | None:
    """How a job stands, as an event; None if there is no such job. Raises StoreError."""
    found = find_all(database, rows.JOBS, id=number)
    return job_told(state_of(database, found[0]), NOW, now, _made_by(found[0])) if found else None


def job_told(state: JobState, kind: str, when: float, made_by: str) -> Told:
    """The event of a job as a whole."""
    event = JobEvent(
        id=state.number,
        kind=kind,
        time=time_text(when),
        verb=state.verb,
        names=state.names,
        clouds=list(state.clouds),
        status=state.status,
        machines=state.machines,
        counts=EventCounts(**state.counts),
        waits=state.waits,
        began=time_text(state.began),
        ended=time_text(state.ended) or None,
        made_by=made_by,
    )
    clouds = tuple(state.clouds)
    ends = kind in (rows.CLOSED, rows.CANCELLED) or (kind == NOW and is_over(state.status))
    return Told(JOB, clouds, text_of(event), state.number, clouds, ends)


def is_over(status: str) -> bool:
    """Whether nobody goes on with a job of this status by itself."""
    return status in (*rows.OVER, rows.CANCELLED)


def _task_told(state: JobState, task: Record, kind: str, when: float) -> Told:
    """The event of one machine of a job."""
    event = TaskEvent(
        job=state.number,
        task=task.id,
        kind=kind,
        time=time_text(when),
        verb=task["verb"],
        cloud=task["cloud"],
        name=task["name"],
        id=task["cloud_id"],
        status=task["status"],
        seconds=float(task["seconds"] or 0),
        error=_error(task),
        counts=EventCounts(**state.counts),
    )
    return Told(TASK, (task["cloud"],), text_of(event), state.number, tuple(state.clouds))


def _error(task: Mapping[str, Any]) -> EventError | None:
    """Why a task failed; None if it did not."""
    if task.get("failure"):
        record = json.loads(task["failure"])
    elif (error := rows.stored_error(task)) is not None:
        record = error.to_record()
    else:
        return None
    return EventError(
        kind=record["kind"],
        message=mask_text(record["message"]),
        outcome_unknown=bool(record.get("outcome_unknown")),
    )


def _made_by(job: Mapping[str, Any]) -> str:
    """Whose token a job was made with; rows of the shell and of earlier versions do not tell."""
    return str(job.get("made_by") or "")


def _rows(database: Database, table: str, ids: Iterable[int]) -> Iterator[Any]:
    """The rows with these ids, page by page."""
    rest = iter(dict.fromkeys(ids))
    while page := list(islice(rest, _PAGE)):
        yield from _found(database, table, page)


def _found(database: Database, table: str, ids: Sequence[int]) -> Sequence[Any]:
    return find_all(database, table, id=in_(ids))
